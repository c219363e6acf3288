//! `symbolon up`: all roles in one process. Gateway and registry meet over HTTPS here too, each with
//! its own database.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use data_encoding::BASE32_NOPAD;
use domain::access::{Authority, SUPER_ADMIN};
use domain::admin::{Edit, Operation};
use domain::audit::Actor;
use domain::licensing::AccountName;
use domain::schema::{ADMIN, Place, Value};
use domain::unit::Ending;
use domain::vdom::Vdom;
use gateway::ssh::SshConfig;
use gateway::web::WebConfig;
use gateway::{Gateway, GatewayConfig, TokenServerConfig, clock};
use ident::ProductSerial;
use registry::pki::Pki;
use registry::{Clock, Desk, Registry};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use softtoken::address::ServerUrl;
use store::gateway::{ClockTrust, GatewayStore, Location};
use store::private_file;
use store::sealing::RootKey;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::desk::{DeskListener, DeskSocket};
use crate::ending;

/// The account of whoever runs this installation.
pub(crate) const LOCAL_ACCOUNT: &str = AccountName::LOCAL;

/// The socket of the desk, beside the console's.
const DESK_SOCKET: &str = "desk.sock";

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Data directory; made, with everything in it, at the first start
    #[arg(
        long,
        value_name = "DIR",
        default_value = "symbolon-data",
        env = "SYMBOLON_DATA"
    )]
    data: PathBuf,

    /// Take this machine's clock as right although it went back; all codes up to now count as used
    #[arg(long)]
    accept_clock: bool,
}

/// Starts everything, says where it is, and serves until SIGTERM or SIGINT.
pub(crate) async fn run(args: UpArgs) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    prepare(&args.data)?;
    let config = Config::load_or_create(&args.data)?;
    let clock = if args.accept_clock {
        ClockTrust::Clock
    } else {
        ClockTrust::Records
    };
    let system = System::start(&args.data, &config, clock).await?;
    println!("{}", system.addresses());
    if let Some(password) = &system.first_password {
        println!(
            "\nadministrator    admin\none-time password {}   (shown once; the first login over SSH asks for another)",
            **password
        );
    }
    let ending = tokio::select! {
        _ = terminate.recv() => Ending::Shutdown,
        _ = interrupt.recv() => Ending::Shutdown,
        ending = system.gateway.ended() => ending,
    };
    system.stop().await;
    ending::carry_out(&args.data, ending, clock::now())
}

/// The console's socket of a data directory.
pub(crate) fn console_socket(data: &Path) -> Result<PathBuf> {
    Ok(data.join(Config::load(data)?.gateway.console))
}

/// The desk's socket of a data directory.
pub(crate) fn desk_socket(data: &Path) -> PathBuf {
    data.join(DESK_SOCKET)
}

/// Where the certificates of authorities are that the configuration names.
fn certificates(data: &Path) -> Result<PathBuf> {
    let certificates = data.join("certificates");
    private_file::create_directory(&certificates)
        .with_context(|| format!("cannot make the directory {}", certificates.display()))?;
    Ok(certificates)
}

/// Makes the data directory, for its owner alone.
pub(crate) fn prepare(data: &Path) -> Result<()> {
    private_file::create_directory(data)
        .with_context(|| format!("cannot make the data directory {}", data.display()))?;
    let mode = fs::metadata(data)?.permissions().mode();
    ensure!(
        mode & 0o077 == 0,
        "{} can be read by others than its owner (mode {:o}); chmod 700 {}",
        data.display(),
        mode & 0o777,
        data.display()
    );
    Ok(())
}

/// All roles, running.
pub(crate) struct System {
    pub(crate) gateway: Gateway,
    pub(crate) serial: ProductSerial,
    pub(crate) desk: Desk,
    pub(crate) registry_address: SocketAddr,
    pub(crate) console: PathBuf,
    pub(crate) first_password: Option<Zeroizing<String>>,
    registry: JoinHandle<()>,
    stop_registry: oneshot::Sender<()>,
    desk_socket: DeskSocket,
    desk_api: Option<DeskListener>,
    public_url: ServerUrl,
    pki: std::sync::Arc<Pki>,
}

