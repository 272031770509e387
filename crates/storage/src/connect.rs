//! From a location and options to a store that keeps its patience bounded.

use std::sync::Arc;
use std::time::Duration;

use diagnostic::{Error, Result, ResultExt, codes};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::SpawnedReqwestConnector;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig};

use crate::failure::explain;
use crate::patience::Patient;
use crate::{Location, Scheme, StorageOptions, runtime, s3};

/// The store that holds `location`: all of the file system, or all of the bucket.
pub(crate) fn connect(
    location: &Location,
    options: &StorageOptions,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Arc<dyn ObjectStore>> {
    let scheme = location.scheme();
    options.check(scheme)?;
    let Location::Remote { bucket, .. } = location else {
        return Ok(Arc::new(LocalFileSystem::new()));
    };
    let wrong = |cause| explain(cause, format!("The store of `{location}` cannot be used"));
    let retry = retry(options)?;
    let connector = SpawnedReqwestConnector::new(runtime::handle()?);
    match scheme {
        Scheme::File => Ok(Arc::new(LocalFileSystem::new())),
        Scheme::S3 => {
            let plan = s3::plan(bucket, options, variable)?;
            let client = client(options, plan.endpoint.as_deref(), plan.ca_file.as_deref())?;
            let store = plan
                .builder
                .with_retry(retry)
                .with_client_options(client)
                .with_http_connector(connector)
                .build();
            Ok(Arc::new(Patient(Arc::new(store.map_err(wrong)?))))
        }
        Scheme::Gcs => {
            let store = gcs(bucket, options)?
                .with_retry(retry)
                .with_client_options(client(
                    options,
                    options.get("endpoint"),
                    options.get("ca_file"),
                )?)
                .with_http_connector(connector)
                .build();
            Ok(Arc::new(Patient(Arc::new(store.map_err(wrong)?))))
        }
        Scheme::Azure => {
            let store = azure(bucket, options)?
                .with_retry(retry)
                .with_client_options(client(
                    options,
                    options.get("endpoint"),
                    options.get("ca_file"),
                )?)
                .with_http_connector(connector)
                .build();
            Ok(Arc::new(Patient(Arc::new(store.map_err(wrong)?))))
        }
    }
}

/// Google's own variables (`GOOGLE_APPLICATION_CREDENTIALS` and its kin) are read by the client.
fn gcs(bucket: &str, options: &StorageOptions) -> Result<GoogleCloudStorageBuilder> {
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_skip_signature(options.truth("anonymous")?);
    for (name, key) in [
        ("service_account", GoogleConfigKey::ServiceAccount),
        ("service_account_key", GoogleConfigKey::ServiceAccountKey),
        (
            "application_credentials",
            GoogleConfigKey::ApplicationCredentials,
        ),
    ] {
        if let Some(value) = options.get(name) {
            builder = builder.with_config(key, value);
        }
    }
    Ok(match options.get("endpoint") {
        Some(endpoint) => builder.with_base_url(endpoint),
        None => builder,
    })
}

/// Azure's own variables (`AZURE_STORAGE_ACCOUNT_NAME` and its kin) are read by the client.
fn azure(container: &str, options: &StorageOptions) -> Result<MicrosoftAzureBuilder> {
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_container_name(container)
        .with_skip_signature(options.truth("anonymous")?)
        .with_use_emulator(options.truth("use_emulator")?);
    for (name, key) in [
        ("account_name", AzureConfigKey::AccountName),
        ("account_key", AzureConfigKey::AccessKey),
        ("sas_token", AzureConfigKey::SasKey),
        ("tenant_id", AzureConfigKey::AuthorityId),
        ("client_id", AzureConfigKey::ClientId),
        ("client_secret", AzureConfigKey::ClientSecret),
        ("federated_token_file", AzureConfigKey::FederatedTokenFile),
        ("endpoint", AzureConfigKey::Endpoint),
    ] {
        if let Some(value) = options.get(name) {
            builder = builder.with_config(key, value);
        }
    }
    Ok(builder)
}

/// Pauses double from a tenth of a second, each drawn at random, so that writers that failed together do not
/// come back together.
fn retry(options: &StorageOptions) -> Result<RetryConfig> {
    Ok(RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: options.number("retries")?.unwrap_or(8),
        retry_timeout: options
            .seconds("retry_timeout")?
            .unwrap_or(Duration::from_secs(180)),
    })
}

