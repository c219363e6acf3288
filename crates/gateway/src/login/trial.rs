//! A login that an administrator tries out: the path of a login with the store only read.

use std::sync::{Arc, Mutex, PoisonError};

use domain::audit::{Actor, Event, What};
use domain::explain::Finding;
use domain::login::trial::{Counting, FreeTries, Standing, Tried, try_second};
use domain::login::{
    self, CodePosition, Facts, FirstFactor, Proof, Refusal, Submitted, Verification,
};
use domain::name::CanonicalName;
use domain::password::Presented;
use domain::reason::Reason;
use domain::throttle::{CodeCounter, ReservedCode};
use domain::time::Timestamp;
use store::gateway::GatewayStore;
use tracing::warn;

use super::Unknown;
use super::backends::{Backends, Checked};
use super::explainer::finding;
use crate::clock;

/// Logins that are tried out.
#[derive(Debug, Default)]
pub(crate) struct Trials(Mutex<FreeTries>);

/// What is tried out.
pub(crate) struct Trial {
    pub(crate) person: CanonicalName,
    pub(crate) password: Presented,
    pub(crate) code: Option<Submitted>,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) standing: Option<Standing>,
    /// Whether the password is right; nothing if nobody looked.
    pub(crate) password: Option<bool>,
    pub(crate) tried: Tried,
    /// How many more are free; none if this one was not.
    pub(crate) left: Option<usize>,
}

impl Trials {
    /// Tries a login out. It is on record before anybody hears what came of it.
    pub(crate) async fn run(
        &self,
        trial: Trial,
        actor: &Actor,
        store: &Arc<GatewayStore>,
        backends: &Backends,
    ) -> Result<Outcome, Unknown> {
        let now = clock::now();
        let position = CodePosition::Challenge;
        let facts = store.facts(trial.person.clone(), position, now);
        let facts = facts.map_err(Unknown::because)?;
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take(
            &actor.name,
            &trial.person,
            now,
        );
        let mut counting = match left {
            None if facts.person.is_some() => Counting::AsWrongCode,
            _ => Counting::Free,
        };
        let (counter, reserved) = counter(store, &trial.person, counting, now);
        let standing = Standing::of(&facts, &counter, now);
        let (password, tried) = match counter.admit(now) {
            Err(throttled) if counting == Counting::AsWrongCode => {
                counting = Counting::Free;
                let refusal = Refusal::throttled(throttled, Reason::CodeThrottled);
                (None, Tried::Refused(refusal))
            }
            _ => match decided(&facts, trial, counter, store, backends).await {
                Ok(decided) => decided,
                Err(unknown) => {
                    if let Some(reserved) = reserved {
                        store.with_code_counter(&facts.name, now, |it| it.release(reserved));
                    }
                    return Err(unknown);
                }
            },
        };
        let held = tried.of_later_time();
        if held.is_some() && counting == Counting::Free {
            counting = Counting::AsWrongCode;
            store.with_code_counter(&facts.name, now, |counter| counter.failed(now));
        }
        let what = What::LoginTested {
            actor: actor.clone(),
            person: facts.name,
            reason: tried.reason(),
            detail: tried.to_string().into(),
            counting,
            held,
        };
        let recorded = store.record(Event { at: now, what }).await;
        recorded.map_err(Unknown::because)?;
        Ok(Outcome {
            standing,
            password,
            tried,
            left,
        })
    }
}

/// The count of a person's wrong codes before this try, which is counted first if it counts: parallel ones do not
/// get past the limit. One that is not looked at does not count, and one of which nothing was evaluated is taken back.
fn counter(
    store: &GatewayStore,
    person: &CanonicalName,
    counting: Counting,
    now: Timestamp,
) -> (CodeCounter, Option<ReservedCode>) {
    store.with_code_counter(person, now, |counter| {
        let before = counter.clone();
        let reserved = match counting {
            Counting::AsWrongCode => counter.reserve(now).ok(),
            Counting::Free => None,
        };
        (before, reserved)
    })
}

/// Whether the password is right, and what would become of the login. Where that is unknown, nobody has looked at the
/// code.
async fn decided(
    facts: &Facts,
    trial: Trial,
    counter: CodeCounter,
    store: &Arc<GatewayStore>,
    backends: &Backends,
) -> Result<(Option<bool>, Tried), Unknown> {
    if facts.person.is_none() {
        let unknown = Refusal::because(Reason::UserUnknown);
        return Ok((None, Tried::Refused(unknown)));
    }
    let proof = match first(facts, trial.password, store, backends).await? {
        Ok(proof) => proof,
        Err(tried) => {
            let is_right = tried.reason() == Some(Reason::PasswordExpired);
            return Ok((Some(is_right), tried));
        }
    };
    let (code, now) = (trial.code.as_ref(), clock::now());
    let mut tried = try_second(facts, proof, code, counter, now);
    if let Tried::Refused(refusal) = &mut tried {
        let found = finding(store, &facts.name, refusal, code, now).await;
        match found {
            Ok(Some(Finding { reason, evidence })) => {
                (refusal.reason, refusal.evidence) = (reason, Some(evidence));
            }
            Ok(None) => {}
            Err(error) => warn!(%error, "what a refused code was is not known"),
        }
    }
    Ok((Some(true), tried))
}

