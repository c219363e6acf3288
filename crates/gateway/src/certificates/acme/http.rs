//! HTTPS towards an authority.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use identity::authorities;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use reqwest::{Body, Client};
use rustls::ClientConfig;

use super::Failure;
use crate::network::HttpNames;

/// An authority answers in seconds.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest chains have some 10 KiB, directories and orders less.
const ANSWER_MAX: usize = 256 << 10;

/// A client that trusts whom the system trusts, or the authorities in a file.
pub(crate) struct Http(Client);

impl Http {
    /// Reads the file, if there is one.
    pub(crate) fn new(trusted: Option<&Path>, names: HttpNames) -> Result<Self, Failure> {
        let builder = Client::builder()
            .https_only(true)
            .timeout(TIMEOUT)
            .dns_resolver(names)
            .no_proxy();
        let builder = match trusted {
            None => builder,
            Some(file) => {
                let roots = authorities(file).map_err(Failure::Trust)?;
                let tls = ClientConfig::builder().with_root_certificates(roots);
                builder.tls_backend_preconfigured(tls.with_no_client_auth())
            }
        };
        let client = builder.build();
        Ok(Self(
            client.map_err(|error| Failure::Trust(error.to_string()))?,
        ))
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| Error::Other(error.into()))?;
            let request = Request::from_parts(head, Body::from(body.to_bytes()));
            let asked = reqwest::Request::try_from(request);
            let asked = asked.map_err(|error| Error::Other(error.into()))?;
            let answer = client.execute(asked).await;
            let answer = answer.map_err(|error| Error::Other(error.into()))?;
            let (head, body) = Response::<Body>::from(answer).into_parts();
            let body = Limited::new(body, ANSWER_MAX);
            Ok(BytesResponse::from(Response::from_parts(head, body)))
        })
    }
}
