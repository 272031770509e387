//! [`group`]: which files of a folder belong to one stream, by their paths.

use indexmap::IndexMap;

/// Files that may be one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// A name for the stream.
    pub(super) name: String,
    /// The pattern that matches its files.
    pub(super) pattern: String,
    /// The folder part of the pattern, for groups that turn out to hold the same columns.
    pub(super) folder: String,
    /// The end of the names: `.csv`, or `.csv*` if some are packed.
    pub(super) ending: String,
    /// The part of the path that orders drops.
    pub(super) batch: Option<String>,
    /// Its files.
    pub(super) files: Vec<String>,
}

/// Endings of files that can be read as rows.
const ENDINGS: &[&str] = &[
    ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".avro", ".xlsx", ".xlsb",
    ".xls", ".xlsm", ".ods",
];

const PACKINGS: &[&str] = &[".gz", ".zst", ".zstd", ".bz2", ".xz"];

/// Words that say nothing of what a file holds.
const GENERAL: &[&str] = &[
    "part", "data", "file", "export", "chunk", "run", "batch", "output", "c000",
];

/// Files whose paths differ in numbers, dates and ids only.
#[derive(Default)]
struct Alike<'a> {
    files: Vec<String>,
    packings: Vec<&'a str>,
    folders: Vec<Vec<&'a str>>,
}

/// Sorts `names`, paths with `/`, into groups; what cannot be read as rows comes second.
pub(super) fn group(source: &str, names: &[String]) -> (Vec<Group>, Vec<String>) {
    let mut groups: IndexMap<(String, String, &str), Alike<'_>> = IndexMap::new();
    let mut others = Vec::new();
    for name in names {
        let Some((stem, ending, packing)) = take_apart(name) else {
            others.push(name.clone());
            continue;
        };
        let (folder, stem) = stem.rsplit_once('/').unwrap_or(("", stem));
        let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        let template: Vec<String> = parts.iter().map(|part| folder_template(part)).collect();
        let key = (template.join("/"), stem_template(stem), ending);
        let entry = groups.entry(key).or_default();
        entry.files.push(name.clone());
        entry.packings.push(packing);
        entry.folders.push(parts);
    }
    let groups = groups.into_iter().map(|((folder, stem, ending), alike)| {
        let Alike {
            files,
            packings,
            folders: parts,
        } = alike;
        let first = packings.first().copied().unwrap_or_default();
        let ending = match packings.iter().all(|packing| *packing == first) {
            true => format!("{ending}{first}"),
            false => format!("{ending}*"),
        };
        let (folder, batch) = placeholders(&folder, &parts);
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        Group {
            name: stream_name(source, &folder, &stem),
            pattern: format!("{prefix}{stem}{ending}"),
            folder: prefix,
            ending,
            batch,
            files,
        }
    });
    (groups.collect(), others)
}

/// A path without its ending, the ending, and the packing behind it.
fn take_apart(name: &str) -> Option<(&str, &'static str, &'static str)> {
    let lower = name.to_ascii_lowercase();
    let packing = PACKINGS.iter().find(|packing| lower.ends_with(**packing));
    let packing = packing.copied().unwrap_or_default();
    let plain = name.get(..name.len() - packing.len())?;
    let ending = ENDINGS.iter().find(|ending| {
        lower
            .strip_suffix(packing)
            .is_some_and(|lower| lower.ends_with(**ending))
    })?;
    // Patterns tell upper from lower case.
    if !name.ends_with(&format!("{ending}{packing}")) {
        return None;
    }
    Some((plain.strip_suffix(ending)?, ending, packing))
}

/// A folder's name with `*` where drops differ.
fn folder_template(part: &str) -> String {
    if let Some((key, _)) = part.split_once('=') {
        return format!("{key}=*");
    }
    match is_variable(part) || is_date(part) {
        true => "*".to_owned(),
        false => escaped(part),
    }
}

fn is_date(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    digits >= 6
        && part
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'T' | b':'))
}

/// Whether a word is a number, a date or an id.
fn is_variable(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return false;
    }
    let all = |allowed: fn(&u8) -> bool| word.bytes().all(|byte| allowed(&byte));
    all(u8::is_ascii_digit)
        || (word.len() >= 8 && all(u8::is_ascii_hexdigit))
        || all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z'))
}

/// A file's name without its ending, with `*` in the place of numbers, dates and ids.
fn stem_template(stem: &str) -> String {
    let is_separator = |c: char| matches!(c, '-' | '_' | '.' | ' ');
    let mut template = String::new();
    let mut rest = stem;
    while !rest.is_empty() {
        let word_end = rest.find(is_separator).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(word_end);
        let gap = behind.find(|c| !is_separator(c)).unwrap_or(behind.len());
        let (separators, next) = behind.split_at(gap);
        if is_variable(word) {
            if !template.ends_with('*') {
                template.push('*');
            }
            // What separates numbers from each other goes with them.
            let next_word = next.split(is_separator).next().unwrap_or_default();
            if !is_variable(next_word) {
                template.push_str(&escaped(separators));
            }
        } else {
            template.push_str(&escaped(word));
            template.push_str(&escaped(separators));
        }
        rest = next;
    }
    template
}

