//! Judging a batch: reading the columns that matter and finding what is wrong with each record.

use std::borrow::Cow;

use arrow::array::ArrayRef;
use connectors::files::header::{self, HeaderMap};
use connectors::files::{Defect, PathValues, Records};
use diagnostic::{Error, Place, Result, codes};
use indexmap::IndexMap;
use settings::OnChange;

use super::column::RawField;
use super::{Contract, reason};
use crate::value::Unreadable;

/// How the columns of one file meet those of the contract.
pub(crate) struct FileColumns {
    /// How errors and tables call the file.
    pub(crate) name: String,
    /// Where the file has each column of the contract.
    positions: Vec<Origin>,
    /// Columns beyond the contract: position in the file and stored name.
    pub(crate) extra: Vec<(usize, String)>,
    /// Columns of the contract whose absence sends rows to quarantine, or drops them.
    missing: Vec<usize>,
    /// What was found and did not stop the file, in sentences.
    pub(crate) notices: Vec<String>,
    /// Whether each record says itself which columns it has.
    is_json: bool,
    /// How many of the reader's columns have been looked at.
    looked: usize,
    /// Columns of the contract that a record has had.
    seen: Vec<bool>,
}

/// Where a column's values come from.
#[derive(Clone, Debug)]
enum Origin {
    /// The file lacks the column.
    Nowhere,
    /// The file's column of this position.
    Field(usize),
    /// The path of the file, which says it for all of its rows; `None` is NULL.
    Path(Option<String>),
}

impl FileColumns {
    /// Applies the schema contract to what the file called `name` has. `values` are what its path says; a
    /// column of the file comes before that. Of JSON, whose columns are known at the end of the file only (see
    /// [`FileColumns::look`] and [`FileColumns::finish`]), the path comes first.
    ///
    /// # Errors
    /// `L1001` and `L1002` if the contract is frozen against the change.
    pub(crate) fn new(
        contract: &Contract,
        name: &str,
        map: HeaderMap,
        values: &IndexMap<String, String>,
        is_json: bool,
    ) -> Result<Self> {
        let value = |name: &str| {
            let mut values = values.iter();
            let (_, value) = values.find(|(key, _)| header::normalise(key) == name)?;
            Some(Origin::Path(PathValues::as_value(value).map(str::to_owned)))
        };
        let names = contract.header_names();
        let positions: Vec<Origin> = map
            .columns
            .iter()
            .zip(&names)
            .map(|(at, name)| match at {
                Some(at) if !is_json => Origin::Field(*at),
                Some(at) => value(name).unwrap_or(Origin::Field(*at)),
                None => value(name).unwrap_or(Origin::Nowhere),
            })
            .collect();
        let mut columns = Self {
            name: name.to_owned(),
            seen: vec![false; positions.len()],
            looked: positions.len(),
            missing: Vec::new(),
            positions,
            extra: Vec::new(),
            notices: Vec::new(),
            is_json,
        };
        let missing: Vec<usize> = columns
            .positions
            .iter()
            .enumerate()
            .filter(|(_, origin)| matches!(origin, Origin::Nowhere))
            .map(|(at, _)| at)
            .collect();
        columns.lack(contract, &missing)?;
        if contract.absent(0).is_some() {
            columns.missing = missing;
        }
        columns.meet(contract, map.unknown)?;
        Ok(columns)
    }

    /// Takes note of columns that have come up in a file of JSON since the last call.
    ///
    /// # Errors
    /// `L1001` if the contract is frozen against new columns.
    pub(crate) fn look(
        &mut self,
        contract: &Contract,
        header: &[String],
        records: &Records<'_>,
    ) -> Result<()> {
        if !self.is_json {
            return Ok(());
        }
        for (seen, origin) in self.seen.iter_mut().zip(&self.positions) {
            *seen = *seen
                || match origin {
                    Origin::Field(at) => (0..records.len()).any(|record| records.has(record, *at)),
                    Origin::Path(_) => true,
                    Origin::Nowhere => false,
                };
        }
        let new: Vec<(usize, String)> = header
            .iter()
            .enumerate()
            .skip(self.looked)
            .map(|(at, name)| (at, name.clone()))
            .collect();
        self.looked = header.len();
        self.meet(contract, new)
    }

