//! `--select` and `--exclude`, as several commands take them.

use asset::Selection;
use clap::Args;

/// Which assets.
#[derive(Clone, Debug, Default, Args)]
pub struct SelectionArguments {
    /// Only these: names, `+name+`, `tag:`, `kind:`, `group:`; blanks unite, commas intersect
    #[arg(short, long, value_name = "SELECTOR", num_args = 1..)]
    pub select: Vec<String>,
    /// Not these
    #[arg(long, value_name = "SELECTOR", num_args = 1..)]
    pub exclude: Vec<String>,
}

impl From<&SelectionArguments> for Selection {
    fn from(arguments: &SelectionArguments) -> Self {
        Self {
            select: arguments.select.clone(),
            exclude: arguments.exclude.clone(),
        }
    }
}
