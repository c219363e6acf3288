//! The HTTPS server without what it decides, for measurements.

use std::future::Future;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use https::{Connections, Site};
use softtoken::limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};

use crate::http::{JSON, Peer, Problem, read};
use crate::registry::{PLACES, Registry};

/// The answer is the beginning of this.
static BLANK: [u8; MAX_RESPONSE_BYTES] = [b' '; MAX_RESPONSE_BYTES];

impl Registry {
    /// Answers a request to `/N` with N blanks, until `shutdown` is done: what is left of an answer's cost
    /// is that of connection, certificates and HTTP.
    pub async fn run_floor(self, shutdown: impl Future<Output = ()>) {
        let router = Router::new().route("/{octets}", post(constant));
        let site = Site {
            tls: self.tls,
            router,
            connections: Connections::new(PLACES),
            peer: Peer::new,
            admits: https::anywhere(),
        };
        https::serve(self.listener, site, shutdown).await;
    }
}

async fn constant(Path(octets): Path<usize>, request: Request) -> Result<Response, Problem> {
    read(request, MAX_REQUEST_BYTES).await?;
    let Some(answer) = BLANK.get(..octets) else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    Ok((JSON, Body::from(Bytes::from_static(answer))).into_response())
}
