//! Statements of a person or a program: each script sees one state, and publishes what it changed.

use dbt::warning::Warnings;
use diagnostic::{Result, Source};
use engine::{Outcome, Session};
use engine_datafusion::{Embedded, locate};

use std::sync::Arc;
use std::sync::atomic::Ordering;

use transform::{fold, folds};

use crate::Platform;

impl Platform {
    /// The session that statements of people start in: the dbt profile's database and schema, or the
    /// project's.
    #[must_use]
    pub fn sql_session(&self) -> Session {
        let session = self.session();
        let Some(folder) = &self.project.dbt else {
            return session;
        };
        let mut warnings = Warnings::default();
        match dbt::load::settings(folder, self.dbt_flags("sql"), &mut warnings) {
            Ok(context) => {
                self.folds.store(folds(&context), Ordering::Relaxed);
                self.dbt_session(&context)
            }
            // Statements are how one looks into a project that is broken elsewhere.
            Err(error) => {
                tracing::warn!(
                    "the dbt profile cannot be read, so names resolve in the project's database: {error}"
                );
                session
            }
        }
    }

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
        let folded = match self.folds.load(Ordering::Relaxed) {
            true => fold(&script.text),
            false => script.text.as_ref().into(),
        };
        let script = &Source::new(script.name.to_string(), folded.into_owned());
        for statement in sql::parse_script(script)? {
            let span = statement.span.clone();
            let place = |error| locate(error, script, &span);
            let workspace = self.catalog.begin("sql")?;
            let engine = Embedded::new(Arc::new(workspace), compute.clone());
            match engine.run(session, statement).await {
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
