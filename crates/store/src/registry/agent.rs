//! Agents of the desk: who works there over the network, with which certificate.

use std::convert::Infallible;

use domain::audit::Actor;
use domain::licensing::{AccountName, Agent, AgentName, CertificateHash, Change, Post, Remark};
use domain::time::Timestamp;

use super::RegistryStore;
use super::desk::{DeskRefusal, demand_account, record};
use super::request::reject_all_of;
use super::rows::{account, identifier};
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Work};
use crate::vals;

/// Agents that may work at a time: more people than any desk has, few enough for one list.
pub const AGENTS_MAX: u32 = 1_000;

/// An agent as the desk sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentRecord {
    /// Who, and for whom it is there.
    pub agent: Agent,
    /// Since when it works here.
    pub added: Timestamp,
    /// The end of its certificate.
    pub expires: Timestamp,
    /// When it was revoked; its certificate is of no use since.
    pub revoked: Option<Timestamp>,
}

/// A certificate that was made for an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewCertificate {
    /// By which it is known.
    pub hash: CertificateHash,
    /// Its end.
    pub expires: Timestamp,
}

impl RegistryStore {
    /// Adds an agent; one that was revoked, too.
    pub async fn add_agent(
        &self,
        actor: Actor,
        agent: Agent,
        certificate: NewCertificate,
        now: Timestamp,
    ) -> Result<(), Failure<DeskRefusal>> {
        self.database
            .write(AddAgent {
                actor,
                agent,
                certificate,
                now,
            })
            .await
    }

    /// Gives an agent another certificate, which ends the one before; the agent.
    pub async fn certify_agent(
        &self,
        actor: Actor,
        name: AgentName,
        certificate: NewCertificate,
        now: Timestamp,
    ) -> Result<Agent, Failure<DeskRefusal>> {
        self.database
            .write(CertifyAgent {
                actor,
                name,
                certificate,
                now,
            })
            .await
    }

    /// Gives an agent another post.
    pub async fn set_agent_role(
        &self,
        actor: Actor,
        agent: Agent,
        reason: Remark,
        now: Timestamp,
    ) -> Result<Change, Failure<DeskRefusal>> {
        self.database
            .write(SetAgentRole {
                actor,
                agent,
                reason,
                now,
            })
            .await
    }

    /// Ends an agent's work here, its certificate, what it asked and nobody approved, and what is kept for it to be
    /// answered again.
    pub async fn revoke_agent(
        &self,
        actor: Actor,
        name: AgentName,
        reason: Remark,
        now: Timestamp,
    ) -> Result<Change, Failure<DeskRefusal>> {
        self.database
            .write(RevokeAgent {
                actor,
                name,
                reason,
                now,
            })
            .await
    }

    /// The agents by name, those that were revoked last; as many as [`AGENTS_MAX`].
    pub async fn agents(&self) -> Result<Vec<AgentRecord>, Failure<DeskRefusal>> {
        self.database.read(ListAgents).await
    }

    /// The agent whose certificate this is. None if it is nobody's, or no longer.
    pub async fn agent(
        &self,
        certificate: CertificateHash,
        now: Timestamp,
    ) -> Result<Option<Agent>, Failure<Infallible>> {
        self.database.read(FindAgent { certificate, now }).await
    }
}

struct AddAgent {
    actor: Actor,
    agent: Agent,
    certificate: NewCertificate,
    now: Timestamp,
}

impl Work for AddAgent {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let Agent { name, post } = &self.agent;
        let known = find(tx, name).await?;
        if known.is_some_and(|known| known.revoked.is_none()) {
            return Err(Failure::Refused(DeskRefusal::AgentExists(name.clone())));
        }
        demand_room(tx).await?;
        demand_account_of(tx, post).await?;
        tx.exec_one(
            "INSERT INTO agent (name, role, account, added, certificate, expires)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (name) DO UPDATE SET role = excluded.role, account = excluded.account,
                 added = excluded.added, certificate = excluded.certificate, expires = excluded.expires,
                 revoked = NULL",
            &vals![
                name.as_str(),
                post.role_id(),
                post.account().map(AccountName::as_str),
                self.now,
                &self.certificate.hash.0,
                self.certificate.expires
            ],
        )
        .await?;
        let detail = format!(
            "role {post}, certificate until {}",
            self.certificate.expires
        );
        let subject = agent_subject(name);
        record(tx, &self.actor, "add-agent", &subject, &detail, self.now).await?;
        Ok(())
    }
}

struct CertifyAgent {
    actor: Actor,
    name: AgentName,
    certificate: NewCertificate,
    now: Timestamp,
}

impl Work for CertifyAgent {
    type Out = Agent;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Agent, Failure<DeskRefusal>> {
        let agent = demand_agent(tx, &self.name).await?;
        tx.exec_one(
            "UPDATE agent SET certificate = $2, expires = $3 WHERE name = $1",
            &vals![
                self.name.as_str(),
                &self.certificate.hash.0,
                self.certificate.expires
            ],
        )
        .await?;
        let detail = format!(
            "until {}, in place of the one before",
            self.certificate.expires
        );
        let subject = agent_subject(&self.name);
        record(
            tx,
            &self.actor,
            "certify-agent",
            &subject,
            &detail,
            self.now,
        )
        .await?;
        Ok(agent)
    }
}

struct SetAgentRole {
    actor: Actor,
    agent: Agent,
    reason: Remark,
    now: Timestamp,
}

