//! `CONDITIONAL_TRUE_EVENT` and `CONDITIONAL_CHANGE_EVENT`: rows numbered by what happened before them.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions/conditional_true_event>
//! <https://docs.snowflake.com/en/sql-reference/functions/conditional_change_event>

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::kernels::cmp::neq;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};

pub(crate) fn all() -> [Arc<WindowUDF>; 2] {
    [Event::True, Event::Change].map(|event| {
        Arc::new(WindowUDF::new_from_impl(Events {
            event,
            signature: Signature::user_defined(Volatility::Immutable),
        }))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Event {
    /// The argument is true.
    True,
    /// The argument differs from the row before; null differs from nothing.
    Change,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Events {
    event: Event,
    signature: Signature,
}

impl WindowUDFImpl for Events {
    fn name(&self) -> &str {
        match self.event {
            Event::True => "conditional_true_event",
            Event::Change => "conditional_change_event",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.event, types) {
            (Event::True, [_]) => Ok(vec![DataType::Boolean]),
            (Event::Change, [value]) => Ok(vec![value.clone()]),
            _ => plan_err!(
                "{} takes {}",
                self.name().to_uppercase(),
                super::syntax(self.name())
            ),
        }
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Counter(self.event)))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Int64, false)))
    }
}

#[derive(Debug)]
struct Counter(Event);

impl PartitionEvaluator for Counter {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let [values] = values else {
            return internal_err!("an event has one argument");
        };
        let happened: BooleanArray = match self.0 {
            Event::True => values.as_boolean().clone(),
            Event::Change if rows == 0 => BooleanArray::from(Vec::<bool>::new()),
            Event::Change => {
                let (next, previous) = (values.slice(1, rows - 1), values.slice(0, rows - 1));
                let changed = neq(&next, &previous)?;
                std::iter::once(None).chain(changed.iter()).collect()
            }
        };
        let mut count = 0;
        let numbers: Int64Array = happened
            .iter()
            .map(|happened| {
                count += i64::from(happened == Some(true));
                Some(count)
            })
            .collect();
        Ok(Arc::new(numbers))
    }
}
