//! Moving bars: one for the run, one for each asset that is worked on.

use std::collections::HashMap;
use std::time::Duration;

use asset::AssetKey;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use orchestrate::{Followed, RunEvent};

use super::follow::Display;
use super::following::place;
use super::log_writer::share_terminal_with;
use super::{human, lines};

/// Bars on stderr, with a line above them for everything that ended.
pub(super) struct LiveDisplay {
    verbosity: i8,
    bars: MultiProgress,
    run: ProgressBar,
    assets: HashMap<AssetKey, ProgressBar>,
    sources: HashMap<String, (ProgressBar, u64)>,
}

impl LiveDisplay {
    pub(super) fn new(verbosity: i8) -> Self {
        let bars = MultiProgress::new();
        share_terminal_with(Some(bars.clone()));
        let run = bars.add(ProgressBar::no_length());
        run.set_style(style("  {bar:24.green/dim} {pos}/{len} assets, {elapsed}"));
        Self {
            verbosity,
            bars,
            run,
            assets: HashMap::new(),
            sources: HashMap::new(),
        }
    }

    fn print(&self, line: &str) {
        let shown = match anstream::AutoStream::choice(&std::io::stderr()) {
            anstream::ColorChoice::Never => anstream::adapter::strip_str(line).to_string(),
            _ => line.to_owned(),
        };
        // A terminal that is gone cannot be told.
        let _unheard = self.bars.println(shown);
    }

    fn start(&mut self, key: &AssetKey) {
        let bar = self
            .bars
            .insert_before(&self.run, ProgressBar::new_spinner());
        bar.set_style(style("  {spinner:.cyan} {prefix}  {msg}{elapsed:.dim}"));
        bar.set_prefix(key.to_string());
        bar.enable_steady_tick(Duration::from_millis(100));
        if let Some(former) = self.assets.insert(key.clone(), bar) {
            former.finish_and_clear();
        }
    }

    fn follow(&mut self, followed: &Followed) {
        for notice in &followed.notices {
            self.print(&format!("note: {notice}"));
        }
        let (bar, changes) = self
            .sources
            .entry(followed.source.clone())
            .or_insert_with(|| {
                let bar = self.bars.add(ProgressBar::new_spinner());
                bar.set_style(style("  {spinner:.cyan} {prefix}  {msg}{elapsed:.dim}"));
                bar.set_prefix(followed.source.clone());
                bar.enable_steady_tick(Duration::from_millis(100));
                (bar, 0)
            });
        *changes += followed.changes;
        bar.set_message(format!(
            "{}, {}, ",
            human::counted(*changes, "change"),
            place(followed)
        ));
    }

    fn end(&mut self, key: &AssetKey) {
        if let Some(bar) = self.assets.remove(key) {
            bar.finish_and_clear();
        }
        self.run.inc(1);
    }
}

/// A wrong template would show indicatif's default; the test below reads them all.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .progress_chars("━╸─")
}

impl Display for LiveDisplay {
    fn show(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Planned { assets, .. } => {
                self.run.set_length(assets.len() as u64);
                self.run.enable_steady_tick(Duration::from_millis(250));
            }
            RunEvent::Started { key, .. } => self.start(key),
            RunEvent::Progress { key, rows } => {
                if let Some(bar) = self.assets.get(key) {
                    bar.set_message(format!("{}, ", human::counted(*rows, "row")));
                }
            }
            RunEvent::Finished(result) | RunEvent::Skipped(result) => self.end(&result.key),
            RunEvent::Followed(followed) => self.follow(followed),
            RunEvent::Retrying { .. }
            | RunEvent::CheckFinished(_)
            | RunEvent::Reconnecting { .. }
            | RunEvent::Cancelling => {}
            RunEvent::Done(_) => self.run.finish_and_clear(),
        }
        // What runs has a bar already.
        let verbosity = match event {
            RunEvent::Started { .. } => 0,
            _ => self.verbosity,
        };
        if let Some(line) = lines::line(event, verbosity) {
            self.print(&line);
        }
    }
}

impl Drop for LiveDisplay {
    fn drop(&mut self) {
        share_terminal_with(None);
        for bar in self.assets.values() {
            bar.finish_and_clear();
        }
        for (bar, _) in self.sources.values() {
            bar.finish_and_clear();
        }
        self.run.finish_and_clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use indicatif::ProgressStyle;

    #[test]
    fn the_templates_are_valid() {
        for template in [
            "  {bar:24.green/dim} {pos}/{len} assets, {elapsed}",
            "  {spinner:.cyan} {prefix}  {msg}{elapsed:.dim}",
        ] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
