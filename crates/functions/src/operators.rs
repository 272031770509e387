//! [`Operators`]: `/`, `*`, `||`, date arithmetic and comparisons as Snowflake reads them, aggregates
//! and window functions that are other expressions, and `EXTRACT`.
//!
//! <https://docs.snowflake.com/en/sql-reference/operators-arithmetic>

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr, RawWindowExpr,
};
use datafusion::logical_expr::{Expr, ExprSchemable, cast, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::coercion::spelled;
use crate::scalar::TEXT;
use crate::zoned::is_zoned;
use crate::zoned_rules::as_instant;
use crate::{aggregate, scalar, variant_rules};

/// Plans what DataFusion would plan otherwise.
#[derive(Debug)]
pub(crate) struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(
        &self,
        raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        // A name that does not resolve is reported by DataFusion, which knows the candidates.
        let (Ok(left), Ok(right)) = (raw.left.get_type(schema), raw.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(raw));
        };
        let raw = match variant_rules::operands(raw, &left, &right)? {
            Ok(raw) => raw,
            Err(planned) => return Ok(PlannerResult::Planned(planned)),
        };
        let (Ok(left), Ok(right)) = (raw.left.get_type(schema), raw.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(raw));
        };
        let (raw, sides) = numbers_said(raw, Sides { left, right });
        let (raw, sides) = narrowed(raw, sides);
        match raw.op {
            BinaryOperator::Divide if sides.are_numbers() => {
                planned("divide", vec![raw.left, raw.right])
            }
            BinaryOperator::Multiply if sides.need_own_product() => {
                planned("multiply", vec![raw.left, raw.right])
            }
            BinaryOperator::Multiply if sides.are_numbers() => {
                let left = as_number(raw.left, &sides.left);
                let right = as_number(raw.right, &sides.right);
                let op = raw.op;
                Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
            }
            BinaryOperator::Plus if sides.are_exact() => planned("plus", vec![raw.left, raw.right]),
            BinaryOperator::Minus if sides.are_exact() => {
                planned("minus", vec![raw.left, raw.right])
            }
            BinaryOperator::Modulo if sides.are_numbers() => {
                planned("mod", vec![raw.left, raw.right])
            }
            BinaryOperator::Plus | BinaryOperator::Minus => sum(raw, &sides),
            BinaryOperator::StringConcat
                if sides.left == DataType::Binary && sides.right == DataType::Binary =>
            {
                planned("concat", vec![raw.left, raw.right])
            }
            BinaryOperator::StringConcat
                if sides.left == DataType::Binary && is_text(&sides.right)
                    || is_text(&sides.left) && sides.right == DataType::Binary =>
            {
                plan_err!("Text and BINARY are not joined: TO_CHAR(value, 'HEX') makes text")
            }
            BinaryOperator::StringConcat => Ok(PlannerResult::Original(RawBinaryExpr {
                op: raw.op,
                left: as_text(raw.left, &sides.left),
                right: as_text(raw.right, &sides.right),
            })),
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Spaceship => Ok(PlannerResult::Original(comparable(raw, &sides))),
            _ => Ok(PlannerResult::Original(raw)),
        }
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        planned("date_part", args)
    }

    fn plan_substring(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        planned("substr", args)
    }

    fn plan_position(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        // DataFusion hands the text first and what is sought after it.
        planned("charindex", args.into_iter().rev().collect())
    }

    fn plan_aggregate(&self, raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        aggregate::plan_aggregate(raw)
    }

    fn plan_window(&self, raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        aggregate::plan_window(raw)
    }
}

fn planned<T>(name: &str, args: Vec<Expr>) -> Result<PlannerResult<T>> {
    scalar::call(name, args).map(PlannerResult::Planned)
}

/// The types left and right of an operator.
struct Sides {
    left: DataType,
    right: DataType,
}

impl Sides {
    /// Text counts as a number, which is what arithmetic makes of it.
    fn are_numbers(&self) -> bool {
        is_number(&self.left) && is_number(&self.right)
    }

    /// Text counts as a number here too.
    fn need_own_product(&self) -> bool {
        let other = |side: &DataType| side.is_floating() || side.is_null();
        self.are_numbers() && !other(&self.left) && !other(&self.right)
    }

