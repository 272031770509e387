//! Failures of object stores as our errors: what kind it is, and what to do now.

use std::error::Error as StdError;
use std::time::Duration;

use diagnostic::{Code, Error, codes};
use object_store::Error as Failure;

/// `failure`, met while doing `what` (a sentence), as one of our errors.
pub(crate) fn explain(failure: Failure, what: impl Into<String>) -> Error {
    let chain = chain(&failure);
    let error = Error::new(code(&failure, &chain), what.into());
    let error = match remedy(&failure, &chain) {
        Some(remedy) => error.help(remedy),
        None => error,
    };
    error.because(answer(&chain))
}

fn code(failure: &Failure, chain: &str) -> Code {
    match failure {
        Failure::NotFound { .. } => codes::B2001,
        Failure::PermissionDenied { .. } | Failure::Unauthenticated { .. } => codes::B2002,
        Failure::Generic { .. } if is_refused(chain) => codes::B2002,
        Failure::Generic { .. } if lacks_credentials(chain) => codes::B1003,
        Failure::Generic { .. } if chain.contains("URL scheme is not allowed") => codes::B1002,
        _ => codes::B2003,
    }
}

fn remedy(failure: &Failure, chain: &str) -> Option<String> {
    match failure {
        Failure::NotFound { .. } if chain.contains("NoSuchBucket") => {
            Some("create the bucket, or correct its name or the `endpoint`".to_owned())
        }
        Failure::PermissionDenied { .. } | Failure::Unauthenticated { .. } => {
            Some(NO_RIGHT.to_owned())
        }
        Failure::Generic { .. } if is_refused(chain) => Some(NO_RIGHT.to_owned()),
        Failure::Generic { .. } if lacks_credentials(chain) => Some(NO_CREDENTIALS.to_owned()),
        Failure::Generic { .. } if chain.contains("URL scheme is not allowed") => {
            Some("`allow_http: true` permits an endpoint without TLS".to_owned())
        }
        _ => None,
    }
}

/// What to do where no credentials are found.
pub(crate) const NO_CREDENTIALS: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or give \
     `access_key_id` and `secret_access_key` as storage options; `anonymous: true` reads a public bucket";

/// What to do where the credentials do not suffice.
const NO_RIGHT: &str =
    "check which credentials are used, and that they may list, read and write this bucket";

/// Listings tell of a refusal by the answer's status alone.
fn is_refused(chain: &str) -> bool {
    ["401", "403"]
        .iter()
        .any(|status| chain.contains(&format!("non-2xx status code: {status}")))
}

fn lacks_credentials(chain: &str) -> bool {
    chain.contains("169.254.169.254") || chain.contains("metadata.google.internal")
}

/// Whether the same request may succeed a little later.
pub(crate) fn passes(failure: &Failure) -> bool {
    match failure {
        Failure::Generic { .. } => {
            let chain = chain(failure);
            !lacks_credentials(&chain)
                && !is_refused(&chain)
                && !chain.contains("URL scheme is not allowed")
        }
        Failure::JoinError { .. } => true,
        _ => false,
    }
}

/// How long to wait before attempt `attempt` (from 1): growing, and never the same for two writers.
pub(crate) fn pause(attempt: u32) -> Duration {
    let most = 100 * 2_u64.saturating_pow(attempt.min(7));
    Duration::from_millis(rand::random_range(most / 2..=most))
}

fn chain(failure: &dyn StdError) -> String {
    let mut text = failure.to_string();
    let mut next = failure.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// What the store said: of an XML answer the code and the message, which is what people search for. The rest
/// repeats the request, signature and all.
fn answer(chain: &str) -> String {
    let element = |name: &str| {
        let (_, rest) = chain.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    if let Some(code) = element("Code") {
        return match element("Message") {
            Some(message) => format!("{code}: {message}"),
            None => code.to_owned(),
        };
    }
    const ENOUGH: usize = 600;
    match chain.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}…", &chain[..end]),
        None => chain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use object_store::Error as Failure;

    use super::explain;

    #[test]
    fn an_xml_answer_is_shortened_to_code_and_message() {
        let body = "status 403: <Error><Code>SignatureDoesNotMatch</Code><Message>Wrong</Message>\
                    <StringToSign>secret stuff</StringToSign></Error>";
        let failure = Failure::PermissionDenied {
            path: "a".to_owned(),
            source: body.into(),
        };
        let error = explain(failure, "`s3://b/a` cannot be read");
        assert_eq!(error.code().id, "B2002");
        assert_eq!(error.causes(), ["SignatureDoesNotMatch: Wrong"]);
    }

    #[test]
    fn a_missing_bucket_says_so() {
        let failure = Failure::NotFound {
            path: "a".to_owned(),
            source: "<Code>NoSuchBucket</Code>".into(),
        };
        let error = explain(failure, "`s3://b/a` cannot be read");
        assert_eq!(error.code().id, "B2001");
        assert!(error.remedy().is_some_and(|help| help.contains("create")));
    }
}
