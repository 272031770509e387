//! CHANGES: what happened to a table in an interval, told from its change data feed.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/changes>

mod net;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use catalog::{Relation, RelationKind};
use datafusion::datasource::{MemTable, TableProvider};
use diagnostic::{Error, Result, ResultExt, codes};
use lake::VersionChanges;
use model::RelationName;
use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, TableVersion};

use crate::failure::explain;
use crate::prepare::moment;
use crate::provider::{Databases, shown};
use net::{Change, Net};

/// The columns beside the table's own.
const ACTION: &str = "METADATA$ACTION";
const IS_UPDATE: &str = "METADATA$ISUPDATE";
const ROW_ID: &str = "METADATA$ROW_ID";

/// What INFORMATION asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Information {
    /// How the rows at the end differ from those at the beginning.
    Default,
    /// All rows that were inserted, whatever became of them.
    AppendOnly,
}

/// The changes of the table `name` that `CHANGES (…) AT (…) [END (…)]` asks for.
pub(crate) async fn provider(
    databases: &Databases,
    name: &RelationName,
    (changes, at, end): (&Expr, &Expr, Option<&Expr>),
) -> Result<Arc<dyn TableProvider>> {
    let information = information(changes)?;
    if databases.at.is_some() {
        return Err(Error::new(
            codes::E2001,
            "A view that asks for CHANGES has no past of its own",
        ));
    }
    let workspace = &databases.workspace;
    let now = workspace.relation(name);
    if now.is_some_and(|now| !matches!(now.kind, RelationKind::Table { .. })) {
        return Err(Error::new(
            codes::K3014,
            format!("`{name}` is no table, so its changes are not tracked"),
        )
        .help("ask for the changes of the tables that it reads"));
    }
    let then = |at: TableVersion| async move {
        let at = moment(databases, &at).await?;
        workspace.relation_at(name, &at)
    };
    let first = then(TableVersion::Function(at.clone())).await?;
    let last = match end {
        Some(end) => then(TableVersion::Function(end.clone())).await?,
        None => workspace
            .relation(name)
            .ok_or_else(|| Error::new(codes::K3001, format!("Relation `{name}` does not exist")))?,
    };
    let (
        RelationKind::Table {
            location: before,
            version: since,
            ..
        },
        RelationKind::Table {
            location,
            version,
            hidden,
        },
    ) = (&first.kind, &last.kind)
    else {
        return Err(not_told(name, &last));
    };
    if before != location {
        return Err(not_told(name, &last));
    }
    let table = workspace.open(location, *version).await?;
    if !table.change_data_feed().await? {
        return Err(Error::new(
            codes::K3015,
            format!("The changes of table `{name}` are not tracked"),
        )
        .help(format!(
            "`alter table {name} set change_tracking = true` records what changes from then on"
        )));
    }
    let versions = match since < version {
        true => table.changes_since(*since).await?,
        false => Vec::new(),
    };
    let stored = table.schema().await?;
    let count = stored.fields().len().saturating_sub(hidden.len());
    let seen = Arc::new(Schema::new(
        stored
            .fields()
            .iter()
            .take(count)
            .cloned()
            .collect::<Vec<_>>(),
    ));
    let folder = workspace.folder(&table);
    let columns = Arc::clone(&seen);
    let rows = tokio::task::spawn_blocking(move || {
        let mut net = Net::new(&columns, information == Information::AppendOnly)?;
        versions
            .iter()
            .try_for_each(|version: &VersionChanges| net.add(version, &folder))?;
        net.finish()
    });
    let (rows, changes) = rows.await.explain(codes::X0001, || {
        "A thread that reads changes broke down".to_owned()
    })??;
    table_of(&seen, &rows, &changes)
}

/// `DEFAULT` or `APPEND_ONLY`.
fn information(changes: &Expr) -> Result<Information> {
    let wrong = || {
        Error::new(codes::E2001, format!("`{changes}` is not supported"))
            .help("write `changes (information => default)` or `append_only`")
    };
    let Expr::Function(function) = changes else {
        return Err(wrong());
    };
    let FunctionArguments::List(list) = &function.args else {
        return Err(wrong());
    };
    let (name, value) = match list.args.as_slice() {
        [
            FunctionArg::Named {
                name,
                arg: FunctionArgExpr::Expr(value),
                ..
            },
        ] => (name.value.clone(), value),
        [
            FunctionArg::ExprNamed {
                name,
                arg: FunctionArgExpr::Expr(value),
                ..
            },
        ] => (name.to_string(), value),
        _ => return Err(wrong()),
    };
    if !name.eq_ignore_ascii_case("INFORMATION") {
        return Err(wrong());
    }
    match value.to_string().to_uppercase().as_str() {
        "DEFAULT" => Ok(Information::Default),
        "APPEND_ONLY" => Ok(Information::AppendOnly),
        _ => Err(wrong()),
    }
}

fn not_told(name: &RelationName, last: &Relation) -> Error {
    let error = Error::new(
        codes::K3015,
        format!("`{name}` has had another log since then, so what changed cannot be told"),
    );
    let error = error.help("begin the interval after the table was created, replaced or cloned");
    match &last.kind {
        RelationKind::Table { location, .. } => error.with("location", location.clone()),
        RelationKind::View { .. } | RelationKind::External { .. } => error,
    }
}

/// The changed rows as a table.
fn table_of(
    seen: &SchemaRef,
    rows: &RecordBatch,
    changes: &[Change],
) -> Result<Arc<dyn TableProvider>> {
    let actions = changes.iter().map(|change| match change.inserted {
        true => "INSERT",
        false => "DELETE",
    });
    let updates = changes.iter().map(|change| Some(change.is_update));
    let ids = changes.iter().map(|change| change.row_id.as_str());
    let own: [(&str, ArrayRef); 3] = [
        (ACTION, Arc::new(StringArray::from_iter_values(actions))),
        (IS_UPDATE, Arc::new(updates.collect::<BooleanArray>())),
        (ROW_ID, Arc::new(StringArray::from_iter_values(ids))),
    ];
    let fields = own.iter().map(|(name, array)| match *name {
        IS_UPDATE => Field::new(*name, DataType::Boolean, false),
        _ => Field::new(*name, array.data_type().clone(), false),
    });
    let fields: Vec<_> = seen
        .fields()
        .iter()
        .cloned()
        .chain(fields.map(Arc::new))
        .collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let columns = rows.columns().iter().cloned();
    let columns = columns
        .chain(own.into_iter().map(|(_, array)| array))
        .collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).explain(codes::X0001, || {
        "Changed rows cannot be put together".to_owned()
    })?;
    let table = MemTable::try_new(Arc::clone(&schema), vec![vec![batch]]).map_err(explain)?;
    Ok(shown(Arc::new(table), &schema, 0))
}
