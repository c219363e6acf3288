//! Who works at the desk over the network.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use domain::audit::Actor;
use domain::licensing::{AccountName, Agent, AgentName, Change, Post, PostError};
use registry::{Certified, Desk};
use serde::Serialize;
use serde_json::json;
use store::registry::AgentRecord;

use super::answer::{Answer, is_made, moment};
use super::command::{Why, account_name};
use super::parcel::Content;

#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Let somebody work at the desk over the network
    AddAgent {
        /// Who: lower-case letters, digits, dots, hyphens and underscores
        name: AgentName,
        /// What they may do: account, read, agent or manager
        #[arg(long)]
        role: String,
        /// The customer whose things they see, with the role account
        #[arg(long, value_parser = account_name)]
        account: Option<AccountName>,
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
        /// What they may do from now on: account, read, agent or manager
        role: String,
        /// The customer whose things they see, with the role account
        #[arg(long, value_parser = account_name)]
        account: Option<AccountName>,
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

    /// For whom an agent is to be there.
    fn post(&self) -> Option<Result<Post, PostError>> {
        match self {
            Self::AddAgent { role, account, .. } | Self::SetAgentRole { role, account, .. } => {
                Some(Post::of(role, account.clone()))
            }
            Self::CertifyAgent { .. } | Self::RevokeAgent { .. } | Self::ListAgents => None,
        }
    }

    /// Refuses a role that goes with a customer and has none, or has one and goes with none.
    pub(super) fn check(&self) -> Result<(), PostError> {
        self.post().transpose().map(drop)
    }

    /// The customer that it names.
    pub(super) fn account(&self) -> Option<&AccountName> {
        match self {
            Self::AddAgent { account, .. } | Self::SetAgentRole { account, .. } => account.as_ref(),
            Self::CertifyAgent { .. } | Self::RevokeAgent { .. } | Self::ListAgents => None,
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
            Self::AddAgent {
                name,
                role,
                account,
                key: _,
            } => {
                let post = Post::of(&role, account)?;
                let request = request_of(&files)?;
                certified(&desk.add_agent(actor, name, post, request).await?)
            }
            Self::CertifyAgent { name, key: _ } => {
                let request = request_of(&files)?;
                certified(&desk.certify_agent(actor, name, request).await?)
            }
            Self::SetAgentRole {
                name,
                role,
                account,
                why,
            } => {
                let post = Post::of(&role, account)?;
                let agent = Agent { name, post };
                let change = desk
                    .set_agent_role(actor, agent.clone(), why.reason)
                    .await?;
                let Agent { name, post } = agent;
                let text = format!("agent {name} has the role {post}\n");
                let data = json!({
                    "agent": name.as_str(),
                    "role": post.role_id(),
                    "account": post.account().map(AccountName::as_str),
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
        agent: Agent { name, post },
        pem,
        expires,
    } = certified;
    let text = format!("agent {name} has the role {post}, and a certificate until {expires}\n");
    let data = json!({
        "agent": name.as_str(),
        "role": post.role_id(),
        "account": post.account().map(AccountName::as_str),
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
        agent: Agent { name, post },
        added,
        expires,
        revoked,
    } in &agents
    {
        let end = match revoked {
            Some(at) => format!("revoked {at}"),
            None => expires.to_string(),
        };
        let role = post.role_id();
        writeln!(text, "{name:<width$}  {role:<7}  {added}  {end}")?;
        if let Some(account) = post.account() {
            writeln!(text, "{:<width$}  \"{account}\"", "")?;
        }
    }
    let agents: Vec<_> = agents.iter().map(AgentView::from).collect();
    Ok(Answer::new(text, &json!({ "agents": agents }))?)
}

#[derive(Serialize)]
struct AgentView {
    agent: String,
    role: &'static str,
    account: Option<String>,
    added: String,
    expires: String,
    revoked: Option<String>,
}

impl From<&AgentRecord> for AgentView {
    fn from(record: &AgentRecord) -> Self {
        Self {
            agent: record.agent.name.to_string(),
            role: record.agent.post.role_id(),
            account: record.agent.post.account().map(AccountName::to_string),
            added: moment(record.added),
            expires: moment(record.expires),
            revoked: record.revoked.map(moment),
        }
    }
}
