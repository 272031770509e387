//! `X`: defects in Sluice itself.

codes! {
    X0001, Internal, "Something happened that cannot happen";
}
