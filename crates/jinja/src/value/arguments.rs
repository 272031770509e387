//! [`Arguments`]: what a call passes.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};

use super::Value;

/// The positional and named arguments of a call, in the order they were written.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// Positional arguments.
    pub positional: Vec<Value>,
    /// Named arguments.
    pub named: Vec<(Arc<str>, Value)>,
}

impl Arguments {
    /// Positional arguments only.
    pub fn of(positional: impl IntoIterator<Item = Value>) -> Self {
        Self {
            positional: positional.into_iter().collect(),
            named: Vec::new(),
        }
    }

    /// Adds a named argument.
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        self.named.push((name.into(), value.into()));
        self
    }

    /// Takes the named argument `name` out.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.named.iter().position(|(have, _)| &**have == name)?;
        Some(self.named.remove(at).1)
    }

    /// Assigns the arguments to the parameters `names` of `function`, the first `required` of which
    /// must be given. An unknown, missing or repeated argument is an error.
    ///
    /// # Errors
    /// J2003.
    pub fn bind<const N: usize>(
        self,
        function: &str,
        names: [&str; N],
        required: usize,
    ) -> Result<[Option<Value>; N]> {
        if self.positional.len() > N {
            let given = self.positional.len();
            return Err(Error::new(
                codes::J2003,
                format!("`{function}` takes at most {N} positional arguments, {given} were given"),
            ));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let Some(at) = names.iter().position(|known| *known == &*name) else {
                return Err(Error::new(
                    codes::J2003,
                    format!("`{function}` has no argument `{name}`"),
                )
                .suggest(&name, names));
            };
            if bound[at].is_some() {
                return Err(Error::new(
                    codes::J2003,
                    format!("`{function}` got two values for argument `{name}`"),
                ));
            }
            bound[at] = Some(value);
        }
        for (name, value) in names.iter().zip(&bound).take(required) {
            if value.is_none() {
                return Err(Error::new(
                    codes::J2003,
                    format!("`{function}` needs its argument `{name}`"),
                ));
            }
        }
        Ok(bound)
    }

    /// Refuses all arguments.
    ///
    /// # Errors
    /// J2003 if there is any.
    pub fn none(self, function: &str) -> Result<()> {
        self.bind::<0>(function, [], 0).map(|_| ())
    }

    /// The only argument.
    ///
    /// # Errors
    /// J2003 if there is none, or another one.
    pub fn one(self, function: &str, name: &str) -> Result<Value> {
        let [value] = self.bind(function, [name], 1)?;
        Ok(value.unwrap_or(Value::None))
    }
}
