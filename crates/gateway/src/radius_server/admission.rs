//! Which datagrams become login attempts.
//!
//! Strangers and forgers hear nothing. A retransmission gets the bytes of the first answer, before
//! anything is judged.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use domain::client::Requirement;
use domain::login::Origin;
use domain::password::Presented;
use radius::duplicates::{Admission, Key};
use radius::{AccessRequest, Code, MessageAuthenticator, Packet, Reply, StatusServer, Type};
use tracing::{info, warn};

use super::clients::{Clients, RadiusClient};
use super::{Pending, Shared, count};
use crate::clock;
use crate::login::Attempt;
use crate::udp::Outgoing;

/// Longest Calling-Station-Id that is kept as the source of a login: an address with a port, or a
/// hardware address. What is longer is cut in evidence, not in judgement.
const SOURCE_MAX: usize = 64;

/// A login attempt and the request that it came with.
pub(super) struct Admitted {
    pub(super) pending: Pending,
    pub(super) attempt: Attempt,
}

/// The receiving thread's view of the configuration.
pub(super) struct Receiver {
    shared: Arc<Shared>,
    clients: Clients,
    runtime: tokio::runtime::Handle,
}

impl Receiver {
    pub(super) fn new(shared: Arc<Shared>, runtime: tokio::runtime::Handle) -> Self {
        let clients = Clients::load(&shared.store);
        Self {
            shared,
            clients,
            runtime,
        }
    }

    /// Takes over changes of the configuration; called once a batch.
    pub(super) fn refresh(&mut self) {
        self.clients.refresh(&self.shared.store);
    }

    /// Judges a datagram. Answers to retransmissions and to Status-Server go to `again`.
    pub(super) fn admit(
        &self,
        peer: SocketAddr,
        datagram: &[u8],
        again: &mut Outgoing,
    ) -> Option<Admitted> {
        let tally = &self.shared.tally;
        let Some(client) = self.clients.at(peer.ip()) else {
            count(&tally.unknown_client);
            return None;
        };
        let Ok(packet) = Packet::parse(datagram) else {
            count(&tally.malformed);
            return None;
        };
        if packet.code() == Code::StatusServer {
            self.alive(peer, packet, client, again);
            return None;
        }
        let Ok(request) = AccessRequest::new(packet) else {
            count(&tally.malformed);
            return None;
        };
        if !self.is_authentic(peer.ip(), &request, client) {
            return None;
        }
        let key = Key::new(peer, request.packet());
        if !self.is_fresh(key, peer, again) {
            return None;
        }
        let attempt = self.attempt(peer, &request, client, key)?;
        let pending = Pending {
            key,
            peer,
            request: Box::from(request.packet().octets()),
            client: Arc::clone(client),
            arrived: Instant::now(),
        };
        Some(Admitted { pending, attempt })
    }

    /// Answers Status-Server (RFC 5997): other servers ask with it whether this one is alive.
    fn alive(
        &self,
        peer: SocketAddr,
        packet: Packet<'_>,
        client: &RadiusClient,
        again: &mut Outgoing,
    ) {
        let Ok(asked) = StatusServer::verify(packet, &client.secret) else {
            count(&self.shared.tally.wrong_authenticator);
            return;
        };
        if let Ok(reply) = Reply::accept().encode(asked.packet(), &client.secret) {
            again.push(peer, &reply);
        }
    }

    /// The client's policy on the Message-Authenticator (CVE-2024-3596). A wrong one is silence in
    /// every mode; so is a missing one in a request with EAP (RFC 3579, 3.2) or with Proxy-State,
    /// behind which the attack hides its collision.
    fn is_authentic(
        &self,
        address: IpAddr,
        request: &AccessRequest<'_>,
        client: &RadiusClient,
    ) -> bool {
        let tally = &self.shared.tally;
        match request.message_authenticator(&client.secret) {
            MessageAuthenticator::Invalid => {
                count(&tally.wrong_authenticator);
                false
            }
            MessageAuthenticator::Valid => {
                self.learn(address, request, client);
                true
            }
            MessageAuthenticator::Absent => {
                let demanded = match client.requirement {
                    Requirement::Enable => true,
                    Requirement::Auto => self.clients.has_authenticated(address),
                    Requirement::Disable => false,
                };
                let refused = demanded || request.has_eap() || request.has_proxy_state();
                if refused {
                    count(&tally.missing_authenticator);
                }
                !refused
            }
        }
    }

    /// From now on this address must send one. EAP always does, so it teaches nothing.
    fn learn(&self, address: IpAddr, request: &AccessRequest<'_>, client: &RadiusClient) {
        let known = self.clients.has_authenticated(address);
        if known || request.has_eap() || client.requirement != Requirement::Auto {
            return;
        }
        let (store, name) = (
            Arc::clone(&self.shared.store),
            Box::<str>::from(client.name()),
        );
        self.runtime.spawn(async move {
            match store.learn_authenticating(address, &name, clock::now()).await {
                Ok(()) => info!(%address, client = %name, "sends Message-Authenticator; demanded from now on"),
                Err(error) => warn!(%address, %error, "cannot keep that this address sends Message-Authenticator"),
            }
        });
    }

    fn is_fresh(&self, key: Key, peer: SocketAddr, again: &mut Outgoing) -> bool {
        let tally = &self.shared.tally;
        let now = clock::monotonic(Instant::now());
        match self.shared.duplicates().admit(key, now) {
            Admission::Fresh => return true,
            Admission::InFlight => count(&tally.duplicates),
            Admission::Answered(reply) => {
                count(&tally.duplicates);
                again.push(peer, reply);
            }
            Admission::Full => count(&tally.overloaded),
        }
        false
    }

    fn attempt(
        &self,
        peer: SocketAddr,
        request: &AccessRequest<'_>,
        client: &RadiusClient,
        key: Key,
    ) -> Option<Attempt> {
        let (Some(name), Some(password)) =
            (request.user_name(), request.user_password(&client.secret))
        else {
            // No name, or a method that is not PAP: nothing here can judge it.
            count(&self.shared.tally.malformed);
            self.shared.duplicates().forget(&key);
            return None;
        };
        Some(Attempt {
            name: name.to_vec(),
            presented: Presented::new(password),
            state: request.state().map(<[u8]>::to_vec),
            origin: Origin {
                client: Box::from(client.name()),
                source: source(peer.ip(), request.packet()),
            },
            position: client.position,
        })
    }
}

/// The person's own address as the client reports it, else the client's. Control characters would
/// make evidence unreadable.
fn source(peer: IpAddr, packet: &Packet<'_>) -> Box<str> {
    let reported = packet
        .first(Type::CALLING_STATION_ID)
        .and_then(|octets| std::str::from_utf8(octets).ok())
        .map(|text| {
            text.chars()
                .filter(|c| !c.is_control())
                .take(SOURCE_MAX)
                .collect::<String>()
        })
        .filter(|text| !text.is_empty());
    reported.unwrap_or_else(|| peer.to_string()).into()
}
