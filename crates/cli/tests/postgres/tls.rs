//! Encrypted connections, and what is checked of the server.

use super::server::{PASSWORD, Server};
use crate::end_to_end::shop::{Shop, said};

#[test]
fn a_server_is_checked_as_far_as_the_mode_says() {
    let (server, certificate) = Server::start_with_tls();
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    let check = |host: &str, mode: &str, trusted: bool| {
        let root = match trusted {
            true => format!(", sslrootcert: '{}'", certificate.display()),
            false => String::new(),
        };
        let text = format!(
            "sources:\n  - name: pg\n    kind: postgres\n    streams: []\n    connection: {{host: {host}, port: {}, \
             database: postgres, user: postgres, password: '${{PGPASSWORD}}', sslmode: {mode}{root}}}\n",
            server.port()
        );
        shop.write("sources/pg.yml", text.as_bytes());
        let mut command = shop.command(&["source", "check"]);
        let output = command.env("PGPASSWORD", PASSWORD).output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.success(), !said.contains("P1003"), "{said}");
        output.status.success()
    };
    for mode in ["disable", "prefer", "require"] {
        assert!(check("127.0.0.1", mode, false), "{mode}");
    }
    for mode in ["verify-ca", "verify-full"] {
        assert!(!check("localhost", mode, false), "{mode} of a stranger");
        assert!(check("localhost", mode, true), "{mode}");
    }
    assert!(check("127.0.0.1", "verify-ca", true));
    assert!(!check("127.0.0.1", "verify-full", true), "another name");
}
