//! [`RestCatalog`]: a client of catalogs that speak Iceberg's REST protocol
//! (<https://github.com/apache/iceberg/blob/main/open-api/rest-catalog-open-api.yaml>).
//!
//! The catalog follows what is published here: a table it does not know is registered by its metadata file, others get
//! the snapshots and columns they lack. It writes metadata files of its own, which lead to the same manifests.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use diagnostic::{Error, Result, ResultExt, codes};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use serde_json::{Value as Json, json};

use crate::metadata::MAIN;
use crate::{Table, TableMetadata};

const TIMEOUT: Duration = Duration::from_secs(30);

/// How often a change is tried that others make at the same time.
const ATTEMPTS: u32 = 4;

/// Where a REST catalog is, and who asks.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RestSettings {
    /// Its address, without `/v1`.
    pub uri: String,
    /// Which of its warehouses is meant.
    pub warehouse: Option<String>,
    /// A bearer token.
    pub token: Option<String>,
    /// `client_id:client_secret`, to be exchanged for a token by OAuth2's client credentials.
    pub credential: Option<String>,
    /// What the token is for.
    pub scope: Option<String>,
    /// Where tokens are exchanged, if not at the catalog.
    pub oauth2_server_uri: Option<String>,
}

impl fmt::Debug for RestSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestSettings")
            .field("uri", &self.uri)
            .field("warehouse", &self.warehouse)
            .field("token", &self.token.as_ref().map(|_| "***"))
            .field("credential", &self.credential.as_ref().map(|_| "***"))
            .finish_non_exhaustive()
    }
}

/// A REST catalog.
#[derive(Clone, Debug)]
pub struct RestCatalog {
    client: HttpClient,
    /// `https://host/path/v1/prefix`
    base: String,
    uri: String,
    authorization: Authorization,
}

/// The value of the header, which no log may show.
#[derive(Clone, Default)]
struct Authorization(Option<String>);

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().map_or("none", |_| "***"))
    }
}

/// An answer.
struct Answer {
    status: u16,
    body: Json,
}

impl RestCatalog {
    /// Asks for the catalog's configuration, after signing in where a credential is given.
    ///
    /// # Errors
    /// `K4003` if it does not answer or refuses, or if secrets would go over an open line.
    pub async fn connect(settings: &RestSettings) -> Result<Self> {
        let uri = settings.uri.trim_end_matches('/').to_owned();
        let open = uri.starts_with("http://");
        if open && !is_local(&uri) {
            return Err(Error::new(
                codes::K4003,
                format!("The Iceberg catalog `{uri}` would be spoken to without TLS"),
            )
            .help("use `https://`; without TLS a catalog must be on this machine"));
        }
        let options = ClientOptions::new()
            .with_timeout(TIMEOUT)
            .with_allow_http(open);
        let client = ReqwestConnector::default()
            .connect(&options)
            .explain(codes::K4003, || no_answer(&uri))?;
        let mut catalog = Self {
            client,
            base: format!("{uri}/v1"),
            uri,
            authorization: Authorization(settings.token.as_ref().map(|token| bearer(token))),
        };
        if let (Some(credential), None) = (&settings.credential, &settings.token) {
            let token = catalog.exchange(credential, settings).await?;
            catalog.authorization = Authorization(Some(bearer(&token)));
        }
        let asked = settings
            .warehouse
            .as_deref()
            .map_or_else(String::new, |name| format!("?warehouse={}", encoded(name)));
        let answer = catalog
            .call("GET", &format!("{}/config{asked}", catalog.base), None)
            .await?;
        let configuration = catalog.good(answer, "its configuration")?;
        let setting = |key: &str| {
            let of = |part: &str| configuration.get(part)?.get(key)?.as_str();
            of("overrides").or_else(|| of("defaults"))
        };
        if let Some(prefix) = setting("prefix") {
            let parts: Vec<String> = prefix.split('/').map(encoded).collect();
            catalog.base = format!("{}/{}", catalog.base, parts.join("/"));
        }
        Ok(catalog)
    }

