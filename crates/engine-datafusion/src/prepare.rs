//! What a statement names beyond tables and columns, resolved before it is planned: sequences, moments of
//! the past, functions written in SQL, staged files.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use catalog::{At, Moment};
use chrono::{DateTime, TimeDelta};
use datafusion::common::ScalarValue;
use datafusion::datasource::TableProvider;
use diagnostic::{Error, Result, codes};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArguments, Ident,
    Statement, TableAlias, TableFactor, TableVersion, VisitMut, VisitorMut,
};

use crate::dml::tree;
use crate::failure::explain;
use crate::names::relation;
use crate::provider::Databases;
use crate::{sequences, staged, user_functions};

/// Tables that a statement's text cannot name, by the names that stand for them in its tree.
pub(crate) type Given = BTreeMap<String, Arc<dyn TableProvider>>;

/// Resolves what `statement` names, and adds tables to `given` that its tree now calls by other names.
pub(crate) async fn prepare(
    databases: &Databases,
    statement: &mut Statement,
    given: &mut Given,
) -> Result<()> {
    match statement {
        // A view keeps its text: what it names is resolved when it is read.
        Statement::CreateView(_) | Statement::CreateFunction(_) => Ok(()),
        Statement::CreateTable(create) => match &mut create.query {
            Some(query) => resolve(databases, query.as_mut(), given).await,
            None => Ok(()),
        },
        Statement::AlterTable(_) | Statement::CopyIntoSnowflake { .. } => Ok(()),
        other => resolve(databases, other, given).await,
    }
}

async fn resolve<T: VisitMut>(
    databases: &Databases,
    tree: &mut T,
    given: &mut Given,
) -> Result<()> {
    let factors = resolve_names(databases, tree)?;
    if factors.is_empty() {
        return Ok(());
    }
    let mut replaced = Vec::new();
    for factor in factors {
        replaced.push(Box::pin(replacement(databases, factor, given)).await?);
    }
    replaced.reverse();
    let _: ControlFlow<()> = VisitMut::visit(tree, &mut Replacer { replaced });
    Ok(())
}

/// Resolves functions and sequences, and gives the factors that read something else than a table of now.
pub(crate) fn resolve_names<T: VisitMut>(
    databases: &Databases,
    tree: &mut T,
) -> Result<Vec<TableFactor>> {
    user_functions::inline(databases, tree)?;
    let mut found = Found {
        databases,
        factors: Vec::new(),
        failed: None,
    };
    let _: ControlFlow<()> = VisitMut::visit(tree, &mut found);
    if let Some(error) = found.failed {
        return Err(error);
    }
    Ok(found.factors)
}

/// Whether a factor reads something else than a table of now.
fn is_special(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { name, version, .. } => version.is_some() || staged::is_stage(name),
        _ => false,
    }
}

/// Finds special factors, in order, and resolves sequences on the way.
struct Found<'a> {
    databases: &'a Databases,
    factors: Vec<TableFactor>,
    failed: Option<Error>,
}

