//! Matching a file's header with the columns a contract expects, by normalised name.

use diagnostic::{Error, Place, Result, codes};

/// Delimiters that people use, tried when the declared one does not fit.
const DELIMITERS: &[(char, &str)] = &[
    (',', "a comma"),
    (';', "a semicolon"),
    ('\t', "a tab"),
    ('|', "a bar"),
    (':', "a colon"),
    ('^', "a caret"),
    ('\u{1}', "the control character 1"),
];

/// The name by which columns are compared: lower case, every run of other characters one underscore.
/// `Sub-Category`, `sub category` and `SUB_CATEGORY` are all `sub_category`.
#[must_use]
pub fn normalise(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() {
            normal.extend(c.to_lowercase());
        } else if !normal.is_empty() && !normal.ends_with('_') {
            normal.push('_');
        }
    }
    normal.truncate(normal.trim_end_matches('_').len());
    normal
}

/// Which column of a file is which column of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMap {
    /// For each expected column, its position in the file, if the file has it.
    pub columns: Vec<Option<usize>>,
    /// Expected columns that the file lacks.
    pub missing: Vec<String>,
    /// Columns that nobody expects: position and normalised name, in the order of the file.
    pub unknown: Vec<(usize, String)>,
}

/// Maps the header of the file called `file` to the `expected` columns (normalised names).
///
/// # Errors
/// `F3002` if another delimiter than the declared one gives the expected columns, `F3003` if a column stands
/// twice in the header, `F3004` if it has none of the expected columns.
pub fn map(
    file: &str,
    header: &[String],
    header_line: &str,
    delimiter: u8,
    expected: &[String],
) -> Result<HeaderMap> {
    let names = normalised(header);
    let found = expected.iter().filter(|name| names.contains(name)).count();
    check_delimiter(file, header_line, delimiter, expected, found)?;
    map_names(file, header, Some(1), expected)
}

/// Maps the columns of the file called `file` to the `expected` ones (normalised names). `line` is where the
/// file names them, if it is a line.
///
/// # Errors
/// `F3003` if a column stands twice, `F3004` if there is none of the expected columns.
pub fn map_names(
    file: &str,
    header: &[String],
    line: Option<usize>,
    expected: &[String],
) -> Result<HeaderMap> {
    let names = normalised(header);
    let columns: Vec<Option<usize>> = expected
        .iter()
        .map(|column| names.iter().position(|name| name == column))
        .collect();
    check_duplicates(file, header, &names, line)?;
    if columns.iter().all(Option::is_none) {
        let what = match line {
            Some(1) => "The first line of".to_owned(),
            Some(line) => format!("Row {line} of"),
            None => "The schema of".to_owned(),
        };
        let error = Error::new(
            codes::F3004,
            format!(
                "{what} `{file}` names none of the {} expected columns",
                expected.len()
            ),
        );
        return Err(placed(error, file, line)
            .with("found", quoted(header))
            .with("expected", quoted(expected))
            .help(match line {
                Some(_) => "the first line of a file must be its header; check that the file belongs to this stream",
                None => "check that the file belongs to this stream",
            }));
    }
    let missing = expected
        .iter()
        .zip(&columns)
        .filter(|(_, at)| at.is_none())
        .map(|(column, _)| column.clone())
        .collect();
    let unknown = names
        .into_iter()
        .enumerate()
        .filter(|(_, name)| !expected.contains(name))
        .collect();
    Ok(HeaderMap {
        columns,
        missing,
        unknown,
    })
}

fn normalised(header: &[String]) -> Vec<String> {
    let names = header.iter().enumerate();
    names
        .map(|(at, name)| match normalise(name) {
            normal if normal.is_empty() => format!("column_{}", at + 1),
            normal => normal,
        })
        .collect()
}

fn placed(error: Error, file: &str, line: Option<usize>) -> Error {
    match line {
        Some(line) => error.at(Place::line(file, line)),
        None => error.with("file", file),
    }
}

fn check_delimiter(
    file: &str,
    header_line: &str,
    delimiter: u8,
    expected: &[String],
    found: usize,
) -> Result<()> {
    let matches = |other: char| {
        let mut names: Vec<String> = header_line
            .split(other)
            .map(|name| normalise(name.trim_matches('"')))
            .filter(|name| expected.contains(name))
            .collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    };
    let best = DELIMITERS
        .iter()
        .filter(|(other, _)| *other != char::from(delimiter))
        .map(|(other, what)| (matches(*other), *other, *what))
        .max_by_key(|(count, ..)| *count);
    // A second column of many is found by chance; most of them are not.
    let Some((count, other, what)) = best else {
        return Ok(());
    };
    if count <= found || count < 2 || count * 2 < expected.len() {
        return Ok(());
    }
    let declared = char::from(delimiter);
    Err(Error::new(
        codes::F3002,
        format!(
            "`{file}` is not separated by `{}`: its header fits {what}",
            declared.escape_default()
        ),
    )
    .at(Place::line(file, 1))
    .with("header", header_line.chars().take(200).collect::<String>())
    .help(format!(
        "set `delimiter: \"{}\"` for a stream of such files, or have this one delivered as agreed",
        other.escape_default()
    )))
}

fn check_duplicates(
    file: &str,
    header: &[String],
    names: &[String],
    line: Option<usize>,
) -> Result<()> {
    let twice = names.iter().enumerate().find_map(|(at, name)| {
        let first = names.iter().position(|other| other == name)?;
        (first < at).then_some((first, at))
    });
    let Some((first, at)) = twice else {
        return Ok(());
    };
    let spelled = |at: usize| header.get(at).map_or("", String::as_str);
    let error = Error::new(
        codes::F3003,
        format!(
            "The header of `{file}` names a column twice: `{}` (column {}) and `{}` (column {})",
            spelled(first),
            first + 1,
            spelled(at),
            at + 1
        ),
    );
    Err(placed(error, file, line))
}

fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(12)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = if names.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    shown.join(", ") + more
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{HeaderMap, map, normalise};

    fn run(line: &str, delimiter: u8) -> diagnostic::Result<HeaderMap> {
        let header: Vec<String> = line
            .split(char::from(delimiter))
            .map(str::to_owned)
            .collect();
        let expected = ["row_id", "sub_category", "sales"].map(str::to_owned);
        map("a.csv", &header, line, delimiter, &expected)
    }

    #[test]
    fn names_are_compared_normalised() {
        assert_eq!(normalise("  Sub-Category "), "sub_category");
        assert_eq!(normalise("Größe (cm)"), "größe_cm");
        let found = run("Sales,ROW ID,Colour,sub category", b',').unwrap();
        assert_eq!(found.columns, [Some(1), Some(3), Some(0)]);
        assert_eq!(found.unknown, [(2, "colour".to_owned())]);
        assert!(found.missing.is_empty());
        assert_eq!(run("sales,row_id", b',').unwrap().missing, ["sub_category"]);
    }

    #[test]
    fn says_what_is_wrong_with_a_header() {
        let code = |line| run(line, b',').unwrap_err().code().id;
        assert_eq!(code("Row ID;Sub-Category;Sales"), "F3002");
        assert_eq!(code("Row ID,Sales,row_id"), "F3003");
        assert_eq!(code("1,Chairs,17.5"), "F3004");
        let text = run("Row ID;Sub-Category;Sales", b',')
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("a.csv") && text.contains("semicolon"),
            "{text}"
        );
    }
}
