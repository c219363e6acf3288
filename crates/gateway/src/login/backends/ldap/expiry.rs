//! What a directory says of a password that has expired, and how a new one is written.
//!
//! `OpenLDAP` and its relatives say it in a control of the password policy, whose value the LDAP library does not read;
//! Active Directory by the number of a Windows error.

use ldap3_proto::proto::{LdapResult, LdapResultCode};

use super::{Held, held_against};

/// The control with a password policy's word (draft-behera-ldap-password-policy-10, 6.2).
const POLICY: &[u8] = b"1.3.6.1.4.1.42.2.27.8.5.1";

/// BER tags of what is looked at.
const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const WARNING: u8 = 0xa0;
const ERROR: u8 = 0x81;

/// `passwordExpired` and `changeAfterReset` of the control.
const EXPIRED: u8 = 0;
const CHANGE_AFTER_RESET: u8 = 2;

/// A right password that opens nothing any more, by whose words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expiry {
    /// A password policy's: RFC 3062 changes it.
    Policy,
    /// Active Directory's: `unicodePwd` is changed.
    ActiveDirectory,
}

/// What the answer to a bind, with the octets of its message, says.
pub(super) fn said(result: &LdapResult, message: &[u8]) -> Option<Expiry> {
    if result.code == LdapResultCode::InvalidCredentials
        && matches!(held_against(result), Some((Some(Held::PasswordExpired), _)))
    {
        return Some(Expiry::ActiveDirectory);
    }
    match policy_error(message)? {
        EXPIRED | CHANGE_AFTER_RESET => Some(Expiry::Policy),
        _ => None,
    }
}

/// The number of the Windows error, in hexadecimal digits, if there is one.
pub(super) fn windows_error(result: &LdapResult) -> Option<&str> {
    let (_, rest) = result.message.split_once(" data ")?;
    rest.split(',').next().map(str::trim)
}

/// A password as `unicodePwd` takes it: UTF-16 in double quotes, the lower octet first ([MS-ADTS] 3.1.1.3.1.5).
pub(super) fn unicode(password: &str) -> Vec<u8> {
    let quoted = format!("\"{password}\"");
    quoted.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// How many octets a message has that begins so; nothing while too few are there.
pub(super) fn length(octets: &[u8]) -> Option<usize> {
    let (_, content, rest) = header(octets)?;
    Some((octets.len() - rest.len()).saturating_add(content))
}

/// The error in the control of a password policy. Controls are the last part of a message (RFC 4511, 4.1.1), so what
/// looks like one before them is none.
fn policy_error(message: &[u8]) -> Option<u8> {
    let mut windows = message.windows(POLICY.len());
    let at = windows.rposition(|window| window == POLICY)?;
    let mut rest = message.get(at + POLICY.len()..)?;
    if rest.first() == Some(&BOOLEAN) {
        (_, _, rest) = value(rest)?;
    }
    let (OCTET_STRING, control, _) = value(rest)? else {
        return None;
    };
    let (SEQUENCE, mut parts, _) = value(control)? else {
        return None;
    };
    if parts.first() == Some(&WARNING) {
        (_, _, parts) = value(parts)?;
    }
    match value(parts)? {
        (ERROR, [error], _) => Some(*error),
        _ => None,
    }
}

/// The tag and octets of the first value, and what comes behind it.
fn value(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, length, rest) = header(octets)?;
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A tag of one octet, the length behind it, and what comes behind that (X.690, 8.1).
fn header(octets: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (tag, rest) = octets.split_first()?;
    let (first, rest) = rest.split_first()?;
    let count = usize::from(first & 0x7f);
    if *first < 0x80 {
        return Some((*tag, count, rest));
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    // Of more octets than a length of this machine has, the value is no message that anybody takes.
    let length = digits.iter().fold(0_usize, |length, digit| {
        length
            .saturating_mul(256)
            .saturating_add(usize::from(*digit))
    });
    Some((*tag, length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(code: LdapResultCode, message: &str) -> LdapResult {
        LdapResult {
            code,
            matcheddn: String::new(),
            message: message.to_owned(),
            referral: Vec::new(),
        }
    }

    /// The answer of `OpenLDAP` to a bind, with what a control has as its value.
    fn answer(value: &[u8]) -> Vec<u8> {
        let wrapped = |tag: u8, content: &[u8]| {
            [&[tag, u8::try_from(content.len()).unwrap()][..], content].concat()
        };
        let control = [
            wrapped(OCTET_STRING, POLICY),
            wrapped(OCTET_STRING, &wrapped(SEQUENCE, value)),
        ];
        let controls = wrapped(0xa0, &wrapped(SEQUENCE, &control.concat()));
        let bind = b"\x02\x01\x01\x61\x07\x0a\x01\x31\x04\x00\x04\x00";
        wrapped(SEQUENCE, &[&bind[..], &controls].concat())
    }

    #[test]
    fn a_password_policy_says_that_a_password_has_expired() {
        let refused = result(LdapResultCode::InvalidCredentials, "");
        let warning = [0xa0, 3, 0x80, 1, 9];
        for (value, expected) in [
            (&[ERROR, 1, EXPIRED][..], Some(Expiry::Policy)),
            (&[ERROR, 1, CHANGE_AFTER_RESET], Some(Expiry::Policy)),
            (
                &[&warning[..], &[ERROR, 1, EXPIRED]].concat(),
                Some(Expiry::Policy),
            ),
            // accountLocked.
            (&[ERROR, 1, 1], None),
            (&warning, None),
            (&[], None),
        ] {
            let message = answer(value);
            assert_eq!(length(&message), Some(message.len()));
            assert_eq!(said(&refused, &message), expected, "{value:?}");
            for end in 0..message.len() {
                assert_eq!(said(&refused, &message[..end]), None, "{end}");
            }
        }
    }

    #[test]
    fn active_directory_says_it_by_a_number() {
        let number =
            |data: &str| format!("80090308: LdapErr: DSID-0C09, comment: x, data {data}, v4563");
        let code = LdapResultCode::InvalidCredentials;
        for data in ["532", "773"] {
            let result = result(code.clone(), &number(data));
            assert_eq!(said(&result, &[]), Some(Expiry::ActiveDirectory));
        }
        for data in ["52e", "533", "775"] {
            assert_eq!(said(&result(code.clone(), &number(data)), &[]), None);
        }
        let granted = result(LdapResultCode::Success, &number("532"));
        assert_eq!(said(&granted, &[]), None);
    }

    #[test]
    fn a_length_is_never_more_than_was_said() {
        for octets in [&[][..], &[0x30], &[0x30, 0x82, 1]] {
            assert_eq!(length(octets), None);
        }
        assert_eq!(length(&[0x30, 0x82, 1, 0]), Some(260));
        assert_eq!(
            length(&[&[0x30, 0x89][..], &[0xff; 9]].concat()),
            Some(usize::MAX)
        );
    }

    #[test]
    fn a_password_is_written_as_active_directory_reads_it() {
        assert_eq!(unicode("a\u{20ac}"), b"\"\0a\0\xac\x20\"\0");
    }
}
