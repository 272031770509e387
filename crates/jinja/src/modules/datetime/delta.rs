//! `timedelta`.

use std::cmp::Ordering;

use diagnostic::Result;

use super::super::Clock;
use super::super::class::Class;
use crate::fail::{bad_value, wrong_type};
use crate::value::{Object, Operator};
use crate::{Arguments, CallContext, Value};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A difference of two times, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Delta(pub i64);

impl Delta {
    pub(super) fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    pub(super) fn chrono(self) -> chrono::TimeDelta {
        chrono::TimeDelta::microseconds(self.0)
    }

    fn of(micros: f64) -> Result<Value> {
        if !micros.is_finite() || micros.abs() > 8.6e22 || micros.abs() > i64::MAX as f64 {
            return Err(bad_value("the timedelta is out of range"));
        }
        Ok(Value::object(Self(micros.round_ties_even() as i64)))
    }

    fn total_seconds(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }
}

impl Object for Delta {
    fn type_name(&self) -> &str {
        "datetime.timedelta"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        let within = self.0.rem_euclid(DAY);
        Ok(Some(match name {
            "days" => self.0.div_euclid(DAY).into(),
            "seconds" => (within / SECOND).into(),
            "microseconds" => (within % SECOND).into(),
            _ => return Ok(None),
        }))
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        if name != "total_seconds" {
            return Ok(None);
        }
        arguments.clone().none("total_seconds")?;
        Ok(Some(Value::Float(self.total_seconds())))
    }

    fn truthy(&self) -> bool {
        self.0 != 0
    }

    fn repr(&self) -> String {
        let within = self.0.rem_euclid(DAY);
        let parts = [
            ("days", self.0.div_euclid(DAY)),
            ("seconds", within / SECOND),
            ("microseconds", within % SECOND),
        ];
        let shown: Vec<String> = parts
            .iter()
            .filter(|(_, number)| *number != 0)
            .map(|(name, number)| format!("{name}={number}"))
            .collect();
        let shown = if shown.is_empty() {
            "0".to_owned()
        } else {
            shown.join(", ")
        };
        format!("datetime.timedelta({shown})")
    }

    fn text(&self) -> String {
        let days = self.0.div_euclid(DAY);
        let within = self.0.rem_euclid(DAY);
        let seconds = within / SECOND;
        let mut text = match days {
            0 => String::new(),
            1 | -1 => format!("{days} day, "),
            _ => format!("{days} days, "),
        };
        text += &format!(
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        );
        if within % SECOND != 0 {
            text += &format!(".{:06}", within % SECOND);
        }
        text
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        other.downcast::<Delta>().map(|other| self.cmp(other))
    }

    fn operate(&self, operator: Operator, other: &Value, reversed: bool) -> Result<Option<Value>> {
        let micros = self.0 as f64;
        if let Some(other) = other.downcast::<Delta>() {
            let (left, right) = if reversed {
                (other.0, self.0)
            } else {
                (self.0, other.0)
            };
            let zero = right == 0;
            return Ok(Some(match operator {
                Operator::Add => Self::of(left as f64 + right as f64)?,
                Operator::Sub => Self::of(left as f64 - right as f64)?,
                Operator::Div | Operator::FloorDiv | Operator::Rem if zero => {
                    return Err(diagnostic::Error::new(
                        diagnostic::codes::J2006,
                        "division by zero",
                    ));
                }
                Operator::Div => Value::Float(left as f64 / right as f64),
                Operator::FloorDiv => left.div_euclid(right).into(),
                Operator::Rem => Value::object(Self(left.rem_euclid(right))),
                _ => return Ok(None),
            }));
        }
        let Some(number) = other.as_float() else {
            return Ok(None);
        };
        match operator {
            Operator::Mul => Self::of(micros * number).map(Some),
            Operator::Div if !reversed && number != 0.0 => Self::of(micros / number).map(Some),
            Operator::FloorDiv if !reversed && number != 0.0 => {
                Self::of((micros / number).floor()).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// `datetime.timedelta`
pub(super) fn class(clock: Clock) -> Class {
    Class {
        name: "datetime.timedelta",
        construct: |_, arguments| {
            let names = [
                "days",
                "seconds",
                "microseconds",
                "milliseconds",
                "minutes",
                "hours",
                "weeks",
            ];
            let factors = [DAY, SECOND, 1, 1000, 60 * SECOND, 3600 * SECOND, 7 * DAY];
            let mut micros = 0.0;
            for ((value, name), factor) in arguments
                .bind("timedelta", names, 0)?
                .into_iter()
                .zip(names)
                .zip(factors)
            {
                let Some(value) = value else { continue };
                let number = value
                    .as_float()
                    .ok_or_else(|| wrong_type(&format!("`{name}`"), "a number", &value))?;
                micros += number * factor as f64;
            }
            Delta::of(micros)
        },
        method: |_, _, _| Ok(None),
        constant: |_| None,
        clock,
    }
}
