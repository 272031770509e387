//! `SKEW` and `KURTOSIS` of a sample.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/skew>
//! <https://docs.snowflake.com/en/sql-reference/functions/kurtosis>

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

use super::number_type;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Measure {
    Skew,
    Kurtosis,
}

pub(super) fn shape(measure: Measure) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Shape {
        measure,
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Shape {
    measure: Measure,
    signature: Signature,
}

impl AggregateUDFImpl for Shape {
    fn name(&self) -> &str {
        match self.measure {
            Measure::Skew => "skew",
            Measure::Kurtosis => "kurtosis",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [value] => number_type(self.name(), value).map(|_| vec![DataType::Float64]),
            _ => plan_err!("{} takes one number", self.name().to_uppercase()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Moments {
            measure: self.measure,
            ..Moments::new(self.measure)
        }))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name| Arc::new(Field::new(name, DataType::Float64, true));
        Ok(["count", "mean", "m2", "m3", "m4"].map(field).to_vec())
    }
}

/// The number of values, their mean, and the sums of their distances from it, squared and higher.
#[derive(Debug)]
struct Moments {
    measure: Measure,
    count: f64,
    mean: f64,
    m2: f64,
    m3: f64,
    m4: f64,
}

impl Moments {
    fn new(measure: Measure) -> Self {
        Self {
            measure,
            count: 0.0,
            mean: 0.0,
            m2: 0.0,
            m3: 0.0,
            m4: 0.0,
        }
    }

    /// Adds the moments of other values; Pébay, Sandia report 2008-6212.
    fn add(&mut self, other: [f64; 5]) {
        let [count, mean, m2, m3, m4] = other;
        if count == 0.0 {
            return;
        }
        let total = self.count + count;
        let (a, b) = (self.count, count);
        let delta = mean - self.mean;
        let share = delta / total;
        let m4 = self.m4
            + m4
            + delta * share.powi(3) * a * b * (a * a - a * b + b * b)
            + 6.0 * share.powi(2) * (a * a * m2 + b * b * self.m2)
            + 4.0 * share * (a * m3 - b * self.m3);
        let m3 = self.m3
            + m3
            + delta * share.powi(2) * a * b * (a - b)
            + 3.0 * share * (a * m2 - b * self.m2);
        let m2 = self.m2 + m2 + delta * share * a * b;
        (self.mean, self.count) = (self.mean + share * b, total);
        (self.m2, self.m3, self.m4) = (m2, m3, m4);
    }

    fn value(&self) -> Option<f64> {
        let n = self.count;
        let value = match self.measure {
            Measure::Skew if n < 3.0 => return None,
            Measure::Skew => n * (n - 1.0).sqrt() / (n - 2.0) * self.m3 / self.m2.powf(1.5),
            Measure::Kurtosis if n < 4.0 => return None,
            Measure::Kurtosis => {
                let corrected = (n + 1.0) * n * (n - 1.0) / ((n - 2.0) * (n - 3.0));
                let normal = 3.0 * (n - 1.0).powi(2) / ((n - 2.0) * (n - 3.0));
                corrected * self.m4 / self.m2.powi(2) - normal
            }
        };
        value.is_finite().then_some(value)
    }
}

impl Accumulator for Moments {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values] = values else {
            return internal_err!("a shape is of one value");
        };
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            self.add([1.0, value, 0.0, 0.0, 0.0]);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns: Vec<_> = states
            .iter()
            .map(|state| state.as_primitive::<Float64Type>())
            .collect();
        let [count, mean, m2, m3, m4] = columns.as_slice() else {
            return internal_err!("a shape keeps five numbers");
        };
        for row in 0..count.len() {
            self.add([count, mean, m2, m3, m4].map(|column| column.value(row)));
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = [self.count, self.mean, self.m2, self.m3, self.m4];
        Ok(state
            .map(|number| ScalarValue::Float64(Some(number)))
            .to_vec())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.value()))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
