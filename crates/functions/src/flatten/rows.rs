//! [`rows`]: a value to the list of what it expands to. Keys and values stay where they are: the list
//! holds views of the input's text, so that a part costs as little as a number.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, Int64Builder, LargeStringArray, ListArray,
    StringBuilder, StringViewBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, exec_datafusion_err, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::columns::{push_index, push_key};
use crate::variant::{self, Path, UNDEFINED, elements, kind, members};

/// What FLATTEN takes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mode {
    Both,
    Array,
    Object,
}

impl Mode {
    fn takes(self, value: &str) -> bool {
        match kind(value) {
            variant::Kind::Array => self != Self::Object,
            variant::Kind::Object => self != Self::Array,
            _ => false,
        }
    }
}

/// FLATTEN's arguments beside the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flatten {
    pub(super) path: Path,
    /// The path as it was written: the beginning of every PATH.
    pub(super) prefix: String,
    /// A value without parts gives one row.
    pub(super) outer: bool,
    pub(super) recursive: bool,
    pub(super) mode: Mode,
    /// A value without parts gives one row of NULLs: the right side of an outer join.
    pub(super) keeps_all: bool,
}

/// What a value expands to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expansion {
    Flatten(Flatten),
    /// The parts of a text round a separator.
    Split,
    /// The parts of a text between delimiters, without empty ones.
    Tokens,
}

impl Expansion {
    fn fields(&self) -> Fields {
        let field = |name: &str, data_type: DataType| Field::new(name, data_type, true);
        let mut fields = vec![
            field("seq", DataType::Int64),
            field("index", DataType::Int64),
        ];
        match self {
            Self::Flatten(flatten) => {
                fields.push(field("key", DataType::Utf8View));
                fields.push(field("value", DataType::Utf8View));
                fields.push(field("this", DataType::Utf8View));
                if flatten.recursive {
                    fields.push(field("path", DataType::Utf8View));
                }
            }
            Self::Split | Self::Tokens => fields.push(field("value", DataType::Utf8)),
        }
        fields.into()
    }
}

/// The list of rows that `inputs` expand to.
pub(super) fn rows(expansion: Expansion, inputs: Vec<Expr>) -> Expr {
    let udf = Rows {
        expansion,
        numbered: Arc::new(AtomicI64::new(0)),
        // Every input gets its own number, so no call may be left out or made twice.
        signature: Signature::user_defined(Volatility::Volatile),
    };
    ScalarUDF::new_from_impl(udf).call(inputs)
}

/// `expr` as the right side of a left join, if it is a call made by [`rows`] for FLATTEN.
pub(super) fn keeping_all(expr: &Expr) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expr else {
        return None;
    };
    let rows_of = call.func.inner().downcast_ref::<Rows>()?;
    let Expansion::Flatten(flatten) = &rows_of.expansion else {
        return None;
    };
    let flatten = Flatten {
        keeps_all: true,
        ..flatten.clone()
    };
    Some(rows(Expansion::Flatten(flatten), call.args.clone()))
}

#[derive(Debug)]
struct Rows {
    expansion: Expansion,
    /// Inputs seen so far, by all partitions.
    numbered: Arc<AtomicI64>,
    signature: Signature,
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.expansion == other.expansion && Arc::ptr_eq(&self.numbered, &other.numbered)
    }
}

impl Eq for Rows {}

impl Hash for Rows {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.numbered).hash(state);
    }
}

