//! Where the tables of a catalog are, remembered beside it: pointers are relative to that place, so a changed setting
//! must not send readers elsewhere.

use std::path::Path;

use diagnostic::{Error, Result, ResultExt, codes};
use state::State;
use storage::{Storage, block_on};

/// The file that names the place, if it is not the catalog's own folder.
const FILE: &str = "warehouse.location";

/// The catalog's own folder, in words.
const OWN: &str = "the catalog's own folder";

/// Sees to it that the catalog in `folder` has its tables in `tables`, or in its own folder without one. A
/// store is tried before it is trusted with the first table.
pub(crate) fn settle(folder: &Path, tables: Option<&Storage>, state: &State) -> Result<()> {
    let file = folder.join(FILE);
    let known = known(folder)?;
    let wanted = tables.map(|tables| tables.location().to_string());
    if known == wanted {
        return Ok(());
    }
    let has_tables = !state.snapshot()?.relations.is_empty();
    if has_tables || known.is_some() {
        let known = known.as_deref().unwrap_or(OWN);
        let wanted = wanted.as_deref().unwrap_or(OWN);
        return Err(Error::new(
            codes::K2005,
            format!("The catalog's tables are in {known}, and the settings say {wanted}"),
        )
        .help("set `warehouse` back, or use an environment of another name for the new place"));
    }
    let Some(tables) = tables else { return Ok(()) };
    if tables.location().as_local().is_none() {
        let tables = tables.clone();
        block_on(async move { tables.check_conditional_put().await })??;
    }
    std::fs::write(&file, wanted.unwrap_or_default()).explain(codes::K2003, || {
        format!("`{}` cannot be written", file.display())
    })
}

/// The place that is remembered for the catalog in `folder`; `None` for its own folder.
pub(crate) fn known(folder: &Path) -> Result<Option<String>> {
    let file = folder.join(FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).explain(codes::K2003, || {
            format!("`{}` cannot be read", file.display())
        }),
    }
}