/// Checks the password as a login does; nothing is remembered of it.
async fn first(
    facts: &Facts,
    password: Presented,
    store: &Arc<GatewayStore>,
    backends: &Backends,
) -> Result<Result<Proof, Tried>, Unknown> {
    let FirstFactor {
        check,
        password,
        refusal,
        ..
    } = login::begin(facts, password);
    let refused = |reason, evidence: Option<Box<str>>| {
        let refusal = Refusal::because(reason);
        Tried::Refused(Refusal {
            evidence,
            ..refusal
        })
    };
    Ok(match check {
        Verification::Hash(check) => {
            let store = Arc::clone(store);
            let hashed = tokio::task::spawn_blocking(move || {
                store.evaluation(&check).map(|it| it.verify(&password))
            });
            let verified = hashed.await.map_err(Unknown::because)?;
            let verified = verified.map_err(Unknown::because)?;
            verified.map(Proof::from).ok_or(refused(refusal, None))
        }
        Verification::Ask(check) => match backends.check(&check, &password).await {
            Checked::Right(verified) => Ok(verified.into()),
            Checked::Expired(evidence) => {
                Err(refused(Reason::PasswordExpired, Some(evidence.into())))
            }
            Checked::Held(held, evidence) => Err(refused(held.reason(), Some(evidence.into()))),
            Checked::Wrong(reason, evidence) => Err(refused(reason, Some(evidence.into()))),
            Checked::Undecided(evidence) => Err(Tried::Undecided(evidence.into())),
        },
        // Through a client alone, and none is named here.
        Verification::AskSources(_) => Err(refused(refusal, None)),
    })
}

#[cfg(test)]
mod tests {
    use domain::access::Authority;
    use domain::admin::{Edit, Entropy, Operation};
    use domain::password::PasswordHash;
    use domain::schema::{LOCAL, Place, Value};
    use domain::vdom::Vdom;
    use store::gateway::{ClockTrust, Location};
    use store::sealing::RootKey;
    use zeroize::Zeroizing;

    use super::*;
    use crate::debug_log::DebugLog;
    use crate::network::UnitResolver;

    const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c3ltYm9sb24gd29ybGRz\
                        $uX1ygHN54Gw+jALGU5ksxDpD7cXI1BAGYzdUG9Zmu+8";

    #[tokio::test]
    async fn a_try_of_which_nothing_is_known_counts_as_no_wrong_code() {
        let home = tempfile::tempdir().unwrap();
        let location = Location {
            database: home.path().join("gateway.db"),
            head: home.path().join("gateway.head"),
            clock: ClockTrust::Clock,
        };
        let root = RootKey::load_or_create(&home.path().join("root.key")).unwrap();
        let store = GatewayStore::open(&location, &root, clock::now()).await;
        let store = Arc::new(store.unwrap());
        let hash = PasswordHash::from_phc(HASH).unwrap();
        let passwd = LOCAL.field("passwd").unwrap();
        let alice = Operation::Configure {
            place: Place::new(Vdom::ROOT, &LOCAL, "alice"),
            edits: vec![Edit::Set(passwd, Value::Sealed(hash.to_enc().into()))],
        };
        let entropy = Entropy {
            seed: Zeroizing::new([1; 20]),
            salt: [1; 16],
        };
        let by = Authority::system("test");
        let done = store.administer(alice, entropy, by, clock::now(), None);
        done.await.unwrap();
        let backends = Backends::new(
            Arc::clone(&store),
            Arc::new(UnitResolver::new(Arc::clone(&store))),
            home.path().to_owned(),
            DebugLog::default(),
        );
        let (trials, actor) = (Trials::default(), Actor::system("test"));
        let alice = CanonicalName::of("alice").unwrap();
        let run = async || {
            let trial = Trial {
                person: alice.clone(),
                password: Presented::new(Zeroizing::new(b"wrong".to_vec())),
                code: None,
            };
            trials.run(trial, &actor, &store, &backends).await
        };
        let failures = || {
            let now = clock::now();
            store.with_code_counter(&alice, now, |counter| counter.failures(now))
        };
        for tries in 0..6 {
            assert_eq!(failures(), 0, "after {tries}");
            assert_eq!(run().await.unwrap().password, Some(false));
        }
        assert_eq!(failures(), 1);
        store.shutdown();
        assert!(run().await.is_err());
        assert_eq!(failures(), 1);
    }
}
