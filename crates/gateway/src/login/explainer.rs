//! Works out what a refused code was, after the reply has left, and records it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::audit::{Event, What};
use domain::explain::{self, Finding};
use domain::login::{Refusal, Submitted};
use domain::name::CanonicalName;
use domain::reason::Reason;
use domain::source::Network;
use domain::time::Timestamp;
use domain::token::Stage;
use ident::TokenSerial;
use store::Undecided;
use store::gateway::{GatewayStore, Refused};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::clock;
use crate::seldom::Seldom;

/// Refusals that wait for their explanation at most. What does not is on record all the same.
const WAITING_MAX: usize = 1_024;

/// Those of one person, and those from one network. Codes that were used before are refused without a delay and cost a
/// search each: whoever repeats them keeps nobody else's refusal from being explained.
const OF_A_PERSON_MAX: usize = 8;
const OF_A_NETWORK_MAX: usize = 128;

/// Explanations that are put on record together: each costs logins a part of a sync.
const AT_ONCE_MAX: usize = 64;

/// Between those that are explained together and the next ones: whoever is refused as fast as the network takes it has
/// 1,280 of a second explained at most, which takes logins next to nothing.
const PAUSE: Duration = Duration::from_millis(50);

/// A refusal to explain.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) refused: Refused,
    /// The code that was looked at, if one was.
    pub(crate) code: Option<Submitted>,
}

impl Question {
    /// Whether there is more to say of it than the refusal does.
    fn is_open(&self) -> bool {
        match self.refused.reason {
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
    shares: Arc<Mutex<Shares>>,
    dropped: Arc<Seldom>,
}

/// How many questions wait, by person and by network.
#[derive(Debug, Default)]
struct Shares {
    people: HashMap<CanonicalName, usize>,
    networks: HashMap<Network, usize>,
}

impl Shares {
    /// Takes a place of both, if there is one of both.
    fn take(&mut self, refused: &Refused) -> bool {
        let taken = |count: Option<&usize>| count.copied().unwrap_or(0);
        let has_place = taken(self.people.get(&refused.person)) < OF_A_PERSON_MAX
            && taken(self.networks.get(&refused.network)) < OF_A_NETWORK_MAX;
        if has_place {
            *self.people.entry(refused.person.clone()).or_default() += 1;
            *self.networks.entry(refused.network).or_default() += 1;
        }
        has_place
    }

    fn give_back(&mut self, refused: &Refused) {
        give_one_back(&mut self.people, &refused.person);
        give_one_back(&mut self.networks, &refused.network);
    }
}

fn give_one_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        _ => {
            counts.remove(key);
        }
    }
}

/// A question in the queue. Its places are given back when it is dropped.
#[derive(Debug)]
struct Waiting {
    question: Question,
    shares: Arc<Mutex<Shares>>,
}

impl Waiting {
    fn take(question: Question, shares: &Arc<Mutex<Shares>>) -> Option<Self> {
        let has_place = lock(shares).take(&question.refused);
        let shares = Arc::clone(shares);
        has_place.then(|| Self { question, shares })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.shares).give_back(&self.question.refused);
    }
}

fn lock(shares: &Mutex<Shares>) -> MutexGuard<'_, Shares> {
    shares.lock().unwrap_or_else(PoisonError::into_inner)
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
                tokio::time::sleep(PAUSE).await;
            }
        });
        explainer
    }

    fn queue() -> (Self, mpsc::Receiver<Waiting>) {
        let (questions, waiting) = mpsc::channel(WAITING_MAX);
        let explainer = Self {
            questions,
            shares: Arc::default(),
            dropped: Arc::default(),
        };
        (explainer, waiting)
    }

    /// Asks for an explanation where there is one. A full queue drops it, and so does a person or a network that has
    /// too many in it.
    pub(crate) fn ask(&self, question: Question) {
        if !question.is_open() || self.takes(question) {
            return;
        }
        if let Some(left_out) = self.dropped.due(clock::now()) {
            warn!(
                left_out,
                "too many refusals wait for an explanation; this one stays as it is"
            );
        }
    }

    fn takes(&self, question: Question) -> bool {
        let Ok(place) = self.questions.try_reserve() else {
            return false;
        };
        let waiting = Waiting::take(question, &self.shares);
        waiting.map(|waiting| place.send(waiting)).is_some()
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
    store.note_all(explained).await
}

async fn explain(store: &GatewayStore, question: &Question) -> Result<Option<Event>, Undecided> {
    let Question { refused, code } = question;
    let refusal = Refusal {
        token: refused.token,
        step: refused.step,
        ..Refusal::because(refused.reason)
    };
    let found = finding(store, &refused.person, &refusal, code.as_ref(), refused.at).await?;
    let Some(Finding { reason, evidence }) = found else {
        return Ok(None);
    };
    let what = What::Explained {
        refusal: refused.event,
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
            let own = store.verifier_of(person)?;
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

    fn question(person: &str, address: &str, reason: Reason) -> Question {
        Question {
            refused: Refused {
                event: 1,
                person: CanonicalName::of(person).unwrap(),
                network: Network::of(address.parse().unwrap()),
                reason,
                token: None,
                step: None,
                at: Timestamp::from_secs(1_800_000_000),
            },
            code: Some(Submitted::new(b"123456")),
        }
    }

    #[test]
    fn what_explains_itself_takes_no_place() {
        let (explainer, mut waiting) = Explainer::queue();
        for reason in Reason::ALL {
            explainer.ask(question("alice", "192.0.2.1", *reason));
        }
        let mut taken = Vec::new();
        while let Ok(it) = waiting.try_recv() {
            taken.push(it.question.refused.reason);
        }
        assert_eq!(taken, [Reason::CodeWrong, Reason::CodeReplayed]);
    }

    #[test]
    fn whoever_repeats_a_spent_code_leaves_places_for_others() {
        let (explainer, mut waiting) = Explainer::queue();
        let replayed =
            |person: &str, address: &str| question(person, address, Reason::CodeReplayed);
        for _ in 0..2 * WAITING_MAX {
            explainer.ask(replayed("mallory", "192.0.2.1"));
        }
        assert_eq!(waiting.len(), OF_A_PERSON_MAX);
        for number in 0..2 * WAITING_MAX {
            explainer.ask(replayed(&format!("user{number}"), "192.0.2.1"));
        }
        assert_eq!(waiting.len(), OF_A_NETWORK_MAX);
        explainer.ask(replayed("alice", "198.51.100.1"));
        assert_eq!(waiting.len(), OF_A_NETWORK_MAX + 1);
        for _ in 0..=OF_A_NETWORK_MAX {
            drop(waiting.try_recv());
        }
        let shares = lock(&explainer.shares);
        assert!(shares.people.is_empty() && shares.networks.is_empty());
        drop(shares);
        explainer.ask(replayed("mallory", "192.0.2.1"));
        assert_eq!(waiting.len(), 1);
    }

    #[test]
    fn a_full_queue_takes_nobodys_place() {
        let (explainer, waiting) = Explainer::queue();
        for number in 0..2 * WAITING_MAX {
            let (person, address) = (format!("user{number}"), number % 200);
            explainer.ask(question(
                &person,
                &format!("192.0.{address}.1"),
                Reason::CodeReplayed,
            ));
        }
        assert_eq!(waiting.len(), WAITING_MAX);
        assert_eq!(lock(&explainer.shares).people.len(), WAITING_MAX);
    }
}
