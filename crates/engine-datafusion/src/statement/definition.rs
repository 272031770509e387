//! Column definitions and constraints of CREATE TABLE and ALTER TABLE:
//! <https://docs.snowflake.com/en/sql-reference/sql/create-table>.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use catalog::{ColumnDetails, Constraint, ConstraintKind, IdentityColumn, ObjectKind};
use diagnostic::{Error, Result, codes};
use engine::Session;
use lake::storable_schema;
use model::{RelationName, RunId};
use sqlparser::ast::{
    self, CharacterLength, CheckConstraint, ColumnDef, ColumnOption, Expr, ForeignKeyConstraint,
    Ident, IdentityProperty, IdentityPropertyFormatKind, IdentityPropertyKind,
    IdentityPropertyOrder, IndexColumn, ObjectName, TableConstraint, UnaryOperator, Value,
    VisitorMut,
};

use super::unsupported;
use crate::dml::{insert, tree, values};
use crate::names::{identifier, relation};
use crate::{Embedded, checks, embedded};

/// Columns as they were declared.
#[derive(Default)]
pub(crate) struct Definition {
    pub(crate) fields: Vec<FieldRef>,
    pub(crate) columns: Vec<ColumnDetails>,
    pub(crate) constraints: Vec<Constraint>,
    /// CHECK constraints: names and conditions.
    pub(crate) checks: Vec<(String, String)>,
}

impl Definition {
    /// The columns as a table stores them.
    pub(crate) fn schema(&self) -> Result<SchemaRef> {
        storable_schema(&Schema::new(self.fields.clone()))
    }
}

/// What `columns` and `constraints` declare for the table `name`.
pub(crate) async fn define(
    engine: &Embedded,
    session: &Session,
    name: &RelationName,
    columns: &[ColumnDef],
    constraints: &[TableConstraint],
) -> Result<Definition> {
    let mut definition = Definition::default();
    for column in columns {
        let (field, details) = column_of(engine, session, column).await?;
        if definition
            .columns
            .iter()
            .any(|other| other.name == details.name)
        {
            return Err(Error::new(
                codes::K3006,
                format!("Column `{}` is declared twice", details.name),
            ));
        }
        definition.fields.push(field);
        definition.columns.push(details);
        for option in &column.options {
            let given = option.name.as_ref();
            if let ColumnOption::Check(check) = &option.option {
                definition
                    .checks
                    .push(check_of(check, option.name.as_ref())?);
            }
            if let Some(constraint) = inline(session, &column.name, given, &option.option)? {
                definition.constraints.push(constraint);
            }
        }
    }
    for constraint in constraints {
        if let TableConstraint::Check(check) = constraint {
            definition.checks.push(check_of(check, None)?);
            continue;
        }
        let constraint = constraint_of(session, constraint)?;
        definition.constraints.push(constraint);
    }
    for constraint in &definition.constraints {
        for key in &constraint.columns {
            let Some(column) = definition.columns.iter_mut().find(|c| c.name == *key) else {
                return Err(Error::new(
                    codes::E1101,
                    format!("Table `{name}` has no column `{key}` for its key"),
                ));
            };
            column.not_null |= constraint.kind == ConstraintKind::PrimaryKey;
        }
    }
    Ok(definition)
}

async fn column_of(
    engine: &Embedded,
    session: &Session,
    column: &ColumnDef,
) -> Result<(FieldRef, ColumnDetails)> {
    let name = identifier(&column.name).as_str().to_owned();
    let field = field_of(engine, session, &column.data_type).await?;
    let field = field.as_ref().clone().with_name(&name);
    let (kind, length) = declared(&column.data_type, field.data_type());
    let mut details = ColumnDetails {
        name,
        kind,
        length,
        ..ColumnDetails::default()
    };
    for option in &column.options {
        match &option.option {
            ColumnOption::NotNull => details.not_null = true,
            ColumnOption::Default(value) => {
                details.default = Some(default(engine, session, value).await?);
            }
            ColumnOption::Identity(identity) => details.identity = Some(identity_of(identity)?),
            ColumnOption::Comment(comment) => details.comment = Some(comment.clone()),
            ColumnOption::Null
            | ColumnOption::PrimaryKey(_)
            | ColumnOption::Unique(_)
            | ColumnOption::Check(_)
            | ColumnOption::ForeignKey(_) => {}
            other => return Err(unsupported(other).with("column", &column.name)),
        }
    }
    Ok((Arc::new(field), details))
}

