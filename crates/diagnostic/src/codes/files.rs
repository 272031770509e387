//! `F`: files: finding, decoding and reading them.

codes! {
}
