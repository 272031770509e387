//! [`LoadPlan`]: which of the files that were found are loaded, decided by their content and the ledger.

use std::collections::{HashMap, HashSet};

use connectors::files::ContentHash;
use state::{LedgerEntry, LoadStatus, Replaces};

use crate::live::live;

/// A file that was found, with what tells it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// How people and the ledger call it.
    pub name: String,
    /// Its content.
    pub content: ContentHash,
    /// The value of the partition that orders batches, if its path has one.
    pub partition: Option<String>,
}

/// A file to load. Positions are those of the candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedLoad {
    /// Which candidate.
    pub candidate: usize,
    /// The batch its rows belong to.
    pub batch: String,
    /// The content it had when it was loaded last, if it has changed since.
    pub changed_from: Option<ContentHash>,
    /// Whether this content was rejected by an earlier run. It is tried again: the contract may have changed.
    pub rejected_before: bool,
}

/// What to do with the candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadPlan {
    /// To load, in the order of the candidates.
    pub to_load: Vec<PlannedLoad>,
    /// Loaded before under this name.
    pub unchanged: Vec<usize>,
    /// Loaded before, or planned in this run, under another name, and new under this one: the candidate and
    /// the batch of its content.
    pub duplicates: Vec<(usize, String)>,
    /// Contents whose every name has another content now. Their rows give way to any row of their batch.
    pub superseded: HashSet<ContentHash>,
}

impl LoadPlan {
    /// Plans the load of `candidates` by what `known`, the stream's ledger from old to new, says.
    ///
    /// A file without the partition belongs to the batch of its arrival: all such files that are new in one
    /// run are one batch, newer than those of earlier runs.
    #[must_use]
    pub fn new(candidates: &[Candidate], known: &[LedgerEntry]) -> Self {
        let ledger = Ledger::new(known);
        let arrival = ledger.next_arrival();
        let mut plan = Self::default();
        let mut planned: HashMap<ContentHash, String> = HashMap::new();
        let mut now: HashMap<&str, ContentHash> = ledger.latest.clone();
        let current: HashSet<ContentHash> = ledger.latest.values().copied().collect();
        for (at, candidate) in candidates.iter().enumerate() {
            let name = candidate.name.as_str();
            let content = candidate.content;
            let before = ledger.latest.get(name).copied();
            now.insert(name, content);
            // A change that is taken back is a change: the content was taken, but is current nowhere.
            let taken_back = before.is_some() && !current.contains(&content);
            if let Some(batch) = ledger.taken.get(&content).filter(|_| !taken_back) {
                if before == Some(content) {
                    plan.unchanged.push(at);
                } else {
                    plan.duplicates.push((at, (*batch).to_owned()));
                }
            } else if let Some(batch) = planned.get(&content) {
                plan.duplicates.push((at, batch.clone()));
            } else {
                let batch = candidate
                    .partition
                    .clone()
                    .unwrap_or_else(|| arrival.clone());
                planned.insert(content, batch.clone());
                plan.to_load.push(PlannedLoad {
                    candidate: at,
                    batch,
                    changed_from: before.filter(|before| *before != content),
                    rejected_before: ledger.rejected.contains(&content),
                });
            }
        }
        let current: HashSet<ContentHash> = now.into_values().collect();
        plan.superseded = ledger
            .taken
            .keys()
            .copied()
            .filter(|content| !current.contains(content))
            .collect();
        plan
    }
}

impl LoadPlan {
    /// Takes out the files that changed since they were loaded, whose old rows then stand as they were.
    pub(crate) fn hold_changed(&mut self) -> Vec<usize> {
        let held: Vec<PlannedLoad> = self
            .to_load
            .extract_if(.., |load| load.changed_from.is_some())
            .collect();
        for load in &held {
            if let Some(before) = &load.changed_from {
                self.superseded.remove(before);
            }
        }
        held.iter().map(|load| load.candidate).collect()
    }
}

/// The ledger, indexed.
struct Ledger<'a> {
    /// Contents whose rows were taken, with their batch.
    taken: HashMap<ContentHash, &'a str>,
    rejected: HashSet<ContentHash>,
    /// The newest content under each name, of those that were taken.
    latest: HashMap<&'a str, ContentHash>,
    last_arrival: u64,
}

impl<'a> Ledger<'a> {
    fn new(known: &'a [LedgerEntry]) -> Self {
        let mut ledger = Self {
            taken: HashMap::new(),
            rejected: HashSet::new(),
            latest: HashMap::new(),
            last_arrival: 0,
        };
        for load in live(known) {
            if let Ok(content) = load.entry.content_hash.parse::<ContentHash>() {
                ledger.taken.entry(content).or_insert(&load.entry.batch);
            }
        }
        let mut rebuilt = None;
        for entry in known {
            if entry.replaces == Replaces::Everything && rebuilt != Some(&entry.run) {
                rebuilt = Some(&entry.run);
                ledger.latest.clear();
            }
            let Ok(content) = entry.content_hash.parse::<ContentHash>() else {
                continue;
            };
            if let Some(arrival) = arrival(&entry.batch) {
                ledger.last_arrival = ledger.last_arrival.max(arrival);
            }
            match entry.status {
                // It was read again as it stood; what is current is as before.
                _ if matches!(entry.replaces, Replaces::Load(_)) => {}
                LoadStatus::Rejected => {
                    ledger.rejected.insert(content);
                }
                LoadStatus::Removed => {
                    ledger.latest.remove(entry.path.as_str());
                }
                LoadStatus::Loaded | LoadStatus::Empty | LoadStatus::Duplicate => {
                    ledger.latest.insert(&entry.path, content);
                }
            }
        }
        ledger
    }

