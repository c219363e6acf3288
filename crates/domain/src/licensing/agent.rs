//! Who works at the desk over the network.

use std::fmt;
use std::str::FromStr;

use super::AccountName;

/// What somebody of the desk may do. Each role may what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Looks things up.
    Read,
    /// Does the daily work.
    Agent,
    /// Also takes things away for good, and decides who works here.
    Manager,
}

impl Role {
    /// All, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Agent, Self::Manager];

    /// The word on the command line and in the store. It never changes.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Agent => "agent",
            Self::Manager => "manager",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// Not the word of a role of the desk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a role is read, agent or manager")]
pub struct RoleError;

/// For whom an agent is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Post {
    /// For the desk: it sees everything, and does what its role may.
    Desk(Role),
    /// For one customer: it sees what is the customer's, and asks for it.
    Account(AccountName),
}

/// Not a post.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PostError {
    /// Not the word of a role.
    #[error("a role is {}, read, agent or manager", Post::ACCOUNT)]
    Role,
    /// The customer is missing.
    #[error(
        "the role {} is for one customer: say which with --account",
        Post::ACCOUNT
    )]
    NoAccount,
    /// A customer for somebody of the desk.
    #[error(
        "the role {0} is for all customers: leave --account out, or give the role {own}",
        own = Post::ACCOUNT
    )]
    ForAll(Role),
}

impl Post {
    /// The word for an agent of one customer, on the command line and in the store. It never changes.
    pub const ACCOUNT: &str = "account";

    /// The post with this word, for this customer if there is one.
    pub fn of(role: &str, account: Option<AccountName>) -> Result<Self, PostError> {
        if role == Self::ACCOUNT {
            return account.map(Self::Account).ok_or(PostError::NoAccount);
        }
        let role = role.parse().map_err(|_| PostError::Role)?;
        match account {
            Some(_) => Err(PostError::ForAll(role)),
            None => Ok(Self::Desk(role)),
        }
    }

    /// The word on the command line and in the store.
    pub const fn role_id(&self) -> &'static str {
        match self {
            Self::Desk(role) => role.id(),
            Self::Account(_) => Self::ACCOUNT,
        }
    }

    /// The customer, if it is there for one.
    pub fn account(&self) -> Option<&AccountName> {
        match self {
            Self::Desk(_) => None,
            Self::Account(account) => Some(account),
        }
    }

    /// What it sees.
    pub fn sight(&self) -> Sight {
        match self {
            Self::Desk(_) => Sight::Everything,
            Self::Account(account) => Sight::Account(account.clone()),
        }
    }
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Desk(role) => role.fmt(f),
            Self::Account(account) => write!(f, "{} of \"{account}\"", Self::ACCOUNT),
        }
    }
}

/// What somebody sees at the desk. Of what lies outside it the answers are those of what does not exist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sight {
    /// All customers.
    Everything,
    /// What is this customer's, since it is.
    Account(AccountName),
}

impl Sight {
    /// Whether what is `owner`'s is seen.
    pub fn sees(&self, owner: &AccountName) -> bool {
        match self {
            Self::Everything => true,
            Self::Account(own) => own == owner,
        }
    }

    /// The only customer whose things are seen.
    pub fn account(&self) -> Option<&AccountName> {
        match self {
            Self::Everything => None,
            Self::Account(own) => Some(own),
        }
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        let mut roles = Self::ALL.into_iter();
        roles.find(|role| role.id() == text).ok_or(RoleError)
    }
}

/// The name of an agent, as the record has it: 1 to 32 lower-case letters, digits, dots, hyphens and
/// underscores, the first a letter or digit. Two names that look alike are the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AgentName(Box<str>);

/// Why a text is not the name of an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "an agent's name has 1 to {} lower-case letters, digits, dots, hyphens and underscores, and begins with \
     a letter or digit",
    AgentName::MAX_CHARS
)]
pub struct AgentNameError;

