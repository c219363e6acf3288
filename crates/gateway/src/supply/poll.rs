//! What became of tokens on their way to phones, asked now and then.

use std::time::Duration;

use cli::debug::Place;
use domain::admin::{AdminError, ItsPhone, Operation, Phone, Polled};
use domain::token::Stage;
use domain::vdom::Vdom;
use ident::TokenSerial;
use softtoken::process::{
    PollAnswer, PolledToken, PollingRequest, PollingResponse, Registration, Request, Response,
    TokenState,
};
use softtoken::{Echo, ServerError, WireError};
use store::{Failure, Undecided};
use tokio::sync::watch;
use tracing::warn;

use super::{AskError, SOURCE, Supply};
use crate::clock::{self, NoEntropy};
use crate::stopped;
use crate::token_server::Question;

/// How often all tokens are polled, as in the described system.
const POLL_EVERY: Duration = Duration::from_mins(5);

/// Why a poll failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PollError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("the token server refused the poll: {0}")]
    Refused(WireError),
    #[error(transparent)]
    Undecided(#[from] Undecided),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error("the answer was refused: {0}")]
    Admin(#[from] AdminError),
}

impl PollError {
    /// Whether each token was judged by it: none of those that were asked about is this gateway's.
    pub(crate) fn is_about_tokens(&self) -> bool {
        let Self::Refused(error) = self else {
            return false;
        };
        matches!(
            error.known(),
            Some(ServerError::NoValidToken | ServerError::ProductNotRegistered)
        )
    }
}

impl From<Failure<AdminError>> for PollError {
    fn from(failure: Failure<AdminError>) -> Self {
        match failure {
            Failure::Refused(error) => Self::Admin(error),
            Failure::Undecided(why) => Self::Undecided(why),
        }
    }
}

/// What a poll has found.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct PollSummary {
    /// Tokens that were asked about.
    pub(crate) asked: usize,
    /// Tokens that have a phone since.
    pub(crate) activated: usize,
    /// Tokens that came with their phones from the unit whose they still are: they are of no use here.
    pub(crate) withheld: usize,
}

