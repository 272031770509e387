//! Python's two ways to format text: `'%s' % x` and `'{}'.format(x)`.

mod percent;
mod spec;
mod template;

use diagnostic::{Error, codes};

pub(crate) use percent::percent;
pub(crate) use spec::format_value;
pub(crate) use template::template;

pub(crate) fn too_wide(width: usize) -> Error {
    Error::new(codes::J3003, format!("a width of {width} is too much"))
}
