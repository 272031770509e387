//! Avro container files, as far as manifests need them: values by schema, with blocks packed by deflate or zstd
//! (<https://avro.apache.org/docs/1.11.1/specification/>).
//!
//! Manifests hold a record without fields (the partition of a table that has none) and facts of their own in
//! the header, so they are written and read here value by value; they are small.

use std::collections::HashMap;
use std::io::{Read, Write};

use diagnostic::{Error, Result, ResultExt, codes};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde_json::Value as Json;

const MAGIC: &[u8] = b"Obj\x01";
const SYNC: usize = 16;

/// A value of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    /// `int` and `long`.
    Long(i64),
    Float(f32),
    Double(f64),
    /// `bytes` and `fixed`.
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Value>),
    Record(Vec<(String, Value)>),
}

impl Value {
    /// The field `name` of a record; nothing if there is none, or it is null.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        let Self::Record(fields) = self else {
            return None;
        };
        let found = fields.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value)
            .filter(|value| **value != Self::Null)
    }

    pub(crate) fn long(&self, name: &str) -> Option<i64> {
        match self.field(name)? {
            Self::Long(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.field(name)? {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn array(&self, name: &str) -> &[Self] {
        match self.field(name) {
            Some(Self::Array(values)) => values,
            _ => &[],
        }
    }
}

/// A container file with `values` of `schema`, and `facts` in its header.
pub(crate) fn write(schema: &Json, facts: &[(&str, String)], values: &[Value]) -> Result<Vec<u8>> {
    let mut file = MAGIC.to_vec();
    let text = schema.to_string();
    let own = [("avro.schema", text.as_str()), ("avro.codec", "deflate")];
    let facts = facts.iter().map(|(key, value)| (*key, value.as_str()));
    let header: Vec<(&str, &str)> = own.into_iter().chain(facts).collect();
    put_long(&mut file, i64::try_from(header.len()).unwrap_or(0));
    for (key, value) in header {
        put_bytes(&mut file, key.as_bytes());
        put_bytes(&mut file, value.as_bytes());
    }
    put_long(&mut file, 0);
    let sync = *uuid::Uuid::new_v4().as_bytes();
    file.extend(sync);
    if !values.is_empty() {
        let mut block = Vec::new();
        for value in values {
            put(&mut block, schema, value)?;
        }
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        let packed = packed
            .write_all(&block)
            .and_then(|()| packed.finish())
            .explain(codes::K4001, || "A manifest cannot be packed".to_owned())?;
        put_long(&mut file, i64::try_from(values.len()).unwrap_or(0));
        put_bytes(&mut file, &packed);
        file.extend(sync);
    }
    Ok(file)
}

fn put_long(into: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        into.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    into.push(rest as u8);
}

fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put_long(into, i64::try_from(bytes.len()).unwrap_or(0));
    into.extend(bytes);
}

/// The name of a schema's type.
fn kind(schema: &Json) -> &str {
    match schema {
        Json::String(name) => name,
        Json::Array(_) => "union",
        other => match other.get("type") {
            Some(Json::String(name)) => name,
            Some(inner) => kind(inner),
            None => "",
        },
    }
}

fn put(into: &mut Vec<u8>, schema: &Json, value: &Value) -> Result<()> {
    let wrong = || {
        Error::new(
            codes::X0001,
            format!("A manifest's value does not fit {schema}"),
        )
    };
    match (kind(schema), value) {
        ("union", value) => {
            // Every union of a manifest is `null` and something else.
            let branch = schema.get(usize::from(*value != Value::Null));
            put_long(into, i64::from(*value != Value::Null));
            put(into, branch.ok_or_else(wrong)?, value)?;
        }
        ("null", Value::Null) => {}
        ("boolean", Value::Boolean(value)) => into.push(u8::from(*value)),
        ("int" | "long", Value::Long(value)) => put_long(into, *value),
        ("float", Value::Float(value)) => into.extend(value.to_le_bytes()),
        ("double", Value::Double(value)) => into.extend(value.to_le_bytes()),
        ("bytes", Value::Bytes(value)) => put_bytes(into, value),
        ("fixed", Value::Bytes(value)) => into.extend(value),
        ("string", Value::Text(value)) => put_bytes(into, value.as_bytes()),
        ("array", Value::Array(values)) => {
            let items = schema.get("items").ok_or_else(wrong)?;
            if !values.is_empty() {
                put_long(into, i64::try_from(values.len()).unwrap_or(0));
                for value in values {
                    put(into, items, value)?;
                }
            }
            put_long(into, 0);
        }
        ("record", value @ Value::Record(_)) => {
            let fields = schema.get("fields").and_then(Json::as_array);
            for field in fields.ok_or_else(wrong)? {
                let name = field.get("name").and_then(Json::as_str).unwrap_or("");
                let schema = field.get("type").ok_or_else(wrong)?;
                put(into, schema, value.field(name).unwrap_or(&Value::Null))?;
            }
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

/// The values of the container file `bytes`.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Value>> {
    let mut input = Input { rest: bytes };
    if input.take(MAGIC.len())? != MAGIC {
        return Err(broken());
    }
    let header = input.map()?;
    let schema = header.get("avro.schema").ok_or_else(broken)?;
    let schema: Json = serde_json::from_slice(schema).map_err(|cause| broken().because(cause))?;
    let codec = header.get("avro.codec").map_or(&b"null"[..], Vec::as_slice);
    input.take(SYNC)?;
    let mut values = Vec::new();
    while !input.rest.is_empty() {
        let count = input.long()?;
        let packed = input.bytes()?;
        input.take(SYNC)?;
        let block = unpacked(codec, packed)?;
        let mut block = Input { rest: &block };
        let mut names = HashMap::new();
        for _ in 0..count {
            values.push(block.value(&schema, &mut names)?);
        }
    }
    Ok(values)
}

fn unpacked(codec: &[u8], packed: &[u8]) -> Result<Vec<u8>> {
    let mut block = Vec::new();
    match codec {
        b"null" => block.extend(packed),
        b"deflate" => {
            DeflateDecoder::new(packed)
                .read_to_end(&mut block)
                .map_err(|cause| broken().because(cause))?;
        }
        b"zstandard" => {
            block = zstd::decode_all(packed).map_err(|cause| broken().because(cause))?;
        }
        other => {
            return Err(Error::new(
                codes::K4002,
                format!(
                    "A manifest is packed by `{}`, which is not read",
                    String::from_utf8_lossy(other)
                ),
            ));
        }
    }
    Ok(block)
}

fn broken() -> Error {
    Error::new(codes::K4001, "A manifest is no whole Avro file")
}

struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(broken)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| broken())
    }

    fn long(&mut self) -> Result<i64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(broken())
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.long()?).map_err(|_| broken())?;
        self.take(length)
    }

    fn map(&mut self) -> Result<HashMap<String, Vec<u8>>> {
        let mut map = HashMap::new();
        while let Some(count) = self.block()? {
            for _ in 0..count {
                let key = String::from_utf8_lossy(self.bytes()?).into_owned();
                map.insert(key, self.bytes()?.to_vec());
            }
        }
        Ok(map)
    }

    /// How many items the next block of an array or map has; nothing at its end.
    fn block(&mut self) -> Result<Option<u64>> {
        let count = self.long()?;
        if count < 0 {
            // A negative count is followed by the block's bytes.
            self.long()?;
        }
        Ok(Some(count.unsigned_abs()).filter(|count| *count > 0))
    }

    fn value(&mut self, schema: &Json, names: &mut HashMap<String, Json>) -> Result<Value> {
        Ok(match kind(schema) {
            "null" => Value::Null,
            "boolean" => Value::Boolean(self.array::<1>()? != [0]),
            "int" | "long" => Value::Long(self.long()?),
            "float" => Value::Float(f32::from_le_bytes(self.array()?)),
            "double" => Value::Double(f64::from_le_bytes(self.array()?)),
            "bytes" => Value::Bytes(self.bytes()?.to_vec()),
            "string" => Value::Text(String::from_utf8_lossy(self.bytes()?).into_owned()),
            "fixed" => {
                remember(schema, names);
                let size = schema.get("size").and_then(Json::as_u64);
                let size = size.and_then(|size| usize::try_from(size).ok());
                Value::Bytes(self.take(size.ok_or_else(broken)?)?.to_vec())
            }
            "union" => {
                let at = usize::try_from(self.long()?).map_err(|_| broken())?;
                self.value(schema.get(at).ok_or_else(broken)?, names)?
            }
            "array" => {
                let items = schema.get("items").ok_or_else(broken)?;
                let mut values = Vec::new();
                while let Some(count) = self.block()? {
                    for _ in 0..count {
                        values.push(self.value(items, names)?);
                    }
                }
                Value::Array(values)
            }
            "record" => {
                remember(schema, names);
                // The type may be written inside a field: `{"type": {"type": "record", …}}`.
                let record = match schema.get("fields") {
                    Some(_) => schema,
                    None => schema.get("type").ok_or_else(broken)?,
                };
                let fields = record.get("fields").and_then(Json::as_array);
                let mut values = Vec::new();
                for field in fields.ok_or_else(broken)? {
                    let name = field.get("name").and_then(Json::as_str);
                    let schema = field.get("type").ok_or_else(broken)?;
                    let value = self.value(schema, names)?;
                    values.push((name.ok_or_else(broken)?.to_owned(), value));
                }
                Value::Record(values)
            }
            named => {
                let schema = names.get(named).cloned().ok_or_else(broken)?;
                self.value(&schema, names)?
            }
        })
    }
}

