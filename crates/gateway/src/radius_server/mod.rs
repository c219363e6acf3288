//! RADIUS over UDP, and by connections ([`StreamServer`]): a thin driver around `radius`, the login path and the store.
//!
//! One thread receives in batches, decides what memory can decide and hands whole batches to the
//! store's writer; another answers: accepts and challenges at once, refusals when their delay is
//! over. No thread waits for a disk or a hash while datagrams wait for it.

mod accounting;
mod admission;
mod answers;
mod clients;
mod debug;
mod eap;
mod service;
mod stream;
mod traffic;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use radius::duplicates::{DEFAULT_LIMIT, Key, Table};
use radius::{Packet, ParseError, Version};
use store::gateway::{Decision, GatewayStore};
use tracing::{error, warn};

use crate::clock;
use crate::debug_log::DebugLog;
use crate::login::{
    Asking, Backends, Explainer, Hashing, Judged, Later, Logins, Pool, Progress, SecondFactors,
    Turn,
};
use crate::seldom::Seldom;
use crate::udp::{Batch, BatchSocket, Outgoing};
pub use accounting::AccountingServer;
use admission::{Admitted, Arrival, By, Came, Receiver};
use answers::{Answer, Answerer};
use clients::RadiusClient;
use debug::RadiusDebug;
use eap::{Eap, Talk};
pub(crate) use service::Service;
pub use service::{RadiusConfig, RadiusError};
use stream::Slot;
pub use stream::{Security, StreamAddress, StreamConfig, StreamError, StreamServer};
use traffic::Counted;
pub(crate) use traffic::Traffics;

/// Requests that are on their way at most: as many as the duplicate table knows. A source that
/// reuses its identifiers displaces its own entries there, but not the requests themselves.
const PENDING_MAX: usize = DEFAULT_LIMIT;

/// A place among the requests that are on their way; free again when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Option<Self> {
        let before = taken.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(taken));
        (before < PENDING_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request on its way to its answer.
struct Pending {
    key: Key,
    peer: SocketAddr,
    /// The whole request: the reply is computed over parts of it.
    request: Box<[u8]>,
    /// How it is written.
    version: Version,
    client: Arc<RadiusClient>,
    arrived: Instant,
    /// The identifier of the EAP packet in the request, if it has one.
    eap: Option<u8>,
    /// The EAP conversation whose login this is.
    talk: Option<Box<Talk>>,
    way: Way,
    _place: Place,
}

impl Pending {
    fn packet(&self) -> Result<Packet<'_>, ParseError> {
        Packet::parse_as(self.version, &self.request)
    }
}

/// By which way the answer goes back.
enum Way {
    /// The socket, to the address that asked.
    Datagram,
    /// The connection that brought the request.
    Connection(Slot),
}

/// What every listener works with.
pub(crate) struct Parts {
    pub(crate) store: Arc<GatewayStore>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) factors: SecondFactors,
    pub(crate) traffics: Arc<Traffics>,
    pub(crate) debug: DebugLog,
}

/// What all listeners have together: a challenge or a conversation that began at one goes on at any, and what waits
/// for a thread waits once.
#[derive(Clone)]
pub(crate) struct Core {
    logins: Arc<Logins>,
    eap: Arc<Eap>,
    pool: Arc<Pool>,
    /// What TLS within EAP is computed in.
    tunnels: Arc<Pool>,
    explainer: Explainer,
}

impl Core {
    /// Must be called within a tokio runtime, on which refusals are explained.
    fn start(parts: &Parts, eap: Eap) -> io::Result<Self> {
        let (store, backends) = (Arc::clone(&parts.store), Arc::clone(&parts.backends));
        let logins = Logins::new(Arc::clone(&store), backends, &parts.factors);
        Ok(Self {
            logins: Arc::new(logins.map_err(io::Error::other)?),
            eap: Arc::new(eap),
            pool: Arc::new(Pool::start()?),
            tunnels: Arc::new(Pool::for_tunnels()?),
            explainer: Explainer::start(store),
        })
    }
}

/// What the threads of a listener share.
struct Shared {
    /// None where requests come by connections, which have each their own way back.
    socket: Option<BatchSocket>,
    store: Arc<GatewayStore>,
    core: Core,
    runtime: tokio::runtime::Handle,
    duplicates: Mutex<Table<std::hash::RandomState>>,
    answers: Sender<Answer>,
    traffics: Arc<Traffics>,
    debug: RadiusDebug,
    unsent: Seldom,
    undecided: Seldom,
    dropped: Dropped,
    places: Arc<AtomicUsize>,
    stop: AtomicBool,
}

