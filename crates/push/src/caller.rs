//! [`Callers`]: who may announce and upload files, and how a request proves that it comes from one of them.

use std::path::Path;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use diagnostic::{Error, Result, ResultExt, codes};
use ring::{digest, hmac, signature};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use settings::{CallerProof, CallerSpec};

use crate::der;

/// How long a token may hold, as Snowflake has it.
const LONGEST: u64 = 3600;
/// How far clocks may be apart, in seconds.
const SKEW: u64 = 60;

/// Everybody who may call.
pub(crate) struct Callers(Vec<Caller>);

/// Somebody who may call.
pub(crate) struct Caller {
    /// What logs call it.
    pub(crate) name: String,
    streams: Vec<String>,
    proof: Proof,
}

enum Proof {
    Token(String),
    KeyPair(KeyPair),
}

/// A public key, and who tokens of its private key must name.
struct KeyPair {
    /// `ACCOUNT.USER`.
    subject: String,
    /// `ACCOUNT.USER.SHA256:<fingerprint>`.
    issuer: String,
    key: signature::UnparsedPublicKey<Vec<u8>>,
}

/// Why a caller is refused, for its logs.
pub(crate) type Refusal = &'static str;

const MISSING: Refusal = "the header `Authorization: Bearer …` is missing";
const UNKNOWN: Refusal = "the token is not known";
const FORGED: Refusal = "the token's signature, issuer or subject is wrong";
const EXPIRED: Refusal = "the token has expired, or holds for longer than an hour";

impl Callers {
    /// Reads the keys of `specs`.
    ///
    /// # Errors
    /// `W1004` if a public key cannot be read.
    pub(crate) fn new(specs: &[CallerSpec]) -> Result<Self> {
        let caller = |spec: &CallerSpec| {
            let proof = match &spec.proof {
                CallerProof::Token(secret) => Proof::Token(secret.reveal().to_owned()),
                CallerProof::KeyPair {
                    account,
                    user,
                    public_key,
                } => Proof::KeyPair(KeyPair::read(account, user, public_key)?),
            };
            Ok(Caller {
                name: spec.name.value.clone(),
                streams: spec.streams.iter().map(|name| name.value.clone()).collect(),
                proof,
            })
        };
        specs.iter().map(caller).collect::<Result<_>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who sends a request with `headers`; `now` is in seconds since 1970.
    pub(crate) fn identify(&self, headers: &HeaderMap, now: u64) -> Result<&Caller, Refusal> {
        let given = headers.get(header::AUTHORIZATION).ok_or(MISSING)?;
        let (scheme, token) = given
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .ok_or(MISSING)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(MISSING);
        }
        let token = token.trim();
        let mut found = None;
        for caller in &self.0 {
            match &caller.proof {
                // All are compared, so that time does not tell which.
                Proof::Token(secret) if is_same(secret, token) => found = Some(Ok(caller)),
                Proof::KeyPair(pair) if found.is_none() => match pair.check(token, now) {
                    Ok(true) => found = Some(Ok(caller)),
                    Ok(false) => {}
                    Err(refusal) => found = Some(Err(refusal)),
                },
                Proof::Token(_) | Proof::KeyPair(_) => {}
            }
        }
        found.unwrap_or(Err(UNKNOWN))
    }
}

impl Caller {
    /// Whether it may name `stream`.
    pub(crate) fn may_name(&self, stream: &str) -> bool {
        self.streams.is_empty() || self.streams.iter().any(|own| own == stream)
    }
}

/// Compares in a time that does not depend on where texts differ.
fn is_same(secret: &str, given: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let expected = hmac::sign(&key, secret.as_bytes());
    hmac::verify(&key, given.as_bytes(), expected.as_ref()).is_ok()
}

#[derive(Deserialize)]
struct Head {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: f64,
    iat: Option<f64>,
}

impl KeyPair {
    fn read(account: &str, user: &str, path: &Path) -> Result<Self> {
        let wrong = || format!("`{}` holds no RSA public key in PEM", path.display());
        let info = SubjectPublicKeyInfoDer::from_pem_file(path).explain(codes::W1004, wrong)?;
        let key = der::public_key(info.as_ref()).ok_or_else(|| {
            Error::new(codes::W1004, wrong())
                .help("make it with `openssl rsa -in rsa_key.p8 -pubout -out rsa_key.pub`")
        })?;
        let print = STANDARD.encode(digest::digest(&digest::SHA256, info.as_ref()));
        let subject = format!("{account}.{user}");
        Ok(Self {
            issuer: format!("{subject}.SHA256:{print}"),
            subject,
            key: signature::UnparsedPublicKey::new(
                &signature::RSA_PKCS1_2048_8192_SHA256,
                key.to_vec(),
            ),
        })
    }

