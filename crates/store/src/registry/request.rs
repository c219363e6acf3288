//! What one agent asks and another one approves.

use aws_lc_rs::digest::{Context, SHA256};
use domain::audit::Actor;
use domain::licensing::{
    AgentName, Change, Closed, DeskRequest, DualControl, Named, NamesNow, Remark, RequestNumber,
    RequestRefusal, RequestTerms, Verdict,
};
use domain::time::{Span, Timestamp};

use super::RegistryStore;
use super::agent::{agent_subject, working_agent};
use super::desk::{DeskRefusal, record};
use super::rows::identifier;
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Work};
use crate::vals;

/// Requests that wait at a time: what two people can look through.
pub const WAITING_MAX: u32 = 100;

/// Requests of one agent that wait at a time, so that nobody fills the list alone.
pub const WAITING_OF_ONE_MAX: u32 = 20;

/// Requests that one agent may ask in a day, ten times those that wait: what was closed is kept, too.
pub const ASKED_OF_ONE_MAX: u32 = 200;

/// Requests of one list, as many as wait: with 16 KiB of words each it has some megabytes.
pub const REQUESTS_MAX: u32 = WAITING_MAX;

/// How long closed requests are kept; the history has them for good.
const KEPT: Span = Span::from_days(90);

/// Characters of the arguments that the history has, and of a refusal that its request has: a file may have one for
/// each of its lines.
const RECORDED_MAX: usize = 1_000;

const DUAL_CONTROL: &str = "dual-control";

/// Of one request, in the order of its [`FromRow`].
macro_rules! request_columns {
    () => {
        "number, agent, command, shown, asked, closed, closed_by, verdict, refusal"
    };
}

/// Which requests a list has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestFilter {
    /// Those that wait.
    Waiting,
    /// All.
    All,
}

/// A command that is to wait.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRequest {
    /// Who asks.
    pub agent: AgentName,
    /// Which command.
    pub command: Box<str>,
    /// With which arguments, its files among them.
    pub arguments: Box<str>,
    /// What is shown of these.
    pub shown: Box<str>,
}

impl NewRequest {
    fn digest(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        for part in [&self.command, "\n", &self.arguments] {
            context.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }
}

/// A request that waits, with all that came with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitingRequest {
    /// What is shown of it.
    pub request: DeskRequest,
    /// Its arguments, its files among them.
    pub arguments: Box<str>,
}

impl RegistryStore {
    /// Whether what gives something away needs two agents.
    pub async fn dual_control(&self) -> Result<DualControl, Failure<DeskRefusal>> {
        self.database.read(FindDualControl).await
    }

    /// Sets whether it does.
    pub async fn set_dual_control(
        &self,
        actor: Actor,
        value: DualControl,
        now: Timestamp,
    ) -> Result<Change, Failure<DeskRefusal>> {
        self.database
            .write(SetDualControl { actor, value, now })
            .await
    }

    /// Keeps a command until another agent approves it; the same one again if it waits already.
    pub async fn keep_request(
        &self,
        actor: Actor,
        asked: NewRequest,
        now: Timestamp,
    ) -> Result<DeskRequest, Failure<DeskRefusal>> {
        self.database.write(KeepRequest { actor, asked, now }).await
    }

    /// A request.
    pub async fn request(
        &self,
        number: RequestNumber,
    ) -> Result<DeskRequest, Failure<DeskRefusal>> {
        self.database.read(ShowRequest { number }).await
    }

    /// A request that waits, with all that came with it.
    pub async fn waiting_request(
        &self,
        number: RequestNumber,
        now: Timestamp,
    ) -> Result<WaitingRequest, Failure<DeskRefusal>> {
        self.database.read(ShowWaiting { number, now }).await
    }

    /// Requests, oldest first, as many as [`REQUESTS_MAX`]: those behind `after`, or the latest.
    pub async fn requests(
        &self,
        filter: RequestFilter,
        after: Option<RequestNumber>,
        now: Timestamp,
    ) -> Result<Vec<DeskRequest>, Failure<DeskRefusal>> {
        self.database
            .read(ListRequests { filter, after, now })
            .await
    }

    /// Takes a request to be done: only once, and only if its command may be done for these two.
    pub async fn approve_request(
        &self,
        actor: Actor,
        number: RequestNumber,
        terms: RequestTerms,
        now: Timestamp,
    ) -> Result<(), Failure<DeskRefusal>> {
        self.database
            .write(ApproveRequest {
                actor,
                number,
                terms,
                now,
            })
            .await
    }

