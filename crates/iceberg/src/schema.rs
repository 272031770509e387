//! [`Schema`]: columns with their ids, as JSON and as Arrow has them
//! (<https://iceberg.apache.org/spec/#schemas-and-data-types>).

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema as ArrowSchema, TimeUnit};
use diagnostic::{Error, Result, codes};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value as Json, json};

/// The key of a column's id in Arrow's metadata, from where it goes to Parquet files.
pub const FIELD_ID: &str = "PARQUET:field_id";

/// A table's columns at some time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Schema {
    /// Always `struct`.
    #[serde(rename = "type", default = "struct_type")]
    pub kind: String,
    /// The schema's number in its table.
    #[serde(default)]
    pub schema_id: i32,
    /// Columns that together name a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifier_field_ids: Vec<i32>,
    /// The columns.
    pub fields: Vec<Field>,
}

fn struct_type() -> String {
    "struct".to_owned()
}

/// A column, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// What files and versions know it by.
    pub id: i32,
    /// What it is called now.
    pub name: String,
    /// Whether every row has a value.
    pub required: bool,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// What people say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
}

/// A type of values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "these are the specification's own names")]
pub enum Type {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Text,
    Uuid,
    Binary,
    Fixed(u32),
    Decimal(u8, i8),
    Struct(Vec<Field>),
    /// The element's id, whether each has a value, its type.
    List(i32, bool, Box<Type>),
    /// The ids of keys and values, whether each value is there, both types.
    Map(i32, i32, bool, Box<Type>, Box<Type>),
}

const PLAIN: [(&str, Type); 12] = [
    ("boolean", Type::Boolean),
    ("int", Type::Int),
    ("long", Type::Long),
    ("float", Type::Float),
    ("double", Type::Double),
    ("date", Type::Date),
    ("time", Type::Time),
    ("timestamp", Type::Timestamp),
    ("timestamptz", Type::Timestamptz),
    ("string", Type::Text),
    ("uuid", Type::Uuid),
    ("binary", Type::Binary),
];

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = match self {
            Self::Fixed(length) => json!(format!("fixed[{length}]")),
            Self::Decimal(precision, scale) => json!(format!("decimal({precision}, {scale})")),
            Self::Struct(fields) => json!({"type": "struct", "fields": fields}),
            Self::List(id, required, element) => json!({
                "type": "list", "element-id": id, "element-required": required, "element": element,
            }),
            Self::Map(key_id, value_id, required, key, value) => json!({
                "type": "map", "key-id": key_id, "key": key,
                "value-id": value_id, "value-required": required, "value": value,
            }),
            plain => {
                let found = PLAIN.iter().find(|(_, kind)| kind == plain);
                json!(found.map_or("", |(name, _)| *name))
            }
        };
        json.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Self::from_json(&json).ok_or_else(|| de::Error::custom(format!("unknown type {json}")))
    }
}

impl Type {
    fn from_json(json: &Json) -> Option<Self> {
        if let Some(name) = json.as_str() {
            if let Some((_, plain)) = PLAIN.iter().find(|(known, _)| *known == name) {
                return Some(plain.clone());
            }
            let inside = |open: &str, close| name.strip_prefix(open)?.strip_suffix(close);
            if let Some(length) = inside("fixed[", ']') {
                return length.trim().parse().ok().map(Self::Fixed);
            }
            let (precision, scale) = inside("decimal(", ')')?.split_once(',')?;
            let (precision, scale) = (precision.trim().parse(), scale.trim().parse());
            return Some(Self::Decimal(precision.ok()?, scale.ok()?));
        }
        let part = |name: &str| json.get(name).and_then(Self::from_json).map(Box::new);
        let id = |name: &str| i32::try_from(json.get(name)?.as_i64()?).ok();
        let required = |name: &str| json.get(name).and_then(Json::as_bool).unwrap_or(false);
        match json.get("type")?.as_str()? {
            "struct" => serde_json::from_value(json.get("fields")?.clone())
                .ok()
                .map(Self::Struct),
            "list" => Some(Self::List(
                id("element-id")?,
                required("element-required"),
                part("element")?,
            )),
            "map" => Some(Self::Map(
                id("key-id")?,
                id("value-id")?,
                required("value-required"),
                part("key")?,
                part("value")?,
            )),
            _ => None,
        }
    }

