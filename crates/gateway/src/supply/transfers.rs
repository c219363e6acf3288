//! Tokens on their way from one phone to another, followed until the other phone has them.

use std::time::Duration;

use domain::admin::{AdminError, CodeNews, Operation, Phone};
use domain::licensing::ANSWER_KEPT_AFTER;
use domain::name::CanonicalName;
use domain::settings::PushSettings;
use domain::time::{Span, Timestamp};
use domain::token::Stage;
use domain::transfer::{Asker, Handing, NotMoved, Transfer, movable, stands};
use domain::vdom::Vdom;
use ident::{ActivationCode, RegistrationId, TokenSerial};
use softtoken::process::{
    CodeState, MovingToken, Registration, Request, Response, TransferPollAnswer,
    TransferPollingRequest,
};
use softtoken::{Echo, WireError};
use store::gateway::{Done, Recovered};
use tokio::sync::{MutexGuard, watch};
use tracing::{info, warn};

use super::{AskError, PollError, Supply};
use crate::clock;
use crate::seldom::Seldom;
use crate::stopped;
use crate::token_server::Question;

/// How often the token server is asked whether the other phone has a token: until then its codes are refused, and
/// those of the phone before are not.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// After a failure.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// What keeps one token or person from it stays until somebody mends it.
const STUCK_TOLD_EVERY: Span = Span::from_mins(10);
/// People who logged in without their phone and are served before transfers are followed again.
const SERVED_AT_ONCE: usize = 100;
/// Transfers of which the token server is asked at once.
const FOLLOWED_AT_ONCE: usize = 1_000;
/// For so long after a device could have confirmed a code, by this unit's clock, a token server that refuses to
/// tell of it is asked again.
const GRACE: Span = Span::from_mins(5);

/// A code that waits for a phone, as it is asked about.
struct Asked {
    token: TokenSerial,
    code: ActivationCode,
    expires: Timestamp,
}

impl Supply {
    /// Has a code made for another phone than `holder`, which has the token. Whether another has it by an earlier
    /// code is asked first.
    pub(crate) async fn begin_transfer(
        &self,
        token: TokenSerial,
        asker: Asker,
        handing: Handing,
        holder: RegistrationId,
    ) -> Result<Done, PollError> {
        let phones = self.phones.lock().await;
        self.bring_up_one(&phones, token).await?;
        self.begin(&phones, token, asker, handing, holder).await
    }

    async fn begin(
        &self,
        _phones: &MutexGuard<'_, ()>,
        token: TokenSerial,
        asker: Asker,
        handing: Handing,
        holder: RegistrationId,
    ) -> Result<Done, PollError> {
        let operation = Operation::BeginTransfer {
            token,
            asker,
            handing,
            holder,
        };
        let done = self.administer(operation, None, clock::now()).await?;
        self.nudge();
        Ok(done)
    }

    /// Has the code for another phone than `holder` forgotten. Whether another has the token by it is asked first.
    pub(crate) async fn cancel_transfer(
        &self,
        token: TokenSerial,
        holder: RegistrationId,
    ) -> Result<(), PollError> {
        let phones = self.phones.lock().await;
        self.bring_up_one(&phones, token).await?;
        let operation = Operation::CancelTransfer { token, holder };
        self.administer(operation, None, clock::now()).await?;
        self.nudge();
        Ok(())
    }

    /// Asks the token server which phone has a token that is on its way to another.
    pub(crate) async fn settle_transfer(&self, token: TokenSerial) -> Result<(), PollError> {
        let phones = self.phones.lock().await;
        self.bring_up_one(&phones, token).await
    }

    /// Two phones answer with one token.
    pub(crate) async fn report_two_phones(&self, token: TokenSerial, other: RegistrationId) {
        if !self.reports().alarm(token, other) {
            return;
        }
        warn!(%token, %other, "two phones answer with one token");
        let operation = Operation::TwoPhones { token, other };
        if let Err(why) = self.administer(operation, None, clock::now()).await {
            warn!(%token, %why, "that two phones answer with one token is not on record");
        }
    }

    /// Tokens that two phones answered with since the start.
    pub(crate) fn shared_tokens(&self) -> Vec<TokenSerial> {
        self.reports().two_phones.keys().copied().collect()
    }

