//! Which datagrams become login attempts.
//!
//! Strangers and forgers hear nothing. A retransmission gets the bytes of the first answer, before
//! anything is judged.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::client::{Method, Requirement, Transport};
use domain::login::Origin;
use domain::name::Realm;
use domain::password::Presented;
use domain::reason::Reason;
use domain::source::LoginSource;
use eap::identifier_of;
use radius::duplicates::{Admission, Key};
use radius::{
    AccessRequest, Code, Credentials, MessageAuthenticator, Packet, Reply, StatusServer, Type,
    Version,
};
use tracing::{info, warn};

use super::clients::{Clients, RadiusClient};
use super::eap::Message;
use super::traffic::Counted;
use super::{Pending, Place, Shared, Way};
use crate::clock;
use crate::login::{Attempt, Exchange, Presentation, Response, told};

/// A request, and what came with it.
pub(super) struct Admitted {
    pub(super) pending: Pending,
    pub(super) came: Came,
}

/// From where a packet comes, and by what.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) peer: SocketAddr,
    pub(super) by: By<'a>,
}

/// By what a packet comes.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    Udp,
    Tcp,
    Tls(&'a Certified),
}

/// Who is at the other end of TLS, and what was agreed upon.
pub(super) struct Certified {
    /// The names in its certificate, in small letters.
    pub(super) names: Vec<Box<str>>,
    pub(super) version: Version,
}

impl By<'_> {
    pub(super) const fn transport(self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
        }
    }

    const fn version(self) -> Version {
        match self {
            Self::Udp | Self::Tcp => Version::V1_0,
            Self::Tls(certified) => certified.version,
        }
    }
}

/// What came.
pub(super) enum Came {
    /// A login attempt.
    Login(Attempt),
    /// A piece of an EAP conversation.
    Eap(Message),
}

/// The receiving thread's view of the configuration.
pub(super) struct Receiver {
    shared: Arc<Shared>,
    clients: Clients,
    /// Whether an address is being kept at the moment.
    learning: Arc<AtomicBool>,
}

/// The wait after an address could not be kept.
const LEARN_PAUSE: Duration = Duration::from_secs(10);

