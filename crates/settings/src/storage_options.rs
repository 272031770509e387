//! Options of object stores, of an environment's tables and of sources alike.

use diagnostic::Result;

use crate::Secret;
use crate::reader::Item;

/// Those that must not stand in a file that is committed and shared.
const SECRETS: &[&str] = &[
    "secret_access_key",
    "session_token",
    "account_key",
    "sas_token",
    "client_secret",
    "service_account_key",
];

/// Those that name a file: a relative path starts where other paths of the project do.
const FILES: &[&str] = &[
    "ca_file",
    "web_identity_token_file",
    "service_account",
    "application_credentials",
    "federated_token_file",
];

/// The options by name. Which there are depends on the kind of store, so they are judged when it is opened.
pub(crate) fn read(item: Item<'_>) -> Result<Vec<(String, Secret)>> {
    item.named()?.each(|key, value| {
        let name = key.text()?;
        if FILES.contains(&name.as_str()) {
            let path = value.path()?.to_string_lossy().into_owned();
            return Ok((name, Secret::from(path)));
        }
        let expanded = value.expanded()?;
        if SECRETS.contains(&name.as_str()) && !expanded.from_environment {
            return Err(value
                .refuse(&format!("`{name}` stands in a project file"))
                .help("write the name of a variable of the environment: `${NAME}`"));
        }
        Ok((name, Secret::from(expanded.text)))
    })
}