fn client(
    options: &StorageOptions,
    endpoint: Option<&str>,
    ca_file: Option<&str>,
) -> Result<ClientOptions> {
    let plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let allowed = options.truth("allow_http")? || endpoint.is_some_and(on_this_machine);
    if plain && !allowed {
        return Err(Error::new(
            codes::B1002,
            "The endpoint of a store is another machine, and not encrypted",
        )
        .help("use `https://`, or permit it with `allow_http: true`"));
    }
    let seconds = |name, usual| -> Result<Duration> {
        Ok(options.seconds(name)?.unwrap_or(Duration::from_secs(usual)))
    };
    let client = ClientOptions::new()
        .with_allow_http(plain)
        .with_timeout(seconds("timeout", 60)?)
        .with_connect_timeout(seconds("connect_timeout", 5)?);
    Ok(authorities(ca_file)?
        .into_iter()
        .fold(client, ClientOptions::with_root_certificate))
}

/// The certificates of a file, which are trusted beside the system's.
fn authorities(ca_file: Option<&str>) -> Result<Vec<Certificate>> {
    let Some(path) = ca_file else {
        return Ok(Vec::new());
    };
    let wrong = || format!("The certificates in `{path}` cannot be used");
    let text = std::fs::read(path).explain(codes::B1002, wrong)?;
    let found = Certificate::from_pem_bundle(&text).explain(codes::B1002, wrong)?;
    if found.is_empty() {
        let error = Error::new(codes::B1002, format!("`{path}` holds no certificate"));
        return Err(error.help("write one or more certificates there in PEM form"));
    }
    Ok(found)
}

fn on_this_machine(endpoint: &str) -> bool {
    let host = url::Url::parse(endpoint).ok();
    let host = host.as_ref().and_then(url::Url::host_str);
    host.is_some_and(|host| host == "localhost" || host == "[::1]" || host.starts_with("127."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::connect;
    use crate::{Location, StorageOptions};

    /// The code of the error, if the store cannot be used.
    fn code(location: &str, options: &[(&str, &str)]) -> Option<&'static str> {
        let location: Location = location.parse().unwrap();
        let options = options
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        let keys = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")];
        connect(&location, &StorageOptions::new(options), &|name: &str| {
            let found = keys.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
        .err()
        .map(|error| error.code().id)
    }

    #[test]
    fn a_store_without_encryption_is_allowed_here_or_by_name() {
        let endpoint = |endpoint| ("endpoint", endpoint);
        assert_eq!(code("s3://b", &[endpoint("http://127.0.0.1:9000")]), None);
        let far = endpoint("http://storage.example.org");
        assert_eq!(code("s3://b", &[far]), Some("B1002"));
        assert_eq!(code("s3://b", &[far, ("allow_http", "true")]), None);
    }

    #[test]
    fn options_that_do_not_fit_are_refused() {
        assert_eq!(code("s3://b", &[("regoin", "x")]), Some("B1002"));
        assert_eq!(code("s3://b", &[("retries", "many")]), Some("B1002"));
        assert_eq!(code("/tmp", &[("region", "x")]), Some("B1002"));
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let option = [("ca_file", path.to_str().unwrap())];
        for location in ["s3://b", "gs://b"] {
            assert_eq!(code(location, &option), Some("B1002"), "a missing file");
        }
        std::fs::write(&path, "no certificate").unwrap();
        assert_eq!(code("s3://b", &option), Some("B1002"));
    }

    #[test]
    fn azure_and_google_are_built_from_options() {
        let azure = [("account_name", "a"), ("account_key", "aGVsbG8=")];
        assert_eq!(code("az://c/p", &azure), None);
        assert_eq!(code("gs://b/p", &[("anonymous", "true")]), None);
    }
}
