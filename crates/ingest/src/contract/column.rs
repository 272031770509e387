//! [`Column`]: one column of a contract: how its text becomes a value, and what silver keeps of it.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array,
    StringArray, StructArray, Time64NanosecondArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use connectors::json_text;
use diagnostic::{Error, Result, ResultExt, codes};
use model::ColumnType;
use settings::{BinaryFormat, Clean, ColumnSpec};

use super::strings::{StringsBuilder, TextRules};
use crate::value::{
    DateParser, Exact, Precision, Unreadable, binary, boolean, clean, decimal, is_blank, trim,
};

/// One column of a contract.
pub(crate) struct Column {
    /// As the contract spells it.
    pub(crate) name: String,
    /// As the tables spell it.
    pub(crate) stored: String,
    clean: Vec<Clean>,
    kind: Kind,
}

enum Kind {
    Text,
    Number {
        precision: u8,
        scale: u8,
        cap: Option<i128>,
    },
    Float {
        cap: Option<f64>,
    },
    Boolean,
    Date(DateParser),
    Timestamp(DateParser),
    /// An instant, kept in UTC.
    Instant(DateParser),
    /// An instant with its offset.
    Zoned(DateParser),
    /// A time of day.
    Time(DateParser),
    Binary(BinaryFormat),
    /// Any JSON value, in its canonical form.
    Variant,
}

/// A column of a batch, read.
pub(crate) struct Reading {
    /// The values as silver keeps them; NULL where unreadable.
    pub(crate) typed: ArrayRef,
    /// The values as rules see them.
    pub(crate) judged: ArrayRef,
    /// The records whose text is no value of the type, in order.
    pub(crate) unreadable: Vec<(u32, Unreadable)>,
}

/// A field of a record: its text and whether it was quoted.
pub(crate) type RawField<'a> = Option<(&'a [u8], bool)>;

