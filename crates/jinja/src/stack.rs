//! Room on the stack for recursion, whatever thread a template is rendered on.

const RED_ZONE: usize = 192 * 1024;
const SEGMENT: usize = 2 * 1024 * 1024;

/// Runs `body` with at least the red zone of stack left.
pub(crate) fn grow<T>(body: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(RED_ZONE, SEGMENT, body)
}
