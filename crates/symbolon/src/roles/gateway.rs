//! `symbolon gateway`: users, tokens and logins, apart from the token server.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use data_encoding::BASE32_NOPAD;
use domain::access::{Authority, SUPER_ADMIN};
use domain::admin::{Edit, Operation};
use domain::schema::{ADMIN, Place, Value};
use domain::unit::Ending;
use domain::vdom::Vdom;
use gateway::radius_server::{RadiusConfig, Security, StreamConfig};
use gateway::ssh::SshConfig;
use gateway::web::WebConfig;
use gateway::{Gateway, GatewayConfig, TokenServerConfig, clock};
use https::Chosen;
use ident::ProductSerial;
use identity::{IdentityError, Keeper, authorities};
use rustls::RootCertStore;
use softtoken::address::ServerUrl;
use softtoken::limits::MAX_CLUSTER_MEMBERS;
use store::gateway::{ClockTrust, GatewayStore, Location};
use store::private_file;
use store::sealing::RootKey;
use zeroize::Zeroizing;

use super::{HomeArgs, Signals, own_certificate};
use crate::config::Config;
use crate::ending;

#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    #[command(flatten)]
    home: HomeArgs,

    #[command(flatten)]
    server: ServerArgs,

    /// Another member of its cluster, whose licences and trial tokens it shares; may be given several times
    #[arg(long = "partner", value_name = "SERIAL")]
    partners: Vec<ProductSerial>,

    /// Take this machine's clock as right although it went back; all codes up to now count as used
    #[arg(long)]
    accept_clock: bool,
}

/// A token server elsewhere.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Address of the token server
    #[arg(long, value_name = "https://HOST[:PORT]", value_parser = server_url)]
    token_server: ServerUrl,

    /// Its authority's certificate, registry/pki/ca.pem in its data directory
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,

    /// Key and certificate that `symbolon enrol` made; renewed there in time
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
}

/// An address of a token server.
pub(crate) fn server_url(text: &str) -> Result<ServerUrl, String> {
    ServerUrl::parse(text).map_err(|error| error.to_string())
}

/// Starts the gateway alone, says where it is, and serves until it is told to end.
pub(crate) async fn run(args: GatewayArgs) -> Result<ExitCode> {
    let mut signals = Signals::watch()?;
    let (roots, identity) = args.server.trust()?;
    super::prepare(&args.home.data)?;
    let config = Config::load_or_create(&args.home.data)?;
    own_certificate::warn_of_unread(&config, None);
    let home = args.home.data.join("gateway");
    private_file::create_directory(&home)?;
    settle(&home, identity.product())?;
    let partners = partners(identity.product(), args.partners)?;
    let token_server = TokenServerConfig {
        url: args.server.url(),
        roots,
        identity,
        partners,
    };
    let trust = clock_trust(args.accept_clock);
    let chosen = Chosen::default();
    let (gateway, first_password) =
        start(&args.home.data, &config, trust, token_server, chosen).await?;
    println!(
        "{}token server     {}\n{}",
        addresses(&gateway),
        args.server.url(),
        console(&args.home.data, &config)
    );
    tell(first_password.as_deref());
    let ending = tokio::select! {
        () = signals.received() => Ok(Ending::Shutdown),
        ending = gateway.ended() => ending.context("the gateway ends"),
    };
    gateway.stop().await;
    ending::carry_out(&args.home.data, ending?, clock::now())
}

impl ServerArgs {
    /// Where it is.
    pub(crate) fn url(&self) -> String {
        self.token_server.to_string()
    }

    /// Who vouches for it, and who this process is there; read before anything is made.
    pub(crate) fn trust(&self) -> Result<(RootCertStore, Arc<Keeper>)> {
        let roots = authorities(&self.ca).map_err(|why| anyhow!("--ca {why}"))?;
        let identity =
            Keeper::load(&self.identity, roots.clone()).map_err(|error| match error {
                IdentityError::File(error) if !self.identity.exists() => {
                    anyhow!("--identity {error}; 'symbolon enrol' makes one")
                }
                IdentityError::File(error) => anyhow!("--identity {error}"),
                other => anyhow!("--identity {}: {other}", self.identity.display()),
            })?;
        Ok((roots, Arc::new(identity)))
    }
}

/// The other members of a cluster, each once: one line of a service serves all members.
fn partners(own: ProductSerial, mut named: Vec<ProductSerial>) -> Result<Vec<ProductSerial>> {
    named.retain(|partner| *partner != own);
    named.sort_unstable();
    named.dedup();
    ensure!(
        named.len() < MAX_CLUSTER_MEMBERS,
        "--partner: a cluster has at most {MAX_CLUSTER_MEMBERS} members, and {} are named with this one",
        named.len() + 1
    );
    Ok(named)
}