impl Receiver {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let clients = Clients::load(&shared.store, Arc::clone(&shared.traffics));
        Self {
            shared,
            clients,
            learning: Arc::default(),
        }
    }

    /// Takes over changes of the configuration; called once a batch.
    pub(super) fn refresh(&mut self) {
        self.clients.refresh(&self.shared.store);
    }

    /// Whether any client connects from an address by this transport. A stranger is counted.
    pub(super) fn knows(&mut self, address: IpAddr, by: Transport) -> bool {
        self.refresh();
        let is_known = self.clients.asks(address, by);
        if !is_known {
            self.unknown(address, by);
        }
        is_known
    }

    /// Whether a client asks from there by this.
    pub(super) fn asks(&self, address: IpAddr, by: By<'_>) -> bool {
        self.clients.at(address, by).is_some()
    }

    /// Judges a packet. Answers to retransmissions and to Status-Server go to `again`.
    pub(super) fn admit(
        &self,
        arrival: Arrival<'_>,
        datagram: &[u8],
        again: &mut dyn FnMut(&[u8]),
    ) -> Option<Admitted> {
        let Arrival { peer, by } = arrival;
        let Some(client) = self.clients.at(peer.ip(), by) else {
            self.unknown(peer.ip(), by.transport());
            return None;
        };
        client.seen(clock::now());
        let packet = match Packet::parse_as(by.version(), datagram) {
            Ok(packet) => packet,
            Err(error) => {
                self.malformed(peer, client, &error);
                return None;
            }
        };
        if packet.code() == Code::StatusServer {
            self.alive(peer, packet, client, again);
            return None;
        }
        let request = match AccessRequest::new(packet) {
            Ok(request) => request,
            Err(error) => {
                self.malformed(peer, client, &error);
                return None;
            }
        };
        if !self.is_authentic(peer.ip(), &request, client) {
            return None;
        }
        let key = Key::new(peer, request.packet());
        if !self.is_fresh(key, client, again) {
            return None;
        }
        let Some(place) = Place::take(&self.shared.places) else {
            client.count(Counted::Overloaded);
            self.shared.duplicates().forget(&key);
            return None;
        };
        let came = self.came(peer, &request, client, key)?;
        client.count(Counted::Request);
        let pending = Pending {
            key,
            peer,
            request: Box::from(request.packet().octets()),
            version: by.version(),
            client: Arc::clone(client),
            arrived: Instant::now(),
            eap: match &came {
                Came::Login(_) => None,
                Came::Eap(message) => Some(identifier_of(&message.packet)),
            },
            talk: None,
            way: Way::Datagram,
            _place: place,
        };
        Some(Admitted { pending, came })
    }

    fn unknown(&self, address: IpAddr, by: Transport) {
        let now = clock::now();
        let stranger = self.clients.stranger(address, by);
        self.shared.debug.dropped(address, &stranger);
        self.shared.traffics.stranger(address.to_canonical(), now);
        if let Some(left_out) = self.shared.dropped.unknown_client.due(now) {
            let next_step = stranger.next_step();
            warn!(
                %address, left_out,
                "a RADIUS request is not heard: {stranger}; if it should be: {next_step}"
            );
        }
    }

    fn malformed(&self, peer: SocketAddr, client: &RadiusClient, error: &dyn std::fmt::Display) {
        client.count(Counted::Malformed);
        self.shared.debug.dropped(peer.ip(), error);
        if let Some(left_out) = self.shared.dropped.malformed.due(clock::now()) {
            let (client, address) = (client.name(), peer.ip());
            warn!(client, %address, %error, left_out, "a datagram that is no request to be decided");
        }
    }

    fn wrong_authenticator(&self, address: IpAddr, client: &RadiusClient) {
        client.count(Counted::WrongAuthenticator);
        let debug = &self.shared.debug;
        debug.dropped(address, &"a wrong Message-Authenticator");
        if let Some(left_out) = self.shared.dropped.wrong_authenticator.due(clock::now()) {
            let client = client.name();
            warn!(
                client, %address, left_out,
                "a wrong Message-Authenticator: compare the secret here and at the client"
            );
        }
    }

    fn missing_authenticator(&self, address: IpAddr, client: &RadiusClient) {
        client.count(Counted::MissingAuthenticator);
        let debug = &self.shared.debug;
        debug.dropped(address, &"no Message-Authenticator");
        if let Some(left_out) = self.shared.dropped.missing_authenticator.due(clock::now()) {
            let client = client.name();
            warn!(
                client, %address, left_out,
                "no Message-Authenticator where one is demanded: switch it on at the client, or set \
                 require-message-authenticator disable"
            );
        }
    }

    /// Answers Status-Server (RFC 5997): other servers ask with it whether this one is alive.
    fn alive(
        &self,
        peer: SocketAddr,
        packet: Packet<'_>,
        client: &RadiusClient,
        again: &mut dyn FnMut(&[u8]),
    ) {
        let Ok(asked) = StatusServer::verify(packet, &client.secret) else {
            self.wrong_authenticator(peer.ip(), client);
            return;
        };
        if let Ok(reply) = Reply::accept().encode(asked.packet(), &client.secret) {
            again(&reply);
        }
    }

    /// The client's policy on the Message-Authenticator (CVE-2024-3596). A wrong one is silence in
    /// every mode; so is a missing one in a request with EAP (RFC 3579, 3.2) or with Proxy-State,
    /// behind which the attack hides its collision, and unless the client is excepted in one with CHAP or
    /// MS-CHAPv2, which nothing else ties to the secret.
    fn is_authentic(
        &self,
        address: IpAddr,
        request: &AccessRequest<'_>,
        client: &RadiusClient,
    ) -> bool {
        // RFC 9765, 5.2: what TLS brings is authentic, and a Message-Authenticator in it means nothing.
        if request.packet().version() == Version::V1_1 {
            return true;
        }
        match request.message_authenticator(&client.secret) {
            MessageAuthenticator::Invalid => {
                self.wrong_authenticator(address, client);
                false
            }
            MessageAuthenticator::Valid => {
                self.learn(address, request, client);
                true
            }
            MessageAuthenticator::Absent => {
                let demanded = match client.requirement {
                    Requirement::Enable => true,
                    Requirement::Auto => {
                        request.answers_a_challenge() || self.clients.has_authenticated(address)
                    }
                    Requirement::Disable => false,
                };
                let refused = demanded || request.has_eap() || request.has_proxy_state();
                if refused {
                    self.missing_authenticator(address, client);
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
        // One at a time: while the store fails, every request would ask again.
        if self.learning.swap(true, Ordering::Acquire) {
            return;
        }
        let learning = Arc::clone(&self.learning);
        let store = Arc::clone(&self.shared.store);
        let name = Box::<str>::from(client.name());
        self.shared.runtime.spawn(async move {
            match store.learn_authenticating(address, &name, clock::now()).await {
                Ok(()) => info!(%address, client = %name, "sends Message-Authenticator; demanded from now on"),
                Err(error) => {
                    warn!(%address, %error, "cannot keep that this address sends Message-Authenticator");
                    tokio::time::sleep(LEARN_PAUSE).await;
                }
            }
            learning.store(false, Ordering::Release);
        });
    }

    fn is_fresh(&self, key: Key, client: &RadiusClient, again: &mut dyn FnMut(&[u8])) -> bool {
        let now = clock::monotonic(Instant::now());
        match self.shared.duplicates().admit(key, now) {
            Admission::Fresh => return true,
            Admission::InFlight => client.count(Counted::Repeated),
            Admission::Answered(reply) => {
                client.count(Counted::Repeated);
                again(reply);
            }
            Admission::Full => client.count(Counted::Overloaded),
        }
        false
    }

    fn came(
        &self,
        peer: SocketAddr,
        request: &AccessRequest<'_>,
        client: &RadiusClient,
        key: Key,
    ) -> Option<Came> {
        let realm = Realm::Vdom(client.vdom);
        let origin = Origin {
            client: Box::from(client.name()),
            source: source(peer.ip(), request.packet()),
        };
        let state = request.state().map(<[u8]>::to_vec);
        if let Some(packet) = request.eap_message() {
            return Some(Came::Eap(Message {
                packet,
                state,
                name: request.user_name().unwrap_or_default().to_vec(),
                realm,
                origin,
                mtu: mtu(request.packet()),
            }));
        }
        let (Some(name), Some(presented)) = (request.user_name(), presented(request, client))
        else {
            let error = "no User-Name, or none of PAP, CHAP, MS-CHAPv2 and EAP";
            self.malformed(peer, client, &error);
            self.shared.duplicates().forget(&key);
            return None;
        };
        let attempt = Attempt {
            realm,
            name: name.to_vec(),
            presented,
            state,
            origin,
            position: client.position,
            exchange: Exchange::Challenge,
        };
        self.shared.debug.received(peer, client, &attempt);
        Some(Came::Login(attempt))
    }
}

/// How the request proves the password, if by a method that is known here.
fn presented(request: &AccessRequest<'_>, client: &RadiusClient) -> Option<Presentation> {
    let (method, presented) = match request.credentials(&client.secret) {
        Credentials::None => return None,
        Credentials::Password(password) => (
            Method::Pap,
            Presentation::Password(Presented::new(password)),
        ),
        Credentials::Chap(response) => (
            Method::Chap,
            Presentation::Response(Response::Chap(response)),
        ),
        Credentials::MsChapV2(response) => (
            Method::MsChapV2,
            Presentation::Response(Response::MsChapV2(response, Method::MsChapV2)),
        ),
    };
    Some(if client.methods.allow(method) {
        presented
    } else {
        Presentation::Refused(told(method, Reason::MethodNotAllowed))
    })
}

/// What the link between device and client carries (RFC 2865, 5.12).
fn mtu(packet: &Packet<'_>) -> Option<usize> {
    let octets = packet.first(Type::FRAMED_MTU)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(octets)).ok()
}

/// The person's own address as the client reports it, else the client's.
pub(super) fn source(peer: IpAddr, packet: &Packet<'_>) -> LoginSource {
    let reported = packet.first(Type::CALLING_STATION_ID);
    let reported = reported.and_then(|octets| std::str::from_utf8(octets).ok());
    LoginSource::reported(reported.unwrap_or_default(), peer)
}
