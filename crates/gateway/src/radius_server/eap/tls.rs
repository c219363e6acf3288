//! The tunnel: rustls without a socket.

use std::io::Read;
use std::sync::Arc;

use ::eap::{Broken, Tunnel};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, ServerConnection};
use zeroize::Zeroizing;

/// TLS 1.2 alone: what devices in use speak inside of EAP, and what those with TLS 1.3 (RFC 9427) fall back to. No
/// session is resumed: whoever resumes is asked for nothing, neither password nor code.
pub(super) fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS12])
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// The server's end of one connection.
#[derive(Debug)]
pub(super) struct TlsTunnel(ServerConnection);

impl TlsTunnel {
    pub(super) fn new(config: &Arc<ServerConfig>) -> Result<Self, ::eap::Error> {
        let connection = ServerConnection::new(Arc::clone(config)).map_err(broken)?;
        Ok(Self(connection))
    }
}

impl Tunnel for TlsTunnel {
    fn receive(&mut self, mut records: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let mut clear = Zeroizing::new(Vec::new());
        while !records.is_empty() {
            self.0.read_tls(&mut records).map_err(broken)?;
            let state = self.0.process_new_packets().map_err(broken)?;
            let mut said = Zeroizing::new(vec![0; state.plaintext_bytes_to_read()]);
            self.0.reader().read_exact(&mut said).map_err(broken)?;
            clear.extend_from_slice(&said);
        }
        Ok(clear)
    }

    fn say(&mut self, clear: &[u8]) -> Result<(), Broken> {
        std::io::Write::write_all(&mut self.0.writer(), clear).map_err(broken)
    }

    fn outgoing(&mut self) -> Result<Vec<u8>, Broken> {
        let mut records = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut records).map_err(broken)?;
        }
        Ok(records)
    }

    fn is_established(&self) -> bool {
        !self.0.is_handshaking()
    }

    fn export(&self, label: &str, out: &mut [u8]) -> Result<(), Broken> {
        self.0
            .export_keying_material(out, label.as_bytes(), None)
            .map(|_| ())
            .map_err(broken)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an error's last use")]
fn broken(error: impl ToString) -> Broken {
    Broken(error.to_string().into())
}
