//! Logins that are approved on a phone: from the answer without a code to what the person said.

use std::borrow::Cow;
use std::sync::Arc;

use domain::login::{self, CodePosition, Facts, Origin, Second, Submitted};
use domain::name::CanonicalName;
use domain::password::Rehash;
use domain::push::{Number, Outstanding, Said};
use domain::reason::Reason;
use domain::recovery::RecoveryCode;
use domain::time::Timestamp;
use store::gateway::{Decision, GatewayStore, Granted};

use super::first_proven::Beside;
use super::{
    CodeOf, Exchange, FirstProven, Judged, Logins, Progress, Undecided, recorded, refusal_of,
    with_counter,
};
use crate::clock;
use crate::push::{Joined, NotSent, Pushes, Question, Unasked, Word};

/// What a challenge asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// A code.
    Code(CodeOf),
    /// The one after this, which is right for another time.
    NextCode(Box<str>),
    /// The token's code; or none, and the person is asked on the phone.
    CodeOrPush,
    /// None: the person was asked on the phone, and types this number there. The token's code does too.
    Number(Number),
    /// The same where a tap is enough.
    Tap,
    /// A new password in the place of the one that has expired; why another was not taken.
    NewPassword(Option<Box<str>>),
    /// The same once more.
    NewPasswordAgain,
    /// The new password that was typed before the last one: it is set.
    NewPasswordBefore,
}

impl Wanted {
    /// What is asked of a person who was asked on the phone.
    pub(crate) fn on_phone(number: Option<Number>) -> Self {
        number.map_or(Self::Tap, Self::Number)
    }

    /// What a person is asked at a challenge.
    pub(crate) fn question(&self) -> Cow<'static, str> {
        match self {
            Self::Code(code) => code.question().into(),
            Self::NextCode(code) => format!(
                "FortiToken clock drift detected (code: {code}). Please input the next code and continue"
            )
            .into(),
            Self::CodeOrPush => {
                "Enter token code or no code to send a notification to your FortiToken Mobile".into()
            }
            Self::NewPassword(None) => "Your password has expired. Please enter a new password".into(),
            Self::NewPassword(Some(why)) => {
                format!("{why}. Please enter another new password").into()
            }
            Self::NewPasswordAgain => "Please enter the new password again".into(),
            Self::NewPasswordBefore => {
                "The new password that you typed before is set. Please enter that one".into()
            }
            Self::Tap => {
                "Approve the login in FortiToken Mobile and continue without a code, or enter token code"
                    .into()
            }
            Self::Number(number) => format!(
                "Enter {number} in FortiToken Mobile and continue without a code, or enter token code"
            )
            .into(),
        }
    }
}

/// A login that waits for a phone.
pub(crate) struct Later {
    name: CanonicalName,
    origin: Origin,
    step: Step,
}

enum Step {
    /// The person is to be asked.
    Ask(Box<Question>),
    /// The person's word is waited for.
    Wait(Joined),
}

impl Later {
    pub(super) fn ask(question: Question, name: CanonicalName) -> Self {
        Self {
            name,
            origin: question.origin.clone(),
            step: Step::Ask(Box::new(question)),
        }
    }

    pub(super) fn wait(joined: Joined, name: CanonicalName, origin: Origin) -> Self {
        let step = Step::Wait(joined);
        Self { name, origin, step }
    }
}

/// What begins anew once a login is on record: one that is not has let nobody in.
pub(crate) struct Anew {
    /// Of these the person has all again.
    pub(super) pushes: Arc<Pushes>,
    pub(super) person: CanonicalName,
    /// A hash from elsewhere gives way to one of this unit.
    pub(super) rehash: Option<(Arc<GatewayStore>, Box<Rehash>)>,
}

impl Anew {
    pub(crate) fn granted(self, _: &Granted) {
        self.pushes.succeeded(&self.person);
        if let Some((store, rehash)) = self.rehash {
            store.rehash_password(*rehash, clock::now());
        }
    }
}

/// Whether what was typed asks for a push: nothing, or a word. A code has digits, or is a recovery code.
pub(super) fn asks_for_push(typed: &Submitted) -> bool {
    let has_digits = typed.as_str().bytes().any(|octet| octet.is_ascii_digit());
    !has_digits && RecoveryCode::parse(typed).is_none()
}

