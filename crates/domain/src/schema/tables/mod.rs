//! The tables themselves. Names, sizes and defaults are those of the described system.

use super::{Access, Bearing, Choice, Effect, Field, Kind, Table};

mod accprofile;
mod authserver;
mod certificate;
mod group;
mod interface;
mod log;
mod mail;
mod network;
mod password;
mod security;
mod sms;
mod system;
mod unit;
mod user;
mod verification;

pub use accprofile::ACCPROFILE;
pub use authserver::{LDAP, RADIUS};
pub use certificate::CERTIFICATE_LOCAL;
pub use group::{GROUP, GROUP_MATCH};
pub use interface::INTERFACE;
pub use log::{LOG_DISK, LOG_MEMORY, LOG_SETTING, SYSLOG_SERVERS, SyslogServer};
pub use mail::EMAIL_SERVER;
pub use network::{CENTRAL_MANAGEMENT, DNS, FORTIGUARD, NTP, NTP_SERVER, SERVER_LIST};
pub use password::PASSWORD_POLICY;
pub use security::SECURITY;
pub use sms::SMS_SERVER;
pub use system::{ADMIN, CONSOLE, GLOBAL, VDOM};
pub use unit::{FTM_PUSH, HA, SETTINGS};
pub use user::{FORTITOKEN, LOCAL, RADIUS_CLIENT, SETTING};
pub use verification::VERIFICATION_CLIENT;

/// Every table, in the order of a full configuration.
pub const ALL: &[&Table] = &[
    &VDOM,
    &GLOBAL,
    &ACCPROFILE,
    &ADMIN,
    &CONSOLE,
    &CERTIFICATE_LOCAL,
    &HA,
    &INTERFACE,
    &DNS,
    &NTP,
    &EMAIL_SERVER,
    &SMS_SERVER,
    &FTM_PUSH,
    &CENTRAL_MANAGEMENT,
    &FORTIGUARD,
    &SECURITY,
    &SETTINGS,
    &LDAP,
    &RADIUS,
    &PASSWORD_POLICY,
    &FORTITOKEN,
    &LOCAL,
    &GROUP,
    &SETTING,
    &RADIUS_CLIENT,
    &VERIFICATION_CLIENT,
    &LOG_SETTING,
    &LOG_DISK,
    &LOG_MEMORY,
    &SYSLOG_SERVERS[0].setting,
    &SYSLOG_SERVERS[0].filter,
    &SYSLOG_SERVERS[1].setting,
    &SYSLOG_SERVERS[1].filter,
    &SYSLOG_SERVERS[2].setting,
    &SYSLOG_SERVERS[2].filter,
    &SYSLOG_SERVERS[3].setting,
    &SYSLOG_SERVERS[3].filter,
];

const fn field(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Field {
    Field {
        name,
        help,
        kind,
        default,
        access: Access::Administrator,
        effect: Effect::InForce,
        bearing: Bearing::Other,
        sample: "",
    }
}

const fn system(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Field {
    Field {
        name,
        help,
        kind,
        default,
        access: Access::System,
        effect: Effect::InForce,
        bearing: Bearing::Other,
        sample: "",
    }
}

/// A field that is kept and shown and does nothing: why.
const fn without_effect(why: &'static str, field: Field) -> Field {
    Field {
        effect: Effect::None(why),
        ..field
    }
}

/// A field that takes its default alone: why.
const fn fixed(why: &'static str, field: Field) -> Field {
    Field {
        effect: Effect::Fixed(why),
        ..field
    }
}

impl Field {
    /// The field as one that says who gets in, how far, or who vouches for it.
    const fn bounding(self) -> Self {
        Self {
            bearing: Bearing::Admission,
            ..self
        }
    }

    /// Whether an entry in which it is not as it was meant may let in others than was meant.
    pub fn bounds_admission(&self) -> bool {
        self.bearing == Bearing::Admission
    }
}

const fn choice(word: &'static str, help: &'static str) -> Choice {
    Choice {
        word,
        help,
        effect: Effect::InForce,
    }
}

const fn idle(why: &'static str, choice: Choice) -> Choice {
    Choice {
        effect: Effect::None(why),
        ..choice
    }
}

const SWITCH: Kind = Kind::Choice(&[
    choice("enable", "Enable setting."),
    choice("disable", "Disable setting."),
]);
