//! Session parameters that functions depend on: from the session to DataFusion's configuration.

use datafusion::prelude::SessionConfig;
use diagnostic::{Error, Result, codes};
use engine::{Parameter, Session, Takes, parameters};
use functions::Parameters;

/// Whether functions take `value` for `parameter`.
pub(crate) fn check(parameter: &Parameter, value: &str) -> Result<()> {
    Parameters::default()
        .assign(parameter.name, value)
        .map_err(|error| {
            Error::new(
                codes::E1107,
                format!(
                    "Parameter `{}` does not take `{value}`: {}",
                    parameter.name,
                    error.message()
                ),
            )
        })
}

/// What `session` has set of what functions depend on.
pub(crate) fn of(session: &Session) -> Parameters {
    let set = session.memory.settings().parameters;
    let mut own = Parameters::default();
    for parameter in parameters() {
        if matches!(parameter.takes, Takes::Function)
            && let Some(value) = set.get(parameter.name)
            && let Err(error) = own.assign(parameter.name, value)
        {
            // Values are checked when they are set.
            tracing::warn!(%error, parameter.name, "a session parameter is not applied");
        }
    }
    own
}

/// Puts what `session` has set into `config`.
pub(crate) fn apply(session: &Session, config: &mut SessionConfig) {
    config.options_mut().extensions.insert(of(session));
}
