//! CHAP and MS-CHAPv2 as requests carry them, with the vectors of RFC 2759 section 9.2 and RFC 3079
//! section 3.5.3.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use md5::{Digest, Md5};
use radius::mschapv2::{NtHash, Response};
use radius::{
    AccessRequest, AccessRequestError, Authenticator, Credentials, Identifier, Packet, Reply,
    Request, Salt, Secret, Type, VendorType,
};

const AUTHENTICATOR_CHALLENGE: [u8; 16] = [
    0x5b, 0x5d, 0x7c, 0x7d, 0x7b, 0x3f, 0x2f, 0x3e, 0x3c, 0x2c, 0x60, 0x21, 0x32, 0x26, 0x26, 0x28,
];
const PEER_CHALLENGE: &[u8; 16] = b"!@#$%^&*()_+:3|~";
const NT_RESPONSE: [u8; 24] = [
    0x82, 0x30, 0x9e, 0xcd, 0x8d, 0x70, 0x8b, 0x5e, 0xa0, 0x8f, 0xaa, 0x39, 0x81, 0xcd, 0x83, 0x54,
    0x42, 0x33, 0x11, 0x4a, 0x3d, 0x85, 0xd6, 0xdf,
];
const SEND_START_KEY: [u8; 16] = [
    0x8b, 0x7c, 0xdc, 0x14, 0x9b, 0x99, 0x3a, 0x1b, 0xa1, 0x18, 0xcb, 0x15, 0x3f, 0x56, 0xdc, 0xcb,
];

fn secret() -> Secret {
    Secret::new(b"xyzzy5461").unwrap()
}

fn encoded(name: &[u8], attributes: &[(Type, Vec<u8>)]) -> Vec<u8> {
    let secret = secret();
    let request = Request::access(Identifier(7), Authenticator([9; 16]), &secret);
    let request = request.attribute(Type::USER_NAME, name).unwrap();
    attributes
        .iter()
        .fold(request, |request, (kind, value)| {
            request.attribute(*kind, value).unwrap()
        })
        .encode()
        .unwrap()
}

fn credentials(name: &[u8], attributes: &[(Type, Vec<u8>)]) -> Credentials {
    let octets = encoded(name, attributes);
    let request = AccessRequest::new(Packet::parse(&octets).unwrap()).unwrap();
    request.credentials(&secret())
}

fn microsoft(kind: u8, value: &[u8]) -> (Type, Vec<u8>) {
    let length = u8::try_from(value.len() + 2).unwrap();
    let octets = [&[0, 0, 1, 55, kind, length], value].concat();
    (Type::VENDOR_SPECIFIC, octets)
}

fn mschapv2() -> [(Type, Vec<u8>); 2] {
    let response = [&[5, 0], &PEER_CHALLENGE[..], &[0; 8], &NT_RESPONSE].concat();
    [
        microsoft(11, &AUTHENTICATOR_CHALLENGE),
        microsoft(25, &response),
    ]
}

fn response(name: &[u8]) -> Response {
    match credentials(name, &mschapv2()) {
        Credentials::MsChapV2(response) => response,
        _ => panic!("no MS-CHAPv2"),
    }
}

#[test]
fn rfc_2759_section_9_2() {
    let success = response(b"User").check(&NtHash::of("clientPass")).unwrap();
    assert_eq!(
        success.message(),
        b"\x05S=407A5589115FD0D6209F510FE9C04566932CDA56"
    );
}

#[test]
fn rfc_3079_section_3_5_3() {
    let success = response(b"User").check(&NtHash::of("clientPass")).unwrap();
    assert_eq!(success.send_key(), &SEND_START_KEY);
    assert_ne!(success.receive_key(), success.send_key());
}

#[test]
fn a_domain_before_the_name_is_not_hashed_and_another_name_or_password_is_refused() {
    let hash = NtHash::of("clientPass");
    assert!(response(br"CORP\User").check(&hash).is_some());
    assert!(response(b"user").check(&hash).is_none());
    assert!(response(b"User").check(&NtHash::of("clientpass")).is_none());
}

