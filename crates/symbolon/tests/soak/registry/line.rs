//! How gateways and phones reach the token server. What a kill cut off is [`Cut`]; anything else that is
//! no answer fails the test.

use std::net::{IpAddr, Ipv4Addr};

use domain::licensing::Generation;
use ident::ProductSerial;
use registry::MESSAGE_ID_HEADER;
use registry::pki::Pki;
use reqwest::{Certificate, Client, Identity, RequestBuilder};
use softtoken::device::SealingPrivateKey;
use softtoken::mobile::{MobileRequest, MobileResponse};
use softtoken::process::Product;
use softtoken::transfer::{TransferRequest, TransferResponse};
use softtoken::{Echo, MOBILE_PATH, PROCESS_PATH, TRANSFER_PATH};

use crate::common::{Home, PATIENCE};

/// The process ended before its answer was here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut;

/// A gateway with its certificate.
pub(crate) struct Unit {
    pub(crate) serial: ProductSerial,
    /// Seeds of hardware tokens come sealed to it.
    pub(crate) key: SealingPrivateKey,
    pub(crate) line: Line,
}

impl Unit {
    pub(crate) fn new(home: &Home, pki: &Pki, serial: ProductSerial, key: [u8; 32]) -> Self {
        let identity = pki.issue_gateway(serial, Generation::default()).unwrap();
        let pem = identity.certificate_pem + &identity.key_pem;
        Self {
            serial,
            key: SealingPrivateKey::from_random(&key),
            line: Line::new(home, pki, Some(pem), Ipv4Addr::LOCALHOST),
        }
    }

    /// As its requests name it.
    pub(crate) fn product(&self) -> Product {
        Product {
            serial_number: self.serial,
            device_version: Echo::from("7.0"),
            device_build: Echo::from("0001"),
            cluster: vec![self.serial],
        }
    }

    /// The answer to a message with this id.
    pub(crate) async fn ask(&self, id: &str, body: &str) -> Result<String, Cut> {
        let post = self.line.post(PROCESS_PATH, body.to_owned());
        answer_of(post.header(MESSAGE_ID_HEADER, id)).await
    }
}

/// Somebody's connections.
pub(crate) struct Line {
    http: Client,
    base: String,
    authority: Certificate,
    /// Certificate and key, of a gateway.
    identity: Option<String>,
    /// Whom wrong codes count against.
    source: IpAddr,
}

impl Line {
    /// Without an identity it is a phone's.
    pub(crate) fn new(home: &Home, pki: &Pki, identity: Option<String>, source: Ipv4Addr) -> Self {
        let mut line = Self {
            http: Client::new(),
            base: format!("https://{}", home.https),
            authority: Certificate::from_pem(pki.authority_pem().as_bytes()).unwrap(),
            identity,
            source: source.into(),
        };
        line.renew();
        line
    }

    /// Forgets the connections to the last life: one that is not known to be dead yet would be tried.
    pub(crate) fn renew(&mut self) {
        let mut builder = Client::builder()
            .tls_certs_only([self.authority.clone()])
            .local_address(self.source)
            .timeout(PATIENCE)
            .no_proxy();
        if let Some(pem) = &self.identity {
            builder = builder.identity(Identity::from_pem(pem.as_bytes()).unwrap());
        }
        self.http = builder.build().unwrap();
    }

    /// What an app is answered.
    pub(crate) async fn ask(
        &self,
        request: impl Into<MobileRequest>,
    ) -> Result<MobileResponse, Cut> {
        let body = request.into().to_json().as_str().to_owned();
        let answer = answer_of(self.post(MOBILE_PATH, body)).await?;
        Ok(MobileResponse::parse(answer.as_bytes()).unwrap())
    }

    /// What the gateway of a token is asked through the token server.
    pub(crate) async fn wish(
        &self,
        request: impl Into<TransferRequest>,
    ) -> Result<TransferResponse, Cut> {
        let body = request.into().to_json().as_str().to_owned();
        let answer = answer_of(self.post(TRANSFER_PATH, body)).await?;
        Ok(TransferResponse::parse(answer.as_bytes()).unwrap())
    }

    fn post(&self, path: &str, body: String) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).body(body)
    }
}

async fn answer_of(post: RequestBuilder) -> Result<String, Cut> {
    let answer = post.send().await.map_err(|error| cut(&error))?;
    let status = answer.status().as_u16();
    let body = answer.text().await.map_err(|error| cut(&error))?;
    assert_eq!(status, 200, "{body}");
    Ok(body)
}

fn cut(error: &reqwest::Error) -> Cut {
    assert!(
        !error.is_timeout(),
        "no answer within {PATIENCE:?}: {error:?}"
    );
    Cut
}