    /// The type of Arrow values `from`; parts get ids from `next` on.
    pub(crate) fn of_arrow(name: &str, from: &DataType, next: &mut i32) -> Result<Self> {
        Ok(match from {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::Int16 | DataType::Int32 => Self::Int,
            DataType::Int64 => Self::Long,
            DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Date32 => Self::Date,
            DataType::Time64(TimeUnit::Microsecond) => Self::Time,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::Timestamp,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Self::Timestamptz,
            DataType::Utf8 => Self::Text,
            DataType::Binary => Self::Binary,
            DataType::Decimal128(precision, scale) if *scale >= 0 => {
                Self::Decimal(*precision, *scale)
            }
            DataType::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|field| Field::of_arrow(field, next))
                    .collect::<Result<_>>()?,
            ),
            DataType::List(item) => {
                let id = taken(next);
                let element = Self::of_arrow(name, item.data_type(), next)?;
                Self::List(id, false, Box::new(element))
            }
            other => {
                return Err(Error::new(
                    codes::K3005,
                    format!(
                        "Column `{name}` has type {other}, which an Iceberg table cannot store"
                    ),
                ));
            }
        })
    }

    /// The type as Arrow has it.
    fn arrow(&self, name: &str) -> Result<DataType> {
        Ok(match self {
            Self::Boolean => DataType::Boolean,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Text => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(Field::arrow)
                    .collect::<Result<Fields>>()?,
            ),
            Self::List(_, _, element) => {
                let item = ArrowField::new("element", element.arrow(name)?, true);
                DataType::List(Arc::new(item))
            }
            Self::Uuid | Self::Fixed(_) | Self::Map(..) => {
                return Err(Error::new(
                    codes::K4002,
                    format!(
                        "Column `{name}` of an Iceberg table has a type that is not read: {self:?}"
                    ),
                ));
            }
        })
    }
}

impl Field {
    /// The Arrow column `from` with ids from `next` on.
    pub(crate) fn of_arrow(from: &ArrowField, next: &mut i32) -> Result<Self> {
        Ok(Self {
            id: taken(next),
            name: from.name().clone(),
            required: false,
            kind: Type::of_arrow(from.name(), from.data_type(), next)?,
            doc: None,
        })
    }

    fn arrow(&self) -> Result<ArrowField> {
        let kind = self.kind.arrow(&self.name)?;
        // Rows of before a column count as null, so readers are never promised more.
        Ok(ArrowField::new(&self.name, kind, true))
    }
}

impl Schema {
    /// The columns in Arrow, without ids.
    ///
    /// # Errors
    /// `K4002` if a column has a type that is not read.
    pub fn arrow(&self) -> Result<ArrowSchema> {
        let fields = self.fields.iter().map(Field::arrow);
        Ok(ArrowSchema::new(fields.collect::<Result<Fields>>()?))
    }

    /// `columns` with the ids they have here by name, for Parquet files; unknown ones get none.
    #[must_use]
    pub fn stamp(&self, columns: &ArrowSchema) -> ArrowSchema {
        let fields = columns.fields().iter().map(|field| {
            let known = self.field(field.name());
            known.map_or_else(
                || field.as_ref().clone(),
                |known| stamped(field, known.id, &known.kind),
            )
        });
        ArrowSchema::new(fields.collect::<Fields>())
    }

    /// The column called `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Ids and types of all values that files hold, by id.
    pub(crate) fn leaves(&self) -> HashMap<i32, &Type> {
        let mut leaves = HashMap::new();
        for field in &self.fields {
            collect(field.id, &field.kind, &mut leaves);
        }
        leaves
    }
}

fn collect<'a>(id: i32, kind: &'a Type, into: &mut HashMap<i32, &'a Type>) {
    match kind {
        Type::Struct(fields) => {
            for field in fields {
                collect(field.id, &field.kind, into);
            }
        }
        Type::List(id, _, element) => collect(*id, element, into),
        Type::Map(key_id, value_id, _, key, value) => {
            collect(*key_id, key, into);
            collect(*value_id, value, into);
        }
        _ => {
            into.insert(id, kind);
        }
    }
}

fn taken(next: &mut i32) -> i32 {
    let id = *next;
    *next += 1;
    id
}

/// `field` and its parts with the ids of a column `id` of type `kind`.
fn stamped(field: &ArrowField, id: i32, kind: &Type) -> ArrowField {
    let data_type = match (field.data_type(), kind) {
        (DataType::Struct(fields), Type::Struct(parts)) => DataType::Struct(
            fields
                .iter()
                .zip(parts)
                .map(|(field, part)| stamped(field, part.id, &part.kind))
                .collect(),
        ),
        (DataType::List(item), Type::List(id, _, element)) => {
            DataType::List(Arc::new(stamped(item, *id, element)))
        }
        (other, _) => other.clone(),
    };
    let mut metadata = field.metadata().clone();
    metadata.insert(FIELD_ID.to_owned(), id.to_string());
    field
        .clone()
        .with_data_type(data_type)
        .with_metadata(metadata)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::{Schema, Type};

    #[test]
    fn the_specifications_own_example_is_read_and_written() {
        let text = json!({
            "type": "struct", "schema-id": 2, "identifier-field-ids": [1], "fields": [
                {"id": 1, "name": "id", "required": true, "type": "uuid"},
                {"id": 2, "name": "data", "required": false, "type": {
                    "type": "list", "element-id": 3, "element-required": true, "element": "string",
                }},
                {"id": 4, "name": "m", "required": false, "type": {
                    "type": "map", "key-id": 5, "key": "string",
                    "value-id": 6, "value-required": false, "value": "double",
                }},
                {"id": 7, "name": "d", "required": false, "type": "decimal(9, 2)"},
                {"id": 8, "name": "f", "required": false, "type": "fixed[16]"},
            ],
        });
        let schema: Schema = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(schema.field("d").unwrap().kind, Type::Decimal(9, 2));
        assert_eq!(serde_json::to_value(&schema).unwrap(), text);
        assert!(serde_json::from_value::<Type>(json!("geometry")).is_err());
    }
}