impl Logins {
    /// Goes on with a login that waits for a phone. It holds no thread while it does.
    pub(crate) async fn later(&self, later: Later) -> Progress {
        let Later { name, origin, step } = later;
        match step {
            Step::Ask(question) => {
                let now = clock::now();
                let is_polled = question.exchange == Exchange::Transaction;
                // Apart: who waits for a word would keep its room.
                let asked = Box::pin(self.pushes.ask(*question, now)).await;
                match asked {
                    Ok((state, number)) if is_polled => {
                        Progress::Challenge(state, Wanted::on_phone(number))
                    }
                    Ok((state, Some(number))) => Progress::Challenge(state, Wanted::Number(number)),
                    Ok((state, None)) => {
                        let client = &origin.client;
                        match self.pushes.join(state.as_bytes(), &name, client, now) {
                            Some(joined) => self.word(joined, origin).await,
                            None => Progress::Undecided(Undecided::Superseded),
                        }
                    }
                    Err(Unasked { why, back }) => {
                        let goes_on = is_polled || matches!(why, NotSent::Undecided(_));
                        if let Some((first, answered)) = back.filter(|_| goes_on) {
                            let state = answered.state.as_bytes();
                            self.reopen(state, first, &origin, answered.expires);
                        }
                        match why {
                            NotSent::Refused(refusal) => refusal_of(name, origin, refusal, now),
                            NotSent::Undecided(why) => Progress::Undecided(why),
                        }
                    }
                }
            }
            Step::Wait(joined) => self.word(joined, origin).await,
        }
    }

    async fn word(&self, mut joined: Joined, origin: Origin) -> Progress {
        let said = match self.pushes.wait(&mut joined).await {
            Word::Said(said) => said,
            Word::Superseded => return Progress::Undecided(Undecided::Superseded),
        };
        let now = clock::now();
        let Some((mut first, outstanding)) = self.pushes.take(joined.session) else {
            return Progress::Undecided(Undecided::Superseded);
        };
        let name = first.person().clone();
        let facts = match self.store.facts(name, CodePosition::Challenge, now) {
            Ok(facts) => facts,
            Err(why) => return Progress::Undecided(why.into()),
        };
        let Beside {
            success, rehash, ..
        } = std::mem::take(&mut first.beside);
        match judge(
            &self.pushes,
            &self.store,
            &facts,
            first,
            outstanding,
            &origin,
            said,
            now,
        ) {
            Second::Consume(consume) => {
                let judged = Judged {
                    success,
                    anew: Some(self.anew(&facts.name, rehash)),
                    ..Judged::default()
                };
                Progress::Record(Decision::Grant(consume, origin), judged)
            }
            Second::Refuse(refusal, _) => refusal_of(facts.name, origin, refusal, now),
            Second::Challenge(_) | Second::Send(..) | Second::AskNext(..) => {
                super::refused(facts.name, origin, Reason::ChangedMeanwhile, now)
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "all that one decision reads")]
fn judge(
    pushes: &Pushes,
    store: &GatewayStore,
    facts: &Facts,
    first: FirstProven,
    outstanding: Outstanding,
    origin: &Origin,
    said: Option<Said>,
    now: Timestamp,
) -> Second {
    if said == Some(Said::NotMe) {
        pushes.reported(&facts.name, origin, now);
    }
    let client = first.client().cloned();
    with_counter(store, client.as_ref(), &facts.name, now, |counter| {
        login::pushed(facts, first.proof, outstanding, said, counter, now)
    })
}

/// Records what came of a push that no client waits for: a denial, or that nobody answered.
pub(crate) async fn unclaimed(
    pushes: &Pushes,
    store: &Arc<GatewayStore>,
    first: FirstProven,
    outstanding: Outstanding,
    origin: Origin,
    said: Option<Said>,
    now: Timestamp,
) {
    let name = first.person().clone();
    let Ok(facts) = store.facts(name, CodePosition::Challenge, now) else {
        return;
    };
    let second = judge(
        pushes,
        store,
        &facts,
        first,
        outstanding,
        &origin,
        said,
        now,
    );
    // Nobody is let in here: there is nobody to tell.
    if let Second::Refuse(refusal, _) = second {
        let decision = Decision::Refuse {
            person: facts.name,
            origin,
            refusal,
            at: now,
        };
        // A store that fails tells of it itself.
        let _ = recorded(store, decision).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_or_a_word_asks_for_a_push_and_a_code_does_not() {
        for (typed, asks) in [
            ("", true),
            ("push", true),
            (" ", true),
            ("123456", false),
            ("p1", false),
            ("abcd-efgh-ijkl-mnop", false),
        ] {
            let typed = Submitted::new(typed.as_bytes());
            assert_eq!(asks_for_push(&typed), asks, "{typed:?}");
        }
    }
}
