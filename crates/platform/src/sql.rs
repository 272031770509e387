//! Statements of a person or a program: each script sees one state, and publishes what it changed.

use diagnostic::{Result, Source};
use engine::{Outcome, Session};
use engine_datafusion::Embedded;

use std::sync::Arc;

use crate::Platform;

/// The session `sluice sql` starts in.
#[must_use]
pub fn sql_session(platform: &Platform) -> Session {
    platform.session()
}

impl Platform {
    /// Runs the statements of `script` one by one; each publishes what it changed before the next
    /// one begins. `report` gets every outcome as it comes and reads its rows.
    ///
    /// # Errors
    /// The first failing statement's error; what earlier statements did stays.
    pub async fn sql<F>(&self, session: &Session, script: &Source, mut report: F) -> Result<()>
    where
        F: AsyncFnMut(Outcome) -> Result<()>,
    {
        let compute = self.compute()?;
        for statement in sql::parse_script(script)? {
            let span = statement.span.clone();
            let place = |error: diagnostic::Error| error.at(script.place(span.clone()));
            let statement = sql::normalise(statement).map_err(place)?;
            let workspace = self.catalog.begin("sql")?;
            let engine = Embedded::new(Arc::new(workspace), compute.clone());
            match engine.run(session, statement.ast).await {
                Ok(outcome) => {
                    report(outcome).await.map_err(place)?;
                    engine.workspace().publish().map_err(place)?;
                }
                Err(error) => {
                    engine.workspace().discard(error.message())?;
                    return Err(place(error));
                }
            }
        }
        Ok(())
    }
}
