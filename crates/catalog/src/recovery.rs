//! What a start does about runs that were killed: finish what was recorded, drop the rest.

use std::path::Path;
use std::time::{Duration, Instant};

use diagnostic::{Result, ResultExt, codes};
use model::RunId;
use state::RunStatus;

use crate::workspace::{CREATED, LOCK, STAGING};
use crate::{Catalog, RunLock};

/// Recovers every run whose process is gone. Live runs hold their lock and are left alone.
pub(crate) fn recover(catalog: &Catalog) -> Result<()> {
    if is_empty(&catalog.folder().join("runs"))? {
        return Ok(());
    }
    let _folders = catalog.lock_folders()?;
    for run in runs(catalog)? {
        let folder = catalog.run_folder(run);
        // Only the process that gets the lock recovers; a live run keeps it.
        let Some(_lock) = RunLock::try_take(&folder.join(LOCK))? else {
            continue;
        };
        match catalog.state().intent()? {
            Some(intent) if intent.run == run => {
                tracing::info!(%run, "finishing the publication of a run that was killed");
                finish(catalog, &intent)?;
            }
            _ => {
                let published = catalog.state().run_status(run)? == Some(RunStatus::Published);
                if !published {
                    tracing::info!(%run, "dropping the remains of a run that was killed");
                    drop_created(catalog, &folder, &[])?;
                    catalog.state().end_run(
                        run,
                        RunStatus::Abandoned,
                        Some("the process ended"),
                    )?;
                }
            }
        }
        remove(&folder)?;
    }
    Ok(())
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

/// Moves a recorded publication's commit files and pointers.
pub(crate) fn finish(catalog: &Catalog, publication: &state::Publication) -> Result<()> {
    let staging = catalog.run_folder(publication.run).join(STAGING);
    let locations = publication.locations();
    let moved = catalog
        .warehouse()
        .staged(&staging)?
        .unstage(locations.iter().copied());
    if let Err(error) = moved {
        if error.code() == codes::K1004 {
            catalog
                .state()
                .abandon_publish(publication.run, error.message())?;
        }
        return Err(error);
    }
    telemetry::failpoint("publish.after_logs");
    catalog.state().finish_publish(publication)?;
    telemetry::failpoint("publish.after_pointers");
    drop_created(catalog, &catalog.run_folder(publication.run), &locations)
}

/// Removes the table folders a run had created, but for those it `published`.
pub(crate) fn drop_created(catalog: &Catalog, run_folder: &Path, published: &[&str]) -> Result<()> {
    let list = run_folder.join(CREATED);
    let created = match std::fs::read_to_string(&list) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).explain(codes::K2003, || {
                format!("`{}` cannot be read", list.display())
            });
        }
    };
    for location in created
        .lines()
        .filter(|location| !published.contains(location))
    {
        remove(&catalog.warehouse().directory(location))?;
    }
    Ok(())
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

fn runs(catalog: &Catalog) -> Result<Vec<RunId>> {
    let folder = catalog.folder().join("runs");
    let wrong = || format!("Folder `{}` cannot be listed", folder.display());
    let mut runs = Vec::new();
    for entry in std::fs::read_dir(&folder).explain(codes::K2003, wrong)? {
        let entry = entry.explain(codes::K2003, wrong)?;
        let name = entry.file_name();
        match name.to_str().and_then(|name| name.parse().ok()) {
            Some(run) => runs.push(run),
            // A folder that never got its name: its run died before it wrote anything.
            None if RunLock::try_take(&entry.path().join(LOCK))?.is_some() => {
                remove(&entry.path())?
            }
            None => {}
        }
    }
    Ok(runs)
}
