//! What a start does about runs that were killed: finish what was recorded, drop the rest.

use std::path::Path;
use std::time::{Duration, Instant};

use diagnostic::{Result, ResultExt, codes};
use model::RunId;
use state::{OpenRun, RunStatus};

use crate::{Catalog, RunLock, process};

/// Recovers every run that nobody works on any more: those of processes that are gone, whose lock can be
/// taken, and those that this process gave up.
pub(crate) fn recover(catalog: &Catalog) -> Result<()> {
    let folder = process::folder(catalog.folder());
    if !folder.exists() || is_empty(&folder)? {
        return Ok(());
    }
    let _folders = catalog.lock_folders()?;
    let wrong = || format!("Folder `{}` cannot be listed", folder.display());
    for entry in std::fs::read_dir(&folder).explain(codes::K2003, wrong)? {
        let entry = entry.explain(codes::K2003, wrong)?;
        let name = entry.file_name();
        let Some(id) = name.to_str() else { continue };
        if let Some(own) = catalog.process_begun().filter(|own| own.id() == id) {
            for run in catalog.state().open_runs(id)? {
                if !own.works_on(run.run) {
                    settle(catalog, &run)?;
                    own.ended(run.run);
                }
            }
        } else if let Some(_lock) = RunLock::try_take(&entry.path())? {
            for run in catalog.state().open_runs(id)? {
                settle(catalog, &run)?;
            }
            clear(catalog)?;
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes what runs had set aside that were killed after their end was recorded.
fn clear(catalog: &Catalog) -> Result<()> {
    for run in catalog.warehouse().set_aside_for()? {
        if !catalog.state().is_open(&run)? {
            catalog.warehouse().remove_aside(&run)?;
        }
    }
    Ok(())
}

/// Finishes or drops one run.
fn settle(catalog: &Catalog, run: &OpenRun) -> Result<()> {
    match catalog.state().intent()? {
        Some(intent) if intent.run == run.run => {
            tracing::info!(run = %run.run, "finishing the publication of a run that was killed");
            finish(catalog, &intent, &run.created)
        }
        _ => {
            tracing::info!(run = %run.run, "dropping the remains of a run that was killed");
            drop_created(catalog, run.run, &run.created, &[], || {
                let reason = Some("the process ended");
                catalog
                    .state()
                    .end_run(run.run, RunStatus::Abandoned, reason)
            })
        }
    }
}

/// How long a publication waits for another process's, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Records that `publication` is about to happen. Waits while another process publishes; one that died
/// while it did is finished first.
pub(crate) fn begin(catalog: &Catalog, publication: &state::Publication) -> Result<()> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        match catalog.state().begin_publish(publication) {
            Err(error) if error.code() == codes::K1002 && began.elapsed() < PATIENCE => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(200));
                if began.elapsed() > PATIENCE / 10 {
                    recover(catalog)?;
                }
            }
            done => return done,
        }
    }
}

/// Writes a recorded publication's commit files and moves its pointers. `created` are the folders its run
/// has made.
pub(crate) fn finish(
    catalog: &Catalog,
    publication: &state::Publication,
    created: &[String],
) -> Result<()> {
    if let Err(error) = catalog.warehouse().publish(&publication.commits) {
        if error.code() == codes::K1004 {
            drop_created(catalog, publication.run, created, &[], || {
                catalog
                    .state()
                    .abandon_publish(publication.run, error.message())
            })?;
        }
        return Err(error);
    }
    telemetry::failpoint("publish.after_logs");
    let published = publication.locations();
    drop_created(catalog, publication.run, created, &published, || {
        catalog.state().finish_publish(publication)?;
        telemetry::failpoint("publish.after_pointers");
        Ok(())
    })
}

/// Removes the table folders that `run` had `created`, but for those it `published`, and records by `end` that it has
/// ended: first they are set aside, so that a process that is killed at any moment leaves nothing behind that the
/// next one would not find, nor takes another run's folder of the same name.
pub(crate) fn drop_created(
    catalog: &Catalog,
    run: RunId,
    created: &[String],
    published: &[&str],
    end: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let lost: Vec<&str> = created
        .iter()
        .map(String::as_str)
        .filter(|location| !published.contains(location))
        .collect();
    if lost.is_empty() {
        return end();
    }
    let run = run.to_string();
    for location in lost {
        catalog.warehouse().set_aside(location, &run)?;
    }
    telemetry::failpoint("drop.before_end");
    end()?;
    telemetry::failpoint("drop.after_end");
    catalog.warehouse().remove_aside(&run)
}

/// Removes a folder that may be gone already.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)
            .explain(codes::K2003, || {
                format!("`{}` cannot be removed", folder.display())
            }),
        _ => Ok(()),
    }
}

/// Whether a folder holds nothing.
pub(crate) fn is_empty(folder: &Path) -> Result<bool> {
    let entries = std::fs::read_dir(folder).explain(codes::K2003, || {
        format!("Folder `{}` cannot be listed", folder.display())
    })?;
    Ok(entries.take(1).count() == 0)
}

/// Removes a file that may be gone already.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)
            .explain(codes::K2003, || {
                format!("`{}` cannot be removed", path.display())
            }),
        _ => Ok(()),
    }
}