    /// Applies the schema contract to the columns that no record of a file of JSON had.
    ///
    /// # Errors
    /// `L1002` if the contract is frozen against missing columns.
    pub(crate) fn finish(&mut self, contract: &Contract, rows: u64) -> Result<()> {
        if !self.is_json || rows == 0 {
            return Ok(());
        }
        let seen = self.seen.iter().enumerate();
        let missing: Vec<usize> = seen.filter(|(_, seen)| !**seen).map(|(at, _)| at).collect();
        self.lack(contract, &missing)
    }

    /// The file has no column of the contract at these positions.
    fn lack(&mut self, contract: &Contract, missing: &[usize]) -> Result<()> {
        if missing.is_empty() {
            return Ok(());
        }
        let names = contract.header_names();
        let missing = missing.iter().filter_map(|at| names.get(*at));
        let what = format!("`{}` lacks {}", self.name, listed(missing));
        if contract.changes.missing_column == OnChange::Freeze {
            return Err(Error::new(
                codes::L1002,
                format!("{what}, which the contract of `{}` requires", contract.name),
            )
            .at(Place::line(self.name.as_str(), 1))
            .help("have the column delivered, or set `schema_contract: {missing_column: evolve}` to read it as NULL"));
        }
        self.notices.push(what);
        Ok(())
    }

    /// The file has columns beyond the contract.
    fn meet(&mut self, contract: &Contract, unknown: Vec<(usize, String)>) -> Result<()> {
        if unknown.is_empty() {
            return Ok(());
        }
        let what = format!(
            "`{}` has {} beyond the contract",
            self.name,
            listed(unknown.iter().map(|(_, name)| name))
        );
        if contract.changes.new_column == OnChange::Freeze {
            return Err(Error::new(codes::L1001, format!("{what} of `{}`", contract.name))
                .at(Place::line(self.name.as_str(), 1))
                .help("add the column to the contract, or set `schema_contract: {new_column: evolve}` to keep it in bronze"));
        }
        self.notices.push(what);
        let unknown = unknown.into_iter();
        self.extra
            .extend(unknown.map(|(at, name)| (at, name.to_uppercase())));
        Ok(())
    }

    /// The fields of the contract's column `column` in a batch of this file. With `json`, a field that says
    /// that it has no value is JSON's `null`.
    pub(crate) fn fields<'a>(
        &'a self,
        records: &'a Records<'a>,
        column: usize,
        json: bool,
    ) -> impl ExactSizeIterator<Item = RawField<'a>> + use<'a> {
        let origin = self.positions.get(column);
        let json = json && self.is_json;
        (0..records.len()).map(move |record| match origin? {
            Origin::Nowhere => None,
            Origin::Field(at) => records.field(record, *at).or_else(|| {
                (json && records.has(record, *at)).then_some((b"null".as_slice(), false))
            }),
            Origin::Path(value) => value.as_ref().map(|value| (value.as_bytes(), true)),
        })
    }

    /// One field of the contract's column `column`.
    #[inline]
    pub(crate) fn field<'a>(
        &'a self,
        records: &Records<'a>,
        record: usize,
        column: usize,
    ) -> RawField<'a> {
        match self.positions.get(column)? {
            Origin::Nowhere => None,
            Origin::Field(at) => records.field(record, *at),
            Origin::Path(value) => value.as_ref().map(|value| (value.as_bytes(), true)),
        }
    }

    /// Whether a record of JSON lacks the key of the contract's column `column`.
    fn lacks(&self, records: &Records<'_>, record: usize, column: usize) -> bool {
        match self.positions.get(column) {
            Some(Origin::Field(at)) => !records.has(record, *at),
            _ => false,
        }
    }

    /// How many columns the file has.
    fn width(&self) -> usize {
        let own = self.positions.iter();
        let own = own.filter(|origin| matches!(origin, Origin::Field(_)));
        own.count() + self.extra.len()
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n String>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// It goes on to silver.
    Valid,
    /// It is dropped, as the schema contract asks.
    Discarded,
    /// It breaks the contract's rule of this position.
    Rule(u16),
    /// The value of this column cannot be read.
    Unreadable(u16),
    /// The file lacks this column.
    MissingColumn(u16),
    /// It has a value in a column the contract does not know: the position in [`FileColumns::extra`].
    NewColumn(u16),
    /// It has too few fields.
    ShortRow,
    /// It has too many fields.
    LongRow,
    /// It is longer than allowed.
    OversizedRecord,
    /// It has a quote that does not end.
    UnclosedQuote,
    /// It is not in the declared encoding.
    UndecodableRecord,
    /// It is no JSON, or no object.
    MalformedJson,
}