impl VisitorMut for Found<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if is_special(factor) {
            self.factors.push(factor.clone());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::CompoundIdentifier(parts) = expr else {
            return ControlFlow::Continue(());
        };
        match sequences::resolve(self.databases, parts) {
            Ok(Some(value)) => *expr = value,
            Ok(None) => {}
            Err(error) => {
                self.failed.get_or_insert(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// Puts the replacements in the factors' places, in the same order.
struct Replacer {
    replaced: Vec<TableFactor>,
}

impl VisitorMut for Replacer {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if is_special(factor)
            && let Some(replaced) = self.replaced.pop()
        {
            *factor = replaced;
        }
        ControlFlow::Continue(())
    }
}

async fn replacement(
    databases: &Databases,
    factor: TableFactor,
    given: &mut Given,
) -> Result<TableFactor> {
    let TableFactor::Table {
        name,
        alias,
        version,
        args,
        ..
    } = factor
    else {
        return Err(Error::new(codes::X0001, "Only tables are replaced"));
    };
    let token = format!("__GIVEN {}", given.len());
    let provider = match &version {
        Some(version) => {
            let at = moment(databases, version).await?;
            let name = relation(&databases.session, &name)?;
            databases.past(&name, &at).await.map_err(explain)?
        }
        None => staged::provider(databases, &name, args.as_ref()).await?,
    };
    given.insert(token.clone(), provider);
    let own = name.0.last().and_then(|part| part.as_ident()).cloned();
    let called = own
        .filter(|_| version.is_some())
        .unwrap_or_else(|| Ident::new(token.clone()));
    let mut table = tree::factor(&token, called);
    if let (TableFactor::Table { alias: to, .. }, Some(alias)) = (&mut table, alias) {
        *to = Some::<TableAlias>(alias);
    }
    Ok(table)
}

/// The moment that `AT (… => …)` or `BEFORE (… => …)` names.
pub(crate) async fn moment(databases: &Databases, version: &TableVersion) -> Result<At> {
    let TableVersion::Function(Expr::Function(function)) = version else {
        return Err(not_understood(version));
    };
    let before = match function.name.to_string().as_str() {
        "AT" => false,
        "BEFORE" => true,
        _ => return Err(not_understood(version)),
    };
    let (kind, value) = argument(function).ok_or_else(|| not_understood(version))?;
    let evaluated = |kind: &'static str| databases.scalar(value.clone(), kind);
    let text = |value: ScalarValue| match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) => Ok(text),
        _ => Err(not_understood(version)),
    };
    let moment = match kind.as_str() {
        "TIMESTAMP" => match evaluated("timestamp_ltz").await? {
            ScalarValue::TimestampMicrosecond(Some(micros), _) => {
                DateTime::from_timestamp_micros(micros).map(Moment::Timestamp)
            }
            ScalarValue::TimestampNanosecond(Some(nanos), _) => {
                Some(Moment::Timestamp(DateTime::from_timestamp_nanos(nanos)))
            }
            _ => None,
        },
        "OFFSET" => match evaluated("double").await? {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "`as` saturates, and the sum is checked"
            )]
            ScalarValue::Float64(Some(seconds)) => {
                TimeDelta::try_milliseconds((seconds * 1000.0).round() as i64)
                    .and_then(|offset| databases.session.as_of.checked_add_signed(offset))
                    .map(Moment::Timestamp)
            }
            _ => None,
        },
        "VERSION" => match evaluated("bigint").await? {
            ScalarValue::Int64(Some(version)) => u64::try_from(version).ok().map(Moment::Version),
            _ => None,
        },
        "STATEMENT" | "RUN" => {
            let id = text(evaluated("varchar").await?)?;
            match id.parse() {
                Ok(run) => Some(Moment::Run(run)),
                Err(_) => {
                    return Err(Error::new(
                        codes::K3007,
                        format!("There is no statement or run `{id}`"),
                    ));
                }
            }
        }
        _ => None,
    };
    let moment = moment.ok_or_else(|| not_understood(version))?;
    Ok(At { moment, before })
}

fn argument(function: &Function) -> Option<(String, Expr)> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.as_slice() {
        [
            FunctionArg::Named {
                name,
                arg: FunctionArgExpr::Expr(value),
                operator: FunctionArgOperator::RightArrow,
            },
        ] => Some((name.value.to_uppercase(), value.clone())),
        [
            FunctionArg::ExprNamed {
                name: Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                operator: FunctionArgOperator::RightArrow,
            },
        ] => Some((name.value.to_uppercase(), value.clone())),
        _ => None,
    }
}

fn not_understood(version: &TableVersion) -> Error {
    Error::new(codes::E2001, format!("`{version}` is not supported")).help(
        "write `at` or `before` with `timestamp =>`, `offset =>`, `statement =>`, `version =>` or `run =>`",
    )
}
