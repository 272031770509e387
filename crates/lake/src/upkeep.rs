//! What keeps a log short and a folder clean: checkpoints, and which files a range of versions needs.
//!
//! <https://github.com/delta-io/delta/blob/master/PROTOCOL.md#checkpoints>

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;

use deltalake::checkpoints::create_checkpoint;
use diagnostic::{Result, ResultExt, codes};
use serde::Deserialize;
use storage::{Entry, block_on};

use crate::deletion::file_of;
use crate::feed::ENABLED;
use crate::iceberg_table::IcebergTable;
use crate::overlay::{LOG, is_log_file};
use crate::{DeletionVectorDescriptor, Table, TableFormat, Warehouse};

/// Commits between two checkpoints where the table does not say, as in Delta.
pub(crate) const CHECKPOINT_INTERVAL: u64 = 10;

/// The property that says.
const CHECKPOINT_PROPERTY: &str = "delta.checkpointInterval";

impl Table {
    /// Commits between two checkpoints, by what was last read of the log; Delta's usual number if nothing was.
    #[must_use]
    pub fn checkpoint_interval(&self) -> u64 {
        if self.format() == TableFormat::Iceberg {
            // Each of its metadata files says everything.
            return u64::MAX;
        }
        let known = self.known().and_then(|delta| delta.snapshot().ok());
        let known = known.map(|state| state.metadata());
        let declared = (self.state().map(|state| &state.metadata))
            .or(known)
            .and_then(|metadata| metadata.configuration().get(CHECKPOINT_PROPERTY))
            .and_then(|text| text.parse::<NonZero<u64>>().ok());
        declared.map_or(CHECKPOINT_INTERVAL, NonZero::get)
    }

    /// Writes a checkpoint of this version, so that nobody has to read the commits before it.
    ///
    /// # Errors
    /// `K2004` if it cannot be written.
    pub async fn checkpoint(&self) -> Result<()> {
        let table = self.loaded().await?;
        create_checkpoint(table, None)
            .await
            .explain(codes::K2004, || {
                format!(
                    "A checkpoint of table `{}` cannot be written",
                    self.location()
                )
            })
    }
}

/// What there is at a table's location.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Data files, by name below the location.
    pub data: Vec<Entry>,
    /// Files of the log, by name below the location.
    pub log: Vec<Entry>,
}

impl Warehouse {
    /// Everything stored at `location`.
    ///
    /// # Errors
    /// `K2003`, `B2001` to `B2003` if it cannot be listed.
    pub async fn inventory(&self, location: &str) -> Result<Inventory> {
        let mut found = Inventory::default();
        for entry in self.storage().below(location).list(None).await? {
            match is_log_file(location, &entry.name) {
                true => found.log.push(entry),
                false => found.data.push(entry),
            }
        }
        Ok(found)
    }

    /// The locations of all tables: folders that hold a log, or that a run has begun to fill.
    ///
    /// # Errors
    /// `K2003`, `B2001` to `B2003` if they cannot be listed.
    pub async fn locations(&self) -> Result<BTreeSet<String>> {
        let entries = self.storage().list(None).await?;
        // database/schema/table/…; what lies beside that is not ours.
        let location = |entry: &Entry| {
            let mut parts = entry.name.splitn(4, '/');
            let parts = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
            (!entry.name.starts_with('.')).then(|| parts[..3].join("/"))
        };
        Ok(entries.iter().filter_map(location).collect())
    }

