//! Tokens that go to another phone, at the wish of the one that has them: `config system ftm-push`,
//! `set token-transfer`.
//!
//! The phone's wish comes through the token server to this unit's own address; `supply::transfers` has the rest
//! done, as with every activation code.

mod address;
mod strangers;
mod wishes;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use https::body::{self, Limit};
use softtoken::TRANSFER_PATH;
use softtoken::transfer::TransferRequest;
use store::gateway::GatewayStore;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::clock::NoEntropy;
use crate::push::Pushes;
use crate::supply::Supply;
use wishes::Wishes;

const BODY: Limit = Limit {
    bytes: TransferRequest::MAX_BYTES,
    time: std::time::Duration::from_secs(10),
};

/// Where phones' wishes are answered; and what tells the token server where this unit is reached, and follows what
/// was begun.
pub(crate) fn start(
    store: &Arc<GatewayStore>,
    supply: &Arc<Supply>,
    pushes: &Arc<Pushes>,
    stopping: &watch::Receiver<bool>,
) -> Result<(Router, Vec<JoinHandle<()>>), NoEntropy> {
    let (told, names) = watch::channel(None);
    let doubts = Arc::new(Notify::new());
    let wishes = Wishes::new(
        Arc::clone(store),
        Arc::clone(supply),
        names,
        Arc::clone(&doubts),
    );
    let wishes = wishes.map_err(|_| NoEntropy)?;
    let router = Router::new()
        .route(TRANSFER_PATH, post(answer))
        .with_state(Arc::new(wishes));
    let (store, telling) = (Arc::clone(store), Arc::clone(supply));
    let pushes = Arc::clone(pushes);
    let telling = address::run(store, telling, pushes, told, doubts, stopping.clone());
    let (following, to_follow) = (Arc::clone(supply), stopping.clone());
    let tasks = vec![
        tokio::spawn(telling),
        tokio::spawn(async move { following.run_transfers(to_follow).await }),
    ];
    Ok((router, tasks))
}

async fn answer(
    State(wishes): State<Arc<Wishes>>,
    Extension(source): Extension<IpAddr>,
    request: Request,
) -> Response {
    let body = match body::read(request.into_body(), BODY).await {
        Ok(body) => body,
        Err(error) => return (error.status(), error.to_string()).into_response(),
    };
    match TransferRequest::parse(&body) {
        Ok(request) => {
            let json = HeaderValue::from_static("application/json");
            let answer = wishes.answer(&request, source).await.to_json();
            ([(header::CONTENT_TYPE, json)], answer.as_str().to_owned()).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}