impl System {
    /// Starts the registry, then the gateway that asks it. The first time, makes what they need.
    pub(crate) async fn start(data: &Path, config: &Config, clock: ClockTrust) -> Result<Self> {
        let root_key = data.join(&config.store.root_key);
        let public_url = ServerUrl::parse(&config.registry.public_url)
            .with_context(|| format!("public-url '{}'", config.registry.public_url))?;
        let registry = Registry::open(registry::Config {
            data: data.join("registry"),
            root_key: root_key.clone(),
            listen: config.registry.https,
            public_url: public_url.clone(),
            other_names: Vec::new(),
            clock: Clock::system(),
        })
        .await
        .context("the token server does not start")?;
        let desk = registry.desk();
        let pki = registry.pki();
        let registry_address = registry.address();
        let desk_api = match config.registry.desk {
            Some(address) => Some(DeskListener::start(&registry, address).await?),
            None => None,
        };
        let (stop_registry, stopped) = oneshot::channel();
        let registry = tokio::spawn(registry.run(async {
            // An error says that the sender is gone: that is a stop too.
            let _ = stopped.await;
        }));

        let home = data.join("gateway");
        let serial = enrol(&home, &desk)
            .await
            .context("the gateway cannot be enrolled")?;
        let console = data.join(&config.gateway.console);
        let gateway = Gateway::start(GatewayConfig {
            location: Location {
                database: home.join("gateway.db"),
                head: data.join(&config.store.head_record),
                clock,
            },
            root_key: RootKey::load(&root_key)?,
            radius: config.gateway.radius.clone(),
            accounting: config.gateway.accounting.clone(),
            web: WebConfig {
                addresses: config.gateway.https.clone(),
                identity: data.join(&config.gateway.https_identity),
            },
            last_end: ending::last(data)?,
            console: console.clone(),
            ssh: SshConfig {
                addresses: config.gateway.ssh.clone(),
                host_keys: home.clone(),
            },
            certificates: certificates(data)?,
            token_server: TokenServerConfig {
                // Reached over loopback whatever its public name is.
                url: format!("https://{}", reachable(registry_address)),
                tls: client_tls(&home, &pki)?,
                serial,
                cluster: vec![serial],
            },
        })
        .await
        .context("the gateway does not start")?;
        let desk_socket = DeskSocket::open(&desk_socket(data), desk.clone())?;
        // Last: nothing that fails after it can keep the password from being shown.
        let first_password = first_administrator(gateway.store()).await?;
        Ok(Self {
            gateway,
            serial,
            desk,
            registry_address,
            console,
            first_password,
            registry,
            stop_registry,
            desk_socket,
            desk_api,
            public_url,
            pki,
        })
    }

    /// Where everything is, for the person who started it.
    pub(crate) fn addresses(&self) -> String {
        let mut text = format!("gateway          {}\n", self.serial);
        for address in self.gateway.radius_addresses() {
            text += &format!("RADIUS           {address} (udp)\n");
        }
        for address in self.gateway.accounting_addresses() {
            text += &format!("accounting       {address} (udp)\n");
        }
        for web in self.gateway.web_addresses() {
            text += &format!("VPN clients      https://{} ({})\n", web.address, web.pin);
        }
        for ssh in self.gateway.ssh_addresses() {
            text += &match &ssh.failure {
                None => format!("SSH              {}\n", ssh.address),
                Some(why) => format!("SSH              {} is not served: {why}\n", ssh.address),
            };
        }
        text += &format!("token server     https://{}\n", self.registry_address);
        if let Some(desk) = &self.desk_api {
            text += &format!("desk             https://{}\n", desk.address());
        }
        text += &format!(
            "phones           symbolon app add CODE --server {} --pin {}\n",
            self.public_url,
            self.pki.pin()
        );
        text += &format!(
            "console          {}   (symbolon console)",
            self.console.display()
        );
        text
    }

