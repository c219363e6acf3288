//! One connection of a client.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use radius::Version;
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::{ALPN_1_1, Common, Places, frame, names};
use crate::radius_server::admission::{Arrival, By, Certified};
use crate::radius_server::{Recorded, Way};
use crate::stopped;

/// Requests of one connection at most that are not answered, or whose answers the client has not taken: as many
/// as there are identifiers.
const OUTSTANDING_MAX: usize = 256;

/// A handshake is two round trips, below a second each.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a client may take for one answer.
const WRITE: Duration = Duration::from_secs(10);

/// The place of an answer on its connection.
pub(in crate::radius_server) struct Slot(Mutex<Option<mpsc::OwnedPermit<Vec<u8>>>>);

impl Slot {
    /// Sends the one answer that there is a place for.
    pub(in crate::radius_server) fn send(&self, packet: &[u8]) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = place.take() {
            // A connection that has ended takes no answer.
            drop(place.send(packet.to_vec()));
        }
    }
}

pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) common: Arc<Common>,
    pub(super) places: Places,
    pub(super) stopping: watch::Receiver<bool>,
}

impl Connection {
    pub(super) async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // An answer is one packet, and waits for no other.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            return self.carry(stream, By::Tcp).await;
        };
        match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.verified(stream).await,
            Ok(Err(error)) => self.common.refused(self.peer, &error),
            Err(_) => self.common.refused(self.peer, &"no handshake"),
        }
    }

    async fn verified(self, stream: TlsStream<TcpStream>) {
        let tls = stream.get_ref().1;
        let version = match tls.alpn_protocol() {
            Some(ALPN_1_1) => Version::V1_1,
            _ => Version::V1_0,
        };
        if version == Version::V1_1 && tls.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            let why = "radius/1.1 over another version than TLS 1.3 (RFC 9765, 3.1)";
            return self.common.refused(self.peer, &why);
        }
        let names = tls.peer_certificates().and_then(<[_]>::first);
        let names = names.map(names::of).unwrap_or_default();
        let certified = Certified { names, version };
        let by = By::Tls(&certified);
        if !self.common.receiver().asks(self.peer.ip(), by) {
            let why = format!(
                "no radius-client with 'transport tls' has this address and the certificate-name {}",
                certified.names.join(" or ")
            );
            return self.common.refused(self.peer, &why);
        }
        self.carry(stream, by).await;
    }

    /// Answers until the client leaves, the process ends, or something comes that is no packet; then brings the
    /// answers that are still to come.
    async fn carry(mut self, stream: impl AsyncRead + AsyncWrite + Send + 'static, by: By<'_>) {
        self.places.half_open = None;
        let (mut reading, writing) = split(stream);
        let (answers, to_write) = mpsc::channel(OUTSTANDING_MAX);
        let writing = tokio::spawn(write(writing, to_write));
        while let Ok(slot) = answers.clone().reserve_owned().await {
            let packet = tokio::select! {
                packet = frame::next(&mut reading) => packet,
                () = stopped(&mut self.stopping) => break,
            };
            match packet {
                Ok(Some(packet)) => self.take(&packet, slot, by),
                Ok(None) => break,
                Err(why) => {
                    let peer = self.peer;
                    debug!(%peer, %why, "a RADIUS connection is closed");
                    break;
                }
            }
        }
        drop(answers);
        // It panics nowhere; and its end is this connection's.
        let _ = writing.await;
    }

    fn take(&self, packet: &[u8], slot: mpsc::OwnedPermit<Vec<u8>>, by: By<'_>) {
        let slot = Slot(Mutex::new(Some(slot)));
        let arrival = Arrival {
            peer: self.peer,
            by,
        };
        let shared = &self.common.shared;
        let admitted = {
            let mut receiver = self.common.receiver();
            receiver.refresh();
            receiver.admit(arrival, packet, &mut |reply| slot.send(reply))
        };
        if let Some(mut admitted) = admitted {
            admitted.pending.way = Way::Connection(slot);
            let mut recorded = Recorded::default();
            shared.take_up(admitted, &mut recorded);
            shared.record(recorded);
        }
    }
}

async fn write(mut stream: impl AsyncWrite + Unpin, mut answers: mpsc::Receiver<Vec<u8>>) {
    while let Some(packet) = answers.recv().await {
        let written = timeout(WRITE, async {
            stream.write_all(&packet).await?;
            stream.flush().await
        });
        if !matches!(written.await, Ok(Ok(()))) {
            break;
        }
    }
    // Who reads no answer reads no farewell either.
    let _ = timeout(WRITE, stream.shutdown()).await;
}