impl ScalarUDFImpl for Rows {
    fn name(&self) -> &str {
        match self.expansion {
            Expansion::Flatten(_) => "$flatten",
            Expansion::Split => "$split_to_table",
            Expansion::Tokens => "$strtok_split_to_table",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (&self.expansion, types) {
            (Expansion::Flatten(_), [value]) => {
                Ok(vec![crate::scalar::Kind::Semi.coerced("flatten", value)?])
            }
            (Expansion::Flatten(_), _) => plan_err!("FLATTEN takes one INPUT"),
            (_, types) => Ok(vec![DataType::Utf8; types.len()]),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(Arc::new(Field::new_list_field(
            DataType::Struct(self.expansion.fields()),
            true,
        ))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let count = args.number_rows;
        let inputs = args
            .args
            .iter()
            .map(|arg| arg.to_array(count))
            .collect::<Result<Vec<_>>>()?;
        let added = i64::try_from(count).unwrap_or(i64::MAX);
        let first = self.numbered.fetch_add(added, Ordering::Relaxed) + 1;
        let list = match (&self.expansion, inputs.as_slice()) {
            (Expansion::Flatten(flatten), [values]) => {
                let values = values.as_string::<i64>();
                flattened(flatten, values, first, self.expansion.fields())?
            }
            (split, [texts, separators]) => {
                parts(split, [texts, separators], first, self.expansion.fields())?
            }
            _ => return internal_err!("{} got other arguments than planned", self.name()),
        };
        Ok(ColumnarValue::Array(Arc::new(list)))
    }
}

/// The list array of what was collected: the rows of input `i` end at `ends[i]`.
fn list(
    fields: Fields,
    columns: Vec<ArrayRef>,
    ends: &[usize],
    present: Option<NullBuffer>,
) -> Result<ListArray> {
    let rows = StructArray::try_new(fields, columns, present)?;
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0_i32);
    for end in ends {
        offsets.push(i32::try_from(*end).map_err(|_| {
            exec_datafusion_err!("Too many rows come out of one batch of expanded values")
        })?);
    }
    let item = Field::new_list_field(rows.data_type().clone(), true);
    Ok(ListArray::try_new(
        Arc::new(item),
        OffsetBuffer::new(offsets.into()),
        Arc::new(rows),
        None,
    )?)
}

fn parts(
    split: &Expansion,
    [texts, separators]: [&ArrayRef; 2],
    first: i64,
    fields: Fields,
) -> Result<ListArray> {
    let (texts, separators) = (texts.as_string::<i32>(), separators.as_string::<i32>());
    let (mut seqs, mut indexes) = (Int64Builder::new(), Int64Builder::new());
    let mut values = StringBuilder::new();
    let mut ends = Vec::with_capacity(texts.len());
    for ((text, separator), seq) in texts.iter().zip(separators).zip(first..) {
        if let (Some(text), Some(separator)) = (text, separator) {
            let mut index = 0;
            let mut add = |part: &str| {
                index += 1;
                seqs.append_value(seq);
                indexes.append_value(index);
                values.append_value(part);
            };
            match split {
                Expansion::Tokens => text
                    .split(|letter| separator.contains(letter))
                    .filter(|token| !token.is_empty())
                    .for_each(&mut add),
                _ if separator.is_empty() => add(text),
                _ => text.split(separator).for_each(&mut add),
            }
        }
        ends.push(seqs.len());
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(seqs.finish()),
        Arc::new(indexes.finish()),
        Arc::new(values.finish()),
    ];
    list(fields, columns, &ends, None)
}

fn flattened(
    flatten: &Flatten,
    values: &LargeStringArray,
    first: i64,
    fields: Fields,
) -> Result<ListArray> {
    let mut sink = Sink::new(flatten, values);
    let mut ends = Vec::with_capacity(values.len());
    for (value, seq) in values.iter().zip(first..) {
        let before = sink.count;
        let target = value.and_then(|value| flatten.path.find(value));
        let opened = target.filter(|target| flatten.mode.takes(target));
        if let Some(target) = opened {
            match flatten.recursive {
                true => sink.deep(target, seq),
                false => sink.parts(target, seq),
            }
        }
        if sink.count == before {
            if flatten.keeps_all {
                sink.nothing();
            } else if flatten.outer {
                sink.row(seq, Part::Nothing, opened, &flatten.prefix);
            }
        }
        ends.push(sink.count);
    }
    let (columns, present) = sink.finish();
    list(fields, columns, &ends, present)
}

/// What a row shows.
#[derive(Clone, Copy)]
enum Part<'a> {
    Element(i64, &'a str),
    Member(&'a str, &'a str),
    Nothing,
}

impl<'a> Part<'a> {
    fn value(self) -> Option<&'a str> {
        match self {
            Self::Element(_, value) | Self::Member(_, value) => Some(value),
            Self::Nothing => None,
        }
    }
}

/// The parts of an array or object.
enum Parts<'a> {
    Elements(std::iter::Zip<std::ops::RangeFrom<i64>, variant::Elements<'a>>),
    Members(variant::Members<'a>),
}

impl<'a> Parts<'a> {
    fn of(value: &'a str) -> Self {
        match kind(value) {
            variant::Kind::Object => Self::Members(members(value)),
            _ => Self::Elements((0..).zip(elements(value))),
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        match self {
            // What an array leaves out makes no row.
            Self::Elements(elements) => elements
                .find(|(_, value)| *value != UNDEFINED)
                .map(|(index, value)| Part::Element(index, value)),
            Self::Members(members) => members.next().map(|(key, value)| Part::Member(key, value)),
        }
    }
}

/// Text as views of one buffer.
struct Views {
    builder: StringViewBuilder,
    base: usize,
    block: Option<u32>,
}

impl Views {
    fn new(values: &LargeStringArray) -> Self {
        let mut builder = StringViewBuilder::new();
        let buffer = values.values().clone();
        let base = buffer.as_ptr().addr();
        // A view counts bytes in 32 bits.
        let block = u32::try_from(buffer.len())
            .ok()
            .filter(|length| *length > 0)
            .map(|_| builder.append_block(buffer));
        Self {
            builder,
            base,
            block,
        }
    }

    /// Appends a part of the buffer.
    fn push(&mut self, text: Option<&str>) {
        let Some(text) = text else {
            return self.builder.append_null();
        };
        let offset = text.as_ptr().addr().checked_sub(self.base);
        let place = (
            self.block,
            offset.and_then(|offset| u32::try_from(offset).ok()),
            u32::try_from(text.len()).ok(),
        );
        let viewed = match place {
            (Some(block), Some(offset), Some(length)) => {
                self.builder.try_append_view(block, offset, length).is_ok()
            }
            _ => false,
        };
        if !viewed {
            self.builder.append_value(text);
        }
    }

    fn finish(mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

/// Collects rows.
struct Sink<'f> {
    flatten: &'f Flatten,
    count: usize,
    seqs: Int64Builder,
    indexes: Int64Builder,
    keys: Views,
    values: Views,
    this: Views,
    paths: Option<StringViewBuilder>,
    /// Rows that are NULL as a whole.
    absent: Vec<usize>,
}

impl<'f> Sink<'f> {
    fn new(flatten: &'f Flatten, values: &LargeStringArray) -> Self {
        Self {
            flatten,
            count: 0,
            seqs: Int64Builder::new(),
            indexes: Int64Builder::new(),
            keys: Views::new(values),
            values: Views::new(values),
            this: Views::new(values),
            paths: flatten.recursive.then(StringViewBuilder::new),
            absent: Vec::new(),
        }
    }

    fn row(&mut self, seq: i64, part: Part<'_>, this: Option<&str>, path: &str) {
        self.count += 1;
        self.seqs.append_value(seq);
        let (index, key) = match part {
            Part::Element(index, _) => (Some(index), None),
            Part::Member(key, _) => (None, Some(key)),
            Part::Nothing => (None, None),
        };
        self.indexes.append_option(index);
        self.keys.push(key);
        self.values
            .push(part.value().filter(|value| *value != UNDEFINED));
        self.this.push(this);
        if let Some(paths) = &mut self.paths {
            paths.append_value(path);
        }
    }

    fn nothing(&mut self) {
        self.absent.push(self.count);
        self.count += 1;
        self.seqs.append_null();
        self.indexes.append_null();
        self.keys.push(None);
        self.values.push(None);
        self.this.push(None);
        if let Some(paths) = &mut self.paths {
            paths.append_null();
        }
    }

    fn parts(&mut self, target: &str, seq: i64) {
        for part in Parts::of(target) {
            self.row(seq, part, Some(target), "");
        }
    }

    /// The parts and their parts, each behind the one it belongs to; with a stack of its own.
    fn deep(&mut self, target: &str, seq: i64) {
        let mut open = vec![(Parts::of(target), target, self.flatten.prefix.clone())];
        while let Some((parts, this, prefix)) = open.last_mut() {
            let Some(part) = parts.next() else {
                open.pop();
                continue;
            };
            let mut path = prefix.clone();
            match part {
                Part::Element(index, _) => push_index(&mut path, index),
                Part::Member(key, _) => push_key(&mut path, key),
                Part::Nothing => {}
            }
            let this = *this;
            self.row(seq, part, Some(this), &path);
            if let Some(value) = part.value()
                && self.flatten.mode.takes(value)
            {
                open.push((Parts::of(value), value, path));
            }
        }
    }

    fn finish(mut self) -> (Vec<ArrayRef>, Option<NullBuffer>) {
        let present = (!self.absent.is_empty()).then(|| {
            let mut present = vec![true; self.count];
            for at in &self.absent {
                if let Some(present) = present.get_mut(*at) {
                    *present = false;
                }
            }
            NullBuffer::from(present)
        });
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.seqs.finish()),
            Arc::new(self.indexes.finish()),
            self.keys.finish(),
            self.values.finish(),
            self.this.finish(),
        ];
        if let Some(mut paths) = self.paths {
            columns.push(Arc::new(paths.finish()));
        }
        (columns, present)
    }
}
