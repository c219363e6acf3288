//! What one agent asks and another one approves.

use domain::audit::Actor;
use domain::licensing::{Change, DeskRequest, DualControl, Remark, RequestNumber, RequestTerms};
use domain::time::Timestamp;
use store::registry::{NewRequest, RequestFilter, WaitingRequest};

use super::{Desk, DeskError};

impl Desk {
    /// Whether what gives something away needs two agents.
    pub async fn dual_control(&self) -> Result<DualControl, DeskError> {
        Ok(self.store.dual_control().await?)
    }

    /// Sets whether it does.
    pub async fn set_dual_control(
        &self,
        actor: Actor,
        value: DualControl,
    ) -> Result<Change, DeskError> {
        Ok(self
            .store
            .set_dual_control(actor, value, self.clock.now())
            .await?)
    }

    /// Keeps a command until another agent approves it; the same one again if it waits already.
    pub async fn keep_request(
        &self,
        actor: Actor,
        asked: NewRequest,
    ) -> Result<DeskRequest, DeskError> {
        let now = self.clock.now();
        Ok(self.store.keep_request(actor, asked, now).await?)
    }

    /// A request, and the moment at which it is as it is.
    pub async fn request(
        &self,
        number: RequestNumber,
    ) -> Result<(DeskRequest, Timestamp), DeskError> {
        let now = self.clock.now();
        Ok((self.store.request(number).await?, now))
    }

    /// A request that waits, with all that came with it.
    pub async fn waiting_request(
        &self,
        number: RequestNumber,
    ) -> Result<WaitingRequest, DeskError> {
        Ok(self.store.waiting_request(number, self.clock.now()).await?)
    }

    /// Requests, oldest first, those behind `after` or the latest, and the moment at which they are as they are.
    pub async fn requests(
        &self,
        filter: RequestFilter,
        after: Option<RequestNumber>,
    ) -> Result<(Vec<DeskRequest>, Timestamp), DeskError> {
        let now = self.clock.now();
        Ok((self.store.requests(filter, after, now).await?, now))
    }

    /// Takes a request to be done, once, if its command's terms allow it.
    pub async fn approve_request(
        &self,
        actor: Actor,
        number: RequestNumber,
        terms: RequestTerms,
    ) -> Result<(), DeskError> {
        Ok(self
            .store
            .approve_request(actor, number, terms, self.clock.now())
            .await?)
    }

    /// Closes a request that is not to be done.
    pub async fn reject_request(
        &self,
        actor: Actor,
        number: RequestNumber,
        terms: RequestTerms,
        reason: Remark,
    ) -> Result<(), DeskError> {
        Ok(self
            .store
            .reject_request(actor, number, terms, reason, self.clock.now())
            .await?)
    }

    /// Notes why nothing was done for a request that was approved.
    pub async fn note_refusal(
        &self,
        number: RequestNumber,
        refusal: &str,
    ) -> Result<(), DeskError> {
        Ok(self.store.note_refusal(number, refusal.into()).await?)
    }
}
