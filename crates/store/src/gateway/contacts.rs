//! How people are reached, as rows have it.

use domain::contact::{Channel, Contact, Language, SmsServer};

use crate::engine::{Row, SqlError};

/// The contact in five columns of `person` from `first` on, and its mail address.
pub(super) fn read(
    row: &Row<'_>,
    email: Option<String>,
    first: usize,
) -> Result<Contact, SqlError> {
    let text = |column| row.get::<Option<String>>(column);
    Ok(Contact {
        email: email.map(Into::into),
        phone: text(first)?.map(Into::into),
        sms_server: SmsServer::parse(&text(first + 1)?.unwrap_or_default()),
        custom_server: text(first + 2)?.map(Into::into),
        notification: text(first + 3)?.as_deref().and_then(Channel::parse),
        language: text(first + 4)?.as_deref().and_then(Language::parse),
    })
}

/// The contact of lines with a field's name and its value; no value has line ends.
pub(super) fn from_lines(lines: &str) -> Contact {
    let fields = lines.lines().filter_map(|line| line.split_once(' '));
    fields.fold(Contact::default(), |contact, (field, value)| {
        contact.with(field, value)
    })
}
