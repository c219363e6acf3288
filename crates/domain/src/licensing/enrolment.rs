//! How a gateway comes to a certificate of its own.

use ident::ProductSerial;

use crate::time::Timestamp;

/// SHA-256 of a public key as its `SubjectPublicKeyInfo`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyHash(pub [u8; 32]);

/// What an enrolment code is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Invitation {
    /// The gateway that it was made for.
    pub product: ProductSerial,
    /// The end of the code.
    pub expires: Timestamp,
    /// The key that was certified with it.
    pub key: Option<KeyHash>,
}

/// Why a key is not certified.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EnrolRefusal {
    /// Nobody was invited with this code, or a newer one replaced it.
    #[error(
        "no gateway waits for this enrolment code; compare it, or have customer service make a new one"
    )]
    CodeUnknown,
    /// Nobody came in time.
    #[error("the enrolment code's time is over; have customer service make a new one")]
    CodeExpired,
    /// Another key was certified with it.
    #[error(
        "the enrolment code was used for another key; if that was not you, have customer service revoke \
         the certificate and make a new code"
    )]
    CodeUsed,
    /// The product is not registered.
    #[error("Product is not registered; have customer service register it")]
    NotRegistered,
    /// The certificate that asks for its renewal counts no more.
    #[error("the gateway's certificate is revoked; enrol it anew, with a new code")]
    Revoked,
}

/// Decides whether the key that a gateway holds is certified under the code's serial. An answer can be
/// lost on its way, so the same key may come again until the code ends.
pub fn enrol(
    invitation: Option<&Invitation>,
    key: KeyHash,
    now: Timestamp,
) -> Result<ProductSerial, EnrolRefusal> {
    let invitation = invitation.ok_or(EnrolRefusal::CodeUnknown)?;
    if invitation.key.is_some_and(|taken| taken != key) {
        return Err(EnrolRefusal::CodeUsed);
    }
    if invitation.expires <= now {
        return Err(EnrolRefusal::CodeExpired);
    }
    Ok(invitation.product)
}

/// How often all certificates of a gateway were ended, when one was issued. It stands in the certificate and
/// in the store, so that no clock decides which certificates count.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Generation(pub u32);

/// Whether a certificate of the generation `issued` counts. One of a later generation than the store knows
/// comes from a store that was put back since, and counts no more than an earlier one.
pub fn is_trusted(issued: Generation, current: Generation) -> bool {
    issued == current
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const KEY: KeyHash = KeyHash([1; 32]);

    #[test]
    fn a_code_is_for_the_first_key_until_it_ends() {
        let product = ProductSerial::parse("FGT0000000000001").unwrap();
        let open = Invitation {
            product,
            expires: Timestamp::from_secs(1_001),
            key: None,
        };
        let taken = Invitation {
            key: Some(KEY),
            ..open
        };
        assert_eq!(enrol(Some(&open), KEY, NOW), Ok(product));
        assert_eq!(enrol(Some(&taken), KEY, NOW), Ok(product));
        let refused = |invitation, key, now| enrol(invitation, key, now).unwrap_err();
        assert_eq!(refused(None, KEY, NOW), EnrolRefusal::CodeUnknown);
        let used = refused(Some(&taken), KeyHash([2; 32]), NOW);
        assert_eq!(used, EnrolRefusal::CodeUsed);
        let late = refused(Some(&open), KEY, open.expires);
        assert_eq!(late, EnrolRefusal::CodeExpired);
    }

    #[test]
    fn a_revocation_ends_what_was_issued_before_it() {
        let [before, after] = [0, 1].map(Generation);
        assert!(is_trusted(before, before));
        assert!(!is_trusted(before, after));
        assert!(!is_trusted(after, before));
    }
}
