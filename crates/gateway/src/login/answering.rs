//! Answers to challenges: one for clients that begin again after it, or as many as are looked at for those that
//! speak of transactions.

use domain::login::{
    self, CodePosition, Consume, Facts, Origin, Proof, Refusal, Submitted, Waiting,
};
use domain::name::CanonicalName;
use domain::password::{Mark, Presented};
use domain::reason::Reason;
use domain::time::Timestamp;
use ident::TokenSerial;

use super::challenges::Missed;
use super::first_proven::Beside;
use super::pushing::asks_for_push;
use super::{
    CodeOf, FirstProven, Judged, Later, Logins, NotIssued, Progress, State, refusal_of,
    with_counter,
};
use crate::push::Question;

/// How a client goes on after a challenge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exchange {
    /// An answer spends the challenge, and the client waits while the phone is asked.
    Challenge,
    /// A transaction: it outlives mistypes, and the client asks now and then what the phone said.
    Transaction,
}

/// How a transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It waits for its code, or for the phone.
    Pending,
    /// The phone said yes: a login that goes on with it is let in, if nothing has changed.
    Approved,
    /// Nothing comes of it any more: the phone said no, it is too late, or it never was.
    Over,
}

/// The challenge that was answered, while something else is asked: the phone, or the store.
pub(crate) struct Answered {
    pub(crate) state: State,
    /// Until when it is open if nobody can tell.
    pub(crate) expires: Timestamp,
}

/// What opens a challenge again whose answer nobody could judge: the client asks again and is to find it.
pub(crate) struct Reopening {
    challenge: Answered,
    client: Box<str>,
    /// The first factor, unless it is on its way to the store.
    first: Option<FirstProven>,
    mark: Option<Mark>,
}

/// An answer whose challenge was open.
struct Open<'a> {
    answer: &'a Answering<'a>,
    expires: Timestamp,
}

/// The answer to a challenge.
pub(super) struct Answering<'a> {
    state: &'a [u8],
    presented: &'a Presented,
    pub(super) exchange: Exchange,
}

impl<'a> Answering<'a> {
    pub(super) fn new(state: &'a [u8], presented: &'a Presented, exchange: Exchange) -> Self {
        Self {
            state,
            presented,
            exchange,
        }
    }

    /// States are hexadecimal digits; what is none was not found under any.
    pub(super) fn state(&self) -> State {
        String::from_utf8_lossy(self.state).into_owned()
    }

    fn challenge(&self, expires: Timestamp) -> Answered {
        let state = self.state();
        Answered { state, expires }
    }
}

impl Logins {
    /// The code that answers a challenge.
    pub(super) fn answered(
        &self,
        name: CanonicalName,
        answer: &Answering<'_>,
        origin: Origin,
        now: Timestamp,
    ) -> Progress {
        if let Err(refusal) = self.store.listens_to(&name, origin.source.network(), now) {
            return refusal_of(name, origin, refusal, now);
        }
        let (state, presented) = (answer.state, answer.presented);
        if let Some(progress) = self.new_password(&name, state, presented, &origin, now) {
            return progress;
        }
        let facts = match self.store.facts(name, CodePosition::Challenge, now) {
            Ok(facts) => facts,
            Err(why) => return Progress::Undecided(why.into()),
        };
        self.answer(&facts, answer, &origin, now)
            .unwrap_or_else(|missed| refusal_of(facts.name, origin, missed, now))
    }

    /// What an answer comes to; why it belongs to no open challenge, if it does not.
    pub(super) fn answer(
        &self,
        facts: &Facts,
        answer: &Answering<'_>,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Progress, Refusal> {
        let octets = answer.presented.as_bytes();
        let code = Submitted::new(octets);
        let asks_for_push = asks_for_push(&code);
        if asks_for_push && let Some(waiting) = self.waiting(facts, answer, origin, now) {
            return Ok(waiting);
        }
        let first = self.first(facts, answer, origin, now);
        let (first, expires) = first.map_err(|why| missed(why, too_late))?;
        let open = Open { answer, expires };
        if self.is_repeated(&first, answer.presented) {
            let name = facts.name.clone();
            let again = missing("the password again, where the code was asked for");
            let progress = refusal_of(name, origin.clone(), again, now);
            return Ok(self.answered_in_vain(progress, &open, Some(first), None, origin));
        }
        let mark = first.beside.mark.clone();
        if asks_for_push
            && first.asked() == CodeOf::Token
            && let Some(token) = self.pushes.offered(facts)
        {
            return Ok(self.phone(facts, first, token, &open, origin, now));
        }
        if octets.is_empty() {
            return Ok(self.nothing_typed(facts, first, &open, origin, now));
        }
        let (progress, retry) = self.judged(facts, first, Some(code), origin.clone(), now);
        Ok(self.answered_in_vain(progress, &open, retry, mark, origin))
    }

