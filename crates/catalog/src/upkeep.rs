//! What follows a publication: checkpoints, so that logs stay quick to read.

use lake::Table;
use state::{Publication, RelationKind};
use storage::block_on;

use crate::Catalog;

/// Writes a checkpoint of every table that `publication` brought past a multiple of its interval. `written` gives
/// a table as the run had it. A checkpoint that cannot be written is no reason to fail: what it holds is in the
/// log too, and the next one will hold it.
pub(crate) fn checkpoint(
    catalog: &Catalog,
    publication: &Publication,
    written: impl Fn(&str, u64) -> Option<Table>,
) {
    let changes = publication.changes.iter();
    for relation in changes.filter_map(|change| change.becomes.as_ref()) {
        let RelationKind::Table {
            location, version, ..
        } = &relation.kind
        else {
            continue;
        };
        let log = format!("{location}/");
        let commits = publication
            .commits
            .iter()
            .filter(|(path, _)| path.starts_with(&log));
        let commits = u64::try_from(commits.count()).unwrap_or(0);
        let Some(table) = written(location, *version).filter(|_| commits > 0) else {
            continue;
        };
        let interval = table.checkpoint_interval();
        let before = (version + 1).saturating_sub(commits);
        // The first commit of all makes no checkpoint: there is nothing before it to spare.
        let passed = version / interval > before.saturating_sub(1) / interval;
        if *version == 0 || !passed {
            continue;
        }
        telemetry::failpoint("upkeep.before_checkpoint");
        let (catalog, location, version) = (catalog.clone(), location.clone(), *version);
        let shown = location.clone();
        // The run's own table may see commits of its own only.
        let done = block_on(async move {
            let table = catalog.warehouse().open(&location, version).await?;
            table.checkpoint().await
        });
        if let Err(error) = done.and_then(|done| done) {
            tracing::warn!("table `{shown}` has no checkpoint at version {version}: {error}");
        }
        telemetry::failpoint("upkeep.after_checkpoint");
    }
}
