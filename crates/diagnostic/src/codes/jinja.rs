//! `J`: templates: syntax and evaluation.

codes! {
}