/// When an administrator was last told of datagrams that hear nothing, by cause.
#[derive(Default)]
struct Dropped {
    unknown_client: Seldom,
    malformed: Seldom,
    wrong_authenticator: Seldom,
    missing_authenticator: Seldom,
}

/// A running RADIUS listener.
pub struct RadiusServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    threads: [JoinHandle<()>; 2],
}

impl std::fmt::Debug for RadiusServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RadiusServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl RadiusServer {
    /// Binds and starts. Must be called within a tokio runtime, on which backends are asked.
    fn start(address: SocketAddr, parts: &Parts, core: &Core) -> io::Result<Self> {
        let socket = BatchSocket::bind(address)?;
        let address = socket.local_addr()?;
        let (shared, answering) = Shared::start(parts, core, Some(socket))?;
        let to_receive = Arc::clone(&shared);
        let receiving = thread::Builder::new()
            .name("radius-receive".into())
            .spawn(move || receive(&to_receive))?;
        Ok(Self {
            shared,
            address,
            threads: [receiving, answering],
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, sends what is decided, and ends. Blocks.
    pub(crate) fn stop(self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads {
            if thread.join().is_err() {
                error!("a RADIUS thread panicked");
            }
        }
    }
}

/// The wait after a receive that failed: a lasting failure must not take a core.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);

fn receive(shared: &Arc<Shared>) {
    let Some(socket) = &shared.socket else {
        return;
    };
    let mut batch = Batch::default();
    let mut again = Outgoing::default();
    let failed = Seldom::default();
    let mut receiver = Receiver::new(Arc::clone(shared));
    while !shared.stop.load(Ordering::Acquire) {
        match socket.receive(&mut batch) {
            Ok(0) => {}
            Ok(_) => take(shared, &mut receiver, &batch, &mut again),
            Err(error) => {
                if let Some(left_out) = failed.due(clock::now()) {
                    warn!(%error, left_out, "cannot receive from the RADIUS socket");
                }
                thread::sleep(RECEIVE_PAUSE);
            }
        }
    }
}

fn take(shared: &Arc<Shared>, receiver: &mut Receiver, batch: &Batch, again: &mut Outgoing) {
    let mut recorded = Recorded::with_room(batch.len());
    receiver.refresh();
    for (peer, datagram) in batch.datagrams() {
        let arrival = Arrival { peer, by: By::Udp };
        let admitted = receiver.admit(arrival, datagram, &mut |reply| again.push(peer, reply));
        if let Some(admitted) = admitted {
            shared.take_up(admitted, &mut recorded);
        }
    }
    if !again.is_empty() {
        shared.send(again);
    }
    shared.record(recorded);
}

/// Decisions that go to the store together, with the requests that they answer.
#[derive(Default)]
struct Recorded {
    decisions: Vec<Decision>,
    pending: Vec<(Pending, Judged)>,
}

impl Recorded {
    /// For so many at most.
    fn with_room(room: usize) -> Self {
        Self {
            decisions: Vec::with_capacity(room),
            pending: Vec::with_capacity(room),
        }
    }
}

impl Shared {
    /// With a thread that answers. Must be called within a tokio runtime.
    fn start(
        parts: &Parts,
        core: &Core,
        socket: Option<BatchSocket>,
    ) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let (answers, to_answer) = channel();
        let shared = Arc::new(Self {
            socket,
            store: Arc::clone(&parts.store),
            core: core.clone(),
            runtime: tokio::runtime::Handle::current(),
            duplicates: Mutex::new(Table::new(DEFAULT_LIMIT, std::hash::RandomState::new())),
            answers,
            traffics: Arc::clone(&parts.traffics),
            debug: RadiusDebug(parts.debug.clone()),
            unsent: Seldom::default(),
            undecided: Seldom::default(),
            dropped: Dropped::default(),
            places: Arc::default(),
            stop: AtomicBool::new(false),
        });
        let answerer = Answerer::new(Arc::clone(&shared), to_answer);
        let answering = thread::Builder::new()
            .name("radius-answer".into())
            .spawn(move || answerer.run())?;
        Ok((shared, answering))
    }

    /// Begins what was admitted.
    fn take_up(self: &Arc<Self>, admitted: Admitted, recorded: &mut Recorded) {
        let Admitted { pending, came } = admitted;
        match came {
            Came::Login(attempt) => {
                let progress = self.core.logins.start(attempt, clock::now());
                self.go_on(pending, progress, recorded);
            }
            Came::Eap(message) => self.hear(pending, message),
        }
    }

    fn go_on(self: &Arc<Self>, pending: Pending, progress: Progress, recorded: &mut Recorded) {
        match progress {
            Progress::Record(decision, judged) => {
                recorded.decisions.push(decision);
                recorded.pending.push((pending, judged));
            }
            Progress::Challenge(state, asked) => {
                self.answer(Answer::Challenge(pending, state, asked));
            }
            Progress::Hash(hashing) => self.hash(pending, hashing),
            Progress::Ask(asking) => self.ask(pending, asking),
            Progress::Later(later) => self.later(pending, later),
            Progress::Undecided(why) => self.undecided(&pending, &why),
        }
    }

    /// Has the hash computed in the pool, and goes on from there.
    fn hash(self: &Arc<Self>, pending: Pending, hashing: Box<Hashing>) {
        let shared = Arc::clone(self);
        let (pool, claim) = (&self.core.pool, hashing.claim());
        // What a device said cannot be heard twice.
        let is_lasting = pending.talk.is_some();
        let waiting = (pending, hashing);
        let job = move |(pending, hashing): (Pending, Box<Hashing>), turn| match turn {
            Turn::Come => shared.hashed(pending, *hashing),
            Turn::Lost => shared.overloaded(&pending, *hashing),
        };
        let submitted = if is_lasting {
            pool.submit_lasting(claim, &self.core.tunnels, waiting, job)
        } else {
            pool.submit_for(claim, waiting, job)
        };
        if let Err((pending, hashing)) = submitted {
            self.overloaded(&pending, *hashing);
        }
    }

    /// No hash, no answer and no count: the client asks again.
    fn overloaded(&self, pending: &Pending, hashing: Hashing) {
        self.core.logins.not_hashed(hashing);
        self.unheard(pending);
    }

    /// Too many wait. What a device said cannot be heard twice: once it was, it goes unanswered however often it is
    /// repeated.
    fn unheard(&self, pending: &Pending) {
        pending.client.count(Counted::Overloaded);
        if pending.talk.is_none() {
            self.duplicates().forget(&pending.key);
        }
    }

    /// Has a backend asked, and goes on from there. How many are asked at once is bounded there.
    fn ask(self: &Arc<Self>, pending: Pending, asking: Box<Asking>) {
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            let progress = shared.core.logins.ask(*asking).await;
            let mut recorded = Recorded::default();
            shared.go_on(pending, progress, &mut recorded);
            shared.record(recorded);
        });
    }

