//! `symbolon manager`: tokens for gateways that do not reach the token server.

mod reserve;

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use registry::{Clock, Manager, ManagerConfig};
use softtoken::address::{ServerName, ServerUrl};
use store::private_file;

use self::reserve::{ReserveCommand, ReserveSocket};
use super::gateway::{ServerArgs, server_url, settle};
use super::{HomeArgs, Signals, own_certificate};
use crate::config::Config;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ManagerArgs {
    #[command(subcommand)]
    command: Option<ReserveCommand>,

    #[command(flatten)]
    home: HomeArgs,

    #[command(flatten)]
    server: Option<ServerArgs>,

    /// Where gateways are listened to
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8890")]
    listen: SocketAddr,

    /// Name or address by which gateways know it, for its certificate; may be given several times
    #[arg(long = "name", value_name = "HOST", value_parser = server_name)]
    names: Vec<ServerName>,

    /// Where phones reach it, for tokens of its reserve; else the first --name at the port of --listen
    #[arg(long, value_name = "https://HOST[:PORT]", value_parser = server_url)]
    phones: Option<ServerUrl>,
}

fn server_name(text: &str) -> Result<ServerName, String> {
    let url = ServerUrl::parse(&format!("https://{text}")).map_err(|error| error.to_string())?;
    Ok(url.name().clone())
}

/// Has the manager that runs do something; or starts one, says where it is, and serves until SIGTERM or
/// SIGINT.
pub(crate) async fn run(args: ManagerArgs) -> Result<ExitCode> {
    let server = match (args.command, args.server) {
        (Some(command), _) => return reserve::run(command),
        (None, Some(server)) => server,
        (None, None) => bail!("--token-server, --ca and --identity are needed together"),
    };
    let mut signals = Signals::watch()?;
    let (roots, identity) = server.trust()?;
    super::prepare(&args.home.data)?;
    let config = Config::load_or_create(&args.home.data)?;
    own_certificate::warn_of_unread(&config, None);
    let data = args.home.data.join("manager");
    private_file::create_directory(&data)?;
    let serial = identity.product();
    settle(&data, serial)?;
    let authority = data.join("pki/ca.pem");
    let mut names = args.names;
    names.push(server_name(&args.listen.to_string()).map_err(anyhow::Error::msg)?);
    let token_server = server.url();
    let manager = Manager::open(ManagerConfig {
        data,
        root_key: args.home.data.join(&config.store.root_key),
        listen: args.listen,
        names,
        phones: args.phones,
        token_server: token_server.clone(),
        roots,
        identity,
        clock: Clock::system(),
    })
    .await
    .context("the manager does not start")?;
    let socket = reserve::socket(&args.home.data);
    let _asked = ReserveSocket::open(&socket, manager.reserve())?;
    println!(
        "manager          {serial}\n\
         token server     {token_server}\n\
         authority        {}   (for gateways: set ca-cert)\n\
         gateways         https://{}",
        authority.display(),
        manager.address()
    );
    manager.run(signals.received()).await;
    Ok(ExitCode::SUCCESS)
}
