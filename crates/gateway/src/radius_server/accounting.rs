//! RADIUS accounting (RFC 2866): Start and Stop go on record, and are answered once they are there.
//!
//! One thread receives; records are written on the runtime. Interim updates and those of whole clients
//! (Accounting-On and -Off) are answered and not recorded: they say nothing of who came or went, and
//! would fill the audit chain.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use domain::audit::{Accounted, Event, What};
use domain::login::Origin;
use domain::name::{CanonicalName, Realm};
use radius::duplicates::{Admission, Key, Table};
use radius::{AccountingRequest, Code, Packet, Reply, StatusServer, Type};
use store::gateway::GatewayStore;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{error, warn};

use super::RECEIVE_PAUSE;
use super::admission::{By, source};
use super::clients::{Clients, RadiusClient};
use super::debug::RadiusDebug;
use super::traffic::{Counted, Traffics};
use crate::clock;
use crate::debug_log::DebugLog;
use crate::seldom::Seldom;
use crate::udp::{Batch, BatchSocket, Outgoing};

/// Records that are on their way at most. A client asks again for what is dropped here.
const PENDING_MAX: usize = 1_024;

/// Longest Acct-Session-Id that goes on record, in characters.
const SESSION_MAX: usize = 64;

struct Shared {
    socket: BatchSocket,
    store: Arc<GatewayStore>,
    runtime: tokio::runtime::Handle,
    duplicates: Mutex<Table<std::hash::RandomState>>,
    traffics: Arc<Traffics>,
    places: Arc<Semaphore>,
    debug: RadiusDebug,
    dropped: Seldom,
    stop: AtomicBool,
}

/// A running accounting listener.
pub struct AccountingServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: JoinHandle<()>,
}

impl std::fmt::Debug for AccountingServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountingServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl AccountingServer {
    /// Binds and starts. Must be called within a tokio runtime, on which records are written.
    pub(crate) fn start(
        address: SocketAddr,
        store: &Arc<GatewayStore>,
        traffics: &Arc<Traffics>,
        debug: &DebugLog,
    ) -> io::Result<Self> {
        let socket = BatchSocket::bind(address)?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared {
            socket,
            store: Arc::clone(store),
            runtime: tokio::runtime::Handle::current(),
            duplicates: Mutex::new(Table::new(PENDING_MAX, std::hash::RandomState::new())),
            traffics: Arc::clone(traffics),
            places: Arc::new(Semaphore::new(PENDING_MAX)),
            debug: RadiusDebug(debug.clone()),
            dropped: Seldom::default(),
            stop: AtomicBool::new(false),
        });
        let receiving = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("radius-accounting".into())
            .spawn(move || receive(&receiving))?;
        Ok(Self {
            shared,
            address,
            thread,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, and ends. Blocks.
    pub(crate) fn stop(self) {
        self.shared.stop.store(true, Ordering::Release);
        if self.thread.join().is_err() {
            error!("the accounting thread panicked");
        }
    }
}

fn receive(shared: &Arc<Shared>) {
    let mut batch = Batch::default();
    let mut replies = Outgoing::default();
    let mut clients = Clients::load(&shared.store, Arc::clone(&shared.traffics));
    while !shared.stop.load(Ordering::Acquire) {
        match shared.socket.receive(&mut batch) {
            Ok(0) => continue,
            Ok(_) => clients.refresh(&shared.store),
            Err(error) => {
                shared.warn(&"accounting", &error);
                thread::sleep(RECEIVE_PAUSE);
                continue;
            }
        }
        for (peer, datagram) in batch.datagrams() {
            shared.admit(peer, datagram, &clients, &mut replies);
        }
        if !replies.is_empty() {
            shared.send(&mut replies);
        }
    }
}

impl Shared {
    /// Judges a datagram. What can be answered at once goes to `replies`.
    fn admit(
        self: &Arc<Self>,
        peer: SocketAddr,
        datagram: &[u8],
        clients: &Clients,
        replies: &mut Outgoing,
    ) {
        let now = clock::now();
        let Some(client) = clients.at(peer.ip(), By::Udp) else {
            self.debug.dropped(peer.ip(), &"no client has this address");
            return self.traffics.stranger(peer.ip().to_canonical(), now);
        };
        client.seen(now);
        let packet = match Packet::parse(datagram) {
            Ok(packet) => packet,
            Err(error) => return self.unanswered(peer, client, Counted::Malformed, &error),
        };
        if packet.code() == Code::StatusServer {
            return match StatusServer::verify(packet, &client.secret) {
                Ok(asked) => push(replies, peer, client, asked.packet()),
                Err(error) => self.unanswered(peer, client, Counted::WrongAuthenticator, &error),
            };
        }
        let request = match AccountingRequest::verify(packet, &client.secret) {
            Ok(request) => request,
            Err(error) => {
                return self.unanswered(peer, client, Counted::WrongAuthenticator, &error);
            }
        };
        let Some(status) = number(request.packet(), Type::ACCT_STATUS_TYPE) else {
            let error = "no Acct-Status-Type";
            return self.unanswered(peer, client, Counted::Malformed, &error);
        };
        let Some(accounted) = accounted(status) else {
            return push(replies, peer, client, request.packet());
        };
        let key = Key::new(peer, request.packet());
        if !self.is_fresh(key, peer, client, replies) {
            return;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            client.count(Counted::Overloaded);
            return self.duplicates().forget(&key);
        };
        let at = now;
        let what = happened(accounted, peer, client, request.packet());
        let pending = Pending {
            key,
            peer,
            client: Arc::clone(client),
            request: request.packet().octets().into(),
            _place: place,
        };
        self.record(pending, Event { at, what });
    }

    fn is_fresh(
        &self,
        key: Key,
        peer: SocketAddr,
        client: &RadiusClient,
        replies: &mut Outgoing,
    ) -> bool {
        let now = clock::monotonic(Instant::now());
        match self.duplicates().admit(key, now) {
            Admission::Fresh => return true,
            Admission::InFlight => client.count(Counted::Repeated),
            Admission::Answered(reply) => {
                client.count(Counted::Repeated);
                replies.push(peer, reply);
            }
            Admission::Full => client.count(Counted::Overloaded),
        }
        false
    }

    /// RFC 2866, 2: what is not recorded is not answered.
    fn record(self: &Arc<Self>, pending: Pending, event: Event) {
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            match shared.store.record(event).await {
                Ok(()) => shared.answer(&pending),
                Err(error) => {
                    shared.duplicates().forget(&pending.key);
                    shared.unanswered(pending.peer, &pending.client, Counted::Undecided, &error);
                }
            }
        });
    }