    fn next_arrival(&self) -> String {
        format!("{ARRIVAL}{:010}", self.last_arrival + 1)
    }
}

/// The batch of files that arrive next, where their paths say none.
pub(crate) fn next_arrival(known: &[LedgerEntry]) -> String {
    Ledger::new(known).next_arrival()
}

/// Batches by arrival sort before batches by partition.
const ARRIVAL: &str = "#";

/// The number of a batch that is named by its arrival.
pub(crate) fn arrival(batch: &str) -> Option<u64> {
    batch.strip_prefix(ARRIVAL)?.parse().ok()
}

/// Compares batches as people mean it: numbers by value, everything else letter by letter.
#[must_use]
pub(crate) fn batch_order(batch: &str) -> String {
    if !batch.is_empty() && batch.len() <= 20 && batch.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{batch:0>20}");
    }
    batch.to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use connectors::files::ContentHash;
    use state::{LedgerEntry, LoadStatus, Replaces};

    use super::{Candidate, LoadPlan, batch_order};

    fn candidate(name: &str, content: &str, partition: Option<&str>) -> Candidate {
        Candidate {
            name: name.to_owned(),
            content: ContentHash::of(content.as_bytes()),
            partition: partition.map(str::to_owned),
        }
    }

    fn entry(path: &str, content: &str, batch: &str, status: LoadStatus) -> LedgerEntry {
        LedgerEntry {
            stream: "s.s".to_owned(),
            path: path.to_owned(),
            content_hash: ContentHash::of(content.as_bytes()).to_string(),
            size: 1,
            modified: String::new(),
            batch: batch.to_owned(),
            rows: 1,
            quarantined: 0,
            status,
            error: None,
            first_error: None,
            replaces: Replaces::Nothing,
            table: String::new(),
            location: String::new(),
            run: "1".to_owned(),
            loaded_at: String::new(),
        }
    }

    #[test]
    fn loads_each_content_once() {
        let known = [
            entry("a.csv", "one", "#0000000001", LoadStatus::Loaded),
            entry("bad.csv", "broken", "#0000000001", LoadStatus::Rejected),
        ];
        let candidates = [
            candidate("a.csv", "one", None),
            candidate("bad.csv", "broken", None),
            candidate("copy.csv", "one", None),
            candidate("new.csv", "two", None),
            candidate("new_copy.csv", "two", None),
            candidate("p.csv", "three", Some("2026-08-01")),
        ];
        let plan = LoadPlan::new(&candidates, &known);
        let loads: Vec<_> = plan
            .to_load
            .iter()
            .map(|load| (load.candidate, load.batch.as_str()))
            .collect();
        assert_eq!(
            loads,
            [(1, "#0000000002"), (3, "#0000000002"), (5, "2026-08-01")]
        );
        assert!(plan.to_load[0].rejected_before);
        assert_eq!(plan.unchanged, [0]);
        let duplicates = [(2, "#0000000001".to_owned()), (4, "#0000000002".to_owned())];
        assert_eq!(plan.duplicates, duplicates);
        assert!(plan.superseded.is_empty());
    }

    #[test]
    fn a_changed_file_is_a_new_version_and_supersedes_the_old() {
        let known = [
            entry("a.csv", "one", "d1", LoadStatus::Loaded),
            entry("b.csv", "two", "d1", LoadStatus::Loaded),
            entry("c.csv", "two", "d1", LoadStatus::Duplicate),
        ];
        let candidates = [
            candidate("a.csv", "one, corrected", Some("d1")),
            candidate("b.csv", "other", Some("d1")),
        ];
        let plan = LoadPlan::new(&candidates, &known);
        assert_eq!(plan.to_load[0].changed_from, Some(ContentHash::of(b"one")));
        // `two` still stands under `c.csv`.
        assert_eq!(
            plan.superseded.into_iter().collect::<Vec<_>>(),
            [ContentHash::of(b"one")]
        );
    }

    #[test]
    fn a_change_that_is_taken_back_is_loaded_again() {
        let known = [
            entry("a.csv", "one", "d1", LoadStatus::Loaded),
            entry("a.csv", "two", "d1", LoadStatus::Loaded),
        ];
        let plan = LoadPlan::new(&[candidate("a.csv", "one", Some("d1"))], &known);
        assert_eq!(plan.to_load[0].changed_from, Some(ContentHash::of(b"two")));
        assert_eq!(
            plan.superseded.into_iter().collect::<Vec<_>>(),
            [ContentHash::of(b"two")]
        );
        // Under another name it is an old version that comes late.
        let plan = LoadPlan::new(&[candidate("b.csv", "one", Some("d1"))], &known);
        assert!(plan.to_load.is_empty());
    }

    #[test]
    fn batches_compare_as_people_mean_it() {
        assert!(batch_order("9") < batch_order("10"));
        assert!(batch_order("2026-08-01") < batch_order("2026-08-02"));
        assert!(batch_order("#0000000009") < batch_order("2026"));
    }
}
