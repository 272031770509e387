//! Encrypted connections.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{local, wait};
use crate::certificates::certificate;
use crate::end_to_end::shop::{Shop, said};
use crate::webhooks::sender::Served;

/// What openssl's client is answered by `/health`, with a version of TLS; `None` if they do not agree.
fn health(served: &Served, root: &Path, version: &str) -> Option<String> {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-verify_hostname",
            "localhost",
            version,
        ])
        .args(["-connect", &served.address().to_string(), "-CAfile"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    use std::io::Write as _;
    let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let _may_be_gone = client.stdin.take().unwrap().write_all(request);
    let output = client.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.contains("200 OK").then_some(text)
}

fn flags<'f>(certificate: &'f str, key: &'f str) -> [&'f str; 4] {
    ["--tls-certificate", certificate, "--tls-key", key]
}

fn path(shop: &Shop, name: &str) -> String {
    shop.path().join(name).to_string_lossy().into_owned()
}

#[test]
fn connections_are_encrypted_and_a_renewed_certificate_is_read() {
    let shop = local("false");
    certificate(shop.path(), "first", "20990101000000Z");
    certificate(shop.path(), "second", "20990101000000Z");
    let (pem, key) = (path(&shop, "first.pem"), path(&shop, "first.key"));
    let served = Served::start_with(&shop, &flags(&pem, &key), &[]);
    let first = shop.path().join("trusted.pem");
    std::fs::copy(&pem, &first).unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        assert!(health(&served, &first, version).is_some(), "{version}");
    }
    assert!(
        health(&served, &first, "-tls1_1").is_none(),
        "TLS 1.1 is refused"
    );
    let second = shop.path().join("second.pem");
    assert!(
        health(&served, &second, "-tls1_3").is_none(),
        "another certificate"
    );

    // A key that does not belong to it changes nothing; both together do.
    std::fs::copy(&second, &pem).unwrap();
    served.signal("-HUP");
    wait("the refusal", || {
        served
            .log()
            .contains("the old certificate stays")
            .then_some(())
    });
    assert!(health(&served, &first, "-tls1_3").is_some());
    std::fs::copy(shop.path().join("second.key"), &key).unwrap();
    served.signal("-HUP");
    wait("the new certificate", || {
        health(&served, &second, "-tls1_3")
    });
    served.end();
}

#[test]
fn certificates_that_are_wrong_and_open_addresses_without_one_are_refused() {
    let shop = local("false");
    certificate(shop.path(), "good", "20990101000000Z");
    certificate(shop.path(), "other", "20990101000000Z");
    certificate(shop.path(), "old", "20200201000000Z");
    let refused_at = |address: &str, arguments: &[&str], code: &str, word: &str| {
        let mut command = shop.command(&["serve", "--listen", address]);
        let output = command.args(arguments).output().unwrap();
        let said = said(&output);
        let is_refused = !output.status.success() && said.contains(code);
        assert!(is_refused && said.contains(word), "{said}");
    };
    let refused = |arguments: &[&str], code, word| refused_at("127.0.0.1:0", arguments, code, word);
    let [good, key, old, old_key, other] =
        ["good.pem", "good.key", "old.pem", "old.key", "other.key"].map(|name| path(&shop, name));
    refused(&flags(&old, &old_key), "W1004", "expired on 2020-02-01");
    refused(&flags(&good, &other), "W1004", "cannot be used");
    refused(&flags(&key, &key), "W1004", "no certificate");
    refused(&flags(&good, &good), "W1004", "no private key");
    refused(&flags(&path(&shop, "none.pem"), &key), "W1004", "none.pem");
    refused_at("0.0.0.0:0", &[], "W1001", "--plain-http");
    let text = "name: shop\nserve:\n  tls: {certificate: old.pem, key: old.key}\n  callers: [{name: a, token: '${S3_SECRET}'}]\n";
    shop.write("sluice.yml", text.as_bytes());
    refused(&[], "W1004", "expired on");
}
