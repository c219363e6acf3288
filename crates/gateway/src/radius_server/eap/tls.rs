//! The tunnel: rustls without a socket.

use std::io::{Read, Write};
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

/// The server's end of one connection. What it takes is allocated once a device has said hello: of most
/// conversations that are begun to no end nothing more comes.
#[derive(Debug)]
pub(super) enum TlsTunnel {
    Idle(Arc<ServerConfig>),
    Begun(Box<ServerConnection>),
}

impl TlsTunnel {
    pub(super) fn new(config: &Arc<ServerConfig>) -> Self {
        Self::Idle(Arc::clone(config))
    }

    fn begun(&mut self) -> Result<&mut ServerConnection, Broken> {
        if let Self::Idle(config) = self {
            let connection = ServerConnection::new(Arc::clone(config)).map_err(broken)?;
            *self = Self::Begun(Box::new(connection));
        }
        match self {
            Self::Begun(connection) => Ok(connection),
            Self::Idle(_) => Err(broken("no connection")),
        }
    }
}

impl Tunnel for TlsTunnel {
    fn receive(&mut self, mut records: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let connection = self.begun()?;
        let mut clear = Zeroizing::new(Vec::new());
        while !records.is_empty() {
            let taken = connection.read_tls(&mut records).map_err(broken)?;
            let state = connection.process_new_packets().map_err(broken)?;
            // Behind its close_notify rustls takes nothing more of a peer (RFC 8446, 6.1).
            if taken == 0 || state.peer_has_closed() {
                return Err(broken("the device closed the tunnel"));
            }
            let mut said = Zeroizing::new(vec![0; state.plaintext_bytes_to_read()]);
            connection.reader().read_exact(&mut said).map_err(broken)?;
            clear.extend_from_slice(&said);
        }
        Ok(clear)
    }

    fn say(&mut self, clear: &[u8]) -> Result<(), Broken> {
        self.begun()?.writer().write_all(clear).map_err(broken)
    }

    fn outgoing(&mut self) -> Result<Vec<u8>, Broken> {
        let connection = self.begun()?;
        let mut records = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut records).map_err(broken)?;
        }
        Ok(records)
    }

    fn is_established(&self) -> bool {
        matches!(self, Self::Begun(connection) if !connection.is_handshaking())
    }

    fn export(&self, label: &str, out: &mut [u8]) -> Result<(), Broken> {
        let Self::Begun(connection) = self else {
            return Err(broken("no connection"));
        };
        connection
            .export_keying_material(out, label.as_bytes(), None)
            .map(|_| ())
            .map_err(broken)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an error's last use")]
fn broken(error: impl ToString) -> Broken {
    Broken(error.to_string().into())
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    /// Both ends of a connection that stands.
    fn established() -> (TlsTunnel, ClientConnection) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let trusting = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut device = ClientConnection::new(Arc::new(trusting), name).unwrap();
        let config = config(vec![certificate], made.signing_key.into()).unwrap();
        let mut tunnel = TlsTunnel::new(&Arc::new(config));
        while device.is_handshaking() {
            tunnel.receive(&said(&mut device)).unwrap();
            let mut records = &tunnel.outgoing().unwrap()[..];
            while !records.is_empty() {
                device.read_tls(&mut records).unwrap();
                device.process_new_packets().unwrap();
            }
        }
        (tunnel, device)
    }

    fn said(device: &mut ClientConnection) -> Vec<u8> {
        let mut records = Vec::new();
        while device.wants_write() {
            device.write_tls(&mut records).unwrap();
        }
        records
    }

    #[test]
    fn a_device_that_closes_the_tunnel_is_heard_no_further() {
        let (mut tunnel, mut device) = established();
        device.send_close_notify();
        let closed = said(&mut device);
        let error = Broken("the device closed the tunnel".into());
        assert_eq!(tunnel.receive(&closed), Err(error.clone()));
        assert_eq!(tunnel.receive(&closed), Err(error));
    }
}