impl Column {
    pub(crate) fn compile(spec: &ColumnSpec, texts: &TextRules) -> Result<Self> {
        let cap = |scale: u8| {
            let Some(text) = &spec.cap else {
                return Ok(None);
            };
            let exact =
                decimal(text.as_bytes(), scale).filter(|exact| !exact.inexact && !exact.beyond);
            exact.map(|exact| Some(exact.units)).ok_or_else(|| {
                Error::new(
                    codes::L2004,
                    format!(
                        "The cap `{text}` of column `{}` is no {}",
                        spec.name.value, spec.kind
                    ),
                )
                .at(spec.name.place())
            })
        };
        let parser = |precision| DateParser::new(&spec.formats, precision, texts.dates);
        let kind = match spec.kind {
            ColumnType::Varchar => Kind::Text,
            ColumnType::Number { precision, scale } => Kind::Number {
                precision,
                scale,
                cap: cap(scale)?,
            },
            ColumnType::Float => Kind::Float {
                cap: spec
                    .cap
                    .as_deref()
                    .map(str::parse)
                    .transpose()
                    .explain(codes::L2004, || {
                        format!("The cap of column `{}` is no number", spec.name.value)
                    })?,
            },
            ColumnType::Boolean => Kind::Boolean,
            ColumnType::Date => Kind::Date(parser(Precision::Days)),
            ColumnType::TimestampNtz => Kind::Timestamp(parser(Precision::Microseconds)),
            ColumnType::TimestampLtz => Kind::Instant(parser(Precision::Instant)),
            ColumnType::Variant => Kind::Variant,
            ColumnType::TimestampTz => Kind::Zoned(parser(Precision::Zoned)),
            ColumnType::Time => Kind::Time(parser(Precision::Clock)),
            ColumnType::Binary => Kind::Binary(spec.binary_format),
        };
        Ok(Self {
            name: spec.name.value.clone(),
            stored: spec.identifier().as_str().to_owned(),
            clean: spec.clean.clone(),
            kind,
        })
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text)
    }

    pub(crate) fn is_variant(&self) -> bool {
        matches!(self.kind, Kind::Variant)
    }

    /// The column of the silver table.
    pub(crate) fn field(&self) -> Field {
        let field = Field::new(&self.stored, self.silver_type(), true);
        let logical = match self.kind {
            Kind::Variant => "VARIANT",
            Kind::Zoned(_) => "TIMESTAMP_TZ",
            Kind::Time(_) => "TIME",
            _ => return field,
        };
        let metadata = (lake::LOGICAL_TYPE.to_owned(), logical.to_owned());
        field.with_metadata(std::iter::once(metadata).collect())
    }

    pub(crate) fn silver_type(&self) -> DataType {
        match self.kind {
            // Delta has no time of day.
            Kind::Text | Kind::Variant | Kind::Time(_) => DataType::Utf8,
            Kind::Zoned(_) => lake::timestamp_tz(),
            Kind::Binary(_) => DataType::Binary,
            Kind::Number {
                precision, scale, ..
            } => DataType::Decimal128(precision, scale.cast_signed()),
            Kind::Float { .. } => DataType::Float64,
            Kind::Boolean => DataType::Boolean,
            Kind::Date(_) => DataType::Date32,
            Kind::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::Instant(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// The type rules see: a number has one digit more than in silver, see [`Exact::judged`].
    pub(crate) fn judged_type(&self) -> DataType {
        match self.kind {
            Kind::Number {
                precision, scale, ..
            } => {
                let (precision, scale) = judged_digits(precision, scale);
                DataType::Decimal128(precision, scale.cast_signed())
            }
            // The warehouse's carrier of VARIANT, see decision 0008.
            Kind::Variant => DataType::LargeUtf8,
            Kind::Time(_) => DataType::Time64(TimeUnit::Nanosecond),
            // Rules compare instants.
            Kind::Zoned(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            _ => self.silver_type(),
        }
    }

    /// The text as silver keeps it; `None` is NULL.
    #[inline]
    pub(crate) fn append_text(
        &self,
        field: RawField<'_>,
        nulls: &TextRules,
        strings: &mut StringsBuilder,
    ) {
        match field {
            Some((text, quoted))
                if !(nulls.contains(text, quoted) || (nulls.blank && is_blank(text))) =>
            {
                if self.clean.is_empty() {
                    strings.append(text);
                } else {
                    strings.append(&clean(text, &self.clean));
                }
            }
            _ => strings.append_null(),
        }
    }

    /// Reads a batch of fields. `for_rules` says whether rules look at the column.
    pub(crate) fn read<'a>(
        &self,
        fields: impl ExactSizeIterator<Item = RawField<'a>>,
        nulls: &TextRules,
        for_rules: bool,
    ) -> Result<Reading> {
        let mut unreadable = Vec::new();
        let mut values = Values {
            nulls,
            unreadable: &mut unreadable,
        };
        let (typed, judged): (ArrayRef, Option<ArrayRef>) = match &self.kind {
            Kind::Text => {
                let mut strings = StringsBuilder::with_capacity(fields.len(), 16);
                fields.for_each(|field| self.append_text(field, nulls, &mut strings));
                (Arc::new(strings.finish()?), None)
            }
            Kind::Number {
                precision,
                scale,
                cap,
            } => self.read_numbers(fields, &mut values, (*precision, *scale, *cap), for_rules)?,
            Kind::Float { cap } => {
                let limit = cap.unwrap_or(f64::INFINITY);
                let floats: Float64Array = values
                    .read(fields, |text| {
                        let float = std::str::from_utf8(text)
                            .ok()
                            .and_then(|text| text.parse::<f64>().ok());
                        float
                            .map(|float| float.min(limit))
                            .ok_or(Unreadable::NotThis)
                    })
                    .collect();
                (Arc::new(floats), None)
            }
            Kind::Boolean => {
                let booleans: BooleanArray = values
                    .read(fields, |text| boolean(text).ok_or(Unreadable::NotThis))
                    .collect();
                (Arc::new(booleans), None)
            }
            Kind::Date(parser) => {
                let dates: Date32Array = values
                    .read(fields, |text| {
                        let days = parser.parse(text)?;
                        i32::try_from(days).map_err(|_| Unreadable::TooLarge)
                    })
                    .collect();
                (Arc::new(dates), None)
            }
            Kind::Timestamp(parser) => {
                let times: TimestampMicrosecondArray =
                    values.read(fields, |text| parser.parse(text)).collect();
                (Arc::new(times), None)
            }
            Kind::Instant(parser) => {
                let times: TimestampMicrosecondArray =
                    values.read(fields, |text| parser.parse(text)).collect();
                (Arc::new(times.with_timezone("UTC")), None)
            }
            Kind::Zoned(parser) => {
                let read: Vec<_> = values
                    .read(fields, |text| parser.parse_zoned(text))
                    .collect();
                let (typed, instants) = zoned(&read);
                (typed, Some(instants))
            }
            Kind::Time(parser) => {
                let times: Vec<_> = values
                    .read(fields, |text| parser.parse_clock(text))
                    .collect();
                let judged = Time64NanosecondArray::from(times.clone());
                let typed: StringArray = times.into_iter().map(|time| time.map(clock)).collect();
                (Arc::new(typed), Some(Arc::new(judged) as ArrayRef))
            }
            Kind::Binary(format) => {
                let typed: ArrayRef =
                    Arc::new(values.bytes(fields, *format).collect::<BinaryArray>());
                (typed, None)
            }
            Kind::Variant => {
                let typed: ArrayRef = Arc::new(values.variants(fields).collect::<StringArray>());
                let judged = match for_rules {
                    true => Some(
                        cast(&typed, &DataType::LargeUtf8).explain(codes::X0001, || {
                            format!("Column `{}` has an impossible type", self.name)
                        })?,
                    ),
                    false => None,
                };
                (typed, judged)
            }
        };
        let judged = judged.unwrap_or_else(|| Arc::clone(&typed));
        Ok(Reading {
            typed,
            judged,
            unreadable,
        })
    }

    fn read_numbers<'a>(
        &self,
        fields: impl ExactSizeIterator<Item = RawField<'a>>,
        values: &mut Values<'_>,
        (precision, scale, cap): (u8, u8, Option<i128>),
        for_rules: bool,
    ) -> Result<(ArrayRef, Option<ArrayRef>)> {
        let (judged_precision, judged_scale) = judged_digits(precision, scale);
        let mut judged = Vec::with_capacity(if for_rules { fields.len() } else { 0 });
        let mut typed = Vec::with_capacity(fields.len());
        for (record, field) in fields.enumerate() {
            let Some(text) = values.text(field) else {
                typed.push(None);
                if for_rules {
                    judged.push(None);
                }
                continue;
            };
            let mut exact = decimal(text, scale);
            if let (Some(number), Some(cap)) = (exact, cap)
                && number.exceeds(cap)
            {
                exact = Some(Exact {
                    units: cap,
                    inexact: false,
                    beyond: false,
                    negative: cap < 0,
                });
            }
            let fitted = exact
                .ok_or(Unreadable::NotThis)
                .and_then(|exact| exact.fit(precision));
            if for_rules {
                judged.push(exact.map(|exact| match judged_scale > scale {
                    true => exact.judged(judged_precision),
                    false => exact.units,
                }));
            }
            typed.push(match fitted {
                Ok(units) => Some(units),
                Err(why) => values.report(record, why),
            });
        }
        let array = |units: Vec<Option<i128>>, precision: u8, scale: u8| -> Result<ArrayRef> {
            let array = Decimal128Array::from(units)
                .with_precision_and_scale(precision, scale.cast_signed())
                .explain(codes::X0001, || {
                    format!("Column `{}` has an impossible type", self.name)
                })?;
            Ok(Arc::new(array))
        };
        let judged = match for_rules {
            true => Some(array(judged, judged_precision, judged_scale)?),
            false => None,
        };
        Ok((array(typed, precision, scale)?, judged))
    }

    /// Why `text` is no value of this column, in words: "is not a date in dd-MM-yyyy".
    pub(crate) fn complaint(&self, why: Unreadable) -> String {
        match (&self.kind, why) {
            (Kind::Number { scale: 0, .. }, Unreadable::TooPrecise) => {
                "is not a whole number".to_owned()
            }
            (Kind::Number { scale, .. }, Unreadable::TooPrecise) => {
                format!("has more than {scale} digits after the point")
            }
            (
                Kind::Number {
                    precision, scale, ..
                },
                Unreadable::TooLarge,
            ) => {
                format!(
                    "has more than {} digits before the point",
                    precision - scale
                )
            }
            (Kind::Number { .. } | Kind::Float { .. }, _) => "is not a number".to_owned(),
            (Kind::Boolean, _) => "is neither true nor false".to_owned(),
            (Kind::Date(_), Unreadable::TooPrecise) => {
                "has a time of day, which a date does not keep".to_owned()
            }
            (Kind::Date(parser), _) => format!("is not a date in {}", parser.patterns()),
            (
                Kind::Timestamp(parser)
                | Kind::Instant(parser)
                | Kind::Zoned(parser)
                | Kind::Time(parser),
                _,
            ) => {
                format!("is not a time in {}", parser.patterns())
            }
            (Kind::Binary(BinaryFormat::Base64), _) => "is not Base64".to_owned(),
            (Kind::Binary(_), _) => "is not hexadecimal".to_owned(),
            (Kind::Variant, _) => "is not JSON".to_owned(),
            (Kind::Text, _) => "is not text".to_owned(),
        }
    }
}

/// Instants with offsets, and the instants alone.
fn zoned(read: &[Option<(i64, i16)>]) -> (ArrayRef, ArrayRef) {
    let instants: TimestampMicrosecondArray = read
        .iter()
        .map(|value| value.map(|(instant, _)| instant))
        .collect();
    let instants: ArrayRef = Arc::new(instants.with_timezone("UTC"));
    let offsets: Int16Array = read
        .iter()
        .map(|value| value.map(|(_, offset)| offset))
        .collect();
    let valid = read.iter().map(Option::is_some).collect::<Vec<bool>>();
    let DataType::Struct(fields) = lake::timestamp_tz() else {
        return (Arc::clone(&instants), instants);
    };
    let parts: Vec<ArrayRef> = vec![Arc::clone(&instants), Arc::new(offsets)];
    (
        Arc::new(StructArray::new(fields, parts, Some(valid.into()))),
        instants,
    )
}

/// A time of day as tables keep it: of one length, so that texts compare as times do.
fn clock(nanos: i64) -> String {
    let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{nanos:09}")
}

/// One digit more than silver keeps, if there is room for one.
fn judged_digits(precision: u8, scale: u8) -> (u8, u8) {
    match (precision, scale) {
        (38, 38..) => (38, scale),
        (38, _) => (38, scale + 1),
        _ => (precision + 1, scale + 1),
    }
}

/// Reads fields to values and notes the unreadable ones.
struct Values<'n> {
    nulls: &'n TextRules,
    unreadable: &'n mut Vec<(u32, Unreadable)>,
}

