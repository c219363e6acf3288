//! What leaves, and when.
//!
//! All refusals are the same bytes but for what binds them to their request, and leave when their
//! delay is over: neither content nor time tells a stranger why.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use domain::audit::{Actor, Event};
use domain::client::GroupAttribute;
use domain::login;
use domain::name::CanonicalName;
use domain::time::Span;
use domain::vdom::Vdom;
use radius::mschapv2::Success;
use radius::{AttributeError, Prompt, Reply, Salt, Type, VendorType};
use store::gateway::{Granted, Outcome};
use tracing::{error, warn};

use super::debug::Step;
use super::eap::{Next, Talk};
use super::traffic::Counted;
use super::{Pending, Shared, Way};
use crate::clock;
use crate::login::{CodeOf, Judged, Question, RENEWAL_SPAN, State, Wanted};
use crate::seldom::Seldom;
use crate::udp::Outgoing;

/// How long the thread sleeps at most, so that it sees when it is to stop.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Something to answer.
pub(super) enum Answer {
    /// A right password whose code is asked for.
    Challenge(Pending, State, Wanted),
    /// An EAP conversation goes on, or has come to its good end.
    Told(Pending, Next),
    /// Decisions that are durable, or that the store could not decide, in order.
    Recorded(Vec<(Pending, Judged)>, Vec<Outcome>),
}

/// A refusal that waits for its delay.
struct Delayed {
    due: Instant,
    pending: Pending,
    question: Question,
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Delayed {}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.due.cmp(&other.due)
    }
}

/// The answering thread.
pub(super) struct Answerer {
    shared: Arc<Shared>,
    answers: Receiver<Answer>,
    delayed: BinaryHeap<Reverse<Delayed>>,
    outgoing: Outgoing,
    packet: Vec<u8>,
    untold: Seldom,
}

impl Answerer {
    pub(super) fn new(shared: Arc<Shared>, answers: Receiver<Answer>) -> Self {
        Self {
            shared,
            answers,
            delayed: BinaryHeap::new(),
            outgoing: Outgoing::default(),
            packet: Vec::new(),
            untold: Seldom::default(),
        }
    }