    /// The names of data files that the versions `needed` of the table at `location` hold, and those that later
    /// commits of its log bring, to which nobody points yet.
    ///
    /// # Errors
    /// `K2004` if the log cannot be read.
    pub async fn held(
        &self,
        location: &str,
        needed: &BTreeSet<u64>,
        inventory: &Inventory,
    ) -> Result<BTreeSet<String>> {
        let (Some(oldest), Some(newest)) = (needed.first(), needed.last()) else {
            return Ok(BTreeSet::new());
        };
        if TableFormat::of(location) == TableFormat::Iceberg {
            let versions = inventory.log.iter();
            let versions = versions.filter_map(|entry| version_of(&entry.name));
            let led_to = versions.filter(|v| needed.contains(v) || v > newest);
            let led_to: BTreeSet<u64> = needed.iter().copied().chain(led_to).collect();
            return IcebergTable::held(self, location, &led_to).await;
        }
        let table = self.open(location, *oldest).await?;
        // Each data file with the file, if any, that says which of its rows have left.
        let mut active: BTreeMap<String, Option<String>> = BTreeMap::new();
        for file in table.files().await? {
            let vector = file.vector.as_ref().and_then(file_of);
            active.insert(file.path, vector);
        }
        // Who reads the changes of a version reads the files it took away.
        let mut feeds = table.change_data_feed().await?;
        let mut held = BTreeSet::new();
        hold(&mut held, &active);
        let storage = self.storage().below(location);
        // Names sort by version.
        for entry in &inventory.log {
            let commit = entry.name.ends_with(".json");
            let Some(version) = version_of(&entry.name).filter(|v| commit && v > oldest) else {
                continue;
            };
            let text = storage.read(&entry.name).await?;
            let wrong = || format!("`{}` of table `{location}` cannot be read", entry.name);
            let lines = text
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty());
            let actions = lines.map(serde_json::from_slice::<FileAction>);
            let actions: Vec<FileAction> = actions
                .collect::<Result<_, _>>()
                .explain(codes::K2004, wrong)?;
            // A file whose rows leave is removed and added by one commit, in whatever order.
            for removed in actions.iter().filter_map(|action| action.remove.as_ref()) {
                active.remove(&removed.path);
            }
            for action in actions {
                if let Some(added) = action.add {
                    let vector = added.deletion_vector.as_ref().and_then(file_of);
                    active.insert(added.path, vector);
                }
                held.extend(action.cdc.map(|file| file.path));
                if let Some(metadata) = action.meta_data {
                    feeds = metadata
                        .configuration
                        .get(ENABLED)
                        .and_then(Option::as_deref)
                        == Some("true");
                }
            }
            if feeds || needed.contains(&version) || version > *newest {
                hold(&mut held, &active);
            }
        }
        Ok(held)
    }

    /// The log files of `inventory` that no version from `oldest` on needs: those before the last checkpoint
    /// that is not after it. Metadata files of Iceberg say everything, as checkpoints do.
    #[must_use]
    pub fn spent_log(inventory: &Inventory, oldest: u64) -> Vec<Entry> {
        let checkpoints = inventory
            .log
            .iter()
            .filter(|e| e.name.contains(".checkpoint") || iceberg::is_metadata_file(&e.name))
            .filter_map(|entry| version_of(&entry.name))
            .filter(|version| *version <= oldest);
        let Some(last) = checkpoints.max() else {
            return Vec::new();
        };
        let spent = |entry: &&Entry| version_of(&entry.name).is_some_and(|version| version < last);
        inventory.log.iter().filter(spent).cloned().collect()
    }

    /// Removes files at `location` by name.
    ///
    /// # Errors
    /// `K2003`, `B2002`, `B2003` if one cannot be removed.
    pub fn remove_files(&self, location: &str, names: &[String]) -> Result<()> {
        let folder = self.folder(location);
        if folder.as_local().is_some() {
            return names.iter().try_for_each(|name| folder.remove(name));
        }
        let (storage, names) = (self.storage().below(location), names.to_vec());
        block_on(async move {
            for name in names {
                storage.remove(&name).await?;
            }
            Ok(())
        })?
    }
}

/// A line of a commit, as far as it is about files.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileAction {
    add: Option<ActionFile>,
    remove: Option<ActionFile>,
    cdc: Option<ActionFile>,
    meta_data: Option<ActionMetadata>,
}

#[derive(Deserialize)]
struct ActionMetadata {
    #[serde(default)]
    configuration: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionFile {
    path: String,
    deletion_vector: Option<DeletionVectorDescriptor>,
}

fn hold(held: &mut BTreeSet<String>, active: &BTreeMap<String, Option<String>>) {
    for (path, vector) in active {
        held.insert(path.clone());
        held.extend(vector.clone());
    }
}

/// The version in the name of a log file: `_delta_log/00000000000000000010.checkpoint.parquet`,
/// `metadata/v10.metadata.json`.
fn version_of(name: &str) -> Option<u64> {
    if iceberg::is_metadata_file(name) {
        let digits = name.strip_prefix("metadata/v")?.split('.').next()?;
        return digits.parse().ok();
    }
    let digits = name.strip_prefix(LOG)?.strip_prefix('/')?.get(..20)?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Inventory, version_of};
    use crate::Warehouse;
    use storage::Entry;

    fn inventory(names: &[&str]) -> Inventory {
        let entry = |name: &&str| Entry {
            name: format!("_delta_log/{name}"),
            size: 1,
            modified: chrono::DateTime::UNIX_EPOCH,
            etag: None,
        };
        Inventory {
            data: Vec::new(),
            log: names.iter().map(entry).collect(),
        }
    }

    #[test]
    fn a_log_is_spent_before_the_last_checkpoint_that_is_not_too_new() {
        let found = inventory(&[
            "00000000000000000008.json",
            "00000000000000000009.json",
            "00000000000000000010.checkpoint.parquet",
            "00000000000000000010.json",
            "00000000000000000020.checkpoint.parquet",
            "_last_checkpoint",
        ]);
        let spent = |oldest| -> Vec<u64> {
            let spent = Warehouse::spent_log(&found, oldest);
            spent.iter().filter_map(|e| version_of(&e.name)).collect()
        };
        assert!(spent(9).is_empty());
        assert_eq!(spent(10), [8, 9]);
        assert_eq!(spent(19), [8, 9]);
        assert_eq!(spent(25), [8, 9, 10, 10]);
    }
}
