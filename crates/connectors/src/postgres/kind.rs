//! Which Arrow type a PostgreSQL type becomes, and how its values travel.
//!
//! | PostgreSQL | ours |
//! |---|---|
//! | `boolean` | BOOLEAN |
//! | `smallint`, `integer`, `bigint`, `oid` | whole number of 64 bits |
//! | `real`, `double precision` | FLOAT |
//! | `numeric(p,s)` up to 38 digits | NUMBER(p,s); NaN and infinity are `P2005` |
//! | other `numeric` | VARCHAR, digit for digit |
//! | `date`, `timestamp`, `timestamptz` | DATE, TIMESTAMP_NTZ, TIMESTAMP_LTZ; infinity is the last microsecond of 9999 or the first of year 1 |
//! | `json`, `jsonb`, `hstore`, arrays | VARIANT |
//! | `bytea` | BINARY |
//! | `uuid`, `time`, `timetz`, `interval`, enums, ranges, network, geometric, composite and all other types | VARCHAR, as PostgreSQL writes them |
//!
//! A domain is its base type.

use arrow::datatypes::{DataType, TimeUnit};
use model::ColumnType;

/// What a column's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `boolean`.
    Boolean,
    /// Whole numbers of 2, 4 or 8 bytes, and `oid`.
    Integer,
    /// `real`.
    Float4,
    /// `double precision`.
    Float8,
    /// A decimal number of fixed scale.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: i8,
    },
    /// Text.
    Text,
    /// `uuid`.
    Uuid,
    /// `bytea`.
    Bytes,
    /// `date`.
    Date,
    /// `timestamp`.
    Timestamp,
    /// `timestamptz`.
    TimestampTz,
    /// `json`.
    Json,
    /// `jsonb`.
    Jsonb,
    /// An array.
    Array(Element),
    /// `hstore`.
    Hstore,
}

/// How the elements of an array stand in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// As numbers, but for NaN and infinity.
    Number,
    /// As truth values.
    Boolean,
    /// As the JSON they are.
    Json,
    /// As strings.
    Text,
}

/// How a copy sends a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// In its type's binary form.
    Binary,
    /// Cast to text.
    Text,
}

impl Kind {
    /// The Arrow type of its columns.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Float4 | Self::Float8 => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
            Self::Bytes => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Text | Self::Uuid | Self::Json | Self::Jsonb | Self::Array(_) | Self::Hstore => {
                DataType::Utf8
            }
        }
    }

    /// Whether its columns are VARIANT, carried as JSON text.
    #[must_use]
    pub fn is_variant(self) -> bool {
        matches!(
            self,
            Self::Json | Self::Jsonb | Self::Array(_) | Self::Hstore
        )
    }
}

/// The kind of a base type by its oid (`pg_type.dat`), its name, its modifier and its element's oid.
#[must_use]
pub fn kind_of(oid: u32, name: &str, modifier: i32, element: Option<u32>) -> (Kind, Wire) {
    let binary = |kind| (kind, Wire::Binary);
    match oid {
        16 => binary(Kind::Boolean),
        17 => binary(Kind::Bytes),
        20 | 21 | 23 | 26 => binary(Kind::Integer),
        700 => binary(Kind::Float4),
        701 => binary(Kind::Float8),
        19 | 25 | 1042 | 1043 => binary(Kind::Text),
        114 => binary(Kind::Json),
        3802 => binary(Kind::Jsonb),
        1082 => binary(Kind::Date),
        1114 => binary(Kind::Timestamp),
        1184 => binary(Kind::TimestampTz),
        2950 => binary(Kind::Uuid),
        1700 => match decimal(modifier) {
            Some(kind) => binary(kind),
            None => (Kind::Text, Wire::Text),
        },
        _ if name == "hstore" => (Kind::Hstore, Wire::Text),
        _ => match element {
            Some(element) => (Kind::Array(element_of(element)), Wire::Text),
            None => (Kind::Text, Wire::Text),
        },
    }
}

/// `numeric(p,s)` from its modifier, `((p << 16) | (s & 0x7ff)) + 4`, if NUMBER holds it.
fn decimal(modifier: i32) -> Option<Kind> {
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
    let precision = u8::try_from((packed >> 16) & 0xffff).ok()?;
    // The scale has eleven bits with a sign.
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    let scale = i8::try_from(scale).ok()?;
    let fits = (1..=38).contains(&precision) && (0..=37).contains(&scale);
    (fits && scale.unsigned_abs() <= precision).then_some(Kind::Decimal { precision, scale })
}

fn element_of(oid: u32) -> Element {
    match oid {
        20 | 21 | 23 | 26 | 700 | 701 | 1700 => Element::Number,
        16 => Element::Boolean,
        114 | 3802 => Element::Json,
        _ => Element::Text,
    }
}

/// The kind that stands for `wanted`, if the project's files name a type; such values travel as text.
#[must_use]
pub fn overridden(wanted: ColumnType) -> (Kind, Wire) {
    let kind = match wanted {
        ColumnType::Number { precision, scale } => Kind::Decimal {
            precision,
            scale: i8::try_from(scale).unwrap_or(0),
        },
        ColumnType::Float => Kind::Float8,
        ColumnType::Boolean => Kind::Boolean,
        ColumnType::Date => Kind::Date,
        ColumnType::TimestampNtz => Kind::Timestamp,
        ColumnType::TimestampLtz | ColumnType::TimestampTz => Kind::TimestampTz,
        ColumnType::Binary => Kind::Bytes,
        ColumnType::Variant => Kind::Json,
        ColumnType::Varchar | ColumnType::Time => Kind::Text,
    };
    (kind, Wire::Text)
}

#[cfg(test)]
mod tests {
    use super::{Kind, Wire, kind_of};

    #[test]
    fn numeric_modifiers_give_precision_and_scale() {
        let modifier = |p: i32, s: i32| ((p << 16) | (s & 0x7ff)) + 4;
        let kind = |p, s| kind_of(1700, "numeric", modifier(p, s), None);
        let decimal = |precision, scale| (Kind::Decimal { precision, scale }, Wire::Binary);
        assert_eq!(kind(12, 2), decimal(12, 2));
        assert_eq!(kind(38, 0), decimal(38, 0));
        // Wider ones, negative scales and those without limits stay text.
        for text in [
            kind(39, 2),
            kind(5, -2),
            kind(2, 5),
            kind_of(1700, "numeric", -1, None),
        ] {
            assert_eq!(text, (Kind::Text, Wire::Text));
        }
    }
}
