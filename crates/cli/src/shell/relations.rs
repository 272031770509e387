//! [`Relations`]: the names that completion offers, asked for once between statements.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use engine::{Engine as _, Session};
use model::RelationName;
use platform::Platform;
use tokio::runtime::Runtime;

/// What is known of the warehouse's relations.
#[derive(Default)]
pub(super) struct Relations {
    names: OnceCell<Vec<RelationName>>,
    columns: RefCell<HashMap<RelationName, Vec<String>>>,
}

impl Relations {
    /// Asks again the next time: statements may have changed something.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// All relations. A catalog that cannot be read completes nothing.
    pub(super) fn names(&self, platform: &Platform) -> &[RelationName] {
        self.names.get_or_init(|| {
            let snapshot = platform.catalog().snapshot().unwrap_or_default();
            snapshot.relations.keys().cloned().collect()
        })
    }

    /// The columns of a relation; none if they cannot be found out.
    pub(super) fn columns(
        &self,
        name: &RelationName,
        platform: &Platform,
        runtime: &Runtime,
        session: &Session,
    ) -> Vec<String> {
        if let Some(known) = self.columns.borrow().get(name) {
            return known.clone();
        }
        let described = runtime.block_on(async {
            let workspace = platform.catalog().begin("sql").ok()?;
            let engine = platform.embedded(workspace).ok()?;
            let info = engine.describe(session, name).await.ok().flatten();
            let _ended = engine.workspace().discard("a question");
            info
        });
        let columns: Vec<String> = described
            .map(|info| info.columns.into_iter().map(|(name, _)| name).collect())
            .unwrap_or_default();
        self.columns
            .borrow_mut()
            .insert(name.clone(), columns.clone());
        columns
    }
}