    /// Closes a request that is not to be done.
    pub async fn reject_request(
        &self,
        actor: Actor,
        number: RequestNumber,
        terms: RequestTerms,
        reason: Remark,
        now: Timestamp,
    ) -> Result<(), Failure<DeskRefusal>> {
        self.database
            .write(RejectRequest {
                actor,
                number,
                terms,
                reason,
                now,
            })
            .await
    }

    /// Notes why nothing was done for a request that was approved.
    pub async fn note_refusal(
        &self,
        number: RequestNumber,
        refusal: Box<str>,
    ) -> Result<(), Failure<DeskRefusal>> {
        self.database.write(NoteRefusal { number, refusal }).await
    }
}

struct FindDualControl;

impl Work for FindDualControl {
    type Out = DualControl;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<DualControl, Failure<DeskRefusal>> {
        Ok(dual_control(tx).await?)
    }
}

/// Off until somebody sets it.
async fn dual_control<T: Tx>(tx: &mut T) -> Result<DualControl, SqlError> {
    let found = tx
        .row::<(String,)>(
            "SELECT value FROM desk_setting WHERE name = $1",
            &vals![DUAL_CONTROL],
        )
        .await?;
    match found {
        Some((value,)) => identifier(&value, "desk_setting", DUAL_CONTROL, "value"),
        None => Ok(DualControl::Disable),
    }
}

struct SetDualControl {
    actor: Actor,
    value: DualControl,
    now: Timestamp,
}

impl Work for SetDualControl {
    type Out = Change;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Change, Failure<DeskRefusal>> {
        if dual_control(tx).await? == self.value {
            return Ok(Change::Already);
        }
        let value = self.value.id();
        tx.exec_one(
            "INSERT INTO desk_setting (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            &vals![DUAL_CONTROL, value],
        )
        .await?;
        record(tx, &self.actor, "set", DUAL_CONTROL, value, self.now).await?;
        Ok(Change::Made)
    }
}

struct KeepRequest {
    actor: Actor,
    asked: NewRequest,
    now: Timestamp,
}

impl Work for KeepRequest {
    type Out = DeskRequest;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<DeskRequest, Failure<DeskRefusal>> {
        if let Some(same) = self.same(tx).await? {
            return Ok(same);
        }
        self.demand_room(tx).await?;
        // The latest stays: the next number follows it.
        tx.exec(
            "DELETE FROM desk_request
             WHERE asked <= $1 AND number < (SELECT max(number) FROM desk_request)",
            &vals![self.now.before(KEPT)],
        )
        .await?;
        tx.exec(
            "UPDATE desk_request SET arguments = '' WHERE asked <= $1 AND arguments <> ''",
            &vals![self.now.before(DeskRequest::LIFE)],
        )
        .await?;
        self.insert(tx).await
    }
}

impl KeepRequest {
    /// What waits already and asks the same.
    async fn same<T: Tx>(&self, tx: &mut T) -> Result<Option<DeskRequest>, SqlError> {
        tx.row(
            concat!(
                "SELECT ",
                request_columns!(),
                " FROM desk_request
                 WHERE agent = $1 AND digest = $2 AND closed IS NULL AND asked > $3"
            ),
            &vals![
                self.asked.agent.as_str(),
                &self.asked.digest(),
                self.now.before(DeskRequest::LIFE)
            ],
        )
        .await
    }

    async fn demand_room<T: Tx>(&self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let counted = tx
            .row::<(u32, u32, u32)>(
                "SELECT
                     (SELECT count(*) FROM desk_request WHERE closed IS NULL AND asked > $2),
                     (SELECT count(*) FROM desk_request
                      WHERE agent = $1 AND closed IS NULL AND asked > $2),
                     (SELECT count(*) FROM desk_request WHERE agent = $1 AND asked > $3)",
                &vals![
                    self.asked.agent.as_str(),
                    self.now.before(DeskRequest::LIFE),
                    self.now.before(Span::from_days(1))
                ],
            )
            .await?;
        let (waiting, own, today) = counted.unwrap_or_default();
        if waiting >= WAITING_MAX || own >= WAITING_OF_ONE_MAX {
            return Err(Failure::Refused(DeskRefusal::RequestsFull));
        }
        if today >= ASKED_OF_ONE_MAX {
            let agent = self.asked.agent.clone();
            return Err(Failure::Refused(DeskRefusal::RequestsOften(agent)));
        }
        Ok(())
    }

