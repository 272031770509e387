//! [`Format`]: file formats and their options:
//! <https://docs.snowflake.com/en/sql-reference/sql/create-file-format>.

use catalog::{ObjectBody, ObjectKind};
use diagnostic::{Error, Result, codes};
use sql::command::{CommandOption, OptionValue};

use crate::access::Named;
use crate::names::relation;
use crate::provider::Databases;
use crate::statement::unsupported;

/// How files are read and written.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    Csv(Box<Csv>),
    Json(Json),
    Parquet(Parquet),
}

/// Delimited text.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the options are the vendor's"
)]
pub(crate) struct Csv {
    pub(crate) record_delimiter: Option<String>,
    pub(crate) field_delimiter: Option<String>,
    pub(crate) parse_header: bool,
    pub(crate) skip_header: usize,
    pub(crate) skip_blank_lines: bool,
    pub(crate) trim_space: bool,
    pub(crate) enclosed_by: Option<char>,
    pub(crate) null_if: Vec<String>,
    pub(crate) error_on_column_count_mismatch: bool,
    pub(crate) replace_invalid_characters: bool,
    pub(crate) empty_field_as_null: bool,
    pub(crate) escape: Option<char>,
    pub(crate) escape_unenclosed: Option<char>,
    pub(crate) encoding: Option<String>,
    pub(crate) date_format: Option<String>,
    pub(crate) time_format: Option<String>,
    pub(crate) timestamp_format: Option<String>,
    pub(crate) binary_format: String,
    pub(crate) compression: String,
    pub(crate) file_extension: Option<String>,
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            record_delimiter: Some("\n".to_owned()),
            field_delimiter: Some(",".to_owned()),
            parse_header: false,
            skip_header: 0,
            skip_blank_lines: false,
            trim_space: false,
            enclosed_by: None,
            null_if: vec!["\\N".to_owned()],
            error_on_column_count_mismatch: true,
            replace_invalid_characters: false,
            empty_field_as_null: true,
            escape: None,
            escape_unenclosed: Some('\\'),
            encoding: None,
            date_format: None,
            time_format: None,
            timestamp_format: None,
            binary_format: "HEX".to_owned(),
            compression: "AUTO".to_owned(),
            file_extension: None,
        }
    }
}

/// JSON values, one after the other or in one array.
#[derive(Clone, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the options are the vendor's"
)]
pub(crate) struct Json {
    pub(crate) strip_outer_array: bool,
    pub(crate) strip_null_values: bool,
    pub(crate) allow_duplicate: bool,
    pub(crate) replace_invalid_characters: bool,
    pub(crate) null_if: Vec<String>,
    pub(crate) compression: String,
    pub(crate) file_extension: Option<String>,
}

/// Parquet files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parquet {
    pub(crate) binary_as_text: bool,
    pub(crate) trim_space: bool,
    pub(crate) null_if: Vec<String>,
    pub(crate) compression: String,
}

impl Format {
    /// What FILE_FORMAT says in a statement; `outer` is what the stage declares.
    pub(crate) fn of_statement(
        databases: &Databases,
        given: Option<&OptionValue>,
        outer: &[(String, String)],
    ) -> Result<Self> {
        let given = match given {
            None => {
                let outer = outer
                    .iter()
                    .map(|(name, value)| parsed(name, value))
                    .collect::<Result<Vec<_>>>()?;
                return Self::of_options(databases, &outer);
            }
            Some(OptionValue::Options(options)) => options.clone(),
            Some(name @ (OptionValue::Text(_) | OptionValue::Word(_))) => vec![CommandOption {
                name: "FORMAT_NAME".to_owned(),
                value: name.clone(),
            }],
            Some(other) => return Err(unsupported(&format!("FILE_FORMAT = {other}"))),
        };
        Self::of_options(databases, &given)
    }