    /// Has a person asked on the phone, or waits for what they say: a task that holds no thread. Who is waited
    /// for is bounded there.
    fn later(self: &Arc<Self>, pending: Pending, later: Box<Later>) {
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            let progress = shared.core.logins.later(*later).await;
            let mut recorded = Recorded::default();
            shared.go_on(pending, progress, &mut recorded);
            shared.record(recorded);
        });
    }

    fn hashed(self: &Arc<Self>, pending: Pending, hashing: Hashing) {
        let hashed = hashing.compute();
        let mut recorded = Recorded::default();
        let progress = self.core.logins.hashed(hashed, clock::now());
        self.go_on(pending, progress, &mut recorded);
        self.record(recorded);
    }

    /// Hands decisions to the store; the answers leave once they are durable.
    fn record(&self, recorded: Recorded) {
        let Recorded { decisions, pending } = recorded;
        if decisions.is_empty() {
            return;
        }
        let answers = self.answers.clone();
        self.store.consume(decisions, move |outcomes| {
            // The answering thread is gone only when the process ends.
            let _ = answers.send(Answer::Recorded(pending, outcomes));
        });
    }

    /// No answer: the client asks again, or another server. What a device said cannot be heard twice, so that an
    /// EAP request goes unanswered however often it is repeated.
    fn undecided(&self, pending: &Pending, why: &dyn std::fmt::Display) {
        pending.client.count(Counted::Undecided);
        if let Some(left_out) = self.undecided.due(clock::now()) {
            warn!(client = %pending.client.name(), %why, left_out, "a login cannot be decided");
        }
        if pending.eap.is_none() {
            self.duplicates().forget(&pending.key);
        }
    }

    fn send(&self, outgoing: &mut Outgoing) {
        let Some(socket) = &self.socket else {
            return;
        };
        let refused = socket.send(outgoing).refused;
        if refused > 0
            && let Some(left_out) = self.unsent.due(clock::now())
        {
            warn!(refused, left_out, "replies that the system does not send");
        }
    }

    fn answer(&self, answer: Answer) {
        let _ = self.answers.send(answer);
    }

    fn duplicates(&self) -> MutexGuard<'_, Table<std::hash::RandomState>> {
        self.duplicates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
