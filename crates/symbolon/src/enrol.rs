//! `symbolon enrol`: a gateway's own certificate from a token server.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use identity::{Application, Identity, Right};
use softtoken::ENROLMENT_PATH;
use softtoken::address::ServerUrl;

use crate::https_client;
use crate::roles::gateway::server_url;

/// An identity is a key and two certificates of less than 2 KiB each.
const MAX_ANSWER_BYTES: usize = 16 << 10;

#[derive(Debug, Args)]
pub(crate) struct EnrolArgs {
    /// Address of the token server, or of a manager
    #[arg(long, value_name = "https://HOST[:PORT]", value_parser = server_url)]
    server: ServerUrl,
    /// Its authority's certificate, registry/pki/ca.pem in its data directory; manager/pki/ca.pem of a manager
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Where key and certificate go, as one PEM file that nobody else can read
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// The code from `symbolon desk enrol`; without one, the identity that is there is renewed
    #[arg(long)]
    code: Option<String>,
}

/// Gets a certificate for a new key, and keeps both.
pub(crate) async fn run(args: EnrolArgs) -> Result<ExitCode> {
    let client = https_client::client(&args.ca, None)?;
    let application = match &args.code {
        Some(code) => Application::new(Right::Code(code))?,
        None => Application::new(Right::Renewal(&renewed(&args)?))?,
    };
    let url = format!("{}{ENROLMENT_PATH}", args.server);
    let request = client.post(url).body(application.body()?);
    let (status, answer) = https_client::send(request, &args.server, MAX_ANSWER_BYTES).await?;
    let identity = application.granted(status, &answer)?;
    identity.save(&args.identity)?;
    println!(
        "{} is certified until {}\n{}",
        identity.product(),
        identity.certificate().not_after,
        args.identity.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn renewed(args: &EnrolArgs) -> Result<Identity> {
    let path = &args.identity;
    ensure!(
        path.exists(),
        "{} is not there; a first certificate needs --code",
        path.display()
    );
    Ok(Identity::load(path)?)
}
