//! [`Range`]: what `range()` gives: numbers that are not there until needed.

use std::cmp::Ordering;

use diagnostic::{Error, Result, codes};

use super::{MAX_SIZE, Object, Value};

/// Whole numbers from `start` up (or down) to `stop`, without it.
#[derive(Clone, Debug)]
pub struct Range {
    start: i128,
    stop: i128,
    step: i128,
}

impl Range {
    /// A range.
    ///
    /// # Errors
    /// J2005 if `step` is zero.
    pub fn new(start: i128, stop: i128, step: i128) -> Result<Self> {
        if step == 0 {
            return Err(Error::new(
                codes::J2005,
                "the step of a range must not be zero",
            ));
        }
        Ok(Self { start, stop, step })
    }

    fn count(&self) -> usize {
        let (low, high) = if self.step > 0 {
            (self.start, self.stop)
        } else {
            (self.stop, self.start)
        };
        if high <= low {
            return 0;
        }
        let step = self.step.unsigned_abs();
        let count = high.abs_diff(low).div_ceil(step);
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    fn at(&self, index: usize) -> Value {
        Value::Int(self.start + self.step * index as i128)
    }
}

impl Object for Range {
    fn type_name(&self) -> &str {
        "range"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "start" => Some(Value::Int(self.start)),
            "stop" => Some(Value::Int(self.stop)),
            "step" => Some(Value::Int(self.step)),
            _ => None,
        })
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        let Some(index) = key.as_int() else {
            return Ok(None);
        };
        let count = self.count();
        let index = if index < 0 {
            index + count as i128
        } else {
            index
        };
        Ok(usize::try_from(index)
            .ok()
            .filter(|index| *index < count)
            .map(|index| self.at(index)))
    }

    fn iterate(&self) -> Result<Option<Vec<Value>>> {
        let count = self.count();
        if count > MAX_SIZE {
            return Err(Error::new(
                codes::J3003,
                format!(
                    "{} has {count} numbers, more than fit into a list",
                    self.repr()
                ),
            ));
        }
        Ok(Some((0..count).map(|index| self.at(index)).collect()))
    }

    fn len(&self) -> Option<usize> {
        Some(self.count())
    }

    fn repr(&self) -> String {
        if self.step == 1 {
            format!("range({}, {})", self.start, self.stop)
        } else {
            format!("range({}, {}, {})", self.start, self.stop, self.step)
        }
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        let other = other.downcast::<Range>()?;
        let same = self.count() == other.count()
            && (self.count() == 0
                || (self.start == other.start && (self.count() == 1 || self.step == other.step)));
        same.then_some(Ordering::Equal)
    }
}
