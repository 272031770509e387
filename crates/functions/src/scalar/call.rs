//! [`Call`]: one batch of arguments, read row by row, and the arrays made from the answers.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayAccessor, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Datum,
    Decimal128Array, Float64Array, Int64Array, LargeBinaryArray, LargeStringArray, RecordBatch,
    RecordBatchOptions, Scalar, StringArray, Time64NanosecondArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, FieldRef, Float64Type, Int64Type, Schema,
    Time64NanosecondType, TimestampMicrosecondType, TimestampNanosecondType,
};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, exec_datafusion_err, exec_err, internal_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::conversion::{kept, located};
use crate::fine::{FINE, nanos};
use crate::parameters::Parameters;
use crate::zoned::{self, Zoned, is_zoned};

/// One batch of arguments. A constant argument is an array of one value.
pub(crate) struct Call {
    columns: Vec<(ArrayRef, bool)>,
    rows: usize,
    constant: bool,
    returns: DataType,
    options: Arc<ConfigOptions>,
}

/// The values of one argument.
pub(crate) struct Values<A> {
    array: A,
    constant: bool,
}

impl<A: ArrayAccessor> Values<A> {
    /// The value in `row`, unless it is null.
    pub(crate) fn get(&self, row: usize) -> Option<A::Item> {
        let row = if self.constant { 0 } else { row };
        self.array.is_valid(row).then(|| self.array.value(row))
    }
}

/// Texts or bytes, all as bytes.
pub(crate) enum Blobs<'a> {
    Texts(Values<&'a StringArray>),
    Bytes(Values<&'a BinaryArray>),
}

impl<'a> Blobs<'a> {
    pub(crate) fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Self::Texts(values) => values.get(row).map(str::as_bytes),
            Self::Bytes(values) => values.get(row),
        }
    }
}

