//! Whether a store keeps two writers of one name apart. Some accept `If-None-Match: *` and ignore it.

use diagnostic::{Error, Result, codes};
use object_store::{ObjectStoreExt, PutMode};

use crate::Storage;

impl Storage {
    /// Writes a small file below the location twice, each time only if there is none, and expects the second
    /// write to be refused. The file is removed again.
    ///
    /// # Errors
    /// `B3001` if the store wrote twice or cannot do it, `B2001` to `B2003` if it cannot be written at all.
    pub async fn check_conditional_put(&self) -> Result<()> {
        let name = format!(".sluice-self-test-{}", uuid::Uuid::new_v4());
        let checked = self.write_twice(&name).await;
        // What is left of a test that failed to clean up is a few bytes that nobody reads.
        let removed = self.remove(&name).await;
        checked.and(removed)
    }

    async fn write_twice(&self, name: &str) -> Result<()> {
        // Through `create`, which survives a lost answer.
        self.create(name, "first").await?;
        let path = self.path(name);
        let again = self
            .store()
            .put_opts(&path, "second".into(), PutMode::Create.into());
        match again.await {
            Err(object_store::Error::AlreadyExists { .. }) => {}
            Ok(_) => return Err(self.ignores("it wrote a file that must not exist twice")),
            Err(
                object_store::Error::NotImplemented { .. }
                | object_store::Error::NotSupported { .. },
            ) => return Err(self.ignores("it does not know them")),
            Err(cause) => return Err(self.explain(cause, name, "written")),
        }
        // A store that refuses and writes nevertheless.
        let there = self.store().get(&path).await;
        let there = match there {
            Ok(found) => found.bytes().await,
            Err(cause) => Err(cause),
        };
        match there {
            Ok(bytes) if bytes == "first" => Ok(()),
            Ok(_) => Err(self.ignores("it wrote what it said it refused")),
            Err(cause) => Err(self.explain(cause, name, "read")),
        }
    }

    fn ignores(&self, what: &str) -> Error {
        Error::new(
            codes::B3001,
            format!(
                "The store of `{}` cannot keep two writers of a table apart: {what}",
                self.location()
            ),
        )
        .help(
            "use a store that honours `If-None-Match: *`, or keep the warehouse in a local folder",
        )
    }
}
