//! `symbolon manager`: tokens for gateways that do not reach the token server.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use registry::{Clock, Manager, ManagerConfig};
use softtoken::address::{ServerName, ServerUrl};
use store::private_file;

use super::gateway::{ServerArgs, settle};
use super::{HomeArgs, Signals};

#[derive(Debug, Args)]
pub(crate) struct ManagerArgs {
    #[command(flatten)]
    home: HomeArgs,

    #[command(flatten)]
    server: ServerArgs,

    /// Where gateways are listened to
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8890")]
    listen: SocketAddr,

    /// Name or address by which gateways know it, for its certificate; may be given several times
    #[arg(long = "name", value_name = "HOST", value_parser = server_name)]
    names: Vec<ServerName>,
}

fn server_name(text: &str) -> Result<ServerName, String> {
    let url = ServerUrl::parse(&format!("https://{text}")).map_err(|error| error.to_string())?;
    Ok(url.name().clone())
}

/// Starts the manager, says where it is, and serves until SIGTERM or SIGINT.
pub(crate) async fn run(args: ManagerArgs) -> Result<ExitCode> {
    let mut signals = Signals::watch()?;
    let (roots, identity) = args.server.trust()?;
    super::prepare(&args.home.data)?;
    let data = args.home.data.join("manager");
    private_file::create_directory(&data)?;
    let serial = identity.product();
    settle(&data, serial)?;
    let authority = data.join("pki/ca.pem");
    let mut names = args.names;
    names.push(server_name(&args.listen.to_string()).map_err(anyhow::Error::msg)?);
    let token_server = args.server.url();
    let manager = Manager::open(ManagerConfig {
        data,
        listen: args.listen,
        names,
        token_server: token_server.clone(),
        roots,
        identity,
        clock: Clock::system(),
    })
    .await
    .context("the manager does not start")?;
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
