//! What the declaration of a field cannot say of its value.

use std::net::IpAddr;

use ident::ProductSerial;

use super::{AdminError, authserver, contacts};
use crate::backend::GroupFilter;
use crate::public_key::PublicKey;
use crate::schema::{Field, Table, Value};

/// Members of a cluster that one request to the token server names at most.
const MEMBERS_MAX: usize = 16;

/// Why a field does not take a value of its kind, and what it takes; none if it does.
pub fn misfit(table: &Table, field: &Field, value: &Value) -> Option<Box<str>> {
    if (table.path, field.name) == ("system ha", "members") && value.texts().len() > MEMBERS_MAX {
        return Some(format!("a cluster has at most {MEMBERS_MAX} members").into());
    }
    value
        .texts()
        .iter()
        .find_map(|text| misfit_of(table, field.name, text))
}

fn misfit_of(table: &Table, field: &str, text: &str) -> Option<Box<str>> {
    let is_empty = text.is_empty();
    let (is_formed, form) = match (table.path, field) {
        // It is part of every prompt, and automation reads it as one word.
        ("system global", "hostname") => (
            is_word(text),
            "a host name has letters, digits, '-' and '_' only",
        ),
        ("system ha", "mode") => (
            !matches!(text, "a-a" | "a-p"),
            "units of a cluster share a database, and this unit keeps its own; leave it at standalone",
        ),
        ("system ha", "members") => (
            ProductSerial::parse(text).is_ok(),
            "takes serial numbers of units, such as FGT0000000000042: 'get system status' at each shows its own",
        ),
        ("system admin", field) if field.starts_with("ssh-public-key") && !is_empty => {
            let error = PublicKey::parse(text).err();
            return error.map(|error| error.to_string().into());
        }
        (_, "sms-phone") => (
            is_empty || contacts::is_number(text),
            "a telephone number: digits, with a '+' before the country's, such as +491701234567",
        ),
        ("system sms-server", "url") => (
            is_empty || contacts::is_url(text),
            "takes https://HOST/PATH, or http:// in a network of its own",
        ),
        ("system sms-server", "header") => (
            contacts::is_header(text),
            "takes lines of the form \"NAME: VALUE\"",
        ),
        ("user ldap", "cnid") => (authserver::is_attribute(text), "an attribute, such as cn"),
        ("user ldap", "member-attr") => (
            authserver::is_attribute(text),
            "an attribute, such as memberOf",
        ),
        ("user ldap", "group-filter") if !is_empty => {
            let error = GroupFilter::parse(text).err();
            return error.map(|error| error.to_string().into());
        }
        ("certificate local", "acme-ca-url") => (
            text.starts_with("https://") && !text.contains(char::is_whitespace),
            "takes the https:// address of the authority's directory",
        ),
        ("certificate local", "acme-ca-cert") if is_empty => return None,
        ("user ldap", "ca-cert") | ("certificate local", "acme-ca-cert") => (
            authserver::is_file_name(text),
            "the name of a file: letters, digits, '.', '-' and '_'",
        ),
        ("user ldap" | "user radius", "source-ip") => (
            is_empty || text.parse::<IpAddr>().is_ok(),
            "an address of this machine, such as 192.0.2.7 or 2001:db8::7",
        ),
        _ => return None,
    };
    (!is_formed).then(|| form.into())
}

fn is_word(text: &str) -> bool {
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !text.is_empty() && text.chars().all(is_in_word)
}

/// The value, if its field takes it.
pub(super) fn formed(
    table: &Table,
    field: &'static Field,
    value: Value,
) -> Result<Value, AdminError> {
    match misfit(table, field, &value) {
        Some(why) => {
            let field = field.name;
            Err(AdminError::Field { field, why })
        }
        None => Ok(value),
    }
}