    /// What a challenge goes on with: a transaction outlives a try that was in vain, and every challenge one that
    /// nobody can judge. `first` is what another try needs, unless it is on its way to the store; then `mark` goes
    /// with it.
    fn answered_in_vain(
        &self,
        mut progress: Progress,
        open: &Open<'_>,
        first: Option<FirstProven>,
        mark: Option<Mark>,
        origin: &Origin,
    ) -> Progress {
        let Open { answer, expires } = *open;
        let first = match (answer.exchange, first) {
            (Exchange::Transaction, Some(first)) => {
                self.reopen(answer.state, first, origin, expires);
                return progress;
            }
            (_, first) => first,
        };
        if let Progress::Record(_, judged) = &mut progress {
            judged.reopening = Some(Box::new(Reopening {
                challenge: answer.challenge(expires),
                client: origin.client.clone(),
                first,
                mark,
            }));
        }
        progress
    }

    /// Nobody can tell what a login comes to: what it began with waits for the client to ask again.
    pub(crate) fn undecided(&self, judged: Judged, consume: Option<Box<Consume>>) {
        let Some(reopening) = judged.reopening else {
            return;
        };
        let Reopening {
            challenge,
            client,
            first,
            mark,
        } = *reopening;
        let success = judged.success;
        let undone = || {
            let first = FirstProven::from(consume?.undone()?);
            Some(first.with(Beside {
                success,
                mark,
                ..Beside::default()
            }))
        };
        if let Some(first) = first.or_else(undone) {
            let (state, owner) = (challenge.state.as_bytes(), first.owner());
            self.challenges
                .reopen(state, first, owner, &client, challenge.expires);
        }
    }

    /// Goes on where somebody answered with nothing: no guess, so nothing is counted. Who waits for a message is
    /// sent another.
    fn nothing_typed(
        &self,
        facts: &Facts,
        first: FirstProven,
        open: &Open<'_>,
        origin: &Origin,
        now: Timestamp,
    ) -> Progress {
        if first.issued().is_some() {
            return self.another_code(facts, first, open, origin, now);
        }
        if first.drifted().is_some() {
            return self.asked_again(first, open, origin);
        }
        // Where codes stand alone, none asks for one.
        if facts.position == CodePosition::CodeOnly {
            return self.second(facts, first, None, origin.clone(), now);
        }
        let nothing = missing("nothing was typed where the code was asked for");
        let progress = refusal_of(facts.name.clone(), origin.clone(), nothing, now);
        self.answered_in_vain(progress, open, Some(first), None, origin)
    }

    /// Sends another code in the place of one that did not come. Where it would be one too many, the one that is
    /// waited for is asked for again.
    fn another_code(
        &self,
        facts: &Facts,
        mut first: FirstProven,
        open: &Open<'_>,
        origin: &Origin,
        now: Timestamp,
    ) -> Progress {
        let may_be_sent = with_counter(&self.store, first.client(), &facts.name, now, |counter| {
            first.issued().map_or(Ok(()), |issued| {
                login::may_be_sent(facts, &first.proof, issued, counter, now)
            })
        });
        if let Err(refusal) = may_be_sent {
            let progress = refusal_of(facts.name.clone(), origin.clone(), refusal, now);
            return self.answered_in_vain(progress, open, Some(first), None, origin);
        }
        let expires = match self.codes.issue_another(&mut first, origin, now) {
            Ok(expires) => expires,
            Err(NotIssued::TooMany(_)) => open.expires,
            Err(NotIssued::Undecided(why)) => {
                self.reopen(open.answer.state, first, origin, open.expires);
                return Progress::Undecided(why);
            }
        };
        let answer = open.answer;
        self.asked_again(first, &Open { answer, expires }, origin)
    }

    /// The same question under the same state.
    fn asked_again(&self, first: FirstProven, open: &Open<'_>, origin: &Origin) -> Progress {
        let asked = first.wanted();
        self.reopen(open.answer.state, first, origin, open.expires);
        Progress::Challenge(open.answer.state(), asked)
    }

    /// How a client's transaction stands.
    pub(crate) fn standing(&self, state: &str, client: &str, now: Timestamp) -> Standing {
        let state = state.as_bytes();
        let pushed = self.pushes.standing(state, client, now);
        pushed.unwrap_or_else(|| {
            if self.challenges.is_open(state, client, now) {
                Standing::Pending
            } else {
                Standing::Over
            }
        })
    }

