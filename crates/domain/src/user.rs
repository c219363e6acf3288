//! Users: `config user local`.

use ident::TokenSerial;

use crate::name::UserName;
use crate::password::PasswordHash;

/// A switch that FortiOS writes as `enable | disable`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Switch {
    /// On.
    Enable,
    /// Off.
    Disable,
}

/// `set two-factor`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TwoFactor {
    /// The password is enough.
    #[default]
    Disable,
    /// A code of the assigned token.
    Fortitoken,
}

/// A person who logs in with a password kept here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The name, as written and as looked up.
    pub name: UserName,
    /// Whether the person may log in at all.
    pub status: Switch,
    /// The first factor; without one nobody logs in.
    pub password: Option<PasswordHash>,
    /// The second factor.
    pub two_factor: TwoFactor,
    /// The assigned token.
    pub token: Option<TokenSerial>,
    /// Where activation codes go.
    pub email: Option<Box<str>>,
}

impl User {
    /// A user who can do nothing yet.
    pub fn new(name: UserName) -> Self {
        Self {
            name,
            status: Switch::Enable,
            password: None,
            two_factor: TwoFactor::Disable,
            token: None,
            email: None,
        }
    }
}
