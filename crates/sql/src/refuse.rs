//! What parses and is not implemented: refused here, because the planner would ignore it.
//!
//! Queries and the statements that carry them are taken apart field by field, so that a field a new
//! parser version adds does not compile until somebody decides about it.

use diagnostic::{Error, Place, Result, codes};
use sqlparser::ast::{
    Cte, Expr, Function, FunctionArgumentClause, FunctionArguments, GroupByExpr, Join,
    JoinOperator, LimitClause, OrderByKind, Query, Select, SelectFlavor, SetExpr, SetOperator,
    SetQuantifier, TableAlias, TableFactor, TableSample, TableSampleKind, TableVersion, With,
};

use crate::recursive::names_itself;

/// `S1001`: `part` of a statement is valid and not implemented.
#[must_use]
pub fn unsupported(part: &str, remedy: &str, place: Place) -> Error {
    Error::new(codes::S1001, format!("{part} is not supported"))
        .at(place)
        .help(remedy)
}

/// A refusal before its place is known.
pub(crate) struct Refusal {
    pub part: String,
    pub remedy: &'static str,
}

fn refused<T>(part: impl Into<String>, remedy: &'static str) -> Result<T, Refusal> {
    Err(Refusal {
        part: part.into(),
        remedy,
    })
}

/// Refuses when `present`.
fn absent(present: bool, part: &str, remedy: &'static str) -> Result<(), Refusal> {
    if present {
        refused(part, remedy)
    } else {
        Ok(())
    }
}

const OTHER_DIALECT: &str = "leave it out: it belongs to another dialect";

pub(crate) fn query(query: &Query) -> Result<(), Refusal> {
    let Query {
        with,
        body,
        order_by,
        limit_clause,
        fetch,
        locks,
        for_clause,
        settings,
        format_clause,
        pipe_operators,
    } = query;
    absent(
        !locks.is_empty(),
        "FOR UPDATE",
        "leave it out: a statement sees one version of every table",
    )?;
    absent(for_clause.is_some(), "FOR XML/JSON/BROWSE", OTHER_DIALECT)?;
    absent(settings.is_some(), "SETTINGS", OTHER_DIALECT)?;
    absent(format_clause.is_some(), "FORMAT", OTHER_DIALECT)?;
    absent(
        !pipe_operators.is_empty(),
        "The pipe operator",
        "write the steps as WITH clauses",
    )?;
    let percent = fetch
        .as_ref()
        .is_some_and(|fetch| fetch.percent || fetch.with_ties);
    absent(
        percent,
        "FETCH … PERCENT/WITH TIES",
        "use `qualify rank() over (…) <= n`",
    )?;
    let interpolate = order_by
        .as_ref()
        .is_some_and(|order| order.interpolate.is_some());
    absent(interpolate, "INTERPOLATE", OTHER_DIALECT)?;
    let fill = order_by.as_ref().is_some_and(|order| match &order.kind {
        OrderByKind::Expressions(exprs) => exprs.iter().any(|expr| expr.with_fill.is_some()),
        OrderByKind::All(_) => false,
    });
    absent(fill, "WITH FILL", OTHER_DIALECT)?;
    let by = matches!(limit_clause, Some(LimitClause::LimitOffset { limit_by, .. }) if !limit_by.is_empty());
    absent(by, "LIMIT … BY", "use `qualify row_number() over (…) <= n`")?;
    if let Some(With {
        with_token: _,
        recursive,
        cte_tables,
    }) = with
    {
        cte_tables
            .iter()
            .try_for_each(|table| cte(table, *recursive))?;
    }
    set_expr(body)
}

fn cte(table: &Cte, recursive: bool) -> Result<(), Refusal> {
    let Cte {
        alias,
        query,
        from,
        materialized,
        closing_paren_token: _,
    } = table;
    table_alias(Some(alias))?;
    absent(from.is_some(), "FROM after a WITH clause", OTHER_DIALECT)?;
    absent(materialized.is_some(), "MATERIALIZED", OTHER_DIALECT)?;
    // The planner looks at the two sides of the UNION only.
    let more = query.with.is_some()
        || query.order_by.is_some()
        || query.limit_clause.is_some()
        || query.fetch.is_some();
    absent(
        recursive && names_itself(table) && more,
        "WITH, ORDER BY or LIMIT around the UNION of a recursive query",
        "put it into the query that reads the recursive one",
    )
}