impl Work for SetAgentRole {
    type Out = Change;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Change, Failure<DeskRefusal>> {
        let Agent { name, post } = &self.agent;
        let before = demand_agent(tx, name).await?.post;
        if before == *post {
            return Ok(Change::Already);
        }
        demand_account_of(tx, post).await?;
        let own = post.account().map(AccountName::as_str);
        tx.exec_one(
            "UPDATE agent SET role = $2, account = $3 WHERE name = $1",
            &vals![name.as_str(), post.role_id(), own],
        )
        .await?;
        // An answer of before may be about what is not seen any more.
        if before.account().is_some() || own.is_some() {
            forget_answers(tx, name).await?;
        }
        let detail = format!("{before} to {post}: {}", self.reason);
        let subject = agent_subject(name);
        record(
            tx,
            &self.actor,
            "set-agent-role",
            &subject,
            &detail,
            self.now,
        )
        .await?;
        Ok(Change::Made)
    }
}

struct RevokeAgent {
    actor: Actor,
    name: AgentName,
    reason: Remark,
    now: Timestamp,
}

impl Work for RevokeAgent {
    type Out = Change;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Change, Failure<DeskRefusal>> {
        let known = find(tx, &self.name).await?;
        let unknown = || DeskRefusal::AgentUnknown(self.name.clone());
        if known
            .ok_or_else(|| Failure::Refused(unknown()))?
            .revoked
            .is_some()
        {
            return Ok(Change::Already);
        }
        tx.exec_one(
            "UPDATE agent SET revoked = $2, certificate = NULL WHERE name = $1",
            &vals![self.name.as_str(), self.now],
        )
        .await?;
        forget_answers(tx, &self.name).await?;
        let (action, reason) = ("revoke-agent", self.reason.as_str());
        let subject = agent_subject(&self.name);
        record(tx, &self.actor, action, &subject, reason, self.now).await?;
        reject_all_of(tx, &self.actor, &self.name, self.now).await?;
        Ok(Change::Made)
    }
}

struct ListAgents;

impl Work for ListAgents {
    type Out = Vec<AgentRecord>;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<AgentRecord>, Failure<DeskRefusal>> {
        let agents = tx
            .rows(
                "SELECT name, role, account, added, expires, revoked FROM agent
                 ORDER BY revoked IS NOT NULL, name LIMIT $1",
                &vals![AGENTS_MAX],
            )
            .await?;
        Ok(agents)
    }
}

struct FindAgent {
    certificate: CertificateHash,
    now: Timestamp,
}

impl Work for FindAgent {
    type Out = Option<Agent>;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Option<Agent>, Failure<Infallible>> {
        let found: Option<AgentRecord> = tx
            .row(
                "SELECT name, role, account, added, expires, revoked FROM agent
                 WHERE certificate = $1 AND expires > $2 AND revoked IS NULL",
                &vals![&self.certificate.0, self.now],
            )
            .await?;
        Ok(found.map(|record| record.agent))
    }
}

/// An agent that works here.
async fn demand_agent<T: Tx>(tx: &mut T, name: &AgentName) -> Result<Agent, Failure<DeskRefusal>> {
    let working = working_agent(tx, name).await?;
    working.ok_or_else(|| Failure::Refused(DeskRefusal::AgentUnknown(name.clone())))
}

/// An agent, if it works here.
pub(super) async fn working_agent<T: Tx>(
    tx: &mut T,
    name: &AgentName,
) -> Result<Option<Agent>, SqlError> {
    let found = find(tx, name).await?;
    let working = found.filter(|record| record.revoked.is_none());
    Ok(working.map(|record| record.agent))
}

/// The customer whom an agent is to be there for.
async fn demand_account_of<T: Tx>(tx: &mut T, post: &Post) -> Result<(), Failure<DeskRefusal>> {
    match post.account() {
        Some(account) => demand_account(tx, account).await,
        None => Ok(()),
    }
}

/// Forgets what an agent would be answered again.
async fn forget_answers<T: Tx>(tx: &mut T, name: &AgentName) -> Result<(), SqlError> {
    tx.exec(
        "DELETE FROM agent_reply WHERE agent = $1",
        &vals![name.as_str()],
    )
    .await?;
    Ok(())
}

async fn demand_room<T: Tx>(tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
    let count = tx
        .row::<(u32,)>("SELECT count(*) FROM agent WHERE revoked IS NULL", &[])
        .await?;
    match count {
        Some((count,)) if count >= AGENTS_MAX => Err(Failure::Refused(DeskRefusal::AgentsFull)),
        _ => Ok(()),
    }
}

async fn find<T: Tx>(tx: &mut T, name: &AgentName) -> Result<Option<AgentRecord>, SqlError> {
    tx.row(
        "SELECT name, role, account, added, expires, revoked FROM agent WHERE name = $1",
        &vals![name.as_str()],
    )
    .await
}

/// How the history names an agent: a customer may have the same name.
pub(super) fn agent_subject(name: &AgentName) -> String {
    format!("agent {name}")
}

impl FromRow for AgentRecord {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let name: String = row.get(0)?;
        let role: String = row.get(1)?;
        let own: Option<String> = row.get(2)?;
        let own = own.map(|own| account(&own, "agent", &name)).transpose()?;
        Ok(Self {
            agent: Agent {
                name: identifier(&name, "agent", &name, "name")?,
                post: Post::of(&role, own)
                    .map_err(|_| SqlError::damaged("agent", name.as_str(), "role"))?,
            },
            added: row.get(3)?,
            expires: row.get(4)?,
            revoked: row.get(5)?,
        })
    }
}
