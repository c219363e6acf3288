//! What comes in from anybody, read as far as that needs no key: the ways in that the fuzzer takes.

use softtoken::EnrolmentRequest;

use crate::http::Certified;
use crate::pki::RequestedKey;
use crate::reserve;

/// Whether octets are an enrolment whose key is its sender's, before it is looked at who that is.
pub fn is_enrolment(octets: &[u8]) -> bool {
    let Ok(request) = serde_json::from_slice::<EnrolmentRequest>(octets) else {
        return false;
    };
    RequestedKey::of_request(&request.certificate_request).is_ok()
}

/// Whether octets are a certificate that names a product, before it is looked at who vouches for it.
pub fn is_certificate(octets: &[u8]) -> bool {
    Certified::of(&octets.into()).is_some()
}

/// What a manager says in a settlement, written again; `None` for what is none.
pub fn settlement_again(octets: &[u8]) -> Option<String> {
    reserve::settlement_again(octets).ok()
}

/// What a manager is told in a reserve, written again; `None` for what is none.
pub fn reserve_again(octets: &[u8]) -> Option<String> {
    reserve::reserve_again(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_search_begins_with_is_read() {
        assert!(is_enrolment(include_bytes!(
            "../../../fuzz/corpus/enrolment/code"
        )));
        assert!(is_enrolment(include_bytes!(
            "../../../fuzz/corpus/enrolment/renewal"
        )));
        assert!(is_certificate(include_bytes!(
            "../../../fuzz/corpus/enrolment/certificate"
        )));
        let reserve = include_bytes!("../../../fuzz/corpus/reserve/reserve");
        assert_eq!(
            reserve_again(reserve).as_deref().map(str::as_bytes),
            Some(&reserve[..])
        );
        let settlement = include_bytes!("../../../fuzz/corpus/reserve/settlement");
        let again = settlement_again(settlement);
        assert_eq!(again.as_deref().map(str::as_bytes), Some(&settlement[..]));
    }
}