    /// What options say, a named format among them.
    pub(crate) fn of_options(databases: &Databases, options: &[CommandOption]) -> Result<Self> {
        let mut all = Vec::new();
        for option in options {
            match option.name.as_str() {
                "FORMAT_NAME" => {
                    let name = single(option)?;
                    for (name, value) in &stored(databases, &name)? {
                        all.push(parsed(name, value)?);
                    }
                }
                _ => all.push(option.clone()),
            }
        }
        Self::new(&all)
    }

    /// The format that `options` describe: TYPE first, everything else after it.
    pub(crate) fn new(options: &[CommandOption]) -> Result<Self> {
        let kind = options
            .iter()
            .rfind(|option| option.name == "TYPE")
            .map(single)
            .transpose()?
            .unwrap_or_else(|| "CSV".to_owned())
            .to_uppercase();
        let rest = options.iter().filter(|option| option.name != "TYPE");
        match kind.as_str() {
            "CSV" => {
                let mut csv = Csv::default();
                rest.map(|option| csv.set(option))
                    .collect::<Result<Vec<_>>>()?;
                csv.check()?;
                Ok(Self::Csv(Box::new(csv)))
            }
            "JSON" => {
                let mut json = Json {
                    compression: "AUTO".to_owned(),
                    ..Json::default()
                };
                rest.map(|option| json.set(option))
                    .collect::<Result<Vec<_>>>()?;
                Ok(Self::Json(json))
            }
            "PARQUET" => {
                let mut parquet = Parquet {
                    binary_as_text: true,
                    compression: "AUTO".to_owned(),
                    ..Parquet::default()
                };
                rest.map(|option| parquet.set(option))
                    .collect::<Result<Vec<_>>>()?;
                Ok(Self::Parquet(parquet))
            }
            _ => Err(unsupported(&format!("File format TYPE = {kind}"))
                .help("the types are CSV, JSON and PARQUET")),
        }
    }
}

/// The options of the file format called `name`.
fn stored(databases: &Databases, name: &str) -> Result<Vec<(String, String)>> {
    let source = diagnostic::Source::new("file format", format!("drop table {name}"));
    let mut statements = sql::parse_script(&source)?;
    let statement = statements.pop().map(|statement| statement.ast);
    let Some(sqlparser::ast::Statement::Drop { names, .. }) = statement else {
        return Err(Error::new(
            codes::E1002,
            format!("`{name}` is no name of a file format"),
        ));
    };
    let Some(name) = names.first() else {
        return Err(Error::new(codes::X0001, "A name is no name"));
    };
    let name = relation(&databases.session, name)?;
    let named = Named::Object(ObjectKind::FileFormat, name.clone());
    let usable = databases.may(&named, "USAGE");
    match databases
        .object(ObjectKind::FileFormat, &name)
        .filter(|_| usable)
    {
        Some(object) => match object.body {
            ObjectBody::FileFormat { options } => Ok(options.into_iter().collect()),
            _ => Err(Error::new(
                codes::X0001,
                "A file format is stored as no file format",
            )),
        },
        None => {
            let known = databases.objects();
            let names: Vec<String> = known
                .into_keys()
                .filter(|(kind, _)| *kind == ObjectKind::FileFormat)
                .map(|(_, name)| name.to_string())
                .collect();
            Err(
                Error::new(codes::K3001, format!("File format `{name}` does not exist"))
                    .suggest(&name.to_string(), names.iter().map(String::as_str)),
            )
        }
    }
}

/// An option as it was stored.
fn parsed(name: &str, value: &str) -> Result<CommandOption> {
    Ok(CommandOption {
        name: name.to_owned(),
        value: OptionValue::parse(value)?,
    })
}

/// The single value of `option`.
pub(crate) fn single(option: &CommandOption) -> Result<String> {
    match option.value.single() {
        Some(value) => Ok(value.to_owned()),
        None => Err(wrong(option)),
    }
}

/// TRUE or FALSE.
pub(crate) fn flag(option: &CommandOption) -> Result<bool> {
    match single(option)?.to_uppercase().as_str() {
        "TRUE" => Ok(true),
        "FALSE" => Ok(false),
        _ => Err(wrong(option)),
    }
}

fn wrong(option: &CommandOption) -> Error {
    Error::new(
        codes::E1002,
        format!("Option `{} = {}` makes no sense", option.name, option.value),
    )
}