/// Whether the records or this machine's clock are right when they differ.
pub(crate) fn clock_trust(accept_clock: bool) -> ClockTrust {
    if accept_clock {
        ClockTrust::Clock
    } else {
        ClockTrust::Records
    }
}

/// The serial that a gateway's directory belongs to, if it is somebody's already.
pub(crate) fn serial_of(home: &Path) -> Result<Option<ProductSerial>> {
    let file = home.join("serial");
    match fs::read_to_string(&file) {
        Ok(text) => {
            let serial = ProductSerial::parse(text.trim())
                .with_context(|| format!("{} holds no serial number", file.display()))?;
            Ok(Some(serial))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Makes a gateway's directory this serial's.
pub(crate) fn take(home: &Path, serial: ProductSerial) -> Result<()> {
    Ok(private_file::create(
        &home.join("serial"),
        format!("{serial}\n").as_bytes(),
    )?)
}

/// The tokens of one gateway are not another's: a directory stays with the serial that it began with.
pub(crate) fn settle(home: &Path, serial: ProductSerial) -> Result<()> {
    match serial_of(home)? {
        Some(settled) => ensure!(
            settled == serial,
            "{} is {settled}'s, and the identity is {serial}'s: start it with its own identity, or with \
             another --data",
            home.display()
        ),
        None => take(home, serial)?,
    }
    Ok(())
}

/// Starts a gateway; with it, at the first start, an administrator's one-time password.
pub(crate) async fn start(
    data: &Path,
    config: &Config,
    clock: ClockTrust,
    token_server: TokenServerConfig,
    chosen: Chosen,
) -> Result<(Gateway, Option<Zeroizing<String>>)> {
    let home = data.join("gateway");
    let database = home.join("gateway.db");
    let root_key = data.join(&config.store.root_key);
    // A key that was lost must not be replaced: what it sealed would be lost.
    let root_key = if database.exists() {
        RootKey::load(&root_key)?
    } else {
        RootKey::load_or_create(&root_key)?
    };
    let gateway = Gateway::start(GatewayConfig {
        location: Location {
            database,
            head: data.join(&config.store.head_record),
            clock,
        },
        root_key,
        radius: RadiusConfig {
            addresses: config.gateway.radius.clone(),
            streams: StreamConfig {
                tcp: config.gateway.radius_tcp.clone(),
                tls: config.gateway.radius_tls.clone(),
                client_authorities: data.join(&config.gateway.radius_client_ca),
            },
            accounting: config.gateway.accounting.clone(),
            identity: data.join(&config.gateway.radius_identity),
        },
        web: WebConfig {
            addresses: config.gateway.https.clone(),
            identity: data.join(&config.gateway.https_identity),
            chosen,
        },
        last_end: ending::last(data)?,
        console: data.join(&config.gateway.console),
        ssh: SshConfig {
            addresses: config.gateway.ssh.clone(),
            host_keys: home,
        },
        certificates: certificates(data)?,
        token_server,
    })
    .await
    .context("the gateway does not start")?;
    // Last: nothing that fails after it can keep the password from being shown.
    let first_password = first_administrator(gateway.store()).await?;
    Ok((gateway, first_password))
}

/// Where a gateway is, for the person who started it.
pub(crate) fn addresses(gateway: &Gateway) -> String {
    let mut text = format!("gateway          {}\n", gateway.serial());
    for address in gateway.radius_addresses() {
        text += &format!("RADIUS           {address} (udp)\n");
    }
    for stream in gateway.radius_streams() {
        let by = match stream.security {
            Security::Secret => "tcp",
            Security::Tls => "tls",
        };
        text += &format!("RADIUS           {} ({by})\n", stream.address);
    }
    for address in gateway.accounting_addresses() {
        text += &format!("accounting       {address} (udp)\n");
    }
    for web in gateway.web_addresses() {
        text += &format!("VPN clients      https://{} ({})\n", web.address, web.pin);
    }
    for ssh in gateway.ssh_addresses() {
        text += &match &ssh.failure {
            None => format!("SSH              {}\n", ssh.address),
            Some(why) => format!("SSH              {} is not served: {why}\n", ssh.address),
        };
    }
    text
}

/// Where the console of a gateway is.
pub(crate) fn console(data: &Path, config: &Config) -> String {
    format!(
        "console          {}   (symbolon console)",
        data.join(&config.gateway.console).display()
    )
}

/// Says the first administrator's password.
pub(crate) fn tell(first_password: Option<&String>) {
    if let Some(password) = first_password {
        println!(
            "\nadministrator    admin\none-time password {password}   (shown once; the first login over SSH \
             asks for another)"
        );
    }
}

/// Where the certificates of authorities are that the configuration names.
fn certificates(data: &Path) -> Result<PathBuf> {
    let certificates = data.join("certificates");
    private_file::create_directory(&certificates)
        .with_context(|| format!("cannot make the directory {}", certificates.display()))?;
    Ok(certificates)
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
