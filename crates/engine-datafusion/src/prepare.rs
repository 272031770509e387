//! What a statement names beyond tables and columns, resolved before it is planned: sequences, moments of
//! the past, functions written in SQL, staged files.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use catalog::{At, Moment};
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::common::ScalarValue;
use datafusion::datasource::TableProvider;
use diagnostic::{Error, Result, codes};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Select, SelectItem,
    Statement, TableAlias, TableFactor, TableVersion, Visitor, VisitorMut,
};

use crate::commands::ddl;
use crate::dml::tree;
use crate::failure::explain;
use crate::names::relation;
use crate::provider::Databases;
use crate::stages::{self, Used};
use crate::{changes, information_schema, sequences, user_functions};

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
        Statement::AlterTable(_) => Ok(()),
        other => resolve(databases, other, given).await,
    }
}

async fn resolve<T: sql::Node>(
    databases: &Databases,
    tree: &mut T,
    given: &mut Given,
) -> Result<()> {
    definitions(databases, tree).await?;
    let factors = resolve_names(databases, tree)?;
    if factors.is_empty() {
        return Ok(());
    }
    let used = Used::by(tree);
    if let [TableFactor::Table { name, .. }] = factors.as_slice()
        && stages::is_stage(name)
    {
        let _ = sql::walk_mut(tree, &mut Positions);
    }
    let mut replaced = Vec::new();
    for factor in factors {
        replaced.push(Box::pin(replacement(databases, factor, &used, given)).await?);
    }
    replaced.reverse();
    let _ = sql::walk_mut(tree, &mut Replacer { replaced });
    Ok(())
}

/// Lets `$1` be a column where staged files are all that is read, also behind ORDER BY.
struct Positions;

impl VisitorMut for Positions {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let sqlparser::ast::Value::Placeholder(word) = &value.value
            && word
                .strip_prefix('$')
                .is_some_and(|digits| digits.parse::<usize>().is_ok())
        {
            *expr = Expr::Identifier(tree::ident(word));
        }
        ControlFlow::Continue(())
    }
}

/// Puts the texts in the places of GET_DDL.
async fn definitions<T: sql::Node>(databases: &Databases, tree: &mut T) -> Result<()> {
    let mut calls = Calls::default();
    let _ = sql::walk(tree, &mut calls);
    for (kind, name) in calls.found {
        let text = ddl::get_ddl(databases, &kind, &name).await?;
        calls.texts.push(text);
    }
    if calls.texts.is_empty() {
        return Ok(());
    }
    calls.texts.reverse();
    calls.found = Vec::new();
    let _ = sql::walk_mut(tree, &mut calls);
    Ok(())
}

/// Calls of GET_DDL with two texts, in order.
#[derive(Default)]
struct Calls {
    found: Vec<(String, String)>,
    texts: Vec<String>,
}

impl Calls {
    fn arguments(expr: &Expr) -> Option<(String, String)> {
        let Expr::Function(function) = expr else {
            return None;
        };
        if !function.name.to_string().eq_ignore_ascii_case("GET_DDL") {
            return None;
        }
        let FunctionArguments::List(list) = &function.args else {
            return None;
        };
        let text = |argument: &FunctionArg| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => stages::text_argument(expr).ok(),
            _ => None,
        };
        match list.args.as_slice() {
            [kind, name] => Some((text(kind)?, text(name)?)),
            _ => None,
        }
    }
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.found.extend(Self::arguments(expr));
        ControlFlow::Continue(())
    }
}

impl VisitorMut for Calls {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if Self::arguments(expr).is_some()
            && let Some(text) = self.texts.pop()
        {
            *expr = Expr::value(sqlparser::ast::Value::SingleQuotedString(text));
        }
        ControlFlow::Continue(())
    }
}

/// Resolves functions and sequences, and gives the factors that read something else than a table of now.
pub(crate) fn resolve_names<T: sql::Node>(
    databases: &Databases,
    tree: &mut T,
) -> Result<Vec<TableFactor>> {
    user_functions::inline(databases, tree)?;
    let mut found = Found {
        databases,
        factors: Vec::new(),
        failed: None,
    };
    let _ = sql::walk_mut(tree, &mut found);
    if let Some(error) = found.failed {
        return Err(error);
    }
    Ok(found.factors)
}

