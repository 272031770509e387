//! Statements of a person or a program: each script sees one state, and publishes what it changed.

use async_trait::async_trait;
use catalog::{Temporary, Workspace};
use dbt::warning::Warnings;
use diagnostic::{Result, Source, codes};
use engine::{Outcome, Session};
use engine_datafusion::scripting::{self, Statements};
use engine_datafusion::{Compute, Embedded, locate};
use model::SchemaName;
use sql::command::Command;
use sqlparser::ast::Statement;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
    /// one begins, or the ones between BEGIN and COMMIT together. `report` gets every outcome as it comes
    /// and reads its rows. What is open when the script ends is rolled back.
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
        let mut publishing = Publishing {
            platform: self,
            compute,
            transaction: None,
            look: None,
        };
        for statement in sql::parse_script(script)? {
            let span = statement.span.clone();
            let place = |error| locate(error, script, &span);
            let outcome = match scripting::is_script(&statement) {
                true => scripting::run(&mut publishing, session, statement).await,
                false => publishing.run(session, statement).await,
            };
            if let Err(error) = &outcome
                && let Some(open) = publishing.transaction.take()
            {
                open.discard(error.message())?;
            }
            publishing.forget()?;
            report(outcome.map_err(place)?).await.map_err(place)?;
        }
        if let Some(open) = publishing.transaction.take() {
            open.discard("the script ended before COMMIT")?;
        }
        Ok(())
    }

    /// Runs one statement in a transaction of its own. If somebody else changed what it changes, it is run
    /// again on what is there now.
    async fn alone(
        &self,
        session: &Session,
        compute: &Compute,
        statement: sql::Statement,
    ) -> Result<Outcome> {
        let mut attempt = 0;
        loop {
            let workspace = Arc::new(self.begin_sql(session)?);
            let engine = Embedded::new(Arc::clone(&workspace), compute.clone());
            // Somebody else's version shows as soon as this one is staged, or when it is published.
            let done = match engine.run(session, statement.clone()).await {
                Ok(outcome) => workspace.publish().map(|_| outcome),
                Err(error) => Err(error),
            };
            match done {
                Ok(outcome) => return Ok(outcome),
                Err(error) => {
                    workspace.discard(error.message())?;
                    let conflict = [codes::K1001, codes::K1002].contains(&error.code());
                    if !conflict || attempt >= ATTEMPTS {
                        return Err(error);
                    }
                }
            }
            attempt += 1;
            tokio::time::sleep(pause(attempt, &workspace)).await;
        }
    }

    /// A view of the catalog for statements. Every database has a schema PUBLIC, also before anything is
    /// in it.
    fn begin_sql(&self, session: &Session) -> Result<Workspace> {
        let temporary = session.memory.belongings::<Temporary>();
        let workspace = self.catalog.begin_in("sql", &temporary)?;
        if session.schema.as_str() == "PUBLIC" {
            let home = SchemaName::new(session.database.clone(), session.schema.clone());
            workspace.create_namespace(home);
        }
        Ok(workspace)
    }

    fn control(
        &self,
        session: &Session,
        control: Control,
        transaction: &mut Option<Arc<Workspace>>,
    ) -> Result<()> {
        match control {
            // A transaction in a transaction is the same one.
            Control::Begin if transaction.is_some() => {}
            Control::Begin => *transaction = Some(Arc::new(self.begin_sql(session)?)),
            Control::Commit => {
                if let Some(open) = transaction.take()
                    && let Err(error) = open.publish()
                {
                    open.discard(error.message())?;
                    return Err(error);
                }
            }
            Control::Rollback => {
                if let Some(open) = transaction.take() {
                    open.discard("rolled back")?;
                }
            }
        }
        Ok(())
    }
}

/// Statements that publish what they changed, each or between BEGIN and COMMIT; those of blocks too.
struct Publishing<'a> {
    platform: &'a Platform,
    compute: Compute,
    transaction: Option<Arc<Workspace>>,
    /// What expressions of blocks see, until a statement is run.
    look: Option<Arc<Workspace>>,
}

impl Publishing<'_> {
    fn forget(&mut self) -> Result<()> {
        match self.look.take() {
            Some(look) => look.discard("expressions change nothing"),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Statements for Publishing<'_> {
    async fn run(&mut self, session: &Session, statement: sql::Statement) -> Result<Outcome> {
        self.forget()?;
        if let Some(control) = Control::of(&statement.ast) {
            self.platform
                .control(session, control, &mut self.transaction)?;
            let done = "Statement executed successfully.".to_owned();
            return Ok(Outcome::Done(done));
        }
        // As in Snowflake, a definition ends the transaction it stands in, and has its own.
        if defines(&statement)
            && let Some(open) = self.transaction.take()
        {
            open.publish()?;
        }
        match &self.transaction {
            Some(open) => {
                let engine = Embedded::new(Arc::clone(open), self.compute.clone());
                engine.run(session, statement).await
            }
            None => self.platform.alone(session, &self.compute, statement).await,
        }
    }

    async fn engine(&mut self, session: &Session) -> Result<Embedded> {
        let seen = match (&self.transaction, &self.look) {
            (Some(open), _) => Arc::clone(open),
            (None, Some(look)) => Arc::clone(look),
            (None, None) => {
                let look = Arc::new(self.platform.begin_sql(session)?);
                self.look = Some(Arc::clone(&look));
                look
            }
        };
        Ok(Embedded::new(seen, self.compute.clone()))
    }
}

/// How often a statement is run again after conflicts.
const ATTEMPTS: u32 = 50;

/// How long to wait before the next attempt: a little more each time, and not the same for everybody.
fn pause(attempt: u32, workspace: &Workspace) -> Duration {
    let own = workspace
        .run()
        .to_string()
        .bytes()
        .map(u64::from)
        .sum::<u64>();
    let most = 5 * u64::from(attempt.min(20));
    Duration::from_millis(1 + (own * 7919) % most.max(1))
}

/// What begins and ends transactions:
/// <https://docs.snowflake.com/en/sql-reference/transactions>.
enum Control {
    Begin,
    Commit,
    Rollback,
}

impl Control {
    fn of(statement: &Statement) -> Option<Self> {
        match statement {
            Statement::StartTransaction {
                statements,
                exception: None,
                has_end_keyword: false,
                ..
            } if statements.is_empty() => Some(Self::Begin),
            Statement::Commit { chain: false, .. } => Some(Self::Commit),
            Statement::Rollback {
                chain: false,
                savepoint: None,
            } => Some(Self::Rollback),
            _ => None,
        }
    }
}

/// Whether a statement defines something, which ends the transaction it stands in.
fn defines(statement: &sql::Statement) -> bool {
    if let Some(command) = &statement.command {
        return matches!(
            command.as_ref(),
            Command::Create(_)
                | Command::Alter(_)
                | Command::Drop { .. }
                | Command::Undrop { .. }
                | Command::CreateFunction(_)
                | Command::DropFunction { .. }
                | Command::CreateProcedure(_)
                | Command::DropProcedure { .. }
                | Command::TableFromTemplate(_)
                | Command::Roles(_)
        );
    }
    matches!(
        statement.ast,
        Statement::CreateTable(_)
            | Statement::CreateView(_)
            | Statement::AlterTable(_)
            | Statement::Drop { .. }
            | Statement::Comment { .. }
    )
}
