//! Amazon S3 and servers that speak its protocol: which credentials, region and endpoint are meant.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use diagnostic::{Error, Result, codes};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

use crate::StorageOptions;
use crate::aws_profile::Profile;
use crate::failure::NO_CREDENTIALS;

/// Credentials of AWS as tools find them, the first that there are
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>).
#[derive(PartialEq, Eq)]
enum Credentials {
    Anonymous,
    Keys {
        id: String,
        secret: String,
        token: Option<String>,
    },
    WebIdentity {
        role: String,
        token_file: String,
        session: Option<String>,
    },
    /// The role of the container or the machine.
    Own,
}

/// How a bucket is reached, but for timeouts and retries.
pub(crate) struct Plan {
    pub(crate) builder: AmazonS3Builder,
    pub(crate) endpoint: Option<String>,
    /// A file of authorities to trust beside the system's.
    pub(crate) ca_file: Option<String>,
}

/// How `bucket` is reached.
pub(crate) fn plan(
    bucket: &str,
    options: &StorageOptions,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Plan> {
    let wanted = options.get("profile").map(ToOwned::to_owned);
    let named = wanted.clone().or_else(|| variable("AWS_PROFILE"));
    let name = named.as_deref().unwrap_or("default");
    let profile = Profile::find(name, variable)?;
    if named.is_some() && profile.is_none() {
        return Err(Error::new(
            codes::B1003,
            format!("There is no AWS profile `{name}`"),
        ));
    }
    let profile = profile.unwrap_or_default();
    let of_profile = |key: &str| profile.get(key).map(ToOwned::to_owned);
    let option = |name: &str| options.get(name).map(ToOwned::to_owned);

    let region = option("region")
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .or_else(|| of_profile("region"));
    let endpoint = option("endpoint")
        .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
        .or_else(|| variable("AWS_ENDPOINT_URL"))
        .or_else(|| of_profile("endpoint_url"));
    let ca_file = option("ca_file")
        .or_else(|| variable("AWS_CA_BUNDLE").filter(|path| !path.is_empty()))
        .or_else(|| of_profile("ca_bundle"));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(options.truth("virtual_hosted_style")?)
        .with_request_payer(options.truth("request_payer")?);
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    for (name, key) in [
        ("server_side_encryption", "aws_server_side_encryption"),
        ("sse_kms_key_id", "aws_sse_kms_key_id"),
    ] {
        if let (Some(value), Ok(key)) = (options.get(name), key.parse::<AmazonS3ConfigKey>()) {
            builder = builder.with_config(key, value);
        }
    }
    let credentials = credentials(name, wanted.is_some(), options, &profile, variable)?;
    let builder = match credentials {
        Credentials::Anonymous => builder.with_skip_signature(true),
        Credentials::Keys { id, secret, token } => {
            let builder = builder
                .with_access_key_id(id)
                .with_secret_access_key(secret);
            match token {
                Some(token) => builder.with_token(token),
                None => builder,
            }
        }
        Credentials::WebIdentity {
            role,
            token_file,
            session,
        } => {
            let builder = builder
                .with_config(AmazonS3ConfigKey::RoleArn, role)
                .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, token_file);
            let builder = match variable("AWS_ENDPOINT_URL_STS") {
                Some(endpoint) => builder.with_config(AmazonS3ConfigKey::StsEndpoint, endpoint),
                None => builder,
            };
            match session {
                Some(session) => builder.with_config(AmazonS3ConfigKey::RoleSessionName, session),
                None => builder,
            }
        }
        Credentials::Own => own(builder, variable)?,
    };
    Ok(Plan {
        builder,
        endpoint,
        ca_file,
    })
}

fn credentials(
    name: &str,
    profile_first: bool,
    options: &StorageOptions,
    profile: &Profile,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Credentials> {
    let option = |name: &str| options.get(name).map(ToOwned::to_owned);
    let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
    if options.truth("anonymous")? {
        return Ok(Credentials::Anonymous);
    }
    if let Some(keys) = keys(
        option("access_key_id"),
        option("secret_access_key"),
        option("session_token"),
        "the storage options",
    )? {
        return Ok(keys);
    }
    let of_profile = || -> Result<Option<Credentials>> {
        profile.check(name)?;
        let get = |key: &str| profile.get(key).map(ToOwned::to_owned);
        if let Some(keys) = keys(
            get("aws_access_key_id"),
            get("aws_secret_access_key"),
            get("aws_session_token"),
            &format!("the AWS profile `{name}`"),
        )? {
            return Ok(Some(keys));
        }
        let identity = get("role_arn").zip(get("web_identity_token_file"));
        Ok(identity.map(|(role, token_file)| Credentials::WebIdentity {
            role,
            token_file,
            session: get("role_session_name"),
        }))
    };
    if profile_first {
        return of_profile()?.ok_or_else(|| {
            Error::new(
                codes::B1003,
                format!("The AWS profile `{name}` holds no credentials"),
            )
        });
    }
    if let Some(keys) = keys(
        filled("AWS_ACCESS_KEY_ID"),
        filled("AWS_SECRET_ACCESS_KEY"),
        filled("AWS_SESSION_TOKEN"),
        "the environment",
    )? {
        return Ok(keys);
    }
    let role = option("role_arn").or_else(|| filled("AWS_ROLE_ARN"));
    let token_file =
        option("web_identity_token_file").or_else(|| filled("AWS_WEB_IDENTITY_TOKEN_FILE"));
    if let (Some(role), Some(token_file)) = (role, token_file) {
        return Ok(Credentials::WebIdentity {
            role,
            token_file,
            session: option("role_session_name").or_else(|| filled("AWS_ROLE_SESSION_NAME")),
        });
    }
    Ok(of_profile()?.unwrap_or(Credentials::Own))
}

fn keys(
    id: Option<String>,
    secret: Option<String>,
    token: Option<String>,
    place: &str,
) -> Result<Option<Credentials>> {
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Some(Credentials::Keys { id, secret, token })),
        (None, None) => Ok(None),
        (id, _) => {
            let (there, missing) = match id {
                Some(_) => ("an access key", "its secret"),
                None => ("a secret access key", "its id"),
            };
            Err(Error::new(
                codes::B1003,
                format!("There is {there} in {place}, but not {missing}"),
            ))
        }
    }
}

