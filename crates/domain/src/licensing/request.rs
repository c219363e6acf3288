//! What one agent asks and another one approves.

use std::fmt;
use std::str::FromStr;

use super::{AccountName, Agent, AgentName, Role};
use crate::time::{Span, Timestamp};

/// Whether what gives something away, or takes it for good, needs two agents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DualControl {
    /// One agent is enough.
    Disable,
    /// Another one has to approve.
    Enable,
}

impl DualControl {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Disable, Self::Enable];

    /// The word on the command line and in the store. It never changes.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Enable => "enable",
        }
    }
}

impl fmt::Display for DualControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// Neither word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("enable or disable")]
pub struct DualControlError;

impl FromStr for DualControl {
    type Err = DualControlError;

    fn from_str(text: &str) -> Result<Self, DualControlError> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.id() == text).ok_or(DualControlError)
    }
}

/// The number of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RequestNumber(pub u32);

impl fmt::Display for RequestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whom a name means. Later it may mean somebody else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Named {
    /// A customer.
    Account(AccountName),
    /// Somebody who works at the desk.
    Agent(AgentName),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "account \"{name}\""),
            Self::Agent(name) => write!(f, "agent {name}"),
        }
    }
}

/// What the command in a request takes, and whom it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestTerms {
    /// The least role that has a say.
    pub role: Role,
    /// The agent that it gives something to, or takes it from.
    pub about: Option<AgentName>,
    /// The customers that it names.
    pub accounts: Vec<AccountName>,
}

/// What is known of the names in a request when it is to be approved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamesNow {
    /// Who asked, as that agent is now.
    pub asker: Option<Agent>,
    /// A name, of who asked or in the command, that was given to somebody, or taken from them, since.
    pub changed_since: Option<Named>,
}

/// A command that waits for another agent, or did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeskRequest {
    /// Its number.
    pub number: RequestNumber,
    /// Who asked.
    pub agent: AgentName,
    /// Which command.
    pub command: Box<str>,
    /// With which arguments, as a JSON object, a file by what it holds. They do not change.
    pub arguments: Box<str>,
    /// When.
    pub asked: Timestamp,
    /// What became of it.
    pub closed: Option<Closed>,
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Closed {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Box<str>,
    /// What they said.
    pub verdict: Verdict,
    /// Why the desk did nothing although it was approved.
    pub refusal: Option<Box<str>>,
}

/// What another agent says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is done.
    Approved,
    /// It is not.
    Rejected,
}

impl Verdict {
    const ALL: [Self; 2] = [Self::Approved, Self::Rejected];

    /// The word in answers and in the store. It never changes.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// The verdict with this word.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.id() == id)
    }
}

/// How a request stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestState {
    /// Another agent may approve it.
    Waiting,
    /// Nobody did in time.
    Expired,
    /// Somebody said something.
    Closed(Verdict),
}

/// Why a request is not closed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestRefusal {
    /// It was closed before.
    #[error("request {0} was {1} already, by {2}")]
    Closed(RequestNumber, &'static str, Box<str>),
    /// Nobody approved it in time.
    #[error("request {0} waited too long; have it asked again")]
    Expired(RequestNumber),
    /// One person is not two.
    #[error("request {0} is {1}'s own; another agent has to approve it")]
    Own(RequestNumber, AgentName),
    /// Nobody decides in their own case.
    #[error("request {0} is about {1}, who has no say in it; another agent has")]
    About(RequestNumber, AgentName),
    /// Who asked may not any more.
    #[error("{1}, who asked for request {0}, has no longer the role {2}; reject it")]
    AskerMayNot(RequestNumber, AgentName, Role),
    /// The name may mean somebody else now.
    #[error(
        "{1} was added or renamed after request {0} was asked; reject it, and have it asked anew"
    )]
    ChangedSince(RequestNumber, Named),
}

impl DeskRequest {
    /// How long it waits: over a weekend.
    pub const LIFE: Span = Span::from_hours(72);

    /// Until when it can be approved.
    pub fn expires(&self) -> Timestamp {
        self.asked.after(Self::LIFE)
    }

    /// How it stands.
    pub fn state(&self, now: Timestamp) -> RequestState {
        match &self.closed {
            Some(closed) => RequestState::Closed(closed.verdict),
            None if self.expires() <= now => RequestState::Expired,
            None => RequestState::Waiting,
        }
    }

    /// Decides whether `by` may approve it.
    pub fn approve(
        &self,
        by: &str,
        terms: &RequestTerms,
        names: NamesNow,
        now: Timestamp,
    ) -> Result<(), RequestRefusal> {
        self.demand_waiting(now)?;
        if self.is_own(by) {
            return Err(RequestRefusal::Own(self.number, self.agent.clone()));
        }
        self.demand_not_about(by, terms)?;
        let asker = names.asker;
        if asker.is_none_or(|asker| asker.demand(terms.role).is_err()) {
            let (agent, needed) = (self.agent.clone(), terms.role);
            return Err(RequestRefusal::AskerMayNot(self.number, agent, needed));
        }
        match names.changed_since {
            Some(named) => Err(RequestRefusal::ChangedSince(self.number, named)),
            None => Ok(()),
        }
    }

