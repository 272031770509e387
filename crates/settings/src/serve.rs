//! `serve` of `sluice.yml`: who may tell `sluice serve` of files, and how it encrypts.

use std::path::PathBuf;

use diagnostic::Result;

use crate::Located;
use crate::reader::{Fields, Item, refuse_twins};
use crate::source::{Secret, Signature, read_path, read_secret, read_signature};

/// What `sluice serve` takes beyond the events of webhook sources.
#[derive(Clone, Debug, Default)]
pub struct ServeSpec {
    /// Certificate and key; without them the server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Who may announce files and upload them.
    pub callers: Vec<CallerSpec>,
    /// Addresses that take in the events of buckets.
    pub events: Vec<BucketEventsSpec>,
}

/// The files of a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and an authority, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// Somebody who may announce and upload files.
#[derive(Clone, Debug)]
pub struct CallerSpec {
    /// What logs call it.
    pub name: Located<String>,
    /// How it proves who it is.
    pub proof: CallerProof,
    /// The streams it may name, as `source.stream`; all if there are none.
    pub streams: Vec<Located<String>>,
}

/// How a caller proves who it is.
#[derive(Clone, Debug)]
pub enum CallerProof {
    /// `Authorization: Bearer <token>`.
    Token(Secret),
    /// A JSON Web Token signed by its private key, as Snowflake's key-pair authentication has it
    /// (<https://docs.snowflake.com/en/developer-guide/sql-api/authenticating#using-key-pair-authentication>).
    KeyPair {
        /// The account that the token names.
        account: String,
        /// The user that the token names.
        user: String,
        /// The file of its public key, PEM.
        public_key: PathBuf,
    },
}

/// An address that buckets send their events to.
#[derive(Clone, Debug)]
pub struct BucketEventsSpec {
    /// The path of the address.
    pub path: Located<String>,
    /// How the sender proves who it is.
    pub signature: Signature,
}

/// Reads `serve`.
pub(crate) fn read(item: Item<'_>) -> Result<ServeSpec> {
    let fields = item.fields(&["tls", "callers", "events"])?;
    let callers = fields.get("callers");
    let callers = callers.map_or_else(|| Ok(Vec::new()), |item| item.list(read_caller))?;
    let events = fields.get("events");
    let events = events.map_or_else(|| Ok(Vec::new()), |item| item.list(read_events))?;
    let names = callers.iter();
    let names = names.map(|caller| (caller.name.value.as_str(), caller.name.place()));
    refuse_twins("callers", names)?;
    Ok(ServeSpec {
        tls: fields.get("tls").map(read_tls).transpose()?,
        callers,
        events,
    })
}

fn read_tls(item: Item<'_>) -> Result<TlsFiles> {
    let fields = item.fields(&["certificate", "key"])?;
    Ok(TlsFiles {
        certificate: fields.require("certificate")?.path()?,
        key: fields.require("key")?.path()?,
    })
}

fn read_caller(item: Item<'_>) -> Result<CallerSpec> {
    let fields = item.fields(&["name", "token", "account", "user", "public_key", "streams"])?;
    let streams = fields.get("streams");
    let streams = streams.map_or_else(|| Ok(Vec::new()), |item| item.list(read_located))?;
    let proof = match fields.get("token") {
        Some(token) => {
            item.fields(&["name", "token", "streams"])?;
            let secret = read_secret(token)?;
            if secret.reveal().is_empty() {
                return Err(token.refuse("An empty token lets everybody in"));
            }
            CallerProof::Token(secret)
        }
        None => read_key_pair(&fields)?,
    };
    Ok(CallerSpec {
        name: read_located(fields.require("name")?)?,
        proof,
        streams,
    })
}

fn read_located(item: Item<'_>) -> Result<Located<String>> {
    Ok(item.located(item.filled()?))
}

/// Names of accounts and users in tokens are upper case.
fn read_key_pair(fields: &Fields<'_>) -> Result<CallerProof> {
    Ok(CallerProof::KeyPair {
        account: fields.require("account")?.filled()?.to_ascii_uppercase(),
        user: fields.require("user")?.filled()?.to_ascii_uppercase(),
        public_key: fields.require("public_key")?.path()?,
    })
}

fn read_events(item: Item<'_>) -> Result<BucketEventsSpec> {
    let fields = item.fields(&["path", "signature"])?;
    let path = fields.require("path")?;
    Ok(BucketEventsSpec {
        path: path.located(read_path(&path)?),
        signature: read_signature(fields.require("signature")?)?,
    })
}
