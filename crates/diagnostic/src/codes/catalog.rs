//! `K`: the catalog: names, versions, publishing.

codes! {
}
