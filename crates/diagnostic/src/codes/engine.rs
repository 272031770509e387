//! `E`: running SQL: execution, memory, unsupported operations.

codes! {
}