    /// A token for a credential (RFC 6749, section 4.4).
    async fn exchange(&self, credential: &str, settings: &RestSettings) -> Result<String> {
        let (id, secret) = credential.split_once(':').unwrap_or(("", credential));
        let scope = settings.scope.as_deref().unwrap_or("catalog");
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("scope", scope),
        ];
        let form: Vec<String> = fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let own = format!("{}/oauth/tokens", self.base);
        let url = settings.oauth2_server_uri.as_deref().unwrap_or(&own);
        if url.starts_with("http://") && !is_local(url) {
            return Err(Error::new(
                codes::K4003,
                format!("A credential would be sent to `{url}` without TLS"),
            ));
        }
        let body = Body::Form(form.join("&"));
        let answer = self.call("POST", url, Some(body)).await?;
        let token = self.good(answer, "a token")?;
        let token = token.get("access_token").and_then(Json::as_str);
        token
            .map(ToOwned::to_owned)
            .ok_or_else(|| Error::new(codes::K4003, format!("`{url}` gave no token")))
    }

    async fn call(&self, method: &str, url: &str, body: Option<Body>) -> Result<Answer> {
        let wrong = || no_answer(&self.uri);
        let (kind, bytes) = match body {
            Some(Body::Json(body)) => ("application/json", body.to_string()),
            Some(Body::Form(body)) => ("application/x-www-form-urlencoded", body),
            None => ("", String::new()),
        };
        let mut request = HttpRequest::new(match bytes.is_empty() {
            true => HttpRequestBody::empty(),
            false => bytes.into(),
        });
        *request.method_mut() = method.parse().explain(codes::X0001, wrong)?;
        *request.uri_mut() = url.parse().explain(codes::K4003, wrong)?;
        let headers = request.headers_mut();
        headers.insert(
            "accept",
            "application/json".parse().explain(codes::X0001, wrong)?,
        );
        if !kind.is_empty() {
            headers.insert("content-type", kind.parse().explain(codes::X0001, wrong)?);
        }
        if let Some(authorization) = &self.authorization.0 {
            // The cause would show the token.
            let value = authorization.parse().map_err(|_| {
                Error::new(
                    codes::K4003,
                    "The token of the Iceberg catalog is no header's value",
                )
            })?;
            headers.insert("authorization", value);
        }
        let response = self.client.execute(request).await;
        let response = response.explain(codes::K4003, wrong)?;
        let status = response.status().as_u16();
        let bytes = response
            .into_body()
            .bytes()
            .await
            .explain(codes::K4003, wrong)?;
        Ok(Answer {
            status,
            body: serde_json::from_slice(&bytes).unwrap_or(Json::Null),
        })
    }

    /// The body of an answer that is no refusal.
    fn good(&self, answer: Answer, asked: &str) -> Result<Json> {
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        let error = answer.body.get("error");
        let message = error.and_then(|error| error.get("message").or(Some(error)));
        let message = message.and_then(Json::as_str).unwrap_or("no reason given");
        let code = match answer.status {
            409 => codes::K4005,
            _ => codes::K4003,
        };
        Err(Error::new(
            code,
            format!(
                "The Iceberg catalog `{}` refuses {asked}: {message} (status {})",
                self.uri, answer.status
            ),
        ))
    }

    fn tables(&self, namespace: &[&str]) -> String {
        // Levels of a namespace are kept apart by the unit separator.
        let levels: Vec<String> = namespace.iter().map(|level| encoded(level)).collect();
        format!("{}/namespaces/{}", self.base, levels.join("%1F"))
    }

    fn table(&self, namespace: &[&str], name: &str) -> String {
        format!("{}/tables/{}", self.tables(namespace), encoded(name))
    }

    /// What the catalog says of the table `name`, if it has it.
    ///
    /// # Errors
    /// `K4003` if it does not answer or refuses.
    pub async fn load(&self, namespace: &[&str], name: &str) -> Result<Option<TableMetadata>> {
        let url = self.table(namespace, name);
        let answer = self.call("GET", &url, None).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let found = self.good(answer, &format!("table `{name}`"))?;
        let metadata = found
            .get("metadata")
            .map(Json::to_string)
            .unwrap_or_default();
        TableMetadata::parse(name, metadata.as_bytes()).map(Some)
    }

    /// Makes a namespace that may exist, with those it is in.
    async fn create_namespace(&self, namespace: &[&str]) -> Result<()> {
        for depth in 1..=namespace.len() {
            let levels = namespace.get(..depth).unwrap_or_default();
            let body = json!({"namespace": levels, "properties": {}});
            let url = format!("{}/namespaces", self.base);
            let answer = self.call("POST", &url, Some(Body::Json(body))).await?;
            if answer.status != 409 {
                self.good(answer, &format!("namespace `{}`", levels.join(".")))?;
            }
        }
        Ok(())
    }

    /// Forgets the table `name`; its files stay.
    ///
    /// # Errors
    /// `K4003` if it does not answer or refuses.
    pub async fn drop_table(&self, namespace: &[&str], name: &str) -> Result<()> {
        let url = format!("{}?purgeRequested=false", self.table(namespace, name));
        let answer = self.call("DELETE", &url, None).await?;
        match answer.status {
            404 => Ok(()),
            _ => self
                .good(answer, &format!("to drop table `{name}`"))
                .map(drop),
        }
    }

    /// Lets the catalog's table `name` be what `table` is. Nothing happens if it is so already.
    ///
    /// # Errors
    /// `K4004` if the catalog has snapshots that are not of here, `K4003` if it does not answer or refuses.
    pub async fn follow(&self, namespace: &[&str], name: &str, table: &Table) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.try_to_follow(namespace, name, table).await {
                Err(error) if error.code() == codes::K4005 && attempt < ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    async fn try_to_follow(&self, namespace: &[&str], name: &str, table: &Table) -> Result<()> {
        let ours = table.metadata();
        let known = self.load(namespace, name).await?;
        let theirs = match known {
            // A table that was built anew under its name.
            Some(theirs) if theirs.table_uuid != ours.table_uuid && is_ours(&theirs) => {
                self.drop_table(namespace, name).await?;
                None
            }
            Some(theirs) if theirs.table_uuid != ours.table_uuid => {
                return Err(changed(namespace, name));
            }
            theirs => theirs,
        };
        let Some(theirs) = theirs else {
            self.create_namespace(namespace).await?;
            let url = format!("{}/register", self.tables(namespace));
            let body = json!({"name": name, "metadata-location": table.metadata_location()});
            let answer = self.call("POST", &url, Some(Body::Json(body))).await?;
            return self
                .good(answer, &format!("to register table `{name}`"))
                .map(drop);
        };
        let newest = ours.last_sequence_number;
        let of_here = theirs.current_snapshot_id.is_none_or(|id| {
            // Snapshots are forgotten in time, so an old one need not be known any more.
            ours.snapshot(id).is_some()
                || theirs
                    .current()
                    .is_some_and(|s| s.summary.contains_key("sluice.runId"))
        });
        if !of_here || theirs.last_sequence_number > newest {
            return Err(changed(namespace, name));
        }
        let updates = updates(&theirs, ours);
        if updates.is_empty() {
            return Ok(());
        }
        let requirements = json!([
            {"type": "assert-table-uuid", "uuid": ours.table_uuid},
            {"type": "assert-ref-snapshot-id", "ref": MAIN, "snapshot-id": theirs.current_snapshot_id},
            {"type": "assert-current-schema-id", "current-schema-id": theirs.current_schema_id},
        ]);
        let body = json!({
            "identifier": {"namespace": namespace, "name": name},
            "requirements": requirements,
            "updates": updates,
        });
        let url = self.table(namespace, name);
        let answer = self.call("POST", &url, Some(Body::Json(body))).await?;
        self.good(answer, &format!("a new version of table `{name}`"))
            .map(drop)
    }
}

