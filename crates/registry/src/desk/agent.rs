//! Who works at the desk over the network.

use domain::audit::Actor;
use domain::licensing::{Agent, AgentName, CertificateHash, Change, KeyHash, Post, Remark};
use domain::time::Timestamp;
use store::Undecided;
use store::registry::{AgentMessage, AgentRecord, NewCertificate};
use zeroize::Zeroizing;

use super::{Desk, DeskError};
use crate::pki::{Issued, RequestedKey};
use crate::process::known;

/// An agent with its certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certified {
    /// Who, and for whom it is there.
    pub agent: Agent,
    /// Its certificate and the authority's, as PEM.
    pub pem: String,
    /// The certificate's end.
    pub expires: Timestamp,
}

impl Desk {
    /// Adds an agent, who holds the key in `request`: a PKCS #10 request (RFC 2986) as PEM.
    pub async fn add_agent(
        &self,
        actor: Actor,
        name: AgentName,
        post: Post,
        request: &str,
    ) -> Result<Certified, DeskError> {
        let now = self.clock.now();
        let (certificate, pem) = self.certificate(&name, request, now)?;
        let agent = Agent { name, post };
        self.store
            .add_agent(actor, agent.clone(), certificate, now)
            .await?;
        Ok(Certified {
            agent,
            pem,
            expires: certificate.expires,
        })
    }

    /// SHA-256 of the key (`SubjectPublicKeyInfo`, DER) whose holder asks for a certificate.
    pub fn requested_key(&self, request: &str) -> Result<KeyHash, DeskError> {
        Ok(RequestedKey::of_request(request)?.hash())
    }

    /// Gives an agent a certificate for the key in `request`; it ends the one before.
    pub async fn certify_agent(
        &self,
        actor: Actor,
        name: AgentName,
        request: &str,
    ) -> Result<Certified, DeskError> {
        let now = self.clock.now();
        let (certificate, pem) = self.certificate(&name, request, now)?;
        let agent = self
            .store
            .certify_agent(actor, name, certificate, now)
            .await?;
        Ok(Certified {
            agent,
            pem,
            expires: certificate.expires,
        })
    }

    /// Gives an agent another post.
    pub async fn set_agent_role(
        &self,
        actor: Actor,
        agent: Agent,
        reason: Remark,
    ) -> Result<Change, DeskError> {
        Ok(self
            .store
            .set_agent_role(actor, agent, reason, self.clock.now())
            .await?)
    }

    /// Ends an agent's work here, and its certificate.
    pub async fn revoke_agent(
        &self,
        actor: Actor,
        name: AgentName,
        reason: Remark,
    ) -> Result<Change, DeskError> {
        Ok(self
            .store
            .revoke_agent(actor, name, reason, self.clock.now())
            .await?)
    }

    /// The agents by name, those that were revoked last.
    pub async fn agents(&self) -> Result<Vec<AgentRecord>, DeskError> {
        Ok(self.store.agents().await?)
    }

    /// Begins a command that may come again: the answer, if it was done before.
    pub async fn begin_message(
        &self,
        message: AgentMessage,
    ) -> Result<Option<Zeroizing<String>>, DeskError> {
        let now = self.clock.now();
        Ok(self.store.begin_message(message, now).await?)
    }

    /// Keeps the answer of a command that was done, or forgets one that was refused.
    pub async fn finish_message(
        &self,
        message: AgentMessage,
        answer: Option<Zeroizing<String>>,
    ) -> Result<(), DeskError> {
        Ok(self.store.finish_message(message, answer).await?)
    }

    /// The agent whose certificate this is.
    pub(crate) async fn agent(
        &self,
        certificate: CertificateHash,
    ) -> Result<Option<Agent>, Undecided> {
        known(self.store.agent(certificate, self.clock.now()).await)
    }

    fn certificate(
        &self,
        name: &AgentName,
        request: &str,
        now: Timestamp,
    ) -> Result<(NewCertificate, String), DeskError> {
        let key = RequestedKey::of_request(request)?;
        let Issued { pem, hash, end } = self.pki.certify_agent(name, &key, now)?;
        let expires = end;
        Ok((NewCertificate { hash, expires }, pem))
    }
}
