//! [`EngineAdapter`]: an engine as dbt's templates ask it, from the thread that renders.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dbt::adapter::{
    Adapter, Answer, Changes, ColumnInfo, RelationInfo, RelationName, Response, Rows,
};
use diagnostic::{Error, Result, ResultExt, Source, codes};
use engine::{Engine, Outcome, Session};
use jinja::Value;
use model::{Identifier, SchemaName};
use tokio::runtime::Handle;

/// An engine on one session, for templates. Calls block: use it on threads that may.
pub struct EngineAdapter {
    engine: Arc<dyn Engine>,
    session: Session,
    runtime: Handle,
}

impl EngineAdapter {
    /// The adapter for `engine` and `session`, run by `runtime`.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, session: Session, runtime: Handle) -> Self {
        Self {
            engine,
            session,
            runtime,
        }
    }
}

/// The schemas that these words may mean: as they are, which is how adapters that quote names store
/// them, and as unquoted names.
fn namespaces(database: &str, schema: &str) -> Vec<SchemaName> {
    let exact = SchemaName::new(Identifier::quoted(database), Identifier::quoted(schema));
    let folded = SchemaName::new(Identifier::unquoted(database), Identifier::unquoted(schema));
    match exact == folded {
        true => vec![exact],
        false => vec![exact, folded],
    }
}

fn theirs(info: &engine::RelationInfo) -> RelationInfo {
    RelationInfo {
        name: RelationName {
            database: info.name.database.as_str().to_owned(),
            schema: info.name.schema.as_str().to_owned(),
            identifier: info.name.name.as_str().to_owned(),
        },
        kind: if info.view { "view" } else { "table" }.to_owned(),
    }
}

impl EngineAdapter {
    /// The stored relation that `name` means, without its columns.
    ///
    /// # Errors
    /// What the engine raises.
    pub fn stored(&self, name: &RelationName) -> Result<Option<engine::RelationInfo>> {
        self.find(name)
    }

