//! Tables of runs that came to nothing: taken out of the way first, removed when their run's end is recorded.
//!
//! A folder's name may be given again once it is free, so a process that is killed while it clears up must not leave the
//! next one in doubt whose folder stands there. What is set aside says so by its place.

use std::io::ErrorKind;
use std::path::PathBuf;

use diagnostic::{Result, ResultExt, codes};

use crate::Warehouse;

/// The folder of what was set aside, by run. No database's folder begins with a dot.
const SET_ASIDE: &str = ".dropped";

impl Warehouse {
    /// Takes the table at `location`, to which no pointer leads, out of the way for `run`, which made it. Doing it again
    /// changes nothing, even if the location was given to another run since. Locations in a bucket are never given
    /// again: there it is removed at once.
    ///
    /// # Errors
    /// `K2003` if it cannot be moved, `B2002`, `B2003` in an object store.
    pub fn set_aside(&self, location: &str, run: &str) -> Result<()> {
        let folder = self.folder(location);
        let (Some(root), Some(folder)) = (self.aside(), folder.as_local()) else {
            return self.remove(location);
        };
        let aside = root.join(run).join(location);
        if aside.exists() {
            return Ok(());
        }
        let wrong = || {
            format!(
                "`{}` cannot be moved to `{}`",
                folder.display(),
                aside.display()
            )
        };
        if let Some(parent) = aside.parent() {
            std::fs::create_dir_all(parent).explain(codes::K2003, wrong)?;
        }
        match std::fs::rename(folder, &aside) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            moved => moved.explain(codes::K2003, wrong),
        }
    }

    /// The runs for which something is set aside.
    ///
    /// # Errors
    /// `K2003` if the folder cannot be listed.
    pub fn set_aside_for(&self) -> Result<Vec<String>> {
        let Some(root) = self.aside() else {
            return Ok(Vec::new());
        };
        let wrong = || format!("Folder `{}` cannot be listed", root.display());
        let entries = match std::fs::read_dir(&root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.explain(codes::K2003, wrong)?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            let name = entry.explain(codes::K2003, wrong)?.file_name();
            runs.extend(name.into_string());
        }
        Ok(runs)
    }

    /// Removes what was set aside for `run`, whose end is recorded.
    ///
    /// # Errors
    /// `K2003` if it cannot be removed.
    pub fn remove_aside(&self, run: &str) -> Result<()> {
        let Some(folder) = self.aside().map(|root| root.join(run)) else {
            return Ok(());
        };
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.explain(codes::K2003, || {
                format!("`{}` cannot be removed", folder.display())
            }),
        }
    }

    /// The folder of what was set aside; none in a bucket.
    fn aside(&self) -> Option<PathBuf> {
        let root = self.storage_of("").location();
        root.as_local().map(|root| root.join(SET_ASIDE))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_stays_so_when_its_name_is_given_again() {
        let root = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::published(root.path()).unwrap();
        let location = warehouse.reserve("shop/public/orders").unwrap();
        let file = |location: &str| root.path().join(location).join("a.parquet");
        std::fs::write(file(&location), "lost").unwrap();
        warehouse.set_aside(&location, "one").unwrap();
        let again = warehouse.reserve("shop/public/orders").unwrap();
        assert_eq!(again, location);
        std::fs::write(file(&again), "kept").unwrap();
        // The process was killed before it could say that it is done.
        warehouse.set_aside(&location, "one").unwrap();
        assert_eq!(std::fs::read_to_string(file(&again)).unwrap(), "kept");
        assert_eq!(warehouse.set_aside_for().unwrap(), ["one"]);
        warehouse.remove_aside("one").unwrap();
        assert!(warehouse.set_aside_for().unwrap().is_empty());
        assert_eq!(std::fs::read_to_string(file(&again)).unwrap(), "kept");
    }
}