    async fn insert<T: Tx>(self, tx: &mut T) -> Result<DeskRequest, Failure<DeskRefusal>> {
        let digest = self.asked.digest();
        let NewRequest {
            agent,
            command,
            arguments,
            shown,
        } = self.asked;
        tx.exec_one(
            "INSERT INTO desk_request (agent, command, arguments, shown, digest, asked)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &vals![
                agent.as_str(),
                command.as_ref(),
                arguments.as_ref(),
                shown.as_ref(),
                &digest,
                self.now
            ],
        )
        .await?;
        let last = tx
            .row::<(Option<u32>,)>("SELECT max(number) FROM desk_request", &[])
            .await?;
        let number = RequestNumber(last.and_then(|(number,)| number).unwrap_or_default());
        let request = DeskRequest {
            number,
            agent,
            command,
            arguments: shown,
            asked: self.now,
            closed: None,
        };
        note(tx, &self.actor, "ask", &request, &asked(&request), self.now).await?;
        Ok(request)
    }
}

struct ShowRequest {
    number: RequestNumber,
}

impl Work for ShowRequest {
    type Out = DeskRequest;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<DeskRequest, Failure<DeskRefusal>> {
        demand_request(tx, self.number).await
    }
}

struct ShowWaiting {
    number: RequestNumber,
    now: Timestamp,
}

impl Work for ShowWaiting {
    type Out = WaitingRequest;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<WaitingRequest, Failure<DeskRefusal>> {
        let request = demand_request(tx, self.number).await?;
        request.demand_waiting(self.now)?;
        let (arguments,) = tx
            .row::<(String,)>(
                "SELECT arguments FROM desk_request WHERE number = $1",
                &vals![self.number.0],
            )
            .await?
            .ok_or(Failure::Refused(DeskRefusal::RequestUnknown(self.number)))?;
        Ok(WaitingRequest {
            request,
            arguments: arguments.into(),
        })
    }
}

struct ListRequests {
    filter: RequestFilter,
    after: Option<RequestNumber>,
    now: Timestamp,
}

impl Work for ListRequests {
    type Out = Vec<DeskRequest>;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<DeskRequest>, Failure<DeskRefusal>> {
        Ok(requests(tx, self.filter, self.after, self.now).await?)
    }
}

async fn requests<T: Tx>(
    tx: &mut T,
    filter: RequestFilter,
    after: Option<RequestNumber>,
    now: Timestamp,
) -> Result<Vec<DeskRequest>, SqlError> {
    let mut requests: Vec<DeskRequest> = tx
        .rows(
            concat!(
                "SELECT ",
                request_columns!(),
                " FROM desk_request
                 WHERE ($1 OR (closed IS NULL AND asked > $2)) AND number > $3
                 ORDER BY CASE WHEN $4 THEN number ELSE -number END LIMIT $5"
            ),
            &vals![
                filter == RequestFilter::All,
                now.before(DeskRequest::LIFE),
                after.map_or(0, |number| number.0),
                after.is_some(),
                REQUESTS_MAX
            ],
        )
        .await?;
    requests.sort_by_key(|request| request.number);
    Ok(requests)
}

struct ApproveRequest {
    actor: Actor,
    number: RequestNumber,
    terms: RequestTerms,
    now: Timestamp,
}

impl Work for ApproveRequest {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let request = demand_request(tx, self.number).await?;
        let names = NamesNow {
            asker: working_agent(tx, &request.agent).await?,
            changed_since: changed_since(tx, &request, &self.terms).await?,
        };
        request.approve(&self.actor.name, &self.terms, names, self.now)?;
        close(tx, &self.actor, self.number, Verdict::Approved, self.now).await?;
        let detail = asked(&request);
        note(tx, &self.actor, "approve", &request, &detail, self.now).await?;
        Ok(())
    }
}

/// A name, of who asked or in the command, that was given to somebody, or taken from them, since. The history has an order where
/// clocks may step.
async fn changed_since<T: Tx>(
    tx: &mut T,
    request: &DeskRequest,
    terms: &RequestTerms,
) -> Result<Option<Named>, SqlError> {
    let agents = [Some(&request.agent), terms.about.as_ref()];
    let agents = agents.into_iter().flatten().cloned().map(Named::Agent);
    let accounts = terms.accounts.iter().cloned().map(Named::Account);
    for named in agents.chain(accounts) {
        let subject = match &named {
            Named::Account(name) => name.to_string(),
            Named::Agent(name) => agent_subject(name),
        };
        let given = tx
            .row::<(i64,)>(
                "SELECT 1 FROM desk_event
                 WHERE subject = $1 AND action IN ('register-account', 'rename-account', 'add-agent')
                     AND id > (SELECT max(id) FROM desk_event WHERE subject = $2 AND action = 'ask')
                 LIMIT 1",
                &vals![subject.as_str(), request_subject(request.number).as_str()],
            )
            .await?;
        if given.is_some() {
            return Ok(Some(named));
        }
    }
    Ok(None)
}