    /// Follows transfers, and begins those of people who logged in with recovery codes, until told to stop.
    pub(crate) async fn run_transfers(&self, mut stop: watch::Receiver<bool>) {
        let mut pause = ASK_EVERY;
        let [unserved, unfollowed] = [(); 2].map(|()| Seldom::every(STUCK_TOLD_EVERY));
        let (mut served, mut followed) = (String::new(), String::new());
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut stop) => return,
            }
            let recovered = self.serve_recovered(&mut served, &unserved).await;
            let page = self.follow_transfers(&mut followed, &unfollowed).await;
            pause = match recovered.and(page) {
                Ok(Page::Last) => ASK_EVERY,
                Ok(Page::More) => Duration::ZERO,
                Err(error) => {
                    warn!(%error, "transfers are not begun or not followed; tried again");
                    ASK_AGAIN_AFTER
                }
            };
        }
    }

    /// Begins transfers of people who logged in without their phone, the next after the one who was `served` last.
    /// Who cannot be served now keeps nobody else from it, and comes again after them.
    async fn serve_recovered(
        &self,
        served: &mut String,
        unserved: &Seldom,
    ) -> Result<(), PollError> {
        let limit = i64::try_from(SERVED_AT_ONCE).unwrap_or(i64::MAX);
        let page = self.store.recovered(served, limit).await?;
        let is_last = page.len() < SERVED_AT_ONCE;
        for login in page {
            login.person.as_str().clone_into(served);
            match self.recover(login).await {
                Err(PollError::Undecided(why)) => {
                    if let Some(left_out) = unserved.due(clock::now()) {
                        warn!(user = %served, %why, left_out, "no code for a new phone yet");
                    }
                }
                done => done?,
            }
        }
        if is_last {
            served.clear();
        }
        Ok(())
    }

    /// Follows the next transfers after the one that was `followed` last: those that were looked at longest ago.
    /// What cannot be followed now keeps no others from it, and comes again after them.
    async fn follow_transfers(
        &self,
        followed: &mut String,
        unfollowed: &Seldom,
    ) -> Result<Page, PollError> {
        let limit = i64::try_from(FOLLOWED_AT_ONCE).unwrap_or(i64::MAX);
        let open = self.store.open_transfers(followed, limit).await?;
        let page = match open.last() {
            Some(last) if open.len() == FOLLOWED_AT_ONCE => {
                last.as_str().clone_into(followed);
                Page::More
            }
            _ => {
                followed.clear();
                Page::Last
            }
        };
        if !open.is_empty() {
            let phones = self.phones.lock().await;
            self.bring_up(&phones, &open).await?.tell(unfollowed);
        }
        Ok(page)
    }

    async fn bring_up_one(
        &self,
        phones: &MutexGuard<'_, ()>,
        token: TokenSerial,
    ) -> Result<(), PollError> {
        let failures = self.bring_up(phones, &[token]).await?;
        failures.first.map_or(Ok(()), |(_, why)| Err(why))
    }

    /// Ends those of these transfers that may not go on, and brings the others up to what the token server knows.
    /// Nobody else changes a token's phone meanwhile.
    async fn bring_up(
        &self,
        _phones: &MutexGuard<'_, ()>,
        tokens: &[TokenSerial],
    ) -> Result<Failures, PollError> {
        let push = self.store.settings(Vdom::ROOT).push.clone();
        let mut asked = Vec::with_capacity(tokens.len());
        let mut failures = Failures::default();
        for &token in tokens {
            match self.reviewed(token, &push).await {
                Ok(waits) => asked.extend(waits),
                Err(error) => failures.add(token, error),
            }
        }
        if !asked.is_empty() {
            for (one, answer) in self.ask_about(asked).await? {
                let token = one.token;
                if let Err(error) = self.learn(one, answer.outcome).await {
                    failures.add(token, error);
                }
            }
        }
        Ok(failures)
    }

    /// The code of a token that waits for another phone; one that may not go on ends.
    async fn reviewed(
        &self,
        token: TokenSerial,
        push: &PushSettings,
    ) -> Result<Option<Asked>, PollError> {
        match self.standing(token, push).await? {
            Standing::Waits(one) => Ok(Some(one)),
            Standing::Over => {
                let review = Operation::ReviewTransfer { token };
                self.administer(review, None, clock::now()).await?;
                self.nudge();
                Ok(None)
            }
            Standing::None => Ok(None),
        }
    }

    async fn standing(
        &self,
        token: TokenSerial,
        push: &PushSettings,
    ) -> Result<Standing, PollError> {
        let Some(owned) = self.store.token(token).await? else {
            return Ok(Standing::None);
        };
        let Some(transfer) = owned.token.transfer() else {
            return Ok(Standing::None);
        };
        let stands = transfer.begun().map(|begun| stands(&owned, begun, push));
        if let Some(Err(_)) = stands {
            return Ok(Standing::Over);
        }
        let Transfer::Waiting(waiting, _) = transfer else {
            return Ok(Standing::None);
        };
        Ok(match ActivationCode::parse(waiting.code.as_str()) {
            Ok(code) => Standing::Waits(Asked {
                token,
                code,
                expires: waiting.expires,
            }),
            Err(_) => Standing::None,
        })
    }

    async fn ask_about(
        &self,
        asked: Vec<Asked>,
    ) -> Result<Vec<(Asked, TransferPollAnswer)>, PollError> {
        let moving = |one: &Asked| {
            ActivationCode::parse(one.code.as_str()).map(|code| MovingToken {
                token: Echo::from(one.token),
                code,
            })
        };
        let request = Request::TransferPolling(TransferPollingRequest {
            product: self.server().product().await?,
            tokens: asked.iter().filter_map(|one| moving(one).ok()).collect(),
        });
        let Response::TransferPolling(answer) = self.server().ask(&Question::new(request)).await?
        else {
            return Err(AskError::Mismatched.into());
        };
        if answer.tokens.len() != asked.len() {
            return Err(answer
                .error
                .map_or(AskError::Mismatched.into(), PollError::Refused));
        }
        Ok(asked.into_iter().zip(answer.tokens).collect())
    }

    async fn learn(
        &self,
        asked: Asked,
        outcome: Result<CodeState, WireError>,
    ) -> Result<(), PollError> {
        let Asked {
            token,
            code,
            expires,
        } = asked;
        let given_up = expires.after(ANSWER_KEPT_AFTER).after(GRACE);
        let news = match outcome {
            Ok(CodeState::Waiting | CodeState::Taken(_)) => return Ok(()),
            Ok(CodeState::Confirmed(Registration { id, version })) => CodeNews::Confirmed(Phone {
                registration: id,
                os_version: version.as_str().into(),
            }),
            Ok(CodeState::Ended) => CodeNews::Ended,
            Err(_) if given_up <= clock::now() => CodeNews::Ended,
            Err(why) => {
                info!(%token, %why, "the token server does not tell of a transfer");
                return Ok(());
            }
        };
        let polled = Operation::TransferPolled { token, code, news };
        self.administer(polled, None, clock::now()).await?;
        self.nudge();
        Ok(())
    }

    /// Whoever had to use a recovery code may have lost the phone: the code for another goes out, and the token
    /// stays where it is unless it is used.
    async fn recover(&self, login: Recovered) -> Result<(), PollError> {
        match self.begin_recovery(&login.person).await {
            Ok(()) => Ok(()),
            Err(PollError::Admin(why)) => {
                let user = &login.person;
                info!(%user, %why, next = %why.next_step(), "no code for a new phone");
                Ok(self.store.forget_recovered(login).await?)
            }
            Err(why) => Err(why),
        }
    }

    async fn begin_recovery(&self, person: &CanonicalName) -> Result<(), PollError> {
        let refused = |why: NotMoved| AdminError::from(why);
        let push = self.store.settings(Vdom::ROOT).push.clone();
        push.recovers().map_err(refused)?;
        let token = self.store.token_of(person)?;
        let token = token.ok_or_else(|| refused(NotMoved::NotOnPhone))?;
        let phones = self.phones.lock().await;
        // The lost phone may have given the token to another, which does not end a recovery either.
        self.bring_up_one(&phones, token).await?;
        let owned = self.store.token(token).await?;
        let owned = owned.ok_or_else(|| refused(NotMoved::NotOnPhone))?;
        movable(&owned, Handing::Recovery).map_err(refused)?;
        let Stage::Provisioned(phone) = &owned.token.stage else {
            return Err(refused(NotMoved::NotOnPhone).into());
        };
        self.begin(
            &phones,
            token,
            Asker::Login,
            Handing::Recovery,
            phone.registration,
        )
        .await
        .map(drop)
    }
}

/// Whether there are more transfers to be followed before it begins again.
enum Page {
    More,
    Last,
}

/// Tokens that were not brought up, which keep no others from it.
#[derive(Default)]
struct Failures {
    first: Option<(TokenSerial, PollError)>,
    others: usize,
}

impl Failures {
    fn add(&mut self, token: TokenSerial, error: PollError) {
        match self.first {
            None => self.first = Some((token, error)),
            Some(_) => self.others += 1,
        }
    }

    /// One line tells of all, and seldom: where nothing is read there may be a thousand, looked at every second.
    fn tell(self, seldom: &Seldom) {
        if let Some((token, error)) = self.first
            && let Some(left_out) = seldom.due(clock::now())
        {
            let others = self.others;
            warn!(%token, %error, others, left_out, "a transfer is not followed");
        }
    }
}

/// How a token's transfer stands, as far as this unit knows.
enum Standing {
    /// There is none, or no code of it yet.
    None,
    /// It may not go on.
    Over,
    /// A code waits.
    Waits(Asked),
}