fn set_expr(body: &SetExpr) -> Result<(), Refusal> {
    match body {
        SetExpr::SetOperation {
            op,
            set_quantifier,
            left,
            right,
        } => {
            let by_name = matches!(
                set_quantifier,
                SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName
            );
            absent(
                by_name && *op != SetOperator::Union,
                "BY NAME outside of UNION",
                "list the columns in the same order on both sides",
            )?;
            set_expr(left)?;
            set_expr(right)
        }
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            refused(
                "A change inside a query",
                "write it as a statement of its own",
            )
        }
        SetExpr::Table(_) => refused("TABLE as a query", "write `select * from …`"),
        SetExpr::Values(values) => absent(values.explicit_row, "VALUES ROW", OTHER_DIALECT),
        SetExpr::Select(_) | SetExpr::Query(_) => Ok(()),
    }
}

pub(crate) fn select(select: &Select) -> Result<(), Refusal> {
    let Select {
        select_token: _,
        optimizer_hints: _, // comments, by definition without effect on the result
        distinct: _,
        select_modifiers,
        top,
        top_before_distinct: _,
        projection: _,
        exclude,
        into,
        from,
        lateral_views,
        prewhere,
        selection: _,
        connect_by,
        group_by,
        cluster_by,
        distribute_by,
        sort_by,
        having: _,
        named_window: _,
        qualify: _,
        window_before_qualify: _,
        value_table_mode,
        flavor,
    } = select;
    absent(
        select_modifiers.is_some(),
        "A modifier of SELECT",
        OTHER_DIALECT,
    )?;
    let ties = top.as_ref().is_some_and(|top| top.with_ties || top.percent);
    absent(
        ties,
        "TOP … PERCENT/WITH TIES",
        "use `qualify rank() over (…) <= n`",
    )?;
    absent(
        exclude.is_some(),
        "EXCLUDE after the select list",
        "write `* exclude (…)`",
    )?;
    absent(
        into.is_some(),
        "SELECT INTO",
        "write `create table … as select`",
    )?;
    absent(
        !lateral_views.is_empty(),
        "LATERAL VIEW",
        "use `lateral flatten(…)`",
    )?;
    absent(prewhere.is_some(), "PREWHERE", "write WHERE")?;
    absent(
        !connect_by.is_empty(),
        "CONNECT BY over a join, or with NOCYCLE",
        "put the join into a subquery: `from (select …) connect by …`",
    )?;
    absent(
        !cluster_by.is_empty(),
        "CLUSTER BY in a query",
        OTHER_DIALECT,
    )?;
    absent(!distribute_by.is_empty(), "DISTRIBUTE BY", OTHER_DIALECT)?;
    absent(!sort_by.is_empty(), "SORT BY", "write ORDER BY")?;
    absent(
        value_table_mode.is_some(),
        "AS STRUCT/AS VALUE",
        OTHER_DIALECT,
    )?;
    absent(
        *flavor != SelectFlavor::Standard,
        "FROM before SELECT",
        "start with SELECT",
    )?;
    let (GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers)) = group_by;
    absent(
        !modifiers.is_empty(),
        "WITH ROLLUP/CUBE/TOTALS",
        "write `group by rollup (…)`",
    )?;
    from.iter()
        .flat_map(|table| &table.joins)
        .try_for_each(join)
}

fn join(join: &Join) -> Result<(), Refusal> {
    use JoinOperator as J;
    absent(join.global, "GLOBAL JOIN", OTHER_DIALECT)?;
    match &join.join_operator {
        J::CrossApply | J::OuterApply => refused("APPLY", "use a lateral join"),
        J::StraightJoin(_) | J::ArrayJoin | J::LeftArrayJoin | J::InnerArrayJoin => {
            refused("This kind of join", OTHER_DIALECT)
        }
        J::Join(_)
        | J::Inner(_)
        | J::Left(_)
        | J::LeftOuter(_)
        | J::Right(_)
        | J::RightOuter(_) => Ok(()),
        J::FullOuter(_) | J::CrossJoin(_) | J::Semi(_) | J::LeftSemi(_) | J::RightSemi(_) => Ok(()),
        J::Anti(_) | J::LeftAnti(_) | J::RightAnti(_) | J::AsOf { .. } => Ok(()),
    }
}