impl From<Defect> for Verdict {
    fn from(defect: Defect) -> Self {
        match defect {
            Defect::Short => Self::ShortRow,
            Defect::Long => Self::LongRow,
            Defect::Oversized => Self::OversizedRecord,
            Defect::UnclosedQuote => Self::UnclosedQuote,
            Defect::Undecodable => Self::UndecodableRecord,
            Defect::Malformed(_) => Self::MalformedJson,
        }
    }
}

/// A batch, judged.
pub(crate) struct Judged {
    /// One verdict per record.
    pub(crate) verdicts: Vec<Verdict>,
    /// The values of each column that was read.
    pub(crate) typed: Vec<Option<ArrayRef>>,
    /// The unreadable values of each column, by record.
    unreadable: Vec<Vec<(u32, Unreadable)>>,
}

impl Contract {
    /// Judges a batch. Columns that matter for that are read, and those in `also`.
    ///
    /// # Errors
    /// `L1003` if a value is not of its column's type and the contract is frozen against that.
    pub(crate) fn judge(
        &self,
        records: &Records<'_>,
        file: &FileColumns,
        also: &[usize],
    ) -> Result<Judged> {
        let count = self.columns.len();
        let mut typed: Vec<Option<ArrayRef>> = vec![None; count];
        let mut unreadable = vec![Vec::new(); count];
        let mut judged_arrays = Vec::with_capacity(self.predicates.columns.len());
        for (at, column) in self.columns.iter().enumerate() {
            let for_rules = self.predicates.columns.contains(&at);
            if column.is_text() && !for_rules && !also.contains(&at) {
                continue;
            }
            let reading = column.read(
                file.fields(records, at, column.is_variant()),
                &self.texts,
                for_rules,
            )?;
            if for_rules {
                judged_arrays.push(reading.judged);
            }
            if let (Some(array), Some(misses)) = (typed.get_mut(at), unreadable.get_mut(at)) {
                *array = Some(reading.typed);
                *misses = reading.unreadable;
            }
        }
        let mut verdicts = vec![Verdict::Valid; records.len()];
        let mut find = |record: usize, verdict: Verdict| {
            if let Some(found) = verdicts.get_mut(record)
                && *found == Verdict::Valid
            {
                *found = verdict;
            }
        };
        // Without fields there is nothing for rules to judge; too few or too many come after the rules.
        let defects = || {
            let records = records.records().iter().enumerate();
            records.filter_map(|(at, record)| Some((at, record.defect?)))
        };
        for (record, defect) in
            defects().filter(|(_, defect)| !matches!(defect, Defect::Short | Defect::Long))
        {
            find(record, defect.into());
        }
        for (rule, broken) in (0..).zip(self.predicates.evaluate(judged_arrays, records.len())?) {
            broken
                .set_indices()
                .for_each(|record| find(record, Verdict::Rule(rule)));
        }
        for missing in &file.missing {
            if let Some(verdict) = self.absent(*missing) {
                (0..records.len()).for_each(|record| find(record, verdict));
            }
        }
        for column in (0..self.columns.len()).filter(|_| file.is_json) {
            if let Some(verdict) = self.absent(column) {
                (0..records.len())
                    .filter(|record| file.lacks(records, *record, column))
                    .for_each(|record| find(record, verdict));
            }
        }
        self.find_unreadable(records, file, &unreadable, &mut find)?;
        for (record, defect) in defects() {
            find(record, defect.into());
        }
        self.find_new_values(records, file, &mut find);
        Ok(Judged {
            verdicts,
            typed,
            unreadable,
        })
    }

    /// What becomes of a row that lacks the column at `column`, if that is not NULL.
    fn absent(&self, column: usize) -> Option<Verdict> {
        match self.changes.missing_column {
            OnChange::Quarantine => Some(Verdict::MissingColumn(short(column))),
            OnChange::DiscardRow => Some(Verdict::Discarded),
            OnChange::Evolve | OnChange::Freeze | OnChange::DiscardValue => None,
        }
    }