    fn answer(&self, pending: &Pending) {
        let Ok(request) = Packet::parse(&pending.request) else {
            return;
        };
        if let Ok(reply) = Reply::accounting().encode(&request, &pending.client.secret) {
            let now = clock::monotonic(Instant::now());
            self.duplicates().answer(&pending.key, &reply, now);
            let mut replies = Outgoing::default();
            replies.push(pending.peer, &reply);
            self.send(&mut replies);
        }
    }

    fn send(&self, replies: &mut Outgoing) {
        let refused = self.socket.send(replies).refused;
        if refused > 0 {
            self.warn(&"accounting", &"the system does not send a reply");
        }
    }

    fn unanswered(
        &self,
        peer: SocketAddr,
        client: &RadiusClient,
        counted: Counted,
        why: &dyn std::fmt::Display,
    ) {
        client.count(counted);
        self.debug.dropped(peer.ip(), why);
        self.warn(&client.name(), why);
    }

    fn warn(&self, client: &dyn std::fmt::Display, why: &dyn std::fmt::Display) {
        if let Some(left_out) = self.dropped.due(clock::now()) {
            warn!(%client, %why, left_out, "accounting that is not answered");
        }
    }

    fn duplicates(&self) -> MutexGuard<'_, Table<std::hash::RandomState>> {
        self.duplicates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose record is being written.
struct Pending {
    key: Key,
    peer: SocketAddr,
    client: Arc<RadiusClient>,
    request: Box<[u8]>,
    _place: OwnedSemaphorePermit,
}

fn push(replies: &mut Outgoing, peer: SocketAddr, client: &RadiusClient, request: &Packet<'_>) {
    if let Ok(reply) = Reply::accounting().encode(request, &client.secret) {
        replies.push(peer, &reply);
    }
}

/// Acct-Status-Type (RFC 2866, 5.1), as far as it goes on record.
const fn accounted(status: u32) -> Option<Accounted> {
    match status {
        1 => Some(Accounted::Start),
        2 => Some(Accounted::Stop),
        _ => None,
    }
}

fn happened(
    accounted: Accounted,
    peer: SocketAddr,
    client: &RadiusClient,
    packet: &Packet<'_>,
) -> What {
    let realm = Realm::Vdom(client.vdom);
    let name = packet.first(Type::USER_NAME).unwrap_or_default();
    let person = std::str::from_utf8(name)
        .ok()
        .and_then(|name| CanonicalName::within(realm, name).ok());
    What::Session {
        person: person.unwrap_or_else(|| CanonicalName::nobody(realm)),
        origin: Origin {
            client: client.name().into(),
            source: source(peer.ip(), packet),
        },
        accounted,
        detail: detail(packet).into(),
    }
}

/// The session's name at the client, how long it took, and what went through it.
fn detail(packet: &Packet<'_>) -> String {
    let session = packet.first(Type::ACCT_SESSION_ID).unwrap_or_default();
    let session = String::from_utf8_lossy(session);
    let shown = session.chars().filter(|it| !it.is_control());
    let mut detail = format!("session {}", shown.take(SESSION_MAX).collect::<String>());
    let figures = [
        (Type::ACCT_SESSION_TIME, "s"),
        (Type::ACCT_INPUT_OCTETS, "octets in"),
        (Type::ACCT_OUTPUT_OCTETS, "octets out"),
    ];
    for (kind, unit) in figures {
        if let Some(figure) = number(packet, kind) {
            detail += &format!(", {figure} {unit}");
        }
    }
    detail
}

fn number(packet: &Packet<'_>, kind: Type) -> Option<u32> {
    let octets = packet.first(kind)?.try_into().ok()?;
    Some(u32::from_be_bytes(octets))
}
