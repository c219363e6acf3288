//! What gateways and phones ask for while it is measured.

use anyhow::{Result, bail, ensure};
use app::activation::app_version;
use app::device::Device;
use ident::{LicenceCode, OpaqueCode, PinPolicy, ProductSerial, TokenSerial};
use otp::Parameters;
use reqwest::{Certificate, Client, Identity};
use softtoken::link::{ActivationLink, LinkSecret};
use softtoken::mobile::{MobileNonceRequest, MobileRequest, MobileResponse};
use softtoken::process::{
    ActivationLicenseRequest, PollingRequest, Product, ProvisionRequest, Request, Response,
    TokenToProvision,
};
use softtoken::{Echo, MOBILE_PATH, PROCESS_PATH, TypedLicenceCode};

use super::population::{IMPORTED, seed};

/// Life of an activation code in minutes.
const CODE_EXPIRE_MIN: u32 = 4_320;

/// Connections of one gateway or phone to one server.
#[derive(Clone, Debug)]
pub(super) struct Line {
    http: Client,
    base: String,
}

impl Line {
    /// With the identity of a gateway, or without one.
    pub(super) fn new(base: String, authority: &str, identity: Option<&str>) -> Result<Self> {
        let authority = Certificate::from_pem(authority.as_bytes())?;
        let mut builder = Client::builder().tls_certs_only([authority]).no_proxy();
        if let Some(pem) = identity {
            builder = builder.identity(Identity::from_pem(pem.as_bytes())?);
        }
        let http = builder.build()?;
        Ok(Self { http, base })
    }

    async fn post(&self, path: &str, id: Option<String>, body: String) -> Result<Vec<u8>> {
        let mut post = self.http.post(format!("{}{path}", self.base)).body(body);
        if let Some(id) = id {
            post = post.header(registry::MESSAGE_ID_HEADER, id);
        }
        let answer = post.send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        ensure!(
            status.is_success(),
            "{path}: {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body.to_vec())
    }
}

/// Octets of a question and of its answer.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Octets {
    pub(super) asked: usize,
    pub(super) answered: usize,
}

/// What is asked for again and again over one line.
#[derive(Debug)]
pub(super) enum Errand {
    /// So many octets for so many octets, so many times.
    Nothing { octets: Octets, times: usize },
    /// Codes for phones, for a number of tokens at a time.
    Provision {
        product: ProductSerial,
        tokens: Vec<TokenSerial>,
        batch: usize,
        asked: u64,
        /// What the answers brought.
        links: Vec<ActivationLink>,
    },
    /// What became of tokens.
    Poll {
        product: ProductSerial,
        tokens: Vec<TokenSerial>,
    },
    /// The tokens of licences.
    Import {
        product: ProductSerial,
        codes: Vec<LicenceCode>,
    },
    /// Tokens, for a phone.
    Activate {
        phone: Box<Device>,
        links: Vec<ActivationLink>,
    },
}

impl Errand {
    /// Asks once and holds the answer against what it must be; `None` when there is nothing left to ask.
    pub(super) async fn run(&mut self, line: &Line) -> Result<Option<Octets>> {
        match self {
            Self::Nothing { octets, times } => {
                for _ in 0..*times {
                    let path = format!("/{}", octets.answered);
                    let answer = line.post(&path, None, " ".repeat(octets.asked)).await?;
                    ensure!(answer.len() == octets.answered, "another answer");
                }
                Ok(Some(*octets))
            }
            Self::Provision {
                product,
                tokens,
                batch,
                asked,
                links,
            } => provision(line, *product, tokens, *batch, asked, links)
                .await
                .map(Some),
            Self::Poll { product, tokens } => poll(line, *product, tokens).await.map(Some),
            Self::Import { product, codes } => match codes.pop() {
                Some(code) => import(line, *product, &code).await.map(Some),
                None => Ok(None),
            },
            Self::Activate { phone, links } => match links.pop() {
                Some(link) => activate(line, phone, &link).await.map(Some),
                None => Ok(None),
            },
        }
    }
}