pub(crate) fn table_factor(factor: &TableFactor) -> Result<(), Refusal> {
    match factor {
        TableFactor::Table {
            name: _,
            alias,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
        } => {
            // AT and BEFORE are the engine's, which takes them out before it plans.
            if let Some(version) = version
                && !matches!(version, TableVersion::Function(_))
            {
                return refused(
                    format!("Time travel (`{version}`)"),
                    "read the current version",
                );
            }
            sampled(sample.as_ref())?;
            let settings = args.as_ref().is_some_and(|args| args.settings.is_some());
            absent(settings, "SETTINGS", OTHER_DIALECT)?;
            absent(
                *with_ordinality,
                "WITH ORDINALITY",
                "number the rows with `row_number()`",
            )?;
            absent(
                !partitions.is_empty(),
                "PARTITION on a table",
                "filter with WHERE",
            )?;
            absent(
                !index_hints.is_empty() || !with_hints.is_empty(),
                "A hint on a table",
                "leave it out",
            )?;
            absent(
                json_path.is_some(),
                "A path on a table",
                "use `lateral flatten(…)`",
            )?;
            table_alias(alias.as_ref())
        }
        TableFactor::Derived {
            lateral: _,
            subquery: _,
            alias,
            sample,
        } => {
            sampled(sample.as_ref())?;
            table_alias(alias.as_ref())
        }
        TableFactor::NestedJoin {
            table_with_joins,
            alias,
        } => {
            table_alias(alias.as_ref())?;
            table_with_joins.joins.iter().try_for_each(join)
        }
        TableFactor::Pivot {
            table: _,
            aggregate_functions,
            value_column,
            value_source: _,
            default_on_null: _,
            alias,
        } => {
            absent(
                aggregate_functions.len() != 1,
                "PIVOT with several aggregates",
                "join one PIVOT per aggregate, or aggregate with `sum(iff(…))` per value",
            )?;
            let named = aggregate_functions.iter().any(|call| call.alias.is_some());
            absent(
                named,
                "An alias of PIVOT's aggregate",
                "name the columns behind PIVOT",
            )?;
            absent(
                value_column.len() != 1,
                "PIVOT by several columns",
                "concatenate them in a subquery",
            )?;
            table_alias(alias.as_ref())
        }
        TableFactor::Unpivot {
            table: _,
            value,
            name: _,
            columns: _,
            null_inclusion: _,
            alias,
        } => {
            absent(
                !matches!(value, Expr::Identifier(_)),
                "UNPIVOT into several columns",
                "use one select per row and UNION ALL",
            )?;
            table_alias(alias.as_ref())
        }
        // What `match_recognize` could not write as a query.
        TableFactor::MatchRecognize { .. } => refused(
            "This form of MATCH_RECOGNIZE",
            "let DEFINE read columns, LAG and LEAD, and MEASURES functions of one symbol each",
        ),
        TableFactor::JsonTable { .. }
        | TableFactor::OpenJsonTable { .. }
        | TableFactor::XmlTable { .. }
        | TableFactor::SemanticView { .. } => refused("This table function", OTHER_DIALECT),
        TableFactor::TableFunction { expr: _, alias } => table_alias(alias.as_ref()),
        TableFactor::Function {
            lateral: _,
            name: _,
            args: _,
            with_ordinality,
            alias,
        } => {
            absent(*with_ordinality, "WITH ORDINALITY", OTHER_DIALECT)?;
            table_alias(alias.as_ref())
        }
        TableFactor::UNNEST {
            alias,
            array_exprs: _,
            with_offset,
            with_offset_alias,
            with_ordinality,
        } => {
            let offset = *with_offset || with_offset_alias.is_some() || *with_ordinality;
            absent(offset, "WITH OFFSET", "use `lateral flatten(…)`")?;
            table_alias(alias.as_ref())
        }
    }
}

fn sampled(sample: Option<&TableSampleKind>) -> Result<(), Refusal> {
    let Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) =
        sample
    else {
        return Ok(());
    };
    let TableSample {
        modifier: _,
        name: _,
        quantity: _,
        seed: _,
        bucket,
        offset,
    } = sample.as_ref();
    absent(
        bucket.is_some() || offset.is_some(),
        "SAMPLE of a bucket or an offset",
        "write `sample (percent)` or `sample (n rows)`",
    )
}

fn table_alias(alias: Option<&TableAlias>) -> Result<(), Refusal> {
    let at = alias.is_some_and(|alias| alias.at.is_some());
    absent(at, "AT after an alias", OTHER_DIALECT)?;
    let typed = alias.is_some_and(|alias| {
        alias
            .columns
            .iter()
            .any(|column| column.data_type.is_some())
    });
    absent(typed, "Types in an alias", "cast in the query")
}

