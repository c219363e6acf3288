//! RADIUS over UDP: a thin driver around `radius`, the login path and the store.
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
mod traffic;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use radius::duplicates::{DEFAULT_LIMIT, Key, Table};
use store::gateway::{Decision, GatewayStore};
use tracing::{error, warn};

use crate::clock;
use crate::debug_log::DebugLog;
use crate::login::{
    Asking, Backends, Explainer, Hashing, Judged, Logins, OneTimeCodes, Pool, Progress,
};
use crate::seldom::Seldom;
use crate::udp::{Batch, BatchSocket, Outgoing};
pub use accounting::AccountingServer;
use admission::{Admitted, Came, Receiver};
use answers::{Answer, Answerer};
use clients::RadiusClient;
use debug::RadiusDebug;
pub(crate) use eap::Eap;
use eap::Talk;
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
    client: Arc<RadiusClient>,
    arrived: Instant,
    /// The identifier of the EAP packet in the request, if it has one.
    eap: Option<u8>,
    /// The EAP conversation whose login this is.
    talk: Option<Box<Talk>>,
    _place: Place,
}

/// What the threads share.
struct Shared {
    socket: BatchSocket,
    store: Arc<GatewayStore>,
    logins: Logins,
    eap: Arc<Eap>,
    pool: Pool,
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
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for RadiusServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RadiusServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl RadiusServer {
    /// Binds and starts. Must be called within a tokio runtime, on which backends are asked and
    /// refusals explained.
    pub(crate) fn start(
        address: SocketAddr,
        store: &Arc<GatewayStore>,
        backends: &Arc<Backends>,
        codes: &Arc<OneTimeCodes>,
        eap: &Arc<Eap>,
        traffics: &Arc<Traffics>,
        debug: &DebugLog,
    ) -> io::Result<Self> {
        let socket = BatchSocket::bind(address)?;
        let address = socket.local_addr()?;
        let (answers, to_answer) = channel();
        let shared = Arc::new(Shared {
            socket,
            store: Arc::clone(store),
            logins: Logins::new(Arc::clone(store), Arc::clone(backends), Arc::clone(codes))
                .map_err(io::Error::other)?,
            eap: Arc::clone(eap),
            pool: Pool::start()?,
            runtime: tokio::runtime::Handle::current(),
            duplicates: Mutex::new(Table::new(DEFAULT_LIMIT, std::hash::RandomState::new())),
            answers,
            traffics: Arc::clone(traffics),
            debug: RadiusDebug(debug.clone()),
            unsent: Seldom::default(),
            undecided: Seldom::default(),
            dropped: Dropped::default(),
            places: Arc::default(),
            stop: AtomicBool::new(false),
        });
        let explainer = Explainer::start(Arc::clone(store));
        let answerer = Answerer::new(Arc::clone(&shared), to_answer, explainer);
        let receiving = Arc::clone(&shared);
        let threads = vec![
            thread::Builder::new()
                .name("radius-answer".into())
                .spawn(move || answerer.run())?,
            thread::Builder::new()
                .name("radius-receive".into())
                .spawn(move || receive(&receiving))?,
        ];
        Ok(Self {
            shared,
            address,
            threads,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, sends what is decided, and ends. Blocks.
    pub(crate) fn stop(mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                error!("a RADIUS thread panicked");
            }
        }
    }
}

/// The wait after a receive that failed: a lasting failure must not take a core.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);

fn receive(shared: &Arc<Shared>) {
    let mut batch = Batch::default();
    let mut again = Outgoing::default();
    let failed = Seldom::default();
    let mut receiver = Receiver::new(Arc::clone(shared));
    while !shared.stop.load(Ordering::Acquire) {
        match shared.socket.receive(&mut batch) {
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
    let now = clock::now();
    let mut recorded = Recorded::default();
    receiver.refresh();
    for (peer, datagram) in batch.datagrams() {
        let Some(Admitted { pending, came }) = receiver.admit(peer, datagram, again) else {
            continue;
        };
        match came {
            Came::Login(attempt) => {
                let progress = shared.logins.start(attempt, now);
                shared.go_on(pending, progress, &mut recorded);
            }
            Came::Eap(message) => shared.hear(pending, message),
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

impl Shared {
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
            Progress::Undecided(why) => self.undecided(&pending, &why),
        }
    }

    /// Has the hash computed in the pool, and goes on from there.
    fn hash(self: &Arc<Self>, pending: Pending, hashing: Box<Hashing>) {
        let shared = Arc::clone(self);
        let submitted = self
            .pool
            .submit_with((pending, hashing), move |(pending, hashing)| {
                shared.hashed(pending, *hashing);
            });
        if let Err((pending, hashing)) = submitted {
            self.logins.not_hashed(&hashing);
            pending.client.count(Counted::Overloaded);
            self.duplicates().forget(&pending.key);
        }
    }

    /// Has a backend asked, and goes on from there. How many are asked at once is bounded there.
    fn ask(self: &Arc<Self>, pending: Pending, asking: Box<Asking>) {
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            let progress = shared.logins.ask(*asking).await;
            let mut recorded = Recorded::default();
            shared.go_on(pending, progress, &mut recorded);
            shared.record(recorded);
        });
    }

    fn hashed(self: &Arc<Self>, pending: Pending, hashing: Hashing) {
        let verified = hashing.compute();
        let mut recorded = Recorded::default();
        let progress = self.logins.hashed(hashing, verified, clock::now());
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
        let refused = self.socket.send(outgoing).refused;
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
