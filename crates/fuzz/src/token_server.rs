//! What the token server reads of whoever enrols, and what travels between it and managers, also as files.

use registry::inbound::{is_certificate, is_enrolment, reserve_again, settlement_again};

/// A key whose holder nobody knows yet, and a certificate that anybody may show.
pub(crate) fn enrolment(input: &[u8]) {
    let _ = is_enrolment(input);
    let _ = is_certificate(input);
}

/// What is taken can be written, and is read as the same.
pub(crate) fn reserve(input: &[u8]) {
    for again in [reserve_again, settlement_again] {
        if let Some(written) = again(input) {
            assert_eq!(again(written.as_bytes()).as_ref(), Some(&written));
        }
    }
}