enum Body {
    Json(Json),
    Form(String),
}

/// What `theirs` lacks to be `ours`.
fn updates(theirs: &TableMetadata, ours: &TableMetadata) -> Vec<Json> {
    let mut updates = Vec::new();
    let known: Vec<i32> = theirs
        .schemas
        .iter()
        .map(|schema| schema.schema_id)
        .collect();
    for schema in &ours.schemas {
        if !known.contains(&schema.schema_id) {
            updates.push(json!({
                "action": "add-schema", "schema": schema, "last-column-id": ours.last_column_id,
            }));
        }
    }
    if theirs.current_schema_id != ours.current_schema_id {
        updates.push(json!({
            "action": "set-current-schema", "schema-id": ours.current_schema_id,
        }));
    }
    let changed: BTreeMap<&String, &String> = ours
        .properties
        .iter()
        .filter(|(key, value)| theirs.properties.get(*key) != Some(*value))
        .collect();
    if !changed.is_empty() {
        updates.push(json!({"action": "set-properties", "updates": changed}));
    }
    for snapshot in &ours.snapshots {
        if snapshot.sequence_number > theirs.last_sequence_number {
            updates.push(json!({"action": "add-snapshot", "snapshot": snapshot}));
        }
    }
    if let Some(current) = ours.current_snapshot_id
        && theirs.current_snapshot_id != Some(current)
    {
        updates.push(json!({
            "action": "set-snapshot-ref", "ref-name": MAIN, "type": "branch", "snapshot-id": current,
        }));
    }
    updates
}

/// Whether a table was made by a Sluice: only such a one may be replaced.
fn is_ours(metadata: &TableMetadata) -> bool {
    metadata.properties.contains_key("sluice.columns")
}

fn changed(namespace: &[&str], name: &str) -> Error {
    Error::new(
        codes::K4004,
        format!(
            "Table `{}.{name}` of the Iceberg catalog was changed by another engine",
            namespace.join(".")
        ),
    )
    .help("write the table through Sluice only; drop it there to have it made again")
}

fn no_answer(uri: &str) -> String {
    format!("The Iceberg catalog `{uri}` does not answer")
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Whether an address is of this machine.
fn is_local(url: &str) -> bool {
    let host = url.strip_prefix("http://").unwrap_or(url);
    let host = host.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
}

/// `text` as a part of an address (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{encoded, is_local};

    #[test]
    fn names_are_encoded_and_only_this_machine_is_local() {
        assert_eq!(encoded("a b/ü"), "a%20b%2F%C3%BC");
        assert!(is_local("http://127.0.0.1:8181/x"));
        assert!(is_local("http://localhost"));
        assert!(!is_local("http://localhost.example.com:80"));
        assert!(!is_local("http://127.0.0.1@example.com/"));
    }
}