    /// The stored relation that `name` means. Templates pass names in whatever case their code has.
    fn find(&self, name: &RelationName) -> Result<Option<engine::RelationInfo>> {
        for namespace in namespaces(&name.database, &name.schema) {
            // Most names are as they are stored, or unquoted; only others need a look at all.
            for usual in [
                Identifier::quoted(&name.identifier),
                Identifier::unquoted(&name.identifier),
            ] {
                let usual = namespace.relation(usual);
                let found = self.engine.find(&self.session, &usual);
                if let Some(found) = self.runtime.block_on(found)? {
                    return Ok(Some(found));
                }
            }
            let all = self
                .runtime
                .block_on(self.engine.relations(&self.session, &namespace))?;
            let fits = |info: &engine::RelationInfo| {
                info.name
                    .name
                    .as_str()
                    .eq_ignore_ascii_case(&name.identifier)
            };
            if let Some(found) = all.into_iter().find(fits) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// What is said about a statement that gave `outcome`, of which no rows are read.
#[must_use]
pub fn answer(outcome: &Outcome) -> Answer {
    match *outcome {
        Outcome::Changed {
            inserted,
            updated,
            deleted,
        } => Answer::changed(Changes {
            inserted: inserted.unwrap_or_default(),
            updated: updated.unwrap_or_default(),
            deleted: deleted.unwrap_or_default(),
        }),
        Outcome::Rows(_) | Outcome::Done(_) => Answer::DONE,
    }
}

/// The name that code means which writes `identifier` without quotes of its own.
fn in_code(identifier: &str) -> &str {
    let name = identifier.trim();
    let inner = name.strip_prefix('"').and_then(|n| n.strip_suffix('"'));
    inner.filter(|inner| !inner.is_empty()).unwrap_or(name)
}

impl Adapter for EngineAdapter {
    fn execute(&self, sql: &str, fetch: bool) -> Result<Response> {
        let source = Source::new("statement", sql);
        self.runtime.block_on(async {
            let mut response = Response {
                answer: Answer::DONE,
                ..Response::default()
            };
            for outcome in self.engine.execute(&self.session, &source).await? {
                match outcome {
                    Outcome::Rows(rows) if fetch => {
                        let columns = rows
                            .schema
                            .fields()
                            .iter()
                            .map(|field| ColumnInfo {
                                name: field.name().clone(),
                                data_type: field.data_type().to_string(),
                            })
                            .collect();
                        let batches = rows.collect().await?;
                        let rows = cells(&batches)?;
                        response.answer = Answer {
                            rows: rows.len() as u64,
                            changes: None,
                        };
                        response.rows = Rows { columns, rows };
                    }
                    other => response.answer = answer(&other),
                }
            }
            Ok(response)
        })
    }

    fn relation(&self, name: &RelationName) -> Result<Option<RelationInfo>> {
        Ok(self.find(name)?.as_ref().map(theirs))
    }

    fn columns(&self, name: &RelationName) -> Result<Vec<ColumnInfo>> {
        // dbt describes the relation by SQL, where blanks around names and quotes in them say nothing.
        let name = RelationName {
            identifier: in_code(&name.identifier).to_owned(),
            ..name.clone()
        };
        let Some(stored) = self.find(&name)? else {
            return Ok(Vec::new());
        };
        let found = self
            .runtime
            .block_on(self.engine.describe(&self.session, &stored.name))?;
        Ok(found
            .map(|info| info.columns)
            .unwrap_or_default()
            .into_iter()
            .map(|(name, data_type)| ColumnInfo { name, data_type })
            .collect())
    }

    fn relations(&self, database: &str, schema: &str) -> Result<Vec<RelationInfo>> {
        let mut all = Vec::new();
        for namespace in namespaces(database, schema) {
            let found = self
                .runtime
                .block_on(self.engine.relations(&self.session, &namespace))?;
            all.extend(found.iter().map(theirs));
        }
        Ok(all)
    }

    fn schemas(&self, database: &str) -> Result<Vec<String>> {
        let database = Identifier::unquoted(database);
        let sql = format!("select schema_name from {database}.information_schema.schemata");
        let response = self.execute(&sql, true)?;
        Ok(response
            .rows
            .rows
            .iter()
            .filter_map(|row| row.first().map(ToString::to_string))
            .collect())
    }
}

fn cells(batches: &[RecordBatch]) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| cell(column, row));
            rows.push(cells.collect::<Result<Vec<_>>>()?);
        }
    }
    Ok(rows)
}

fn cell(column: &ArrayRef, row: usize) -> Result<Value> {
    if column.is_null(row) {
        return Ok(Value::None);
    }
    Ok(match column.data_type() {
        DataType::Boolean => Value::from(column.as_boolean().value(row)),
        DataType::Int64 => Value::from(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::from(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, 0) => {
            let number = column.as_primitive::<Decimal128Type>().value(row);
            match i64::try_from(number) {
                Ok(number) => Value::from(number),
                Err(_) => Value::from(number.to_string().as_str()),
            }
        }
        kind => {
            let options = FormatOptions::default();
            let text = ArrayFormatter::try_new(column.as_ref(), &options)
                .explain(codes::X0001, || "A cell cannot be shown".to_owned())?
                .value(row)
                .try_to_string()
                .explain(codes::X0001, || "A cell cannot be shown".to_owned())?;
            let whole = matches!(
                kind,
                DataType::Int8
                    | DataType::Int16
                    | DataType::Int32
                    | DataType::UInt8
                    | DataType::UInt16
                    | DataType::UInt32
                    | DataType::UInt64
            );
            let fraction = matches!(kind, DataType::Decimal128(..) | DataType::Float32);
            let number = |cause: &dyn std::error::Error| {
                Error::new(codes::X0001, format!("`{text}` is not a number: {cause}"))
            };
            if whole {
                Value::from(text.parse::<i64>().map_err(|cause| number(&cause))?)
            } else if fraction {
                Value::from(text.parse::<f64>().map_err(|cause| number(&cause))?)
            } else {
                Value::from(text.as_str())
            }
        }
    })
}
