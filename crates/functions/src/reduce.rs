//! `REDUCE(array, start, (accumulator, element) -> …)`: one value of all elements.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/reduce>. A start that is a whole number or a decimal is as
//! wide as what the lambda makes of it: `reduce([0.5], 0, (a, x) -> a + x)` is 0.5.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, OffsetSizeTrait, UInt64Array};
use arrow::compute::{interleave, nullif, take, take_arrays};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature,
    HigherOrderUDF, HigherOrderUDFImpl, LambdaParametersProgress, ValueOrLambda, Volatility,
};

use crate::conversion::{Failure, convert};
use crate::scalar::{common_type, plain};

/// The function, as the syntax tree calls it.
pub(crate) fn function() -> Arc<HigherOrderUDF> {
    Arc::new(HigherOrderUDF::new_from_impl(Reduce {
        signature: HigherOrderSignature::exact(
            vec![
                ValueOrLambda::Value(()),
                ValueOrLambda::Value(()),
                ValueOrLambda::Lambda(()),
            ],
            Volatility::Immutable,
        ),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Reduce {
    signature: HigherOrderSignature,
}

/// What three arguments have to be.
fn arguments<V: Clone, L: Clone>(given: &[ValueOrLambda<V, L>]) -> Result<(V, V, L)> {
    match given {
        [
            ValueOrLambda::Value(list),
            ValueOrLambda::Value(start),
            ValueOrLambda::Lambda(step),
        ] => Ok((list.clone(), start.clone(), step.clone())),
        _ => plan_err!("REDUCE takes an array, a start and a lambda of two parameters"),
    }
}

/// The accumulator's type, from that of the start and that of what the lambda gives.
fn accumulator(start: &DataType, given: &DataType) -> Result<DataType> {
    Ok(match (start, given) {
        (DataType::Null, given) => plain(given),
        (DataType::Int64 | DataType::Decimal128(..), given) if given.is_numeric() => {
            match common_type([start, given])? {
                DataType::Decimal128(_, scale) => DataType::Decimal128(38, scale),
                common => common,
            }
        }
        (start, _) => start.clone(),
    })
}

fn element(list: &DataType) -> Result<FieldRef> {
    match list {
        DataType::List(element) | DataType::LargeList(element) => Ok(Arc::clone(element)),
        other => plan_err!("REDUCE takes an array, not {other}"),
    }
}

impl HigherOrderUDFImpl for Reduce {
    fn name(&self) -> &'static str {
        "array_reduce"
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [list, start] => Ok(vec![list.clone(), plain(start)]),
            _ => plan_err!("REDUCE takes an array, a start and a lambda"),
        }
    }

    fn lambda_parameters(
        &self,
        step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let (list, start, given) = arguments(fields)?;
        let element = element(list.data_type())?;
        let with = |kind: DataType| {
            let field = start.as_ref().clone().with_data_type(kind);
            vec![Arc::new(field.with_nullable(true)), Arc::clone(&element)]
        };
        let Some(given) = given else {
            let parameters = with(start.data_type().clone());
            return Ok(LambdaParametersProgress::Partial(vec![Some(parameters)]));
        };
        let parameters = with(accumulator(start.data_type(), given.data_type())?);
        Ok(match step {
            // What the lambda makes of a wider accumulator may be wider again.
            1 => LambdaParametersProgress::Partial(vec![Some(parameters)]),
            _ => LambdaParametersProgress::Complete(vec![parameters]),
        })
    }

    fn coerce_values_for_lambdas(
        &self,
        fields: &[ValueOrLambda<DataType, DataType>],
    ) -> Result<Option<Vec<DataType>>> {
        let (list, start, given) = arguments(fields)?;
        let accumulator = accumulator(&start, &given)?;
        Ok(Some(vec![list, accumulator]))
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs) -> Result<FieldRef> {
        let (_, start, given) = arguments(args.arg_fields)?;
        let kind = accumulator(start.data_type(), given.data_type())?;
        let field = Field::new("", kind, true);
        Ok(Arc::new(field.with_metadata(start.metadata().clone())))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let (list, start, step) = arguments(&args.args)?;
        let rows = args.number_rows;
        let list = list.to_array(rows)?;
        let mut reached = convert(&start.to_array(rows)?, args.return_type(), Failure::Error)?;
        let (values, places) = match list.data_type() {
            DataType::LargeList(_) => (list.as_list::<i64>().values(), places::<i64>(&list)),
            DataType::List(_) => (list.as_list::<i32>().values(), places::<i32>(&list)),
            other => return plan_err!("REDUCE takes an array, not {other}"),
        };
        let lengths = places.iter().flatten().map(Range::len);
        for at in 0..lengths.max().unwrap_or(0) {
            let open = places.iter().enumerate().filter_map(|(row, place)| {
                let place = place.as_ref().filter(|place| at < place.len())?;
                Some((row, place.start + at))
            });
            let open: Vec<(usize, usize)> = open.collect();
            let numbers = |numbers: Vec<usize>| -> UInt64Array {
                numbers.into_iter().map(|number| number as u64).collect()
            };
            let of = numbers(open.iter().map(|(row, _)| *row).collect());
            let elements = numbers(open.iter().map(|(_, place)| *place).collect());
            let elements = take(values, &elements, None)?;
            let before = take(&reached, &of, None)?;
            let after = step.evaluate(
                &[&|| Ok(Arc::clone(&before)), &|| Ok(Arc::clone(&elements))],
                |captured| Ok(take_arrays(captured, &of, None)?),
            )?;
            let after = after.into_array(open.len())?;
            let after = convert(&after, reached.data_type(), Failure::Error)?;
            let mut from: Vec<(usize, usize)> = (0..rows).map(|row| (0, row)).collect();
            for (place, (row, _)) in open.iter().enumerate() {
                from[*row] = (1, place);
            }
            reached = interleave(&[reached.as_ref(), after.as_ref()], &from)?;
        }
        let missing: BooleanArray = places.iter().map(|place| Some(place.is_none())).collect();
        Ok(ColumnarValue::Array(nullif(&reached, &missing)?))
    }
}

/// Where the elements of each row's list are; `None` for NULL.
fn places<O: OffsetSizeTrait>(list: &ArrayRef) -> Vec<Option<Range<usize>>> {
    let list = list.as_list::<O>();
    let ends = list.value_offsets().windows(2).enumerate();
    ends.map(|(row, ends)| {
        let place = ends[0].as_usize()..ends[1].as_usize();
        list.is_valid(row).then_some(place)
    })
    .collect()
}
