//! `APPROX_TOP_K`, exact: the most frequent values with their counts.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/approx_top_k>

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, LargeStringArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

use crate::variant::ArrayWriter;
use crate::variant::cast::CARRIER;

/// Of a VARIANT and how many values are wanted, as the text of an ARRAY.
pub(super) fn approx_top_k() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(TopK {
        signature: Signature::exact(vec![CARRIER, DataType::Int64], Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TopK {
    signature: Signature,
}

impl AggregateUDFImpl for TopK {
    fn name(&self) -> &str {
        "$approx_top_k"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(CARRIER)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Counts::default()))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let list = |name, item| {
            let item = Field::new_list_field(item, true);
            Arc::new(Field::new_list(name, item, true))
        };
        Ok(vec![
            list("values", CARRIER),
            list("counts", DataType::Int64),
            Arc::new(Field::new("wanted", DataType::Int64, true)),
        ])
    }
}

#[derive(Debug, Default)]
struct Counts {
    counts: HashMap<String, i64>,
    wanted: Option<i64>,
}

impl Counts {
    fn want(&mut self, wanted: &ArrayRef) {
        if self.wanted.is_none() {
            self.wanted = wanted.as_primitive::<Int64Type>().iter().flatten().next();
        }
    }

    fn add(&mut self, values: &LargeStringArray, count: impl Fn(usize) -> i64) {
        for (row, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            match self.counts.get_mut(value) {
                Some(known) => *known += count(row),
                None => {
                    self.counts.insert(value.to_owned(), count(row));
                }
            }
        }
    }
}

impl Accumulator for Counts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values, wanted] = values else {
            return internal_err!("APPROX_TOP_K has two arguments");
        };
        self.want(wanted);
        self.add(values.as_string::<i64>(), |_| 1);
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, counts, wanted] = states else {
            return internal_err!("APPROX_TOP_K keeps three values");
        };
        self.want(wanted);
        let (values, counts) = (values.as_list::<i32>(), counts.as_list::<i32>());
        for (values, counts) in values.iter().zip(counts.iter()) {
            if let (Some(values), Some(counts)) = (values, counts) {
                let counts = counts.as_primitive::<Int64Type>();
                self.add(values.as_string::<i64>(), |row| counts.value(row));
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (values, counts): (Vec<_>, Vec<_>) = self
            .counts
            .iter()
            .map(|(value, count)| {
                (
                    ScalarValue::LargeUtf8(Some(value.clone())),
                    ScalarValue::Int64(Some(*count)),
                )
            })
            .unzip();
        Ok(vec![
            ScalarValue::List(ScalarValue::new_list_nullable(&values, &CARRIER)),
            ScalarValue::List(ScalarValue::new_list_nullable(&counts, &DataType::Int64)),
            ScalarValue::Int64(self.wanted),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let wanted = match self.wanted.map(usize::try_from) {
            None => 1,
            Some(Ok(wanted)) if (1..=100_000).contains(&wanted) => wanted,
            Some(_) => return exec_err!("APPROX_TOP_K gives 1 to 100000 values"),
        };
        let mut all: Vec<(&String, &i64)> = self.counts.iter().collect();
        all.sort_by_key(|(value, count)| (Reverse(**count), *value));
        let mut writer = ArrayWriter::new();
        for (value, count) in all.into_iter().take(wanted) {
            writer.push(Some(&format!("[{value},{count}]")));
        }
        Ok(ScalarValue::LargeUtf8(Some(writer.finish())))
    }

    fn size(&self) -> usize {
        let texts: usize = self.counts.keys().map(String::capacity).sum();
        size_of_val(self) + texts + self.counts.capacity() * size_of::<(String, i64)>()
    }
}
