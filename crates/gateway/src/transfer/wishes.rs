//! What phones want, and what comes of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::admin::{AdminError, Owned};
use domain::contact::Contact;
use domain::token::{Provisioned, Stage};
use domain::transfer::{Asker, Begun, Handing, NotMoved, Transfer, movable};
use domain::vdom::Vdom;
use https::{NoRandom, Nonces, NotOurs};
use ident::{RegistrationId, TokenSerial};
use softtoken::transfer::{
    Action, Open, ProvenWish, Standing, TransferActionRequest, TransferActionResponse, TransferKey,
    TransferNonceResponse, TransferRefusal, TransferRequest, TransferResponse, Wish,
};
use softtoken::{Echo, ServerError};
use store::gateway::GatewayStore;
use tokio::sync::{Notify, watch};
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::address::Names;
use super::strangers::Strangers;
use crate::clock;
use crate::seldom::Seldom;
use crate::supply::{PollError, Report, Supply};

/// The token server makes a code in milliseconds, and the phone waits.
const CODE_WAIT: Duration = Duration::from_secs(10);

/// Phones' wishes.
pub(super) struct Wishes {
    store: Arc<GatewayStore>,
    supply: Arc<Supply>,
    /// What the token server is called: a wish for another one may have been handed on from there.
    names: watch::Receiver<Option<Names>>,
    /// Told where it may have got another name since.
    doubts: Arc<Notify>,
    nonces: Nonces,
    strangers: Strangers,
    refusals: Seldom,
}

/// Whose a wish is.
enum Whose {
    /// The phone's that has the token.
    Holder(Action),
    /// Another's, which has the token's seed all the same.
    Second,
    /// One's that has the seed that waits: it took the code.
    Next,
    /// One's that had the token before.
    Former,
    /// One's with the seed of a token that no phone is known to have.
    NoPhones,
    /// Anybody's.
    Nobody,
}

impl Wishes {
    pub(super) fn new(
        store: Arc<GatewayStore>,
        supply: Arc<Supply>,
        names: watch::Receiver<Option<Names>>,
        doubts: Arc<Notify>,
    ) -> Result<Self, NoRandom> {
        Ok(Self {
            store,
            supply,
            names,
            doubts,
            nonces: Nonces::new()?,
            strangers: Strangers::new(),
            refusals: Seldom::default(),
        })
    }

    /// The answer to a phone.
    pub(super) async fn answer(
        &self,
        request: &TransferRequest,
        source: IpAddr,
    ) -> TransferResponse {
        match request {
            TransferRequest::Nonce(_) => TransferNonceResponse {
                outcome: self.nonces.issue().map_err(|why| unavailable(&why)),
            }
            .into(),
            TransferRequest::Action(TransferActionRequest { wish }) => {
                let outcome = self.judge(wish, source).await;
                if let Err(refusal) = &outcome
                    && let Some(left_out) = self.refusals.due(clock::now())
                {
                    let cause = refusal.cause.as_ref().map_or("", Echo::as_str);
                    info!(token = %wish.token, %refusal, cause, left_out, "a transfer is refused");
                }
                TransferActionResponse { outcome }.into()
            }
        }
    }

