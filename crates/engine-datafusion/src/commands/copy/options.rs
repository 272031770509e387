//! The options of COPY INTO a table:
//! <https://docs.snowflake.com/en/sql-reference/sql/copy-into-table#copy-options-copyoptions>.

use diagnostic::{Error, Result, codes};
use sql::command::{CommandOption, OptionValue};

use crate::stages::{Pattern, flag, single};
use crate::statement::unsupported;

/// What happens to records that cannot be loaded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum OnError {
    /// The statement fails.
    Abort,
    /// They are left out.
    Continue,
    /// Their files are left out, from so many on.
    SkipFile(u64),
    /// Their files are left out if they are more than so many percent.
    SkipFilePercent(f64),
}

/// Whether columns are found by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MatchBy {
    Position,
    Name,
    NameInAnyCase,
}

/// What is given back instead of loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validation {
    /// The first so many rows.
    Rows(usize),
    /// Every error.
    Errors,
}

/// The options.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the options are the vendor's"
)]
pub(super) struct Options {
    pub(super) files: Option<Vec<String>>,
    pub(super) pattern: Option<Pattern>,
    pub(super) format: Option<OptionValue>,
    pub(super) on_error: OnError,
    pub(super) size_limit: Option<u64>,
    pub(super) purge: bool,
    pub(super) only_failed: bool,
    pub(super) match_by: MatchBy,
    pub(super) metadata: Vec<(String, String)>,
    pub(super) truncate: bool,
    pub(super) force: bool,
    pub(super) validation: Option<Validation>,
}

impl Options {
    pub(super) fn new(given: &[CommandOption]) -> Result<Self> {
        let mut options = Self {
            files: None,
            pattern: None,
            format: None,
            on_error: OnError::Abort,
            size_limit: None,
            purge: false,
            only_failed: false,
            match_by: MatchBy::Position,
            metadata: Vec::new(),
            truncate: false,
            force: false,
            validation: None,
        };
        for option in given {
            options.set(option)?;
        }
        if options.validation.is_some() && options.purge {
            return Err(Error::new(
                codes::E1002,
                "VALIDATION_MODE and PURGE contradict each other",
            ));
        }
        Ok(options)
    }

    fn set(&mut self, option: &CommandOption) -> Result<()> {
        match option.name.as_str() {
            "FILES" => self.files = Some(names(option)?),
            "PATTERN" => self.pattern = Some(Pattern::new(&single(option)?)?),
            "FILE_FORMAT" => self.format = Some(option.value.clone()),
            "ON_ERROR" => self.on_error = on_error(option)?,
            "SIZE_LIMIT" => {
                let size = single(option)?.parse().map_err(|_| wrong(option))?;
                self.size_limit = Some(size).filter(|size| *size > 0);
            }
            "PURGE" => self.purge = flag(option)?,
            "RETURN_FAILED_ONLY" => self.only_failed = flag(option)?,
            "MATCH_BY_COLUMN_NAME" => {
                self.match_by = match single(option)?.to_uppercase().as_str() {
                    "NONE" => MatchBy::Position,
                    "CASE_SENSITIVE" => MatchBy::Name,
                    "CASE_INSENSITIVE" => MatchBy::NameInAnyCase,
                    _ => return Err(wrong(option)),
                };
            }
            "INCLUDE_METADATA" => {
                let OptionValue::Options(columns) = &option.value else {
                    return Err(wrong(option));
                };
                for column in columns {
                    self.metadata
                        .push((column.name.clone(), single(column)?.to_uppercase()));
                }
            }
            "ENFORCE_LENGTH" => self.truncate = !flag(option)?,
            "TRUNCATECOLUMNS" => self.truncate = flag(option)?,
            "FORCE" => self.force = flag(option)?,
            // The history of loads has no end here, so no file is uncertain.
            "LOAD_UNCERTAIN_FILES" => {
                flag(option)?;
            }
            "LOAD_MODE" if single(option)?.eq_ignore_ascii_case("FULL_INGEST") => {}
            "VALIDATION_MODE" => self.validation = Some(validation(option)?),
            "COPY_OPTIONS" => match &option.value {
                OptionValue::Options(inner) => {
                    for option in inner {
                        self.set(option)?;
                    }
                }
                _ => return Err(wrong(option)),
            },
            _ => return Err(unsupported(&format!("{} = {}", option.name, option.value))),
        }
        Ok(())
    }
}

fn wrong(option: &CommandOption) -> Error {
    Error::new(
        codes::E1002,
        format!("Option `{} = {}` makes no sense", option.name, option.value),
    )
}

fn names(option: &CommandOption) -> Result<Vec<String>> {
    let OptionValue::List(values) = &option.value else {
        return Err(wrong(option));
    };
    if values.len() > 1000 {
        return Err(Error::new(codes::E1002, "FILES names at most 1,000 files"));
    }
    values
        .iter()
        .map(|value| match value.single() {
            Some(name) => Ok(name.trim_start_matches('/').to_owned()),
            None => Err(wrong(option)),
        })
        .collect()
}

fn on_error(option: &CommandOption) -> Result<OnError> {
    let text = single(option)?.to_uppercase();
    match text.as_str() {
        "CONTINUE" => Ok(OnError::Continue),
        "ABORT_STATEMENT" => Ok(OnError::Abort),
        "SKIP_FILE" => Ok(OnError::SkipFile(1)),
        _ => match text.strip_prefix("SKIP_FILE_") {
            Some(limit) => match limit.strip_suffix('%') {
                Some(percent) => match percent.parse() {
                    Ok(percent) if (0.0..=100.0).contains(&percent) => {
                        Ok(OnError::SkipFilePercent(percent))
                    }
                    _ => Err(wrong(option)),
                },
                None => match limit.parse() {
                    Ok(count) if count > 0 => Ok(OnError::SkipFile(count)),
                    _ => Err(wrong(option)),
                },
            },
            None => Err(wrong(option)),
        },
    }
}

fn validation(option: &CommandOption) -> Result<Validation> {
    let text = single(option)?.to_uppercase();
    match text.as_str() {
        "RETURN_ERRORS" | "RETURN_ALL_ERRORS" => Ok(Validation::Errors),
        _ => text
            .strip_prefix("RETURN_")
            .and_then(|rest| rest.strip_suffix("_ROWS"))
            .and_then(|count| count.parse().ok())
            .map(Validation::Rows)
            .ok_or_else(|| wrong(option)),
    }
}
