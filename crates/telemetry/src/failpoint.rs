//! Places where a test can kill the process, as `kill -9` would: no unwinding, no destructors.
//!
//! `SLUICE_FAILPOINT=publish.after_intent` dies at the first hit of that name,
//! `SLUICE_FAILPOINT=publish.after_intent:3` at the third. Builds without debug assertions contain
//! nothing of this.

/// Every failpoint of the program, in the order a run passes them. A test kills at each one.
pub const FAILPOINTS: &[&str] = &[
    "ingest.after_survey",
    "ingest.after_files",
    "ingest.after_bronze",
    "ingest.after_quarantine",
    "ingest.after_silver",
    "publish.before_intent",
    "publish.after_intent",
    "publish.between_logs",
    "publish.after_logs",
    "publish.after_pointers",
];

/// Further failpoints, which only a run passes that drops tables it has made.
pub const DROP_FAILPOINTS: &[&str] = &["drop.before_end", "drop.after_end"];

/// Further failpoints, which only a run with PostgreSQL streams passes.
pub const POSTGRES_FAILPOINTS: &[&str] = &[
    "postgres.after_files",
    "postgres.after_copy",
    "postgres.after_changes",
    "postgres.before_confirm",
];

/// Further failpoints, which only what keeps tables in order passes.
pub const UPKEEP_FAILPOINTS: &[&str] = &[
    "upkeep.before_checkpoint",
    "upkeep.after_checkpoint",
    "vacuum.before_forgetting",
    "vacuum.after_forgetting",
    "vacuum.between_tables",
];

/// Further failpoints, which only a run with an Iceberg table passes.
pub const ICEBERG_FAILPOINTS: &[&str] = &[
    "publish.before_iceberg_catalog",
    "publish.after_iceberg_catalog",
];

/// Further failpoints, which only who writes a change data feed passes.
pub const FEED_FAILPOINTS: &[&str] = &["feed.after_files"];

/// Further failpoints, which only a process that takes in events passes.
pub const PUSH_FAILPOINTS: &[&str] = &[
    "push.before_sync",
    "push.after_sync",
    "push.before_complete",
    "push.after_complete",
];

/// Further failpoints, which only a process that loads files as they arrive passes.
pub const ARRIVAL_FAILPOINTS: &[&str] = &[
    "arrival.after_announce",
    "arrival.before_load",
    "arrival.before_settle",
];

/// Further failpoints, which only a process passes to which a person brings a file.
pub const UPLOAD_FAILPOINTS: &[&str] = &["upload.after_keep"];

/// Kills the process here if the environment asks for `name`, which must be listed in one of these.
#[inline]
pub fn failpoint(name: &'static str) {
    #[cfg(debug_assertions)]
    armed::hit(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// Calls `observer` with the name of each failpoint this thread passes from now on, until somebody else does. A
/// test copies the project's folder there: what a kill would leave.
pub fn observe(observer: impl FnMut(&'static str) + 'static) {
    #[cfg(debug_assertions)]
    armed::OBSERVER.set(Some(Box::new(observer)));
    #[cfg(not(debug_assertions))]
    let _ = observer;
}

#[cfg(debug_assertions)]
mod armed {
    use std::cell::Cell;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{
        ARRIVAL_FAILPOINTS, DROP_FAILPOINTS, FAILPOINTS, FEED_FAILPOINTS, ICEBERG_FAILPOINTS,
        POSTGRES_FAILPOINTS, PUSH_FAILPOINTS, UPKEEP_FAILPOINTS, UPLOAD_FAILPOINTS,
    };

    struct Trigger {
        name: String,
        hits_left: AtomicU64,
    }

    type Observer = Box<dyn FnMut(&'static str)>;

    thread_local! {
        pub(super) static OBSERVER: Cell<Option<Observer>> = const { Cell::new(None) };
    }

    static TRIGGER: OnceLock<Option<Trigger>> = OnceLock::new();

    pub(super) fn hit(name: &'static str) {
        debug_assert!(
            [
                FAILPOINTS,
                DROP_FAILPOINTS,
                FEED_FAILPOINTS,
                ICEBERG_FAILPOINTS,
                POSTGRES_FAILPOINTS,
                UPKEEP_FAILPOINTS,
                PUSH_FAILPOINTS,
                ARRIVAL_FAILPOINTS,
                UPLOAD_FAILPOINTS,
            ]
            .iter()
            .any(|listed| listed.contains(&name)),
            "the failpoint `{name}` is not listed in FAILPOINTS"
        );
        if let Some(mut observer) = OBSERVER.take() {
            observer(name);
            OBSERVER.set(Some(observer));
        }
        let trigger = TRIGGER.get_or_init(|| {
            let text = std::env::var("SLUICE_FAILPOINT").ok()?;
            let (name, hits) = parse(&text);
            Some(Trigger {
                name: name.to_owned(),
                hits_left: AtomicU64::new(hits),
            })
        });
        if let Some(trigger) = trigger
            && trigger.name == name
            && trigger.hits_left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            std::process::abort();
        }
    }

    /// `name` or `name:N`, N from 1.
    pub(super) fn parse(text: &str) -> (&str, u64) {
        match text.rsplit_once(':') {
            Some((name, hits)) => match hits.parse() {
                Ok(hits) if hits > 0 => (name, hits),
                _ => (text, 1),
            },
            None => (text, 1),
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    #[test]
    fn reads_the_number_of_the_hit() {
        assert_eq!(super::armed::parse("a.b"), ("a.b", 1));
        assert_eq!(super::armed::parse("a.b:3"), ("a.b", 3));
        assert_eq!(super::armed::parse("a.b:x"), ("a.b:x", 1));
    }

    #[test]
    fn does_nothing_unless_asked() {
        super::failpoint(super::FAILPOINTS[0]);
    }

    #[test]
    fn lists_each_name_once() {
        let mut names = super::FAILPOINTS.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), super::FAILPOINTS.len());
    }
}
