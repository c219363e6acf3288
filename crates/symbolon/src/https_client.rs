//! What the commands have in common that ask a token server over HTTPS.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use identity::trusting;
use reqwest::{Certificate, Client, ClientBuilder, Identity, RequestBuilder, StatusCode};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use softtoken::address::ServerUrl;
use zeroize::Zeroizing;

/// A server that is there answers a connection in less than a second.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// A file of the greatest length over a slow line, and the answer.
const DEADLINE: Duration = Duration::from_mins(3);

/// What makes a failure: a part of what the library says, and what to do.
const NEXT_STEPS: &[(&str, &str)] = &[
    (
        "UnknownIssuer",
        "the server's certificate is not of the authority in --ca: give registry/pki/ca.pem of its data \
         directory, and see that no proxy stands between",
    ),
    (
        "NotValidForName",
        "the server does not have this name: ask for it under the name in public-url of its symbolon.toml",
    ),
    (
        "not valid yet",
        "the clocks of the two machines differ: compare `date` on both",
    ),
    (
        "alert: CertificateExpired",
        "the certificate in --identity has expired: have another one made",
    ),
    (
        "alert: CertificateRequired",
        "the server wants a certificate: give --identity",
    ),
    (
        "alert:",
        "the server does not take the certificate in --identity: it has to be one of the server's own \
         authority",
    ),
    (
        "onnection refused",
        "nothing listens there: is the token server running, and is this its address and port ([registry] \
         in its symbolon.toml; it listens on loopback until told otherwise)?",
    ),
    (
        "dns error",
        "the name is not known: compare it with public-url in the token server's symbolon.toml",
    ),
    (
        "timed out",
        "nobody answers: is the host up, and does a firewall let the port through?",
    ),
    (
        "InvalidContentType",
        "what listens there speaks no TLS: is this the token server's port?",
    ),
];

/// What helps where nothing of the above does.
const OTHER_STEP: &str =
    "is the token server running, and is this its address and port? Its log may say more";

/// A client that trusts the authority in one file alone, with the identity in another, if there is one.
/// It speaks HTTP/1.1: what a server has against the identity comes after the handshake (RFC 8446, section
/// 4.4.2.4), and gets lost where frames are being sent already.
pub(crate) fn client(authority: &Path, identity: Option<&Path>) -> Result<Client> {
    let pem =
        std::fs::read(authority).with_context(|| format!("cannot read {}", authority.display()))?;
    let no_certificate = || format!("{} is no certificate", authority.display());
    match identity {
        Some(path) => {
            let authority = Certificate::from_pem(&pem).with_context(no_certificate)?;
            let builder = identified(patient().tls_certs_only([authority]), path)?;
            builder.build().with_context(no_certificate)
        }
        None => {
            let authority = CertificateDer::from_pem_slice(&pem).with_context(no_certificate)?;
            trusting_alone(authority).with_context(no_certificate)
        }
    }
}

/// The same for an authority that was read already, without an identity.
pub(crate) fn trusting_alone(authority: CertificateDer<'_>) -> Result<Client> {
    let mut roots = RootCertStore::empty();
    roots.add(authority)?;
    let tls = trusting(roots)?.with_no_client_auth();
    Ok(patient().tls_backend_preconfigured(tls).build()?)
}

fn patient() -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .http1_only()
        .connect_timeout(CONNECT_DEADLINE)
        .timeout(DEADLINE)
}

fn identified(builder: ClientBuilder, path: &Path) -> Result<ClientBuilder> {
    let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let identity = Identity::from_pem(&Zeroizing::new(pem));
    let identity = identity.with_context(|| format!("{} is no identity", path.display()))?;
    Ok(builder.identity(identity))
}

/// Sends a request to `server`; the status and the body of the answer, which has at most `max` octets. If the
/// answer is lost it is sent once more: all that is sent here can be.
pub(crate) async fn send(
    request: RequestBuilder,
    server: &ServerUrl,
    max: usize,
) -> Result<(StatusCode, Zeroizing<Vec<u8>>)> {
    let again = request.try_clone();
    let mut outcome = exchange(request, max).await;
    if let (Err(error), Some(request)) = (&outcome, again)
        && !error.is_connect()
    {
        outcome = exchange(request, max).await;
    }
    let (status, body) = outcome.map_err(|error| explained(&error.into(), server))?;
    let too_long = || format!("the answer is longer than {max} octets; is this a token server?");
    Ok((status, body.with_context(too_long)?))
}

/// The status, and the body unless it is longer than `max`.
async fn exchange(
    request: RequestBuilder,
    max: usize,
) -> reqwest::Result<(StatusCode, Option<Zeroizing<Vec<u8>>>)> {
    let mut answer = request.send().await?;
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > max {
            return Ok((answer.status(), None));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((answer.status(), Some(body)))
}

fn explained(error: &anyhow::Error, server: &ServerUrl) -> anyhow::Error {
    let told = error.root_cause().to_string();
    let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
    let says = |part: &str| causes.iter().any(|cause| cause.contains(part));
    let known = NEXT_STEPS.iter().find(|(part, _)| says(part));
    let step = known.map_or(OTHER_STEP, |(_, step)| step);
    anyhow!("cannot ask {server}: {told}\n{step}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_to_do() {
        let server = ServerUrl::parse("https://tokens.example.org:8443").unwrap();
        for (cause, says) in [
            (
                "tcp connect error: Connection refused (os error 111)",
                "nothing listens there",
            ),
            ("invalid peer certificate: UnknownIssuer", "--ca"),
            ("received fatal alert: CertificateExpired", "has expired"),
            ("received fatal alert: DecryptError", "own authority"),
            ("connection reset by peer", OTHER_STEP),
        ] {
            let error = anyhow!(cause).context("error sending request");
            let told = explained(&error, &server).to_string();
            assert!(told.contains(says), "{told}");
            assert!(told.contains("https://tokens.example.org:8443: "), "{told}");
        }
    }
}
