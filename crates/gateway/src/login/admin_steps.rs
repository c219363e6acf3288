//! What `diagnose debug application sshd` and `fnbamd` show of an administrator's login.

use std::fmt;

use cli::debug::{Application, Source};
use domain::contact::Channel;
use domain::reason::Reason;

use super::administrators::Caller;
use super::first_proven::{CodeOf, FirstProven};
use crate::debug_log::DebugLog;

/// Both are asked by those who look for an administrator's login.
const SOURCES: [(Source, &str); 2] = [
    (Source::Application(Application::Sshd), "sshd_auth"),
    (
        Source::Application(Application::Fnbamd),
        "fnbamd_auth_admin",
    ),
];

/// What an administrator presents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Factor {
    Password,
    Key,
    Code,
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password => "a password",
            Self::Key => "a public key",
            Self::Code => "a token code",
        })
    }
}

/// The steps of administrators' logins.
#[derive(Debug)]
pub(super) struct AdminSteps(pub(super) DebugLog);

impl AdminSteps {
    pub(super) fn presented(&self, caller: &Caller, factor: Factor) {
        self.say(caller, format_args!("presents {factor}"));
    }

    pub(super) fn asked(&self, caller: &Caller, first: &FirstProven) {
        let wanted = match first.asked() {
            CodeOf::Token if first.drifted().is_some() => "the next token code",
            CodeOf::Token => "a token code",
            CodeOf::Sent(Channel::Email) => "the code that went by mail",
            CodeOf::Sent(Channel::Sms) => "the code that went by SMS",
        };
        self.say(
            caller,
            format_args!("the first factor is right; asked for {wanted}"),
        );
    }

    pub(super) fn admitted(&self, caller: &Caller) {
        self.say(caller, format_args!("let in"));
    }

    pub(super) fn refused(&self, caller: &Caller, reason: Reason) {
        self.say(caller, format_args!("refused: {}", reason.id()));
    }

    pub(super) fn undecided(&self, caller: &Caller, why: &dyn fmt::Display) {
        self.say(caller, format_args!("cannot be decided: {why}"));
    }

    fn say(&self, caller: &Caller, message: fmt::Arguments<'_>) {
        for (source, function) in SOURCES {
            self.0.raw(source, || {
                let (name, source) = (caller.actor().name, caller.source());
                format!("{function}-admin '{name}' from {source}: {message}")
            });
        }
    }
}