/// Refuses what an expression itself holds; those inside of it come on their own.
pub(crate) fn expression(expr: &Expr) -> Result<(), Refusal> {
    match expr {
        Expr::Function(call) => function(call),
        Expr::Cast {
            kind: _,
            expr: _,
            data_type: _,
            array,
            format,
        } => {
            absent(*array, "CAST … ARRAY", OTHER_DIALECT)?;
            absent(
                format.is_some(),
                "CAST … FORMAT",
                "use `to_date(text, format)` and its kin",
            )
        }
        Expr::Collate { .. } => refused("COLLATE", "compare with `lower(…)`"),
        Expr::AtTimeZone { .. } => refused("AT TIME ZONE", "use `convert_timezone(…)`"),
        Expr::SimilarTo { .. } => refused("SIMILAR TO", "use `regexp_like(…)`"),
        Expr::Overlay { .. } => refused("OVERLAY", "use `insert(…)`"),
        Expr::Convert { .. } => refused("CONVERT", "use `cast(… as …)`"),
        Expr::Struct { .. } => refused("STRUCT", "use `object_construct(…)`"),
        Expr::Map(_) => refused("MAP", "use `object_construct(…)`"),
        Expr::OuterJoin(_) => refused("`(+)` outside of WHERE", "write LEFT JOIN … ON"),
        Expr::Prior(_) => refused("PRIOR", "use a recursive WITH clause"),
        Expr::IsNormalized { .. }
        | Expr::InUnnest { .. }
        | Expr::MatchAgainst { .. }
        | Expr::MemberOf(_)
        | Expr::Prefixed { .. } => refused("This operator", OTHER_DIALECT),
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::CompoundFieldAccess { .. }
        | Expr::JsonAccess { .. }
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::BinaryOp { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::RLike { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. }
        | Expr::UnaryOp { .. }
        | Expr::Extract { .. }
        | Expr::Ceil { .. }
        | Expr::Floor { .. }
        | Expr::Position { .. }
        | Expr::Substring { .. }
        | Expr::Trim { .. }
        | Expr::Nested(_)
        | Expr::Value(_)
        | Expr::TypedString(_)
        | Expr::Case { .. }
        | Expr::Exists { .. }
        | Expr::Subquery(_)
        | Expr::GroupingSets(_)
        | Expr::Cube(_)
        | Expr::Rollup(_)
        | Expr::Tuple(_)
        | Expr::Named { .. }
        | Expr::Dictionary(_)
        | Expr::Array(_)
        | Expr::Interval(_)
        | Expr::Wildcard(_)
        | Expr::QualifiedWildcard(..)
        | Expr::Lambda(_) => Ok(()),
    }
}

fn function(function: &Function) -> Result<(), Refusal> {
    let Function {
        name: _,
        uses_odbc_syntax,
        parameters,
        args,
        filter,
        null_treatment: _,
        over: _,
        within_group: _,
    } = function;
    absent(
        *uses_odbc_syntax,
        "`{fn …}`",
        "call the function without the braces",
    )?;
    let parameters = !matches!(parameters, FunctionArguments::None);
    absent(parameters, "A second list of arguments", OTHER_DIALECT)?;
    absent(
        filter.is_some(),
        "FILTER",
        "aggregate `iff(condition, value, null)`",
    )?;
    match args {
        FunctionArguments::None => Ok(()),
        FunctionArguments::Subquery(_) => refused(
            "A query as arguments of a function",
            "put it between brackets of its own",
        ),
        FunctionArguments::List(list) => list.clauses.iter().try_for_each(|clause| match clause {
            FunctionArgumentClause::IgnoreOrRespectNulls(_)
            | FunctionArgumentClause::OrderBy(_) => Ok(()),
            FunctionArgumentClause::Limit(_) | FunctionArgumentClause::Having(_) => {
                refused("LIMIT or HAVING in arguments", OTHER_DIALECT)
            }
            FunctionArgumentClause::OnOverflow(_) => refused("ON OVERFLOW", OTHER_DIALECT),
            FunctionArgumentClause::Separator(_) => {
                refused("SEPARATOR", "pass the delimiter as an argument")
            }
            FunctionArgumentClause::JsonNullClause(_)
            | FunctionArgumentClause::JsonReturningClause(_) => {
                refused("A JSON clause in arguments", OTHER_DIALECT)
            }
        }),
    }
}
