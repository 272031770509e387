//! `L`: the lake: contracts, rules, tables.

codes! {
}
