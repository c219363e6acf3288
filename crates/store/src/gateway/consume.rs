//! The one place that spends a code step or an approval.
//!
//! Decisions of many logins come in together, are appended to the audit chain in one transaction and
//! answered after its one sync, or after its commit if all of them are refusals on which nothing rests. The
//! record of an acceptance is what spends its step: no row is updated on the way.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::audit::{Actor, Event, What};
use domain::code_only::Vouched;
use domain::explain::FirstUse;
use domain::login::{Consume, Origin, Refusal, Spend};
use domain::name::{CanonicalName, Realm};
use domain::reason::Reason;
use domain::recovery::Digest;
use domain::source::Network;
use domain::time::Timestamp;
use domain::token::Resync;
use domain::vdom::Vdom;
use ident::TokenSerial;
use otp::{Drift, Step};

use super::counters::Counters;
use super::directory::Spent;
use super::events::{Batch, Link, Tally};
use super::memory::Memory;
use super::recovery;
use crate::engine::{Durability, Effect, Job, SqlError, SqliteTx, Undecided, poll_ready};

/// Proof that a login is granted: its step, or its approval, is spent and on disk. Only `consume` makes it, and an
/// Accept cannot be sent without it.
#[derive(Debug)]
pub struct Granted {
    person: CanonicalName,
    groups: Box<[Arc<str>]>,
    event: i64,
}

impl Granted {
    /// Who is let in.
    pub fn person(&self) -> &CanonicalName {
        &self.person
    }

    /// The groups of a person without a record, for which a server vouched.
    pub fn groups(&self) -> &[Arc<str>] {
        &self.groups
    }

    /// The event that says so.
    pub fn event(&self) -> i64 {
        self.event
    }
}

/// A decision whose record has to be on disk, or at least committed, before anybody hears of it.
#[derive(Debug)]
pub enum Decision {
    /// A login that is granted if its step can be spent.
    Grant(Consume, Origin),
    /// A login that is refused; the record is also the count of the failure.
    Refuse {
        /// Whose name was presented.
        person: CanonicalName,
        /// From where.
        origin: Origin,
        /// Why.
        refusal: Refusal,
        /// When.
        at: Timestamp,
    },
    /// Two codes that teach a token's clock difference, and are burnt.
    Resync {
        /// The codes, found.
        resync: Resync,
        /// The virtual domain to which the token belongs.
        vdom: Vdom,
        /// Who asked for it.
        actor: Actor,
        /// When.
        at: Timestamp,
    },
}

impl Decision {
    /// A grant spends and a wrong code counts: both have to be known after a power failure. Any other refusal is a
    /// record and no more, and whoever has nothing but names to try must not keep the disk busy.
    fn durability(&self) -> Durability {
        match self {
            Self::Refuse { refusal, .. } if !refusal.reason.is_wrong_code() => Durability::Soon,
            Self::Grant(..) | Self::Refuse { .. } | Self::Resync { .. } => Durability::BeforeAnswer,
        }
    }

    /// What it would spend, if it would grant a login.
    fn consume(self) -> Option<Box<Consume>> {
        match self {
            Self::Grant(consume, _) => Some(Box::new(consume)),
            Self::Refuse { .. } | Self::Resync { .. } => None,
        }
    }
}

/// A login that is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The event that says so.
    pub event: i64,
    /// Whose login it was.
    pub person: CanonicalName,
    /// From where.
    pub network: Network,
    /// Why: the decision's own reason, or [`Reason::CodeReplayed`] when another login spent the
    /// step first.
    pub reason: Reason,
    /// The token whose code it was, if one is known.
    pub token: Option<TokenSerial>,
    /// The step of the code, if one is known.
    pub step: Option<Step>,
    /// When.
    pub at: Timestamp,
}

/// What became of a decision.
#[derive(Debug)]
pub enum Outcome {
    /// The login is granted.
    Granted(Granted),
    /// The login is refused.
    Refused(Refused),
    /// The token is resynchronised.
    Resynchronised,
    /// Another login or resynchronisation spent one of the two codes first.
    ResyncRefused,
    /// The store does not know. No answer leaves; nothing is counted. What would have been spent comes back, if it
    /// was a login that would have been granted.
    Undecided(Undecided, Option<Box<Consume>>),
}

