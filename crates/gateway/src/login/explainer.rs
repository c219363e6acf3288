//! Works out what a refused code was, after the reply has left, and records it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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

/// Refusals that wait for their explanation at most. What does not is on record all the same.
const WAITING_MAX: usize = 1_024;

/// Those of one person. Codes that were used before are refused without a delay and cost a search each: whoever
/// repeats them keeps no other person's refusal from being explained.
const OF_A_PERSON_MAX: usize = 8;

/// Explanations that are put on record together: each costs logins a part of a sync.
const AT_ONCE_MAX: usize = 64;

/// A refusal to explain.
#[derive(Debug)]
pub(crate) struct Question {
    /// The refusal's event.
    pub(crate) event: i64,
    /// Whose login was refused.
    pub(crate) person: CanonicalName,
    /// Why.
    pub(crate) reason: Reason,
    /// The code that was looked at, if one was.
    pub(crate) code: Option<Submitted>,
}

impl Question {
    /// Whether there is more to say of it than the refusal does.
    fn is_open(&self) -> bool {
        match self.reason {
            Reason::CodeWrong => self.code.is_some(),
            Reason::CodeReplayed => true,
            _ => false,
        }
    }
}

/// Takes questions without waiting.
#[derive(Clone, Debug)]
pub(crate) struct Explainer {
    questions: mpsc::Sender<Waiting>,
    people: Arc<People>,
    dropped: Arc<Seldom>,
}

/// How many questions wait, by person.
type People = Mutex<HashMap<CanonicalName, usize>>;

/// A question in the queue. Its person's place is given back when it is dropped.
#[derive(Debug)]
struct Waiting {
    question: Question,
    people: Arc<People>,
}

impl Waiting {
    fn take(question: Question, people: &Arc<People>) -> Option<Self> {
        let mut counts = people.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(question.person.clone()).or_default();
        if *count >= OF_A_PERSON_MAX {
            return None;
        }
        *count += 1;
        drop(counts);
        let people = Arc::clone(people);
        Some(Self { question, people })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut counts = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.question.person) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                counts.remove(&self.question.person);
            }
        }
    }
}

impl Explainer {
    /// Starts the worker on the current runtime; it ends with the last clone.
    pub(crate) fn start(store: Arc<GatewayStore>) -> Self {
        let (explainer, mut waiting) = Self::queue();
        tokio::spawn(async move {
            let mut taken = Vec::with_capacity(AT_ONCE_MAX);
            while waiting.recv_many(&mut taken, AT_ONCE_MAX).await > 0 {
                if let Err(error) = explain_all(&store, taken.drain(..)).await {
                    // The store tells of its own failure; the refusals are on record.
                    debug!(%error, "refusals stay unexplained");
                }
            }
        });
        explainer
    }

    fn queue() -> (Self, mpsc::Receiver<Waiting>) {
        let (questions, waiting) = mpsc::channel(WAITING_MAX);
        let explainer = Self {
            questions,
            people: Arc::default(),
            dropped: Arc::default(),
        };
        (explainer, waiting)
    }

    /// Asks for an explanation where there is one. A full queue drops it, and so does a person who has too many
    /// in it.
    pub(crate) fn ask(&self, question: Question) {
        if !question.is_open() {
            return;
        }
        let waiting = Waiting::take(question, &self.people);
        if waiting.is_some_and(|waiting| self.questions.try_send(waiting).is_ok()) {
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

/// Puts what can be said of refusals on record, all at once.
async fn explain_all(
    store: &GatewayStore,
    waiting: impl Iterator<Item = Waiting>,
) -> Result<(), Undecided> {
    let mut explained = Vec::new();
    for waiting in waiting {
        explained.extend(explain(store, &waiting.question).await?);
    }
    store.record_all(explained).await
}

async fn explain(store: &GatewayStore, question: &Question) -> Result<Option<Event>, Undecided> {
    let Some(recorded) = store.event(question.event).await? else {
        return Ok(None);
    };
    let What::Refused {
        person,
        reason,
        token,
        step,
        ..
    } = recorded.event.what
    else {
        return Ok(None);
    };
    let refusal = Refusal {
        token,
        step,
        ..Refusal::because(reason)
    };
    let code = question.code.as_ref();
    let found = finding(store, &person, &refusal, code, recorded.event.at).await?;
    let Some(Finding { reason, evidence }) = found else {
        return Ok(None);
    };
    let what = What::Explained {
        refusal: question.event,
        reason,
        evidence,
    };
    let at = clock::now();
    Ok(Some(Event { at, what }))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn question(person: &str, reason: Reason) -> Question {
        Question {
            event: 1,
            person: CanonicalName::of(person).unwrap(),
            reason,
            code: Some(Submitted::new(b"123456")),
        }
    }

    #[test]
    fn what_explains_itself_takes_no_place() {
        let (explainer, mut waiting) = Explainer::queue();
        for reason in Reason::ALL {
            explainer.ask(question("alice", *reason));
        }
        let mut taken = Vec::new();
        while let Ok(it) = waiting.try_recv() {
            taken.push(it.question.reason);
        }
        assert_eq!(taken, [Reason::CodeWrong, Reason::CodeReplayed]);
    }

    #[test]
    fn whoever_repeats_a_spent_code_leaves_places_for_others() {
        let (explainer, mut waiting) = Explainer::queue();
        for _ in 0..2 * WAITING_MAX {
            explainer.ask(question("mallory", Reason::CodeReplayed));
        }
        explainer.ask(question("alice", Reason::CodeWrong));
        assert_eq!(waiting.len(), OF_A_PERSON_MAX + 1);
        for _ in 0..=OF_A_PERSON_MAX {
            drop(waiting.try_recv());
        }
        assert!(explainer.people.lock().unwrap().is_empty());
        explainer.ask(question("mallory", Reason::CodeReplayed));
        assert_eq!(waiting.len(), 1);
    }
}
