//! Questions whose answers may be lost: what left is kept, and is what is asked again.

use softtoken::process::{Request, Response};
use store::gateway::Waiting;
use tracing::warn;

use super::{AskError, Supply, text};
use crate::token_server::Question;

/// What messages ask at once.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    /// The question's identity.
    pub(super) id: &'a str,
    pub(super) messages: Vec<i64>,
    /// Whether it left before.
    pub(super) is_again: bool,
}

impl<'a> Asking<'a> {
    /// A message that asks alone.
    pub(super) fn of(waiting: &'a Waiting) -> Self {
        Self {
            id: &waiting.message_id,
            messages: vec![waiting.id],
            is_again: waiting.request.as_ref() == Some(&waiting.message_id),
        }
    }
}

impl Supply {
    /// The answer to what left before, or else to `request`; why it has to be asked again.
    pub(super) async fn ask_once(
        &self,
        asking: Asking<'_>,
        request: impl FnOnce() -> Request,
    ) -> Result<Response, String> {
        let (id, messages) = (asking.id.to_owned(), asking.messages.clone());
        let question = match self.left_before(&asking).await? {
            Some(question) => question,
            None => {
                let question = Question::new(request()).identified(id.clone());
                self.leaving(&id, &question, messages.clone()).await?;
                question
            }
        };
        let answer = self.ask_kept(&id, &question).await;
        let answer = match (answer, messages.as_slice()) {
            (Err(error), &[message]) if error.is_id_taken() => {
                warn!(message, %error, "asked under another id: this unit was put back from a backup");
                self.ask_anew(message, question).await?
            }
            (answer, _) => answer,
        };
        answer.map_err(text)
    }

    /// The answer to what a message asks, under an id that was never used: what was done under the one before the
    /// token server says, or another code takes its place.
    async fn ask_anew(
        &self,
        message: i64,
        question: Question,
    ) -> Result<Result<Response, AskError>, String> {
        let id = self.store.renamed(message).await.map_err(text)?;
        let question = question.identified(id.clone());
        self.leaving(&id, &question, vec![message]).await?;
        Ok(self.ask_kept(&id, &question).await)
    }

    /// What leaves is kept before.
    async fn leaving(
        &self,
        id: &str,
        question: &Question,
        messages: Vec<i64>,
    ) -> Result<(), String> {
        let sending = self.store.sending(id, question.body(), messages);
        sending.await.map_err(text)
    }

    async fn ask_kept(&self, id: &str, question: &Question) -> Result<Response, AskError> {
        let answer = self.server.ask(question).await;
        if answer.as_ref().is_err_and(AskError::is_undone) {
            self.store.undone(id).await?;
        }
        answer
    }

    async fn left_before(&self, asking: &Asking<'_>) -> Result<Option<Question>, String> {
        if !asking.is_again {
            return Ok(None);
        }
        let Some(sent) = self.store.sent(asking.id).await.map_err(text)? else {
            return Ok(None);
        };
        let question = Question::again(asking.id.to_owned(), sent.body);
        question.map(Some).map_err(text)
    }
}
