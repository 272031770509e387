//! The bytes of the parse cache: [`Pack`] writes values and reads them back. Numbers are LEB128, texts
//! and lists have their length in front, and configurations that are equal are written once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Number, Value as Json};

use crate::config::Config;

/// A value that the cache can hold.
pub trait Pack: Sized {
    /// Writes it.
    fn pack(&self, writer: &mut Writer);

    /// Reads it back; `None` where the bytes make no sense.
    fn unpack(reader: &mut Reader<'_>) -> Option<Self>;
}

/// Collects bytes.
#[derive(Default)]
pub struct Writer {
    /// What was written.
    pub bytes: Vec<u8>,
    configs: HashMap<Vec<u8>, u64>,
    shared: HashMap<usize, u64>,
}

impl Writer {
    /// Writes a number.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number as u8) | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// Writes a text.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Writes a configuration, or where it has been written.
    fn config(&mut self, config: &Config) {
        let address = Arc::as_ptr(&config.0) as usize;
        if let Some(known) = self.shared.get(&address) {
            let known = *known;
            return self.number(known);
        }
        let outside = std::mem::take(&mut self.bytes);
        pack_map(&config.0, self);
        let own = std::mem::replace(&mut self.bytes, outside);
        let next = self.configs.len() as u64 + 1;
        if let Some(known) = self.configs.get(&own) {
            let known = *known;
            self.shared.insert(address, known);
            return self.number(known);
        }
        self.number(0);
        self.bytes.extend_from_slice(&own);
        self.configs.insert(own, next);
        self.shared.insert(address, next);
    }
}

/// Reads bytes that a [`Writer`] collected.
pub struct Reader<'b> {
    bytes: &'b [u8],
    configs: Vec<Config>,
}

impl<'b> Reader<'b> {
    /// A reader of `bytes`.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            configs: Vec::new(),
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    /// Reads a number.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// Reads a length: no more than there are bytes left, so that nonsense allocates nothing.
    fn length(&mut self) -> Option<usize> {
        let length = usize::try_from(self.number()?).ok()?;
        (length <= self.bytes.len()).then_some(length)
    }

    /// Reads a text without copying it.
    pub fn text(&mut self) -> Option<&'b str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn config(&mut self) -> Option<Config> {
        let known = self.number()?;
        match known.checked_sub(1) {
            Some(at) => self.configs.get(usize::try_from(at).ok()?).cloned(),
            None => {
                let config = Config(Arc::new(unpack_map(self)?));
                self.configs.push(config.clone());
                Some(config)
            }
        }
    }
}

/// Says how a struct is packed: field by field, in this order. A field that is left out does not
/// compile.
macro_rules! packed {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl $crate::cache::codec::Pack for $type {
            fn pack(&self, writer: &mut $crate::cache::codec::Writer) {
                let $type { $($field),* } = self;
                $($crate::cache::codec::Pack::pack($field, writer);)*
            }

            fn unpack(reader: &mut $crate::cache::codec::Reader<'_>) -> Option<Self> {
                Some($type { $($field: $crate::cache::codec::Pack::unpack(reader)?),* })
            }
        }
    };
}

pub(crate) use packed;

impl Pack for u64 {
    fn pack(&self, writer: &mut Writer) {
        writer.number(*self);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        reader.number()
    }
}

impl Pack for usize {
    fn pack(&self, writer: &mut Writer) {
        writer.number(*self as u64);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        reader.number()?.try_into().ok()
    }
}

impl Pack for i64 {
    fn pack(&self, writer: &mut Writer) {
        writer.number(self.cast_unsigned());
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        reader.number().map(u64::cast_signed)
    }
}

impl Pack for f64 {
    fn pack(&self, writer: &mut Writer) {
        writer.bytes.extend_from_slice(&self.to_le_bytes());
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let bytes = reader.take(8)?.try_into().ok()?;
        Some(f64::from_le_bytes(bytes))
    }
}