    /// Nothing is told of a token, and nobody is asked about it, before the wish is proven to be that of one of its
    /// phones: all others have one answer.
    async fn judge(&self, wish: &Wish, source: IpAddr) -> Result<Standing, TransferRefusal> {
        if let Err(NotOurs) = self.nonces.take(&wish.nonce) {
            return Err(ServerError::NonceUnknown.into());
        }
        let names = self.names.borrow().clone();
        let Some(names) = names else {
            let cause = "the gateway has not heard of its token server yet: try again in a minute";
            return Err(TransferRefusal::new(ServerError::Unavailable, cause));
        };
        if names.may_lack(&wish.server, Instant::now()) {
            self.doubts.notify_one();
            let cause = "the gateway does not know its token server by this name and asks it: try again in a minute";
            return Err(TransferRefusal::new(ServerError::Unavailable, cause));
        }
        let (token, strange) = (wish.token, ServerError::ProofWrong);
        let proven = wish.prove(names.all()).map_err(|_| strange)?;
        let device = proven.device();
        let mut whose = self.whose(token, &proven, source).await?;
        if matches!(whose, Whose::Second | Whose::Next) && self.settled(token).await? {
            whose = self.whose(token, &proven, source).await?;
        }
        let action = match whose {
            Whose::Holder(action) => action,
            Whose::Second => {
                self.supply.report_two_phones(token, device).await;
                return Err(ServerError::TokenMoved.into());
            }
            Whose::Former => return Err(ServerError::TokenMoved.into()),
            Whose::NoPhones => return Err(not_moved(NotMoved::NotOnPhone)),
            Whose::Next | Whose::Nobody => return Err(strange.into()),
        };
        let asker = if proven.is_delegated() {
            Asker::Backup
        } else {
            Asker::Phone
        };
        match action {
            Action::Look => self.standing(token, device).await,
            Action::Cancel => self.cancel(token, device).await,
            Action::BeginMailed => self.begin(token, asker, Handing::Mailed, device).await,
            Action::BeginShown => self.begin(token, asker, Handing::Shown, device).await,
        }
    }

    /// Whose a wish is, by what is known here. The seed in force is in memory; what takes more than that is done
    /// for so many of a source.
    async fn whose(
        &self,
        token: TokenSerial,
        proven: &ProvenWish<'_>,
        source: IpAddr,
    ) -> Result<Whose, TransferRefusal> {
        let in_force = self.store.verifier(token);
        let in_force = in_force.map_err(|why| unavailable(&why))?;
        let in_force = in_force.map(|verifier| TransferKey::of(&verifier.seed, &token));
        let in_force = in_force.filter(|key| proven.holds(key));
        if in_force.is_none() && !self.strangers.admits(source, Instant::now()) {
            return Err(ServerError::TooManyTries.into());
        }
        let phones = self.store.phones(token, proven.device()).await;
        let phones = phones.map_err(|why| unavailable(&why))?;
        let has_next = |seed| proven.holds(&TransferKey::of(seed, &token));
        Ok(match (in_force, phones.holder) {
            (Some(key), Some(holder)) => match proven.of_holder(holder, &key) {
                Ok(action) => Whose::Holder(action),
                Err(_) => Whose::Second,
            },
            (Some(_), None) => Whose::NoPhones,
            (None, _) if phones.next.as_ref().is_some_and(has_next) => Whose::Next,
            (None, _) if phones.has_left => Whose::Former,
            (None, _) => Whose::Nobody,
        })
    }

    /// While a transfer is open, the phone that the gateway does not know may be the one that took the code: the
    /// token server is asked which it is. Whether there was anything to ask.
    async fn settled(&self, token: TokenSerial) -> Result<bool, TransferRefusal> {
        let (_, before) = self.on_phone(token).await?;
        if before.transfer.is_none() {
            return Ok(false);
        }
        let settled = self.supply.settle_transfer(token).await;
        settled.map_err(|why| not_done(&why))?;
        let (_, after) = self.on_phone(token).await?;
        if after.transfer.is_some() {
            let cause = "a transfer of this token is open: try again in a minute";
            return Err(TransferRefusal::new(ServerError::Unavailable, cause));
        }
        Ok(true)
    }

    async fn on_phone(&self, token: TokenSerial) -> Result<(Owned, Provisioned), TransferRefusal> {
        let owned = self.store.token(token).await;
        let owned = owned.map_err(|why| unavailable(&why))?;
        let Some(mut owned) = owned else {
            return Err(refused("the gateway does not have this token"));
        };
        match std::mem::replace(&mut owned.token.stage, Stage::New) {
            Stage::Provisioned(phone) => Ok((owned, phone)),
            _ => Err(not_moved(NotMoved::NotOnPhone)),
        }
    }

