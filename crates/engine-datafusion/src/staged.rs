//! Staged files as tables: `from @stage/path (file_format => …, pattern => …)`.

use std::sync::Arc;

use datafusion::datasource::TableProvider;
use diagnostic::Result;
use sqlparser::ast::{ObjectName, TableFunctionArgs};

use crate::provider::Databases;
use crate::statement::unsupported;

/// Whether `name` names a stage.
pub(crate) fn is_stage(name: &ObjectName) -> bool {
    name.0
        .first()
        .and_then(|part| part.as_ident())
        .is_some_and(|ident| ident.value.starts_with('@'))
}

/// The rows of the files that `name` means.
pub(crate) async fn provider(
    _databases: &Databases,
    name: &ObjectName,
    _arguments: Option<&TableFunctionArgs>,
) -> Result<Arc<dyn TableProvider>> {
    Err(unsupported(name))
}