    fn find_unreadable(
        &self,
        records: &Records<'_>,
        file: &FileColumns,
        unreadable: &[Vec<(u32, Unreadable)>],
        find: &mut impl FnMut(usize, Verdict),
    ) -> Result<()> {
        for (at, misses) in unreadable.iter().enumerate() {
            for (record, why) in misses {
                let record = *record as usize;
                match self.changes.type_change {
                    OnChange::Quarantine => find(record, Verdict::Unreadable(short(at))),
                    OnChange::DiscardRow => find(record, Verdict::Discarded),
                    OnChange::Evolve | OnChange::DiscardValue => {}
                    OnChange::Freeze => {
                        let line = records
                            .records()
                            .get(record)
                            .map_or(1, |record| record.line);
                        let line = usize::try_from(line).unwrap_or(usize::MAX);
                        let why = self.unreadable_reason(records, file, record, at, *why);
                        return Err(Error::new(codes::L1003, format!("{why}, and the contract of `{}` is frozen against that", self.name))
                            .at(Place::line(file.name.as_str(), line))
                            .help("set `schema_contract: {type_change: quarantine}` to load the other rows"));
                    }
                }
            }
        }
        Ok(())
    }

    fn find_new_values(
        &self,
        records: &Records<'_>,
        file: &FileColumns,
        find: &mut impl FnMut(usize, Verdict),
    ) {
        let verdict = |extra: usize| match self.changes.new_column {
            OnChange::Quarantine => Some(Verdict::NewColumn(short(extra))),
            OnChange::DiscardRow => Some(Verdict::Discarded),
            OnChange::Evolve | OnChange::Freeze | OnChange::DiscardValue => None,
        };
        for (extra, (position, _)) in file.extra.iter().enumerate() {
            let Some(verdict) = verdict(extra) else {
                return;
            };
            for (record, field) in records.column(*position).enumerate() {
                if field.is_some_and(|(text, quoted)| {
                    !self.texts.contains(text, quoted) && !text.is_empty()
                }) {
                    find(record, verdict);
                }
            }
        }
    }

