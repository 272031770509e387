//! `modules.pytz`: named time zones.

use chrono_tz::TZ_VARIANTS;
use diagnostic::{Error, codes};

use super::datetime::Zone;
use crate::{Dict, Value};

/// The module.
pub(super) fn module() -> Value {
    let utc = || Value::object(Zone::pytz_utc());
    Value::Dict(Dict::from_iter([
        ("utc", utc()),
        ("UTC", utc()),
        (
            "timezone",
            Value::function("timezone", |_, arguments| {
                let name = arguments.one("pytz.timezone", "zone")?.to_string();
                let known = TZ_VARIANTS
                    .iter()
                    .find(|tz| tz.name().eq_ignore_ascii_case(&name));
                match known {
                    Some(tz) => Ok(Value::object(Zone::Named(*tz))),
                    None => Err(Error::new(
                        codes::J2005,
                        format!("there is no time zone `{name}`"),
                    )
                    .suggest(&name, TZ_VARIANTS.iter().map(|tz| tz.name()))),
                }
            }),
        ),
        (
            "all_timezones",
            Value::list(TZ_VARIANTS.iter().map(|tz| tz.name().into())),
        ),
    ]))
}
