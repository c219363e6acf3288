//! What a directory holds against an account whose password it is asked about, and how a new one is written.
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

/// `passwordExpired`, `accountLocked` and `changeAfterReset` of the control. The others are about a new password.
const EXPIRED: u8 = 0;
const LOCKED: u8 = 1;
const CHANGE_AFTER_RESET: u8 = 2;

/// What is held against an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Objection {
    pub(super) held: Held,
    pub(super) by: Rule,
    /// In words.
    pub(super) why: &'static str,
}

/// Who holds it against an account, and says how a password that has expired is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// A password policy: RFC 3062 changes it.
    Policy,
    /// Active Directory: `unicodePwd` is changed.
    ActiveDirectory,
}

/// What the answer to a bind, with the octets of its message, objects to.
pub(super) fn objection(result: &LdapResult, message: &[u8]) -> Option<Objection> {
    let by_number = match result.code {
        LdapResultCode::InvalidCredentials => held_against(result),
        _ => None,
    };
    let (held, by, why) = match by_number {
        Some((Some(held), why)) => (held, Rule::ActiveDirectory, why),
        _ => {
            let (held, why) = held_by_policy(policy_error(message)?)?;
            (held, Rule::Policy, why)
        }
    };
    Some(Objection { held, by, why })
}

fn held_by_policy(error: u8) -> Option<(Held, &'static str)> {
    Some(match error {
        EXPIRED => (Held::PasswordExpired, "the password has expired"),
        LOCKED => (Held::Locked, "the account is locked out"),
        CHANGE_AFTER_RESET => (Held::PasswordExpired, "the password has to be changed"),
        _ => return None,
    })
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
    fn a_password_policy_says_what_it_holds_against_an_account() {
        let refused = result(LdapResultCode::InvalidCredentials, "");
        let warning = [0xa0, 3, 0x80, 1, 9];
        for (value, expected) in [
            (&[ERROR, 1, EXPIRED][..], Some(Held::PasswordExpired)),
            (&[ERROR, 1, CHANGE_AFTER_RESET], Some(Held::PasswordExpired)),
            (
                &[&warning[..], &[ERROR, 1, EXPIRED]].concat(),
                Some(Held::PasswordExpired),
            ),
            (&[ERROR, 1, LOCKED], Some(Held::Locked)),
            // passwordModNotAllowed.
            (&[ERROR, 1, 3], None),
            (&warning, None),
            (&[], None),
        ] {
            let message = answer(value);
            assert_eq!(length(&message), Some(message.len()));
            let objects = objection(&refused, &message);
            assert!(objects.is_none_or(|it| it.by == Rule::Policy));
            assert_eq!(objects.map(|it| it.held), expected, "{value:?}");
            for end in 0..message.len() {
                assert_eq!(objection(&refused, &message[..end]), None, "{end}");
            }
        }
    }

    #[test]
    fn active_directory_says_it_by_a_number() {
        let number =
            |data: &str| format!("80090308: LdapErr: DSID-0C09, comment: x, data {data}, v4563");
        let code = LdapResultCode::InvalidCredentials;
        for (data, held) in [
            ("532", Held::PasswordExpired),
            ("773", Held::PasswordExpired),
            ("533", Held::Locked),
            ("775", Held::Locked),
        ] {
            let objects = objection(&result(code.clone(), &number(data)), &[]).unwrap();
            assert_eq!((objects.held, objects.by), (held, Rule::ActiveDirectory));
        }
        for data in ["525", "52e"] {
            assert_eq!(objection(&result(code.clone(), &number(data)), &[]), None);
        }
        let granted = result(LdapResultCode::Success, &number("532"));
        assert_eq!(objection(&granted, &[]), None);
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
