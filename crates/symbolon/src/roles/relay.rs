//! `symbolon relay`: the push relay, alone or beside the token server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use https::Chosen;
use https::files::Listener;
use registry::pki::{self, ServerIdentity};
use relay::{Certified, Relay, Revoked};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use softtoken::address::ServerUrl;
use store::private_file;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::gateway::server_url;
use super::own_certificate::{self, OwnCertificate};
use super::revocations::{self, TokenServer};
use super::{HomeArgs, Signals, token_server, web_push};
use crate::config::{self, Config};
use crate::https_client;

/// A chain of five certificates with the longest keys stays below a quarter of it.
const MAX_PEM_BYTES: u64 = 64 << 10;

#[derive(Debug, Args)]
pub(crate) struct RelayArgs {
    #[command(flatten)]
    home: HomeArgs,

    /// Its certificate with its key in PEM; the certificate comes from the token server's authority
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,

    /// Address of the token server, which says whose certificates were revoked; without it all of them count
    #[arg(long, value_name = "https://HOST[:PORT]", value_parser = server_url)]
    token_server: Option<ServerUrl>,
}

/// Starts the relay alone, says where it is, and carries until SIGTERM or SIGINT.
pub(crate) async fn run(args: RelayArgs) -> Result<ExitCode> {
    let mut signals = Signals::watch()?;
    let identity = read(&args.identity)?;
    super::prepare(&args.home.data)?;
    let config = Config::load_or_create(&args.home.data)?;
    own_certificate::warn_of_unread(&config, Some(own_certificate::RELAY));
    let section = config
        .relay
        .ok_or_else(|| anyhow!("{} has no section [relay]", config::FILE))?;
    let certificate = OwnCertificate::of_relay(&args.home.data, &section)?;
    let authority = authority(&args.identity, &identity)?;
    let token_server = match args.token_server {
        Some(url) => Some(TokenServer::At(
            https_client::trusting_alone(authority.clone())?,
            url,
        )),
        None => {
            tracing::warn!(
                "without --token-server no certificate of a gateway is ever revoked here"
            );
            None
        }
    };
    let trust = Trust {
        identity,
        authority,
        chosen: certificate.chosen(),
        token_server,
    };
    let relay = RunningRelay::start(&args.home.data, &section, trust, Listener::RelayAlone).await?;
    print!("{}", relay.addresses());
    tokio::select! {
        () = signals.received() => {}
        never = certificate.follow() => match never {},
    }
    relay.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Where phones and gateways reach the relay of an installation, if it has one.
pub(crate) fn public_url(config: &Config) -> Result<Option<ServerUrl>> {
    config.relay.as_ref().map(address).transpose()
}

fn address(section: &config::Relay) -> Result<ServerUrl> {
    let url = &section.public_url;
    ServerUrl::parse(url).with_context(|| format!("[relay] public-url '{url}'"))
}

fn read(path: &Path) -> Result<ServerIdentity> {
    let pem = private_file::read(path, MAX_PEM_BYTES).with_context(|| {
        format!(
            "--identity {}; docs/push.md says how it is made",
            path.display()
        )
    })?;
    let none = || format!("--identity {}: no certificate with its key", path.display());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    Ok(ServerIdentity {
        chain: chain.with_context(none)?,
        key: PrivateKeyDer::from_pem_slice(&pem).with_context(none)?,
    })
}

/// The authority that stands behind the relay's own certificate.
fn authority(path: &Path, identity: &ServerIdentity) -> Result<CertificateDer<'static>> {
    match &*identity.chain {
        [_, .., authority] => Ok(authority.clone()),
        _ => bail!(
            "--identity {}: the certificate of the token server's authority is missing behind the relay's own; \
             docs/push.md says how the file is made",
            path.display()
        ),
    }
}

/// The gateway that a verified certificate names.
fn certified_of(certificate: &CertificateDer<'_>) -> Option<Certified> {
    let (product, number) = pki::certified(certificate)?;
    Some(Certified { product, number })
}

/// What a relay shows, and whom it believes.
struct Trust {
    identity: ServerIdentity,
    authority: CertificateDer<'static>,
    chosen: Chosen,
    token_server: Option<TokenServer>,
}

/// A relay, running.
pub(crate) struct RunningRelay {
    listening: String,
    wakes: Option<String>,
    following: Option<JoinHandle<()>>,
    running: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl RunningRelay {
    /// The relay of a token server's process, with a certificate of its authority; none if the configuration
    /// has none.
    pub(crate) async fn beside(
        server: &token_server::TokenServer,
        data: &Path,
        config: &Config,
        chosen: Chosen,
    ) -> Result<Option<Self>> {
        let Some(section) = &config.relay else {
            return Ok(None);
        };
        let name = address(section)?.name().clone();
        let trust = Trust {
            identity: server.pki.issue_server(&[name])?,
            authority: server.pki.authority(),
            chosen,
            token_server: Some(TokenServer::Beside(server.desk.clone())),
        };
        Self::start(data, section, trust, Listener::Relay)
            .await
            .map(Some)
    }

    async fn start(
        data: &Path,
        section: &config::Relay,
        trust: Trust,
        share: Listener,
    ) -> Result<Self> {
        let home = data.join("relay");
        private_file::create_directory(&home)?;
        let web_push = section.web_push.as_ref();
        let wakes = web_push.map(|it| it.services.join(", "));
        let web_push = web_push.map(|it| web_push::config(it, data, &home));
        let list = home.join("revocations");
        let revoked = Revoked::open(&list, trust.authority.clone()).with_context(|| {
            format!(
                "{}: remove it, and the token server gives another",
                list.display()
            )
        })?;
        let relay = Relay::open(relay::Config {
            subscriptions: home.join("devices"),
            listen: section.https,
            share,
            names: vec![address(section)?.name().clone()],
            web_push: web_push.transpose()?,
            chain: trust.identity.chain,
            key: trust.identity.key,
            authority: trust.authority,
            certified_of,
            revoked: revoked.clone(),
            chosen: trust.chosen,
        })
        .await
        .context("the push relay does not start")?;
        let listening = relay.address().to_string();
        let follow = |server| tokio::spawn(revocations::follow(server, revoked));
        let following = trust.token_server.map(follow);
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(relay.run(async {
            // An error says that the sender is gone: that is a stop too.
            let _ = stopped.await;
        }));
        Ok(Self {
            listening,
            wakes,
            following,
            running,
            stop,
        })
    }

    /// Where it is, for the person who started it.
    pub(crate) fn addresses(&self) -> String {
        let wakes = self.wakes.as_ref();
        let wakes = wakes.map(|it| format!("web push         through {it}\n"));
        format!("push relay       https://{}\n", self.listening) + &wakes.unwrap_or_default()
    }

    /// Lets running requests end.
    pub(crate) async fn stop(self) {
        if let Some(following) = &self.following {
            following.abort();
        }
        // It may have ended by itself.
        let _ = self.stop.send(());
        if self.running.await.is_err() {
            tracing::error!("the push relay did not end in order");
        }
    }
}
