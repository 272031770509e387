//! Credentials of a web identity, as pods of Kubernetes have them: a token in a file is exchanged, over TLS, for keys
//! that hold for an hour. The token service is moto's behind TLS, and moto checks what is signed with its keys.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::server::{S3Server, python};
use crate::certificates::certificate;
use crate::end_to_end::crash::{FIRST, SECOND};
use crate::end_to_end::shop::{Shop, said};

const ROLE: &str = "arn:aws:iam::123456789012:role/lake";

/// moto's token service behind TLS, ended with the test.
struct TokenService {
    process: Child,
    port: u16,
}

impl TokenService {
    /// Starts one whose certificate, tokens and log are in `folder`.
    fn start(server: &S3Server, folder: &Path) -> Self {
        certificate(folder, "sts", "20490101000000Z");
        let mut process = Command::new(python())
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/lake/sts_server.py"
            ))
            .arg(server.endpoint())
            .args(["sts.pem", "sts.key", "token", "lake", "log"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut port).unwrap();
        let port = port.trim().parse().unwrap();
        Self { process, port }
    }
}

impl Drop for TokenService {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// What the service was asked.
fn asked(folder: &Path) -> Vec<Value> {
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The small project with its tables in a bucket, and nothing about credentials.
fn shop(server: &S3Server, more: &str) -> Shop {
    let shop = Shop::new();
    let text = format!(
        "name: shop\nenvironments:\n  dev:\n    warehouse: s3://lake/w\n    storage:\n      \
         endpoint: {}\n      retries: 1\n      retry_timeout: 5\n{more}",
        server.endpoint()
    );
    shop.write("sluice.yml", text.as_bytes());
    shop.deliver("2026-08-01", "a.csv", FIRST);
    shop
}

/// The command as a pod runs it.
fn in_pod(shop: &Shop, service: &TokenService, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = shop.command(arguments);
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "SSL_CERT_FILE",
        "AWS_CA_BUNDLE",
    ] {
        command.env_remove(name);
    }
    command
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ROLE_ARN", ROLE)
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", folder.join("token"))
        .env("AWS_ROLE_SESSION_NAME", "nightly")
        .env(
            "AWS_ENDPOINT_URL_STS",
            format!("https://localhost:{}", service.port),
        );
    command
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

#[test]
fn a_token_is_exchanged_for_keys_and_read_again_when_they_run_out() {
    let server = S3Server::start(&["lake"]);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let service = TokenService::start(&server, folder);
    let shop = shop(&server, "");
    let trusted = |arguments: &[&str]| {
        let mut command = in_pod(&shop, &service, folder, arguments);
        command.env("AWS_CA_BUNDLE", folder.join("sts.pem"));
        command.output().unwrap()
    };
    succeeded(&trusted(&["run"]));
    shop.deliver("2026-08-02", "a.csv", SECOND);
    succeeded(&trusted(&["run"]));
    let sql = "select order_id from silver.sales order by 1";
    let rows = trusted(&["sql", "--format", "csv", "-c", sql]);
    succeeded(&rows);
    assert_eq!(
        String::from_utf8_lossy(&rows.stdout)
            .lines()
            .skip(1)
            .collect::<Vec<_>>(),
        ["a", "b", "c", "d"]
    );

    let asked = asked(folder);
    for request in &asked {
        assert_eq!(request["Action"], "AssumeRoleWithWebIdentity");
        assert_eq!(request["RoleArn"], ROLE);
        assert_eq!(request["RoleSessionName"], "nightly");
        assert_eq!(request["good"], true, "an old token: {request}");
    }
    // Keys that hold for a minute are too old at once, so that each of the three processes asked more than once.
    assert!(asked.len() > 6, "{asked:?}");
}

#[test]
fn what_is_wrong_with_a_web_identity_is_said() {
    let server = S3Server::start(&["lake"]);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let service = TokenService::start(&server, folder);
    let refused = |shop: &Shop, words: &[&str]| {
        let output = in_pod(shop, &service, folder, &["run"]).output().unwrap();
        let said = said(&output);
        assert!(!output.status.success(), "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(!said.contains("token-"), "{said}");
    };
    // Nobody vouches for the service.
    refused(&shop(&server, ""), &["certificate"]);
    assert!(asked(folder).is_empty());
    // The option says who does, from the project's folder.
    let shop = shop(&server, "      ca_file: sts.pem\n");
    refused(&shop, &["error[B1002]", "sts.pem"]);
    std::fs::copy(folder.join("sts.pem"), shop.path().join("sts.pem")).unwrap();
    let token = std::fs::read_to_string(folder.join("token")).unwrap();
    std::fs::write(folder.join("token"), "token-of-nobody").unwrap();
    refused(&shop, &["InvalidIdentityToken"]);
    std::fs::remove_file(folder.join("token")).unwrap();
    refused(&shop, &["token file"]);
    std::fs::write(folder.join("token"), token).unwrap();
    succeeded(&in_pod(&shop, &service, folder, &["run"]).output().unwrap());
}
