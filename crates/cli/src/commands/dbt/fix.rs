//! `sluice dbt fix`: rewrites deprecated forms of the project's files.

use dbt::fix::{self, FixedFile};
use dbt::flags::Flags;
use dbt::load::Project;
use diagnostic::Result;

use super::command_line::DbtLine;
use super::invocation::{flags, platform};
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::output;

/// Rewrites what is deprecated, or only shows how.
pub fn fix(globals: &Globals, line: &DbtLine, dry_run: bool) -> Result<Exit> {
    let platform = platform(globals, line)?;
    let folder = platform.dbt_folder()?;
    // Both projects are read from their files, whatever an earlier parse left.
    let flags = Flags {
        parse_cache: false,
        ..flags(&platform, line)?
    };
    let before = Project::load(folder, flags.clone())?;
    let files = fix::fixes(&before)?;
    if files.is_empty() {
        output::line("Nothing to rewrite.")?;
        return left(&before);
    }
    if dry_run {
        for file in &files {
            let diff = fix::diff::unified(&file.shown, &file.before, &file.after);
            output::line(diff.trim_end())?;
        }
        return Ok(Exit::Done);
    }
    fix::write(&files)?;
    let after = Project::load(folder, flags).and_then(|after| {
        fix::same(&before, &after)?;
        Ok(after)
    });
    match after {
        Ok(after) => {
            files.iter().try_for_each(tell)?;
            left(&after)
        }
        Err(error) => match fix::restore(&files) {
            Ok(()) => Err(error),
            Err(other) => Err(error.and(other)),
        },
    }
}

fn tell(file: &FixedFile) -> Result<()> {
    output::line(&format!("Rewrote {}", file.shown))?;
    for (event, what) in &file.changes {
        output::line(&format!("  {what}  [{event}]"))?;
    }
    Ok(())
}

/// What the project is still warned of, which somebody has to decide.
fn left(project: &Project) -> Result<Exit> {
    for warning in &project.warnings.list {
        output::line(&format!("Left: {warning}  [{}]", warning.event))?;
    }
    Ok(Exit::Done)
}
