//! `sluice lifecycle`: rules for how long files are kept, written out for buckets and applied to folders.

use clap::{Args, Subcommand, ValueEnum};
use diagnostic::Result;
use platform::bucket_rules;
use serde_json::json;

use crate::arguments::{Globals, LogFormat};
use crate::commands::{Exit, open_platform, open_project};
use crate::display::human;
use crate::output;

/// What to do with the rules.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the rules.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Write the rules for buckets as S3's API or Terraform takes them
    Emit {
        /// The form
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Remove what has expired of the raw zone, which is a folder
    Apply {
        /// List what would be removed, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// The form of rules for buckets.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Format {
    /// One JSON document, by bucket
    #[default]
    Json,
    /// Terraform resources
    Terraform,
}

/// Writes or applies.
pub fn lifecycle(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let tells = globals.quiet == 0 && globals.log_format == LogFormat::Text;
    match &arguments.action {
        Action::Emit { format } => {
            let (buckets, notes) = bucket_rules(&open_project(globals)?)?;
            match format {
                Format::Json => {
                    let all: serde_json::Map<String, serde_json::Value> = buckets
                        .iter()
                        .map(|bucket| (bucket.bucket.clone(), bucket.to_json()))
                        .collect();
                    output::line(&format!("{:#}", serde_json::Value::Object(all)))?;
                }
                Format::Terraform => {
                    for bucket in &buckets {
                        output::line(&bucket.to_terraform())?;
                    }
                }
            }
            for note in notes.iter().filter(|_| tells) {
                output::message(&format!("note: {note}"));
            }
        }
        Action::Apply { dry_run } => {
            let expired = open_platform(globals)?.apply_lifecycle(*dry_run)?;
            for path in &expired.removed {
                let path = path.display().to_string();
                match globals.log_format {
                    LogFormat::Text => output::line(&path)?,
                    LogFormat::Json => {
                        let line = json!({"event": "expired", "path": path, "dry_run": dry_run});
                        output::line(&line.to_string())?;
                    }
                }
            }
            for note in expired.notes.iter().filter(|_| tells) {
                output::message(&format!("note: {note}"));
            }
            if tells {
                output::message(&format!(
                    "{} {}, {} bytes",
                    if *dry_run { "Would remove" } else { "Removed" },
                    human::counted(expired.removed.len(), "file"),
                    expired.bytes
                ));
            }
        }
    }
    Ok(Exit::Done)
}
