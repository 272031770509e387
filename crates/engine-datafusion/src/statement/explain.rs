//! EXPLAIN: what a query would do, as a table, as text or as JSON.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/explain>. The operations are DataFusion's; the
//! columns are those of Snowflake that have a meaning here.

use datafusion::logical_expr::LogicalPlan;
use diagnostic::Result;
use engine::{Outcome, Session};
use sqlparser::ast::{AnalyzeFormat, AnalyzeFormatKind, DescribeAlias, Statement};

use super::{query, show, unsupported};
use crate::Embedded;
use crate::failure::explain;

pub(super) async fn run(
    engine: &Embedded,
    session: &Session,
    statement: Statement,
) -> Result<Outcome> {
    let Statement::Explain {
        describe_alias: DescribeAlias::Explain,
        analyze,
        verbose,
        query_plan: false,
        estimate: false,
        statement: explained,
        format,
        options: None,
    } = statement
    else {
        return Err(unsupported(&statement));
    };
    if !matches!(*explained, Statement::Query(_)) {
        return Err(unsupported(&format!("EXPLAIN {explained}")));
    }
    if analyze || verbose {
        // Of no other warehouse's SQL: the physical plan, with what it took.
        let whole = Statement::Explain {
            describe_alias: DescribeAlias::Explain,
            analyze,
            verbose,
            query_plan: false,
            estimate: false,
            statement: explained,
            format,
            options: None,
        };
        return query::run(engine, session, whole).await;
    }
    let plan = engine.plan(session, *explained).await?;
    let plan = engine.state(session)?.optimize(&plan).map_err(explain)?;
    match format {
        None | Some(AnalyzeFormatKind::Keyword(AnalyzeFormat::TRADITIONAL)) => table(&plan),
        Some(AnalyzeFormatKind::Keyword(AnalyzeFormat::TEXT)) => {
            show::rows(&["content"], &[vec![plan.display_indent().to_string()]])
        }
        Some(AnalyzeFormatKind::Keyword(AnalyzeFormat::JSON)) => {
            show::rows(&["content"], &[vec![plan.display_pg_json().to_string()]])
        }
        Some(other) => Err(unsupported(&other)),
    }
}

/// One row for each operation, the outermost first.
fn table(plan: &LogicalPlan) -> Result<Outcome> {
    let mut columns = vec![Vec::new(); 5];
    let mut open = vec![(plan, String::new())];
    while let Some((node, parent)) = open.pop() {
        let id = columns.first().map_or(0, Vec::len);
        let shown = node.display().to_string();
        let (operation, expressions) = shown.split_once(':').unwrap_or((&shown, ""));
        let object = match node {
            LogicalPlan::TableScan(scan) => scan.table_name.to_string(),
            _ => String::new(),
        };
        let cells = [
            id.to_string(),
            parent,
            operation.trim().to_owned(),
            object,
            expressions.trim().to_owned(),
        ];
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        for input in node.inputs().into_iter().rev() {
            open.push((input, id.to_string()));
        }
    }
    let names = [
        "id",
        "parentOperators",
        "operation",
        "objects",
        "expressions",
    ];
    show::rows(&names, &columns)
}
