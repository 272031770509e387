//! `VARIANCE` and `VAR_POP`: exact for exact numbers, with the digits that dividing their squares has.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/variance>,
//! <https://docs.snowflake.com/en/sql-reference/functions/var_pop>: of a NUMBER(10,2) they have ten digits after the point.

use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, FieldRef, Int64Type, i256,
};
use datafusion::common::{
    DataFusionError, Result, ScalarValue, exec_datafusion_err, internal_err, not_impl_err, plan_err,
};
use datafusion::functions_aggregate::variance::{var_pop_udaf, var_samp_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature,
    Volatility,
};

use super::number_type;
use super::sum::each;

/// The variance of all rows (`population`), or the one that rows of a sample let expect.
pub(super) fn variance(population: bool) -> Arc<AggregateUDF> {
    let (name, aliases): (_, &[&str]) = match population {
        true => ("var_pop", &["variance_pop"]),
        false => ("variance", &["var_samp", "variance_samp"]),
    };
    Arc::new(AggregateUDF::new_from_impl(Variance {
        name,
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        population,
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Variance {
    name: &'static str,
    aliases: Vec<String>,
    population: bool,
    signature: Signature,
}

impl Variance {
    /// The same of floating-point numbers.
    fn inexact(&self) -> Arc<AggregateUDF> {
        match self.population {
            true => var_pop_udaf(),
            false => var_samp_udaf(),
        }
    }
}

/// Digits after the point of the squares of numbers with `scale`, divided by a count.
fn scale_of_quotient(scale: i8) -> i8 {
    let squared = scale.saturating_mul(2);
    squared.max(squared.saturating_add(6).min(12)).min(37)
}

impl AggregateUDFImpl for Variance {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [value] = types else {
            return plan_err!("{} takes one number", self.name.to_uppercase());
        };
        Ok(vec![number_type(self.name, value)?])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Int64] => Ok(DataType::Decimal128(38, scale_of_quotient(0))),
            [DataType::Decimal128(_, scale)] => {
                Ok(DataType::Decimal128(38, scale_of_quotient(*scale)))
            }
            [_] => Ok(DataType::Float64),
            _ => internal_err!("{} lost its argument", self.name),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let DataType::Decimal128(_, scale) = *args.return_type() else {
            return self.inexact().accumulator(args);
        };
        if args.is_distinct {
            return not_impl_err!(
                "{} of DISTINCT numbers beside other aggregates is not supported",
                self.name.to_uppercase()
            );
        }
        let given = match args.expr_fields.first().map(|field| field.data_type()) {
            Some(DataType::Decimal128(_, scale)) => *scale,
            _ => 0,
        };
        Ok(Box::new(Squares {
            population: self.population,
            more_digits: i32::from(scale) - 2 * i32::from(given),
            scale,
            count: 0,
            total: 0,
            squares: i256::ZERO,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if !matches!(args.return_type(), DataType::Decimal128(..)) {
            return self.inexact().state_fields(args);
        }
        let field = |part, data_type| {
            let name = format_state_name(args.name, part);
            Arc::new(Field::new(name, data_type, true))
        };
        Ok(vec![
            field("count", DataType::Int64),
            field("total", DataType::Decimal128(38, 0)),
            field("squares", DataType::Decimal256(76, 0)),
        ])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !matches!(args.return_type(), DataType::Decimal128(..))
            && self.inexact().groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.inexact().create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match args.return_type() {
            DataType::Decimal128(..) => self.accumulator(args),
            _ => self.inexact().create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// How many numbers there were, their sum and that of their squares, as digits without a point.
#[derive(Debug)]
struct Squares {
    population: bool,
    /// Digits that the result has more than a square.
    more_digits: i32,
    scale: i8,
    count: i64,
    total: i128,
    squares: i256,
}

fn too_large() -> DataFusionError {
    exec_datafusion_err!("A variance has more than 38 digits: cast the numbers to FLOAT")
}

impl Squares {
    /// Takes numbers in (`sign` 1), or out again (-1).
    fn take(&mut self, values: &[ArrayRef], sign: i128) -> Result<()> {
        let [values] = values else {
            return internal_err!("a variance is of one number");
        };
        let (mut count, mut total) = (0_i64, Some(self.total));
        let mut squares = Some(i256::ZERO);
        each(values, |value| {
            count += 1;
            total = total.and_then(|total| total.checked_add(sign.checked_mul(value)?));
            let value = i256::from_i128(value);
            squares = squares.and_then(|sum| sum.checked_add(value.checked_mul(value)?));
        });
        let squares = squares.and_then(|squares| match sign {
            1 => self.squares.checked_add(squares),
            _ => self.squares.checked_sub(squares),
        });
        self.count += if sign == 1 { count } else { -count };
        self.total = total.ok_or_else(too_large)?;
        self.squares = squares.ok_or_else(too_large)?;
        Ok(())
    }

    /// n·Σx² - (Σx)² over n² or n·(n - 1), rounded half away from zero.
    fn quotient(&self) -> Option<i128> {
        let whole = |number: i64| i256::from_i128(i128::from(number));
        let power = |digits: u32| Some(i256::from_i128(10_i128.checked_pow(digits)?));
        let total = i256::from_i128(self.total);
        let spread = whole(self.count)
            .checked_mul(self.squares)?
            .checked_sub(total.checked_mul(total)?)?;
        let rows = match self.population {
            true => self.count,
            false => self.count - 1,
        };
        let mut divisor = whole(self.count).checked_mul(whole(rows))?;
        let mut dividend = spread;
        match u32::try_from(self.more_digits) {
            Ok(more) => dividend = dividend.checked_mul(power(more)?)?,
            Err(_) => divisor = divisor.checked_mul(power(self.more_digits.unsigned_abs())?)?,
        }
        let twice = i256::from_i128(2);
        dividend
            .checked_mul(twice)?
            .checked_add(divisor)?
            .checked_div(divisor.checked_mul(twice)?)?
            .to_i128()
            .filter(|digits| digits.unsigned_abs() < 10_u128.pow(38))
    }
}

impl Accumulator for Squares {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.take(values, 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.take(values, -1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [counts, totals, squares] = states else {
            return internal_err!("a variance keeps three numbers");
        };
        let counts = counts.as_primitive::<Int64Type>().iter().flatten();
        self.count += counts.sum::<i64>();
        for total in totals.as_primitive::<Decimal128Type>().iter().flatten() {
            self.total = self.total.checked_add(total).ok_or_else(too_large)?;
        }
        for sum in squares.as_primitive::<Decimal256Type>().iter().flatten() {
            self.squares = self.squares.checked_add(sum).ok_or_else(too_large)?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            ScalarValue::Int64(Some(self.count)),
            ScalarValue::Decimal128(Some(self.total), 38, 0),
            ScalarValue::Decimal256(Some(self.squares), 76, 0),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let least = if self.population { 1 } else { 2 };
        let digits = match self.count < least {
            true => None,
            false => Some(self.quotient().ok_or_else(too_large)?),
        };
        Ok(ScalarValue::Decimal128(digits, 38, self.scale))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
