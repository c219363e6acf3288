//! The manager's reserve: licences that it gives out in the token server's place, and serves from then on.
//!
//! To gateways and phones it is a token server of its own, with a database of the same form, for what is in
//! the reserve and for nothing else. A licence in it has no other keeper, so it makes no difference whether
//! the token server is reached: the manager gives it out, and says so when it can.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use domain::licensing::Change;
use domain::time::{Span, Timestamp};
use ident::{ProductSerial, TokenSerial};
use identity::Keeper;
use rustls::RootCertStore;
use softtoken::Echo;
use softtoken::process::Request as Message;
use store::registry::{Message as Named, MessageId};
use store::{Failure, Undecided};
use tokio::sync::{Mutex as Turn, Notify};
use zeroize::Zeroizing;

use super::upstream::{self, Upstream};
use crate::desk::ReserveSheet;
use crate::http::{Asker, Certified, ONLY_NEWS, PREFER, Problem};
use crate::process::{known, sha256};
use crate::registry::Service;
use crate::reserve::{MAX_BYTES, RESERVE_PATH, open, seal_settlement};

/// How often the token server is asked for the latest reserve: whoever has put a licence there waits for it,
/// and few managers ask.
const EXCHANGE_EVERY: Duration = Duration::from_secs(10);
/// How soon after it was not reached.
const RETRY_AFTER: Duration = Duration::from_secs(3);

/// The shortest time between exchanges that gateways cause.
const BETWEEN_DEMANDED: Span = Span::from_secs(2);

/// What a manager gives out itself.
pub(super) struct Keep {
    pub(super) own: ProductSerial,
    /// A token server for what is in the reserve.
    pub(super) local: Arc<Service>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) identity: Arc<Keeper>,
    /// Who signs reserves.
    pub(super) authorities: RootCertStore,
    pub(super) exchanges: Exchanges,
}

/// The exchanges with the token server.
#[derive(Default)]
pub(super) struct Exchanges {
    /// Something was given out.
    news: Notify,
    latest: Mutex<Option<Exchanged>>,
    /// One at a time: what is said later is more.
    turn: Turn<()>,
}

/// The latest exchange.
#[derive(Clone, Debug)]
struct Exchanged {
    at: Timestamp,
    failure: Option<Box<str>>,
}

impl Keep {
    /// Answers a gateway if what it asks for is in the reserve.
    pub(super) async fn answer(
        &self,
        gateway: Certified,
        id: Option<MessageId>,
        message: &Message,
        body: &[u8],
    ) -> Result<Option<Zeroizing<String>>, Problem> {
        let is_import = matches!(message, Message::ActivationLicense(_));
        // Nobody else knows the answer, even where the licence is another's by now.
        if is_import && self.has_answered(gateway, id.as_ref(), body).await? {
            return self.ask(gateway, id, body).await.map(Some);
        }
        if !self.holds(message).await? {
            return Ok(None);
        }
        if !self.knows_by_now(gateway.product).await? {
            return Ok(None);
        }
        if is_import {
            self.demand_giving().await?;
        }
        let answer = self.ask(gateway, id, body).await?;
        if is_import {
            self.exchanges.news.notify_one();
        }
        Ok(Some(answer))
    }

    async fn has_answered(
        &self,
        gateway: Certified,
        id: Option<&MessageId>,
        body: &[u8],
    ) -> Result<bool, Undecided> {
        let Some(id) = id.cloned() else {
            return Ok(false);
        };
        let message = Named {
            product: gateway.product,
            id,
            digest: sha256(body),
        };
        let now = self.local.clock.now();
        known(self.local.store.has_answered(message, now).await)
    }

    /// Whether its record is the whole of what it gave out, as far as the token server knows: where that is
    /// reached, it is asked before the first licence.
    async fn demand_giving(&self) -> Result<(), Problem> {
        if self.latest().is_none()
            && let Err(why) = self.exchange().await
        {
            tracing::debug!(why, "the reserve is not settled");
        }
        match known(self.local.store.gives_nothing(self.own).await)? {
            Some(_) => Err(Problem::GivesNothing),
            None => Ok(()),
        }
    }