impl Pack for bool {
    fn pack(&self, writer: &mut Writer) {
        writer.bytes.push(u8::from(*self));
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Pack for String {
    fn pack(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        reader.text().map(str::to_owned)
    }
}

impl<const N: usize> Pack for [u8; N] {
    fn pack(&self, writer: &mut Writer) {
        writer.bytes.extend_from_slice(self);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        reader.take(N)?.try_into().ok()
    }
}

impl<T: Pack> Pack for Option<T> {
    fn pack(&self, writer: &mut Writer) {
        self.is_some().pack(writer);
        if let Some(value) = self {
            value.pack(writer);
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Some(match bool::unpack(reader)? {
            true => Some(T::unpack(reader)?),
            false => None,
        })
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack(&self, writer: &mut Writer) {
        writer.number(self.len() as u64);
        for item in self {
            item.pack(writer);
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let length = reader.length()?;
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(T::unpack(reader)?);
        }
        Some(items)
    }
}

impl<T: Pack> Pack for Arc<T> {
    fn pack(&self, writer: &mut Writer) {
        T::pack(self, writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        T::unpack(reader).map(Arc::new)
    }
}

impl<A: Pack, B: Pack> Pack for (A, B) {
    fn pack(&self, writer: &mut Writer) {
        self.0.pack(writer);
        self.1.pack(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Some((A::unpack(reader)?, B::unpack(reader)?))
    }
}

impl<K: Pack + Hash + Eq, T: Pack> Pack for IndexMap<K, T> {
    fn pack(&self, writer: &mut Writer) {
        writer.number(self.len() as u64);
        for (key, value) in self {
            key.pack(writer);
            value.pack(writer);
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let length = reader.length()?;
        let mut map = IndexMap::with_capacity(length);
        for _ in 0..length {
            map.insert(K::unpack(reader)?, T::unpack(reader)?);
        }
        Some(map)
    }
}

impl Pack for Config {
    fn pack(&self, writer: &mut Writer) {
        writer.config(self);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        reader.config()
    }
}

fn pack_map(map: &Map<String, Json>, writer: &mut Writer) {
    writer.number(map.len() as u64);
    for (key, value) in map {
        writer.text(key);
        value.pack(writer);
    }
}

fn unpack_map(reader: &mut Reader<'_>) -> Option<Map<String, Json>> {
    let length = reader.length()?;
    let mut map = Map::with_capacity(length);
    for _ in 0..length {
        let key = reader.text()?.to_owned();
        map.insert(key, Json::unpack(reader)?);
    }
    Some(map)
}

impl Pack for Map<String, Json> {
    fn pack(&self, writer: &mut Writer) {
        pack_map(self, writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        unpack_map(reader)
    }
}

impl Pack for Json {
    fn pack(&self, writer: &mut Writer) {
        match self {
            Self::Null => writer.bytes.push(0),
            Self::Bool(false) => writer.bytes.push(1),
            Self::Bool(true) => writer.bytes.push(2),
            Self::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => {
                    writer.bytes.push(3);
                    number.pack(writer);
                }
                (None, Some(number)) => {
                    writer.bytes.push(4);
                    number.pack(writer);
                }
                (None, None) => {
                    writer.bytes.push(5);
                    number.as_f64().unwrap_or_default().pack(writer);
                }
            },
            Self::String(text) => {
                writer.bytes.push(6);
                writer.text(text);
            }
            Self::Array(items) => {
                writer.bytes.push(7);
                items.pack(writer);
            }
            Self::Object(map) => {
                writer.bytes.push(8);
                pack_map(map, writer);
            }
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Some(match reader.byte()? {
            0 => Self::Null,
            1 => Self::Bool(false),
            2 => Self::Bool(true),
            3 => Self::from(i64::unpack(reader)?),
            4 => Self::from(u64::unpack(reader)?),
            5 => Self::Number(Number::from_f64(f64::unpack(reader)?)?),
            6 => Self::String(String::unpack(reader)?),
            7 => Self::Array(Vec::unpack(reader)?),
            8 => Self::Object(unpack_map(reader)?),
            _ => return None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::{Pack, Reader, Writer};
    use crate::config::Config;

    #[test]
    fn values_come_back() {
        let value = json!({
            "null": null, "truth": [true, false], "numbers": [0, -1, i64::MAX, u64::MAX, 1.5e300],
            "text": "ä\u{1f600}", "nested": {"b": {}, "a": []}
        });
        let mut writer = Writer::default();
        value.pack(&mut writer);
        let mut reader = Reader::new(&writer.bytes);
        assert_eq!(serde_json::Value::unpack(&mut reader).unwrap(), value);
        assert!(reader.bytes.is_empty());
    }

    #[test]
    fn equal_configurations_are_one() {
        let config = || Config::from(json!({"materialized": "table", "tags": ["a"]}));
        let all = vec![config(), config(), Config::default()];
        let mut writer = Writer::default();
        all.pack(&mut writer);
        let read = Vec::<Config>::unpack(&mut Reader::new(&writer.bytes)).unwrap();
        assert_eq!(read, all);
        assert!(std::sync::Arc::ptr_eq(&read[0].0, &read[1].0));
    }

    #[test]
    fn nonsense_is_no_value() {
        let mut writer = Writer::default();
        json!({"a": [1, 2, {"b": "c"}]}).pack(&mut writer);
        for length in 0..writer.bytes.len() {
            let cut = &writer.bytes[..length];
            assert!(serde_json::Value::unpack(&mut Reader::new(cut)).is_none());
        }
        assert!(Vec::<u64>::unpack(&mut Reader::new(&[0xff, 0xff, 0xff, 0x7f])).is_none());
    }
}
