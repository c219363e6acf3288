//! What entries of `config user ldap` and `config user radius` must hold.

use super::AdminError;
use super::configure::required;
use crate::schema::Object;

/// An entry of `config user ldap`.
pub(super) fn directory(object: &Object) -> Result<(), AdminError> {
    required(object, "server", "the directory's name or address")?;
    required(object, "dn", "the entry below which people are")?;
    if object.text("type") == "regular" {
        required(object, "username", "who searches for people")?;
        required(object, "password", "the password of who searches")?;
    }
    Ok(())
}

/// An entry of `config user radius`.
pub(super) fn upstream(object: &Object) -> Result<(), AdminError> {
    let why = "the secret that this server knows this unit by";
    required(object, "server", "the RADIUS server's name or address")?;
    required(object, "secret", why)?;
    for (server, secret) in [
        ("secondary-server", "secondary-secret"),
        ("tertiary-server", "tertiary-secret"),
    ] {
        if !object.text(server).is_empty() {
            required(object, secret, why)?;
        }
    }
    if object.text("nas-id-type") == "custom" {
        required(object, "nas-id", "what NAS-Identifier says")?;
    }
    Ok(())
}

/// A descriptor or a numeric object identifier (RFC 4512, 1.4).
pub(super) fn is_attribute(text: &str) -> bool {
    let is_descriptor = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let is_oid = text
        .split('.')
        .all(|arc| !arc.is_empty() && arc.bytes().all(|c| c.is_ascii_digit()));
    is_descriptor || is_oid
}

/// A name that leads out of no directory.
pub(super) fn is_file_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.starts_with('.') && text.chars().all(allowed)
}