    /// Decides whether `by` may reject it: anybody who may approve it, and who asked.
    pub fn reject(
        &self,
        by: &str,
        terms: &RequestTerms,
        now: Timestamp,
    ) -> Result<(), RequestRefusal> {
        self.demand_waiting(now)?;
        if self.is_own(by) {
            return Ok(());
        }
        self.demand_not_about(by, terms)
    }

    fn is_own(&self, by: &str) -> bool {
        self.agent.as_str() == by
    }

    fn demand_not_about(&self, by: &str, terms: &RequestTerms) -> Result<(), RequestRefusal> {
        match &terms.about {
            Some(about) if about.as_str() == by => {
                Err(RequestRefusal::About(self.number, about.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Demands that it may be approved or rejected still.
    pub fn demand_waiting(&self, now: Timestamp) -> Result<(), RequestRefusal> {
        if let Some(closed) = &self.closed {
            let (verdict, by) = (closed.verdict.id(), closed.by.clone());
            return Err(RequestRefusal::Closed(self.number, verdict, by));
        }
        if self.expires() <= now {
            return Err(RequestRefusal::Expired(self.number));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Post;
    use super::*;

    const ASKED: Timestamp = Timestamp::from_secs(1_000);

    fn agent(name: &str, role: Role) -> Agent {
        Agent {
            name: name.parse().unwrap(),
            post: Post::Desk(role),
        }
    }

    fn request() -> DeskRequest {
        DeskRequest {
            number: RequestNumber(7),
            agent: "carol".parse().unwrap(),
            command: "revoke-licence".into(),
            arguments: "{}".into(),
            asked: ASKED,
            closed: None,
        }
    }

    fn terms() -> RequestTerms {
        RequestTerms {
            role: Role::Manager,
            about: None,
            accounts: Vec::new(),
        }
    }

    fn asked_by(asker: Option<Agent>) -> NamesNow {
        NamesNow {
            asker,
            changed_since: None,
        }
    }

    #[test]
    fn two_agents_with_the_right_are_needed() {
        let carol = agent("carol", Role::Manager);
        let approve = |by, asker| request().approve(by, &terms(), asked_by(asker), ASKED);
        assert_eq!(approve("dave", Some(carol.clone())), Ok(()));
        let own = approve("carol", Some(carol)).unwrap_err();
        assert!(matches!(own, RequestRefusal::Own(..)));
        for asker in [None, Some(agent("carol", Role::Agent))] {
            let gone = approve("dave", asker).unwrap_err();
            assert!(matches!(gone, RequestRefusal::AskerMayNot(..)));
        }
    }

    #[test]
    fn whom_a_request_is_about_has_no_say_in_it() {
        let carol = asked_by(Some(agent("carol", Role::Manager)));
        let about = |name: &str| RequestTerms {
            about: Some(name.parse().unwrap()),
            ..terms()
        };
        let refused = Err(RequestRefusal::About(
            RequestNumber(7),
            "mallory".parse().unwrap(),
        ));
        let approve = |by| request().approve(by, &about("mallory"), carol.clone(), ASKED);
        assert_eq!(approve("mallory"), refused);
        assert_eq!(approve("dave"), Ok(()));
        let reject = |by, whom| request().reject(by, &about(whom), ASKED);
        assert_eq!(reject("mallory", "mallory"), refused);
        assert_eq!(reject("dave", "mallory"), Ok(()));
        // What somebody asked for themselves they may withdraw.
        assert_eq!(reject("carol", "carol"), Ok(()));
    }

    #[test]
    fn a_name_means_whom_it_meant_when_it_was_asked() {
        let names = NamesNow {
            changed_since: Some(Named::Account(AccountName::parse("Rich").unwrap())),
            ..asked_by(Some(agent("carol", Role::Manager)))
        };
        let refused = request().approve("dave", &terms(), names, ASKED);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "account \"Rich\" was added or renamed after request 7 was asked; reject it, and have it asked anew"
        );
    }

    #[test]
    fn a_request_waits_for_its_time_and_is_closed_once() {
        let carol = asked_by(Some(agent("carol", Role::Manager)));
        let late = ASKED.after(DeskRequest::LIFE);
        let expired = RequestRefusal::Expired(RequestNumber(7));
        let approved = request().approve("dave", &terms(), carol.clone(), late);
        assert_eq!(approved, Err(expired.clone()));
        assert_eq!(request().reject("dave", &terms(), late), Err(expired));
        assert_eq!(request().state(late), RequestState::Expired);
        assert_eq!(request().reject("dave", &terms(), ASKED), Ok(()));
        let closed = DeskRequest {
            closed: Some(Closed {
                at: ASKED,
                by: "dave".into(),
                verdict: Verdict::Rejected,
                refusal: None,
            }),
            ..request()
        };
        let again = closed.approve("dave", &terms(), carol, ASKED);
        let again = again.unwrap_err().to_string();
        assert_eq!(again, "request 7 was rejected already, by dave");
    }
}
