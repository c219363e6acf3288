//! How a push relay learns whose certificates were revoked: it asks the token server, beside it or elsewhere.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use registry::Desk;
use relay::Revoked;
use reqwest::{Client, StatusCode};
use softtoken::address::ServerUrl;
use softtoken::revocations::{MAX_REVOCATIONS_BYTES, REVOCATIONS_PATH};

use crate::https_client;

/// How long a gateway that was revoked still pushes, where the token server is in the same process.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// And where it is elsewhere.
const ASK_EVERY: Duration = Duration::from_mins(1);

/// Who has the list.
pub(super) enum TokenServer {
    /// In this process.
    Beside(Desk),
    /// Elsewhere.
    At(Client, ServerUrl),
}

impl TokenServer {
    fn pause(&self) -> Duration {
        match self {
            Self::Beside(_) => LOOK_EVERY,
            Self::At(..) => ASK_EVERY,
        }
    }

    async fn list(&self) -> Result<String> {
        match self {
            Self::Beside(desk) => Ok(desk.revocations().await?),
            Self::At(client, server) => {
                let request = client.get(format!("{server}{REVOCATIONS_PATH}"));
                let sent = https_client::send(request, server, MAX_REVOCATIONS_BYTES).await;
                let (status, body) = sent?;
                ensure!(status == StatusCode::OK, "{server} answered {status}");
                let text = std::str::from_utf8(&body).context("the list is no text")?;
                Ok(text.to_owned())
            }
        }
    }
}

/// Keeps the list of a relay up to date, for as long as it runs. What fails is tried again; the list of before
/// counts meanwhile.
pub(super) async fn follow(server: TokenServer, revoked: Revoked) {
    let mut fails = false;
    loop {
        let taken = match server.list().await {
            Ok(text) => take(&revoked, text).await,
            Err(error) => Err(error),
        };
        match &taken {
            Err(error) if !fails => {
                tracing::warn!(
                    "no news of revoked certificates; those that are known count on: {error:#}"
                );
            }
            Ok(()) if fails => tracing::info!("there is news of revoked certificates again"),
            _ => {}
        }
        fails = taken.is_err();
        tokio::time::sleep(server.pause()).await;
    }
}

async fn take(revoked: &Revoked, text: String) -> Result<()> {
    let revoked = revoked.clone();
    let taken = tokio::task::spawn_blocking(move || revoked.take(&text));
    Ok(taken.await.context("the list was not taken")??)
}