/// Decisions on their way to disk. `answer` runs on the writer thread once their records are
/// durable enough: it hands the outcomes on, in order, and does not wait.
pub(super) struct ConsumeJob<F> {
    memory: Arc<Memory>,
    /// That of the decision whose record is needed first.
    durability: Durability,
    /// Those that nobody has looked at yet.
    decisions: VecDeque<Decision>,
    /// What the others would spend, for whoever has to try again; one each.
    looked_at: Vec<Option<Box<Consume>>>,
    written: Vec<Written>,
    /// Where the chain stands once all are written.
    end: Option<Link>,
    answer: F,
}

/// A decision as it was written, before anybody knows that it is durable.
struct Written {
    outcome: Outcome,
    learned: Option<Learned>,
    /// A step whose code asked for the next one, and its token.
    held: Option<(TokenSerial, Step)>,
    /// The event that says so.
    event: i64,
    at: Timestamp,
}

/// What memory has to learn once the record is durable.
enum Learned {
    Burnt(Taken),
    Succeeded(Whose, Used),
    /// A wrong login of a source.
    Failed(Vdom, Network),
}

/// Whose wrong codes a right one ends.
enum Whose {
    Person(CanonicalName),
    /// Of a person at a client that checks first factors itself.
    At(Vouched),
}

/// What a granted login has used up.
enum Used {
    Nothing,
    Step(Taken),
    Recovery(Box<(CanonicalName, Digest, FirstUse)>),
}

/// A step that the open transaction spends.
struct Taken {
    token: TokenSerial,
    spent: Spent,
    drift: Drift,
    /// What the transaction had taken of this token before.
    before: Option<Spent>,
}

impl Taken {
    fn take(memory: &Memory, token: TokenSerial, spent: Spent, drift: Drift) -> Self {
        let before = memory.reserved().insert(token, spent);
        Self {
            token,
            spent,
            drift,
            before,
        }
    }
}

impl Written {
    fn taken(&self) -> Option<&Taken> {
        match &self.learned {
            Some(Learned::Burnt(taken) | Learned::Succeeded(_, Used::Step(taken))) => Some(taken),
            Some(Learned::Succeeded(..) | Learned::Failed(..)) | None => None,
        }
    }
}

impl<F: FnOnce(Vec<Outcome>) + Send> ConsumeJob<F> {
    pub(super) fn new(memory: Arc<Memory>, decisions: Vec<Decision>, answer: F) -> Self {
        let (looked_at, written) = (Vec::new(), Vec::with_capacity(decisions.len()));
        let durability = decisions.iter().map(Decision::durability).min();
        Self {
            durability: durability.unwrap_or(Durability::BeforeAnswer),
            memory,
            decisions: decisions.into(),
            looked_at,
            written,
            end: None,
            answer,
        }
    }

    /// Gives the steps back that this job had taken and will not spend. What another job of the
    /// transaction had taken before stays taken.
    fn release(&mut self) {
        let mut reserved = self.memory.reserved();
        for written in self.written.drain(..).rev() {
            let Some(taken) = written.taken() else {
                continue;
            };
            if reserved.get(&taken.token) != Some(&taken.spent) {
                continue;
            }
            match taken.before {
                Some(before) => reserved.insert(taken.token, before),
                None => reserved.remove(&taken.token),
            };
        }
    }
}

impl<F: FnOnce(Vec<Outcome>) + Send> Job for ConsumeJob<F> {
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, tx: &mut SqliteTx<'_>) -> Result<Effect, Undecided> {
        match poll_ready(consume(self, tx)) {
            Ok(()) => Ok(Effect::Keep),
            Err(error) => {
                self.release();
                Err(Undecided::from(error))
            }
        }
    }

    fn complete(mut self: Box<Self>, outcome: Result<(), Undecided>) {
        let outcomes = match outcome {
            Ok(()) => {
                self.learn();
                self.written
                    .into_iter()
                    .map(|written| written.outcome)
                    .collect()
            }
            Err(why) => {
                self.release();
                let rest = self.decisions.into_iter().map(Decision::consume);
                self.looked_at
                    .into_iter()
                    .chain(rest)
                    .map(|consume| Outcome::Undecided(why.clone(), consume))
                    .collect()
            }
        };
        (self.answer)(outcomes);
    }
}