/// The role of the container or of the machine. A machine that has none is told at once, not after minutes.
fn own(
    builder: AmazonS3Builder,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<AmazonS3Builder> {
    let container = [
        (
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
        ),
        (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            AmazonS3ConfigKey::ContainerCredentialsFullUri,
        ),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            AmazonS3ConfigKey::ContainerAuthorizationTokenFile,
        ),
    ];
    let mut builder = builder;
    let mut found = false;
    for (name, key) in container {
        if let Some(value) = variable(name) {
            builder = builder.with_config(key, value);
            found = true;
        }
    }
    let refused = variable("AWS_EC2_METADATA_DISABLED")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let service = SocketAddr::from(([169, 254, 169, 254], 80));
    let answers = || TcpStream::connect_timeout(&service, Duration::from_secs(1)).is_ok();
    if found || (!refused && answers()) {
        return Ok(builder);
    }
    Err(Error::new(codes::B1003, "No credentials for S3 were found").help(NO_CREDENTIALS))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use object_store::aws::AmazonS3ConfigKey as Key;

    use super::plan;
    use crate::StorageOptions;

    /// What the builder of a bucket has under `key`, or the code of the error.
    fn built(
        options: &[(&str, &str)],
        environment: &[(&str, &str)],
        key: Key,
    ) -> Result<Option<String>, &'static str> {
        let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let owned = pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
            owned.collect()
        };
        let mut environment = pairs(environment);
        environment.insert("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned());
        let built = plan("b", &StorageOptions::new(pairs(options)), &|name: &str| {
            environment.get(name).cloned()
        });
        built
            .map(|plan| plan.builder.get_config_value(&key))
            .map_err(|error| error.code().id)
    }

    const ENVIRONMENT: &[(&str, &str)] = &[
        ("AWS_ACCESS_KEY_ID", "env"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_DEFAULT_REGION", "eu-west-3"),
    ];

    #[test]
    fn options_win_over_the_environment() {
        let own = &[("access_key_id", "own"), ("secret_access_key", "s")];
        assert_eq!(
            built(own, ENVIRONMENT, Key::AccessKeyId),
            Ok(Some("own".to_owned()))
        );
        assert_eq!(
            built(&[], ENVIRONMENT, Key::AccessKeyId),
            Ok(Some("env".to_owned()))
        );
        assert_eq!(
            built(&[], ENVIRONMENT, Key::Region),
            Ok(Some("eu-west-3".to_owned()))
        );
    }

    #[test]
    fn a_named_profile_wins_over_keys_of_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        let text = "[lab]\naws_access_key_id = lab\naws_secret_access_key = s\n";
        std::fs::write(&file, text).unwrap();
        let mut environment = ENVIRONMENT.to_vec();
        environment.push(("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()));
        let profile = &[("profile", "lab")];
        let found = built(profile, &environment, Key::AccessKeyId);
        assert_eq!(found, Ok(Some("lab".to_owned())));
        let missing = built(&[("profile", "none")], &environment, Key::AccessKeyId);
        assert_eq!(missing, Err("B1003"));
    }

    #[test]
    fn web_identity_is_taken_from_the_environment() {
        let environment = &[
            ("AWS_ROLE_ARN", "arn:x"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"),
        ];
        assert_eq!(
            built(&[], environment, Key::RoleArn),
            Ok(Some("arn:x".to_owned()))
        );
    }

    #[test]
    fn missing_and_half_credentials_are_told_at_once() {
        assert_eq!(built(&[], &[], Key::AccessKeyId), Err("B1003"));
        let half = &[("AWS_ACCESS_KEY_ID", "env")];
        assert_eq!(built(&[], half, Key::AccessKeyId), Err("B1003"));
        let anonymous = built(&[("anonymous", "true")], &[], Key::SkipSignature);
        assert_eq!(anonymous, Ok(Some("true".to_owned())));
    }
}