/// Dates, timestamps or times of day, all as points in time; a time of day lies on 1970-01-01.
pub(crate) enum Moments<'a> {
    Dates(Values<&'a Date32Array>),
    Timestamps(Values<&'a TimestampMicrosecondArray>),
    /// With all nine digits of a second.
    Fine(Values<&'a TimestampNanosecondArray>),
    /// Instants, as the session's clock shows them.
    Instants(Values<&'a TimestampMicrosecondArray>, Parameters),
    Times(Values<&'a arrow::array::Time64NanosecondArray>),
    /// Instants, as clocks show them at each one's own distance from UTC.
    Zoned {
        values: Zoned,
        constant: bool,
    },
}

impl Moments<'_> {
    pub(crate) fn get(&self, row: usize) -> Option<NaiveDateTime> {
        match self {
            Self::Dates(values) => values
                .get(row)
                .and_then(date_from_days)
                .map(|date| date.and_time(chrono::NaiveTime::MIN)),
            Self::Timestamps(values) => values.get(row).and_then(moment_from_micros),
            Self::Fine(values) => values
                .get(row)
                .map(|nanos| DateTime::from_timestamp_nanos(nanos).naive_utc()),
            Self::Instants(values, parameters) => values
                .get(row)
                .and_then(moment_from_micros)
                .map(|utc| parameters.local(utc)),
            Self::Times(values) => values
                .get(row)
                .map(|nanos| DateTime::UNIX_EPOCH.naive_utc() + TimeDelta::nanoseconds(nanos)),
            Self::Zoned { .. } => {
                let (utc, minutes) = self.zoned(row)?;
                zoned::wall(utc, minutes)
            }
        }
    }
}

impl Moments<'_> {
    /// The same point by UTC's clock, where it is an instant.
    pub(crate) fn utc(&self, row: usize) -> Option<NaiveDateTime> {
        match self {
            Self::Instants(values, _) => values.get(row).and_then(moment_from_micros),
            Self::Zoned { .. } => self.zoned(row).map(|(utc, _)| utc),
            _ => self.get(row),
        }
    }

    /// Seconds east of UTC, where it is an instant.
    pub(crate) fn offset(&self, row: usize) -> Option<i64> {
        match self {
            Self::Instants(_, parameters) => Some(parameters.offset(self.utc(row)?)),
            Self::Zoned { .. } => self.zoned(row).map(|(_, minutes)| i64::from(minutes) * 60),
            _ => None,
        }
    }

    /// A TIMESTAMP_TZ as UTC's wall clock and minutes east of UTC.
    pub(crate) fn zoned(&self, row: usize) -> Option<(NaiveDateTime, i16)> {
        match self {
            Self::Zoned { values, constant } => values.get(if *constant { 0 } else { row }),
            _ => None,
        }
    }
}

/// The date `days` after 1970-01-01.
pub(crate) fn date_from_days(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_epoch_days(days)
}

/// The wall clock `micros` after 1970-01-01.
pub(crate) fn moment_from_micros(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|moment| moment.naive_utc())
}

impl Call {
    pub(crate) fn new(args: &ScalarFunctionArgs) -> Result<Self> {
        let constant = !args.args.is_empty()
            && args
                .args
                .iter()
                .all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let columns = args
            .args
            .iter()
            .map(|arg| match arg {
                ColumnarValue::Array(array) => Ok((Arc::clone(array), false)),
                ColumnarValue::Scalar(value) => Ok((value.to_array()?, true)),
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            columns,
            rows: if constant { 1 } else { args.number_rows },
            constant,
            returns: args.return_type().clone(),
            options: Arc::clone(&args.config_options),
        })
    }

    /// The session's parameters.
    pub(crate) fn parameters(&self) -> Parameters {
        Parameters::of(&self.options)
    }

    pub(crate) fn is_constant(&self) -> bool {
        self.constant
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The type that was announced.
    pub(crate) fn returns(&self) -> &DataType {
        &self.returns
    }

    /// How many arguments were given.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    fn column(&self, at: usize) -> Result<(&ArrayRef, bool)> {
        match self.columns.get(at) {
            Some((array, constant)) => Ok((array, *constant)),
            None => internal_err!("argument {at} is missing"),
        }
    }

    pub(crate) fn data_type(&self, at: usize) -> Result<&DataType> {
        Ok(self.column(at)?.0.data_type())
    }

    /// An argument with a value for every row.
    pub(crate) fn array(&self, at: usize) -> Result<ArrayRef> {
        let (array, constant) = self.column(at)?;
        if constant && self.rows != 1 {
            let repeated = UInt32Array::from_value(0, self.rows);
            return Ok(take(array, &repeated, None)?);
        }
        Ok(Arc::clone(array))
    }

    /// An argument for Arrow's kernels, brought to another type by `change`; a constant stays one value.
    pub(crate) fn datum(
        &self,
        at: usize,
        change: impl Fn(&ArrayRef) -> Result<ArrayRef>,
    ) -> Result<Box<dyn Datum>> {
        let (array, constant) = self.column(at)?;
        let array = change(array)?;
        Ok(if constant && self.rows != 1 {
            Box::new(Scalar::new(array))
        } else {
            Box::new(array)
        })
    }

    fn typed<'a, A>(
        &'a self,
        at: usize,
        downcast: impl Fn(&'a dyn Array) -> Option<&'a A>,
    ) -> Result<Values<&'a A>> {
        let (array, constant) = self.column(at)?;
        match downcast(array.as_ref()) {
            Some(array) => Ok(Values { array, constant }),
            None => internal_err!("argument {at} is {}", array.data_type()),
        }
    }

    pub(crate) fn text(&self, at: usize) -> Result<Values<&StringArray>> {
        self.typed(at, |array| array.as_string_opt::<i32>())
    }

    /// A text argument that may be left out.
    pub(crate) fn text_if_given(&self, at: usize) -> Result<Option<Values<&StringArray>>> {
        (at < self.len()).then(|| self.text(at)).transpose()
    }

    pub(crate) fn variant(&self, at: usize) -> Result<Values<&LargeStringArray>> {
        self.typed(at, |array| array.as_string_opt::<i64>())
    }

    pub(crate) fn boolean(&self, at: usize) -> Result<Values<&BooleanArray>> {
        self.typed(at, |array| array.as_boolean_opt())
    }

    /// Text or bytes.
    pub(crate) fn blob(&self, at: usize) -> Result<Blobs<'_>> {
        match self.data_type(at)? {
            DataType::Binary => Ok(Blobs::Bytes(
                self.typed(at, |array| array.as_binary_opt::<i32>())?,
            )),
            _ => self.text(at).map(Blobs::Texts),
        }
    }

    pub(crate) fn integer(&self, at: usize) -> Result<Values<&Int64Array>> {
        self.typed(at, |array| array.as_primitive_opt::<Int64Type>())
    }

    /// A whole number that may be left out.
    pub(crate) fn integer_if_given(&self, at: usize) -> Result<Option<Values<&Int64Array>>> {
        (at < self.len()).then(|| self.integer(at)).transpose()
    }

    pub(crate) fn float(&self, at: usize) -> Result<Values<&Float64Array>> {
        self.typed(at, |array| array.as_primitive_opt::<Float64Type>())
    }

    /// WKB of GEOGRAPHY values.
    pub(crate) fn geography(&self, at: usize) -> Result<Values<&LargeBinaryArray>> {
        self.typed(at, |array| array.as_binary_opt::<i64>())
    }

    pub(crate) fn decimal(&self, at: usize) -> Result<Values<&Decimal128Array>> {
        self.typed(at, |array| array.as_primitive_opt::<Decimal128Type>())
    }

    pub(crate) fn moment(&self, at: usize) -> Result<Moments<'_>> {
        match self.data_type(at)? {
            DataType::Date32 => {
                Ok(Moments::Dates(self.typed(at, |array| {
                    array.as_primitive_opt::<Date32Type>()
                })?))
            }
            DataType::Time64(_) => {
                Ok(Moments::Times(self.typed(at, |array| {
                    array.as_primitive_opt::<Time64NanosecondType>()
                })?))
            }
            &FINE => Ok(Moments::Fine(self.typed(at, |array| {
                array.as_primitive_opt::<TimestampNanosecondType>()
            })?)),
            kind if is_zoned(kind) => {
                let (array, constant) = self.column(at)?;
                let values = Zoned::of(array.as_ref())?;
                Ok(Moments::Zoned { values, constant })
            }
            data_type => {
                let values = self.typed(at, |array| {
                    array.as_primitive_opt::<TimestampMicrosecondType>()
                })?;
                Ok(match data_type {
                    DataType::Timestamp(_, Some(_)) => Moments::Instants(values, self.parameters()),
                    _ => Moments::Timestamps(values),
                })
            }
        }
    }

    /// The arguments as a batch with columns `0`, `1`, and so on.
    pub(crate) fn batch(&self, fields: &[FieldRef]) -> Result<RecordBatch> {
        let fields: Vec<Field> = fields
            .iter()
            .enumerate()
            .map(|(at, field)| Field::new(at.to_string(), field.data_type().clone(), true))
            .collect();
        let arrays = (0..self.len())
            .map(|at| self.array(at))
            .collect::<Result<_>>()?;
        Ok(RecordBatch::try_new_with_options(
            Arc::new(Schema::new(fields)),
            arrays,
            &RecordBatchOptions::new().with_row_count(Some(self.rows)),
        )?)
    }

    pub(crate) fn texts<T: AsRef<str>>(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<T>>,
    ) -> Result<ArrayRef> {
        let mut builder = arrow::array::StringBuilder::new();
        for row in 0..self.rows {
            builder.append_option(value(row)?);
        }
        Ok(Arc::new(builder.finish()))
    }

    /// Values of VARIANT, OBJECT or ARRAY, in canonical text.
    pub(crate) fn variants<T: AsRef<str>>(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<T>>,
    ) -> Result<ArrayRef> {
        let mut builder = arrow::array::LargeStringBuilder::new();
        for row in 0..self.rows {
            builder.append_option(value(row)?);
        }
        Ok(Arc::new(builder.finish()))
    }

    /// Values of GEOGRAPHY, as WKB.
    pub(crate) fn geographies<T: AsRef<[u8]>>(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<T>>,
    ) -> Result<ArrayRef> {
        let mut builder = arrow::array::LargeBinaryBuilder::new();
        for row in 0..self.rows {
            builder.append_option(value(row)?);
        }
        Ok(Arc::new(builder.finish()))
    }

    pub(crate) fn binaries<T: AsRef<[u8]>>(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<T>>,
    ) -> Result<ArrayRef> {
        let mut builder = arrow::array::BinaryBuilder::new();
        for row in 0..self.rows {
            builder.append_option(value(row)?);
        }
        Ok(Arc::new(builder.finish()))
    }

    pub(crate) fn integers(
        &self,
        value: impl FnMut(usize) -> Result<Option<i64>>,
    ) -> Result<ArrayRef> {
        let array: Int64Array = (0..self.rows).map(value).collect::<Result<_>>()?;
        Ok(Arc::new(array))
    }

    pub(crate) fn floats(
        &self,
        value: impl FnMut(usize) -> Result<Option<f64>>,
    ) -> Result<ArrayRef> {
        let array: Float64Array = (0..self.rows).map(value).collect::<Result<_>>()?;
        Ok(Arc::new(array))
    }

    pub(crate) fn booleans(
        &self,
        value: impl FnMut(usize) -> Result<Option<bool>>,
    ) -> Result<ArrayRef> {
        let array: BooleanArray = (0..self.rows).map(value).collect::<Result<_>>()?;
        Ok(Arc::new(array))
    }

    /// Decimals of the announced type, from their digits.
    pub(crate) fn decimals(
        &self,
        value: impl FnMut(usize) -> Result<Option<i128>>,
    ) -> Result<ArrayRef> {
        let array: Decimal128Array = (0..self.rows).map(value).collect::<Result<_>>()?;
        let array = array.with_data_type(self.returns.clone());
        if let DataType::Decimal128(precision, _) = self.returns {
            array.validate_decimal_precision(precision)?;
        }
        Ok(Arc::new(array))
    }

    /// Values of TIMESTAMP_TZ from instants, as UTC's wall clock, and minutes east of UTC.
    pub(crate) fn zoned(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<(NaiveDateTime, i16)>>,
    ) -> Result<ArrayRef> {
        zoned::build((0..self.rows).map(|row| {
            let value = value(row)?;
            value
                .map(|(utc, minutes)| Ok((kept(utc, None)?, minutes)))
                .transpose()
        }))
    }

    /// Dates, times, wall clocks or instants, as announced. A TIMESTAMP_TZ has the distance from UTC of the
    /// first argument that is one, or else the session's.
    pub(crate) fn moments(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<NaiveDateTime>>,
    ) -> Result<ArrayRef> {
        match &self.returns {
            DataType::Date32 => {
                let array: Date32Array = (0..self.rows)
                    .map(|row| Ok(value(row)?.map(|moment| moment.date().to_epoch_days())))
                    .collect::<Result<_>>()?;
                Ok(Arc::new(array))
            }
            DataType::Time64(_) => {
                let array: Time64NanosecondArray = (0..self.rows)
                    .map(|row| Ok(value(row)?.map(|moment| nanos_of_day(moment.time()))))
                    .collect::<Result<_>>()?;
                Ok(Arc::new(array))
            }
            &FINE => {
                let array: TimestampNanosecondArray = (0..self.rows)
                    .map(|row| match value(row)? {
                        Some(moment) => match nanos(moment) {
                            Some(nanos) => Ok(Some(nanos)),
                            None => out_of_range(&format!("The nanosecond {moment}")),
                        },
                        None => Ok(None),
                    })
                    .collect::<Result<_>>()?;
                Ok(Arc::new(array))
            }
            DataType::Timestamp(_, zone) => {
                let parameters = self.parameters();
                let array: TimestampMicrosecondArray = (0..self.rows)
                    .map(|row| {
                        let Some(moment) = value(row)? else {
                            return Ok(None);
                        };
                        let moment = kept(moment, None)?;
                        let utc = match zone {
                            Some(_) => parameters.utc(moment),
                            None => Some(moment),
                        };
                        Ok(utc.map(|utc| utc.and_utc().timestamp_micros()))
                    })
                    .collect::<Result<_>>()?;
                Ok(Arc::new(array.with_timezone_opt(zone.clone())))
            }
            kind if is_zoned(kind) => {
                let parameters = self.parameters();
                let own = (0..self.len())
                    .find(|at| self.data_type(*at).is_ok_and(is_zoned))
                    .map(|at| self.moment(at))
                    .transpose()?;
                self.zoned(|row| {
                    let Some(wall) = value(row)? else {
                        return Ok(None);
                    };
                    let seconds = own.as_ref().and_then(|own| own.offset(row));
                    let seconds = seconds.and_then(|seconds| i32::try_from(seconds).ok());
                    Ok(located(wall, seconds, &parameters))
                })
            }
            other => internal_err!("{other} holds no moments"),
        }
    }
}

/// Nanoseconds since midnight.
pub(crate) fn nanos_of_day(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight()) * 1_000_000_000
        + i64::from(time.nanosecond() % 1_000_000_000)
}

/// A date outside of the calendar.
pub(crate) fn out_of_range<T>(what: &str) -> Result<T> {
    exec_err!("{what} is outside of the calendar")
}

/// `value` as a signed 32-bit number.
pub(crate) fn small(value: i64) -> Result<i32> {
    i32::try_from(value).map_err(|_| exec_datafusion_err!("{value} is too large here"))
}
