//! Which certificates of gateways count no more, as the push relay hears it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::time::{Span, Timestamp};
use softtoken::revocations::Revocations;
use store::registry::RegistryStore;
use tokio::sync::Mutex;

use crate::http::Problem;
use crate::pki::Pki;
use crate::process::known;
use crate::registry::Service;

/// How long a list is given out: in this time everybody who asks costs one look at the register.
const FRESH: Span = Span::from_secs(10);

/// The list that was given out last.
#[derive(Debug, Default)]
pub(crate) struct LastList(Mutex<Option<(Timestamp, Arc<str>)>>);

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoList {
    #[error(transparent)]
    Undecided(#[from] store::Undecided),
    #[error(transparent)]
    Certificate(#[from] crate::pki::PkiError),
}

/// A list as of now, with its signature.
pub(crate) async fn list(
    store: &RegistryStore,
    pki: &Pki,
    now: Timestamp,
) -> Result<String, NoList> {
    let revoked = known(store.revocations().await)?;
    let revoked = revoked.into_iter().map(|(product, it)| (product, it.0));
    let list = Revocations::new(now.unix(), revoked);
    let signature = pki.sign(list.transcript().as_bytes())?;
    Ok(list.signed(&signature))
}

/// Answers a relay.
pub(crate) async fn answer(State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    let now = service.clock.now();
    let mut last = service.last_list.0.lock().await;
    let text = match &*last {
        Some((at, text)) if now.since(*at) < FRESH && *at <= now => Arc::clone(text),
        _ => {
            let text: Arc<str> = match list(&service.store, &service.pki, now).await {
                Ok(text) => text.into(),
                Err(error) => {
                    tracing::error!(%error, "no list of revocations");
                    return Err(Problem::Unavailable);
                }
            };
            *last = Some((now, Arc::clone(&text)));
            text
        }
    };
    let plain = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    Ok(([plain], text.to_string()).into_response())
}