struct RejectRequest {
    actor: Actor,
    number: RequestNumber,
    terms: RequestTerms,
    reason: Remark,
    now: Timestamp,
}

impl Work for RejectRequest {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let request = demand_request(tx, self.number).await?;
        request.reject(&self.actor.name, &self.terms, self.now)?;
        close(tx, &self.actor, self.number, Verdict::Rejected, self.now).await?;
        let reason = self.reason.as_str();
        note(tx, &self.actor, "reject", &request, reason, self.now).await?;
        Ok(())
    }
}

/// Closes what an agent asked who works here no more: the name may be given to somebody else.
pub(super) async fn reject_all_of<T: Tx>(
    tx: &mut T,
    actor: &Actor,
    agent: &AgentName,
    now: Timestamp,
) -> Result<(), SqlError> {
    let waiting = requests(tx, RequestFilter::Waiting, None, now).await?;
    for request in waiting.iter().filter(|it| it.agent == *agent) {
        close(tx, actor, request.number, Verdict::Rejected, now).await?;
        let why = format!("{} is revoked", agent_subject(agent));
        note(tx, actor, "reject", request, &why, now).await?;
    }
    Ok(())
}

struct NoteRefusal {
    number: RequestNumber,
    refusal: Box<str>,
}

impl Work for NoteRefusal {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let refusal: String = self.refusal.chars().take(RECORDED_MAX).collect();
        tx.exec_one(
            "UPDATE desk_request SET refusal = $2 WHERE number = $1 AND closed IS NOT NULL",
            &vals![self.number.0, refusal.as_str()],
        )
        .await?;
        Ok(())
    }
}

impl From<RequestRefusal> for Failure<DeskRefusal> {
    fn from(why: RequestRefusal) -> Self {
        Self::Refused(DeskRefusal::Request(why))
    }
}

async fn close<T: Tx>(
    tx: &mut T,
    by: &Actor,
    number: RequestNumber,
    verdict: Verdict,
    now: Timestamp,
) -> Result<(), SqlError> {
    tx.exec_one(
        "UPDATE desk_request SET closed = $2, closed_by = $3, verdict = $4, arguments = ''
         WHERE number = $1 AND closed IS NULL",
        &vals![number.0, now, by.name.as_ref(), verdict.id()],
    )
    .await
}

async fn note<T: Tx>(
    tx: &mut T,
    actor: &Actor,
    action: &'static str,
    request: &DeskRequest,
    detail: &str,
    now: Timestamp,
) -> Result<(), SqlError> {
    let subject = request_subject(request.number);
    record(tx, actor, action, &subject, detail, now).await
}

/// How the history names a request.
fn request_subject(number: RequestNumber) -> String {
    format!("request {number}")
}

fn asked(request: &DeskRequest) -> String {
    let arguments: String = request.arguments.chars().take(RECORDED_MAX).collect();
    format!(
        "{} {arguments}, asked by {}",
        request.command, request.agent
    )
}

async fn demand_request<T: Tx>(
    tx: &mut T,
    number: RequestNumber,
) -> Result<DeskRequest, Failure<DeskRefusal>> {
    let found = tx
        .row(
            concat!(
                "SELECT ",
                request_columns!(),
                " FROM desk_request WHERE number = $1"
            ),
            &vals![number.0],
        )
        .await?;
    found.ok_or(Failure::Refused(DeskRefusal::RequestUnknown(number)))
}

impl FromRow for DeskRequest {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let number: u32 = row.get(0)?;
        let key = number.to_string();
        let damaged = |field| SqlError::damaged("desk_request", key.as_str(), field);
        let agent: String = row.get(1)?;
        let by: Option<String> = row.get(6)?;
        let verdict: Option<String> = row.get(7)?;
        let refusal: Option<String> = row.get(8)?;
        let closed = match (row.get::<Option<Timestamp>>(5)?, by, verdict) {
            (Some(at), Some(by), Some(verdict)) => Some(Closed {
                at,
                by: by.into(),
                verdict: Verdict::from_id(&verdict).ok_or_else(|| damaged("verdict"))?,
                refusal: refusal.map(String::into_boxed_str),
            }),
            (None, None, None) => None,
            _ => return Err(damaged("closed")),
        };
        Ok(Self {
            number: RequestNumber(number),
            agent: identifier(&agent, "desk_request", &key, "agent")?,
            command: row.get::<String>(2)?.into(),
            arguments: row.get::<String>(3)?.into(),
            asked: row.get(4)?,
            closed,
        })
    }
}
