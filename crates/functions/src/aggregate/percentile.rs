//! `PERCENTILE_CONT`, `PERCENTILE_DISC` and `APPROX_PERCENTILE`, exact. The syntax tree brings the order
//! of WITHIN GROUP as arguments: the share, the value, and whether the order is descending.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/percentile_cont>
//! <https://docs.snowflake.com/en/sql-reference/functions/percentile_disc>

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{SortOptions, sort};
use arrow::datatypes::{DataType, Decimal128Type, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

use super::collected::Collected;
use super::number_type;
use crate::scalar::plain;

/// How a share between two values is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Between {
    /// A number between them, with three more digits.
    Interpolate,
    /// The first value whose share is not less.
    Choose,
}

/// The percentile of floating-point numbers.
pub(super) const APPROXIMATE: &str = "approx_percentile";

pub(super) fn percentile(name: &'static str, between: Between) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Percentile {
        name,
        between,
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile {
    name: &'static str,
    between: Between,
    signature: Signature,
}

impl Percentile {
    /// The type values are collected in.
    fn value_type(&self, value: &DataType) -> Result<DataType> {
        if self.name == APPROXIMATE {
            return number_type(self.name, value).map(|_| DataType::Float64);
        }
        if self.between == Between::Choose {
            return Ok(plain(value));
        }
        Ok(match plain(value) {
            DataType::Int64 | DataType::Null => DataType::Decimal128(38, 3),
            DataType::Decimal128(_, scale) => {
                DataType::Decimal128(38, scale.saturating_add(3).min(37))
            }
            DataType::Float64 | DataType::Utf8 => DataType::Float64,
            other => {
                return plan_err!("{} takes numbers, not {other}", self.name.to_uppercase());
            }
        })
    }
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [_, value, _] = types else {
            return plan_err!(
                "{} takes {}",
                self.name.to_uppercase(),
                super::syntax(self.name)
            );
        };
        Ok(vec![
            DataType::Float64,
            self.value_type(value)?,
            DataType::Boolean,
        ])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [_, value, _] => Ok(value.clone()),
            _ => internal_err!("{} lost an argument", self.name),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let data_type = args.return_field.data_type().clone();
        Ok(Box::new(Values {
            between: self.between,
            values: Collected::new(data_type.clone()),
            data_type,
            share: None,
            descending: false,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name, data_type| Arc::new(arrow::datatypes::Field::new(name, data_type, true));
        Ok(vec![
            Collected::field("values", args.return_type().clone()),
            field("share", DataType::Float64),
            field("descending", DataType::Boolean),
        ])
    }
}

#[derive(Debug)]
struct Values {
    between: Between,
    data_type: DataType,
    values: Collected,
    share: Option<f64>,
    descending: bool,
}

impl Values {
    /// Reads the arguments that are the same in every row.
    fn constants(&mut self, shares: &ArrayRef, descending: &ArrayRef) {
        let (shares, descending) = (
            shares.as_primitive::<Float64Type>(),
            descending.as_boolean(),
        );
        if let Some(row) = (0..shares.len()).find(|row| shares.is_valid(*row)) {
            self.share = Some(shares.value(row));
            self.descending = descending.is_valid(row) && descending.value(row);
        }
    }

    /// The values beside a share's place among `count`, and how far it is from the first to the second.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a place among the rows of a group"
    )]
    fn place(&self, share: f64, count: usize) -> (usize, usize, f64) {
        let last = count - 1;
        match self.between {
            Between::Interpolate => {
                let place = share * last as f64;
                let low = (place.floor() as usize).min(last);
                (low, (low + 1).min(last), place - low as f64)
            }
            Between::Choose => {
                // A share such as 0.3 of 10 must not miss the third by the last bit.
                let place = (share * count as f64 - 1e-9).ceil().max(1.0) as usize - 1;
                (place.min(last), place.min(last), 0.0)
            }
        }
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [shares, values, descending] = values else {
            return internal_err!("a percentile has three arguments");
        };
        self.constants(shares, descending);
        self.values.add(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, shares, descending] = states else {
            return internal_err!("a percentile keeps three values");
        };
        self.constants(shares, descending);
        self.values.merge(values)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            self.values.state()?,
            ScalarValue::Float64(self.share),
            ScalarValue::Boolean(Some(self.descending)),
        ])
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a part of the distance between two neighbours"
    )]
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let values = self.values.all()?;
        let Some(share) = self.share.filter(|_| !values.is_empty()) else {
            return ScalarValue::try_from(&self.data_type);
        };
        if !(0.0..=1.0).contains(&share) {
            return exec_err!("A percentile is a share from 0 to 1, not {share}");
        }
        let options = SortOptions {
            descending: self.descending,
            nulls_first: false,
        };
        let sorted = sort(&values, Some(options))?;
        let (low, high, part) = self.place(share, sorted.len());
        if low == high || part == 0.0 {
            return ScalarValue::try_from_array(&sorted, low);
        }
        match &self.data_type {
            DataType::Float64 => {
                let floats = sorted.as_primitive::<Float64Type>();
                let (low, high) = (floats.value(low), floats.value(high));
                Ok(ScalarValue::Float64(Some(low + (high - low) * part)))
            }
            DataType::Decimal128(precision, scale) => {
                let digits = sorted.as_primitive::<Decimal128Type>();
                let (low, high) = (digits.value(low), digits.value(high));
                let moved = ((high - low) as f64 * part).round() as i128;
                Ok(ScalarValue::Decimal128(
                    Some(low + moved),
                    *precision,
                    *scale,
                ))
            }
            other => internal_err!("no percentile lies between two values of {other}"),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.size()
    }
}