fn unknown(kind: &str, option: &CommandOption) -> Error {
    unsupported(&format!("{} = {}", option.name, option.value))
        .with("file format", kind)
        .help("leave the option out")
}

/// Text, or nothing for NONE.
fn unless_none(option: &CommandOption) -> Result<Option<String>> {
    match &option.value {
        OptionValue::Word(word) if word.eq_ignore_ascii_case("NONE") => Ok(None),
        OptionValue::Text(text) if text.eq_ignore_ascii_case("NONE") => Ok(None),
        _ => single(option).map(|text| Some(characters(&text))),
    }
}

/// Text, or nothing for AUTO.
fn unless_auto(option: &CommandOption) -> Result<Option<String>> {
    let text = single(option)?;
    Ok(Some(text).filter(|text| !text.eq_ignore_ascii_case("AUTO")))
}

/// Octal (`\001`) and hexadecimal (`0x01`, `\x01`) values as the characters they stand for.
fn characters(text: &str) -> String {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("\\x")) {
        let code = u32::from_str_radix(digits, 16)
            .ok()
            .and_then(char::from_u32);
        if let Some(letter) = code {
            return letter.to_string();
        }
    }
    if let Some(digits) = text.strip_prefix('\\')
        && digits.len() == 3
        && let Some(letter) = u32::from_str_radix(digits, 8).ok().and_then(char::from_u32)
    {
        return letter.to_string();
    }
    match text {
        "\\n" => "\n".to_owned(),
        "\\r" => "\r".to_owned(),
        "\\t" => "\t".to_owned(),
        "\\r\\n" => "\r\n".to_owned(),
        _ => text.to_owned(),
    }
}

fn one_character(option: &CommandOption) -> Result<Option<char>> {
    let text = unless_none(option)?;
    let Some(text) = text else { return Ok(None) };
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (None, _) => Ok(None),
        (Some(letter), None) => Ok(Some(letter)),
        _ => Err(wrong(option)),
    }
}

fn texts(option: &CommandOption) -> Result<Vec<String>> {
    match &option.value {
        OptionValue::List(values) => values
            .iter()
            .map(|value| match value.single() {
                Some(text) => Ok(text.to_owned()),
                None => Err(wrong(option)),
            })
            .collect(),
        _ => Ok(vec![single(option)?]),
    }
}

fn compression(option: &CommandOption, known: &[&str]) -> Result<String> {
    let name = single(option)?.to_uppercase();
    if known.contains(&name.as_str()) {
        return Ok(name);
    }
    Err(unsupported(&format!("COMPRESSION = {name}"))
        .help(format!("the compressions are {}", known.join(", "))))
}

const PACKED: &[&str] = &["AUTO", "NONE", "GZIP", "ZSTD"];

