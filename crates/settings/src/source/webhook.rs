//! `kind: webhook`: addresses that other systems send events to.

use std::time::Duration;

use diagnostic::Result;

use super::files::{FileChange, Format, JsonFormat, RawMode, StreamSpec};
use super::postgres::{Secret, read_secret};
use crate::Located;
use crate::reader::{Fields, Item, refuse_twins};

/// One address, and what is sent to it.
#[derive(Clone, Debug)]
pub struct WebhookStream {
    /// Its name, the second part of `from: source.stream`.
    pub name: Located<String>,
    /// The path of its address, `/<source>/<stream>` by default.
    pub path: String,
    /// How the sender proves who it is.
    pub signature: Signature,
    /// Where the sender's own name of an event stands: an event that comes again is kept once.
    pub idempotency_key: Option<IdempotencyKey>,
    /// For how long a name is remembered.
    pub remember: Duration,
    /// The largest body in bytes.
    pub max_body: u64,
}

/// How a sender proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Not at all.
    Unsigned,
    /// A header holds the secret itself, behind `Bearer ` if it is `Authorization`.
    Token {
        /// The header.
        header: String,
        /// The secret.
        secret: Secret,
    },
    /// A header holds an HMAC of the body.
    Hmac(Hmac),
    /// <https://docs.stripe.com/webhooks#verify-manually>
    Stripe(Timed),
    /// <https://docs.slack.dev/authentication/verifying-requests-from-slack>
    Slack(Timed),
    /// <https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests>
    HubSpot {
        /// The secret, and how old a request may be.
        timed: Timed,
        /// The address as the sender knows it, which it signs.
        url: String,
    },
    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
    Standard(Timed),
}

/// An HMAC of the body in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hmac {
    /// The header.
    pub header: String,
    /// The hash.
    pub algorithm: HashAlgorithm,
    /// How its bytes are written.
    pub encoding: ByteEncoding,
    /// What stands before it.
    pub prefix: String,
    /// The secret.
    pub secret: Secret,
}

/// A secret, and how long after it was signed a request is taken: one that is recorded and sent again later is
/// refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// The secret.
    pub secret: Secret,
    /// How old, or how far ahead of this machine's clock, it may be.
    pub tolerance: Duration,
}

/// Hashes that senders use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// SHA-1, of old senders only.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How bytes are written in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteEncoding {
    /// Hexadecimal digits of either case.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// Where a sender's own name of an event stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// In this header.
    Header(String),
    /// In the JSON body, at these members.
    Body(Vec<String>),
}

impl WebhookStream {
    /// The files that its events are kept in: a line each.
    pub(super) fn files(&self) -> StreamSpec {
        let format = JsonFormat {
            max_record: self.max_body * WIDEST + HEADERS,
            ..JsonFormat::default()
        };
        StreamSpec {
            name: self.name.clone(),
            files: vec![Located::new(
                SEGMENTS.to_owned(),
                self.name.source.clone(),
                self.name.span.clone(),
            )],
            format: Format::Json(format),
            batch: None,
            // They are in the raw zone already, and never change.
            raw: RawMode::Reference,
            marker: None,
            on_file_change: FileChange::Error,
            watch: None,
        }
    }
}

/// The pattern of files of events that are complete.
const SEGMENTS: &str = "*.ndjson";
/// How many bytes of JSON text one byte of a body may become: `\u0001`.
const WIDEST: u64 = 6;
/// What headers and the rest of a line may take: servers limit headers to some tens of KiB.
const HEADERS: u64 = 1 << 20;

/// The largest body, if nothing else is said: what the common senders stay below.
const MAX_BODY: u64 = 1 << 20;
/// How old a request may be: what Stripe, Slack, HubSpot and Standard Webhooks recommend.
const TOLERANCE: Duration = Duration::from_secs(300);
/// For how long names are remembered: senders try again for up to three days.
const REMEMBER: Duration = Duration::from_secs(3 * 86_400);

#[derive(Clone, Copy)]
enum Scheme {
    Unsigned,
    Token,
    Hmac,
    GitHub,
    Shopify,
    Intercom,
    Stripe,
    Slack,
    HubSpot,
    Standard,
}

const SCHEMES: &[(&str, Scheme)] = &[
    ("none", Scheme::Unsigned),
    ("token", Scheme::Token),
    ("hmac", Scheme::Hmac),
    ("github", Scheme::GitHub),
    ("shopify", Scheme::Shopify),
    ("intercom", Scheme::Intercom),
    ("stripe", Scheme::Stripe),
    ("slack", Scheme::Slack),
    ("hubspot", Scheme::HubSpot),
    ("standard", Scheme::Standard),
];

/// Reads what a source of this kind has beside `name` and `kind`.
pub(super) fn read(source: &str, fields: &Fields<'_>) -> Result<Vec<WebhookStream>> {
    let streams = fields
        .require("streams")?
        .list(|item| read_stream(source, item))?;
    let names = streams
        .iter()
        .map(|stream| (stream.name.value.as_str(), stream.name.place()));
    refuse_twins(&format!("streams of the source `{source}`"), names)?;
    Ok(streams)
}

fn read_stream(source: &str, item: Item<'_>) -> Result<WebhookStream> {
    let fields = item.fields(&[
        "name",
        "path",
        "signature",
        "idempotency_key",
        "remember",
        "max_body",
    ])?;
    let name = fields.require("name")?;
    let name = name.located(name.name("a stream")?);
    let path = match fields.get("path") {
        Some(path) => read_path(&path)?,
        None => format!("/{source}/{}", name.value),
    };
    Ok(WebhookStream {
        path,
        signature: read_signature(fields.require("signature")?)?,
        idempotency_key: fields.get("idempotency_key").map(read_key).transpose()?,
        remember: read_duration(fields.get("remember"), REMEMBER)?,
        max_body: fields
            .get("max_body")
            .map_or(Ok(MAX_BODY), |item| item.bytes())?,
        name,
    })
}

