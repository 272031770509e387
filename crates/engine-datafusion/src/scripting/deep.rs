//! [`deep`]: futures that run each other without end of the stack. Steps of blocks run blocks and
//! procedures, whose steps do so again, and planning any statement needs much of a thread's stack.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What must be left of the stack for a step: twice what planning a statement takes without optimisation.
const RED_ZONE: usize = 3 << 20;

/// How much the stack grows by.
const SEGMENT: usize = 8 << 20;

/// A future that has a stack of its own where little is left of the thread's.
pub(super) struct Deep<'a, T>(Pin<Box<dyn Future<Output = T> + Send + 'a>>);

/// `future`, on the heap and with enough stack.
pub(super) fn deep<'a, T>(future: impl Future<Output = T> + Send + 'a) -> Deep<'a, T> {
    Deep(Box::pin(future))
}

impl<T> Future for Deep<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        stacker::maybe_grow(RED_ZONE, SEGMENT, || self.0.as_mut().poll(context))
    }
}
