//! `S`: SQL: syntax, names, unsupported constructs.

codes! {
}
