//! `ST_COLLECT` of one argument: the values of all rows as one.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/st_collect>

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, LargeBinaryArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

use super::broken;
use crate::geography::Shape;

/// The aggregate, under the name that `sql` gives calls with one argument.
pub(crate) fn collect() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Collect {
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Collect {
    signature: Signature,
}

impl AggregateUDFImpl for Collect {
    fn name(&self) -> &str {
        "st_collect_agg"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [DataType::LargeBinary | DataType::Null] => Ok(vec![DataType::LargeBinary]),
            [other] => plan_err!("ST_COLLECT takes a GEOGRAPHY, not {other}"),
            _ => plan_err!("ST_COLLECT takes one GEOGRAPHY or two"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::LargeBinary)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Members::default()))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let member = Field::new_list_field(DataType::LargeBinary, true);
        Ok(vec![Arc::new(Field::new_list("members", member, true))])
    }
}

/// The WKB of the values so far.
#[derive(Debug, Default)]
struct Members(Vec<Vec<u8>>);

impl Members {
    fn add(&mut self, values: &LargeBinaryArray) {
        self.0.extend(values.iter().flatten().map(<[u8]>::to_vec));
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
            .0
            .iter()
            .map(|bytes| ScalarValue::LargeBinary(Some(bytes.clone())))
            .collect();
        let list = ScalarValue::new_list_nullable(&members, &DataType::LargeBinary);
        Ok(vec![ScalarValue::List(list)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.0.is_empty() {
            return Ok(ScalarValue::LargeBinary(None));
        }
        let members = self
            .0
            .iter()
            .map(|bytes| Shape::from_wkb(bytes).map_err(broken))
            .collect::<Result<Vec<_>>>()?;
        Ok(ScalarValue::LargeBinary(Some(
            Shape::collect(members).to_wkb(),
        )))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.iter().map(Vec::capacity).sum::<usize>()
    }
}
