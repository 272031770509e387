//! Sequences, stages, file formats and functions:
//! <https://docs.snowflake.com/en/sql-reference/info-schema/sequences> and its kin.

use catalog::{FunctionArgument, Object, ObjectBody, ObjectKind};
use diagnostic::Result;
use model::{Identifier, RelationName};

use super::Header;
use super::containers::yes;
use crate::access::shown_owner;
use crate::commands::function::signature;
use crate::listing::{Cell, Kind, Listing};
use crate::provider::Databases;

pub(super) const SEQUENCES: Header = &[
    ("SEQUENCE_CATALOG", Kind::Text),
    ("SEQUENCE_SCHEMA", Kind::Text),
    ("SEQUENCE_NAME", Kind::Text),
    ("SEQUENCE_OWNER", Kind::Text),
    ("DATA_TYPE", Kind::Text),
    ("NUMERIC_PRECISION", Kind::Number),
    ("NUMERIC_PRECISION_RADIX", Kind::Number),
    ("NUMERIC_SCALE", Kind::Number),
    ("START_VALUE", Kind::Text),
    ("MINIMUM_VALUE", Kind::Text),
    ("MAXIMUM_VALUE", Kind::Text),
    ("NEXT_VALUE", Kind::Text),
    ("INCREMENT", Kind::Text),
    ("CYCLE_OPTION", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
    ("ORDERED", Kind::Text),
    ("COMMENT", Kind::Text),
];

pub(super) const STAGES: Header = &[
    ("STAGE_CATALOG", Kind::Text),
    ("STAGE_SCHEMA", Kind::Text),
    ("STAGE_NAME", Kind::Text),
    ("STAGE_URL", Kind::Text),
    ("STAGE_REGION", Kind::Text),
    ("STAGE_TYPE", Kind::Text),
    ("STAGE_OWNER", Kind::Text),
    ("COMMENT", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
];

pub(super) const FILE_FORMATS: Header = &[
    ("FILE_FORMAT_CATALOG", Kind::Text),
    ("FILE_FORMAT_SCHEMA", Kind::Text),
    ("FILE_FORMAT_NAME", Kind::Text),
    ("FILE_FORMAT_OWNER", Kind::Text),
    ("FILE_FORMAT_TYPE", Kind::Text),
    ("RECORD_DELIMITER", Kind::Text),
    ("FIELD_DELIMITER", Kind::Text),
    ("SKIP_HEADER", Kind::Number),
    ("DATE_FORMAT", Kind::Text),
    ("TIME_FORMAT", Kind::Text),
    ("TIMESTAMP_FORMAT", Kind::Text),
    ("BINARY_FORMAT", Kind::Text),
    ("ESCAPE", Kind::Text),
    ("ESCAPE_UNENCLOSED_FIELD", Kind::Text),
    ("TRIM_SPACE", Kind::Text),
    ("FIELD_OPTIONALLY_ENCLOSED_BY", Kind::Text),
    ("NULL_IF", Kind::Text),
    ("COMPRESSION", Kind::Text),
    ("ERROR_ON_COLUMN_COUNT_MISMATCH", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
    ("COMMENT", Kind::Text),
];

pub(super) const FUNCTIONS: Header = &[
    ("FUNCTION_CATALOG", Kind::Text),
    ("FUNCTION_SCHEMA", Kind::Text),
    ("FUNCTION_NAME", Kind::Text),
    ("FUNCTION_OWNER", Kind::Text),
    ("ARGUMENT_SIGNATURE", Kind::Text),
    ("DATA_TYPE", Kind::Text),
    ("CHARACTER_MAXIMUM_LENGTH", Kind::Number),
    ("CHARACTER_OCTET_LENGTH", Kind::Number),
    ("NUMERIC_PRECISION", Kind::Number),
    ("NUMERIC_PRECISION_RADIX", Kind::Number),
    ("NUMERIC_SCALE", Kind::Number),
    ("FUNCTION_LANGUAGE", Kind::Text),
    ("FUNCTION_DEFINITION", Kind::Text),
    ("VOLATILITY", Kind::Text),
    ("IS_NULL_CALL", Kind::Text),
    ("IS_SECURE", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
    ("COMMENT", Kind::Text),
    ("IS_EXTERNAL", Kind::Text),
    ("IS_AGGREGATE", Kind::Text),
];

pub(super) const PROCEDURES: Header = &[
    ("PROCEDURE_CATALOG", Kind::Text),
    ("PROCEDURE_SCHEMA", Kind::Text),
    ("PROCEDURE_NAME", Kind::Text),
    ("PROCEDURE_OWNER", Kind::Text),
    ("ARGUMENT_SIGNATURE", Kind::Text),
    ("DATA_TYPE", Kind::Text),
    ("CHARACTER_MAXIMUM_LENGTH", Kind::Number),
    ("CHARACTER_OCTET_LENGTH", Kind::Number),
    ("NUMERIC_PRECISION", Kind::Number),
    ("NUMERIC_PRECISION_RADIX", Kind::Number),
    ("NUMERIC_SCALE", Kind::Number),
    ("PROCEDURE_LANGUAGE", Kind::Text),
    ("PROCEDURE_DEFINITION", Kind::Text),
    ("CREATED", Kind::Moment),
    ("LAST_ALTERED", Kind::Moment),
    ("COMMENT", Kind::Text),
];

fn kept(
    databases: &Databases,
    database: &Identifier,
    kind: ObjectKind,
) -> Vec<(RelationName, Object)> {
    let all = databases.objects().into_iter();
    all.filter(|((other, name), _)| *other == kind && name.database == *database)
        .map(|((_, name), object)| (name, object))
        .collect()
}

pub(super) fn sequences(
    databases: &Databases,
    database: &Identifier,
    listing: &mut Listing,
) -> Result<()> {
    for (name, object) in kept(databases, database, ObjectKind::Sequence) {
        let ObjectBody::Sequence {
            id,
            start,
            step,
            ordered,
        } = &object.body
        else {
            continue;
        };
        let next = databases.workspace.catalog().next_value(id)?;
        let next = next.unwrap_or(i128::from(*start));
        let created = object.created_at;
        listing.row([
            ("SEQUENCE_CATALOG", name.database.as_str().into()),
            ("SEQUENCE_SCHEMA", name.schema.as_str().into()),
            ("SEQUENCE_NAME", name.name.as_str().into()),
            ("SEQUENCE_OWNER", shown_owner(&object.access).into()),
            ("DATA_TYPE", "NUMBER".into()),
            ("NUMERIC_PRECISION", 38.into()),
            ("NUMERIC_PRECISION_RADIX", 10.into()),
            ("NUMERIC_SCALE", 0.into()),
            ("START_VALUE", start.to_string().into()),
            ("MINIMUM_VALUE", i64::MIN.to_string().into()),
            ("MAXIMUM_VALUE", i64::MAX.to_string().into()),
            ("NEXT_VALUE", next.to_string().into()),
            ("INCREMENT", step.to_string().into()),
            ("CYCLE_OPTION", yes(false)),
            ("CREATED", Cell::Moment(created.clone())),
            ("LAST_ALTERED", Cell::Moment(created)),
            ("ORDERED", yes(*ordered)),
            ("COMMENT", object.comment.into()),
        ]);
    }
    Ok(())
}

pub(super) fn stages(databases: &Databases, database: &Identifier, listing: &mut Listing) {
    for (name, object) in kept(databases, database, ObjectKind::Stage) {
        let ObjectBody::Stage { url, .. } = object.body else {
            continue;
        };
        let kind = match url.is_some() {
            true => "External Named",
            false => "Internal Named",
        };
        listing.row([
            ("STAGE_CATALOG", name.database.as_str().into()),
            ("STAGE_SCHEMA", name.schema.as_str().into()),
            ("STAGE_NAME", name.name.as_str().into()),
            ("STAGE_URL", url.into()),
            ("STAGE_TYPE", kind.into()),
            ("STAGE_OWNER", shown_owner(&object.access).into()),
            ("COMMENT", object.comment.into()),
            ("CREATED", Cell::Moment(object.created_at.clone())),
            ("LAST_ALTERED", Cell::Moment(object.created_at)),
        ]);
    }
}

/// Options that were not given are NULL.
pub(super) fn file_formats(databases: &Databases, database: &Identifier, listing: &mut Listing) {
    for (name, object) in kept(databases, database, ObjectKind::FileFormat) {
        let ObjectBody::FileFormat { options } = object.body else {
            continue;
        };
        let option = |name: &str| -> Cell {
            let value = options.get(name);
            value
                .map(|value| value.trim_matches('\'').to_owned())
                .into()
        };
        let kind = options.get("TYPE").map_or("CSV", String::as_str);
        let header = options.get("SKIP_HEADER");
        let mut cells = vec![
            ("FILE_FORMAT_CATALOG", name.database.as_str().into()),
            ("FILE_FORMAT_SCHEMA", name.schema.as_str().into()),
            ("FILE_FORMAT_NAME", name.name.as_str().into()),
            ("FILE_FORMAT_OWNER", shown_owner(&object.access).into()),
            (
                "FILE_FORMAT_TYPE",
                kind.trim_matches('\'').to_uppercase().into(),
            ),
            (
                "SKIP_HEADER",
                header.and_then(|number| number.parse::<i64>().ok()).into(),
            ),
            ("CREATED", Cell::Moment(object.created_at.clone())),
            ("LAST_ALTERED", Cell::Moment(object.created_at)),
            ("COMMENT", object.comment.into()),
        ];
        let texts = FILE_FORMATS.iter().map(|(column, _)| *column);
        let texts =
            texts.filter(|column| *column != "SKIP_HEADER" && options.contains_key(*column));
        cells.extend(texts.map(|column| (column, option(column))));
        listing.row(cells);
    }
}

/// `(A NUMBER, B VARCHAR)`.
fn arguments(arguments: &[FunctionArgument]) -> String {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| format!("{} {}", argument.name, argument.kind))
        .collect();
    format!("({})", arguments.join(", "))
}

pub(super) fn functions(databases: &Databases, database: &Identifier, listing: &mut Listing) {
    for (name, object) in kept(databases, database, ObjectKind::Function) {
        let ObjectBody::Function {
            arguments: taken,
            returns,
            body,
            secure,
        } = object.body
        else {
            continue;
        };
        let (plain, result, _) = signature(&name, &returns);
        let shown = databases.shows_text(secure, &object.access);
        listing.row([
            ("FUNCTION_CATALOG", name.database.as_str().into()),
            ("FUNCTION_SCHEMA", name.schema.as_str().into()),
            ("FUNCTION_NAME", plain.into()),
            ("FUNCTION_OWNER", shown_owner(&object.access).into()),
            ("ARGUMENT_SIGNATURE", arguments(&taken).into()),
            ("DATA_TYPE", result.into()),
            ("FUNCTION_LANGUAGE", "SQL".into()),
            ("FUNCTION_DEFINITION", shown.then_some(body).into()),
            ("IS_SECURE", yes(secure)),
            ("CREATED", Cell::Moment(object.created_at.clone())),
            ("LAST_ALTERED", Cell::Moment(object.created_at)),
            ("COMMENT", object.comment.into()),
            ("IS_EXTERNAL", yes(false)),
            ("IS_AGGREGATE", yes(false)),
        ]);
    }
}

pub(super) fn procedures(databases: &Databases, database: &Identifier, listing: &mut Listing) {
    for (name, object) in kept(databases, database, ObjectKind::Procedure) {
        let ObjectBody::Function {
            arguments: taken,
            returns,
            body,
            secure,
        } = object.body
        else {
            continue;
        };
        let (plain, result, _) = signature(&name, &returns);
        let shown = databases.shows_text(secure, &object.access);
        listing.row([
            ("PROCEDURE_CATALOG", name.database.as_str().into()),
            ("PROCEDURE_SCHEMA", name.schema.as_str().into()),
            ("PROCEDURE_NAME", plain.into()),
            ("PROCEDURE_OWNER", shown_owner(&object.access).into()),
            ("ARGUMENT_SIGNATURE", arguments(&taken).into()),
            ("DATA_TYPE", result.into()),
            ("PROCEDURE_LANGUAGE", "SQL".into()),
            ("PROCEDURE_DEFINITION", shown.then_some(body).into()),
            ("CREATED", Cell::Moment(object.created_at.clone())),
            ("LAST_ALTERED", Cell::Moment(object.created_at)),
            ("COMMENT", object.comment.into()),
        ]);
    }
}
