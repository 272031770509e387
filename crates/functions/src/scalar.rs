//! [`Function`]: a scalar function as a row of a table, and the adapter that makes it DataFusion's.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, Result, ScalarValue, internal_datafusion_err, plan_err};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, ident,
};
use datafusion::physical_expr::create_physical_expr;

use crate::types::{logical_metadata, logical_type};
use crate::variant::cast::CARRIER;
use crate::zoned::{is_zoned, zoned};

mod call;
mod kind;

pub(crate) use call::{
    Call, Moments, Values, date_from_days, moment_from_micros, nanos_of_day, out_of_range, small,
};
pub(crate) use kind::{Kind, TEXT, TIMESTAMP, coerce, common_type, folded, instant, plain};

/// What a function gives back.
#[derive(Clone, Copy)]
pub(crate) enum Returns {
    Text,
    Binary,
    Integer,
    Float,
    Boolean,
    Date,
    TimestampTz,
    Variant,
    Object,
    Array,
    Geography,
    /// The converted type of the argument at this place.
    Argument(usize),
    /// Decided by the converted types and the constant arguments.
    With(fn(&[DataType], &[Option<&ScalarValue>]) -> Result<DataType>),
}

/// How a function works.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// Over arrays.
    Kernel(fn(&Call) -> Result<arrow::array::ArrayRef>),
    /// As another expression, whose branches are evaluated only where needed.
    Rewrite(fn(Vec<Expr>) -> Result<Expr>),
}

/// Decides what the arguments are converted to.
type Coerce = fn(&[DataType]) -> Result<Vec<DataType>>;

/// A scalar function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) syntax: &'static str,
    pub(crate) note: &'static str,
    parameters: &'static [Kind],
    required: usize,
    repeated: bool,
    /// Overrides `parameters` where types depend on each other in another way.
    coerce: Option<Coerce>,
    returns: Returns,
    body: Body,
    volatility: Volatility,
    is_operator: bool,
    is_listed: bool,
}

impl Function {
    const fn of(
        name: &'static str,
        syntax: &'static str,
        parameters: &'static [Kind],
        returns: Returns,
        body: Body,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            syntax,
            note: "",
            parameters,
            required: parameters.len(),
            repeated: false,
            coerce: None,
            returns,
            body,
            volatility: Volatility::Immutable,
            is_operator: false,
            is_listed: true,
        }
    }

    pub(crate) const fn kernel(
        name: &'static str,
        syntax: &'static str,
        parameters: &'static [Kind],
        returns: Returns,
        body: fn(&Call) -> Result<arrow::array::ArrayRef>,
    ) -> Self {
        Self::of(name, syntax, parameters, returns, Body::Kernel(body))
    }

    pub(crate) const fn rewrite(
        name: &'static str,
        syntax: &'static str,
        parameters: &'static [Kind],
        returns: Returns,
        body: fn(Vec<Expr>) -> Result<Expr>,
    ) -> Self {
        Self::of(name, syntax, parameters, returns, Body::Rewrite(body))
    }

    pub(crate) const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub(crate) const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    /// The first `required` arguments must be given.
    pub(crate) const fn required(mut self, required: usize) -> Self {
        self.required = required;
        self
    }

    /// The last parameter may be given any number of times.
    pub(crate) const fn repeated(mut self) -> Self {
        self.repeated = true;
        self
    }

    pub(crate) const fn coerce(mut self, coerce: Coerce) -> Self {
        self.coerce = Some(coerce);
        self
    }

    /// What an operator is planned as: nobody calls it by name.
    pub(crate) const fn operator(mut self) -> Self {
        self.is_operator = true;
        self.is_listed = false;
        self
    }

    /// What only other parts of the program write into statements.
    pub(crate) const fn unlisted(mut self) -> Self {
        self.is_listed = false;
        self
    }

    /// Whether users are told of it.
    pub(crate) fn is_listed(&self) -> bool {
        self.is_listed
    }

    pub(crate) fn is_operator(&self) -> bool {
        self.is_operator
    }

    pub(crate) const fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }

    fn coerced(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut read = types.to_vec();
        if let [value, _, ..] = read.as_mut_slice()
            && *value == CARRIER
            && (self.name.starts_with("to_") || self.name.starts_with("try_to_"))
        {
            // A format reads text, so that of a VARIANT.
            *value = DataType::Utf8;
        }
        let types = read.as_slice();
        let too_many = !self.repeated && types.len() > self.parameters.len();
        if types.len() < self.required || too_many {
            return plan_err!(
                "{} takes {} ({} given)",
                self.name.to_uppercase(),
                self.syntax,
                types.len()
            );
        }
        if let Some(coerce) = self.coerce {
            return coerce(types);
        }
        let kinds: Vec<Kind> = (0..types.len())
            .filter_map(|at| self.parameters.get(at).or(self.parameters.last()).copied())
            .collect();
        kind::coerce(self.name, &kinds, types)
    }

    /// What DataFusion is told that arguments are converted to. It holds that against Arrow's casts, which
    /// know nothing of TIMESTAMP_TZ, which `zoned_rules` converts itself, and make no truth of decimals, which
    /// `coercion` does.
    fn announced(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut coerced = self.coerced(types)?;
        for (to, from) in coerced.iter_mut().zip(types) {
            if is_zoned(to) != is_zoned(from) || is_decimal_truth(from, to) {
                to.clone_from(from);
            }
        }
        Ok(coerced)
    }

    fn return_type(
        &self,
        types: &[DataType],
        constants: &[Option<&ScalarValue>],
    ) -> Result<DataType> {
        let meets_truth = types.contains(&DataType::Boolean);
        let converted = match meets_truth || types.iter().any(is_zoned) {
            true => Some(self.coerced(types)?),
            false => None,
        };
        let types = converted.as_deref().unwrap_or(types);
        Ok(match self.returns {
            Returns::Text => DataType::Utf8,
            Returns::Binary => DataType::Binary,
            Returns::Integer => DataType::Int64,
            Returns::Float => DataType::Float64,
            Returns::Boolean => DataType::Boolean,
            Returns::Date => DataType::Date32,
            Returns::TimestampTz => zoned(),
            Returns::Variant | Returns::Object | Returns::Array => CARRIER,
            Returns::Geography => DataType::LargeBinary,
            Returns::Argument(at) => types
                .get(at)
                .cloned()
                .ok_or_else(|| internal_datafusion_err!("{} lacks an argument", self.name))?,
            Returns::With(decide) => decide(types, constants)?,
        })
    }
}