impl<F> ConsumeJob<F> {
    /// What is committed now becomes memory: spent steps, drift, counters, the head record.
    fn learn(&self) {
        let (Some(last), Some(end)) = (self.written.last(), self.end) else {
            return;
        };
        {
            let mut directory = self.memory.write();
            let mut reserved = self.memory.reserved();
            let mut counters = self.memory.counters();
            for written in &self.written {
                match &written.learned {
                    Some(Learned::Succeeded(whose, used)) => {
                        whose.succeeded(&mut counters);
                        if let Used::Recovery(used) = used {
                            let (person, digest, by) = &**used;
                            directory.use_recovery(person, digest, by);
                        }
                    }
                    Some(Learned::Failed(vdom, source)) => {
                        let limit = directory.settings(*vdom).blackout;
                        counters.failed_from(*vdom, *source, limit, written.at);
                    }
                    Some(Learned::Burnt(_)) | None => {}
                }
                if let Some((token, step)) = written.held {
                    directory.hold(token, step, written.event);
                }
                if let Some(taken) = written.taken() {
                    directory.spend(taken.token, taken.spent, taken.drift);
                    if reserved.get(&taken.token) == Some(&taken.spent) {
                        reserved.remove(&taken.token);
                    }
                }
            }
        }
        match self.durability {
            Durability::BeforeAnswer => self.memory.committed(end, last.at),
            Durability::Soon => self.memory.noted(end, last.at),
        }
    }
}

impl Whose {
    fn succeeded(&self, counters: &mut Counters) {
        let counter = match self {
            Self::Person(person) => counters.codes.get_mut(person),
            Self::At(vouched) => counters.codes_alone.get_mut(vouched.person()),
        };
        if let Some(counter) = counter {
            counter.succeeded();
        }
    }
}

/// Records decisions in their order and spends their steps. The question is one and has one answer:
/// was this step, or a later one, spent? A step that an earlier decision of the same transaction
/// takes is spent too, since both become durable together or not at all.
async fn consume<F>(job: &mut ConsumeJob<F>, tx: &mut SqliteTx<'_>) -> Result<(), SqlError> {
    let memory = &job.memory;
    let mut batch = Batch::begin(tx, job.decisions.len()).await?;
    while let Some(decision) = job.decisions.pop_front() {
        let next = match decision {
            Decision::Grant(consume, origin) => {
                let consume = Box::new(consume);
                let granted = grant(memory, &consume, origin, &mut batch, tx).await;
                job.looked_at.push(Some(consume));
                granted
            }
            Decision::Refuse {
                person,
                origin,
                refusal,
                at,
            } => {
                job.looked_at.push(None);
                Ok(refuse(memory, person, origin, refusal, at, &mut batch))
            }
            Decision::Resync {
                resync,
                vdom,
                actor,
                at,
            } => {
                job.looked_at.push(None);
                Ok(burn(memory, &resync, vdom, actor, at, &mut batch))
            }
        };
        job.written.push(next?);
    }
    job.end = Some(batch.write(tx).await?);
    Ok(())
}

async fn grant(
    memory: &Memory,
    consume: &Consume,
    origin: Origin,
    batch: &mut Batch,
    tx: &mut SqliteTx<'_>,
) -> Result<Written, SqlError> {
    let (person, at) = (consume.person().clone(), consume.at());
    let spend = consume.spend();
    if !memory.read().stands(consume, &origin) || loses_seed(memory, spend) {
        let refusal = Refusal::because(Reason::ChangedMeanwhile);
        return Ok(refuse(memory, person, origin, refusal, at, batch));
    }
    if let Some((token, step)) = consume.first_step()
        && !is_fresh(memory, token, step)
    {
        let refusal = Refusal {
            token: Some(token),
            step: Some(step),
            ..Refusal::because(Reason::CodeReplayed)
        };
        return Ok(refuse(memory, person, origin, refusal, at, batch));
    }
    if let Spend::Push { token, session } = spend
        && !memory.approvals().spend(session, at)
    {
        let refusal = Refusal {
            token: Some(token),
            ..Refusal::because(Reason::PushReplayed)
        };
        return Ok(refuse(memory, person, origin, refusal, at, batch));
    }
    if let Some(digest) = consume.recovery()
        && !recovery::spend(tx, &person, digest, &origin, at).await?
    {
        let refusal = Refusal::because(Reason::RecoveryCodeUsed);
        return Ok(refuse(memory, person, origin, refusal, at, batch));
    }
    if consume.recovery().is_some() && memory.read().settings(Vdom::ROOT).push.recovers().is_ok() {
        recovery::ask_for_phone(tx, &person, at).await?;
    }
    let used = consume.recovery().map(|digest| {
        let by = FirstUse {
            at,
            client: origin.client.clone(),
            source: origin.source.as_str().into(),
        };
        Box::new((person.clone(), *digest, by))
    });
    let what = What::Accepted {
        person: person.clone(),
        origin,
        spend,
        vouched: consume.remote().map(|verified| verified.to_string().into()),
    };
    let tally = success(memory, consume);
    let event = batch.push(Event { at, what }, tally);
    let used = match (spend, used) {
        (Spend::Step { token, step, drift }, _) => {
            let spent = Spent { step, by: event };
            Used::Step(Taken::take(memory, token, spent, drift))
        }
        (_, Some(used)) => Used::Recovery(used),
        (_, None) => Used::Nothing,
    };
    Ok(Written {
        outcome: Outcome::Granted(Granted {
            person: person.clone(),
            groups: consume
                .remote()
                .map_or_else(Box::default, |verified| verified.groups().into()),
            event,
        }),
        learned: Some(Learned::Succeeded(
            match consume.client() {
                Some(vouched) => Whose::At(vouched.clone()),
                None => Whose::Person(person),
            },
            used,
        )),
        held: None,
        event,
        at,
    })
}