impl Csv {
    fn set(&mut self, option: &CommandOption) -> Result<()> {
        match option.name.as_str() {
            "COMPRESSION" => self.compression = compression(option, PACKED)?,
            "RECORD_DELIMITER" => self.record_delimiter = unless_none(option)?,
            "FIELD_DELIMITER" => self.field_delimiter = unless_none(option)?,
            "FILE_EXTENSION" => self.file_extension = unless_none(option)?,
            "PARSE_HEADER" => self.parse_header = flag(option)?,
            "SKIP_HEADER" => {
                self.skip_header = single(option)?.parse().map_err(|_| wrong(option))?;
            }
            "SKIP_BLANK_LINES" => self.skip_blank_lines = flag(option)?,
            "DATE_FORMAT" => self.date_format = unless_auto(option)?,
            "TIME_FORMAT" => self.time_format = unless_auto(option)?,
            "TIMESTAMP_FORMAT" => self.timestamp_format = unless_auto(option)?,
            "BINARY_FORMAT" => {
                self.binary_format = single(option)?.to_uppercase();
                if !["HEX", "BASE64", "UTF8", "UTF-8"].contains(&self.binary_format.as_str()) {
                    return Err(wrong(option));
                }
            }
            "ESCAPE" => self.escape = one_character(option)?,
            "ESCAPE_UNENCLOSED_FIELD" => self.escape_unenclosed = one_character(option)?,
            "TRIM_SPACE" => self.trim_space = flag(option)?,
            "FIELD_OPTIONALLY_ENCLOSED_BY" => self.enclosed_by = one_character(option)?,
            "NULL_IF" => self.null_if = texts(option)?,
            "ERROR_ON_COLUMN_COUNT_MISMATCH" => {
                self.error_on_column_count_mismatch = flag(option)?;
            }
            "REPLACE_INVALID_CHARACTERS" => self.replace_invalid_characters = flag(option)?,
            "EMPTY_FIELD_AS_NULL" => self.empty_field_as_null = flag(option)?,
            // A byte order mark is never data here.
            "SKIP_BYTE_ORDER_MARK" if flag(option)? => {}
            "ENCODING" => {
                self.encoding = Some(single(option)?)
                    .filter(|name| !["UTF8", "UTF-8"].contains(&name.to_uppercase().as_str()));
            }
            "COMMENT" => {}
            _ => return Err(unknown("CSV", option)),
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let contradiction = |text: &str| Err(Error::new(codes::E1002, text.to_owned()));
        if self.parse_header && self.skip_header > 0 {
            return contradiction("PARSE_HEADER and SKIP_HEADER contradict each other");
        }
        if self.field_delimiter.is_some() && self.field_delimiter == self.record_delimiter {
            return contradiction("FIELD_DELIMITER and RECORD_DELIMITER are the same");
        }
        Ok(())
    }
}

impl Json {
    fn set(&mut self, option: &CommandOption) -> Result<()> {
        match option.name.as_str() {
            "COMPRESSION" => self.compression = compression(option, PACKED)?,
            "STRIP_OUTER_ARRAY" => self.strip_outer_array = flag(option)?,
            "STRIP_NULL_VALUES" => self.strip_null_values = flag(option)?,
            "ALLOW_DUPLICATE" => self.allow_duplicate = flag(option)?,
            "REPLACE_INVALID_CHARACTERS" | "IGNORE_UTF8_ERRORS" => {
                self.replace_invalid_characters = flag(option)?;
            }
            "NULL_IF" => self.null_if = texts(option)?,
            "FILE_EXTENSION" => self.file_extension = unless_none(option)?,
            // What these say is what happens in any case.
            "DATE_FORMAT" | "TIME_FORMAT" | "TIMESTAMP_FORMAT"
                if unless_auto(option)?.is_none() => {}
            "SKIP_BYTE_ORDER_MARK" if flag(option)? => {}
            "ENABLE_OCTAL" | "TRIM_SPACE" if !flag(option)? => {}
            "COMMENT" => {}
            _ => return Err(unknown("JSON", option)),
        }
        Ok(())
    }
}

impl Parquet {
    fn set(&mut self, option: &CommandOption) -> Result<()> {
        match option.name.as_str() {
            "COMPRESSION" => {
                self.compression =
                    compression(option, &["AUTO", "NONE", "SNAPPY", "LZO", "ZSTD", "GZIP"])?;
                if self.compression == "LZO" {
                    return Err(unknown("PARQUET", option));
                }
            }
            "SNAPPY_COMPRESSION" => {
                self.compression = if flag(option)? { "SNAPPY" } else { "NONE" }.to_owned();
            }
            "BINARY_AS_TEXT" => self.binary_as_text = flag(option)?,
            // Logical types are used in any case.
            "USE_LOGICAL_TYPE" if flag(option)? => {}
            // There is one scanner, and it is this.
            "USE_VECTORIZED_SCANNER" => {
                flag(option)?;
            }
            "TRIM_SPACE" => self.trim_space = flag(option)?,
            "NULL_IF" => self.null_if = texts(option)?,
            "REPLACE_INVALID_CHARACTERS" if !flag(option)? => {}
            "COMMENT" => {}
            _ => return Err(unknown("PARQUET", option)),
        }
        Ok(())
    }
}
