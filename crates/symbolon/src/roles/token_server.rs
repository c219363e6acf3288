//! `symbolon registry`: the token server with its desk.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use domain::audit::Actor;
use domain::licensing::AccountName;
use https::Chosen;
use registry::pki::Pki;
use registry::{Clock, Desk, Registry, TransferHosts};
use softtoken::address::{ServerName, ServerUrl};
use softtoken::limits::MAX_SERVER_NAMES;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::own_certificate::{self, OwnCertificate};
use super::{HomeArgs, Signals};
use crate::config::{self, Config};
use crate::desk::{DeskListener, DeskSocket};

/// The socket of the desk, beside the console's.
const DESK_SOCKET: &str = "desk.sock";

/// Beside the name of `public-url`.
const FORMER_NAMES_MAX: usize = MAX_SERVER_NAMES - 1;

#[derive(Debug, Args)]
pub(crate) struct RegistryArgs {
    #[command(flatten)]
    home: HomeArgs,
}

/// Starts the token server alone, says where it is, and serves until SIGTERM or SIGINT.
pub(crate) async fn run(args: RegistryArgs) -> Result<ExitCode> {
    let mut signals = Signals::watch()?;
    super::prepare(&args.home.data)?;
    let config = Config::load_or_create(&args.home.data)?;
    own_certificate::warn_of_unread(&config, Some(own_certificate::REGISTRY));
    let certificate = OwnCertificate::of_token_server(&args.home.data, &config)?;
    let server = TokenServer::start(&args.home.data, &config, certificate.chosen()).await?;
    println!(
        "{}desk socket      {}   (symbolon desk)",
        server.addresses(),
        socket(&args.home.data).display()
    );
    tokio::select! {
        () = signals.received() => {}
        never = certificate.follow() => match never {},
    }
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The desk's socket of a data directory.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.join(DESK_SOCKET)
}

/// A token server, running.
pub(crate) struct TokenServer {
    pub(crate) desk: Desk,
    pub(crate) address: SocketAddr,
    pub(crate) pki: Arc<Pki>,
    public_url: ServerUrl,
    socket: DeskSocket,
    desk_api: Option<DeskListener>,
    running: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl TokenServer {
    /// Starts it. The first time, makes what it needs.
    pub(crate) async fn start(data: &Path, config: &Config, chosen: Chosen) -> Result<Self> {
        let public_url = ServerUrl::parse(&config.registry.public_url)
            .with_context(|| format!("public-url '{}'", config.registry.public_url))?;
        let registry = Registry::open(registry::Config {
            data: data.join("registry"),
            root_key: data.join(&config.store.root_key),
            listen: config.registry.https,
            public_url: public_url.clone(),
            other_names: former_names(config)?,
            relay: super::relay::public_url(config)?,
            answer_urls: answer_urls(config)?,
            transfer_hosts: transfer_hosts(config)?,
            chosen,
            clock: Clock::system(),
        })
        .await
        .context("the token server does not start")?;
        let (desk, pki, address) = (registry.desk(), registry.pki(), registry.address());
        let desk_api = match config.registry.desk {
            Some(address) => Some(DeskListener::start(&registry, address).await?),
            None => None,
        };
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(registry.run(async {
            // An error says that the sender is gone: that is a stop too.
            let _ = stopped.await;
        }));
        own_account(&desk).await?;
        let socket = DeskSocket::open(&socket(data), desk.clone())?;
        Ok(Self {
            desk,
            address,
            pki,
            public_url,
            socket,
            desk_api,
            running,
            stop,
        })
    }

    /// Where it is, for the person who started it.
    pub(crate) fn addresses(&self) -> String {
        let mut text = format!("token server     https://{}\n", self.address);
        if let Some(desk) = &self.desk_api {
            text += &format!("desk             https://{}\n", desk.address());
        }
        text + &format!(
            "web app          {url}{}\n\
             phones           symbolon app add CODE --server {url} --pin {}\n",
            webapp::ROOT,
            self.pki.pin(),
            url = self.public_url,
        )
    }

    /// Lets running requests end.
    pub(crate) async fn stop(self) {
        let Self {
            socket,
            desk_api,
            running,
            stop,
            ..
        } = self;
        drop(socket);
        if let Some(desk) = desk_api {
            desk.stop().await;
        }
        // It may have ended by itself.
        let _ = stop.send(());
        if running.await.is_err() {
            tracing::error!("the token server did not end in order");
        }
    }
}

/// One that no gateway were told would be none to phones that know it.
fn former_names(config: &Config) -> Result<Vec<ServerName>> {
    let names = &config.registry.former_names;
    ensure!(
        names.len() <= FORMER_NAMES_MAX,
        "{}: [registry] former-names has {} names, and gateways are told {FORMER_NAMES_MAX} of them: leave those that \
         phones know",
        config::FILE,
        names.len()
    );
    let name = |text: &String| {
        ServerName::parse(text).with_context(|| format!("[registry] former-names '{text}'"))
    };
    names.iter().map(name).collect()
}

fn answer_urls(config: &Config) -> Result<Vec<ServerUrl>> {
    let url = |text: &String| {
        ServerUrl::parse(text).with_context(|| format!("[registry] answer-urls '{text}'"))
    };
    config.registry.answer_urls.iter().map(url).collect()
}

fn transfer_hosts(config: &Config) -> Result<TransferHosts> {
    let words = config.registry.transfer_hosts.iter().map(String::as_str);
    TransferHosts::parse(words).context("[registry] transfer-hosts")
}

/// The account of whoever runs this installation.
async fn own_account(desk: &Desk) -> Result<()> {
    let account = AccountName::parse(AccountName::LOCAL)?;
    let registered = desk.register_account(Actor::system("first start"), account);
    if let Err(error) = registered.await {
        tracing::debug!(%error, "the account is there from an earlier start");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_former_names_than_gateways_are_told_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::load_or_create(home.path()).unwrap();
        let names = (0..).map(|number| format!("tokens{number}.example.org"));
        config.registry.former_names = names.take(FORMER_NAMES_MAX).collect();
        assert_eq!(former_names(&config).unwrap().len(), FORMER_NAMES_MAX);
        config
            .registry
            .former_names
            .push("tokens.example.org".to_owned());
        let error = former_names(&config).unwrap_err().to_string();
        assert!(error.contains("former-names has 16 names"), "{error}");
    }
}
