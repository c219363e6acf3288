//! Who works at the desk over the network.

use std::fmt;
use std::str::FromStr;

/// What an agent may do. Each role may what those before it may.
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

/// Not the word of a role.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a role is read, agent or manager")]
pub struct RoleError;

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
    /// What it may do.
    pub role: Role,
}

/// An agent's role is not enough.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this needs the role {needed}; {} has the role {}", agent.name, agent.role)]
pub struct RoleRefusal {
    /// Who asked.
    pub agent: Agent,
    /// The least role that may.
    pub needed: Role,
}

impl Agent {
    /// Demands that it may what takes at least the role `needed`.
    pub fn demand(&self, needed: Role) -> Result<(), RoleRefusal> {
        if self.role >= needed {
            return Ok(());
        }
        Err(RoleRefusal {
            agent: self.clone(),
            needed,
        })
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
                role,
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
            role: Role::Read,
        };
        let refused = agent.demand(Role::Manager).unwrap_err().to_string();
        assert_eq!(
            refused,
            "this needs the role manager; carol has the role read"
        );
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
