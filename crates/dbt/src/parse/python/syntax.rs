//! Whether the code of a Python model can be read as Python: asked of the Python that will run it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use diagnostic::{Error, Result, Source, codes};

use crate::context::ProjectContext;
use crate::node::Node;

/// Names a Python for all models.
const PYTHON: &str = "SLUICE_PYTHON";

/// Reads stdin as a module, and says where and why that fails.
const READER: &str = "import ast, sys\ntry:\n    ast.parse(sys.stdin.buffer.read())\n\
                      except SyntaxError as error:\n    \
                      print(error.lineno or 1, error.offset or 1, error.msg, sep='\\n')\n";

/// The Python that runs `node`: its setting `python`, relative to the project, then `SLUICE_PYTHON`, then
/// `python3`.
#[must_use]
pub fn interpreter(project: &ProjectContext, node: &Node) -> PathBuf {
    let set = node.config.text("python").map(|path| {
        let own = project.root.root.join(path);
        // A plain word is a program of the PATH.
        match path.contains(std::path::MAIN_SEPARATOR) {
            true => own,
            false => PathBuf::from(path),
        }
    });
    let environment = || project.flags.environment.get(PYTHON).map(PathBuf::from);
    set.or_else(environment)
        .unwrap_or_else(|| PathBuf::from("python3"))
}

/// Refuses code that is no Python, as dbt does. Where there is no Python to be asked, the model says so when it
/// runs.
///
/// # Errors
/// `D1051` at what cannot be read.
pub fn refuse_broken(project: &ProjectContext, node: &Node, source: &Source) -> Result<()> {
    let Some(said) = asked(&interpreter(project, node), &source.text) else {
        return Ok(());
    };
    let mut lines = said.lines();
    let mut number = || lines.next()?.parse::<usize>().ok();
    let (Some(line), Some(column)) = (number(), number()) else {
        return Ok(());
    };
    let why = lines.next().unwrap_or("it cannot be read");
    let message = format!("The code of `{}` is no Python: {why}", node.name);
    let start = offset(&source.text, line, column);
    Err(Error::new(codes::D1051, message).at(source.place(start..start)))
}

/// What the reader says about `code`; nothing where it cannot be asked.
fn asked(python: &std::path::Path, code: &str) -> Option<String> {
    let mut reader = Command::new(python)
        .args(["-I", "-S", "-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    if let Some(mut input) = reader.stdin.take() {
        // A reader that has ended early says nothing.
        let _unread = input.write_all(code.as_bytes());
    }
    let done = reader.wait_with_output().ok()?;
    done.status
        .success()
        .then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Where the character at `line` and `column`, both from 1, is in `text`.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before = text.split_inclusive('\n').take(line.saturating_sub(1));
    let start: usize = before.map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default();
    let within = line.char_indices().nth(column.saturating_sub(1));
    start + within.map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn places_are_lines_and_characters() {
        assert_eq!(offset("ä = 1\nö b\n", 2, 3), "ä = 1\nö ".len());
        assert_eq!(offset("a\nb", 2, 9), 3);
    }
}
