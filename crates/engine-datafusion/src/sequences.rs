//! Sequences in expressions: `name.nextval` becomes a function that takes values from the catalog's counter.
//!
//! <https://docs.snowflake.com/en/user-guide/querying-sequences>. Each row gets its own value; values that a
//! failing statement took are lost, as in Snowflake.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use catalog::{Catalog, ObjectBody, ObjectKind};
use datafusion::common::{Result as DfResult, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use diagnostic::{Error, Result, codes};
use engine::Session;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Value,
};

use crate::access::Named;
use crate::names::relation;
use crate::provider::{Databases, external};

const NEXT_VALUE: &str = "__nextval";

/// The call that takes the next value of a counter.
pub(crate) fn next_value(sequence: &str, start: i64, step: i64) -> Expr {
    let number = |value: i64| Value::Number(value.to_string(), false);
    call(
        NEXT_VALUE,
        [
            Value::SingleQuotedString(sequence.to_owned()),
            number(start),
            number(step),
        ],
    )
}

/// A call of function `name` with constants.
fn call(name: &str, arguments: impl IntoIterator<Item = Value>) -> Expr {
    let args = arguments
        .into_iter()
        .map(|value| FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::value(value))))
        .collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// What `parts` (`[database.][schema.]sequence.nextval`) means, if it is the next value of a sequence.
pub(crate) fn resolve(databases: &Databases, parts: &[Ident]) -> Result<Option<Expr>> {
    let Some((last, name)) = parts.split_last() else {
        return Ok(None);
    };
    if last.quote_style.is_some() || last.value != "NEXTVAL" || name.is_empty() {
        return Ok(None);
    }
    let session: &Session = &databases.session;
    let name = relation(session, &ObjectName::from(name.to_vec()))?;
    let named = Named::Object(ObjectKind::Sequence, name.clone());
    let usable = databases.may(&named, "USAGE");
    match databases
        .workspace
        .object(ObjectKind::Sequence, &name)
        .filter(|_| usable)
    {
        Some(object) => match object.body {
            ObjectBody::Sequence {
                id, start, step, ..
            } => Ok(Some(next_value(&id, start, step))),
            _ => Ok(None),
        },
        // An alias of a table may have a column of that name.
        None if parts.len() == 2 => Ok(None),
        None => Err(Error::new(
            codes::K3001,
            format!("Sequence `{name}` does not exist"),
        )),
    }
}

/// The function, taking from `catalog`.
pub(crate) fn function(catalog: &Catalog) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(NextValue {
        catalog: catalog.clone(),
        signature: Signature::any(3, Volatility::Volatile),
    }))
}

struct NextValue {
    catalog: Catalog,
    signature: Signature,
}

impl fmt::Debug for NextValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NextValue")
    }
}

impl PartialEq for NextValue {
    fn eq(&self, other: &Self) -> bool {
        self.catalog.folder() == other.catalog.folder()
    }
}

impl Eq for NextValue {}

impl Hash for NextValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.catalog.folder().hash(state);
    }
}

impl ScalarUDFImpl for NextValue {
    fn name(&self) -> &str {
        NEXT_VALUE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = args.number_rows;
        let [
            ColumnarValue::Scalar(sequence),
            ColumnarValue::Scalar(start),
            ColumnarValue::Scalar(step),
        ] = args.args.as_slice()
        else {
            return plan_err!("a sequence's counter is called with constants");
        };
        let ScalarValue::Utf8(Some(sequence)) = sequence else {
            return plan_err!("a sequence's counter has a name");
        };
        let (start, step) = (whole(start)?, whole(step)?);
        if rows == 0 {
            let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
            return Ok(ColumnarValue::Array(none));
        }
        let first = self
            .catalog
            .take_values(sequence, start, step, rows as u64)
            .map_err(external)?;
        let values = std::iter::successors(Some(first), |value| value.checked_add(step));
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(values.take(rows)));
        Ok(ColumnarValue::Array(values))
    }
}

fn whole(value: &ScalarValue) -> DfResult<i64> {
    match value.cast_to(&DataType::Int64)? {
        ScalarValue::Int64(Some(value)) => Ok(value),
        other => Err(exec_datafusion_err!("{other} is no number of a sequence")),
    }
}
