//! What a failed node says: in dbt's words first, then where it is and what to do.

use diagnostic::{Error, Style};

use crate::node::Node;

/// The `message` of a node that failed by `error` on a database of `kind`, as dbt begins it:
/// `Database Error in model orders (models/orders.sql)`. Code, place and remedy stand below.
#[must_use]
pub fn failure(node: &Node, kind: &str, error: &Error) -> String {
    let (resource, name) = (node.resource_type.name(), &node.name);
    let what = format!("{resource} {name} ({})", node.original_file_path);
    told(&what, kind, error)
}

/// The `message` of an operation that failed by `error` on a database of `kind`.
#[must_use]
pub fn operation_failure(kind: &str, error: &Error) -> String {
    below(format!("{} Error", family(kind, error)), error)
}

/// The `message` of the hook `name` that failed by `error`.
#[must_use]
pub fn hook_failure(name: &str, error: &Error) -> String {
    let text = format!("{name} failed, error:\n {}", error.message());
    detailed(text, error)
}

/// How dbt begins to tell that a command cannot start because of `error`:
/// `Compilation Error in model orders (models/orders.sql)`.
#[must_use]
pub fn heading(error: &Error) -> String {
    let family = match error.code().id {
        "D1031" | "D1041" | "D1051" => "Parsing",
        "D1004" | "D1005" | "D1006" | "D1007" | "D1009" | "D1052" => "Compilation",
        id if id.starts_with('J') || id.starts_with("D2") => "Compilation",
        id if id.starts_with('C') => "Parsing",
        id if id.starts_with('X') => "Internal",
        _ => "Runtime",
    };
    let context = |wanted: &str| {
        let found = error.context().iter().find(|(key, _)| *key == wanted);
        found.map(|(_, value)| value.as_str())
    };
    let mut text = format!("{family} Error");
    let mut id = context("node").into_iter().flat_map(|id| id.split('.'));
    if let (Some(resource), Some(name)) = (id.next(), id.nth(1)) {
        text.push_str(&format!(" in {resource} {name}"));
        let file = error.place().map(|place| &*place.file);
        if let Some(file) = file.or(context("file")) {
            text.push_str(&format!(" ({file})"));
        }
    }
    text
}

fn told(what: &str, kind: &str, error: &Error) -> String {
    below(format!("{} Error in {what}", family(kind, error)), error)
}

/// `text` with what `error` says below.
fn below(mut text: String, error: &Error) -> String {
    for line in error.message().lines() {
        text.push_str("\n  ");
        text.push_str(line);
    }
    detailed(text, error)
}

/// `text`, which tells what `error` says, with its code, place and remedy below.
fn detailed(mut text: String, error: &Error) -> String {
    text.push_str(&format!("\n  error[{}]", error.code().id));
    // The title is told already.
    let rendered = error.render(Style::Plain);
    for line in rendered.lines().skip(error.message().lines().count()) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

/// dbt's word for such errors. dbt-duckdb raises what its database says as runtime errors.
fn family(kind: &str, error: &Error) -> &'static str {
    let id = error.code().id;
    // Rows that break a constraint are found by the database.
    let of_rows = error.context().iter().any(|(key, _)| *key == "rows");
    let of_code = match id.as_bytes() {
        [b'C' | b'D' | b'J', ..] => true,
        [b'T', b'1', ..] => !matches!(id, "T1009" | "T1010") && !of_rows,
        _ => false,
    };
    match (of_code, kind) {
        _ if id.starts_with('X') => "Internal",
        (true, _) => "Compilation",
        (false, "duckdb") => "Runtime",
        (false, _) => "Database",
    }
}

#[cfg(test)]
mod tests {
    use diagnostic::{Error, Source, codes};

    use super::{heading, told};

    #[test]
    fn what_failed_is_told_in_dbts_words_and_then_in_detail() {
        let source = Source::new("models/a.sql", "select * from b");
        let missing = || {
            Error::new(codes::K3001, "Relation `B` does not exist")
                .at(source.place(14..15))
                .help("`show tables` lists what exists")
        };
        assert_eq!(
            told("model a (models/a.sql)", "snowflake", &missing()),
            "Database Error in model a (models/a.sql)\n  Relation `B` does not exist\n  error[K3001]\n   \
             --> models/a.sql:1:15\n    |\n  1 | select * from b\n    |               ^\n  \
             help: `show tables` lists what exists"
        );
        assert!(
            told("model a (models/a.sql)", "duckdb", &missing())
                .starts_with("Runtime Error in model a")
        );
    }

    #[test]
    fn what_cannot_start_is_told_by_its_family_and_node() {
        let raised = Error::new(codes::D2003, "no good").with("node", "test.p.a.0123456789");
        assert_eq!(heading(&raised), "Compilation Error in test a");
        let source = Source::new("models/a.sql", "select 1");
        let raised = Error::new(codes::J2001, "`b` is undefined").at(source.place(0..1));
        assert_eq!(heading(&raised), "Compilation Error");
        let raised = raised.with("node", "model.p.a");
        assert_eq!(
            heading(&raised),
            "Compilation Error in model a (models/a.sql)"
        );
    }

    #[test]
    fn a_message_of_several_lines_is_told_once() {
        let raised = Error::new(codes::D2003, "no\ngood").with("node", "model.p.a");
        assert_eq!(
            told("model a (models/a.sql)", "snowflake", &raised),
            "Compilation Error in model a (models/a.sql)\n  no\n  good\n  error[D2003]\n    node: model.p.a"
        );
    }
}
