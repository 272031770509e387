//! Whether a request comes from who it should: the schemes of the common senders. Every comparison takes the
//! same time whatever differs.

use std::time::Duration;

use axum::http::{HeaderMap, Method};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use settings::{ByteEncoding, HashAlgorithm, Hmac, Secret, Signature, Timed};

/// What is signed of a request.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a Method,
    /// Behind `?`, with it; empty without one.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    /// Since the epoch.
    pub(crate) now: Duration,
}

/// Why a request is refused. The sender is told no more than this.
pub(crate) type Refusal = &'static str;

const MISSING: Refusal = "the signature is missing";
const WRONG: Refusal = "the signature is wrong";
const OLD: Refusal = "the request was signed too long ago, or this machine's clock is wrong";

/// Checks `request` by `signature`.
pub(crate) fn check(signature: &Signature, request: &Signed<'_>) -> Result<(), Refusal> {
    match signature {
        Signature::Unsigned => Ok(()),
        Signature::Token { header, secret } => request.token(header, secret),
        Signature::Hmac(settings) => request.hmac(settings),
        Signature::Stripe(timed) => request.stripe(timed),
        Signature::Slack(timed) => request.slack(timed),
        Signature::HubSpot { timed, url } => request.hubspot(timed, url),
        Signature::Standard(timed) => request.standard(timed),
    }
}

/// The headers that hold secrets or signatures: they are not kept with the event.
pub(crate) fn is_secret(signature: &Signature, header: &str) -> bool {
    const ALWAYS: [&str; 4] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
    ];
    let own = match signature {
        Signature::Unsigned => None,
        Signature::Token { header, .. } => Some(header.as_str()),
        Signature::Hmac(settings) => Some(settings.header.as_str()),
        Signature::Stripe(_) => Some("stripe-signature"),
        Signature::Slack(_) => Some("x-slack-signature"),
        Signature::HubSpot { .. } => Some("x-hubspot-signature-v3"),
        Signature::Standard(_) => Some("webhook-signature"),
    };
    ALWAYS.iter().any(|name| header.eq_ignore_ascii_case(name))
        || own.is_some_and(|name| header.eq_ignore_ascii_case(name))
}

impl Signed<'_> {
    fn header(&self, name: &str) -> Result<&str, Refusal> {
        let value = self.headers.get(name).ok_or(MISSING)?;
        value.to_str().map_err(|_| WRONG)
    }

    fn token(&self, header: &str, secret: &Secret) -> Result<(), Refusal> {
        let given = self.header(header)?;
        let given = given.strip_prefix("Bearer ").unwrap_or(given);
        // Both are hashed with a key of this comparison's own, which takes as long for every token.
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
        let expected = hmac::sign(&key, secret.reveal().as_bytes());
        hmac::verify(&key, given.as_bytes(), expected.as_ref()).map_err(|_| WRONG)
    }

    fn hmac(&self, settings: &Hmac) -> Result<(), Refusal> {
        let given = self.header(&settings.header)?;
        let given = given.strip_prefix(&settings.prefix).ok_or(WRONG)?;
        let tag = match settings.encoding {
            ByteEncoding::Hex => hex::decode(given).map_err(|_| WRONG)?,
            ByteEncoding::Base64 => STANDARD.decode(given).map_err(|_| WRONG)?,
        };
        let algorithm = match settings.algorithm {
            HashAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
            HashAlgorithm::Sha512 => hmac::HMAC_SHA512,
        };
        let key = hmac::Key::new(algorithm, settings.secret.reveal().as_bytes());
        hmac::verify(&key, self.body, &tag).map_err(|_| WRONG)
    }

    /// `Stripe-Signature: t=1492774577,v1=5257a8…,v1=…`
    fn stripe(&self, timed: &Timed) -> Result<(), Refusal> {
        let header = self.header("stripe-signature")?;
        let parts = || {
            header
                .split(',')
                .filter_map(|part| part.trim().split_once('='))
        };
        let (_, time) = parts().find(|(name, _)| *name == "t").ok_or(WRONG)?;
        self.recent(time, Duration::from_secs, timed)?;
        let message = [time.as_bytes(), b".", self.body].concat();
        let key = hmac::Key::new(hmac::HMAC_SHA256, timed.secret.reveal().as_bytes());
        let tags = parts().filter(|(name, _)| *name == "v1");
        any(&key, &message, tags.map(|(_, tag)| hex::decode(tag).ok()))
    }

    /// `X-Slack-Signature: v0=a2114d…` over `v0:<time>:<body>`
    fn slack(&self, timed: &Timed) -> Result<(), Refusal> {
        let tag = self.header("x-slack-signature")?;
        let time = self.header("x-slack-request-timestamp")?;
        self.recent(time, Duration::from_secs, timed)?;
        let message = [b"v0:", time.as_bytes(), b":", self.body].concat();
        let key = hmac::Key::new(hmac::HMAC_SHA256, timed.secret.reveal().as_bytes());
        let tag = tag.strip_prefix("v0=").ok_or(WRONG)?;
        any(&key, &message, [hex::decode(tag).ok()])
    }

    /// `X-HubSpot-Signature-v3`, Base64 over method, address, body and time
    fn hubspot(&self, timed: &Timed, url: &str) -> Result<(), Refusal> {
        let tag = self.header("x-hubspot-signature-v3")?;
        let time = self.header("x-hubspot-request-timestamp")?;
        self.recent(time, Duration::from_millis, timed)?;
        let message = [
            self.method.as_str().as_bytes(),
            url.as_bytes(),
            self.query.as_bytes(),
            self.body,
            time.as_bytes(),
        ]
        .concat();
        let key = hmac::Key::new(hmac::HMAC_SHA256, timed.secret.reveal().as_bytes());
        any(&key, &message, [STANDARD.decode(tag).ok()])
    }

    /// `webhook-signature: v1,g0hM9S… v1,…` over `<id>.<time>.<body>`; the secret is Base64 behind `whsec_`
    fn standard(&self, timed: &Timed) -> Result<(), Refusal> {
        let tags = self.header("webhook-signature")?;
        let id = self.header("webhook-id")?;
        let time = self.header("webhook-timestamp")?;
        self.recent(time, Duration::from_secs, timed)?;
        let secret = timed.secret.reveal();
        let secret = secret.strip_prefix("whsec_").unwrap_or(secret);
        let secret = STANDARD
            .decode(secret)
            .map_err(|_| "the secret of this stream is not Base64")?;
        let message = [id.as_bytes(), b".", time.as_bytes(), b".", self.body].concat();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let tags = tags
            .split(' ')
            .filter_map(|tag| tag.strip_prefix("v1,"))
            .map(|tag| STANDARD.decode(tag).ok());
        any(&key, &message, tags)
    }

    /// Refuses what was signed long before now, or long after.
    fn recent(&self, time: &str, unit: fn(u64) -> Duration, timed: &Timed) -> Result<(), Refusal> {
        let time = unit(time.parse().map_err(|_| WRONG)?);
        match self.now.abs_diff(time) <= timed.tolerance {
            true => Ok(()),
            false => Err(OLD),
        }
    }
}

