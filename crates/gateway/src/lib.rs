//! The gateway: users, tokens, the administrator's console, and RADIUS.
//!
//! Thin drivers around `domain`, `radius`, `cli` and the store:
//!
//! - [`radius_server`]: logins over UDP; `login` takes them through the decision to the record.
//! - [`web`]: logins over HTTPS.
//! - `command_line`: what every administrator's interface shares; `console` is the local socket, [`ssh`]
//!   the network.
//! - `event_log`: retention, and what syslog servers get.
//! - `supply`: the outbox and the poller, towards the token server; `delivery` carries messages to people.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a shell: it owns the sockets, threads, clocks and random octets that the pure crates are denied"
)]

mod allow_access;
mod certificates;
pub mod clock;
mod command_line;
mod console;
mod debug_log;
mod delivery;
mod ending;
mod event_log;
pub mod inbound;
mod interfaces;
pub mod local_socket;
mod login;
mod machine;
mod network;
mod push;
pub mod qr;
pub mod radius_server;
mod reading;
mod seldom;
mod shelf;
pub mod ssh;
mod supply;
mod time_servers;
mod token_server;
mod transfer;
pub mod udp;
pub mod web;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ident::ProductSerial;
use softtoken::device::SealingPrivateKey;
use store::Undecided;
use store::gateway::{GatewayStore, Lane, Location, StoreError};
use store::sealing::{self, RootKey, SealError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use certificates::Certificates;
use certificates::keeper;
use clock::NoEntropy;
use command_line::{Executor, Unit};
use debug_log::DebugLog;
use delivery::Courier;
use domain::unit::Ending;
use ending::{Ended, Endings};
use event_log::{Retention, Sender};
use local_socket::LocalSocket;
use login::{AdminLogins, Backends, OneTimeCodes, SecondFactors};
use network::{Endpoint, Hosts, HttpNames, UnitResolver};
use radius_server::{Parts, RadiusConfig, RadiusError, Service, StreamAddress};
use reading::Reading;
use shelf::Shelf;
use ssh::{HostKeyError, Listening, Ports, Ssh, SshConfig};
use supply::Supply;
use token_server::TokenServer;
pub use token_server::TokenServerConfig;
use web::{Served, WebConfig, WebError};

/// How often the rows of tokens are brought up to what memory knows.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// Between two pages of the log that are read to know people's places again: whoever looks at the log is not kept
/// waiting.
const RECALL_PAUSE: Duration = Duration::from_millis(5);

/// The directory of kept configurations, beside the database.
const BACKUP: &str = "backup";
/// The purpose of the key pair to which the token server seals seeds of hardware tokens.
const HARDWARE_SEEDS: &str = "gateway-hardware-seeds";

/// What a gateway needs before it has a store.
#[derive(Debug)]
pub struct GatewayConfig {
    /// Where its database lies.
    pub location: Location,
    /// The key that seals its secrets.
    pub root_key: RootKey,
    /// Where RADIUS is served.
    pub radius: RadiusConfig,
    /// Logins over HTTPS.
    pub web: WebConfig,
    /// The console's socket.
    pub console: PathBuf,
    /// Administrators over SSH.
    pub ssh: SshConfig,
    /// Where the files are that `set ca-cert` names.
    pub certificates: PathBuf,
    /// The token server.
    pub token_server: TokenServerConfig,
    /// How the process ended before, if it ended in order.
    pub last_end: Option<Ending>,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// RADIUS.
    #[error(transparent)]
    Radius(#[from] RadiusError),
    /// The console's socket.
    #[error("cannot open the console's socket {}: {source}", path.display())]
    Console {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The thread that reads people and tokens.
    #[error("cannot start the thread that reads people and tokens: {0}")]
    Reading(io::Error),
    /// The threads that hash administrators' passwords.
    #[error("cannot start the threads that hash passwords: {0}")]
    Threads(io::Error),
    /// The host keys.
    #[error("SSH has no host keys: {0}")]
    HostKeys(#[from] HostKeyError),
    /// HTTPS.
    #[error(transparent)]
    Web(#[from] WebError),
    /// What the first start has to configure.
    #[error("the first configuration cannot be written: {0}")]
    FirstConfiguration(String),
    /// What is configured.
    #[error("the configuration cannot be read: {0}")]
    Configuration(#[from] Undecided),
    /// The key of codes that are sent.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// A key that the root key makes.
    #[error(transparent)]
    Sealing(#[from] SealError),
    /// The clients for the token server and for SMS servers.
    #[error("cannot prepare the connections to the token server and to SMS servers: {0}")]
    Http(#[from] reqwest::Error),
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    serial: ProductSerial,
    store: Arc<GatewayStore>,
    reading: Reading,
    radius: Service,
    web: Vec<Served>,
    ssh: Vec<Listening>,
    tasks: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    ended: Ended,
}

impl Gateway {
    /// Opens the store and starts everything. Must be called within a tokio runtime.
    pub async fn start(config: GatewayConfig) -> Result<Self, StartError> {
        let GatewayConfig {
            location,
            root_key,
            radius,
            web,
            console,
            ssh,
            certificates,
            token_server,
            last_end,
        } = config;
        let (store, reading) = open(&location, &root_key).await?;
        let sealing_key = sealing_key(&root_key)?;
        let (endings, ended) = Endings::new();
        let serial = token_server.identity.product();
        let unit = Unit {
            serial,
            last_end,
            started: Instant::now(),
            traffics: Arc::default(),
            guesses: Arc::default(),
            endings,
            ssh_ports: Arc::new(Ports::at(ssh.addresses)),
            certificates: Certificates::open(&store, &web.chosen, &certificates).await?,
            shelf: Shelf::at(location.database.with_file_name(BACKUP)),
        };
        command_line::end_exports(&unit.shelf, &store).await;
        let debug = DebugLog::default();
        let resolver = Arc::new(UnitResolver::new(Arc::clone(&store)));
        let server = TokenServer::new(
            token_server,
            certificates.clone(),
            Arc::clone(&store),
            Arc::clone(&resolver),
            debug.clone(),
        );
        let courier = courier(&store, &resolver, &debug)?;
        let codes = Arc::new(OneTimeCodes::start(
            Arc::clone(&store),
            Arc::clone(&courier),
        )?);
        let supply = Arc::new(Supply::new(
            Arc::clone(&store),
            server,
            Arc::clone(&courier),
            sealing_key,
            debug.clone(),
        ));
        let backends = Arc::new(Backends::new(
            Arc::clone(&store),
            Arc::clone(&resolver),
            certificates,
            debug.clone(),
        ));
        let (pushes, shown) = push::prepare(&web, &unit.certificates, &store, &supply, &debug)?;
        let factors = SecondFactors { codes, pushes };
        let parts = Parts {
            store: Arc::clone(&store),
            backends: Arc::clone(&backends),
            factors: factors.clone(),
            traffics: Arc::clone(&unit.traffics),
            debug: debug.clone(),
        };
        let (stop, stopping) = watch::channel(false);
        let radius = Service::start(radius, parts, &stopping).await?;
        let (web, serving) =
            web::start(&web, &store, &backends, &factors, &unit.guesses, &stopping).await?;
        let socket = bind_console(console)?;
        let retention = Arc::new(Retention::new(Arc::clone(&store)));
        let sender = sender(serial, &resolver, &supply);
        let executor = Arc::new(Executor::new(
            Arc::clone(&store),
            Arc::clone(&supply),
            (Arc::clone(&backends), Arc::clone(&factors.codes)),
            unit,
            debug.clone(),
            Arc::clone(&retention),
            Arc::clone(&resolver),
        ));
        let ssh = administration(&ssh.host_keys, &executor, &store, &factors, debug).await?;
        let listening = ssh.listening();
        let mut tasks = start_tasks(&store, &supply, socket, executor, resolver, &stopping);
        tasks.push(tokio::spawn(ssh.run(stopping.clone())));
        let (wishes, moving) = transfer::start(&store, &supply, &factors.pushes, &stopping)?;
        tasks.extend(serving.into_iter().chain(moving));
        tasks.extend(factors.pushes.start(shown, wishes, &stopping));
        tasks.extend(event_log::start(&store, retention, sender, &stopping));
        Ok(Self {
            serial,
            store,
            reading,
            radius,
            web,
            ssh: listening,
            tasks,
            stop,
            ended,
        })
    }

    /// Its serial number.
    pub fn serial(&self) -> ProductSerial {
        self.serial
    }

    /// Where RADIUS is served.
    pub fn radius_addresses(&self) -> Vec<SocketAddr> {
        self.radius.addresses()
    }

    /// Where RADIUS is served by connections.
    pub fn radius_streams(&self) -> &[StreamAddress] {
        self.radius.streams()
    }

    /// Where RADIUS accounting is served.
    pub fn accounting_addresses(&self) -> Vec<SocketAddr> {
        self.radius.accounting()
    }

    /// Where logins are served over HTTPS.
    pub fn web_addresses(&self) -> &[Served] {
        &self.web
    }

    /// Where SSH is served, and where not, as it was at the start.
    pub fn ssh_addresses(&self) -> &[Listening] {
        &self.ssh
    }

    /// The store, for what runs in the same process before anybody connects.
    pub fn store(&self) -> &Arc<GatewayStore> {
        &self.store
    }

    /// Waits until the process is to end: an administrator wants it, or a row of people or tokens cannot be read, which
    /// were not all in memory at the start, so that some could not log in.
    pub async fn ended(&self) -> Result<Ending, Arc<StoreError>> {
        tokio::select! {
            ending = self.ended.clone().wait() => Ok(ending),
            error = self.reading.failed() => Err(error),
        }
    }

    /// Ends in order: no more requests, what is decided is answered, rows are brought up to date, the
    /// database is closed.
    pub async fn stop(self) {
        let Self {
            store,
            reading,
            radius,
            tasks,
            stop,
            serial: _,
            ended: _,
            ssh: _,
            web: _,
        } = self;
        // The receivers are gone if the tasks have ended by themselves.
        let _ = stop.send(true);
        radius.stop().await;
        for task in tasks {
            if task.await.is_err() {
                warn!("a task of the gateway did not end in order");
            }
        }
        if let Err(error) = store.checkpoint().await {
            warn!(%error, "the last checkpoint failed; the next start reads more events");
        }
        let closed = tokio::task::spawn_blocking(move || {
            store.shutdown();
            reading.join()
        });
        if !matches!(closed.await, Ok(Ok(()))) {
            warn!("the store did not close in order");
        }
    }
}

/// Waits until the gateway is told to stop, or is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The store with this machine's interfaces in it. Its people and tokens are read beside all that follows.
async fn open(
    location: &Location,
    root_key: &RootKey,
) -> Result<(Arc<GatewayStore>, Reading), StartError> {
    let (store, rest) = GatewayStore::begin(location, root_key, clock::now()).await?;
    let reading = Reading::start(rest).map_err(StartError::Reading)?;
    interfaces::register(&store).await;
    Ok((Arc::new(store), reading))
}

fn bind_console(path: PathBuf) -> Result<LocalSocket, StartError> {
    LocalSocket::bind(&path).map_err(|source| StartError::Console { path, source })
}

/// Hardware tokens' seeds arrive sealed to it.
fn sealing_key(root_key: &RootKey) -> Result<SealingPrivateKey, SealError> {
    let random = sealing::derived(root_key, HARDWARE_SEEDS)?;
    Ok(SealingPrivateKey::from_random(&random))
}

fn courier(
    store: &Arc<GatewayStore>,
    resolver: &Arc<UnitResolver>,
    debug: &DebugLog,
) -> Result<Arc<Courier>, reqwest::Error> {
    let (store, resolver) = (Arc::clone(store), Arc::clone(resolver));
    Courier::new(store, resolver, debug.clone()).map(Arc::new)
}

fn sender(serial: ProductSerial, resolver: &Arc<UnitResolver>, supply: &Supply) -> Sender {
    Sender {
        serial,
        zone: clock::zone(),
        hosts: Hosts::new(Arc::clone(resolver), Endpoint::of(supply.server().url())),
    }
}

async fn administration(
    host_keys: &Path,
    executor: &Arc<Executor>,
    store: &Arc<GatewayStore>,
    factors: &SecondFactors,
    debug: DebugLog,
) -> Result<Ssh, StartError> {
    ssh::first_port(store)
        .await
        .map_err(StartError::FirstConfiguration)?;
    let sessions = Arc::clone(executor.sessions());
    let codes = Arc::clone(&factors.codes);
    let logins = AdminLogins::start(Arc::clone(store), sessions, codes, debug)
        .map_err(StartError::Threads)?;
    let (executor, store) = (Arc::clone(executor), Arc::clone(store));
    let ports = Arc::clone(executor.ssh_ports());
    Ok(Ssh::start(host_keys, ports, executor, Arc::new(logins), store).await?)
}

fn start_tasks(
    store: &Arc<GatewayStore>,
    supply: &Arc<Supply>,
    console: LocalSocket,
    executor: Arc<Executor>,
    resolver: Arc<UnitResolver>,
    stopping: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let (poller, to_poller) = (Arc::clone(supply), stopping.clone());
    let (certified, to_certified) = (Arc::clone(supply), stopping.clone());
    let lanes = Lane::ALL.map(|lane| {
        let (outbox, stop) = (Arc::clone(supply), stopping.clone());
        tokio::spawn(async move { outbox.run(lane, stop).await })
    });
    let names = HttpNames(Arc::clone(&resolver));
    let kept = keeper::run(Arc::clone(executor.certificates()), names, stopping.clone());
    let comparing = time_servers::run(Arc::clone(store), resolver, stopping.clone());
    let mut tasks = vec![
        tokio::spawn(kept),
        tokio::spawn(comparing),
        tokio::spawn(async move { certified.server().keep_certified(to_certified).await }),
        tokio::spawn(async move { poller.run_poller(to_poller).await }),
        tokio::spawn(console::run(console, executor, stopping.clone())),
        tokio::spawn(checkpoint(Arc::clone(store), stopping.clone())),
        tokio::spawn(recall_known(Arc::clone(store), stopping.clone())),
    ];
    tasks.extend(lanes);
    tasks
}

/// Reads in the log from where people logged in. Logins need not wait for it: until then a person is at a place that
/// nobody knows.
async fn recall_known(store: Arc<GatewayStore>, mut stop: watch::Receiver<bool>) {
    let mut before = None;
    loop {
        match store.recall_known(before, clock::now()).await {
            Ok(Some(next)) => before = Some(next),
            Ok(None) => return,
            Err(error) => {
                warn!(%error, "from where people logged in before the start is not known");
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RECALL_PAUSE) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// The first is made once all people are read: a process that dies again and again within the interval would read ever
/// more events at each start.
async fn checkpoint(store: Arc<GatewayStore>, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(error) = store.checkpoint().await {
            warn!(%error, "checkpoint failed; it is tried again");
        }
        tokio::select! {
            () = tokio::time::sleep(CHECKPOINT_EVERY) => {}
            () = stopped(&mut stop) => return,
        }
    }
}
