//! How a person is reached: mail address, telephone, and which of them activation codes take.

use std::fmt;

use crate::schema::Object;

/// A way by which codes reach people.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Channel {
    /// By mail.
    Email,
    /// By SMS.
    Sms,
}

impl Channel {
    /// The word in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// What this word says.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Email, Self::Sms]
            .into_iter()
            .find(|channel| channel.word() == word)
    }

    /// The field that an address for it stands in.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Email => "email-to",
            Self::Sms => "sms-phone",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email => "mail",
            Self::Sms => "SMS",
        })
    }
}

/// A language in which people are told what to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// French.
    French,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// The word in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::English => "english",
            Self::French => "french",
        }
    }

    /// What this word says.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.word() == word)
    }
}

/// `set sms-server`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SmsServer {
    /// The entry of `config system sms-server` that stands for the described system's service.
    #[default]
    Fortiguard,
    /// The one that `sms-custom-server` names.
    Custom,
}

impl SmsServer {
    /// The word in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fortiguard => "fortiguard",
            Self::Custom => "custom",
        }
    }

    /// What this word says.
    pub fn parse(word: &str) -> Self {
        match word {
            "custom" => Self::Custom,
            _ => Self::Fortiguard,
        }
    }
}

/// Where a person's codes go.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contact {
    /// `email-to`.
    pub email: Option<Box<str>>,
    /// `sms-phone`.
    pub phone: Option<Box<str>>,
    /// `sms-server`.
    pub sms_server: SmsServer,
    /// `sms-custom-server`.
    pub custom_server: Option<Box<str>>,
    /// `two-factor-notification`: by which way activation codes go.
    pub notification: Option<Channel>,
    /// `language`: nothing for that of the unit.
    pub language: Option<Language>,
}

/// The fields of `user local` and `system admin` that say it.
pub const FIELDS: [&str; 6] = [
    "two-factor-notification",
    "email-to",
    "sms-server",
    "sms-custom-server",
    "sms-phone",
    "language",
];

impl Contact {
    /// What an entry of `config system admin` says.
    pub fn of(object: &Object) -> Self {
        FIELDS.into_iter().fold(Self::default(), |contact, field| {
            contact.with(field, object.text(field))
        })
    }

    /// The same with another value in one of the [`FIELDS`].
    #[must_use]
    pub fn with(mut self, field: &str, text: &str) -> Self {
        self.set(field, text);
        self
    }

    /// Sets one of the [`FIELDS`]; whether it is one.
    pub fn set(&mut self, field: &str, text: &str) -> bool {
        let value = || Some(text).filter(|text| !text.is_empty()).map(Box::from);
        match field {
            "two-factor-notification" => self.notification = Channel::parse(text),
            "email-to" => self.email = value(),
            "sms-server" => self.sms_server = SmsServer::parse(text),
            "sms-custom-server" => self.custom_server = value(),
            "sms-phone" => self.phone = value(),
            "language" => self.language = Language::parse(text),
            _ => return false,
        }
        true
    }

    /// The fields with what they hold.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        [
            (
                "two-factor-notification",
                self.notification.map(Channel::word),
            ),
            ("email-to", self.email.as_deref()),
            ("sms-server", Some(self.sms_server.word())),
            ("sms-custom-server", self.custom_server.as_deref()),
            ("sms-phone", self.phone.as_deref()),
            ("language", self.language.map(Language::word)),
        ]
        .into_iter()
    }

    /// Where messages of this way go, if one is known.
    pub fn at(&self, channel: Channel) -> Option<Address> {
        match channel {
            Channel::Email => self.email.clone().map(Address::Mail),
            Channel::Sms => self.phone.clone().map(|number| Address::Phone {
                number,
                server: self.sms_entry().into(),
            }),
        }
    }

    /// Where an activation code goes: by the way that is set, else by mail if there is an address, else
    /// by SMS.
    pub fn for_activation(&self) -> Option<Address> {
        match self.notification {
            Some(channel) => self.at(channel),
            None => self.at(Channel::Email).or_else(|| self.at(Channel::Sms)),
        }
    }

    /// The entry of `config system sms-server` by which messages go. One that is called as the
    /// described system's service stands for it.
    fn sms_entry(&self) -> &str {
        match self.sms_server {
            SmsServer::Fortiguard => SmsServer::Fortiguard.word(),
            SmsServer::Custom => self.custom_server.as_deref().unwrap_or(""),
        }
    }
}

/// Where a message goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A mail address.
    Mail(Box<str>),
    /// A telephone.
    Phone {
        /// Its number as configured.
        number: Box<str>,
        /// The entry of `config system sms-server` that carries messages to it.
        server: Box<str>,
    },
}

impl Address {
    /// The way that leads there.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Mail(_) => Channel::Email,
            Self::Phone { .. } => Channel::Sms,
        }
    }

    /// The address or number.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Mail(address) => address,
            Self::Phone { number, .. } => number,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ADMIN;

    fn both() -> Contact {
        Contact::default()
            .with("email-to", "a@example.org")
            .with("sms-phone", "+49170")
    }

    #[test]
    fn activation_codes_take_the_way_that_is_set_else_mail_before_sms() {
        let to = |contact: Contact| contact.for_activation().map(|it| it.to_string());
        assert_eq!(to(both()).as_deref(), Some("a@example.org"));
        let by_sms = both().with("two-factor-notification", "sms");
        assert_eq!(to(by_sms).as_deref(), Some("+49170"));
        assert_eq!(to(both().with("email-to", "")).as_deref(), Some("+49170"));
        let without = both()
            .with("two-factor-notification", "email")
            .with("email-to", "");
        assert_eq!(to(without), None);
    }

    #[test]
    fn an_sms_goes_by_the_entry_that_is_named_or_stands_for_the_service() {
        let server = |contact: Contact| match contact.at(Channel::Sms) {
            Some(Address::Phone { server, .. }) => server,
            other => panic!("{other:?}"),
        };
        assert_eq!(&*server(both()), "fortiguard");
        let named = both().with("sms-custom-server", "gate");
        assert_eq!(&*server(named.clone()), "fortiguard");
        assert_eq!(&*server(named.with("sms-server", "custom")), "gate");
    }

    #[test]
    fn an_administrators_entry_says_the_same() {
        let object = Object::new(&ADMIN, "admin")
            .with("email-to", Some("a@example.org"))
            .with("sms-phone", Some("+49170"));
        assert_eq!(Contact::of(&object), both());
    }
}
