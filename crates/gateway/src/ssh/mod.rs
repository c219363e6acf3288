//! Administrators over SSH: the listeners, the connections, and what a channel becomes.
//!
//! - `connection`: one connection from its first octet to the record of its end.
//! - `handler`: what the SSH library asks: may this caller in, what is this channel to be.
//! - `channel`: a shell or a command as a conversation of `command_line`.
//! - `listeners`, `ports`: where callers come to.
//! - `half_open`, `gate`: what bounds callers who are not in, and clients who do not read.

mod channel;
mod connection;
mod gate;
mod half_open;
mod handler;
mod host_keys;
mod listeners;
mod ports;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::access::Authority;
use domain::admin::{Edit, Operation};
use domain::schema::{ADMIN, GLOBAL, Place, Value};
use domain::vdom::Vdom;
use russh::keys::{Algorithm, PrivateKey};
use russh::{MethodKind, MethodSet, Preferred, SshId, kex, server};
use store::gateway::GatewayStore;
use tokio::sync::watch;

use crate::clock;
use crate::command_line::Executor;
use crate::login::AdminLogins;
use half_open::HalfOpen;
pub use host_keys::HostKeyError;
use listeners::Listeners;
pub(crate) use ports::{Claim, Ports, Unbindable};

/// What the SSH server needs before it has a configuration.
#[derive(Clone, Debug, Default)]
pub struct SshConfig {
    /// Where it listens; the port is `admin-ssh-port`. Nowhere: it is not served.
    pub addresses: Vec<IpAddr>,
    /// Where its host keys lie.
    pub host_keys: PathBuf,
}

/// An address, and what is wrong with it if it is not served.
#[derive(Clone, Debug)]
pub struct Listening {
    /// The address with the configured port.
    pub address: SocketAddr,
    /// Why nobody is served there.
    pub failure: Option<String>,
}

/// Rejections per connection after which it ends, as with `MaxAuthTries` of OpenSSH.
const AUTH_ATTEMPTS_MAX: usize = 6;

/// When a refusal leaves, after the attempt came: longer than any check takes, so that the time says
/// nothing about the name.
const REJECTION_TIME: Duration = Duration::from_millis(500);

/// What a client may send on a channel before it is granted more; large enough for pasted
/// configuration to flow.
const WINDOW: u32 = 128 * 1_024;

/// RFC 4253, 6.1 asks for 32,768 octets of payload.
const PACKET_MAX: u32 = 32_768;

/// Messages on their way into a connection's loop.
const MESSAGES_WAITING: usize = 16;

/// A client that is gone is noticed after three of these.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// What every connection shares.
#[derive(Debug)]
struct Service {
    protocol: Arc<server::Config>,
    store: Arc<GatewayStore>,
    executor: Arc<Executor>,
    logins: Arc<AdminLogins>,
    half_open: Arc<HalfOpen>,
}

/// The SSH server.
#[derive(Debug)]
pub(crate) struct Ssh {
    service: Arc<Service>,
    listeners: Listeners,
}

impl Ssh {
    /// Reads or makes the host keys and binds. An address that cannot be bound is tried again later.
    pub(crate) async fn start(
        host_keys: &Path,
        ports: Arc<Ports>,
        executor: Arc<Executor>,
        logins: Arc<AdminLogins>,
        store: Arc<GatewayStore>,
    ) -> Result<Self, HostKeyError> {
        let port = store.settings(Vdom::ROOT).administration.ssh_port;
        let keys = if ports.addresses().is_empty() {
            Vec::new()
        } else {
            host_keys::load_or_create(host_keys)?
        };
        let service = Service {
            protocol: Arc::new(protocol(keys)),
            store,
            executor,
            logins,
            half_open: Arc::new(HalfOpen::within_files()),
        };
        Ok(Self {
            service: Arc::new(service),
            listeners: Listeners::bind(ports, port).await,
        })
    }

    /// Where it listens.
    pub(crate) fn listening(&self) -> Vec<Listening> {
        self.listeners.listening()
    }

    /// Serves until told to stop.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) {
        self.listeners.serve(self.service, stop).await;
    }
}

/// The port of a new installation. The described system's 22 is mostly taken by the machine's own SSH
/// server, and only root may bind it.
const FIRST_PORT: u16 = 2222;

/// Before there is any administrator, sets the port of a new installation.
pub(crate) async fn first_port(store: &GatewayStore) -> Result<(), String> {
    let administrators = store.objects(Vdom::ROOT, &ADMIN).await;
    if !administrators.map_err(|why| why.to_string())?.is_empty() {
        return Ok(());
    }
    let port = FIRST_PORT.to_string();
    let global = store.object(Place::of_unit(&GLOBAL)).await;
    let global = global.map_err(|why| why.to_string())?;
    if global.is_some_and(|global| global.text("admin-ssh-port") == port) {
        return Ok(());
    }
    let port = Value::Text(port.into());
    let edits = GLOBAL
        .field("admin-ssh-port")
        .map(|field| Edit::Set(field, port));
    let operation = Operation::Configure {
        place: Place::of_unit(&GLOBAL),
        edits: edits.into_iter().collect(),
    };
    let entropy = clock::entropy().map_err(|error| error.to_string())?;
    let by = Authority::system("first start");
    let done = store.administer(operation, entropy, by, clock::now(), None);
    done.await.map(drop).map_err(|why| why.to_string())
}

fn protocol(keys: Vec<PrivateKey>) -> server::Config {
    server::Config {
        server_id: SshId::Standard("SSH-2.0-Symbolon".into()),
        methods: MethodSet::from(
            &[
                MethodKind::PublicKey,
                MethodKind::Password,
                MethodKind::KeyboardInteractive,
            ][..],
        ),
        auth_rejection_time: REJECTION_TIME,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys,
        window_size: WINDOW,
        maximum_packet_size: PACKET_MAX,
        event_buffer_size: MESSAGES_WAITING,
        preferred: Preferred {
            kex: key_exchanges().into(),
            key: signatures().into(),
            ..Preferred::DEFAULT
        },
        max_auth_attempts: AUTH_ATTEMPTS_MAX,
        // Idleness is counted per session, in what the administrator does.
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        nodelay: true,
        ..server::Config::default()
    }
}

/// RSA over SHA-1: collisions of it can be had (RFC 8332, 1).
const RSA_SHA1: Algorithm = Algorithm::Rsa { hash: None };

/// What this unit signs with, and what it tells clients that they may sign with (RFC 8308, 3.1).
fn signatures() -> Vec<Algorithm> {
    let known = Preferred::DEFAULT.key.iter();
    known.filter(|it| **it != RSA_SHA1).cloned().collect()
}

/// All that the library deems safe, but for the groups whose arithmetic would let a stranger keep a
/// core busy for the price of one packet. Clients that know these two know smaller ones.
fn key_exchanges() -> Vec<kex::Name> {
    let too_large = [kex::DH_G17_SHA512, kex::DH_G18_SHA512];
    let safe = Preferred::DEFAULT.kex.iter().copied();
    safe.filter(|name| !too_large.contains(name)).collect()
}
