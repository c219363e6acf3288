//! `symbolon up`: all roles in one process. Gateway, registry and push relay meet over HTTPS here too, each
//! with what it keeps for itself.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use domain::audit::Actor;
use domain::licensing::AccountName;
use domain::unit::Ending;
use gateway::{Gateway, TokenServerConfig, clock};
use https::Chosen;
use ident::ProductSerial;
use identity::{Identity, Keeper};
use registry::Desk;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use store::gateway::ClockTrust;
use store::private_file;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::ending;
use crate::roles::relay::RunningRelay;
use crate::roles::token_server::TokenServer;
use crate::roles::{self, HomeArgs, Signals};

/// The account of whoever runs this installation.
pub(crate) const LOCAL_ACCOUNT: &str = AccountName::LOCAL;

/// The files of a key and a certificate have less than 2 KiB.
const MAX_PEM_BYTES: u64 = 16 << 10;

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    home: HomeArgs,

    /// Take this machine's clock as right although it went back; all codes up to now count as used
    #[arg(long)]
    accept_clock: bool,
}

/// Starts everything, says where it is, and serves until SIGTERM or SIGINT.
pub(crate) async fn run(args: UpArgs) -> Result<ExitCode> {
    let mut signals = Signals::watch()?;
    roles::prepare(&args.home.data)?;
    let config = Config::load_or_create(&args.home.data)?;
    let trust = roles::gateway::clock_trust(args.accept_clock);
    let system = System::start(&args.home.data, &config, trust).await?;
    println!("{}", system.addresses());
    roles::gateway::tell(system.first_password.as_deref());
    let ending = tokio::select! {
        () = signals.received() => Ok(Ending::Shutdown),
        ending = system.gateway.ended() => ending.context("the gateway ends"),
    };
    system.stop().await;
    ending::carry_out(&args.home.data, ending?, clock::now())
}

/// The console's socket of a data directory.
pub(crate) fn console_socket(data: &Path) -> Result<PathBuf> {
    Ok(data.join(Config::load(data)?.gateway.console))
}

/// All roles, running.
pub(crate) struct System {
    pub(crate) gateway: Gateway,
    pub(crate) serial: ProductSerial,
    pub(crate) server: TokenServer,
    relay: Option<RunningRelay>,
    pub(crate) console: PathBuf,
    pub(crate) first_password: Option<Zeroizing<String>>,
    console_line: String,
}

impl System {
    /// Starts the registry and the relay, then the gateway that asks them. The first time, makes what they need.
    pub(crate) async fn start(data: &Path, config: &Config, clock: ClockTrust) -> Result<Self> {
        roles::own_certificate::refuse_beside_gateway(config)?;
        let chosen = Chosen::default();
        let server = TokenServer::start(data, config, chosen.clone()).await?;
        let relay = RunningRelay::beside(&server, data, config, chosen.clone()).await?;
        let home = data.join("gateway");
        let serial = enrol(&home, &server.desk)
            .await
            .context("the gateway cannot be enrolled")?;
        let mut roots = RootCertStore::empty();
        let authority = server.pki.authority_pem().as_bytes();
        roots.add(CertificateDer::from_pem_slice(authority)?)?;
        let token_server = TokenServerConfig {
            // Reached over loopback whatever its public name is.
            url: format!("https://{}", reachable(server.address)),
            roots,
            identity: Arc::new(Keeper::fixed(own_identity(&home)?)),
            partners: Vec::new(),
        };
        let (gateway, first_password) =
            roles::gateway::start(data, config, clock, token_server, chosen).await?;
        Ok(Self {
            gateway,
            serial,
            server,
            relay,
            console: data.join(&config.gateway.console),
            first_password,
            console_line: roles::gateway::console(data, config),
        })
    }

    /// Where everything is, for the person who started it.
    pub(crate) fn addresses(&self) -> String {
        let relay = self.relay.as_ref().map(RunningRelay::addresses);
        roles::gateway::addresses(&self.gateway)
            + &self.server.addresses()
            + &relay.unwrap_or_default()
            + &self.console_line
    }

    /// The certificate authority of the token server.
    pub(crate) fn authority_pem(&self) -> &str {
        self.server.pki.authority_pem()
    }

    /// Ends the gateway first: it may still have to tell the registry something.
    pub(crate) async fn stop(self) {
        self.gateway.stop().await;
        if let Some(relay) = self.relay {
            relay.stop().await;
        }
        self.server.stop().await;
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
    let serial = match roles::gateway::serial_of(home)? {
        Some(serial) => serial,
        None => {
            let serial = new_serial()?;
            roles::gateway::take(home, serial)?;
            serial
        }
    };
    if desk.product(serial).await.is_err() {
        let account = AccountName::parse(LOCAL_ACCOUNT)?;
        desk.register_product(Actor::system("first start"), account, serial)
            .await?;
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

/// What the registry of this process issued.
fn own_identity(home: &Path) -> Result<Identity> {
    let mut pem = Zeroizing::new(String::new());
    for name in ["gateway.key", "gateway.pem"] {
        let octets = private_file::read(&home.join(name), MAX_PEM_BYTES)?;
        pem.push_str(str::from_utf8(&octets)?);
    }
    Ok(Identity::of_pem(&pem)?)
}