fn remember(schema: &Json, names: &mut HashMap<String, Json>) {
    if let Some(name) = schema.get("name").and_then(Json::as_str)
        && !names.contains_key(name)
    {
        names.insert(name.to_owned(), schema.clone());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::{Value, put_long, read, write};

    #[test]
    fn numbers_are_zigzag_as_the_specification_shows() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
        ] {
            let mut found = Vec::new();
            put_long(&mut found, value);
            assert_eq!(found, bytes, "{value}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let schema = json!({"type": "record", "name": "r", "fields": [
            {"name": "n", "type": ["null", "long"], "default": null},
            {"name": "p", "type": {"type": "record", "name": "nothing", "fields": []}},
            {"name": "m", "type": {"type": "array", "items": {"type": "record", "name": "kv", "fields": [
                {"name": "key", "type": "int"}, {"name": "value", "type": "bytes"},
            ]}}},
            {"name": "s", "type": "string"},
        ]});
        let pair = Value::Record(vec![
            ("key".to_owned(), Value::Long(i64::MIN)),
            ("value".to_owned(), Value::Bytes(vec![0, 255])),
        ]);
        let row = |number| {
            Value::Record(vec![
                ("n".to_owned(), number),
                ("p".to_owned(), Value::Record(Vec::new())),
                (
                    "m".to_owned(),
                    Value::Array(vec![pair.clone(), pair.clone()]),
                ),
                ("s".to_owned(), Value::Text("ü".to_owned())),
            ])
        };
        let rows = vec![row(Value::Null), row(Value::Long(i64::MAX))];
        let file = write(&schema, &[("content", "data".to_owned())], &rows).unwrap();
        assert_eq!(read(&file).unwrap(), rows);
        let empty = write(&schema, &[], &[]).unwrap();
        assert!(read(&empty).unwrap().is_empty());
        // No cut of a file is taken for a whole one, but for the cut before its only block.
        for end in 0..file.len() {
            let cut = read(&file[..end]);
            assert!(cut.is_err() || cut.unwrap().is_empty(), "{end}");
        }
    }
}
