//! `sluice explain [CODE]`: the page of an error code, or the list of all codes.

use anstyle::{AnsiColor, Style};
use clap::Args;
use diagnostic::{Error, Result, codes};

use crate::commands::Exit;
use crate::output;

/// The code.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The code in an error's brackets, for example D1004; without it, all codes are listed
    code: Option<String>,
}

/// Shows the page.
pub fn explain(arguments: &Arguments) -> Result<Exit> {
    let Some(wanted) = &arguments.code else {
        for code in codes::all() {
            output::line(&format!("{}  {}", code.id, code.title))?;
        }
        return Ok(Exit::Done);
    };
    // People paste what they see: `error[D1004]:`.
    let bare = wanted
        .trim_start_matches("error")
        .trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let Some(code) = codes::find(bare) else {
        let known = codes::all().map(|code| code.id);
        return Err(
            Error::new(codes::C0011, format!("No error has the code `{wanted}`"))
                .suggest(bare, known)
                .help("`sluice explain` without a code lists them all"),
        );
    };
    for line in code.page.trim_end().lines() {
        output::styled_line(&markdown_line(line))?;
    }
    Ok(Exit::Done)
}

/// Headings, bold words and code of a Markdown line, in colour.
fn markdown_line(line: &str) -> String {
    let bold = Style::new().bold();
    let code = AnsiColor::Cyan.on_default();
    if let Some(heading) = line.strip_prefix('#') {
        return format!("{bold}{}{bold:#}", heading.trim_start_matches('#').trim());
    }
    let mut styled = String::with_capacity(line.len());
    for (at, part) in line.split('`').enumerate() {
        match at % 2 {
            0 => styled.push_str(&part.replace("**", "")),
            _ => styled.push_str(&format!("{code}`{part}`{code:#}")),
        }
    }
    styled
}
