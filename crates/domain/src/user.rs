//! Users: `config user local`.

use std::collections::BTreeMap;

use ident::TokenSerial;

use crate::backend::Kind;
use crate::contact::{Channel, Contact};
use crate::legacy;
use crate::name::UserName;
use crate::password::PasswordHash;
use crate::password_policy::History;
use crate::schema::Field;
use crate::time::Timestamp;

/// A switch that FortiOS writes as `enable | disable`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
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
    /// A code that is sent for each login.
    Sent(Channel),
}

impl TwoFactor {
    /// The word after `set two-factor`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Fortitoken => "fortitoken",
            Self::Sent(channel) => channel.word(),
        }
    }

    /// What this word says.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "disable" => Some(Self::Disable),
            "fortitoken" => Some(Self::Fortitoken),
            word => Channel::parse(word).map(Self::Sent),
        }
    }
}

/// `set type`: who knows the password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Keeper {
    /// This unit.
    #[default]
    Here,
    /// A directory or RADIUS server.
    Backend(Kind),
}

impl Keeper {
    /// The word after `set type`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Here => "password",
            Self::Backend(kind) => kind.word(),
        }
    }

    /// What this word says.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Here,
            Self::Backend(Kind::Ldap),
            Self::Backend(Kind::Radius),
        ];
        all.into_iter().find(|keeper| keeper.word() == word)
    }
}

/// A person who may log in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The name, as written and as looked up.
    pub name: UserName,
    /// Whether the person may log in at all.
    pub status: Switch,
    /// Who knows the password.
    pub keeper: Keeper,
    /// The password, where it is kept here.
    pub password: Option<PasswordHash>,
    /// The directory, where one knows it.
    pub ldap_server: Option<Box<str>>,
    /// The RADIUS server, where one knows it.
    pub radius_server: Option<Box<str>>,
    /// The second factor.
    pub two_factor: TwoFactor,
    /// The assigned token.
    pub token: Option<TokenSerial>,
    /// Where codes go.
    pub contact: Contact,
    /// The entry of `config user password-policy` that judges the user's passwords.
    pub policy: Option<Box<str>>,
    /// When the password was set; nothing if that was before it was recorded.
    pub password_set: Option<Timestamp>,
    /// Passwords so far, as far as a policy asks for them.
    pub history: History,
    /// Whether the password is kept itself, for methods that need it.
    pub radius_legacy: Switch,
    /// That password, once it was set while it is to be kept.
    pub legacy: Option<legacy::Kept>,
    /// Fields without effect.
    pub kept: Kept,
}

/// What a user's fields without effect hold, if it is not their default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept(BTreeMap<&'static str, Box<str>>);

impl Kept {
    /// Keeps what a field holds.
    pub fn set(&mut self, field: &'static Field, text: &str) {
        if text == field.default {
            self.0.remove(field.name);
        } else {
            self.0.insert(field.name, text.into());
        }
    }

    /// Names of fields, and what they hold.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, text)| (*name, &**text))
    }
}

impl User {
    /// A user who can do nothing yet.
    pub fn new(name: UserName) -> Self {
        Self {
            name,
            status: Switch::Enable,
            keeper: Keeper::default(),
            password: None,
            ldap_server: None,
            radius_server: None,
            two_factor: TwoFactor::Disable,
            token: None,
            contact: Contact::default(),
            policy: None,
            password_set: None,
            history: History::default(),
            radius_legacy: Switch::Disable,
            legacy: None,
            kept: Kept::default(),
        }
    }

    /// The entry of this kind that the user names.
    pub fn server(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Ldap => self.ldap_server.as_deref(),
            Kind::Radius => self.radius_server.as_deref(),
        }
    }
}
