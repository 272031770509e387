//! [`Location`]: where something is stored, as people write it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use diagnostic::{Error, codes};
use url::Url;

/// What kind of store a location is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// A folder of this machine.
    File,
    /// A bucket of Amazon S3, or of a server that speaks its protocol.
    S3,
    /// A bucket of Google Cloud Storage.
    Gcs,
    /// A container of Azure Blob Storage.
    Azure,
}

impl Scheme {
    /// How locations of this kind begin.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::File => "file://",
            Self::S3 => "s3://",
            Self::Gcs => "gs://",
            Self::Azure => "az://",
        }
    }
}

/// A place in a store: `/data`, `file:///data`, `s3://bucket/prefix`, `gs://bucket/prefix` or
/// `az://container/prefix`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// An absolute path of this machine.
    Local(PathBuf),
    /// A prefix in a bucket.
    Remote {
        /// What kind of store.
        scheme: Scheme,
        /// The bucket or container.
        bucket: String,
        /// The names below it, joined by `/`, without one at the ends.
        path: String,
    },
}

impl Location {
    /// Whether `text` names its store, so that it is no path.
    #[must_use]
    pub fn is_url(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric())
        })
    }

    /// The kind of store.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Local(_) => Scheme::File,
            Self::Remote { scheme, .. } => *scheme,
        }
    }

    /// The folder, if it is on this machine.
    #[must_use]
    pub fn as_local(&self) -> Option<&Path> {
        match self {
            Self::Local(folder) => Some(folder),
            Self::Remote { .. } => None,
        }
    }

    /// The location of `name`, which may hold `/`, below this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::Local(folder) => Self::Local(folder.join(name)),
            Self::Remote {
                scheme,
                bucket,
                path,
            } => {
                let parts = [path.as_str(), name.trim_matches('/')];
                let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                Self::Remote {
                    scheme: *scheme,
                    bucket: bucket.clone(),
                    path: parts.join("/"),
                }
            }
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(folder) => write!(f, "{}", folder.display()),
            Self::Remote {
                scheme,
                bucket,
                path,
            } if path.is_empty() => write!(f, "{}{bucket}", scheme.prefix()),
            Self::Remote {
                scheme,
                bucket,
                path,
            } => write!(f, "{}{bucket}/{path}", scheme.prefix()),
        }
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if !Self::is_url(text) {
            let path = Path::new(text);
            if path.is_absolute() {
                return Ok(Self::Local(path.to_owned()));
            }
            return Err(refuse(text, "is no absolute path"));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                let path = Url::parse(text)
                    .ok()
                    .and_then(|url| url.to_file_path().ok());
                return path
                    .map(Self::Local)
                    .ok_or_else(|| refuse(text, "names no absolute path"));
            }
            "s3" | "s3a" => Scheme::S3,
            "gs" | "gcs" => Scheme::Gcs,
            "az" | "azure" => Scheme::Azure,
            _ => return Err(refuse(text, "is in a store of an unknown kind")),
        };
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        // Secrets do not belong into a location, which is shown: `s3://key:secret@bucket`, `?sig=…`.
        if bucket.contains('@') || rest.contains(['?', '#']) {
            return Err(Error::new(
                codes::B1001,
                format!(
                    "A location of `{}` holds a bucket and a path, and nothing else",
                    scheme.prefix()
                ),
            )
            .help("put keys and tokens into the storage options, as `${NAME}`"));
        }
        if bucket.is_empty() {
            return Err(refuse(text, "names no bucket"));
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if parts.iter().any(|part| matches!(*part, "." | "..")) {
            return Err(refuse(text, "holds `.` or `..`"));
        }
        Ok(Self::Remote {
            scheme,
            bucket: bucket.to_owned(),
            path: parts.join("/"),
        })
    }
}

fn refuse(text: &str, why: &str) -> Error {
    Error::new(codes::B1001, format!("The location `{text}` {why}")).help(
        "write `/folder`, `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Location, Scheme};

    #[test]
    fn places_of_all_kinds_are_read_and_shown() {
        for (text, scheme, shown) in [
            ("/data/lake", Scheme::File, "/data/lake"),
            ("file:///data/a%20b", Scheme::File, "/data/a b"),
            ("s3://bucket", Scheme::S3, "s3://bucket"),
            ("s3a://bucket//a/b/", Scheme::S3, "s3://bucket/a/b"),
            ("gs://bucket/a", Scheme::Gcs, "gs://bucket/a"),
            ("az://container/a", Scheme::Azure, "az://container/a"),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.scheme(), scheme, "{text}");
            assert_eq!(location.to_string(), shown);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "relative/path",
            "s3://",
            "s3:///path",
            "ftp://host/path",
            "s3://bucket/a/../b",
            "file://host/path",
        ] {
            let error = text.parse::<Location>().unwrap_err();
            assert_eq!(error.code().id, "B1001", "{text}");
        }
    }

    #[test]
    fn a_location_with_a_secret_is_refused_without_showing_it() {
        for text in ["s3://key:hunter2@bucket/a", "az://c/a?sig=hunter2"] {
            let error = text.parse::<Location>().unwrap_err();
            assert!(!error.message().contains("hunter2"));
        }
    }

    #[test]
    fn names_are_joined() {
        let bucket: Location = "s3://bucket".parse().unwrap();
        assert_eq!(bucket.join("a/").join("/b").to_string(), "s3://bucket/a/b");
        let folder: Location = "/data".parse().unwrap();
        assert_eq!(folder.join("a/b").to_string(), "/data/a/b");
    }
}