/// What the client does to read the keys, by RFC 2548 section 2.4.2.
fn revealed(value: &[u8], request: &Packet<'_>) -> Vec<u8> {
    let (salt, hidden) = value.split_at(2);
    let pad = |tail: &[&[u8]]| {
        let digest = Md5::new_with_prefix(b"xyzzy5461");
        tail.iter().fold(digest, Md5::chain_update).finalize()
    };
    let mut previous = pad(&[&request.authenticator().0, salt]);
    let mut clear = Vec::new();
    for block in hidden.chunks(16) {
        clear.extend(block.iter().zip(previous).map(|(hidden, pad)| hidden ^ pad));
        previous = pad(&[block]);
    }
    let length = usize::from(clear[0]);
    clear[1..=length].to_vec()
}

#[test]
fn an_accept_carries_the_proof_and_the_keys_hidden() {
    let octets = encoded(b"User", &mschapv2());
    let request = Packet::parse(&octets).unwrap();
    let success = response(b"User").check(&NtHash::of("clientPass")).unwrap();
    let accept = Reply::accept()
        .mschapv2(&success, &request, &secret(), Salt::pair(0x1234))
        .unwrap();
    let accept = accept.encode(&request, &secret()).unwrap();
    let accept = radius::verify_reply(&request, &accept, &secret()).unwrap();
    let value = |kind: VendorType| {
        let mut values = accept.values(Type::VENDOR_SPECIFIC);
        values.find_map(|value| kind.value_in(value)).unwrap()
    };
    assert_eq!(value(VendorType::MS_CHAP2_SUCCESS), success.message());
    let send = value(VendorType::MS_MPPE_SEND_KEY);
    let receive = value(VendorType::MS_MPPE_RECV_KEY);
    assert_eq!(revealed(send, &request), SEND_START_KEY);
    assert_eq!(revealed(receive, &request), success.receive_key());
    assert_ne!(send[..2], receive[..2]);
}

fn chap(identifier: u8, password: &[u8], challenge: &[u8]) -> (Type, Vec<u8>) {
    let digest = Md5::digest([&[identifier], password, challenge].concat());
    (
        Type::CHAP_PASSWORD,
        [&[identifier], digest.as_slice()].concat(),
    )
}

#[test]
fn chap_answers_the_challenge_or_else_the_authenticator() {
    let own = [chap(3, b"hello", &[9; 16])];
    let given = [
        chap(3, b"hello", b"a challenge"),
        (Type::CHAP_CHALLENGE, b"a challenge".to_vec()),
    ];
    for attributes in [&own[..], &given[..]] {
        let Credentials::Chap(response) = credentials(b"alice", attributes) else {
            panic!("no CHAP");
        };
        assert!(response.is_of(b"hello"));
        assert!(!response.is_of(b"hellO"));
    }
    let Credentials::Chap(elsewhere) = credentials(b"alice", &[given[0].clone()]) else {
        panic!("no CHAP");
    };
    assert!(!elsewhere.is_of(b"hello"));
}

#[test]
fn two_methods_and_wrong_lengths_are_no_request() {
    let refused = |attributes: &[(Type, Vec<u8>)]| {
        let octets = encoded(b"alice", attributes);
        AccessRequest::new(Packet::parse(&octets).unwrap()).unwrap_err()
    };
    let [challenge, response] = mschapv2();
    assert_eq!(
        refused(&[
            chap(1, b"hello", &[9; 16]),
            challenge.clone(),
            response.clone()
        ]),
        AccessRequestError::SeveralMethods
    );
    let expected = |attributes: &[(Type, Vec<u8>)]| match refused(attributes) {
        AccessRequestError::Length { expected, .. } => expected,
        other => panic!("{other}"),
    };
    assert_eq!(expected(&[(Type::CHAP_PASSWORD, vec![1; 16])]), 17);
    assert_eq!(expected(&[microsoft(11, &[1; 8])]), 16);
    assert_eq!(expected(&[microsoft(25, &[1; 49])]), 50);
    for octets in [1, 4] {
        let short = (Type::CHAP_CHALLENGE, vec![1; octets]);
        assert!(matches!(
            refused(&[chap(1, b"hello", &[9; 16]), short]),
            AccessRequestError::ShortChallenge { octets: got, .. } if got == octets
        ));
    }
    assert_eq!(
        refused(&[challenge.clone(), challenge]),
        AccessRequestError::Repeated {
            kind: Type::VENDOR_SPECIFIC,
            offset: 69
        }
    );
}

#[test]
fn a_response_without_a_challenge_is_no_method() {
    let [_, response] = mschapv2();
    assert!(matches!(
        credentials(b"User", &[response]),
        Credentials::None
    ));
}