impl AgentName {
    /// A column of the history.
    pub const MAX_CHARS: usize = 32;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgentName {
    type Err = AgentNameError;

    fn from_str(text: &str) -> Result<Self, AgentNameError> {
        let is_letter = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
        let begins = text.bytes().next().is_some_and(is_letter);
        let rest = text
            .bytes()
            .all(|octet| is_letter(octet) || matches!(octet, b'.' | b'-' | b'_'));
        if begins && rest && text.len() <= Self::MAX_CHARS {
            Ok(Self(text.into()))
        } else {
            Err(AgentNameError)
        }
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// SHA-256 of a certificate as DER.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CertificateHash(pub [u8; 32]);

/// An agent whose certificate counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agent {
    /// Who.
    pub name: AgentName,
    /// For whom it is there.
    pub post: Post,
}

/// An agent's role is not enough.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "this needs the role {needed}; {} has the role {}: {}",
    agent.name,
    agent.post,
    self.next_step()
)]
pub struct RoleRefusal {
    /// Who asked.
    pub agent: Agent,
    /// The least role that may.
    pub needed: Role,
}

impl RoleRefusal {
    fn next_step(&self) -> String {
        match self.agent.post {
            Post::Desk(_) => format!("have an agent with the role {} do it", self.needed),
            Post::Account(_) => {
                "ask the desk for it; where something is to go to another gateway, with `open-ticket`".to_owned()
            }
        }
    }
}

impl Agent {
    /// Demands that it may what takes at least the role `needed`.
    pub fn demand(&self, needed: Role) -> Result<(), RoleRefusal> {
        match self.post {
            Post::Desk(role) if role >= needed => Ok(()),
            Post::Desk(_) | Post::Account(_) => Err(RoleRefusal {
                agent: self.clone(),
                needed,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_what_those_before_it_may() {
        for (at, &role) in Role::ALL.iter().enumerate() {
            let agent = Agent {
                name: "carol".parse().unwrap(),
                post: Post::Desk(role),
            };
            for (level, &needed) in Role::ALL.iter().enumerate() {
                assert_eq!(agent.demand(needed).is_ok(), level <= at, "{role} {needed}");
            }
            assert_eq!(role.id().parse(), Ok(role));
        }
        assert_eq!("admin".parse::<Role>(), Err(RoleError));
    }

    #[test]
    fn a_refusal_says_which_role_is_needed() {
        let agent = Agent {
            name: "carol".parse().unwrap(),
            post: Post::Desk(Role::Read),
        };
        let refused = agent.demand(Role::Manager).unwrap_err().to_string();
        assert_eq!(
            refused,
            "this needs the role manager; carol has the role read: have an agent with the role manager do it"
        );
    }

    #[test]
    fn an_agent_of_a_customer_has_no_role_of_the_desk_and_sees_its_own() {
        let account = |name| AccountName::parse(name).unwrap();
        let agent = Agent {
            name: "erin".parse().unwrap(),
            post: Post::of("account", Some(account("Example Ltd"))).unwrap(),
        };
        let refused = agent.demand(Role::Read).unwrap_err().to_string();
        let expected = "this needs the role read; erin has the role account of \"Example Ltd\": ask the desk for it; \
                        where something is to go to another gateway, with `open-ticket`";
        assert_eq!(refused, expected);
        let sight = agent.post.sight();
        assert!(sight.sees(&account("Example Ltd")));
        assert!(!sight.sees(&account("Example Ltd.")));
    }

    #[test]
    fn a_post_is_for_one_customer_or_for_all() {
        let own = || AccountName::parse("own").ok();
        for role in Role::ALL {
            assert_eq!(Post::of(role.id(), None), Ok(Post::Desk(role)));
            assert_eq!(Post::of(role.id(), own()), Err(PostError::ForAll(role)));
        }
        assert_eq!(Post::of("account", None), Err(PostError::NoAccount));
        assert_eq!(Post::of("admin", own()), Err(PostError::Role));
    }

    #[test]
    fn names_do_not_differ_by_what_nobody_sees() {
        for name in ["carol", "c", "carol.smith-2_x", "4711"] {
            assert_eq!(name.parse::<AgentName>().unwrap().as_str(), name);
        }
        let long = "a".repeat(33);
        for name in [
            "", "Carol", ".carol", "carol ", "cärol", "a,b", "a\nb", &long,
        ] {
            assert!(name.parse::<AgentName>().is_err(), "{name:?}");
        }
    }
}
