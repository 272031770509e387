//! [`Formats`]: how a session writes and reads dates, times, timestamps and bytes.
//!
//! <https://docs.snowflake.com/en/sql-reference/date-time-input-output#session-parameters-for-dates-times-and-timestamps>

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::common::{Result, config_err};

use super::Parameters;
use crate::text::bytes::Encoding;
use crate::text::date_format::DateFormat;
use crate::text::moment;
use crate::zoned;

/// The formats that were set; what is missing has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Formats {
    date: Option<DateFormat>,
    time: Option<DateFormat>,
    timestamp: Option<DateFormat>,
    ntz: Ntz,
    ltz: Option<DateFormat>,
    tz: Option<DateFormat>,
    date_input: Option<DateFormat>,
    time_input: Option<DateFormat>,
    timestamp_input: Option<DateFormat>,
    binary: Encoding,
    pub(crate) binary_input: Encoding,
    pub(crate) geography: GeographyFormat,
}

/// How TIMESTAMP_NTZ is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Ntz {
    #[default]
    Default,
    /// As the other timestamps: its own format was set to nothing.
    Shared,
    Format(DateFormat),
}

/// How GEOGRAPHY is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GeographyFormat {
    #[default]
    GeoJson,
    Wkt,
    Ewkt,
    Wkb,
    Ewkb,
}

/// A format, or nothing for the default.
fn format(value: &str) -> Result<Option<DateFormat>> {
    if value.trim().is_empty() || value.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    DateFormat::new(value).map(Some)
}

impl Formats {
    /// Sets the parameter called `name`; `false` if formats have none of that name.
    pub(super) fn assign(&mut self, name: &str, value: &str) -> Result<bool> {
        match name {
            "DATE_OUTPUT_FORMAT" => self.date = format(value)?,
            "TIME_OUTPUT_FORMAT" => self.time = format(value)?,
            "TIMESTAMP_OUTPUT_FORMAT" => self.timestamp = format(value)?,
            "TIMESTAMP_LTZ_OUTPUT_FORMAT" => self.ltz = format(value)?,
            "TIMESTAMP_TZ_OUTPUT_FORMAT" => self.tz = format(value)?,
            "TIMESTAMP_NTZ_OUTPUT_FORMAT" => {
                self.ntz = match format(value)? {
                    Some(format) => Ntz::Format(format),
                    None if value.trim().is_empty() => Ntz::Shared,
                    None => Ntz::Default,
                }
            }
            "DATE_INPUT_FORMAT" => self.date_input = format(value)?,
            "TIME_INPUT_FORMAT" => self.time_input = format(value)?,
            "TIMESTAMP_INPUT_FORMAT" => self.timestamp_input = format(value)?,
            "BINARY_OUTPUT_FORMAT" => match Encoding::named(value) {
                Some(format) if format != Encoding::Utf8 => self.binary = format,
                _ => return config_err!("{name} is HEX or BASE64, not '{value}'"),
            },
            "BINARY_INPUT_FORMAT" => match Encoding::named(value) {
                Some(format) => self.binary_input = format,
                None => return config_err!("{name} is HEX, BASE64 or UTF8, not '{value}'"),
            },
            "GEOGRAPHY_OUTPUT_FORMAT" => {
                self.geography = match value.trim().to_ascii_uppercase().as_str() {
                    "GEOJSON" => GeographyFormat::GeoJson,
                    "WKT" => GeographyFormat::Wkt,
                    "EWKT" => GeographyFormat::Ewkt,
                    "WKB" => GeographyFormat::Wkb,
                    "EWKB" => GeographyFormat::Ewkb,
                    _ => {
                        return config_err!(
                            "{name} is GeoJSON, WKT, WKB, EWKT or EWKB, not '{value}'"
                        );
                    }
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn writes_dates(&self) -> bool {
        self.date.is_some()
    }

    pub(crate) fn writes_times(&self) -> bool {
        self.time.is_some()
    }

    pub(crate) fn writes_ntz(&self) -> bool {
        self.ntz != Ntz::Default
    }

    pub(crate) fn writes_ltz(&self) -> bool {
        self.ltz.is_some() || self.timestamp.is_some()
    }

    pub(crate) fn writes_bytes(&self) -> bool {
        self.binary != Encoding::Hex
    }
}

impl Parameters {
    /// A date as text.
    pub(crate) fn date_text(&self, date: NaiveDate) -> String {
        match &self.formats.date {
            Some(format) => format.text_at(date.and_time(NaiveTime::MIN), None),
            None => date.format("%Y-%m-%d").to_string(),
        }
    }

    /// A time of day as text.
    pub(crate) fn time_text(&self, time: NaiveTime) -> String {
        match &self.formats.time {
            Some(format) => format.text_at(NaiveDate::default().and_time(time), None),
            None => moment::time_text(time),
        }
    }

    /// A TIMESTAMP_NTZ as text.
    pub(crate) fn ntz_text(&self, wall: NaiveDateTime) -> String {
        match (&self.formats.ntz, &self.formats.timestamp) {
            (Ntz::Format(format), _) | (Ntz::Shared, Some(format)) => format.text_at(wall, None),
            (Ntz::Shared, None) => format!("{} Z", moment::timestamp_text(wall)),
            (Ntz::Default, _) => moment::timestamp_text(wall),
        }
    }

    /// A TIMESTAMP_LTZ, given as UTC's wall clock, as text.
    pub(crate) fn ltz_text(&self, utc: NaiveDateTime) -> String {
        let format = self.formats.ltz.as_ref();
        self.zoned_text(self.local(utc), self.offset(utc), format)
    }

    /// A TIMESTAMP_TZ, given as UTC's wall clock and minutes east of UTC, as text.
    pub(crate) fn tz_text(&self, utc: NaiveDateTime, minutes: i16) -> String {
        let wall = zoned::wall(utc, minutes).unwrap_or(utc);
        self.zoned_text(wall, i64::from(minutes) * 60, self.formats.tz.as_ref())
    }

    fn zoned_text(&self, wall: NaiveDateTime, offset: i64, own: Option<&DateFormat>) -> String {
        match own.or(self.formats.timestamp.as_ref()) {
            Some(format) => format.text_at(wall, Some(offset)),
            None => format!(
                "{} {}",
                moment::timestamp_text(wall),
                moment::offset_text(offset, "")
            ),
        }
    }

    /// Bytes as text.
    pub(crate) fn bytes_text(&self, bytes: &[u8]) -> String {
        self.formats.binary.write(bytes).unwrap_or_default()
    }

    /// Text as a timestamp, and seconds east of UTC if it names them.
    pub(crate) fn read_timestamp(&self, text: &str) -> Option<(NaiveDateTime, Option<i32>)> {
        match &self.formats.timestamp_input {
            Some(format) => format.parse_zoned(text, self.two_digit_century_start),
            None => moment::parse_timestamp(text),
        }
    }

    /// Text as a date.
    pub(crate) fn read_date(&self, text: &str) -> Option<NaiveDate> {
        let (moment, _) = match &self.formats.date_input {
            Some(format) => format.parse_zoned(text, self.two_digit_century_start)?,
            None => moment::parse_timestamp(text)?,
        };
        Some(moment.date())
    }

    /// Text as a time of day.
    pub(crate) fn read_time(&self, text: &str) -> Option<NaiveTime> {
        match &self.formats.time_input {
            Some(format) => {
                let (moment, _) = format.parse_zoned(text, self.two_digit_century_start)?;
                Some(moment.time())
            }
            None => moment::parse_time(text),
        }
    }
}
