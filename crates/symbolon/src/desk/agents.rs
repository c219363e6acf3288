//! Who works at the desk over the network.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use domain::audit::Actor;
use domain::licensing::{Agent, AgentName, Change, Role};
use registry::{Certified, Desk};
use serde::Serialize;
use serde_json::json;
use store::registry::AgentRecord;

use super::answer::{Answer, is_made, moment};
use super::command::Why;
use super::parcel::Content;

#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Let somebody work at the desk over the network
    AddAgent {
        /// Who: lower-case letters, digits, dots, hyphens and underscores
        name: AgentName,
        /// What they may do: read, agent or manager
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Give an agent another certificate, which ends the one before
    CertifyAgent {
        /// Who
        name: AgentName,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Give an agent another role
    SetAgentRole {
        /// Who
        name: AgentName,
        /// What they may do from now on: read, agent or manager
        role: Role,
        #[command(flatten)]
        why: Why,
    },
    /// End an agent's work here, and the certificate
    RevokeAgent {
        /// Who
        name: AgentName,
        #[command(flatten)]
        why: Why,
    },
    /// List agents with their roles and the ends of their certificates
    ListAgents,
}

/// Whose key is certified.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct KeyArgs {
    /// Where a new key and its certificate go: a file that is not there yet, and that nobody else can read
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// A PKCS #10 request of whoever holds the key already (P-256, PEM)
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
}

impl AgentCommand {
    fn key(&self) -> Option<&KeyArgs> {
        match self {
            Self::AddAgent { key, .. } | Self::CertifyAgent { key, .. } => Some(key),
            Self::SetAgentRole { .. } | Self::RevokeAgent { .. } | Self::ListAgents => None,
        }
    }

    /// Whom it gives something to, or takes it from.
    pub(super) fn about(&self) -> Option<&AgentName> {
        match self {
            Self::AddAgent { name, .. }
            | Self::CertifyAgent { name, .. }
            | Self::SetAgentRole { name, .. }
            | Self::RevokeAgent { name, .. } => Some(name),
            Self::ListAgents => None,
        }
    }

    /// The files whose content goes along with it.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let request = self.key().and_then(|key| key.request.as_deref());
        request.into_iter()
    }

    /// The file for a key that whoever asks makes.
    pub(super) fn new_key(&self) -> Option<&Path> {
        self.key()?.certificate.as_deref()
    }

    pub(super) async fn carry_out(
        self,
        files: Vec<Content>,
        actor: Actor,
        desk: &Desk,
    ) -> Result<Answer> {
        match self {
            Self::AddAgent { name, role, key: _ } => {
                let request = request_of(&files)?;
                certified(&desk.add_agent(actor, name, role, request).await?)
            }
            Self::CertifyAgent { name, key: _ } => {
                let request = request_of(&files)?;
                certified(&desk.certify_agent(actor, name, request).await?)
            }
            Self::SetAgentRole { name, role, why } => {
                let agent = Agent { name, role };
                let change = desk
                    .set_agent_role(actor, agent.clone(), why.reason)
                    .await?;
                let Agent { name, role } = agent;
                let text = format!("agent {name} has the role {role}\n");
                let data = json!({
                    "agent": name.as_str(),
                    "role": role.id(),
                    "changed": is_made(change),
                });
                Ok(Answer::new(text, &data)?)
            }
            Self::RevokeAgent { name, why } => {
                let change = desk.revoke_agent(actor, name.clone(), why.reason).await?;
                let text = match change {
                    Change::Made => format!("agent {name} is heard no more\n"),
                    Change::Already => format!("agent {name} was revoked already\n"),
                };
                let data = json!({ "agent": name.as_str(), "changed": is_made(change) });
                Ok(Answer::new(text, &data)?)
            }
            Self::ListAgents => list(desk).await,
        }
    }
}

fn request_of(files: &[Content]) -> Result<&str> {
    let request = files
        .first()
        .context("the certificate request did not come along")?;
    str::from_utf8(request).context("the certificate request is no text")
}

fn certified(certified: &Certified) -> Result<Answer> {
    let Certified {
        agent: Agent { name, role },
        pem,
        expires,
    } = certified;
    let text = format!("agent {name} has the role {role}, and a certificate until {expires}\n");
    let data = json!({
        "agent": name.as_str(),
        "role": role.id(),
        "certificate": pem,
        "expires": moment(*expires),
    });
    Ok(Answer::new(text, &data)?)
}

async fn list(desk: &Desk) -> Result<Answer> {
    let agents = desk.agents().await?;
    let width = AgentName::MAX_CHARS;
    let mut text = format!(
        "{:<width$}  ROLE     ADDED                 CERTIFICATE UNTIL\n",
        "AGENT"
    );
    for AgentRecord {
        agent: Agent { name, role },
        added,
        expires,
        revoked,
    } in &agents
    {
        let end = match revoked {
            Some(at) => format!("revoked {at}"),
            None => expires.to_string(),
        };
        writeln!(text, "{name:<width$}  {role:<7}  {added}  {end}")?;
    }
    let agents: Vec<_> = agents.iter().map(AgentView::from).collect();
    Ok(Answer::new(text, &json!({ "agents": agents }))?)
}

#[derive(Serialize)]
struct AgentView {
    agent: String,
    role: &'static str,
    added: String,
    expires: String,
    revoked: Option<String>,
}

impl From<&AgentRecord> for AgentView {
    fn from(record: &AgentRecord) -> Self {
        Self {
            agent: record.agent.name.to_string(),
            role: record.agent.role.id(),
            added: moment(record.added),
            expires: moment(record.expires),
            revoked: record.revoked.map(moment),
        }
    }
}