    /// Answers a gateway as the token server of the reserve.
    pub(super) async fn ask(
        &self,
        gateway: Certified,
        id: Option<MessageId>,
        body: &[u8],
    ) -> Result<Zeroizing<String>, Problem> {
        let asker = Asker {
            gateway,
            source: None,
            manager: None,
            id,
        };
        self.local.process(asker, body).await
    }

    async fn holds(&self, message: &Message) -> Result<bool, Undecided> {
        match message {
            Message::ActivationLicense(request) => match request.code.code() {
                Ok(code) => known(self.local.store.holds_code(code).await),
                Err(_) => Ok(false),
            },
            // Nothing is in no reserve.
            Message::Provision(request) if request.tokens.is_empty() => Ok(false),
            Message::Provision(request) => {
                let tokens = request.tokens.iter().map(|token| &token.token);
                let held = self.holds_each(tokens).await?;
                Ok(held.iter().all(|held| *held))
            }
            // Some may be in it and some not.
            Message::Polling(_)
            | Message::HardwareActivation(_)
            // Phones of its own reserve have no way through a manager.
            | Message::TransferAddress(_)
            | Message::TransferPolling(_) => Ok(false),
        }
    }

    /// Which tokens are in the reserve, in their order.
    pub(super) async fn holds_each(
        &self,
        tokens: impl Iterator<Item = &Echo>,
    ) -> Result<Vec<bool>, Undecided> {
        let serials = tokens.map(|token| TokenSerial::parse(token.as_str()).ok());
        known(self.local.store.holds_tokens(serials.collect()).await)
    }

    /// Whether a gateway is one of the reserve's.
    pub(super) async fn knows(&self, gateway: ProductSerial) -> Result<bool, Undecided> {
        known(self.local.store.knows(gateway).await)
    }

    /// Whether a gateway is one of the latest reserve's: one that was registered a moment ago is. The latest is had
    /// if the token server speaks and was not asked a moment ago: who is none of the reserve's could keep both
    /// busy. To one of another account the token server says so, where it is reached.
    async fn knows_by_now(&self, gateway: ProductSerial) -> Result<bool, Problem> {
        if self.knows(gateway).await? {
            return Ok(true);
        }
        if self.upstream.silence().is_none()
            && self.is_another_due()
            && let Err(why) = self.exchange().await
        {
            tracing::debug!(why, "the reserve is not the latest");
        }
        match (self.knows(gateway).await?, self.has_latest()) {
            (true, _) => Ok(true),
            (false, true) => Ok(false),
            (false, false) => Err(Problem::NotInReserve(gateway)),
        }
    }

    fn has_latest(&self) -> bool {
        let latest = self.latest();
        let is_had = latest.as_ref().is_some_and(|it| it.failure.is_none());
        is_had && self.upstream.silence().is_none()
    }

    fn is_another_due(&self) -> bool {
        let now = self.local.clock.now();
        let latest = self.latest();
        latest
            .as_ref()
            .is_none_or(|latest| now.since(latest.at) >= BETWEEN_DEMANDED)
    }

    /// Settles and gets the latest reserve, again and again.
    pub(super) async fn run(&self) {
        loop {
            let pause = match self.exchange().await {
                // The token server is to hear at once that it is here.
                Ok(Change::Made) => continue,
                Ok(Change::Already) => EXCHANGE_EVERY,
                Err(_) => RETRY_AFTER,
            };
            tokio::select! {
                () = self.exchanges.news.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = self.upstream.falls_silent() => tokio::time::sleep(RETRY_AFTER).await,
            }
        }
    }