impl Values<'_> {
    fn read<'a, T>(
        &mut self,
        fields: impl Iterator<Item = RawField<'a>>,
        read: impl Fn(&'a [u8]) -> Result<T, Unreadable>,
    ) -> impl Iterator<Item = Option<T>> {
        fields.enumerate().map(move |(record, field)| {
            let text = self.text(field)?;
            read(text).map_or_else(|why| self.report(record, why), Some)
        })
    }

    /// Bytes. Those that a file has as bytes come in hexadecimal whatever the contract says of text.
    fn bytes<'a>(
        &mut self,
        fields: impl Iterator<Item = RawField<'a>>,
        format: BinaryFormat,
    ) -> impl Iterator<Item = Option<Vec<u8>>> {
        fields.enumerate().map(move |(record, field)| {
            let are_bytes = self.nulls.dates && field.is_some_and(|(_, quoted)| !quoted);
            let format = if are_bytes { BinaryFormat::Hex } else { format };
            let text = match (format, field) {
                // Blanks are bytes too.
                (BinaryFormat::Utf8, Some((text, quoted))) => {
                    Some(text).filter(|_| !self.nulls.contains(text, quoted))
                }
                _ => self.text(field),
            };
            let read = binary(text?, format);
            read.map_or_else(|| self.report(record, Unreadable::NotThis), Some)
        })
    }

    /// JSON in its canonical form.
    fn variants<'a>(
        &mut self,
        fields: impl Iterator<Item = RawField<'a>>,
    ) -> impl Iterator<Item = Option<String>> {
        fields.enumerate().map(move |(record, field)| {
            let (text, quoted) = field?;
            if self.nulls.contains(text, quoted) || (!self.nulls.typed && is_blank(text)) {
                return None;
            }
            let mut canonical = String::with_capacity(text.len());
            if self.nulls.typed && quoted {
                json_text::string(std::str::from_utf8(text).ok()?, &mut canonical);
                return Some(canonical);
            }
            let is_json = connectors::files::json::check(text).is_ok();
            let written = std::str::from_utf8(text)
                .ok()
                .filter(|_| is_json)
                .and_then(|text| json_text::canonical(text, &mut canonical));
            match written {
                Some(()) => Some(canonical),
                None => self.report(record, Unreadable::NotThis),
            }
        })
    }

    /// The text without blanks round it, if there is any.
    #[inline]
    fn text<'a>(&self, field: RawField<'a>) -> Option<&'a [u8]> {
        let (text, quoted) = field?;
        if self.nulls.contains(text, quoted) {
            return None;
        }
        Some(trim(text)).filter(|text| !text.is_empty() || !self.nulls.blank)
    }

    #[cold]
    fn report<T>(&mut self, record: usize, why: Unreadable) -> Option<T> {
        // A batch is about a mebibyte of text.
        self.unreadable
            .push((u32::try_from(record).unwrap_or(u32::MAX), why));
        None
    }
}
