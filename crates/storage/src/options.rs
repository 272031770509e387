//! [`StorageOptions`]: what a project says about a store beyond its location. Values may be secrets and
//! are never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use diagnostic::{Error, Result, codes};

use crate::Scheme;

/// What every store takes.
const COMMON: &[&str] = &[
    "endpoint",
    "allow_http",
    "anonymous",
    "ca_file",
    "retries",
    "retry_timeout",
    "timeout",
    "connect_timeout",
];

const S3: &[&str] = &[
    "region",
    "profile",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "role_arn",
    "role_session_name",
    "web_identity_token_file",
    "virtual_hosted_style",
    "request_payer",
    "server_side_encryption",
    "sse_kms_key_id",
];

const GCS: &[&str] = &[
    "service_account",
    "service_account_key",
    "application_credentials",
];

const AZURE: &[&str] = &[
    "account_name",
    "account_key",
    "sas_token",
    "tenant_id",
    "client_id",
    "client_secret",
    "federated_token_file",
    "use_emulator",
];

/// Options of a store by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StorageOptions {
    values: BTreeMap<String, String>,
}

impl StorageOptions {
    /// These options. [`crate::Storage::open`] refuses names its kind of store does not take.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            values: values.into_iter().collect(),
        }
    }

    /// The names that a store of kind `scheme` takes.
    pub fn names(scheme: Scheme) -> impl Iterator<Item = &'static str> {
        let own = match scheme {
            Scheme::File => &[][..],
            Scheme::S3 => S3,
            Scheme::Gcs => GCS,
            Scheme::Azure => AZURE,
        };
        let common = match scheme {
            Scheme::File => &[][..],
            _ => COMMON,
        };
        common.iter().chain(own).copied()
    }

    /// Refuses names that a store of kind `scheme` does not take.
    pub(crate) fn check(&self, scheme: Scheme) -> Result<()> {
        let known: Vec<&str> = Self::names(scheme).collect();
        match self
            .values
            .keys()
            .find(|name| !known.contains(&name.as_str()))
        {
            Some(name) => Err(Error::new(
                codes::B1002,
                format!("A store of `{}` has no option `{name}`", scheme.prefix()),
            )
            .suggest(name, known)),
            None => Ok(()),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(crate) fn truth(&self, name: &str) -> Result<bool> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(misfit(name, "true or false")),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>> {
        self.get(name)
            .map(|text| text.parse().map_err(|_| misfit(name, "a whole number")))
            .transpose()
    }

    pub(crate) fn seconds(&self, name: &str) -> Result<Option<Duration>> {
        let seconds = self.number(name)?;
        Ok(seconds.map(|seconds| Duration::from_secs(seconds.max(1) as u64)))
    }
}

fn misfit(name: &str, expected: &str) -> Error {
    Error::new(
        codes::B1002,
        format!("The storage option `{name}` takes {expected}"),
    )
}

impl fmt::Debug for StorageOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.values.keys().map(|name| (name, "***")))
            .finish()
    }
}
