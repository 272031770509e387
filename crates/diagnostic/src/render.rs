//! Writes an error for people (as a compiler would) and for machines (as JSON).

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

use crate::Error;

/// How text output is decorated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// No escape sequences.
    Plain,
    /// ANSI colours.
    Colour,
}

impl Error {
    /// The error as text, with its causes and the other errors of the same pass.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        text(self, style)
    }
}

pub(crate) fn text(error: &Error, style: Style) -> String {
    let mut out = String::new();
    one(error, style, &mut out);
    for other in error.others() {
        out.push_str("\n\n");
        out.push_str(&text(other, style));
    }
    out
}

fn one(error: &Error, style: Style, out: &mut String) {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    let title = Level::ERROR
        .primary_title(error.message())
        .id(error.code().id);
    let mut report = annotate_snippets::Group::with_title(title);
    if let Some(place) = error.place()
        && let Some((source, range)) = &place.excerpt
    {
        let snippet = Snippet::source(source.text.as_ref())
            .path(source.name.as_ref())
            .annotation(AnnotationKind::Primary.span(range.clone()));
        report = report.element(snippet);
    }
    out.push_str(&renderer.render(&[report]));
    if let Some(place) = error.place()
        && place.excerpt.is_none()
    {
        let _ = write!(out, "\n  --> {}:{}", place.file, place.line);
    }
    for (key, value) in error.context() {
        let _ = write!(out, "\n  {key}: {value}");
    }
    for cause in error.causes() {
        let cause = cause.replace('\n', "\n    ");
        let _ = write!(out, "\n  because: {cause}");
    }
    if let Some(help) = error.remedy() {
        let _ = write!(out, "\nhelp: {help}");
    }
}

pub(crate) fn json(error: &Error) -> Value {
    let context: serde_json::Map<String, Value> = error
        .context()
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    json!({
        "code": error.code().id,
        "class": error.class().name(),
        "message": error.message(),
        "file": error.place().map(|p| p.file.as_ref()),
        "line": error.place().map(|p| p.line),
        "column": error.place().map(|p| p.column),
        "context": context,
        "help": error.remedy(),
        "causes": error.causes(),
        "others": error.others().iter().map(json_of).collect::<Vec<_>>(),
    })
}

fn json_of(error: &Error) -> Value {
    json(error)
}

#[cfg(test)]
mod tests {
    use crate::{Error, Source, codes};

    #[test]
    fn reads_like_a_letter() {
        let source = Source::new("models/a.sql", "select 1\nfrom {{ ref('stg_order') }}\n");
        let error = Error::new(
            codes::C0001,
            "Model `a` refers to `stg_order`, which does not exist",
        )
        .at(source.place(21..30))
        .with("model", "a")
        .suggest("stg_order", ["stg_orders"]);
        assert_eq!(
            error.to_string(),
            "error[C0001]: Model `a` refers to `stg_order`, which does not exist\n \
             --> models/a.sql:2:13\n  |\n2 | from {{ ref('stg_order') }}\n  |             ^^^^^^^^^\n  \
             model: a\nhelp: a similar name exists: `stg_orders`"
        );
        assert_eq!(error.to_json()["line"], 2);
    }
}
