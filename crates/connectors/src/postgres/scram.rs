//! Proving a password: SCRAM-SHA-256 (<https://www.rfc-editor.org/rfc/rfc7677>) and the older `md5`.
//!
//! Channel binding is not offered. The password's bytes are used as they are: SASLprep changes none but
//! unusual letters outside ASCII.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac, pbkdf2};

/// The mechanism as servers call it.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";

/// "No channel binding" in the form that is signed.
const HEADER: &str = "n,,";
/// A server may ask for much work, not for endless work.
const MOST_ROUNDS: u32 = 10_000_000;

/// One exchange.
pub(super) struct Scram {
    user: &'static str,
    password: String,
    nonce: String,
    /// What the server has to sign, and with what.
    expected: Option<(hmac::Key, String)>,
}

impl Scram {
    pub(super) fn new(password: &str) -> Option<Self> {
        let mut random = [0; 18];
        SystemRandom::new().fill(&mut random).ok()?;
        // The server takes the user of the connection, whatever stands here.
        Some(Self::with_nonce("", password, BASE64.encode(random)))
    }

    fn with_nonce(user: &'static str, password: &str, nonce: String) -> Self {
        Self {
            user,
            password: password.to_owned(),
            nonce,
            expected: None,
        }
    }

    /// The client's first message.
    pub(super) fn first(&self) -> String {
        format!("{HEADER}{}", self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("n={},r={}", self.user, self.nonce)
    }

    /// The client's last message, in answer to the server's first; `None` if that is not valid.
    pub(super) fn answer(&mut self, server: &str) -> Option<String> {
        let mut parts = server.split(',');
        let nonce = parts.next()?.strip_prefix("r=")?;
        let salt = BASE64.decode(parts.next()?.strip_prefix("s=")?).ok()?;
        let rounds: u32 = parts.next()?.strip_prefix("i=")?.parse().ok()?;
        // The nonce continues ours: this is no recording.
        if !nonce.starts_with(&self.nonce)
            || nonce.len() == self.nonce.len()
            || rounds > MOST_ROUNDS
        {
            return None;
        }
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            NonZeroU32::new(rounds)?,
            &salt,
            self.password.as_bytes(),
            &mut salted,
        );
        let salted = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        let without_proof = format!("c={},r={nonce}", BASE64.encode(HEADER));
        let signed = format!("{},{server},{without_proof}", self.first_bare());
        let client_key = hmac::sign(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, client_key.as_ref());
        let stored = hmac::Key::new(hmac::HMAC_SHA256, stored.as_ref());
        let signature = hmac::sign(&stored, signed.as_bytes());
        let proof: Vec<u8> = client_key
            .as_ref()
            .iter()
            .zip(signature.as_ref())
            .map(|(key, signature)| key ^ signature)
            .collect();
        let server_key = hmac::sign(&salted, b"Server Key");
        let server_key = hmac::Key::new(hmac::HMAC_SHA256, server_key.as_ref());
        self.expected = Some((server_key, signed));
        Some(format!("{without_proof},p={}", BASE64.encode(proof)))
    }

    /// Checks that the server knows the password too.
    pub(super) fn check(&self, server: &str) -> Option<()> {
        let told = server.split(',').next()?.strip_prefix("v=")?;
        let told = BASE64.decode(told).ok()?;
        let (key, signed) = self.expected.as_ref()?;
        hmac::verify(key, signed.as_bytes(), &told).ok()
    }
}

/// `md5` and the hash of the hashed password and a salt, as `pg_authid` and the protocol have it.
pub(super) fn md5_hash(user: &[u8], password: &[u8], salt: [u8; 4]) -> String {
    let hex = |parts: [&[u8]; 2]| {
        let mut hasher = Md5::new();
        parts.iter().for_each(|part| hasher.update(part));
        let mut text = String::new();
        for byte in hasher.finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    };
    format!("md5{}", hex([hex([password, user]).as_bytes(), &salt]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Scram, md5_hash};

    /// The exchange of RFC 7677, section 3.
    #[test]
    fn an_exchange_is_bound_to_both_nonces_and_checks_the_server() {
        let mut scram = Scram::with_nonce("user", "pencil", "rOprNGfwEbeRWgbNEkqO".to_owned());
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let server = format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        assert_eq!(
            scram.answer(&server).unwrap(),
            format!("c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
        );
        let signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert!(scram.check(signature).is_some());
        assert!(scram.check(&signature.replace("6rri", "7rri")).is_none());
        for wrong in [
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
        ] {
            assert!(scram.answer(wrong).is_none(), "{wrong}");
        }
    }

    /// From the definition: md5(md5(password + user) + salt).
    #[test]
    fn md5_answers() {
        let answer = md5_hash(b"md5_user", b"password", [0x2a, 0x3d, 0x8f, 0xe0]);
        assert_eq!(answer, "md562af4dd09bbb41884907a838a3233294");
    }
}