/// Whether one of `tags` is right: a sender that changes its secret signs with both for a while.
fn any(
    key: &hmac::Key,
    message: &[u8],
    tags: impl IntoIterator<Item = Option<Vec<u8>>>,
) -> Result<(), Refusal> {
    let mut right = false;
    for tag in tags.into_iter().flatten() {
        right |= hmac::verify(key, message, &tag).is_ok();
    }
    right.then_some(()).ok_or(WRONG)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
    use settings::{ByteEncoding, HashAlgorithm, Hmac, Secret, Signature, Timed};

    use super::{OLD, Signed, WRONG, check};

    fn checked(
        signature: &Signature,
        headers: &[(&'static str, &str)],
        body: &str,
        now: u64,
    ) -> Result<(), &'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let request = Signed {
            method: &Method::POST,
            query: "",
            headers: &map,
            body: body.as_bytes(),
            now: Duration::from_secs(now),
        };
        check(signature, &request)
    }

    fn timed(secret: &str) -> Timed {
        Timed {
            secret: Secret::from(secret.to_owned()),
            tolerance: Duration::from_secs(300),
        }
    }

    /// The example of GitHub's page "Validating webhook deliveries".
    #[test]
    fn github_signs_the_body() {
        let signature = Signature::Hmac(Hmac {
            header: "x-hub-signature-256".to_owned(),
            algorithm: HashAlgorithm::Sha256,
            encoding: ByteEncoding::Hex,
            prefix: "sha256=".to_owned(),
            secret: Secret::from("It's a Secret to Everybody".to_owned()),
        });
        let tag = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let given = [("x-hub-signature-256", tag)];
        assert_eq!(checked(&signature, &given, "Hello, World!", 0), Ok(()));
        assert_eq!(checked(&signature, &given, "Hello, World?", 0), Err(WRONG));
        assert!(checked(&signature, &[], "Hello, World!", 0).is_err());
        let bare = [("x-hub-signature-256", &tag[7..])];
        assert_eq!(checked(&signature, &bare, "Hello, World!", 0), Err(WRONG));
    }

    /// The example of Slack's page "Verifying requests from Slack".
    #[test]
    fn slack_signs_time_and_body() {
        let signature = Signature::Slack(timed("8f742231b10e8888abcd99yyyzzz85a5"));
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&\
                    channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&\
                    command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F\
                    commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
                    trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let given = [
            (
                "x-slack-signature",
                "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            ),
            ("x-slack-request-timestamp", "1531420618"),
        ];
        assert_eq!(checked(&signature, &given, body, 1_531_420_700), Ok(()));
        assert_eq!(checked(&signature, &given, body, 1_531_430_000), Err(OLD));
        assert_eq!(
            checked(&signature, &given, "token=x", 1_531_420_700),
            Err(WRONG)
        );
    }

    /// The example of the Standard Webhooks reference libraries.
    #[test]
    fn standard_webhooks_sign_id_time_and_body() {
        let signature = Signature::Standard(timed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        let given = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ];
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(checked(&signature, &given, body, 1_614_265_330), Ok(()));
        assert_eq!(checked(&signature, &given, "{}", 1_614_265_330), Err(WRONG));
    }

    /// Made by the rule of Stripe's page with another program.
    #[test]
    fn stripe_signs_time_and_body() {
        let signature = Signature::Stripe(timed("whsec_test"));
        let tag = "t=1700000000,v0=00,v1=c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";
        let given = [("stripe-signature", tag)];
        assert_eq!(
            checked(&signature, &given, r#"{"id":"evt_1"}"#, 1_700_000_100),
            Ok(())
        );
        assert_eq!(
            checked(&signature, &given, r#"{"id":"evt_2"}"#, 1_700_000_100),
            Err(WRONG)
        );
        assert_eq!(
            checked(&signature, &given, r#"{"id":"evt_1"}"#, 1_700_009_000),
            Err(OLD)
        );
    }

    #[test]
    fn tokens_are_compared_whole() {
        let signature = Signature::Token {
            header: "authorization".to_owned(),
            secret: Secret::from("s3cret".to_owned()),
        };
        assert_eq!(
            checked(&signature, &[("authorization", "Bearer s3cret")], "", 0),
            Ok(())
        );
        assert_eq!(
            checked(&signature, &[("authorization", "Bearer s3cre")], "", 0),
            Err(WRONG)
        );
    }
}
