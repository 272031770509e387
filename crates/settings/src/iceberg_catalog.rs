//! `iceberg_catalog` of an environment: a REST catalog that is told of the Iceberg tables that are published.

use diagnostic::Result;

use crate::Secret;
use crate::reader::Item;

/// A REST catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcebergCatalogSpec {
    /// Its address, without `/v1`.
    pub uri: String,
    /// Which of its warehouses is meant.
    pub warehouse: Option<String>,
    /// A bearer token.
    pub token: Option<Secret>,
    /// `client_id:client_secret`, exchanged for a token.
    pub credential: Option<Secret>,
    /// What the token is for.
    pub scope: Option<String>,
    /// Where tokens are exchanged, if not at the catalog.
    pub oauth2_server_uri: Option<String>,
}

pub(crate) fn read(item: Item<'_>) -> Result<IcebergCatalogSpec> {
    let fields = item.fields(&[
        "uri",
        "warehouse",
        "token",
        "credential",
        "scope",
        "oauth2_server_uri",
    ])?;
    let text = |name: &str| fields.get(name).map(|item| item.filled()).transpose();
    let secret = |name: &str| {
        let Some(item) = fields.get(name) else {
            return Ok(None);
        };
        let expanded = item.expanded()?;
        if !expanded.from_environment {
            return Err(item
                .refuse(&format!("`{name}` stands in a project file"))
                .help("write the name of a variable of the environment: `${NAME}`"));
        }
        Ok(Some(Secret::from(expanded.text)))
    };
    let uri = fields.require("uri")?;
    let address = uri.filled()?;
    if !address.starts_with("https://") && !address.starts_with("http://") {
        return Err(uri.refuse("The address of a REST catalog begins with `https://`"));
    }
    Ok(IcebergCatalogSpec {
        uri: address,
        warehouse: text("warehouse")?,
        token: secret("token")?,
        credential: secret("credential")?,
        scope: text("scope")?,
        oauth2_server_uri: text("oauth2_server_uri")?,
    })
}