    /// Whole numbers would wrap at 64 bits, and decimals would outgrow their scale.
    fn are_exact(&self) -> bool {
        let exact = |side: &DataType| side.is_integer() || side.is_decimal();
        exact(&self.left) && exact(&self.right)
    }
}

fn is_arithmetic(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
    )
}

/// Text beside an exact number is a NUMBER(18,5), and one that is written has the digits that it says. Accounts do
/// so, and no page says it; beside anything else text is a floating-point number.
fn numbers_said(raw: RawBinaryExpr, sides: Sides) -> (RawBinaryExpr, Sides) {
    let (mut raw, mut sides) = (raw, sides);
    let exact = |side: &DataType| side.is_integer() || side.is_decimal();
    if !is_arithmetic(&raw.op) || exact(&sides.left) == exact(&sides.right) {
        return (raw, sides);
    }
    for (side, kind) in [
        (&mut raw.left, &mut sides.left),
        (&mut raw.right, &mut sides.right),
    ] {
        if is_text(kind) {
            let said = match spelled(side) {
                Some(DataType::Decimal128(_, scale)) => scale.min(TEXT.1),
                Some(_) => 0,
                None => TEXT.1,
            };
            *kind = DataType::Decimal128(TEXT.0, said);
            *side = cast(std::mem::take(side), kind.clone());
        }
    }
    (raw, sides)
}

/// A whole number that is written beside a decimal has the digits that are written, as the vendor's
/// literals have: the result's digits are those the columns need.
fn narrowed(raw: RawBinaryExpr, sides: Sides) -> (RawBinaryExpr, Sides) {
    let (mut raw, mut sides) = (raw, sides);
    if !is_arithmetic(&raw.op) {
        return (raw, sides);
    }
    for (side, kind) in [
        (&mut raw.left, &mut sides.left),
        (&mut raw.right, &mut sides.right),
    ] {
        if let Some(literal) = written(side).filter(|literal| !fits_a_sum(literal)) {
            *kind = literal.data_type();
            *side = Expr::Literal(literal, None);
        }
    }
    if sides.right.is_decimal()
        && let Some(literal) = written(&raw.left)
    {
        sides.left = literal.data_type();
        raw.left = Expr::Literal(literal, None);
    } else if sides.left.is_decimal()
        && let Some(literal) = written(&raw.right)
    {
        sides.right = literal.data_type();
        raw.right = Expr::Literal(literal, None);
    }
    (raw, sides)
}

/// A whole number's literal as a decimal of its digits.
fn written(expr: &Expr) -> Option<ScalarValue> {
    let Expr::Literal(ScalarValue::Int64(Some(number)), _) = expr else {
        return None;
    };
    let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
    let precision = u8::try_from(digits).ok()?;
    Some(ScalarValue::Decimal128(
        Some(i128::from(*number)),
        precision,
        0,
    ))
}

/// Whether 64 bits hold sums of a whole number with others as large.
fn fits_a_sum(literal: &ScalarValue) -> bool {
    matches!(literal, ScalarValue::Decimal128(_, precision, _) if *precision < 19)
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric() || data_type.is_null() || is_text(data_type)
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Utf8View)
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(..)) || is_zoned(data_type)
}

fn is_timestamp(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..))
}

/// A date plus or minus days, the days between two dates, and numbers written as text. Accounts add no numbers to
/// timestamps.
fn sum(raw: RawBinaryExpr, sides: &Sides) -> Result<PlannerResult<RawBinaryExpr>> {
    let RawBinaryExpr { op, left, right } = raw;
    let minus = op == BinaryOperator::Minus;
    let meets_number = |moment: &DataType, other: &DataType| {
        is_moment(moment) && *moment != DataType::Date32 && other.is_numeric()
    };
    if meets_number(&sides.left, &sides.right) || meets_number(&sides.right, &sides.left) {
        return plan_err!(
            "Days are added to dates, not to timestamps: cast to DATE, or write DATEADD(day, number, timestamp)"
        );
    }
    if is_moment(&sides.left) && sides.right.is_numeric() {
        let days = if minus {
            Expr::Negative(Box::new(right))
        } else {
            right
        };
        return planned("dateadd", vec![lit("day"), days, left]);
    }
    if !minus && sides.left.is_numeric() && is_moment(&sides.right) {
        return planned("dateadd", vec![lit("day"), left, right]);
    }
    if minus && is_moment(&sides.left) && is_moment(&sides.right) {
        if sides.left != DataType::Date32 || sides.right != DataType::Date32 {
            return plan_err!(
                "Only dates are subtracted from each other: write DATEDIFF(part, from, to) for timestamps"
            );
        }
        return planned("datediff", vec![lit("day"), right, left]);
    }
    let (left, right) = match sides.are_numbers() {
        true => (as_number(left, &sides.left), as_number(right, &sides.right)),
        false => (left, right),
    };
    Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
}

