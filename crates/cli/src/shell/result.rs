//! [`View`]: how the shell shows a statement's outcome, through a pager if it is long.

use std::io::Write as _;
use std::process::{Command, Stdio};

use diagnostic::Result;
use engine::Outcome;
use futures::TryStreamExt as _;

use super::editor::terminal_size;
use super::progress::Progress;
use crate::output;
use crate::query_output::{Form, QueryFormat, format_batches, write_outcome};

/// How rows are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) format: QueryFormat,
    pub(super) expanded: bool,
    pub(super) quiet: bool,
}

impl View {
    pub(super) async fn show(&self, outcome: Outcome, progress: &Progress) -> Result<()> {
        let rows = match outcome {
            Outcome::Rows(rows) => rows,
            other => {
                progress.clear();
                return write_outcome(other, self.format, self.quiet).await;
            }
        };
        let schema = rows.schema;
        let mut batches = rows.batches;
        let mut all = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            progress.rows(batch.num_rows());
            all.push(batch);
        }
        let form = match (self.format, self.expanded) {
            (QueryFormat::Table, true) => Form::Expanded,
            (QueryFormat::Table, false) => Form::Shell,
            (format, _) => Form::Format(format),
        };
        let text = format_batches(&schema, &all, form)?;
        progress.clear();
        write(&text)
    }
}

/// Writes `text`, through the pager if it does not fit on the screen.
fn write(text: &str) -> Result<()> {
    let shown = match anstream::AutoStream::choice(&std::io::stdout()) {
        anstream::ColorChoice::Never => anstream::adapter::strip_str(text).to_string(),
        _ => text.to_owned(),
    };
    let size = terminal_size();
    let fits = size.is_none_or(|(width, height)| {
        let wide = shown.lines().any(|line| {
            anstream::adapter::strip_str(line)
                .to_string()
                .chars()
                .count()
                > width
        });
        shown.lines().count() < height && !wide
    });
    if !fits && page(&shown) {
        return Ok(());
    }
    output::line(shown.trim_end_matches('\n'))
}

/// Whether a pager showed `text`. `PAGER` names it; an empty one means none.
fn page(text: &str) -> bool {
    let (command, flags) = match std::env::var("PAGER") {
        Ok(pager) if pager.trim().is_empty() => return false,
        Ok(pager) => (pager, None),
        // Lines stay whole, colours too, and short texts do not take the screen.
        Err(_) => ("less".to_owned(), Some("-SRFX")),
    };
    let mut pager = match flags {
        Some(flags) => {
            let mut less = Command::new(&command);
            less.arg(flags);
            less
        }
        None => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &command]);
            shell
        }
    };
    let Ok(mut child) = pager.stdin(Stdio::piped()).spawn() else {
        return false;
    };
    if let Some(mut stdin) = child.stdin.take() {
        // Who leaves the pager early wants no more.
        let _left = stdin.write_all(text.as_bytes());
    }
    // Where a pager is missing the shell says so with 127, and the text is written without it.
    child.wait().is_ok_and(|status| status.code() != Some(127))
}