/// How a grant bears on the count, where there is one.
fn success(memory: &Memory, consume: &Consume) -> Option<Tally> {
    let counters = memory.counters();
    match consume.client() {
        Some(vouched) => counters
            .codes_alone
            .contains_key(vouched.person())
            .then_some(Tally::SucceededAtClient),
        None => counters
            .codes
            .contains_key(consume.person())
            .then_some(Tally::Succeeded),
    }
}

fn refuse(
    memory: &Memory,
    person: CanonicalName,
    origin: Origin,
    refusal: Refusal,
    at: Timestamp,
    batch: &mut Batch,
) -> Written {
    let Refusal {
        reason,
        token,
        step,
        ..
    } = refusal;
    let network = origin.source.network();
    let held = token.zip(step);
    let held = held.filter(|_| reason.is_wrong_code());
    let tally = tally(memory, &person, &origin.client, reason);
    let learned = match person.realm() {
        Realm::Vdom(vdom) if reason.is_wrong_guess() => Some(Learned::Failed(vdom, network)),
        // Administrators are locked out by rules of their own.
        Realm::Vdom(_) | Realm::Administrators => None,
    };
    let event = Event::refused(person.clone(), origin, refusal, at);
    let event = batch.push(event, tally);
    Written {
        outcome: Outcome::Refused(Refused {
            event,
            person,
            network,
            reason,
            token,
            step,
            at,
        }),
        learned,
        held,
        event,
        at,
    }
}

/// How a refusal bears on the count. The decision has raised the counter in memory already.
fn tally(memory: &Memory, person: &CanonicalName, client: &str, reason: Reason) -> Option<Tally> {
    if !reason.is_wrong_code() {
        return None;
    }
    let is_alone = match person.realm() {
        Realm::Vdom(vdom) => memory.read().is_code_only(vdom, client),
        Realm::Administrators => false,
    };
    let counters = memory.counters();
    Some(if is_alone {
        counters.tally_of_failure_alone(person)
    } else {
        counters.tally_of_failure(person)
    })
}

fn burn(
    memory: &Memory,
    resync: &Resync,
    vdom: Vdom,
    actor: Actor,
    at: Timestamp,
    batch: &mut Batch,
) -> Written {
    let (token, step, drift) = (resync.serial(), resync.step(), resync.drift());
    // The first of the two codes belongs to the step before.
    let first = Step(step.0.saturating_sub(1));
    let is_of_seed =
        memory.read().has_seed(token, resync.seed()) && !memory.reseeding().contains(&token);
    if !is_of_seed || !is_fresh(memory, token, first) {
        let outcome = Outcome::ResyncRefused;
        return Written {
            outcome,
            learned: None,
            held: None,
            event: batch.last_id(),
            at,
        };
    }
    let what = What::Resynchronised {
        actor,
        vdom,
        token,
        step,
        drift,
    };
    let event = batch.push(Event { at, what }, None);
    let taken = Taken::take(memory, token, Spent { step, by: event }, drift);
    Written {
        outcome: Outcome::Resynchronised,
        learned: Some(Learned::Burnt(taken)),
        held: None,
        event,
        at,
    }
}

/// Whether the open transaction gives the token another seed than the one that the decision is on.
fn loses_seed(memory: &Memory, spend: Spend) -> bool {
    match spend {
        Spend::Step { token, .. } | Spend::Push { token, .. } => {
            memory.reseeding().contains(&token)
        }
        _ => false,
    }
}

/// Whether nothing spent a step, neither durably nor in the open transaction.
fn is_fresh(memory: &Memory, token: TokenSerial, step: Step) -> bool {
    let reserved = memory.reserved().get(&token).map(|spent| spent.step);
    reserved.is_none_or(|reserved| step > reserved) && memory.read().is_fresh(token, step)
}