/// Text in a sum is read as a floating-point number, as it is in a product.
fn as_number(expr: Expr, data_type: &DataType) -> Expr {
    if is_text(data_type) {
        cast(expr, DataType::Float64)
    } else {
        expr
    }
}

fn as_text(expr: Expr, data_type: &DataType) -> Expr {
    if is_text(data_type) {
        expr
    } else {
        cast(expr, DataType::Utf8)
    }
}

/// Text beside a truth value, a date, a timestamp or a number is read as one.
fn comparable(raw: RawBinaryExpr, sides: &Sides) -> RawBinaryExpr {
    let RawBinaryExpr { op, left, right } = raw;
    if is_zoned(&sides.left) || is_zoned(&sides.right) {
        let left = as_instant(left, &sides.left);
        let right = as_instant(right, &sides.right);
        return RawBinaryExpr { op, left, right };
    }
    if matches!(
        (&sides.left, &sides.right),
        (DataType::Interval(_), DataType::Interval(_))
    ) {
        // By how long they are: their parts would be compared one by one, and no day is 24 hours then.
        let from_epoch =
            |length: Expr| lit(ScalarValue::TimestampMicrosecond(Some(0), None)) + length;
        let (left, right) = (from_epoch(left), from_epoch(right));
        return RawBinaryExpr { op, left, right };
    }
    let rules = |kind: &DataType| {
        kind.is_numeric()
            || is_moment(kind)
            || matches!(
                kind,
                DataType::Boolean | DataType::Time64(_) | DataType::Binary
            )
    };
    if is_text(&sides.left) && rules(&sides.right) {
        let left = cast(left, text_beside(&sides.right));
        return RawBinaryExpr { op, left, right };
    }
    if rules(&sides.left) && is_text(&sides.right) {
        let right = cast(right, text_beside(&sides.left));
        return RawBinaryExpr { op, left, right };
    }
    // DataFusion would count both in nanoseconds, of which 64 bits end in the year 2262.
    if sides.left == DataType::Date32 && is_timestamp(&sides.right) {
        let left = cast(left, sides.right.clone());
        return RawBinaryExpr { op, left, right };
    }
    if is_timestamp(&sides.left) && sides.right == DataType::Date32 {
        let right = cast(right, sides.left.clone());
        return RawBinaryExpr { op, left, right };
    }
    if sides.left == DataType::Boolean && sides.right.is_numeric() {
        let right = cast(right, DataType::Boolean);
        return RawBinaryExpr { op, left, right };
    }
    if sides.left.is_numeric() && sides.right == DataType::Boolean {
        let left = cast(left, DataType::Boolean);
        return RawBinaryExpr { op, left, right };
    }
    // DataFusion would count both in fifteen digits behind the point.
    if sides.left.is_floating() && sides.right.is_decimal() {
        let right = cast(right, DataType::Float64);
        return RawBinaryExpr { op, left, right };
    }
    if sides.left.is_decimal() && sides.right.is_floating() {
        let left = cast(left, DataType::Float64);
        return RawBinaryExpr { op, left, right };
    }
    RawBinaryExpr { op, left, right }
}

/// What text becomes beside this type: whole numbers must not round the text they are compared with.
pub(crate) fn text_beside(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Decimal128(_, scale) => DataType::Decimal128(38, (*scale).max(6)),
        number if number.is_integer() => DataType::Decimal128(38, 6),
        other => other.clone(),
    }
}
