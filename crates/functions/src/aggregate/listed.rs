//! `LISTAGG`: texts joined in an order, each once if DISTINCT.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/listagg>

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{SortColumn, SortOptions, lexsort_to_indices, take};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

use super::collected::Collected;

/// Joins its first argument with its second, sorted by the others. All of them are collected as one
/// struct, so that rows which meet in another order give the same text.
pub(super) fn listagg(order: Vec<(bool, bool)>, distinct: bool) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Listagg {
        order,
        distinct,
        signature: Signature::any(2, Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Listagg {
    /// For each key whether it descends and whether nulls come first.
    order: Vec<(bool, bool)>,
    distinct: bool,
    signature: Signature,
}

impl AggregateUDFImpl for Listagg {
    fn name(&self) -> &str {
        "listagg"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let [row, _] = args.expr_fields else {
            return internal_err!("LISTAGG lost an argument");
        };
        Ok(Box::new(Texts {
            rows: Collected::new(row.data_type().clone()),
            delimiter: None,
            order: self.order.clone(),
            distinct: self.distinct,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let [row, _] = args.input_fields else {
            return internal_err!("LISTAGG lost an argument");
        };
        Ok(vec![
            Collected::field("rows", row.data_type().clone()),
            Arc::new(arrow::datatypes::Field::new(
                "delimiter",
                DataType::Utf8,
                true,
            )),
        ])
    }
}

#[derive(Debug)]
struct Texts {
    rows: Collected,
    delimiter: Option<String>,
    order: Vec<(bool, bool)>,
    distinct: bool,
}

impl Texts {
    fn read_delimiter(&mut self, delimiters: &ArrayRef) {
        if self.delimiter.is_none() {
            let delimiters = delimiters.as_string::<i32>();
            self.delimiter = delimiters.iter().flatten().next().map(str::to_owned);
        }
    }

    fn sorted(&self) -> Result<ArrayRef> {
        let rows = self.rows.all()?;
        let columns = rows.as_struct().columns();
        let Some((texts, keys)) = columns.split_first() else {
            return internal_err!("LISTAGG lost its values");
        };
        if keys.is_empty() {
            return Ok(Arc::clone(texts));
        }
        let keys: Vec<SortColumn> = keys
            .iter()
            .zip(&self.order)
            .map(|(values, (descending, nulls_first))| SortColumn {
                values: Arc::clone(values),
                options: Some(SortOptions {
                    descending: *descending,
                    nulls_first: *nulls_first,
                }),
            })
            .collect();
        Ok(take(texts, &lexsort_to_indices(&keys, None)?, None)?)
    }
}

impl Accumulator for Texts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [rows, delimiters] = values else {
            return internal_err!("LISTAGG has two arguments");
        };
        self.read_delimiter(delimiters);
        self.rows.add(rows)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [rows, delimiters] = states else {
            return internal_err!("LISTAGG keeps two values");
        };
        self.read_delimiter(delimiters);
        self.rows.merge(rows)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            self.rows.state()?,
            ScalarValue::Utf8(self.delimiter.clone()),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sorted = self.sorted()?;
        let mut seen = HashSet::new();
        let texts: Vec<&str> = sorted
            .as_string::<i32>()
            .iter()
            .flatten()
            .filter(|text| !self.distinct || seen.insert(*text))
            .collect();
        let delimiter = self.delimiter.as_deref().unwrap_or_default();
        Ok(ScalarValue::Utf8(Some(texts.join(delimiter))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.rows.size()
    }
}