    /// The certificate authority of the token server.
    pub(crate) fn authority_pem(&self) -> &str {
        self.pki.authority_pem()
    }

    /// Ends the gateway first: it may still have to tell the registry something.
    pub(crate) async fn stop(self) {
        let Self {
            gateway,
            registry,
            stop_registry,
            desk_socket,
            desk_api,
            ..
        } = self;
        drop(desk_socket);
        if let Some(desk) = desk_api {
            desk.stop().await;
        }
        gateway.stop().await;
        // It may have ended by itself.
        let _ = stop_registry.send(());
        if registry.await.is_err() {
            tracing::error!("the token server did not end in order");
        }
    }
}

/// A server that listens on every address is asked on the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    address
}

/// The gateway's serial and certificate. The first time, the gateway is registered as a product. A
/// start that was cut short goes on where it was.
async fn enrol(home: &Path, desk: &Desk) -> Result<ProductSerial> {
    private_file::create_directory(home)?;
    let file = home.join("serial");
    let serial = match fs::read_to_string(&file) {
        Ok(text) => ProductSerial::parse(text.trim())
            .with_context(|| format!("{} holds no serial number", file.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let serial = new_serial()?;
            private_file::create(&file, format!("{serial}\n").as_bytes())?;
            serial
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    if desk.product(serial).await.is_err() {
        let actor = Actor::system("first start");
        let account = AccountName::parse(LOCAL_ACCOUNT)?;
        if let Err(error) = desk.register_account(actor.clone(), account.clone()).await {
            tracing::debug!(%error, "the account is there from an earlier start");
        }
        desk.register_product(actor, account, serial).await?;
    }
    if !home.join("gateway.pem").exists() {
        // A key without its certificate is of no use: the start was cut short between them.
        match fs::remove_file(home.join("gateway.key")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        desk.issue_gateway(serial).await?.save(home)?;
    }
    Ok(serial)
}

/// `SYMBVM` and ten digits: nobody else makes such serials.
fn new_serial() -> Result<ProductSerial> {
    let number = u64::from_be_bytes(clock::random()?) % 10_000_000_000;
    Ok(ProductSerial::parse(&format!("SYMBVM{number:010}"))?)
}

fn client_tls(home: &Path, pki: &Pki) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(
        pki.authority_pem().as_bytes(),
    )?)?;
    let certificate = CertificateDer::from_pem_file(home.join("gateway.pem"))?;
    let key = PrivateKeyDer::from_pem_file(home.join("gateway.key"))?;
    Ok(ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)?)
}

/// Makes `admin` with a one-time password if there is no administrator.
async fn first_administrator(store: &GatewayStore) -> Result<Option<Zeroizing<String>>> {
    if !store.objects(Vdom::ROOT, &ADMIN).await?.is_empty() {
        return Ok(None);
    }
    let text = BASE32_NOPAD.encode(&clock::random::<10>()?);
    let groups: Vec<&str> = [0..4, 4..8, 8..12, 12..16]
        .into_iter()
        .filter_map(|group| text.get(group))
        .collect();
    let password = Zeroizing::new(groups.join("-"));
    let set = |name: &str, value| ADMIN.field(name).map(|field| Edit::Set(field, value));
    let edits = [
        set("accprofile", Value::Text(SUPER_ADMIN.into())),
        set("password", Value::Secret(password.clone())),
        set("force-password-change", Value::Text("enable".into())),
    ];
    let operation = Operation::Configure {
        place: Place::new(Vdom::ROOT, &ADMIN, "admin"),
        edits: edits.into_iter().flatten().collect(),
    };
    let by = Authority::system("first start");
    store
        .administer(operation, clock::entropy()?, by, clock::now(), None)
        .await
        .map_err(|failure| anyhow::anyhow!("the first administrator cannot be made: {failure}"))?;
    Ok(Some(password))
}
