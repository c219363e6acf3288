//! `config system sms-server`, and whether people can be reached as they are to be.

use super::configure::required;
use super::{AdminError, Edit};
use crate::contact::{Channel, Contact, SmsServer};
use crate::schema::Object;
use crate::security::Profile;
use crate::user::TwoFactor;

/// What is filled in for the number.
const PHONE: &str = "%%PHONE%%";
/// What is filled in for the text.
const MESSAGE: &str = "%%MESSAGE%%";

/// An entry of `config system sms-server`: a domain, or an HTTP gateway that is told number and text.
pub(super) fn sms_server(object: &Object) -> Result<(), AdminError> {
    let url = object.text("url");
    if url.is_empty() {
        let why = "the domain that makes mails into SMS, or 'set url' for an HTTP gateway";
        return required(object, "mail-server", why);
    }
    let is_told = |what: &str| {
        url.contains(what)
            || (object.text("method") != "get" && object.text("body").contains(what))
            || object.list("header").iter().any(|line| line.contains(what))
    };
    if is_told(PHONE) && is_told(MESSAGE) {
        return Ok(());
    }
    Err(AdminError::Field {
        field: "body",
        why: "must have %%PHONE%% and %%MESSAGE%%, which are filled in, unless the URL has them"
            .into(),
    })
}

/// What is asked must be known before anything is filled in.
pub(super) fn is_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with("%%"))
    })
}

/// A field name is a token (RFC 9110, 5.1).
pub(super) fn is_header(line: &str) -> bool {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    line.split_once(": ")
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_token))
}

/// Refuses to set what no login would take.
pub(super) fn permitted(edits: &[Edit], profile: Profile) -> Result<(), AdminError> {
    let sends = |edit: &Edit| match edit {
        Edit::Set(field, value) if field.name == "two-factor" => matches!(
            value.as_text().and_then(TwoFactor::parse),
            Some(TwoFactor::Sent(_))
        ),
        _ => false,
    };
    if profile.takes_sent_codes() || !edits.iter().any(sends) {
        return Ok(());
    }
    Err(AdminError::Field {
        field: "two-factor",
        why: "profile strict of 'config system security' takes no codes by mail or SMS: \
              use fortitoken"
            .into(),
    })
}

/// Whoever is sent codes has an address for them, and whoever has an SMS server of their own says which.
pub(super) fn reachable(two_factor: TwoFactor, contact: &Contact) -> Result<(), AdminError> {
    if let TwoFactor::Sent(channel) = two_factor
        && contact.at(channel).is_none()
    {
        return Err(AdminError::Incomplete {
            field: channel.field(),
            why: match channel {
                Channel::Email => "the address to which the codes go",
                Channel::Sms => "the telephone to which the codes go",
            },
        });
    }
    if contact.sms_server == SmsServer::Custom && contact.custom_server.is_none() {
        return Err(AdminError::Incomplete {
            field: "sms-custom-server",
            why: "the entry of 'config system sms-server' that carries the messages",
        });
    }
    Ok(())
}

/// ITU-T E.164, 6: at most 15 digits. Separators are people's habit.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '/'))
}