    /// Serves until the server stops and every refusal that waits has left.
    pub(super) fn run(mut self) {
        loop {
            let stopping = self.shared.stop.load(atomic::Ordering::Acquire);
            match self.answers.recv_timeout(self.nap()) {
                Ok(answer) => self.take(answer),
                Err(RecvTimeoutError::Timeout) if stopping && self.delayed.is_empty() => return,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.take_waiting();
            self.send_due();
            self.flush();
        }
    }

    fn nap(&self) -> Duration {
        let next = self.delayed.peek().map(|Reverse(next)| next.due);
        next.map_or(LOOK_UP, |due| {
            due.saturating_duration_since(Instant::now()).min(LOOK_UP)
        })
    }

    /// Whatever is ready leaves with the same system call.
    fn take_waiting(&mut self) {
        loop {
            match self.answers.try_recv() {
                Ok(answer) => self.take(answer),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Challenge(pending, state, asked) => self.ask(pending, state, &asked),
            Answer::Told(pending, next) => self.told(&pending, next),
            Answer::Recorded(pending, outcomes) => {
                for ((pending, judged), outcome) in pending.into_iter().zip(outcomes) {
                    self.recorded(pending, judged, outcome);
                }
            }
        }
    }

    fn recorded(&mut self, mut pending: Pending, judged: Judged, outcome: Outcome) {
        match outcome {
            Outcome::Granted(granted) => {
                if let Some(anew) = judged.anew {
                    anew.granted(&granted);
                }
                match pending.talk.take() {
                    None => self.let_in(&pending, &granted, judged.success.as_deref()),
                    Some(talk) => match talk.granted(granted, judged.success.as_deref()) {
                        Ok(next) => self.told(&pending, next),
                        Err(why) => self.shared.undecided(&pending, &why),
                    },
                }
            }
            Outcome::Refused(refused) => {
                self.shared
                    .debug
                    .decided(pending.peer, Step::Denied(refused.reason));
                let code = judged.code;
                let question = Question { refused, code };
                match judged.ask {
                    Some((state, asked)) => {
                        self.shared.core.explainer.ask(question);
                        self.ask(pending, state, &asked);
                    }
                    None => self.delay(pending, question),
                }
            }
            Outcome::Undecided(why, consume) => {
                self.shared.core.logins.undecided(judged, consume);
                self.shared.undecided(&pending, &why);
            }
            Outcome::Resynchronised | Outcome::ResyncRefused => {
                error!("a login was answered as a resynchronisation");
                self.shared
                    .undecided(&pending, &"the store answered another question");
            }
        }
    }

    /// What MS-CHAPv2 leaves goes with the Accept. Without it the client would hang up, so nothing is answered
    /// where it cannot be made.
    fn let_in(&mut self, pending: &Pending, granted: &Granted, success: Option<&Success>) {
        match success.map(|success| keys(pending, success)).transpose() {
            Ok(keys) => self.accept(pending, granted, keys.unwrap_or_else(Reply::accept)),
            Err(why) => self.shared.undecided(pending, &why),
        }
    }

    /// An EAP conversation: the next request, or the Accept with its keys.
    fn told(&mut self, pending: &Pending, next: Next) {
        match next {
            Next::Send(talk, request) => {
                let patience = talk.patience();
                match self.shared.core.eap.keep(talk, &pending.client) {
                    Ok(state) => self.say(pending, &state, &request, patience),
                    Err(why) => self.shared.undecided(pending, &why),
                }
            }
            Next::Identify => match clock::random::<16>() {
                Ok(state) => self.say(pending, &HEXLOWER.encode(&state), &eap::who_is_it(), None),
                Err(why) => self.shared.undecided(pending, &why),
            },
            Next::Reject => self.push(pending, &refusal(pending)),
            Next::Accept(granted, done) => match session_keys(pending, &granted, &done) {
                Ok(keys) => self.accept(pending, &granted, keys),
                Err(why) => self.shared.undecided(pending, &why),
            },
        }
    }

    /// Where somebody has to look for a code, the client is told not to ask again meanwhile (RFC 3580, 3.17).
    fn say(&mut self, pending: &Pending, state: &str, request: &[u8], patience: Option<Span>) {
        let seconds = patience.and_then(|span| u32::try_from(span.secs_rounded_up()).ok());
        match Reply::eap_challenge(state.as_bytes(), request) {
            Ok(reply) => match seconds {
                Some(seconds) => self.push(pending, &reply.session_timeout(seconds)),
                None => self.push(pending, &reply),
            },
            Err(error) => error!(%error, "an EAP request cannot be written"),
        }
    }

    /// The one place that accepts a login: it takes the proof that the step is spent and on disk.
    fn accept(&mut self, pending: &Pending, granted: &Granted, keys: Reply) {
        pending.client.count(Counted::Accepted);
        self.shared.debug.decided(pending.peer, Step::Accepted);
        let person = granted.person();
        let welcome = self.shared.store.welcome(person, clock::now());
        let accept = match welcome.password_days_left {
            // RFC 3579, 2.6.5: not beside an EAP-Message.
            Some(days) if pending.eap.is_none() => keys.reply_message(&expires_soon(days)),
            _ => keys,
        };
        let groups = [&welcome.groups, granted.groups()].concat();
        let Ok(request) = pending.packet() else {
            return;
        };
        let attributes = &pending.client.group_attributes;
        let (told, untold) = groups.split_at(fitting(&groups, attributes, accept.room(&request)));
        if !untold.is_empty() {
            self.left_out(pending, person, told.len(), untold);
        }
        match in_groups(accept.clone(), told, attributes) {
            Ok(accept) => self.push(pending, &accept),
            Err(error) => {
                error!(%error, user = %person, "the groups of a user cannot be told");
                self.left_out(pending, person, 0, told);
                self.push(pending, &accept);
            }
        }
    }

    /// What a client does by groups it does otherwise for somebody whose groups it was not told.
    fn left_out(
        &self,
        pending: &Pending,
        person: &CanonicalName,
        told: usize,
        untold: &[Arc<str>],
    ) {
        let now = clock::now();
        let (Some(left_out), Some(first)) = (self.untold.due(now), untold.first()) else {
            return;
        };
        let (client, untold) = (pending.client.name(), untold.len());
        warn!(%client, user = %person, told, untold, from = %first, left_out, "an Access-Accept does not hold all groups of a user; have the user in fewer, or give the client one of group-attributes");
        let detail =
            format!("user {person}: {untold} groups do not fit behind {told}, from {first} on");
        let actor = Actor::system("radius");
        let vdom = pending.client.vdom;
        let event = Event::changed(&actor, vdom, "radius.groups-left-out", client, &detail, now);
        let store = Arc::clone(&self.shared.store);
        self.shared.runtime.spawn(async move {
            // A store that fails tells of it itself.
            let _ = store.record(event).await;
        });
    }

    fn ask(&mut self, mut pending: Pending, state: State, asked: &Wanted) {
        let Some(talk) = pending.talk.take() else {
            return self.challenge(&pending, &state, asked);
        };
        pending.client.count(Counted::Challenged);
        self.shared
            .debug
            .decided(pending.peer, Step::TokenCodeRequired);
        let settings = self.shared.store.settings(Vdom::ROOT);
        let lifetime = match asked {
            Wanted::NextCode(_) => login::NEXT_CODE_SPAN,
            Wanted::Code(CodeOf::Sent(channel)) => settings.sent_lifetime(*channel),
            Wanted::NewPassword(_) | Wanted::NewPasswordAgain | Wanted::NewPasswordBefore => {
                RENEWAL_SPAN
            }
            Wanted::Code(CodeOf::Token) | Wanted::CodeOrPush | Wanted::Number(_) | Wanted::Tap => {
                settings.challenge_lifetime
            }
        };
        match talk.ask(state, &asked.question(), lifetime) {
            Ok(next) => self.told(&pending, next),
            Err(why) => self.shared.undecided(&pending, &why),
        }
    }

    fn challenge(&mut self, pending: &Pending, state: &str, asked: &Wanted) {
        match Reply::challenge(state.as_bytes(), &asked.question()) {
            Ok(reply) => {
                pending.client.count(Counted::Challenged);
                self.shared
                    .debug
                    .decided(pending.peer, Step::TokenCodeRequired);
                self.push(pending, &reply.prompt(Prompt::NoEcho));
            }
            Err(error) => error!(%error, "a challenge cannot be written"),
        }
    }

    fn delay(&mut self, pending: Pending, question: Question) {
        let delay = self
            .shared
            .store
            .settings(pending.client.vdom)
            .reject_delay
            .micros();
        let delay = Duration::from_micros(u64::try_from(delay).unwrap_or(0));
        let due = pending.arrived + delay;
        self.delayed.push(Reverse(Delayed {
            due,
            pending,
            question,
        }));
    }

    fn send_due(&mut self) {
        let now = Instant::now();
        while let Some(Reverse(next)) = self.delayed.peek()
            && next.due <= now
        {
            let Some(Reverse(Delayed {
                mut pending,
                question,
                ..
            })) = self.delayed.pop()
            else {
                return;
            };
            pending.client.count(Counted::Rejected);
            let talk = pending.talk.take();
            self.told(&pending, talk.map_or(Next::Reject, Talk::refused));
            self.shared.core.explainer.ask(question);
        }
    }

    fn push(&mut self, pending: &Pending, reply: &Reply) {
        let Ok(request) = pending.packet() else {
            return;
        };
        match reply.encode_into(&request, &pending.client.secret, &mut self.packet) {
            Ok(()) => {
                let now = clock::monotonic(Instant::now());
                self.shared
                    .duplicates()
                    .answer(&pending.key, &self.packet, now);
                match &pending.way {
                    Way::Datagram => self.outgoing.push(pending.peer, &self.packet),
                    Way::Connection(slot) => slot.send(&self.packet),
                }
            }
            Err(error) => self.shared.undecided(pending, &error),
        }
    }

    fn flush(&mut self) {
        if !self.outgoing.is_empty() {
            self.shared.send(&mut self.outgoing);
        }
    }
}

/// All the same octets; those of a device end with its conversation's.
fn refusal(pending: &Pending) -> Reply {
    match pending.eap {
        None => Reply::reject(),
        Some(identifier) => Reply::reject().eap_message(&eap::failure(identifier)),
    }
}

/// An Accept with EAP-Success and the keys that the conversation left. Who it is the client has not heard yet: its
/// accounting would name what the device calls itself outside of the tunnel (RFC 2865, 5.1).
fn session_keys(pending: &Pending, granted: &Granted, done: &eap::Done) -> Result<Reply, String> {
    let random = clock::random().map_err(|error| error.to_string())?;
    let salts = Salt::pair(u16::from_be_bytes(random));
    let request = pending.packet().map_err(|error| error.to_string())?;
    let secret = &pending.client.secret;
    Reply::accept()
        .eap_message(&done.packet)
        .attribute(Type::USER_NAME, granted.person().bare().as_bytes())
        .map_err(|error| error.to_string())?
        .master_session_key(&done.receive, &done.send, &request, secret, salts)
        .map_err(|error| error.to_string())
}

/// An Accept with the server's half of MS-CHAPv2.
fn keys(pending: &Pending, success: &Success) -> Result<Reply, String> {
    let random = clock::random().map_err(|error| error.to_string())?;
    let salts = Salt::pair(u16::from_be_bytes(random));
    let request = pending.packet().map_err(|error| error.to_string())?;
    Reply::accept()
        .mschapv2(success, &request, &pending.client.secret, salts)
        .map_err(|error| error.to_string())
}

/// Octets of a vendor's attribute before its value (RFC 2865, 5.26).
const VENDOR_HEADER: usize = 8;

/// Octets of an attribute before its value (RFC 2865, 5).
const HEADER: usize = 2;

/// How many of the groups, from the first on, fit into so many octets in all their attributes.
fn fitting(groups: &[Arc<str>], attributes: &[GroupAttribute], room: usize) -> usize {
    let mut left = room;
    let fits = |group: &&Arc<str>| {
        let octets = attributes.iter().map(|attribute| {
            group.len()
                + match attribute {
                    GroupAttribute::FortinetGroupName => VENDOR_HEADER,
                    GroupAttribute::FilterId | GroupAttribute::Class => HEADER,
                }
        });
        let rest = left.checked_sub(octets.sum());
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    groups.iter().take_while(fits).count()
}

/// Each group stands in an attribute of its own: clients look for those of their own groups.
fn in_groups(
    accept: Reply,
    groups: &[Arc<str>],
    attributes: &[GroupAttribute],
) -> Result<Reply, AttributeError> {
    let mut told = attributes
        .iter()
        .flat_map(|attribute| groups.iter().map(move |group| (*attribute, group)));
    told.try_fold(accept, |accept, (attribute, group)| match attribute {
        GroupAttribute::FortinetGroupName => {
            accept.vendor_attribute(VendorType::FORTINET_GROUP_NAME, group.as_bytes())
        }
        GroupAttribute::FilterId => accept.attribute(Type::FILTER_ID, group.as_bytes()),
        GroupAttribute::Class => accept.attribute(Type::CLASS, group.as_bytes()),
    })
}

fn expires_soon(days: i64) -> String {
    match days {
        1 => "Your password expires in 1 day.".to_owned(),
        _ => format!("Your password expires in {days} days."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_told_in_all_its_attributes_or_in_none() {
        let groups: Vec<Arc<str>> = ["four", "three", "one"].map(Arc::from).to_vec();
        let one = [GroupAttribute::FortinetGroupName];
        let both = [GroupAttribute::FilterId, GroupAttribute::FortinetGroupName];
        for (attributes, room, told) in [
            (&one[..], 11, 0),
            (&one, 12, 1),
            (&one, 24, 1),
            (&one, 25, 2),
            (&one, 35, 2),
            (&one, 36, 3),
            (&both, 17, 0),
            (&both, 18, 1),
            (&both, 37, 1),
            (&both, 38, 2),
            (&[], 0, 3),
        ] {
            assert_eq!(fitting(&groups, attributes, room), told, "{room}");
        }
    }
}