/// Whether a factor reads something else than a table of now.
fn is_special(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { name, version, .. } => version.is_some() || stages::is_stage(name),
        TableFactor::TableFunction { expr, .. } => {
            infer_schema(expr).is_some() || copy_history(expr).is_some()
        }
        _ => false,
    }
}

/// The arguments of INFER_SCHEMA, if `expr` calls it.
fn infer_schema(expr: &Expr) -> Option<&[FunctionArg]> {
    called(expr, |name| name == "INFER_SCHEMA")
}

/// The arguments of COPY_HISTORY, if `expr` calls it.
fn copy_history(expr: &Expr) -> Option<&[FunctionArg]> {
    called(expr, |name| {
        name.ends_with("INFORMATION_SCHEMA.COPY_HISTORY")
    })
}

fn called(expr: &Expr, wanted: impl Fn(&str) -> bool) -> Option<&[FunctionArg]> {
    match expr {
        Expr::Function(Function {
            name,
            args: FunctionArguments::List(list),
            ..
        }) if wanted(&name.to_string().to_uppercase()) => Some(&list.args),
        _ => None,
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

    /// A sequence's value in a select list is called NEXTVAL, not as the function that gives it.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) = item
                && let Some(alias) = parts.last().cloned()
                && let Ok(Some(expr)) = sequences::resolve(self.databases, parts)
            {
                *item = SelectItem::ExprWithAlias { expr, alias };
            }
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
    used: &Used,
    given: &mut Given,
) -> Result<TableFactor> {
    let token = format!("__GIVEN {}", given.len());
    let (provider, own, alias) = match factor {
        TableFactor::Table {
            name,
            alias,
            version: Some(TableVersion::Changes { changes, at, end }),
            ..
        } => {
            let own = name.0.last().and_then(|part| part.as_ident()).cloned();
            let name = relation(&databases.session, &name)?;
            databases.readable(&name)?;
            let asked = (&changes, &at, end.as_ref());
            let provider = changes::provider(databases, &name, asked).await?;
            (provider, own, alias)
        }
        TableFactor::Table {
            name,
            alias,
            version: Some(version),
            ..
        } => {
            let at = moment(databases, &version).await?;
            let own = name.0.last().and_then(|part| part.as_ident()).cloned();
            let name = relation(&databases.session, &name)?;
            databases.readable(&name)?;
            let provider = databases.past(&name, &at).await.map_err(explain)?;
            (provider, own, alias)
        }
        TableFactor::Table {
            name, alias, args, ..
        } => {
            let arguments = args.map(|args| args.args).unwrap_or_default();
            let provider = stages::provider(databases, &name, &arguments, used)?;
            (provider, None, alias)
        }
        TableFactor::TableFunction { expr, alias } => {
            let provider = match copy_history(&expr) {
                Some(arguments) => information_schema::copy_history(databases, arguments).await?,
                None => {
                    let arguments = infer_schema(&expr).unwrap_or_default();
                    stages::infer_schema(databases, arguments)?
                }
            };
            (provider, None, alias)
        }
        _ => return Err(Error::new(codes::X0001, "Only tables are replaced")),
    };
    given.insert(token.clone(), provider);
    let called = own.unwrap_or_else(|| Ident::new(token.clone()));
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
        "AT" | "END" => false,
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
        "TIMESTAMP" => instant(&evaluated("timestamp_ltz").await?).map(Moment::Timestamp),
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
            // A statement of a transaction counts from its COMMIT on.
            let query = databases.session.memory.query(&id);
            match query.map_or_else(|| id.clone(), |query| query.run).parse() {
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

/// The point in time that a timestamp says.
pub(crate) fn instant(value: &ScalarValue) -> Option<DateTime<Utc>> {
    match value {
        ScalarValue::TimestampMicrosecond(Some(micros), _) => {
            DateTime::from_timestamp_micros(*micros)
        }
        ScalarValue::TimestampNanosecond(Some(nanos), _) => {
            Some(DateTime::from_timestamp_nanos(*nanos))
        }
        _ => None,
    }
}

/// The one `name => value`.
fn argument(function: &Function) -> Option<(String, Expr)> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let mut named = stages::arguments(&list.args).ok()?;
    named.pop().filter(|_| named.is_empty())
}

fn not_understood(version: &TableVersion) -> Error {
    Error::new(codes::E2001, format!("`{version}` is not supported")).help(
        "write `at` or `before` with `timestamp =>`, `offset =>`, `statement =>`, `version =>` or `run =>`",
    )
}
