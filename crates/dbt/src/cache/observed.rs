//! What a piece of parsing looked at besides files: variables, the environment, flags, the time.
//!
//! Everything that parses one file runs on one thread, so what is looked at is noted per thread; see
//! [`observe`]. The parse cache keeps the values and asks again.

use std::cell::RefCell;

use crate::context::ProjectContext;

/// Something outside the project's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A variable of the environment.
    Environment(String),
    /// A variable of `--vars`.
    Variable(String),
    /// A member of `flags`.
    Flag(String),
    /// How many threads the target has.
    Threads,
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Whether it may differ each time: the time, the id of the invocation, chance.
    pub volatile: bool,
    /// What was looked at, each once, and a hash of what was there.
    pub subjects: Vec<(Subject, u64)>,
}

thread_local! {
    static OBSERVER: RefCell<Option<Vec<Subject>>> = const { RefCell::new(None) };
    static VOLATILE: RefCell<bool> = const { RefCell::new(false) };
}

/// Notes that `subject` is looked at.
pub fn note(subject: Subject) {
    OBSERVER.with_borrow_mut(|observer| {
        if let Some(seen) = observer
            && !seen.contains(&subject)
        {
            seen.push(subject);
        }
    });
}

/// Notes that something is looked at that is different each time.
pub fn note_volatile() {
    VOLATILE.with_borrow_mut(|volatile| *volatile = true);
}

/// Does `work` and tells what it looked at.
pub fn observe<T>(project: &ProjectContext, work: impl FnOnce() -> T) -> (T, Observed) {
    let outer = OBSERVER.replace(Some(Vec::new()));
    let outer_volatile = VOLATILE.replace(false);
    let result = work();
    let subjects = OBSERVER.replace(outer).unwrap_or_default();
    let volatile = VOLATILE.replace(outer_volatile);
    let subjects = subjects.into_iter().map(|subject| {
        let value = subject.value(project);
        (subject, value)
    });
    let observed = Observed {
        volatile,
        subjects: subjects.collect(),
    };
    (result, observed)
}

impl Observed {
    /// Adds what more work looked at.
    pub fn extend(&mut self, more: Self) {
        self.volatile |= more.volatile;
        for subject in more.subjects {
            if !self.subjects.contains(&subject) {
                self.subjects.push(subject);
            }
        }
    }

    /// Whether all of it is as it was.
    #[must_use]
    pub fn holds(&self, project: &ProjectContext) -> bool {
        let same = |(subject, value): &(Subject, u64)| subject.value(project) == *value;
        !self.volatile && self.subjects.iter().all(same)
    }
}

impl Subject {
    /// A hash of what is there now.
    fn value(&self, project: &ProjectContext) -> u64 {
        let flags = &project.flags;
        let text = match self {
            Self::Environment(name) => flags.env(name).map(str::to_owned),
            Self::Variable(name) => flags.vars.get(name).map(ToString::to_string),
            Self::Flag(name) => {
                crate::context::flag(project, name).map(|value| format!("{value:?}"))
            }
            Self::Threads => Some(project.connection.threads.to_string()),
        };
        match text {
            None => 0,
            Some(text) => {
                let hash = blake3::hash(text.as_bytes());
                let first = hash.as_bytes().first_chunk::<8>();
                first.map_or(1, |bytes| u64::from_le_bytes(*bytes) | 1)
            }
        }
    }
}
