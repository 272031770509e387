//! Which loads' rows the tables of a stream hold now, as its ledger tells it.

use std::collections::HashMap;

use state::{LedgerEntry, LoadStatus, Replaces};

/// One content of a file whose rows are in the tables.
#[derive(Clone, Debug)]
pub(crate) struct LiveLoad<'a> {
    /// What the ledger says of it last.
    pub(crate) entry: &'a LedgerEntry,
    /// The run that loaded it, with everything else of that run.
    pub(crate) run: &'a str,
}

/// The loads whose rows are there, oldest first. `known` is the stream's ledger, oldest first.
pub(crate) fn live(known: &[LedgerEntry]) -> Vec<LiveLoad<'_>> {
    let mut live = Live::default();
    let mut rebuilt = None;
    for entry in known {
        let run = entry.run.as_str();
        if entry.replaces == Replaces::Everything && rebuilt != Some(run) {
            rebuilt = Some(run);
            live = Live::default();
        }
        match (&entry.replaces, entry.status) {
            (Replaces::Load(loaded_by), _) => live.restate(loaded_by, entry),
            (_, LoadStatus::Removed) => live.leave(&entry.path, None),
            (replaces, LoadStatus::Loaded | LoadStatus::Empty) => {
                if *replaces == Replaces::Path {
                    live.leave(&entry.path, Some(run));
                }
                live.add(entry, run);
            }
            (_, LoadStatus::Rejected | LoadStatus::Duplicate) => {}
        }
    }
    live.loads.into_iter().flatten().collect()
}

/// The loads so far, found by path.
#[derive(Default)]
struct Live<'a> {
    loads: Vec<Option<LiveLoad<'a>>>,
    by_path: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Live<'a> {
    fn position(&self, run: &str, entry: &LedgerEntry) -> Option<usize> {
        let of_path = self.by_path.get(entry.path.as_str())?;
        of_path.iter().copied().find(|at| {
            let load = self.loads.get(*at).and_then(Option::as_ref);
            load.is_some_and(|load| {
                load.run == run && load.entry.content_hash == entry.content_hash
            })
        })
    }

    /// Several datasets of one stream each tell what they loaded: once is enough.
    fn add(&mut self, entry: &'a LedgerEntry, run: &'a str) {
        if self.position(run, entry).is_none() {
            let of_path = self.by_path.entry(&entry.path).or_default();
            of_path.push(self.loads.len());
            self.loads.push(Some(LiveLoad { entry, run }));
        }
    }

    fn restate(&mut self, run: &str, entry: &'a LedgerEntry) {
        let at = self.position(run, entry);
        let load = at.and_then(|at| self.loads.get_mut(at)?.as_mut());
        if let Some(load) = load {
            load.entry = entry;
        }
    }

    /// Takes out the loads of `path`, but for those of the run `except`.
    fn leave(&mut self, path: &str, except: Option<&str>) {
        let Some(of_path) = self.by_path.get_mut(path) else {
            return;
        };
        let loads = &mut self.loads;
        of_path.retain(|at| {
            let Some(slot) = loads.get_mut(*at) else {
                return false;
            };
            let stays = slot.as_ref().is_some_and(|load| except == Some(load.run));
            if !stays {
                *slot = None;
            }
            stays
        });
    }
}

/// The contents that were refused and under whose names nothing else was loaded since, oldest first.
pub(crate) fn refused(known: &[LedgerEntry]) -> Vec<&LedgerEntry> {
    let mut last: HashMap<&str, (usize, &LedgerEntry)> = HashMap::new();
    for (at, entry) in known.iter().enumerate() {
        last.insert(&entry.path, (at, entry));
    }
    let mut refused: Vec<(usize, &LedgerEntry)> = last
        .into_values()
        .filter(|(_, entry)| entry.status == LoadStatus::Rejected)
        .collect();
    refused.sort_by_key(|(at, _)| *at);
    refused.into_iter().map(|(_, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use state::{LedgerEntry, LoadStatus, Replaces};

    use super::{live, refused};

    fn entry(run: &str, path: &str, content: &str, status: LoadStatus) -> LedgerEntry {
        LedgerEntry {
            stream: "s.s".to_owned(),
            path: path.to_owned(),
            content_hash: content.to_owned(),
            size: 1,
            modified: String::new(),
            batch: "#0000000001".to_owned(),
            rows: 1,
            quarantined: 0,
            status,
            error: None,
            first_error: None,
            replaces: Replaces::Nothing,
            table: String::new(),
            location: String::new(),
            run: run.to_owned(),
            loaded_at: String::new(),
        }
    }

    fn names(known: &[LedgerEntry]) -> Vec<String> {
        let live = live(known).into_iter();
        live.map(|load| {
            format!(
                "{} {} {}",
                load.run, load.entry.path, load.entry.content_hash
            )
        })
        .collect()
    }

    #[test]
    fn every_version_of_a_file_is_there_until_something_takes_its_place() {
        use LoadStatus::{Duplicate, Loaded, Rejected, Removed};
        let mut known = vec![
            entry("1", "a", "one", Loaded),
            entry("1", "b", "two", Loaded),
            entry("1", "bad", "x", Rejected),
            entry("2", "a", "three", Loaded),
            entry("2", "c", "two", Duplicate),
            entry("3", "a", "one", Loaded),
        ];
        assert_eq!(
            names(&known),
            ["1 a one", "1 b two", "2 a three", "3 a one"]
        );
        assert_eq!(refused(&known)[0].path, "bad");

        let mut again = entry("4", "a", "three", Loaded);
        again.replaces = Replaces::Load("2".to_owned());
        again.rows = 9;
        known.push(again);
        assert_eq!(
            names(&known),
            ["1 a one", "1 b two", "2 a three", "3 a one"]
        );
        assert_eq!(live(&known)[2].entry.rows, 9);

        for content in ["four", "five"] {
            let mut backfilled = entry("5", "a", content, Loaded);
            backfilled.replaces = Replaces::Path;
            known.push(backfilled);
        }
        assert_eq!(names(&known), ["1 b two", "5 a four", "5 a five"]);
        known.push(entry("6", "b", "two", Removed));
        assert_eq!(names(&known), ["5 a four", "5 a five"]);
        for path in ["a", "d"] {
            let mut rebuilt = entry("7", path, "six", Loaded);
            rebuilt.replaces = Replaces::Everything;
            known.push(rebuilt);
        }
        known.push(entry("8", "bad", "y", Loaded));
        assert_eq!(names(&known), ["7 a six", "7 d six", "8 bad y"]);
        assert!(refused(&known).is_empty());
    }
}
