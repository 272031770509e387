//! Certificates of tests, made by openssl.

use std::path::Path;
use std::process::Command;

/// An authority of openssl's that signs what it is given, for itself.
const AUTHORITY: &str = "
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
x509_extensions = names
unique_subject = no
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost,IP:127.0.0.1
";

/// Makes a key and a certificate that signs itself and holds until `until`.
pub fn certificate(folder: &Path, name: &str, until: &str) {
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        let made = command
            .current_dir(folder)
            .args(arguments)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    };
    std::fs::write(folder.join("authority.cnf"), AUTHORITY).unwrap();
    std::fs::write(folder.join("index.txt"), "").unwrap();
    std::fs::write(folder.join("serial"), "01").unwrap();
    let [key, request, certificate] = ["key", "csr", "pem"].map(|end| format!("{name}.{end}"));
    let subject = ["-subj", "/CN=localhost", "-keyout", &key, "-out", &request];
    openssl(
        &[
            &["req", "-new", "-newkey", "rsa:2048", "-nodes"],
            &subject[..],
        ]
        .concat(),
    );
    let files = ["-keyfile", &key, "-in", &request, "-out", &certificate];
    let times = ["-startdate", "20200101000000Z", "-enddate", until];
    let sign = [
        "ca",
        "-config",
        "authority.cnf",
        "-batch",
        "-selfsign",
        "-notext",
    ];
    openssl(&[&sign[..], &files, &times].concat());
}