    /// Says what was given out, and gets the latest reserve; why not.
    async fn exchange(&self) -> Result<Change, String> {
        let _turn = self.exchanges.turn.lock().await;
        let exchanged = self.settle().await;
        let failure = exchanged.as_ref().err().map(|why| Box::from(why.as_str()));
        let mut latest = self.latest();
        let before = latest.as_ref().and_then(|latest| latest.failure.as_ref());
        if let Some(why) = failure.as_ref().filter(|why| before != Some(why)) {
            tracing::warn!(%why, "the reserve is not settled, tried again");
        }
        *latest = Some(Exchanged {
            at: self.local.clock.now(),
            failure,
        });
        exchanged
    }

    async fn settle(&self) -> Result<Change, String> {
        let (mut status, mut body) = self.tell_given().await?;
        if status == StatusCode::CONFLICT && self.stop_giving().await? == Change::Made {
            // The desk confirms the record that settled last, and this one has another name from now on.
            (status, body) = self.tell_given().await?;
        }
        if status == StatusCode::NO_CONTENT {
            return Ok(Change::Already);
        }
        if !status.is_success() {
            return Err(identity::refusal(&body).unwrap_or_else(|| status.to_string()));
        }
        self.load(&body).await
    }

    async fn tell_given(&self) -> Result<(StatusCode, Vec<u8>), String> {
        let body = self.settlement().await?.into_bytes();
        let mut headers = HeaderMap::new();
        if self.has_latest() {
            headers.insert(PREFER, HeaderValue::from_static(ONLY_NEWS));
        }
        let answer = self.upstream.post(RESERVE_PATH, headers, body);
        upstream::read(answer.await?, MAX_BYTES).await
    }

    async fn stop_giving(&self) -> Result<Change, String> {
        let now = self.local.clock.now();
        let stopped = known(self.local.store.stop_giving(self.own, now).await);
        stopped.map_err(|why| why.to_string())
    }

    /// Takes a reserve; why not.
    async fn load(&self, octets: &[u8]) -> Result<Change, String> {
        let reserve = open(octets, &self.authorities).map_err(|error| error.to_string())?;
        let now = self.local.clock.now();
        let held = self.local.store.hold_reserve(self.own, reserve, now).await;
        held.map_err(|failure| match failure {
            Failure::Refused(why) => why.to_string(),
            Failure::Undecided(why) => why.to_string(),
        })
    }

    async fn settlement(&self) -> Result<String, String> {
        let now = self.local.clock.now();
        let settlement = known(self.local.store.settlement(self.own, now).await);
        let settlement = settlement.map_err(|why| why.to_string())?;
        seal_settlement(&settlement, &self.identity.identity())
    }

    fn latest(&self) -> std::sync::MutexGuard<'_, Option<Exchanged>> {
        let latest = &self.exchanges.latest;
        latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reserve in the hands of the manager's administrator.
#[derive(Clone)]
pub struct ReserveDesk(pub(super) Arc<Keep>);

impl std::fmt::Debug for ReserveDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ReserveDesk").field(&self.0.own).finish()
    }
}

impl ReserveDesk {
    /// Takes a reserve that was carried here; why not.
    pub async fn load(&self, reserve: &[u8]) -> Result<Change, String> {
        if reserve.len() > MAX_BYTES {
            return Err("this is longer than any reserve".to_owned());
        }
        self.0.load(reserve).await
    }

    /// What was given out, signed, to be carried to the token server's desk.
    pub async fn settlement(&self) -> Result<String, String> {
        self.0.settlement().await
    }

    /// What is in the reserve, and a line about the latest exchange with the token server.
    pub async fn status(&self) -> Result<(ReserveSheet, String), String> {
        let record = known(self.0.local.store.held_reserve(self.0.own).await);
        let record = record.map_err(|why| why.to_string())?;
        let latest = match &*self.0.latest() {
            None => "none yet".to_owned(),
            Some(Exchanged { at, failure: None }) => format!("{at}: done"),
            Some(Exchanged {
                at,
                failure: Some(why),
            }) => format!("{at}: {why}"),
        };
        Ok((ReserveSheet { record }, latest))
    }
}
