//! `symbolon enrol`: a gateway's own certificate from a token server.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use rcgen::{CertificateParams, KeyPair};
use registry::{ENROLMENT_PATH, Enrolment, EnrolmentRequest};
use reqwest::{Certificate, Client, Identity};
use softtoken::address::ServerUrl;
use zeroize::Zeroizing;

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

fn server_url(text: &str) -> Result<ServerUrl, String> {
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
    let url = format!("{}{ENROLMENT_PATH}", args.server);
    let enrolment = ask(&client, &url, serde_json::to_string(&request)?).await?;
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
    let authority =
        std::fs::read(&args.ca).with_context(|| format!("cannot read {}", args.ca.display()))?;
    let authority = Certificate::from_pem(&authority)?;
    let mut builder = Client::builder().tls_certs_only([authority]).no_proxy();
    if args.code.is_none() {
        let path = args.identity.display();
        let pem = std::fs::read(&args.identity)
            .with_context(|| format!("cannot read {path}; a first certificate needs --code"))?;
        let pem = Zeroizing::new(pem);
        let identity =
            Identity::from_pem(&pem).with_context(|| format!("{path} is no identity"))?;
        builder = builder.identity(identity);
    }
    Ok(builder.build()?)
}

async fn ask(client: &Client, url: &str, body: String) -> Result<Enrolment> {
    let mut answer = client.post(url).body(body).send().await?;
    let status = answer.status();
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if text.len() + chunk.len() > MAX_ANSWER_BYTES {
            bail!("the answer is longer than {MAX_ANSWER_BYTES} octets; is this a token server?");
        }
        text.extend_from_slice(&chunk);
    }
    if !status.is_success() {
        bail!("{}", refusal(&text).unwrap_or_else(|| status.to_string()));
    }
    serde_json::from_slice(&text).context("the answer is no enrolment; is this a token server?")
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
