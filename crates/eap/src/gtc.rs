//! EAP-GTC (RFC 3748, 5.6): a question in words, and what was typed.

use zeroize::Zeroizing;

use crate::Error;

/// The longest password that is taken: no other way in takes a longer one (RFC 2865, 5.2).
pub const PASSWORD_MAX: usize = 128;

/// The first question. Devices that fill in a stored password do not read it.
pub(crate) const QUESTION: &str = "Password: ";

/// What was typed, without the padding that EAP-TTLS puts behind it (RFC 5281, 11.2.5).
pub(crate) fn password(typed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let length = typed.iter().rposition(|octet| *octet != 0);
    let typed = typed.get(..length.map_or(0, |last| last + 1));
    let typed = typed.unwrap_or_default();
    if typed.len() > PASSWORD_MAX {
        return Err(Error::Inner("a password of more than 128 octets"));
    }
    Ok(Zeroizing::new(typed.to_vec()))
}