    async fn begin(
        &self,
        token: TokenSerial,
        asker: Asker,
        handing: Handing,
        holder: RegistrationId,
    ) -> Result<Standing, TransferRefusal> {
        let settings = Arc::clone(&self.store.settings(Vdom::ROOT).push);
        settings.transfers().map_err(not_moved)?;
        let owned = self.store.token(token).await;
        if let Some(owned) = owned.map_err(|why| unavailable(&why))? {
            movable(&owned, handing).map_err(not_moved)?;
            self.demand_way(&owned, handing).await?;
        }
        let done = self
            .supply
            .begin_transfer(token, asker, handing, holder)
            .await;
        let done = done.map_err(|why| not_done(&why))?;
        if let Some(message) = done.messages.first() {
            let report = self.supply.follow(*message);
            if let Ok(Ok(Report::ServerRefused { error, .. })) =
                tokio::time::timeout(CODE_WAIT, report).await
            {
                return Err(TransferRefusal { error, cause: None });
            }
        }
        self.standing(token, holder).await
    }

    /// A code that is mailed needs somebody to carry it.
    async fn demand_way(&self, owned: &Owned, handing: Handing) -> Result<(), TransferRefusal> {
        let contact = owned.owner.as_ref().map(|owner| &owner.contact);
        match contact.and_then(Contact::for_activation) {
            Some(to) if handing.is_sent() => match self.supply.reaches(&to).await {
                Ok(()) => Ok(()),
                Err(why) if why.is_unconfigured() => Err(refused(&why.to_string())),
                Err(why) => Err(unavailable(&why)),
            },
            _ => Ok(()),
        }
    }

    async fn cancel(
        &self,
        token: TokenSerial,
        holder: RegistrationId,
    ) -> Result<Standing, TransferRefusal> {
        let cancelled = self.supply.cancel_transfer(token, holder).await;
        cancelled.map_err(|why| not_done(&why))?;
        Ok(Standing::None)
    }

    /// How it stands, for the phone that has the token: its code is nobody else's to see.
    async fn standing(
        &self,
        token: TokenSerial,
        holder: RegistrationId,
    ) -> Result<Standing, TransferRefusal> {
        let (owned, phone) = self.on_phone(token).await?;
        if phone.registration != holder {
            return Err(ServerError::TokenMoved.into());
        }
        Ok(match phone.transfer {
            None | Some(Transfer::Withdrawn) => Standing::None,
            Some(Transfer::Requested(_)) => Standing::Asked,
            Some(Transfer::Waiting(code, Begun { handing, .. })) => {
                let contact = owned.owner.as_ref().map(|owner| &owner.contact);
                let to = contact.and_then(Contact::for_activation);
                let link = || Zeroizing::new(code.link.as_str().to_owned());
                Standing::Open(Open {
                    expires_unix: code.expires.unix(),
                    link: (handing == Handing::Shown).then(link),
                    sent_to: to
                        .filter(|_| handing.is_sent())
                        .and_then(|to| Echo::parse(&masked(to.as_str())).ok()),
                })
            }
        })
    }
}

fn refused(cause: &str) -> TransferRefusal {
    TransferRefusal::new(ServerError::NoValidToken, cause)
}

fn not_moved(why: NotMoved) -> TransferRefusal {
    match why {
        NotMoved::OtherPhone => ServerError::TokenMoved.into(),
        NotMoved::TooOften => TransferRefusal::new(ServerError::TooManyTries, &why.to_string()),
        why => refused(&why.to_string()),
    }
}

fn not_done(why: &PollError) -> TransferRefusal {
    if let PollError::Admin(AdminError::NotMoved(why)) = why {
        return not_moved(*why);
    }
    warn!(%why, "a transfer is not carried out");
    let cause =
        "the gateway does not reach its token server, or cannot decide: try again in a minute";
    TransferRefusal::new(ServerError::Unavailable, cause)
}

fn unavailable(why: &dyn std::fmt::Display) -> TransferRefusal {
    warn!(%why, "a transfer is not decided");
    ServerError::Unavailable.into()
}

/// Enough of an address to know it again: who holds the phone need not learn it.
fn masked(address: &str) -> String {
    match address.split_once('@') {
        Some((name, domain)) => {
            let first: String = name.chars().take(1).collect();
            format!("{first}***@{domain}")
        }
        None => {
            let last = address.chars().count().saturating_sub(3);
            let end: String = address.chars().skip(last).collect();
            format!("***{end}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_can_be_known_again_and_no_more() {
        assert_eq!(masked("alice@example.org"), "a***@example.org");
        assert_eq!(masked("+4917012345"), "***345");
    }
}