async fn provision(
    line: &Line,
    product: ProductSerial,
    tokens: &mut [TokenSerial],
    batch: usize,
    asked: &mut u64,
    links: &mut Vec<ActivationLink>,
) -> Result<Octets> {
    *asked += 1;
    let wanted = tokens.iter().take(batch).map(|token| {
        Ok(TokenToProvision {
            token: Echo::from(*token),
            seed: seed(*asked)?,
            code_expire_min: CODE_EXPIRE_MIN,
            parameters: Parameters::default(),
            pin_policy: PinPolicy::default(),
        })
    });
    let request = Request::Provision(ProvisionRequest {
        product: named(product),
        tokens: wanted.collect::<Result<_>>()?,
    });
    let id = format!("provision-{asked}-of-{batch}");
    let (octets, response) = ask(line, Some(id), &request).await?;
    let Response::Provision(response) = response else {
        bail!("not the answer to a provisioning");
    };
    // The next are others: a code that was not used yet stays good.
    tokens.rotate_left(batch);
    for answer in response.tokens {
        match answer.outcome {
            Ok(ready) => links.push(ready.link),
            Err(error) => bail!("a token was not made ready: {error}"),
        }
    }
    Ok(octets)
}

async fn poll(line: &Line, product: ProductSerial, tokens: &[TokenSerial]) -> Result<Octets> {
    let request = Request::Polling(PollingRequest {
        product: named(product),
        tokens: tokens.iter().map(|token| Echo::from(*token)).collect(),
    });
    let (octets, response) = ask(line, None, &request).await?;
    let Response::Polling(response) = response else {
        bail!("not the answer to a poll");
    };
    let told = response.tokens.iter().filter(|token| token.outcome.is_ok());
    ensure!(told.count() == tokens.len(), "a poll was refused");
    Ok(octets)
}

async fn import(line: &Line, product: ProductSerial, code: &LicenceCode) -> Result<Octets> {
    let request = Request::ActivationLicense(ActivationLicenseRequest {
        code: TypedLicenceCode::from(code),
        product: named(product),
    });
    let id = code.as_str().to_owned();
    let (octets, response) = ask(line, Some(id), &request).await?;
    let Response::ActivationLicense(response) = response else {
        bail!("not the answer to an import");
    };
    match response.outcome {
        Ok(licence) => ensure!(
            licence.tokens.len() == usize::try_from(IMPORTED)?,
            "another licence"
        ),
        Err(error) => bail!("an import was refused: {error}"),
    }
    Ok(octets)
}

async fn ask(line: &Line, id: Option<String>, request: &Request) -> Result<(Octets, Response)> {
    let body = request.to_json().as_str().to_owned();
    let asked = body.len();
    let answer = line.post(PROCESS_PATH, id, body).await?;
    let answered = answer.len();
    let octets = Octets { asked, answered };
    Ok((octets, Response::parse(&answer)?))
}

/// Nonce and proof; the sealed seed is not opened here, which a phone does on its own.
async fn activate(line: &Line, phone: &Device, link: &ActivationLink) -> Result<Octets> {
    let version = app_version()?;
    let nonce = MobileNonceRequest {
        version: version.clone(),
    };
    let nonce = match tell(line, nonce.into()).await?.1 {
        MobileResponse::Nonce(response) => response.outcome,
        _ => bail!("not the answer to a request for a nonce"),
    };
    let nonce = nonce.map_err(|error| anyhow::anyhow!("no nonce: {error}"))?;
    let server = link.server.name().clone();
    let code = OpaqueCode::from_bytes(*link.code.opaque().as_bytes());
    let secret = LinkSecret::from_random(*link.secret.expose());
    let request = phone.claim(server, nonce, &code, Some(&secret), version)?;
    let (octets, response) = tell(line, request.into()).await?;
    match response {
        MobileResponse::Provision(response) => match response.outcome {
            Ok(_) => Ok(octets),
            Err(error) => bail!("a token was not activated: {error}"),
        },
        _ => bail!("not the answer to an activation"),
    }
}

async fn tell(line: &Line, request: MobileRequest) -> Result<(Octets, MobileResponse)> {
    let body = request.to_json().as_str().to_owned();
    let asked = body.len();
    let answer = line.post(MOBILE_PATH, None, body).await?;
    let answered = answer.len();
    let octets = Octets { asked, answered };
    Ok((octets, MobileResponse::parse(&answer)?))
}

fn named(product: ProductSerial) -> Product {
    Product {
        serial_number: product,
        device_version: Echo::from("7.0"),
        device_build: Echo::from("0001"),
        cluster: vec![product],
    }
}