impl Supply {
    /// Polls now and then until told to stop.
    pub(crate) async fn run_poller(&self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(POLL_EVERY) => {}
                () = stopped(&mut stop) => return,
            }
            tokio::select! {
                polled = self.poll(None) => if let Err(error) = polled {
                    warn!(%error, "poll failed");
                },
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Asks the token server for the state of every token that waits for a phone or has one: those of a
    /// virtual domain, or all. Tokens of which it tells nothing keep it from none of the others.
    pub(crate) async fn poll(&self, vdom: Option<Vdom>) -> Result<PollSummary, PollError> {
        let mut after = String::new();
        let mut summary = PollSummary::default();
        let mut refused = None;
        loop {
            let limit = i64::try_from(softtoken::limits::MAX_POLL_TOKENS).unwrap_or(i64::MAX);
            let serials = self.store.pollable_after(vdom, &after, limit).await?;
            let Some(last) = serials.last() else {
                return refused.map_or(Ok(summary), Err);
            };
            last.as_str().clone_into(&mut after);
            summary.asked += serials.len();
            match self.poll_page(&serials).await {
                Ok(page) => {
                    summary.activated += page.activated;
                    summary.withheld += page.withheld;
                }
                Err(error) if error.is_about_tokens() => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
    }

    /// The same for these tokens alone.
    pub(crate) async fn poll_tokens(
        &self,
        serials: &[TokenSerial],
    ) -> Result<PollSummary, PollError> {
        self.poll_page(serials).await
    }

    async fn poll_page(&self, serials: &[TokenSerial]) -> Result<PollSummary, PollError> {
        let _phones = self.phones.lock().await;
        self.debug
            .at(SOURCE, Place::POLL, || "Poll token status!".to_owned());
        let answer = self.asked(serials).await?;
        let mut summary = PollSummary {
            asked: serials.len(),
            ..PollSummary::default()
        };
        let (mut news, mut elsewhere, mut disowned) = (Vec::new(), Vec::new(), Vec::new());
        let mut unheard = Vec::new();
        for answer in answer.tokens {
            let Some((polled, whose)) = told(answer) else {
                continue;
            };
            match self.news(&polled, whose).await? {
                News::None => continue,
                News::Elsewhere => {
                    elsewhere.push(polled.token);
                    continue;
                }
                News::Disowned => {
                    disowned.push(polled.token);
                    continue;
                }
                News::Unheard => {
                    unheard.push(polled.token);
                    continue;
                }
                News::Withheld => {
                    summary.withheld += 1;
                    continue;
                }
                News::Activated => summary.activated += 1,
                News::Conveyed | News::OtherPhone => {}
            }
            news.push(polled);
        }
        if !news.is_empty() {
            self.administer(Operation::Polled(news), None, clock::now())
                .await?;
        }
        if !unheard.is_empty() {
            self.administer(Operation::PhonesUnheard(unheard), None, clock::now())
                .await?;
        }
        if !disowned.is_empty() {
            summary.withheld += disowned.len();
            self.administer(Operation::Disowned(disowned), None, clock::now())
                .await?;
        }
        if let Some(first) = elsewhere.first() {
            warn!(
                tokens = elsewhere.len(), %first,
                "phones have tokens here that are another gateway's: delete them, or have their licence moved"
            );
        }
        match answer.error {
            Some(error) => Err(PollError::Refused(error)),
            None => Ok(summary),
        }
    }

    /// The phones of tokens all of which have to be this gateway's by the token server's word; none where it says
    /// nothing of one.
    pub(super) async fn phones_of_own(
        &self,
        serials: &[TokenSerial],
    ) -> Result<Vec<(TokenSerial, Option<ItsPhone>)>, PollError> {
        let answer = self.asked(serials).await?;
        if let Some(error) = answer.error {
            return Err(PollError::Refused(error));
        }
        let answers = answer.tokens.into_iter();
        let polled = answers.map(|PollAnswer { token, outcome }| {
            let token = TokenSerial::parse(token.as_str()).map_err(|_| AskError::Mismatched)?;
            let polled = outcome.map_err(PollError::Refused)?;
            Ok((token, its_phone(&polled)))
        });
        polled.collect()
    }

    async fn asked(&self, serials: &[TokenSerial]) -> Result<PollingResponse, PollError> {
        let request = Request::Polling(PollingRequest {
            product: self.server.product().await?,
            tokens: serials.iter().map(|serial| Echo::from(*serial)).collect(),
        });
        match self.server.ask(&Question::new(request)).await? {
            Response::Polling(answer) => Ok(answer),
            _ => Err(AskError::Mismatched.into()),
        }
    }

    /// What a poll tells that is not known here; only that is worth a transaction.
    async fn news(&self, polled: &Polled, whose: Whose) -> Result<News, Undecided> {
        let Some(owned) = self.store.token(polled.token).await? else {
            return Ok(News::None);
        };
        // The phone that takes a transfer's code is asked about by that code.
        if owned.token.transfer().is_some() {
            return Ok(News::None);
        }
        if owned.token.is_conveyed() {
            let is_of_trial = owned.token.is_of_trial();
            return Ok(match (whose, owned.token.stage) {
                (Whose::Ours, _) => News::Conveyed,
                // Each poll says so again.
                (Whose::OursUnheard, Stage::Provisioned(_)) if !is_of_trial => News::None,
                (Whose::OursUnheard, _) => News::Unheard,
                (Whose::Elsewhere | Whose::Nobodys, Stage::Withheld(_)) => News::Withheld,
                (Whose::Elsewhere | Whose::Nobodys, _) => News::Disowned,
            });
        }
        match whose {
            Whose::Ours | Whose::OursUnheard => {}
            Whose::Elsewhere if matches!(owned.token.stage, Stage::Provisioned(_)) => {
                return Ok(News::Elsewhere);
            }
            Whose::Elsewhere | Whose::Nobodys => return Ok(News::None),
        }
        let Some(phone) = &polled.phone else {
            return Ok(News::None);
        };
        Ok(match owned.token.stage {
            Stage::Provisioning(_) => {
                self.debug.at(SOURCE, Place::UPDATE, || {
                    let (id, version) = (phone.registration, &phone.os_version);
                    format!(
                        "Update REGID for {} regid:{id} os_ver:{version}",
                        polled.token
                    )
                });
                News::Activated
            }
            Stage::Provisioned(known) if known.registration != phone.registration => {
                let named = phone.registration;
                let before = self.reports().alarmed.insert(polled.token, named);
                if before == Some(named) {
                    News::None
                } else {
                    News::OtherPhone
                }
            }
            _ => News::None,
        })
    }
}

/// What a poll tells of one token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum News {
    None,
    Activated,
    /// Whether the phone with which a token came is still the one.
    Conveyed,
    /// The token server never heard of the phone with which a token came.
    Unheard,
    /// A token that came with its phone is another unit's.
    Disowned,
    /// It still is.
    Withheld,
    OtherPhone,
    /// A phone has it here, and it is another gateway's.
    Elsewhere,
}

/// Whose a token is by the token server's word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Whose {
    Ours,
    /// This gateway's, and the token server heard of no phone.
    OursUnheard,
    Elsewhere,
    /// This gateway is not registered, so nothing is its own.
    Nobodys,
}

/// What is told of a token: whose it is, and its phone if it is this gateway's. Any other refusal says nothing
/// of it.
fn told(answer: PollAnswer) -> Option<(Polled, Whose)> {
    let token = TokenSerial::parse(answer.token.as_str()).ok()?;
    let (phone, whose) = match answer.outcome {
        Ok(polled) => match its_phone(&polled)? {
            ItsPhone::Named(phone) => (Some(phone), Whose::Ours),
            ItsPhone::None => (None, Whose::Ours),
            ItsPhone::Unheard => (None, Whose::OursUnheard),
        },
        Err(error) => match error.known()? {
            ServerError::TokenNotOfProduct => (None, Whose::Elsewhere),
            ServerError::ProductNotRegistered => (None, Whose::Nobodys),
            _ => return None,
        },
    };
    Some((Polled { token, phone }, whose))
}

/// What the token server says of a token's phone. Of one that the desk locked before a phone took its code it
/// says nothing: whether it was made ready for one is behind the lock.
fn its_phone(polled: &PolledToken) -> Option<ItsPhone> {
    let PolledToken {
        registration,
        state,
        ..
    } = polled;
    match (registration, state) {
        (Some(registration), _) => Some(ItsPhone::Named(named(registration))),
        (None, TokenState::New) => Some(ItsPhone::Unheard),
        (None, TokenState::Locked) => None,
        (
            None,
            TokenState::Provisioning | TokenState::Provisioned | TokenState::ProvisionTimeout,
        ) => Some(ItsPhone::None),
    }
}

/// The phone that the token server names.
fn named(registration: &Registration) -> Phone {
    Phone {
        registration: registration.id,
        os_version: Box::from(registration.version.as_str()),
    }
}