    /// The name of the rule behind a verdict that sends a record to quarantine; `None` for the others.
    pub(crate) fn rule_name(&self, verdict: Verdict, file: &FileColumns) -> Option<Cow<'_, str>> {
        let column = |at: u16| {
            self.columns
                .get(usize::from(at))
                .map_or("", |column| column.name.as_str())
        };
        Some(match verdict {
            Verdict::Valid | Verdict::Discarded => return None,
            Verdict::Rule(at) => self
                .rules
                .get(usize::from(at))
                .map_or("", |rule| rule.name.as_str())
                .into(),
            Verdict::Unreadable(at) => format!("unreadable_{}", column(at)).into(),
            Verdict::MissingColumn(at) => format!("missing_column_{}", column(at)).into(),
            Verdict::NewColumn(at) => {
                let name = file
                    .extra
                    .get(usize::from(at))
                    .map_or("", |(_, name)| name.as_str());
                format!("new_column_{}", name.to_lowercase()).into()
            }
            Verdict::ShortRow => "short_row".into(),
            Verdict::LongRow => "long_row".into(),
            Verdict::OversizedRecord => "oversized_record".into(),
            Verdict::UnclosedQuote => "unclosed_quote".into(),
            Verdict::UndecodableRecord => "undecodable_record".into(),
            Verdict::MalformedJson => "malformed_json".into(),
        })
    }

    /// The column that a verdict is about, if it is about one.
    pub(crate) fn column_of(&self, verdict: Verdict) -> Option<&str> {
        let at = match verdict {
            Verdict::Unreadable(at) | Verdict::MissingColumn(at) => usize::from(at),
            Verdict::Rule(rule) => match self.predicates.columns_of(usize::from(rule)) {
                [only] => *only,
                _ => return None,
            },
            _ => return None,
        };
        self.columns.get(at).map(|column| column.stored.as_str())
    }

    /// Why the record is in quarantine, in a sentence.
    pub(crate) fn reason(
        &self,
        records: &Records<'_>,
        file: &FileColumns,
        judged: &Judged,
        record: usize,
    ) -> String {
        let fields = records
            .records()
            .get(record)
            .map_or(0, |record| record.fields);
        let width = file.width();
        match judged
            .verdicts
            .get(record)
            .copied()
            .unwrap_or(Verdict::Valid)
        {
            Verdict::Valid | Verdict::Discarded => String::new(),
            Verdict::Rule(rule) => {
                self.rule_reason(records, file, judged, record, usize::from(rule))
            }
            Verdict::Unreadable(at) => {
                let at = usize::from(at);
                let why = why_unreadable(judged, record, at).unwrap_or(Unreadable::NotThis);
                self.unreadable_reason(records, file, record, at, why)
            }
            Verdict::MissingColumn(at) => {
                let name = self
                    .columns
                    .get(usize::from(at))
                    .map_or("", |column| column.name.as_str());
                match file.is_json {
                    true => format!("The record has no key `{name}`"),
                    false => format!("The file has no column `{name}`"),
                }
            }
            Verdict::NewColumn(at) => {
                let (position, name) = file
                    .extra
                    .get(usize::from(at))
                    .map_or((0, ""), |(at, name)| (*at, name));
                let value = records
                    .field(record, position)
                    .map(|(text, _)| String::from_utf8_lossy(text));
                let value = value.unwrap_or_default();
                format!(
                    "The contract has no column `{}`, found `{}`",
                    name.to_lowercase(),
                    reason::shortened(&value)
                )
            }
            Verdict::ShortRow => format!("The row has {fields} of {width} fields"),
            Verdict::LongRow => format!("The row has {fields} fields, the header {width}"),
            Verdict::OversizedRecord => {
                "The record is longer than the stream allows; its raw text is cut".to_owned()
            }
            Verdict::UnclosedQuote => "A quoted field does not end".to_owned(),
            Verdict::UndecodableRecord => "The record is not in the declared encoding".to_owned(),
            Verdict::MalformedJson => malformed_reason(records, record),
        }
    }

    /// The rule's own sentence, and which of the values it looks at could not be read.
    fn rule_reason(
        &self,
        records: &Records<'_>,
        file: &FileColumns,
        judged: &Judged,
        record: usize,
        rule: usize,
    ) -> String {
        let template = self.rules.get(rule).map_or("", |rule| rule.reason.as_str());
        let value = |name: &str| {
            let at = self
                .columns
                .iter()
                .position(|column| column.name.eq_ignore_ascii_case(name))?;
            let (text, quoted) = file.field(records, record, at)?;
            (!self.texts.contains(text, quoted)).then(|| String::from_utf8_lossy(text))
        };
        let mut sentence = reason::fill(template, value);
        for at in self.predicates.columns_of(rule) {
            if let Some(why) = why_unreadable(judged, record, *at) {
                sentence.push_str("; ");
                sentence.push_str(&self.unreadable_reason(records, file, record, *at, why));
            }
        }
        sentence
    }

    fn unreadable_reason(
        &self,
        records: &Records<'_>,
        file: &FileColumns,
        record: usize,
        at: usize,
        why: Unreadable,
    ) -> String {
        let Some(column) = self.columns.get(at) else {
            return String::new();
        };
        let text = file
            .field(records, record, at)
            .map_or(&[][..], |(text, _)| text);
        let text = String::from_utf8_lossy(text);
        format!(
            "{} `{}` {}",
            reason::spoken(&column.name),
            reason::shortened(&text),
            column.complaint(why)
        )
    }
}

/// Where the record stops being JSON, and why: in the record and in the file's text.
fn malformed_reason(records: &Records<'_>, record: usize) -> String {
    let found = records.records().get(record);
    let Some((offset, Some(Defect::Malformed(why)))) =
        found.map(|found| (found.offset, found.defect))
    else {
        return "The record is not valid JSON".to_owned();
    };
    let byte = offset + u64::from(why.at);
    format!(
        "The record is not a JSON object: {} at character {} (byte {byte} of the file)",
        why.why,
        why.at + 1
    )
}

fn why_unreadable(judged: &Judged, record: usize, column: usize) -> Option<Unreadable> {
    let misses = judged.unreadable.get(column)?;
    let record = u32::try_from(record).ok()?;
    let at = misses
        .binary_search_by_key(&record, |(record, _)| *record)
        .ok()?;
    misses.get(at).map(|(_, why)| *why)
}

/// A contract has far fewer than 65,536 columns or rules.
fn short(position: usize) -> u16 {
    u16::try_from(position).unwrap_or(u16::MAX)
}