pub(crate) fn read_path(item: &Item<'_>) -> Result<String> {
    let path = item.filled()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    match path.starts_with('/') && path.len() > 1 && path.chars().all(plain) {
        true => Ok(path),
        false => Err(item.refuse(&format!(
            "A path starts with `/` and holds letters, digits and `-_.~/`, found `{path}`"
        ))),
    }
}

pub(crate) fn read_signature(item: Item<'_>) -> Result<Signature> {
    const KEYS: &[&str] = &[
        "scheme",
        "secret",
        "header",
        "algorithm",
        "encoding",
        "prefix",
        "tolerance",
        "url",
    ];
    let scheme = item.fields(KEYS)?.require("scheme")?.word(SCHEMES)?;
    // Keys that a scheme does not have are refused, so each names its own.
    let fields = |keys: &[&str]| item.fields(keys);
    let timed = |fields: &Fields<'_>| -> Result<Timed> {
        Ok(Timed {
            secret: read_secret(fields.require("secret")?)?,
            tolerance: read_duration(fields.get("tolerance"), TOLERANCE)?,
        })
    };
    let preset = |header: &str, algorithm, encoding, prefix: &str| -> Result<Signature> {
        Ok(Signature::Hmac(Hmac {
            header: header.to_owned(),
            algorithm,
            encoding,
            prefix: prefix.to_owned(),
            secret: read_secret(fields(&["scheme", "secret"])?.require("secret")?)?,
        }))
    };
    let of_time = &["scheme", "secret", "tolerance"];
    Ok(match scheme {
        Scheme::Unsigned => {
            fields(&["scheme"])?;
            Signature::Unsigned
        }
        Scheme::Token => {
            let fields = fields(&["scheme", "secret", "header"])?;
            Signature::Token {
                header: fields
                    .get("header")
                    .map_or_else(|| Ok("authorization".to_owned()), |item| item.filled())?,
                secret: read_secret(fields.require("secret")?)?,
            }
        }
        Scheme::Hmac => Signature::Hmac(read_hmac(&fields(&[
            "scheme",
            "secret",
            "header",
            "algorithm",
            "encoding",
            "prefix",
        ])?)?),
        // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
        Scheme::GitHub => preset(
            "x-hub-signature-256",
            HashAlgorithm::Sha256,
            ByteEncoding::Hex,
            "sha256=",
        )?,
        // https://shopify.dev/docs/apps/build/webhooks/subscribe/https
        Scheme::Shopify => preset(
            "x-shopify-hmac-sha256",
            HashAlgorithm::Sha256,
            ByteEncoding::Base64,
            "",
        )?,
        // https://developers.intercom.com/docs/webhooks/setting-up-webhooks
        Scheme::Intercom => preset(
            "x-hub-signature",
            HashAlgorithm::Sha1,
            ByteEncoding::Hex,
            "sha1=",
        )?,
        Scheme::Stripe => Signature::Stripe(timed(&fields(of_time)?)?),
        Scheme::Slack => Signature::Slack(timed(&fields(of_time)?)?),
        Scheme::Standard => Signature::Standard(timed(&fields(of_time)?)?),
        Scheme::HubSpot => {
            let fields = fields(&["scheme", "secret", "tolerance", "url"])?;
            Signature::HubSpot {
                timed: timed(&fields)?,
                url: fields.require("url")?.filled()?,
            }
        }
    })
}

fn read_hmac(fields: &Fields<'_>) -> Result<Hmac> {
    Ok(Hmac {
        header: fields.require("header")?.filled()?,
        algorithm: fields
            .get("algorithm")
            .map_or(Ok(HashAlgorithm::Sha256), |item| {
                item.word(&[
                    ("sha1", HashAlgorithm::Sha1),
                    ("sha256", HashAlgorithm::Sha256),
                    ("sha512", HashAlgorithm::Sha512),
                ])
            })?,
        encoding: fields
            .get("encoding")
            .map_or(Ok(ByteEncoding::Hex), |item| {
                item.word(&[("hex", ByteEncoding::Hex), ("base64", ByteEncoding::Base64)])
            })?,
        prefix: fields
            .get("prefix")
            .map_or_else(|| Ok(String::new()), |item| item.text())?,
        secret: read_secret(fields.require("secret")?)?,
    })
}

/// `header.X-Request-Id`, or `body.data.id`.
fn read_key(item: Item<'_>) -> Result<IdempotencyKey> {
    let text = item.filled()?;
    let wrong = || {
        item.refuse(&format!("`{text}` names no place of a request"))
            .help("write `header.<name>`, or `body.<member>.<member>`")
    };
    match text.split_once('.') {
        Some(("header", name)) if !name.is_empty() => Ok(IdempotencyKey::Header(name.to_owned())),
        Some(("body", path)) if path.split('.').all(|member| !member.is_empty()) => Ok(
            IdempotencyKey::Body(path.split('.').map(str::to_owned).collect()),
        ),
        _ => Err(wrong()),
    }
}

pub(super) fn read_duration(item: Option<Item<'_>>, default: Duration) -> Result<Duration> {
    let Some(item) = item else {
        return Ok(default);
    };
    let text = item.filled()?;
    crate::duration::parse(&text).ok_or_else(|| {
        item.refuse(&format!("`{text}` is no length of time"))
            .help("write it as `30s`, `5 minutes` or `1 day`")
    })
}