    /// Whether `token` names this key and is signed by it; `false` if it names another.
    fn check(&self, token: &str, now: u64) -> Result<bool, Refusal> {
        let mut parts = token.split('.');
        let (Some(head), Some(claims), Some(tag), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Ok(false);
        };
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let read = decode(head).zip(decode(claims));
        let Some((head, read)) = read.and_then(|(head, claims)| {
            let head: Head = serde_json::from_slice(&head).ok()?;
            Some((head, serde_json::from_slice::<Claims>(&claims).ok()?))
        }) else {
            return Ok(false);
        };
        if read.iss != self.issuer {
            return Ok(false);
        }
        let signed = token.rsplit_once('.').map_or("", |(signed, _)| signed);
        let tag = decode(tag).ok_or(FORGED)?;
        let is_signed = self.key.verify(signed.as_bytes(), &tag).is_ok();
        if head.alg != "RS256" || !is_signed || read.sub != self.subject {
            return Err(FORGED);
        }
        let now = now as f64;
        let from = read.iat.unwrap_or(now);
        let (longest, skew) = (LONGEST as f64, SKEW as f64);
        let holds =
            read.exp > now && from <= now + skew && read.exp <= now.min(from) + longest + skew;
        holds.then_some(true).ok_or(EXPIRED)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::{HeaderMap, header};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::rand::SystemRandom;
    use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::pki_types::pem::PemObject;

    use super::{Caller, Callers, EXPIRED, FORGED, KeyPair, MISSING, Proof, UNKNOWN};

    fn headers(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::AUTHORIZATION,
            format!("Bearer {token}").parse().unwrap(),
        );
        headers
    }

    fn said(callers: &Callers, token: &str, now: u64) -> Result<String, &'static str> {
        callers
            .identify(&headers(token), now)
            .map(|caller| caller.name.clone())
    }

    fn caller(name: &str, proof: Proof) -> Caller {
        Caller {
            name: name.to_owned(),
            streams: vec!["shop.sales".to_owned()],
            proof,
        }
    }

    #[test]
    fn tokens_are_known_or_not() {
        let callers = Callers(vec![caller("etl", Proof::Token("s3cret".to_owned()))]);
        assert_eq!(said(&callers, "s3cret", 0), Ok("etl".to_owned()));
        assert_eq!(said(&callers, "s3cre", 0), Err(UNKNOWN));
        assert_eq!(callers.identify(&HeaderMap::new(), 0).err(), Some(MISSING));
        let found = callers.identify(&headers("s3cret"), 0).unwrap();
        assert!(found.may_name("shop.sales") && !found.may_name("shop.other"));
    }

    fn openssl(arguments: &[&str]) {
        let done = std::process::Command::new("openssl")
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    /// The token that Snowflake's page on key-pair authentication has programs make.
    #[test]
    fn tokens_signed_by_the_private_key_are_taken_for_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let (private, public) = (path("key.p8"), path("key.pub"));
        openssl(&[
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-out",
            &private,
        ]);
        openssl(&["pkey", "-in", &private, "-pubout", "-out", &public]);
        let pair = KeyPair::read("ACME", "ETL", public.as_ref()).unwrap();
        let issuer = pair.issuer.clone();
        let callers = Callers(vec![caller("pair", Proof::KeyPair(pair))]);

        let private = PrivatePkcs8KeyDer::from_pem_file(&private).unwrap();
        let private = RsaKeyPair::from_pkcs8(private.secret_pkcs8_der()).unwrap();
        let token = |head: &str, issuer: &str, subject: &str, (iat, exp): (u64, u64)| {
            let claims =
                format!(r#"{{"iss":"{issuer}","sub":"{subject}","iat":{iat},"exp":{exp}}}"#);
            let signed = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(head),
                URL_SAFE_NO_PAD.encode(claims)
            );
            let mut tag = vec![0; private.public().modulus_len()];
            private
                .sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    signed.as_bytes(),
                    &mut tag,
                )
                .unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
        };
        let head = r#"{"alg":"RS256","typ":"JWT"}"#;
        let good = token(head, &issuer, "ACME.ETL", (1000, 4500));
        assert_eq!(said(&callers, &good, 1100), Ok("pair".to_owned()));
        assert_eq!(said(&callers, &good, 4500), Err(EXPIRED));
        let long = token(head, &issuer, "ACME.ETL", (1000, 9000));
        assert_eq!(said(&callers, &long, 1100), Err(EXPIRED));
        let other = token(head, &issuer, "ACME.ROOT", (1000, 4500));
        assert_eq!(said(&callers, &other, 1100), Err(FORGED));
        let unsigned = token(r#"{"alg":"none"}"#, &issuer, "ACME.ETL", (1000, 4500));
        assert_eq!(said(&callers, &unsigned, 1100), Err(FORGED));
        let foreign = token(head, "ACME.ETL.SHA256:x", "ACME.ETL", (1000, 4500));
        assert_eq!(said(&callers, &foreign, 1100), Err(UNKNOWN));
        let (signed, tag) = good.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", tag.chars().rev().collect::<String>());
        assert_eq!(said(&callers, &forged, 1100), Err(FORGED));
    }
}