/// Whether a conversion makes truth of a decimal.
pub(crate) fn is_decimal_truth(from: &DataType, to: &DataType) -> bool {
    *to == DataType::Boolean && from.is_decimal()
}

/// A [`Function`] as DataFusion calls it.
#[derive(Debug)]
struct Udf {
    function: &'static Function,
    aliases: Vec<String>,
    signature: Signature,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Udf {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for Udf {}

impl Hash for Udf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

/// The call of one of these functions that `expr` is, whose casts have no name.
fn called(expr: &Expr) -> Option<(&Udf, &[Expr])> {
    match expr {
        Expr::Cast(cast) => called(&cast.expr),
        Expr::TryCast(cast) => called(&cast.expr),
        Expr::ScalarFunction(call) => Some((call.func.inner().downcast_ref()?, &call.args)),
        _ => None,
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        self.function.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    /// The name that DataFusion's own implementation gives, in one text: a chain of operators (`a + b + c …`) nests
    /// calls as deep as it is long, and a text for each level of each level takes cubic time.
    fn schema_name(&self, mut args: &[Expr]) -> Result<String> {
        let mut name = format!("{}(", self.name());
        let mut rests: Vec<&[Expr]> = Vec::new();
        while let Some((first, rest)) = args.split_first() {
            rests.push(rest);
            match called(first) {
                Some((function, inner)) => {
                    name.push_str(function.name());
                    name.push('(');
                    args = inner;
                }
                None => {
                    name.push_str(&first.schema_name().to_string());
                    break;
                }
            }
        }
        // A call without arguments is closed like one whose others follow.
        if args.is_empty() {
            name.push(')');
        }
        for rest in rests.iter().rev() {
            for arg in *rest {
                name.push(',');
                name.push_str(&arg.schema_name().to_string());
            }
            name.push(')');
        }
        Ok(name)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.announced(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.return_type(types, &vec![None; types.len()])
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args
            .arg_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        let returned = self.function.return_type(&types, args.scalar_arguments)?;
        let field = Field::new(self.function.name, returned, true);
        let logical = match self.function.returns {
            Returns::Variant => Some("VARIANT"),
            Returns::Object => Some("OBJECT"),
            Returns::Array => Some("ARRAY"),
            Returns::Argument(at) => args
                .arg_fields
                .get(at)
                .filter(|argument| argument.data_type() == field.data_type())
                .and_then(|argument| logical_type(argument)),
            _ => None,
        };
        Ok(Arc::new(match logical {
            Some(logical) => field.with_metadata(logical_metadata(logical)),
            None => field,
        }))
    }

    fn short_circuits(&self) -> bool {
        matches!(self.function.body, Body::Rewrite(_))
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match self.function.body {
            Body::Kernel(_) => Ok(ExprSimplifyResult::Original(args)),
            Body::Rewrite(rewrite) => Ok(ExprSimplifyResult::Simplified(rewrite(args)?)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let call = Call::new(&args)?;
        let result = match self.function.body {
            Body::Kernel(kernel) => kernel(&call)?,
            Body::Rewrite(rewrite) => evaluate(rewrite, &args, &call)?,
        };
        if call.is_constant() {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &result, 0,
            )?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// The rewritten expression over the arguments: for whoever evaluates without the optimizer.
fn evaluate(
    rewrite: fn(Vec<Expr>) -> Result<Expr>,
    args: &ScalarFunctionArgs,
    call: &Call,
) -> Result<arrow::array::ArrayRef> {
    let batch = call.batch(&args.arg_fields)?;
    let schema = DFSchema::try_from(batch.schema())?;
    let columns = batch
        .schema()
        .fields()
        .iter()
        .map(|field| ident(field.name()))
        .collect();
    let (props, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    let expr = create_physical_expr(&rewrite(columns)?, &schema, &props, &context)?;
    expr.evaluate(&batch)?.into_array(batch.num_rows())
}

static ALL: LazyLock<HashMap<&'static str, Arc<ScalarUDF>>> = LazyLock::new(|| {
    crate::families::all()
        .map(|function| {
            let udf = Udf {
                function,
                aliases: function
                    .aliases
                    .iter()
                    .map(|&name| name.to_owned())
                    .collect(),
                signature: Signature::user_defined(function.volatility),
            };
            (function.name, Arc::new(ScalarUDF::new_from_impl(udf)))
        })
        .collect()
});

/// All scalar functions of this crate that are called by name.
pub(crate) fn all() -> impl Iterator<Item = Arc<ScalarUDF>> {
    crate::families::all()
        .filter(|function| !function.is_operator())
        .filter_map(|function| ALL.get(function.name).cloned())
}

/// Whether DataFusion calls one of this crate's functions here.
pub(crate) fn is_own(udf: &ScalarUDF) -> bool {
    ALL.get(udf.name()).is_some_and(|own| own.as_ref() == udf)
        || matches!(udf.name(), "convert" | "try_convert")
}

/// Whether the argument of a function of this crate at this place is brought to one type with others.
pub(crate) fn is_shared(udf: &ScalarUDF, at: usize) -> bool {
    let own = crate::families::all().find(|function| function.name == udf.name());
    own.filter(|function| function.coerce.is_none())
        .and_then(|function| function.parameters.get(at).or(function.parameters.last()))
        .is_some_and(|kind| matches!(kind, Kind::Common | Kind::Branch))
}

/// Whether a function gives values of TIMESTAMP_TZ from others.
pub(crate) fn makes_zoned(udf: &ScalarUDF) -> bool {
    matches!(
        udf.name(),
        "convert_timezone"
            | "to_timestamp_tz"
            | "try_to_timestamp_tz"
            | "timestamp_tz_from_parts"
            | "convert"
            | "try_convert"
    )
}

/// The types that a call converts its arguments to, if it is one of this crate's functions.
pub(crate) fn coerced(udf: &ScalarUDF, types: &[DataType]) -> Option<Result<Vec<DataType>>> {
    let function = crate::families::all().find(|function| function.name == udf.name())?;
    is_own(udf).then(|| function.coerced(types))
}

/// A call of one of this crate's functions.
pub(crate) fn call(name: &str, args: Vec<Expr>) -> Result<Expr> {
    let udf = ALL
        .get(name)
        .ok_or_else(|| internal_datafusion_err!("function `{name}` is not in the table"))?;
    Ok(udf.call(args))
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{cast, lit, try_cast};

    use super::*;

    /// As DataFusion names calls: each by the names of its arguments.
    fn named(expr: &Expr) -> String {
        match expr {
            Expr::Cast(cast) => named(&cast.expr),
            Expr::TryCast(cast) => named(&cast.expr),
            Expr::ScalarFunction(call) => {
                let args: Vec<_> = call.args.iter().map(named).collect();
                format!("{}({})", call.name(), args.join(","))
            }
            other => other.schema_name().to_string(),
        }
    }

    #[test]
    fn nested_calls_have_the_names_of_datafusion() -> Result<()> {
        let none = call("upper", Vec::new())?;
        let one = call("upper", vec![cast(ident("a"), DataType::Utf8)])?;
        let two = call("nvl", vec![try_cast(one.clone(), DataType::Int64), one])?;
        let deep = call("nvl2", vec![two.clone(), none.clone(), two * lit(2)])?;
        for expr in [none, deep.clone(), call("nvl", vec![deep, lit("x")])?] {
            assert_eq!(expr.schema_name().to_string(), named(&expr));
        }
        Ok(())
    }
}
