//! Tokens on their way from one phone to another, followed until the other phone has them.

use std::time::Duration;

use domain::admin::Operation;
use domain::name::CanonicalName;
use domain::transfer::{Handing, movable};
use domain::vdom::Vdom;
use ident::{RegistrationId, TokenSerial};
use store::gateway::Done;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{PollError, Supply};
use crate::clock;
use crate::stopped;

/// How often the token server is asked whether the other phone has a token: until then its codes are refused, and
/// those of the phone before are not.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// After a failure.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Transfers that are followed at once. Those above wait for the poll of all tokens.
const FOLLOWED_MAX: i64 = 1_000;

impl Supply {
    /// Has a code made for another phone. Whether another has it by an earlier code is asked first.
    pub(crate) async fn begin_transfer(
        &self,
        token: TokenSerial,
        handing: Handing,
    ) -> Result<Done, PollError> {
        let _phones = self.phones.lock().await;
        let operation = Operation::BeginTransfer { token, handing };
        let done = self.administer(operation, None, clock::now()).await?;
        self.nudge();
        Ok(done)
    }

    /// Has the code for another phone forgotten.
    pub(crate) async fn cancel_transfer(&self, token: TokenSerial) -> Result<(), PollError> {
        let _phones = self.phones.lock().await;
        let operation = Operation::CancelTransfer { token };
        self.administer(operation, None, clock::now()).await?;
        self.nudge();
        Ok(())
    }

    /// Two phones answer with one token.
    pub(crate) async fn report_two_phones(&self, token: TokenSerial, other: RegistrationId) {
        let before = self.reports().two_phones.insert(token, other);
        if before == Some(other) {
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
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut stop) => return,
            }
            for person in self.store.recovered() {
                self.recover(&person).await;
            }
            pause = match self.follow_transfers().await {
                Ok(()) => ASK_EVERY,
                Err(error) => {
                    warn!(%error, "transfers are not followed; tried again");
                    ASK_AGAIN_AFTER
                }
            };
        }
    }

    async fn follow_transfers(&self) -> Result<(), PollError> {
        let open = self.store.open_transfers(FOLLOWED_MAX).await?;
        if !open.is_empty() {
            self.poll_tokens(&open).await?;
        }
        Ok(())
    }

    /// Whoever had to use a recovery code may have lost the phone: the code for another goes out, and the token
    /// stays where it is unless it is used.
    async fn recover(&self, person: &CanonicalName) {
        if self.store.settings(Vdom::ROOT).push.recovers().is_err() {
            return;
        }
        let Some(token) = self.store.token_of(person) else {
            return;
        };
        match self.store.token(token).await {
            Ok(Some(owned)) => match movable(&owned, Handing::Mailed) {
                Ok(()) => {}
                Err(why) => return info!(%token, user = %person, %why, "no code for a new phone"),
            },
            Ok(None) => return,
            Err(why) => return warn!(%token, user = %person, %why, "no code for a new phone"),
        }
        if let Err(why) = self.begin_transfer(token, Handing::Mailed).await {
            warn!(%token, user = %person, %why, "no code for a new phone");
        }
    }
}
