//! EAP-MSCHAPv2: the messages of MS-CHAPv2 in EAP (draft-kamath-pppext-eap-mschapv2, 2).

use crate::Error;

const CHALLENGE: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;

/// Op-Code, MS-CHAPv2-ID and MS-Length.
const HEADER: u8 = 4;

/// What the server calls itself; nothing is computed over it.
const NAME: &[u8] = b"symbolon";

/// A response as RADIUS carries it (MS-CHAP2-Response, RFC 2548, 2.3.2), with what it answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The value of an MS-CHAP2-Response.
    pub value: [u8; 50],
    /// The challenge of the server.
    pub challenge: [u8; 16],
    /// The name that the response was computed with.
    pub user: Box<[u8]>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Response(<sealed>)")
    }
}

/// The data of a Challenge.
pub(crate) fn challenge(identifier: u8, challenge: &[u8; 16]) -> Vec<u8> {
    const SIZE: u8 = 16;
    #[expect(clippy::cast_possible_truncation, reason = "a name of eight octets")]
    let length = HEADER + 1 + SIZE + NAME.len() as u8;
    let header = [CHALLENGE, identifier, 0, length, SIZE];
    [&header[..], challenge, NAME].concat()
}

/// Reads the data of a Response.
pub(crate) fn response(data: &[u8], challenge: [u8; 16]) -> Result<Response, Error> {
    const SIZE: u8 = 49;
    let cut = Error::Inner("an MS-CHAPv2 response that is cut");
    let Some((&[code, identifier, _, _, size], rest)) = data.split_first_chunk() else {
        return Err(cut);
    };
    if (code, size) != (RESPONSE, SIZE) {
        return Err(Error::Inner("no MS-CHAPv2 response"));
    }
    let (proof, user) = rest.split_first_chunk::<49>().ok_or(cut)?;
    let [proof @ .., flags] = proof;
    let mut value = [0; 50];
    let octets = [identifier, *flags].into_iter().chain(*proof);
    value
        .iter_mut()
        .zip(octets)
        .for_each(|(slot, octet)| *slot = octet);
    Ok(Response {
        value,
        challenge,
        user: user.into(),
    })
}

/// The data of a Success-Request; `message` is what an MS-CHAP2-Success holds, its identifier first.
pub(crate) fn success(message: &[u8]) -> Vec<u8> {
    let (identifier, text) = message.split_first().unwrap_or((&0, &[]));
    with_text(SUCCESS, *identifier, text)
}

fn with_text(code: u8, identifier: u8, text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(usize::from(HEADER) + text.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    [&[code, identifier, high, low][..], text].concat()
}

/// The data of a Failure-Request (RFC 2759, 6): a wrong password, whatever the reason was, and no other try.
pub(crate) fn failure(identifier: u8, challenge: &[u8; 16]) -> Vec<u8> {
    const AUTHENTICATION_FAILURE: u16 = 691;
    let challenge = u128::from_be_bytes(*challenge);
    let text = format!("E={AUTHENTICATION_FAILURE} R=0 C={challenge:032X} V=3 M=Login refused");
    with_text(FAILURE, identifier, text.as_bytes())
}

/// Whether the peer says that the server proved itself.
pub(crate) fn is_success(data: &[u8]) -> bool {
    data.first() == Some(&SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_no_other_reason_and_allows_no_other_try() {
        let failure = failure(7, &[0x0a; 16]);
        let text = b"E=691 R=0 C=0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A V=3 M=Login refused";
        let length = u8::try_from(4 + text.len()).unwrap();
        assert_eq!(failure, [&[4, 7, 0, length][..], text].concat());
    }
}