/// The Arrow field of a declared type, by planning `cast(null as TYPE)`: one place maps types.
pub(crate) async fn field_of(
    engine: &Embedded,
    session: &Session,
    data_type: &ast::DataType,
) -> Result<FieldRef> {
    let text = format!("select cast(null as {data_type}) as c");
    let source = diagnostic::Source::new("column type", text);
    let plan = embedded::plan_view(&engine.databases(session), &source, &[]).await?;
    Ok(Arc::new(
        Field::clone(plan.schema().field(0)).with_nullable(true),
    ))
}

/// A DEFAULT expression as it is kept: sequences by their full names.
pub(crate) async fn default(engine: &Embedded, session: &Session, value: &Expr) -> Result<String> {
    let reads = sql::expressions(value, &mut |expr| match expr {
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    if reads.is_break() {
        return Err(Error::new(
            codes::E1002,
            "A default may not read rows of a table",
        ));
    }
    let mut value = value.clone();
    qualify_sequences(engine, session, &mut value)?;
    let text = value.to_string();
    let expr = values::expression(&engine.databases(session), &text)?;
    // What does not plan now would fail at every INSERT.
    insert::constant(engine, session, expr).await?;
    Ok(text)
}

fn qualify_sequences(engine: &Embedded, session: &Session, expr: &mut Expr) -> Result<()> {
    struct Qualifier<'a> {
        engine: &'a Embedded,
        session: &'a Session,
        failed: Option<Error>,
    }
    impl VisitorMut for Qualifier<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(parts) = expr
                && let Some((last, name)) = parts.split_last()
                && last.value == "NEXTVAL"
            {
                match relation(self.session, &ObjectName::from(name.to_vec())) {
                    Ok(name)
                        if self
                            .engine
                            .workspace()
                            .object(ObjectKind::Sequence, &name)
                            .is_some() =>
                    {
                        let full = [&name.database, &name.schema, &name.name];
                        let mut full: Vec<Ident> =
                            full.map(|part| tree::ident(part.as_str())).to_vec();
                        full.push(last.clone());
                        *parts = full;
                    }
                    Ok(name) => {
                        self.failed.get_or_insert(Error::new(
                            codes::K3001,
                            format!("Sequence `{name}` does not exist"),
                        ));
                    }
                    Err(error) => {
                        self.failed.get_or_insert(error);
                    }
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut qualifier = Qualifier {
        engine,
        session,
        failed: None,
    };
    let _ = sql::walk_mut(expr, &mut qualifier);
    match qualifier.failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn identity_of(identity: &IdentityPropertyKind) -> Result<IdentityColumn> {
    let (IdentityPropertyKind::Autoincrement(property) | IdentityPropertyKind::Identity(property)) =
        identity;
    let IdentityProperty { parameters, order } = property;
    let (start, step) = match parameters {
        None => (1, 1),
        Some(
            IdentityPropertyFormatKind::FunctionCall(parameters)
            | IdentityPropertyFormatKind::StartAndIncrement(parameters),
        ) => (whole(&parameters.seed)?, whole(&parameters.increment)?),
    };
    if step == 0 {
        return Err(Error::new(
            codes::E1002,
            "A column cannot count in steps of 0",
        ));
    }
    Ok(IdentityColumn {
        sequence: RunId::fresh().to_string(),
        start,
        step,
        ordered: matches!(order, Some(IdentityPropertyOrder::Order)),
    })
}

/// A whole number in a definition.
pub(crate) fn whole(expr: &Expr) -> Result<i64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse().map_err(|_| unsupported(expr)),
            _ => Err(unsupported(expr)),
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => Ok(-whole(expr)?),
        Expr::UnaryOp {
            op: UnaryOperator::Plus,
            expr,
        } => whole(expr),
        other => Err(unsupported(other)),
    }
}

/// A key declared with its column.
fn inline(
    session: &Session,
    column: &Ident,
    name: Option<&Ident>,
    option: &ColumnOption,
) -> Result<Option<Constraint>> {
    let (kind, characteristics) = match option {
        ColumnOption::PrimaryKey(key) => (ConstraintKind::PrimaryKey, &key.characteristics),
        ColumnOption::Unique(key) => (ConstraintKind::Unique, &key.characteristics),
        ColumnOption::ForeignKey(key) => (foreign(session, key)?, &key.characteristics),
        _ => return Ok(None),
    };
    Ok(Some(Constraint {
        name: constraint_name(name),
        kind,
        columns: vec![identifier(column).as_str().to_owned()],
        rely: sql::relies(characteristics),
        comment: None,
    }))
}

/// A CHECK constraint's name and condition. `inline` is the name in front of a column's.
pub(crate) fn check_of(
    check: &CheckConstraint,
    inline: Option<&Ident>,
) -> Result<(String, String)> {
    match check.enforced {
        Some(false) => Err(unsupported(check)),
        _ => Ok((
            constraint_name(inline.or(check.name.as_ref())),
            checks::stored(&sql::written(&*check.expr)),
        )),
    }
}

/// A key declared for the table.
pub(crate) fn constraint_of(session: &Session, constraint: &TableConstraint) -> Result<Constraint> {
    let (name, kind, columns, characteristics) = match constraint {
        TableConstraint::PrimaryKey(key) => (
            key.name.as_ref(),
            ConstraintKind::PrimaryKey,
            index_columns(&key.columns)?,
            &key.characteristics,
        ),
        TableConstraint::Unique(key) => (
            key.name.as_ref(),
            ConstraintKind::Unique,
            index_columns(&key.columns)?,
            &key.characteristics,
        ),
        TableConstraint::ForeignKey(key) => (
            key.name.as_ref(),
            foreign(session, key)?,
            idents(&key.columns),
            &key.characteristics,
        ),
        other => return Err(unsupported(other)),
    };
    Ok(Constraint {
        name: constraint_name(name),
        kind,
        columns,
        rely: sql::relies(characteristics),
        comment: None,
    })
}

fn foreign(session: &Session, key: &ForeignKeyConstraint) -> Result<ConstraintKind> {
    Ok(ConstraintKind::ForeignKey {
        table: relation(session, &key.foreign_table)?.to_string(),
        columns: idents(&key.referred_columns),
    })
}

fn constraint_name(given: Option<&Ident>) -> String {
    match given {
        Some(name) => identifier(name).as_str().to_owned(),
        None => format!("SYS_CONSTRAINT_{}", RunId::fresh()),
    }
}

fn idents(idents: &[Ident]) -> Vec<String> {
    idents
        .iter()
        .map(|ident| identifier(ident).as_str().to_owned())
        .collect()
}

fn index_columns(columns: &[IndexColumn]) -> Result<Vec<String>> {
    columns
        .iter()
        .map(|column| match &column.column.expr {
            Expr::Identifier(ident) => Ok(identifier(ident).as_str().to_owned()),
            other => Err(unsupported(other)),
        })
        .collect()
}

/// A type in Snowflake's canonical words where the stored column does not say it all, and the length it
/// limits values to.
pub(crate) fn declared(data_type: &ast::DataType, arrow: &DataType) -> (String, Option<u64>) {
    let text = data_type.to_string().to_uppercase();
    let length = length_of(data_type);
    match arrow {
        DataType::Utf8 => {
            let limit = length.filter(|length| *length < 16_777_216);
            let kind = limit.map_or_else(String::new, |length| format!("VARCHAR({length})"));
            (kind, limit)
        }
        DataType::Binary => {
            let limit = length.filter(|length| *length < 8_388_608);
            let kind = limit.map_or_else(String::new, |length| format!("BINARY({length})"));
            (kind, limit)
        }
        _ if ["OBJECT", "ARRAY", "GEOGRAPHY", "GEOMETRY"].contains(&text.as_str()) => (text, None),
        _ => (String::new(), None),
    }
}

fn length_of(data_type: &ast::DataType) -> Option<u64> {
    use ast::DataType as Sql;
    let characters = |length: &Option<CharacterLength>| match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        _ => None,
    };
    match data_type {
        Sql::Varchar(length)
        | Sql::Nvarchar(length)
        | Sql::CharVarying(length)
        | Sql::CharacterVarying(length) => characters(length),
        Sql::Char(length) | Sql::Character(length) => Some(characters(length).unwrap_or(1)),
        Sql::String(length) | Sql::Binary(length) => *length,
        Sql::Varbinary(Some(ast::BinaryLength::IntegerLength { length })) => Some(*length),
        Sql::Custom(name, arguments) if name.to_string().eq_ignore_ascii_case("TEXT") => {
            arguments.first()?.parse().ok()
        }
        _ => None,
    }
}