/// Letters that mean something in patterns stand for any one letter.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| {
            if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\') {
                '?'
            } else {
                c
            }
        })
        .collect()
}

/// Names the parts of the folder that are dates: the one that orders drops, or year, month and day.
fn placeholders(folder: &str, parts: &[Vec<&str>]) -> (String, Option<String>) {
    let mut names: Vec<String> = folder.split('/').map(str::to_owned).collect();
    let values = |at: usize| parts.iter().filter_map(move |parts| parts.get(at).copied());
    let all = |at: usize, is: &dyn Fn(&str) -> bool| values(at).all(is);
    let digits = |count: usize| {
        move |text: &str| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    for at in 0..names.len() {
        let Some(name) = names.get(at).cloned() else {
            continue;
        };
        if let Some(key) = name.strip_suffix("=*") {
            let value = |part: &str| {
                part.split_once('=')
                    .is_some_and(|(_, value)| is_date(value))
            };
            if all(at, &value) {
                return (names.join("/"), Some(key.to_owned()));
            }
        } else if name == "*" && all(at, &is_date) {
            if let Some(name) = names.get_mut(at) {
                "{date}".clone_into(name);
            }
            return (names.join("/"), Some("date".to_owned()));
        } else if name == "*" && all(at, &digits(4)) && at + 1 < names.len() {
            let rest = [("{year}", 4), ("{month}", 2), ("{day}", 2)];
            for (offset, (placeholder, count)) in rest.iter().enumerate() {
                let place = at + offset;
                let fits = all(place, &digits(*count));
                match names.get_mut(place) {
                    Some(name) if name == "*" && fits => (*placeholder).clone_into(name),
                    _ => break,
                }
            }
            return (names.join("/"), None);
        }
    }
    (names.join("/"), None)
}

/// What the files are called, or their folder, or the source.
fn stream_name(source: &str, folder: &str, stem: &str) -> String {
    let words = |text: &str, shortest: usize| {
        let plain = connectors::files::header::normalise(&text.replace('*', " "));
        let mut words = plain.split('_');
        let said = words.any(|word| word.len() >= shortest && !GENERAL.contains(&word));
        let is_name = plain.starts_with(|c: char| c.is_ascii_alphabetic()) && plain.is_ascii();
        (said && is_name).then_some(plain)
    };
    let folders = folder.split('/').rev();
    let mut folders = folders.filter(|part| !part.contains(['*', '{', '=']));
    // One letter says too little.
    words(stem, 2)
        .or_else(|| folders.find_map(|folder| words(folder, 1)))
        .unwrap_or_else(|| source.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::group;

    fn grouped(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let (groups, others) = group("shop", &names);
        let mut shown: Vec<String> = groups
            .iter()
            .map(|group| {
                let batch = group.batch.as_deref().unwrap_or("-");
                format!(
                    "{} {} {batch} {}",
                    group.name,
                    group.pattern,
                    group.files.len()
                )
            })
            .collect();
        shown.extend(others.iter().map(|other| format!("? {other}")));
        shown
    }

    #[test]
    fn files_of_one_shape_are_one_stream() {
        assert_eq!(
            grouped(&[
                "orders-2026-08-01.csv",
                "orders-2026-08-02.csv.gz",
                "customers.csv",
                "README.md",
                "export 20260801T1200.json",
            ]),
            [
                "orders orders-*.csv* - 2",
                "customers customers.csv - 1",
                "export export *.json - 1",
                "? README.md"
            ]
            .map(|line| line.replace("export export", "shop export"))
        );
        assert_eq!(
            grouped(&[
                "run_date=2026-08-01/a/part-0001.parquet",
                "run_date=2026-08-02/a/part-00012.parquet"
            ]),
            ["a run_date=*/a/part-*.parquet run_date 2"]
        );
        assert_eq!(
            grouped(&[
                "orders/2026/08/01/0001.jsonl.zst",
                "orders/2026/08/02/0001.jsonl.zst"
            ]),
            ["orders orders/{year}/{month}/{day}/*.jsonl.zst - 2"]
        );
        assert_eq!(
            grouped(&[
                "events/2026-08-01/3f2a9b7c1d.avro",
                "events/2026-08-02/00af9b7c1d.avro"
            ]),
            ["events events/{date}/*.avro date 2"]
        );
        assert_eq!(
            grouped(&["region=eu/x.csv", "region=us/x.csv"]),
            ["shop region=*/x.csv - 2"]
        );
        assert_eq!(
            grouped(&["Q1 sales (2).csv"]),
            ["q1_sales_2 Q1 sales (2).csv - 1"]
        );
    }
}
