//! `symbolon enrol`: a gateway's own certificate from a token server.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rcgen::{CertificateParams, KeyPair};
use registry::{ENROLMENT_PATH, Enrolment, EnrolmentRequest};
use reqwest::Client;
use softtoken::address::ServerUrl;
use zeroize::Zeroizing;

use crate::https;

/// An identity is a key and two certificates of less than 2 KiB each.
const MAX_ANSWER_BYTES: usize = 16 << 10;

#[derive(Debug, Args)]
pub(crate) struct EnrolArgs {
    /// Address of the token server
    #[arg(long, value_name = "https://HOST[:PORT]", value_parser = server_url)]
    server: ServerUrl,
    /// Its authority's certificate, registry/pki/ca.pem in its data directory
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Where key and certificate go, as one PEM file that nobody else can read
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// The code from `symbolon desk enrol`; without one, the identity that is there is renewed
    #[arg(long)]
    code: Option<String>,
}

pub(crate) fn server_url(text: &str) -> Result<ServerUrl, String> {
    ServerUrl::parse(text).map_err(|error| error.to_string())
}

/// Gets a certificate for a new key, and keeps both.
pub(crate) async fn run(args: EnrolArgs) -> Result<ExitCode> {
    let client = client(&args)?;
    let key = KeyPair::generate()?;
    let request = EnrolmentRequest {
        enrolment_code: args.code,
        certificate_request: CertificateParams::default()
            .serialize_request(&key)?
            .pem()?,
    };
    let enrolment = ask(&client, &args.server, serde_json::to_string(&request)?).await?;
    let identity = Zeroizing::new(key.serialize_pem() + &enrolment.certificate);
    keep(&args.identity, identity.as_bytes())?;
    let end = domain::time::Timestamp::from_secs(enrolment.expires.try_into()?);
    println!(
        "{} is certified until {end}\n{}",
        enrolment.serial_number,
        args.identity.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn client(args: &EnrolArgs) -> Result<Client> {
    if args.code.is_some() {
        return https::client(&args.ca, None);
    }
    let path = &args.identity;
    ensure!(
        path.exists(),
        "{} is not there; a first certificate needs --code",
        path.display()
    );
    https::client(&args.ca, Some(path))
}

async fn ask(client: &Client, server: &ServerUrl, body: String) -> Result<Enrolment> {
    let url = format!("{server}{ENROLMENT_PATH}");
    let request = client.post(url).body(body);
    let (status, answer) = https::send(request, server, MAX_ANSWER_BYTES).await?;
    if !status.is_success() {
        bail!("{}", refusal(&answer).unwrap_or_else(|| status.to_string()));
    }
    serde_json::from_slice(&answer).context("the answer is no enrolment; is this a token server?")
}

/// The text in `{"d":{"error":{"error_message":…}}}`.
fn refusal(answer: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let message = answer.pointer("/d/error/error_message")?.as_str()?;
    Some(message.to_owned())
}

/// Puts the whole file in the old one's place, so that a crash leaves one of the two.
fn keep(path: &Path, content: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o600))
        .tempfile_in(directory)
        .with_context(cannot)?;
    file.write_all(content).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(())
}
