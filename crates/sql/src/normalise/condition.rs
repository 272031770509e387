//! Conditions: what stands as one is a truth value, and a join without one joins every row with every row.
//!
//! Text, numbers and VARIANT are coerced to BOOLEAN where one is expected
//! (<https://docs.snowflake.com/en/sql-reference/data-type-conversion#data-types-that-can-be-converted>); the planner
//! takes truth values alone. The ON clause of a join may be left out
//! (<https://docs.snowflake.com/en/sql-reference/constructs/join#syntax>).

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
    Join, JoinConstraint, JoinOperator, Select, TableFactor, TableWithJoins, UnaryOperator, Value,
};

/// Casts what WHERE, HAVING, QUALIFY and the ON clauses of `select` ask.
pub(super) fn cast_clauses(select: &mut Select) {
    let clauses = [
        &mut select.selection,
        &mut select.having,
        &mut select.qualify,
    ];
    clauses.into_iter().flatten().for_each(cast);
    for join in select.from.iter_mut().flat_map(|table| &mut table.joins) {
        if let Some(JoinConstraint::On(condition)) = constraint(&mut join.join_operator) {
            cast(condition);
        }
    }
}

/// Casts the operands of AND, OR and NOT, what the functions take that do the same, and the conditions of CASE and IFF.
pub(super) fn cast_operands(expr: &mut Expr) {
    match expr {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And | BinaryOperator::Or,
            right,
        } => {
            cast(left);
            cast(right);
        }
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr,
        } => cast(expr),
        Expr::Case {
            operand: None,
            conditions,
            ..
        } => conditions
            .iter_mut()
            .for_each(|when| cast(&mut when.condition)),
        Expr::Function(function) => {
            let conditions = match function.name.to_string().as_str() {
                "BOOLAND" | "BOOLOR" | "BOOLXOR" | "BOOLNOT" => usize::MAX,
                "IFF" => 1,
                _ => return,
            };
            if let FunctionArguments::List(list) = &mut function.args {
                for argument in list.args.iter_mut().take(conditions) {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(condition)) = argument {
                        cast(condition);
                    }
                }
            }
        }
        _ => {}
    }
}

fn cast(condition: &mut Expr) {
    if let Expr::Nested(inner) = condition {
        return cast(inner);
    }
    if may_be_no_truth_value(condition) {
        *condition = Expr::Cast {
            kind: CastKind::DoubleColon,
            expr: Box::new(std::mem::replace(condition, Expr::value(Value::Null))),
            data_type: DataType::Boolean,
            array: false,
            format: None,
        };
    }
}

fn may_be_no_truth_value(condition: &Expr) -> bool {
    match condition {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::JsonAccess { .. }
        | Expr::Function(_)
        | Expr::UnaryOp {
            op: UnaryOperator::Minus | UnaryOperator::Plus,
            ..
        } => true,
        Expr::Value(value) => !matches!(value.value, Value::Boolean(_) | Value::Null),
        Expr::Cast { data_type, .. } => !matches!(data_type, DataType::Boolean | DataType::Bool),
        _ => false,
    }
}

/// Joins every row with every row where a join of `table` has no condition.
///
/// The parser takes `a join b join c` for `a join (b join c)`, in which `c` could not be an expansion of a column of
/// `a` or `b`: without a condition of its own the first join can as well come first.
pub(super) fn complete(table: &mut TableWithJoins) {
    let mut at = 0;
    while let Some(join) = table.joins.get_mut(at) {
        if constraint(&mut join.join_operator) != Some(&mut JoinConstraint::None) {
            at += 1;
            continue;
        }
        if let TableFactor::NestedJoin {
            table_with_joins: nested,
            alias: None,
        } = &join.relation
            && comes_first(&join.join_operator, &nested.joins)
        {
            let nested = nested.as_ref().clone();
            join.relation = nested.relation;
            table.joins.splice(at + 1..at + 1, nested.joins);
            continue;
        }
        match &mut join.join_operator {
            operator @ (JoinOperator::Join(_) | JoinOperator::Inner(_)) => {
                *operator = JoinOperator::CrossJoin(JoinConstraint::None);
            }
            operator => {
                if let Some(missing) = constraint(operator) {
                    *missing = JoinConstraint::On(Expr::value(Value::Boolean(true)));
                }
            }
        }
        at += 1;
    }
}

/// Whether a join without a condition gives the same before `joins` as behind them.
fn comes_first(operator: &JoinOperator, joins: &[Join]) -> bool {
    let is_left = |operator: &JoinOperator| {
        matches!(operator, JoinOperator::Left(_) | JoinOperator::LeftOuter(_))
    };
    let is_inner = |operator: &JoinOperator| {
        matches!(
            operator,
            JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_)
        )
    };
    let mut inside = joins.iter().map(|join| &join.join_operator);
    match operator {
        operator if is_inner(operator) => {
            inside.all(|operator| is_inner(operator) || is_left(operator))
        }
        operator if is_left(operator) => inside.all(is_left),
        _ => false,
    }
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}
