//! Works out what a refused code was, after the reply has left, and records it.

use std::sync::Arc;

use domain::audit::{Event, What};
use domain::explain::{self, Finding};
use domain::login::{Refusal, Submitted};
use domain::name::CanonicalName;
use domain::reason::Reason;
use domain::time::Timestamp;
use domain::token::Stage;
use ident::TokenSerial;
use store::Undecided;
use store::gateway::GatewayStore;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::clock;
use crate::seldom::Seldom;

/// Refusals that wait for their explanation at most. An attacker who fills it loses his own evidence
/// only: the refusals themselves are recorded.
const WAITING_MAX: usize = 1_024;

/// A refusal to explain.
#[derive(Debug)]
pub(crate) struct Question {
    /// The refusal's event.
    pub(crate) event: i64,
    /// The code that was looked at, if one was.
    pub(crate) code: Option<Submitted>,
}

/// Takes questions without waiting.
#[derive(Clone, Debug)]
pub(crate) struct Explainer {
    questions: mpsc::Sender<Question>,
    dropped: Arc<Seldom>,
}

impl Explainer {
    /// Starts the worker on the current runtime; it ends with the last clone.
    pub(crate) fn start(store: Arc<GatewayStore>) -> Self {
        let (questions, mut waiting) = mpsc::channel::<Question>(WAITING_MAX);
        tokio::spawn(async move {
            while let Some(question) = waiting.recv().await {
                let event = question.event;
                if let Err(error) = explain(&store, question).await {
                    // The store tells of its own failure; the refusal is on record.
                    debug!(event, %error, "a refusal stays unexplained");
                }
            }
        });
        Self {
            questions,
            dropped: Arc::default(),
        }
    }

    /// Asks for an explanation; a full queue drops it.
    pub(crate) fn ask(&self, question: Question) {
        if self.questions.try_send(question).is_ok() {
            return;
        }
        if let Some(left_out) = self.dropped.due(clock::now()) {
            warn!(
                left_out,
                "too many refusals wait for an explanation; this one stays as it is"
            );
        }
    }
}

/// Whether no phone is known to have this token.
async fn is_waiting(store: &GatewayStore, token: TokenSerial) -> Result<bool, Undecided> {
    let owned = store.token(token).await?;
    Ok(owned.is_some_and(|owned| matches!(owned.token.stage, Stage::Provisioning(_))))
}

async fn explain(store: &GatewayStore, question: Question) -> Result<(), Undecided> {
    let Some(recorded) = store.event(question.event).await? else {
        return Ok(());
    };
    let What::Refused {
        person,
        reason,
        token,
        step,
        ..
    } = recorded.event.what
    else {
        return Ok(());
    };
    let refusal = Refusal {
        token,
        step,
        ..Refusal::because(reason)
    };
    let code = question.code.as_ref();
    let found = finding(store, &person, &refusal, code, recorded.event.at).await?;
    let Some(Finding { reason, evidence }) = found else {
        return Ok(());
    };
    let what = What::Explained {
        refusal: question.event,
        reason,
        evidence,
    };
    store
        .record(Event {
            at: clock::now(),
            what,
        })
        .await
}

/// What a code that was refused at a moment was; nothing if its refusal says it all.
pub(super) async fn finding(
    store: &GatewayStore,
    person: &CanonicalName,
    refusal: &Refusal,
    code: Option<&Submitted>,
    at: Timestamp,
) -> Result<Option<Finding>, Undecided> {
    Ok(match (refusal.reason, refusal.token, refusal.step, code) {
        (Reason::CodeReplayed, Some(token), Some(step), _) => {
            let first_use = store.first_use(token, step).await?;
            Some(explain::replayed(first_use.as_ref(), step))
        }
        (Reason::CodeWrong, token, _, Some(code)) => {
            let former = store.former_seeds(person, at).await?;
            let own = store.verifier_of(person);
            let finding = explain::wrong_code(own.as_ref(), &former, code, at);
            Some(match token {
                Some(token) if is_waiting(store, token).await? => explain::not_activated(finding),
                _ => finding,
            })
        }
        _ => None,
    })
}
