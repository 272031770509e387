//! What parses and is not implemented: refused here, because the planner would ignore it.
//!
//! Queries and the statements that carry them are taken apart field by field, so that a field a new
//! parser version adds does not compile until somebody decides about it.

use diagnostic::{Error, Place, Result, codes};
use sqlparser::ast::{
    Function, FunctionArguments, GroupByExpr, Join, JoinOperator, Query, Select, SelectFlavor,
    SetExpr, SetQuantifier, TableAlias, TableFactor, TableVersion,
};

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
        limit_clause: _,
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
    for cte in with.iter().flat_map(|with| &with.cte_tables) {
        absent(
            cte.from.is_some(),
            "FROM after a WITH clause",
            OTHER_DIALECT,
        )?;
    }
    set_expr(body)
}

fn set_expr(body: &SetExpr) -> Result<(), Refusal> {
    match body {
        SetExpr::SetOperation {
            set_quantifier,
            left,
            right,
            ..
        } => {
            let by_name = matches!(
                set_quantifier,
                SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName
            );
            absent(
                by_name,
                "UNION BY NAME",
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
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => Ok(()),
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
        "CONNECT BY",
        "use a recursive WITH clause",
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
        J::AsOf { .. } => refused("ASOF JOIN", "join on a range and keep one row with QUALIFY"),
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
        J::Anti(_) | J::LeftAnti(_) | J::RightAnti(_) => Ok(()),
    }
}

pub(crate) fn table_factor(factor: &TableFactor) -> Result<(), Refusal> {
    const SAMPLE: &str = "filter with WHERE, or use LIMIT";
    match factor {
        TableFactor::Table {
            name: _,
            alias,
            args: _,
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
            absent(sample.is_some(), "SAMPLE", SAMPLE)?;
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
        TableFactor::Derived { sample, alias, .. } => {
            absent(sample.is_some(), "SAMPLE", SAMPLE)?;
            table_alias(alias.as_ref())
        }
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => table_with_joins.joins.iter().try_for_each(join),
        TableFactor::Pivot { .. } => refused(
            "PIVOT",
            "aggregate with `sum(case when … then … end)` per value",
        ),
        TableFactor::Unpivot { .. } => {
            refused("UNPIVOT", "use one select per column and UNION ALL")
        }
        TableFactor::MatchRecognize { .. } => refused("MATCH_RECOGNIZE", "use window functions"),
        TableFactor::JsonTable { .. }
        | TableFactor::OpenJsonTable { .. }
        | TableFactor::XmlTable { .. }
        | TableFactor::SemanticView { .. } => refused("This table function", OTHER_DIALECT),
        TableFactor::TableFunction { .. }
        | TableFactor::Function { .. }
        | TableFactor::UNNEST { .. } => Ok(()),
    }
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

pub(crate) fn function(function: &Function) -> Result<(), Refusal> {
    absent(
        function.uses_odbc_syntax,
        "`{fn …}`",
        "call the function without the braces",
    )?;
    let parameters = !matches!(function.parameters, FunctionArguments::None);
    absent(parameters, "A second list of arguments", OTHER_DIALECT)
}
