//! Values of TIMESTAMP_TZ: an instant and the distance from UTC it is told at (decision 0011).
//!
//! <https://docs.snowflake.com/en/sql-reference/data-types-datetime#timestamp-ltz-timestamp-ntz-timestamp-tz>

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Int16Array, StructArray, TimestampMicrosecondArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Int16Type, TimestampMicrosecondType};
use chrono::{NaiveDateTime, TimeDelta};
use datafusion::common::{Result, internal_datafusion_err};

use crate::parameters::Parameters;
use crate::scalar::{instant, moment_from_micros};

const INSTANT: &str = "instant";
const OFFSET: &str = "offset_minutes";

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new(INSTANT, instant(), true),
        Field::new(OFFSET, DataType::Int16, true),
    ])
});

/// The Arrow type that carries TIMESTAMP_TZ.
pub(crate) fn zoned() -> DataType {
    DataType::Struct(FIELDS.clone())
}

/// Whether values of this type are those of TIMESTAMP_TZ.
pub(crate) fn is_zoned(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => match fields.as_ref() {
            [first, second] => first.name() == INSTANT && second.name() == OFFSET,
            _ => false,
        },
        _ => false,
    }
}

/// An array of TIMESTAMP_TZ, taken apart. A value that is null is null in both parts.
#[derive(Clone, Debug)]
pub(crate) struct Zoned {
    instants: TimestampMicrosecondArray,
    offsets: Int16Array,
}

impl Zoned {
    /// Takes `array` apart.
    pub(crate) fn of(array: &dyn Array) -> Result<Self> {
        let parts = array
            .as_struct_opt()
            .filter(|parts| is_zoned(parts.data_type()))
            .and_then(|parts| {
                let instants = parts
                    .column(0)
                    .as_primitive_opt::<TimestampMicrosecondType>()?;
                let offsets = parts.column(1).as_primitive_opt::<Int16Type>()?;
                let nulls = NullBuffer::union(parts.nulls(), instants.nulls());
                let instants =
                    TimestampMicrosecondArray::new(instants.values().clone(), nulls.clone());
                let offsets = Int16Array::new(offsets.values().clone(), nulls);
                Some(Self { instants, offsets })
            });
        parts.ok_or_else(|| internal_datafusion_err!("{} is no TIMESTAMP_TZ", array.data_type()))
    }

    /// UTC's wall clock and minutes east of UTC.
    pub(crate) fn get(&self, row: usize) -> Option<(NaiveDateTime, i16)> {
        let utc = self
            .instants
            .is_valid(row)
            .then(|| self.instants.value(row))
            .and_then(moment_from_micros)?;
        Some((utc, self.offsets.value(row)))
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.instants.len()
    }

    /// The values as those of TIMESTAMP_LTZ.
    pub(crate) fn instants(&self) -> ArrayRef {
        Arc::new(self.instants.clone().with_data_type(instant()))
    }

    /// What the clocks show at each value's own place, as TIMESTAMP_NTZ.
    pub(crate) fn walls(&self) -> ArrayRef {
        let walls: TimestampMicrosecondArray = self
            .instants
            .iter()
            .zip(self.offsets.iter())
            .map(|(micros, minutes)| Some(micros? + i64::from(minutes?) * 60_000_000))
            .collect();
        Arc::new(walls)
    }
}

/// What a clock `minutes` east of UTC shows at an instant.
pub(crate) fn wall(utc: NaiveDateTime, minutes: i16) -> Option<NaiveDateTime> {
    utc.checked_add_signed(TimeDelta::minutes(i64::from(minutes)))
}

/// Minutes east of UTC of the session's clock at an instant.
pub(crate) fn session_minutes(parameters: &Parameters, utc: NaiveDateTime) -> i16 {
    i16::try_from(parameters.offset(utc).div_euclid(60)).unwrap_or_default()
}

/// An array from instants, as UTC's wall clock, and minutes east of UTC.
pub(crate) fn build(
    values: impl Iterator<Item = Result<Option<(NaiveDateTime, i16)>>>,
) -> Result<ArrayRef> {
    let values = values.collect::<Result<Vec<_>>>()?;
    let instants: TimestampMicrosecondArray = values
        .iter()
        .map(|value| value.map(|(utc, _)| utc.and_utc().timestamp_micros()))
        .collect();
    let offsets: Int16Array = values
        .iter()
        .map(|value| value.map(|(_, minutes)| minutes))
        .collect();
    let nulls = instants.nulls().cloned();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(instants.with_data_type(instant())),
        Arc::new(offsets),
    ];
    Ok(Arc::new(StructArray::try_new(
        FIELDS.clone(),
        columns,
        nulls,
    )?))
}
