//! Reads nodes into any `serde` type; errors carry the place of the innermost node that failed.

use std::fmt;
use std::ops::Range;

use diagnostic::Result;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::{Document, Node, Value};

impl Document {
    /// Reads `node` as a `T`.
    ///
    /// # Errors
    /// `C0002` at the value that does not fit, or `C0003` at an unknown key when `T` refuses those
    /// (`#[serde(deny_unknown_fields)]`).
    pub fn read<T: DeserializeOwned>(&self, node: &Node) -> Result<T> {
        T::deserialize(Reader(node)).map_err(|failure| self.explain(node, failure))
    }

    /// Reads the whole document as a `T`; see [`Document::read`].
    ///
    /// # Errors
    /// As [`Document::read`].
    pub fn read_root<T: DeserializeOwned>(&self) -> Result<T> {
        self.read(&self.root)
    }

    fn explain(&self, node: &Node, failure: Failure) -> diagnostic::Error {
        let span = failure.span.unwrap_or_else(|| node.span.clone());
        let place = self.source.place(span);
        let file = &self.source.name;
        match failure.unknown {
            Some((key, known)) => {
                let message = format!("`{key}` is not a known key in `{file}`");
                diagnostic::Error::new(diagnostic::codes::C0003, message)
                    .at(place)
                    .suggest(&key, known.iter().copied())
            }
            None => {
                let message = format!("`{file}` does not fit: {}", failure.message);
                diagnostic::Error::new(diagnostic::codes::C0002, message).at(place)
            }
        }
    }
}

/// What `serde` reported, and where.
#[derive(Debug)]
struct Failure {
    message: String,
    span: Option<Range<usize>>,
    unknown: Option<(String, &'static [&'static str])>,
}

impl Failure {
    fn at(mut self, node: &Node) -> Self {
        self.span.get_or_insert_with(|| node.span.clone());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            span: None,
            unknown: None,
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut failure = Self::custom(format_args!("`{field}` is not a known key"));
        failure.unknown = Some((field.to_owned(), expected));
        failure
    }
}

struct Reader<'n>(&'n Node);

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let node = self.0;
        let value = match &node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Int(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Sequence(items) => visitor.visit_seq(Items(items.iter())),
            Value::Mapping(entries) => visitor.visit_map(Entries {
                entries: entries.iter(),
                value: None,
            }),
        };
        value.map_err(|failure| failure.at(node))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let node = self.0;
        let value = match &node.value {
            Value::String(_) => visitor.visit_enum(Variant {
                name: node,
                content: None,
            }),
            Value::Mapping(entries) => match entries.as_slice() {
                [(name, content)] => visitor.visit_enum(Variant {
                    name,
                    content: Some(content),
                }),
                _ => Err(de::Error::custom("expected a mapping with one key")),
            },
            _ => Err(de::Error::custom(format_args!(
                "expected text, found {}",
                node.kind()
            ))),
        };
        value.map_err(|failure| failure.at(node))
    }

    // A whole number or a truth value where text is asked for is not text: `version: 1.10` would
    // silently become `1.1`. Settings that accept both say so with their own type.
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'n>(std::slice::Iter<'n, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        self.0
            .next()
            .map(|item| seed.deserialize(Reader(item)))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'n> {
    entries: std::slice::Iter<'n, (Node, Node)>,
    value: Option<&'n Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let text = key.key_text();
        let read = seed.deserialize(StrDeserializer::<Failure>::new(&text));
        read.map(Some).map_err(|failure| failure.at(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        match self.value.take() {
            Some(value) => seed
                .deserialize(Reader(value))
                .map_err(|failure| failure.at(value)),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}

struct Variant<'n> {
    name: &'n Node,
    content: Option<&'n Node>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let name = seed.deserialize(Reader(self.name));
        Ok((name.map_err(|failure| failure.at(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.content {
            None => Ok(()),
            Some(content) if content.is_null() => Ok(()),
            Some(content) => {
                Err(<Failure as de::Error>::custom("this choice takes no settings").at(content))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        let empty = || <Failure as de::Error>::custom("this choice needs settings").at(self.name);
        seed.deserialize(Reader(self.content.ok_or_else(empty)?))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Failure> {
        let empty = || <Failure as de::Error>::custom("this choice needs settings").at(self.name);
        Reader(self.content.ok_or_else(empty)?).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.tuple_variant(0, visitor)
    }
}
