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

use domain::client::GroupAttribute;
use radius::mschapv2::Success;
use radius::{AttributeError, Packet, Prompt, Reply, Salt, Type, VendorType};
use store::gateway::{Granted, Outcome};
use tracing::error;

use super::debug::Step;
use super::traffic::Counted;
use super::{Pending, Shared};
use crate::clock;
use crate::login::{CodeOf, Explainer, Judged, Question, State};
use crate::udp::Outgoing;

/// How long the thread sleeps at most, so that it sees when it is to stop.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Something to answer.
pub(super) enum Answer {
    /// A right password whose code is asked for.
    Challenge(Pending, State, CodeOf),
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
    explainer: Explainer,
    delayed: BinaryHeap<Reverse<Delayed>>,
    outgoing: Outgoing,
    packet: Vec<u8>,
}

impl Answerer {
    pub(super) fn new(
        shared: Arc<Shared>,
        answers: Receiver<Answer>,
        explainer: Explainer,
    ) -> Self {
        Self {
            shared,
            answers,
            explainer,
            delayed: BinaryHeap::new(),
            outgoing: Outgoing::default(),
            packet: Vec::new(),
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
            Answer::Challenge(pending, state, asked) => {
                self.challenge(&pending, &state, asked);
            }
            Answer::Recorded(pending, outcomes) => {
                for ((pending, judged), outcome) in pending.into_iter().zip(outcomes) {
                    self.recorded(pending, judged, outcome);
                }
            }
        }
    }

    fn recorded(&mut self, pending: Pending, judged: Judged, outcome: Outcome) {
        match outcome {
            Outcome::Granted(granted) => self.accept(&pending, &granted, judged.success.as_deref()),
            Outcome::Refused { event, reason } => {
                self.shared
                    .debug
                    .decided(pending.peer, Step::Denied(reason));
                let code = judged.code;
                self.delay(pending, Question { event, code });
            }
            Outcome::Undecided(why) => self.shared.undecided(&pending, &why),
            Outcome::Resynchronised | Outcome::ResyncRefused => {
                error!("a login was answered as a resynchronisation");
                self.shared
                    .undecided(&pending, &"the store answered another question");
            }
        }
    }

    /// The one place that accepts a login: it takes the proof that the step is spent and on disk.
    fn accept(&mut self, pending: &Pending, granted: &Granted, success: Option<&Success>) {
        let keys = match success.map(|success| keys(pending, success)).transpose() {
            Ok(keys) => keys.unwrap_or_else(Reply::accept),
            Err(why) => return self.shared.undecided(pending, &why),
        };
        pending.client.count(Counted::Accepted);
        self.shared.debug.decided(pending.peer, Step::Accepted);
        let person = granted.person();
        let welcome = self.shared.store.welcome(person, clock::now());
        let groups = [&welcome.groups, granted.groups()].concat();
        let accept = in_groups(keys.clone(), &groups, &pending.client.group_attributes)
            .unwrap_or_else(|error| {
                error!(%error, "the groups of a user cannot be told");
                keys
            });
        let accept = match welcome.password_days_left {
            Some(days) => accept.reply_message(&expires_soon(days)),
            None => accept,
        };
        self.push(pending, &accept);
    }

    fn challenge(&mut self, pending: &Pending, state: &str, asked: CodeOf) {
        match Reply::challenge(state.as_bytes(), asked.question()) {
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
                pending, question, ..
            })) = self.delayed.pop()
            else {
                return;
            };
            pending.client.count(Counted::Rejected);
            self.push(&pending, &Reply::reject());
            self.explainer.ask(question);
        }
    }

    fn push(&mut self, pending: &Pending, reply: &Reply) {
        let Ok(request) = Packet::parse(&pending.request) else {
            return;
        };
        match reply.encode_into(&request, &pending.client.secret, &mut self.packet) {
            Ok(()) => {
                let now = clock::monotonic(Instant::now());
                self.shared
                    .duplicates()
                    .answer(&pending.key, &self.packet, now);
                self.outgoing.push(pending.peer, &self.packet);
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

/// An Accept with the server's half of MS-CHAPv2. Without it the client would hang up, so nothing is
/// answered where it cannot be made.
fn keys(pending: &Pending, success: &Success) -> Result<Reply, String> {
    let random = clock::random().map_err(|error| error.to_string())?;
    let salts = Salt::pair(u16::from_be_bytes(random));
    let request = Packet::parse(&pending.request).map_err(|error| error.to_string())?;
    Reply::accept()
        .mschapv2(success, &request, &pending.client.secret, salts)
        .map_err(|error| error.to_string())
}

/// Octets that the groups of an Accept take at most: some 60 groups of names of usual length. The packet
/// also has to hold the request's Proxy-States (RFC 2865, 3: 4,096 octets).
const GROUPS_OCTETS_MAX: usize = 3_000;

/// Octets of a vendor's attribute before its value (RFC 2865, 5.26).
const VENDOR_HEADER: usize = 8;

/// Octets of an attribute before its value (RFC 2865, 5).
const HEADER: usize = 2;

/// Each group stands in an attribute of its own: clients look for those of their own groups.
fn in_groups(
    accept: Reply,
    groups: &[Arc<str>],
    attributes: &[GroupAttribute],
) -> Result<Reply, AttributeError> {
    let mut octets = 0;
    let all = attributes
        .iter()
        .flat_map(|attribute| groups.iter().map(move |group| (*attribute, group)));
    let mut told = all.take_while(|(attribute, group)| {
        octets += group.len()
            + match attribute {
                GroupAttribute::FortinetGroupName => VENDOR_HEADER,
                GroupAttribute::FilterId | GroupAttribute::Class => HEADER,
            };
        octets <= GROUPS_OCTETS_MAX
    });
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