    /// A person who was asked on the phone already. Who speaks of transactions asks for what was said, and
    /// nobody waits.
    fn waiting(
        &self,
        facts: &Facts,
        answer: &Answering<'_>,
        origin: &Origin,
        now: Timestamp,
    ) -> Option<Progress> {
        let joined = self
            .pushes
            .join(answer.state, &facts.name, &origin.client, now)?;
        if answer.exchange == Exchange::Transaction && joined.is_unanswered() {
            return Some(Progress::Challenge(answer.state(), joined.wanted()));
        }
        let later = Later::wait(joined, facts.name.clone(), origin.clone());
        Some(Progress::Later(Box::new(later)))
    }

    /// What the challenge that is answered proves, and until when it is open. Nobody else answers it meanwhile.
    fn first(
        &self,
        facts: &Facts,
        answer: &Answering<'_>,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(FirstProven, Timestamp), Missed<FirstProven>> {
        let (state, person, client) = (answer.state, &facts.name, &*origin.client);
        match self.pushes.join(state, person, client, now) {
            // The code instead: nobody waits for the phone any more.
            Some(joined) => {
                let taken = self.pushes.take(joined.session);
                let taken = taken.map(|(first, outstanding)| (first, outstanding.expires));
                taken.ok_or(Missed::Unknown)
            }
            None => self.challenges.take(state, person, client, now),
        }
    }

    /// Has the person asked on the phone.
    fn phone(
        &self,
        facts: &Facts,
        first: FirstProven,
        token: TokenSerial,
        open: &Open<'_>,
        origin: &Origin,
        now: Timestamp,
    ) -> Progress {
        let client = first.client();
        let may_be_asked = with_counter(&self.store, client, &facts.name, now, |counter| {
            login::may_be_asked(facts, &first.proof, counter, now)
        });
        if let Err(refusal) = may_be_asked {
            let progress = refusal_of(facts.name.clone(), origin.clone(), refusal, now);
            return self.answered_in_vain(progress, open, Some(first), None, origin);
        }
        let Open { answer, expires } = *open;
        let question = Question {
            first,
            origin: origin.clone(),
            token,
            answered: answer.challenge(expires),
            exchange: answer.exchange,
        };
        Progress::Later(Box::new(Later::ask(question, facts.name.clone())))
    }

    pub(super) fn reopen(
        &self,
        state: &[u8],
        first: FirstProven,
        origin: &Origin,
        expires: Timestamp,
    ) {
        let owner = first.owner();
        self.challenges
            .reopen(state, first, owner, &origin.client, expires);
    }

    /// Devices that keep a password answer every question with it. Nobody guesses a code by that, and it would
    /// block its own owner.
    fn is_repeated(&self, first: &FirstProven, presented: &Presented) -> bool {
        match (&first.proof, &first.beside.mark) {
            (Proof::Password(proof), Some(mark)) => {
                self.remembered().is_marked(mark, proof, presented)
            }
            _ => false,
        }
    }
}

/// Why an answer leads to no open challenge; of one that came too late, with what was asked for.
pub(super) fn missed<T>(
    missed: Missed<T>,
    late: impl FnOnce(&T) -> (Reason, &'static str),
) -> Refusal {
    let unknown = |evidence: &str| Refusal {
        evidence: Some(evidence.into()),
        ..Refusal::because(Reason::ChallengeUnknown)
    };
    match missed {
        Missed::Unknown => Refusal::because(Reason::ChallengeUnknown),
        Missed::OfAnother => unknown("the challenge is another user's"),
        Missed::OfAnotherClient => unknown("the challenge is another client's"),
        Missed::Late(first, until) => {
            let (reason, asked) = late(&first);
            Refusal::too_late(reason, asked, until)
        }
    }
}

/// A code that was sent is over with its challenge.
fn too_late(first: &FirstProven) -> (Reason, &'static str) {
    match first.asked() {
        CodeOf::Token if first.drifted().is_some() => (Reason::ChallengeExpired, Waiting::ASKED),
        CodeOf::Token => (Reason::ChallengeExpired, "the token's code"),
        CodeOf::Sent(_) => (Reason::SentCodeExpired, "the code that was sent"),
    }
}

fn missing(evidence: &str) -> Refusal {
    Refusal {
        evidence: Some(evidence.into()),
        ..Refusal::because(Reason::CodeMissing)
    }
}
