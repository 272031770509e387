//! The columns that say where a staged row comes from:
//! <https://docs.snowflake.com/en/user-guide/querying-metadata>.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, TimeUnit};
use chrono::{DateTime, Utc};

use super::StagedFile;

/// The number of a row in its file, from 1.
pub(crate) const ROW_NUMBER: &str = "METADATA$FILE_ROW_NUMBER";

/// One of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metadata {
    Filename,
    RowNumber,
    ContentKey,
    LastModified,
    StartScanTime,
}

impl Metadata {
    pub(crate) const ALL: [Self; 5] = [
        Self::Filename,
        Self::RowNumber,
        Self::ContentKey,
        Self::LastModified,
        Self::StartScanTime,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Filename => "METADATA$FILENAME",
            Self::RowNumber => ROW_NUMBER,
            Self::ContentKey => "METADATA$FILE_CONTENT_KEY",
            Self::LastModified => "METADATA$FILE_LAST_MODIFIED",
            Self::StartScanTime => "METADATA$START_SCAN_TIME",
        }
    }

    /// The column called `name`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    pub(crate) fn field(self) -> Field {
        let kind = match self {
            Self::Filename | Self::ContentKey => DataType::Utf8,
            Self::RowNumber => DataType::Int64,
            Self::LastModified => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::StartScanTime => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        };
        Field::new(self.name(), kind, true)
    }

    /// Its values for rows with these numbers.
    pub(crate) fn values(
        self,
        file: &StagedFile,
        numbers: &[i64],
        started: DateTime<Utc>,
    ) -> ArrayRef {
        let count = numbers.len();
        match self {
            Self::Filename => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                &file.full_name,
                count,
            ))),
            Self::RowNumber => Arc::new(Int64Array::from(numbers.to_vec())),
            Self::ContentKey => {
                let key = connectors::files::hash(&file.path, &file.name).ok();
                let key = key.map(|key| key.to_string().chars().take(32).collect::<String>());
                Arc::new(StringArray::from_iter(std::iter::repeat_n(key, count)))
            }
            Self::LastModified => Arc::new(TimestampMicrosecondArray::from_value(
                file.modified.timestamp_micros(),
                count,
            )),
            Self::StartScanTime => Arc::new(
                TimestampMicrosecondArray::from_value(started.timestamp_micros(), count)
                    .with_timezone("UTC"),
            ),
        }
    }
}
