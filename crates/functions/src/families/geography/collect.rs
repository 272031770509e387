//! The values of all rows as one: `ST_COLLECT` of one argument, `ST_UNION_AGG` and `ST_INTERSECTION_AGG`.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_collect>
//! <https://docs.snowflake.com/en/sql-reference/functions/st_union_agg>

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, LargeBinaryArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

use super::broken;
use super::combination::{intersection, union};
use crate::geography::Shape;

/// The aggregates of GEOGRAPHY.
pub(crate) fn aggregates() -> [Arc<AggregateUDF>; 3] {
    [Whole::Collection, Whole::Union, Whole::Intersection].map(|whole| {
        Arc::new(AggregateUDF::new_from_impl(Collect {
            whole,
            signature: Signature::user_defined(Volatility::Immutable),
        }))
    })
}

/// What becomes of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whole {
    Collection,
    Union,
    Intersection,
}

impl Whole {
    fn of(self, members: Vec<Shape>) -> Result<Shape> {
        match self {
            Self::Collection => Ok(Shape::collect(members)),
            Self::Union => folded(members, union),
            Self::Intersection => folded(members, intersection),
        }
    }
}

/// Combined two by two, which keeps what is combined small.
fn folded(mut members: Vec<Shape>, combine: fn(&Shape, &Shape) -> Result<Shape>) -> Result<Shape> {
    while members.len() > 1 {
        members = members
            .chunks(2)
            .map(|pair| match pair {
                [a, b] => combine(a, b),
                [only, ..] => Ok(only.clone()),
                [] => Ok(Shape::Collection(Vec::new())),
            })
            .collect::<Result<_>>()?;
    }
    Ok(members.pop().unwrap_or(Shape::Collection(Vec::new())))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Collect {
    whole: Whole,
    signature: Signature,
}

impl AggregateUDFImpl for Collect {
    fn name(&self) -> &str {
        match self.whole {
            // The name that `sql` gives calls of ST_COLLECT with one argument.
            Whole::Collection => "st_collect_agg",
            Whole::Union => "st_union_agg",
            Whole::Intersection => "st_intersection_agg",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [DataType::LargeBinary | DataType::Null] => Ok(vec![DataType::LargeBinary]),
            [other] => plan_err!("{} takes a GEOGRAPHY, not {other}", self.written()),
            _ => plan_err!("{} takes one GEOGRAPHY", self.written()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::LargeBinary)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Members {
            whole: self.whole,
            values: Vec::new(),
        }))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let member = Field::new_list_field(DataType::LargeBinary, true);
        Ok(vec![Arc::new(Field::new_list("members", member, true))])
    }
}

impl Collect {
    fn written(&self) -> &'static str {
        match self.whole {
            Whole::Collection => "ST_COLLECT",
            Whole::Union => "ST_UNION_AGG",
            Whole::Intersection => "ST_INTERSECTION_AGG",
        }
    }
}

/// The WKB of the values so far.
#[derive(Debug)]
struct Members {
    whole: Whole,
    values: Vec<Vec<u8>>,
}

impl Members {
    fn add(&mut self, values: &LargeBinaryArray) {
        self.values
            .extend(values.iter().flatten().map(<[u8]>::to_vec));
    }
}

impl Accumulator for Members {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        match values {
            [values] => {
                self.add(values.as_binary::<i64>());
                Ok(())
            }
            _ => internal_err!("ST_COLLECT takes one value"),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [members] = states else {
            return internal_err!("ST_COLLECT keeps its members");
        };
        for members in members.as_list::<i32>().iter().flatten() {
            self.add(members.as_binary::<i64>());
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let members: Vec<ScalarValue> = self
            .values
            .iter()
            .map(|bytes| ScalarValue::LargeBinary(Some(bytes.clone())))
            .collect();
        let list = ScalarValue::new_list_nullable(&members, &DataType::LargeBinary);
        Ok(vec![ScalarValue::List(list)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.values.is_empty() {
            return Ok(ScalarValue::LargeBinary(None));
        }
        let members = self
            .values
            .iter()
            .map(|bytes| Shape::from_wkb(bytes).map_err(broken))
            .collect::<Result<Vec<_>>>()?;
        Ok(ScalarValue::LargeBinary(Some(
            self.whole.of(members)?.to_wkb(),
        )))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.iter().map(Vec::capacity).sum::<usize>()
    }
}
