//! TLS by rustls, with libpq's modes of checking the server
//! (<https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION>).

use std::net::TcpStream;
use std::sync::Arc;

use diagnostic::{Error, Result, ResultExt, codes};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};
use settings::{PostgresConnection, SslMode};

pub(super) fn handshake(
    stream: TcpStream,
    mode: SslMode,
    config: &PostgresConnection,
) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let wrong = || {
        format!(
            "The connection to `{}:{}` cannot be encrypted",
            config.host, config.port
        )
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .explain(codes::P1003, wrong)?;
    // libpq checks the authority in `require` too if a root certificate is named.
    let mode = match mode {
        SslMode::Require if config.sslrootcert.is_some() => SslMode::VerifyCa,
        mode => mode,
    };
    let builder = match mode {
        SslMode::VerifyFull | SslMode::VerifyCa => {
            let trusted = trusted(config)?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(trusted.iter().cloned());
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .explain(codes::P1003, wrong)?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Verified {
                    inner,
                    named: trusted_by_name(config, trusted),
                    check_name: mode == SslMode::VerifyFull,
                }))
        }
        _ => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
    };
    let client = builder.with_no_client_auth();
    let name = ServerName::try_from(config.host.clone()).explain(codes::P1003, wrong)?;
    let connection = ClientConnection::new(Arc::new(client), name).explain(codes::P1003, wrong)?;
    let mut stream = StreamOwned::new(connection, stream);
    while stream.conn.is_handshaking() {
        if let Err(cause) = stream.conn.complete_io(&mut stream.sock) {
            return Err(Error::new(codes::P1003, wrong()).because(cause).help(
                "check `sslmode` and `sslrootcert`: the cause tells what the certificate lacks",
            ));
        }
    }
    Ok(stream)
}

/// The certificates to trust: those of `sslrootcert`, or the system's.
fn trusted(config: &PostgresConnection) -> Result<Vec<CertificateDer<'static>>> {
    let Some(path) = &config.sslrootcert else {
        return Ok(rustls_native_certs::load_native_certs().certs);
    };
    let wrong = || format!("The certificates in `{}` cannot be read", path.display());
    CertificateDer::pem_file_iter(path)
        .explain(codes::P1003, wrong)?
        .map(|certificate| certificate.explain(codes::P1003, wrong))
        .collect()
}

/// Certificates that the user has named, rather than those that came with the system.
fn trusted_by_name(
    config: &PostgresConnection,
    trusted: Vec<CertificateDer<'static>>,
) -> Vec<CertificateDer<'static>> {
    match config.sslrootcert {
        Some(_) => trusted,
        None => Vec::new(),
    }
}

/// Checks the authority, and the name if asked to: `verify-ca` and `verify-full`.
#[derive(Debug)]
struct Verified {
    inner: Arc<WebPkiServerVerifier>,
    /// A server that shows one of these is trusted without an authority: many servers sign for themselves, with
    /// a certificate of an authority, which the usual rules do not take from a server.
    named: Vec<CertificateDer<'static>>,
    check_name: bool,
}

impl ServerCertVerifier for Verified {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.named.iter().any(|named| named == end_entity) {
            if self.check_name {
                let certificate = ParsedCertificate::try_from(end_entity)?;
                verify_server_name(&certificate, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        let verdict = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verdict {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.check_name => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Encrypts without knowing to whom: `require` and `prefer`, as libpq does.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
