//! [`Column`]: a column as templates see it: `adapter.get_columns_in_relation`, `api.Column`.

use diagnostic::Result;
use jinja::{Arguments, CallContext, Object, Value};

use crate::adapter::ColumnInfo;

/// A column's name and type, the type taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    name: String,
    dtype: String,
    char_size: Option<i64>,
    precision: Option<i64>,
    scale: Option<i64>,
    quote: char,
    /// Whether types without a size are written as in Snowflake.
    snowflake: bool,
}

impl Column {
    /// The column as its adapter describes it; `kind` is the adapter's type.
    #[must_use]
    pub fn from_info(info: &ColumnInfo, kind: &str, quote: char) -> Self {
        let snowflake = kind == "snowflake";
        let mut column = Self::new(&info.name, &info.data_type, kind, quote);
        let Some((base, rest)) = info.data_type.split_once('(') else {
            return column;
        };
        let Some((sizes, after)) = rest.split_once(')') else {
            return column;
        };
        let numbers: Vec<i64> = sizes
            .split(',')
            .filter_map(|n| n.trim().parse().ok())
            .collect();
        if numbers.is_empty() || !after.trim().is_empty() {
            return column;
        }
        // As in dbt, the type of a column has no size: `TIMESTAMP_NTZ(9)` is `TIMESTAMP_NTZ`.
        base.trim().clone_into(&mut column.dtype);
        if numbers.len() > 1 {
            column.precision = numbers.first().copied();
            column.scale = numbers.get(1).copied();
        } else if column.is_numeric() {
            column.precision = numbers.first().copied();
        } else {
            column.char_size = numbers.first().copied();
        }
        column.snowflake = snowflake;
        column
    }

    fn new(name: &str, dtype: &str, kind: &str, quote: char) -> Self {
        Self {
            name: name.to_owned(),
            dtype: dtype.to_owned(),
            char_size: None,
            precision: None,
            scale: None,
            quote,
            snowflake: kind == "snowflake",
        }
    }

    /// `Column(name, dtype, char_size, numeric_precision, numeric_scale)`.
    ///
    /// # Errors
    /// `J2003` for other arguments.
    pub fn construct(arguments: Arguments, kind: &str, quote: char) -> Result<Self> {
        let names = [
            "column",
            "dtype",
            "char_size",
            "numeric_precision",
            "numeric_scale",
        ];
        let [name, dtype, size, precision, scale] = arguments.bind("Column", names, 2)?;
        let text = |value: Option<Value>| value.map(|v| v.to_string()).unwrap_or_default();
        let number = |value: Option<Value>| {
            value
                .and_then(|v| v.as_int())
                .and_then(|n| i64::try_from(n).ok())
        };
        let mut column = Self::new(&text(name), &text(dtype), kind, quote);
        (column.char_size, column.precision, column.scale) =
            (number(size), number(precision), number(scale));
        Ok(column)
    }

    fn base(&self) -> String {
        self.dtype.to_lowercase()
    }

    fn is_string(&self) -> bool {
        matches!(
            self.base().as_str(),
            "text"
                | "character varying"
                | "character"
                | "varchar"
                | "string"
                | "char"
                | "nvarchar"
                | "bpchar"
        )
    }

    fn is_float(&self) -> bool {
        matches!(
            self.base().as_str(),
            "real" | "float4" | "float" | "double precision" | "float8" | "double"
        )
    }

    fn is_integer(&self) -> bool {
        matches!(
            self.base().as_str(),
            "smallint"
                | "integer"
                | "bigint"
                | "smallserial"
                | "serial"
                | "bigserial"
                | "int2"
                | "int4"
                | "int8"
                | "serial2"
                | "serial4"
                | "serial8"
                | "int"
                | "tinyint"
                | "hugeint"
        )
    }

    fn is_numeric(&self) -> bool {
        matches!(
            self.base().as_str(),
            "numeric" | "decimal" | "number" | "fixed"
        )
    }

    fn string_size(&self) -> i64 {
        let unsized_text = matches!(self.base().as_str(), "text" | "string") || self.snowflake;
        self.char_size.unwrap_or(if unsized_text && self.snowflake {
            16_777_216
        } else {
            256
        })
    }

    fn string_type(&self, size: i64) -> String {
        format!("character varying({size})")
    }

    fn data_type(&self) -> String {
        if self.is_string() {
            return match self.char_size {
                Some(size) => self.string_type(size),
                None if self.snowflake => self.string_type(self.string_size()),
                None => self.dtype.clone(),
            };
        }
        match (self.is_numeric(), self.precision, self.scale) {
            (true, Some(precision), Some(scale)) => format!("{}({precision},{scale})", self.dtype),
            (true, Some(precision), None) => format!("{}({precision})", self.dtype),
            _ => self.dtype.clone(),
        }
    }

    fn quoted(&self) -> String {
        let quote = self.quote;
        format!(
            "{quote}{}{quote}",
            self.name.replace(quote, &format!("{quote}{quote}"))
        )
    }
}

/// dbt's names for types: `api.Column.translate_type('string')`.
#[must_use]
pub fn translate_type(dtype: &str, kind: &str) -> String {
    match (dtype.to_uppercase().as_str(), kind) {
        ("STRING", "snowflake" | "postgres" | "duckdb" | "redshift") => "TEXT".to_owned(),
        ("INTEGER", _) => "INT".to_owned(),
        ("STRING" | "TIMESTAMP" | "FLOAT" | "BOOLEAN", _) => dtype.to_uppercase(),
        _ => dtype.to_owned(),
    }
}

impl Object for Column {
    fn type_name(&self) -> &str {
        "Column"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        let value = match name {
            "name" | "column" => self.name.clone().into(),
            "dtype" => self.dtype.clone().into(),
            "data_type" | "expanded_data_type" => self.data_type().into(),
            "quoted" => self.quoted().into(),
            "char_size" => self.char_size.into(),
            "numeric_precision" => self.precision.into(),
            "numeric_scale" => self.scale.into(),
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn get_item(&self, key: &Value) -> Result<Option<Value>> {
        match key.as_str() {
            Some(name) => self.get_attr(name),
            None => Ok(None),
        }
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let first = arguments.positional.first();
        let value = match name {
            "is_string" => self.is_string().into(),
            "is_number" => (self.is_float() || self.is_integer() || self.is_numeric()).into(),
            "is_float" => self.is_float().into(),
            "is_integer" => self.is_integer().into(),
            "is_numeric" => self.is_numeric().into(),
            "string_size" => self.string_size().into(),
            "string_type" => {
                let size = first
                    .and_then(Value::as_int)
                    .and_then(|n| i64::try_from(n).ok());
                self.string_type(size.unwrap_or(256)).into()
            }
            "literal" => {
                let value = first.map(ToString::to_string).unwrap_or_default();
                format!("{value}::{}", self.data_type()).into()
            }
            "can_expand_to" => {
                let other = first.and_then(Value::downcast::<Column>);
                let wider = other.is_some_and(|other| {
                    self.is_string()
                        && other.is_string()
                        && other.string_size() > self.string_size()
                });
                wider.into()
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn repr(&self) -> String {
        format!("<Column {} ({})>", self.name, self.data_type())
    }

    fn compare(&self, other: &Value) -> Option<std::cmp::Ordering> {
        let other = other.downcast::<Column>()?;
        Some(self.repr().cmp(&other.repr()))
    }
}
