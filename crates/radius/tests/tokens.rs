//! RADIUS/1.1 (RFC 9765): tokens in the place of identifiers, and nothing hidden or signed.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test fails by panicking"
)]

use radius::{
    AccessRequest, Authenticator, Code, Credentials, Identifier, Packet, Reply, Salt, Secret,
    StatusServer, Type, Version,
};

const TOKEN: [u8; 4] = [0xde, 0xad, 0xbe, 0xef];

fn secret() -> Secret {
    Secret::new(b"radsec").unwrap()
}

fn packet(code: Code, attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
    // What is reserved is not looked at.
    let header = [&[code as u8, 9][..], &length, &TOKEN, &[7; 12]].concat();
    [&header, attributes].concat()
}

const PAP: &[u8] = b"\x01\x07alice\x02\x04pw\x21\x03p";

#[test]
fn a_password_stands_in_the_clear_and_the_answer_has_the_token() {
    let octets = packet(Code::AccessRequest, PAP);
    let request = Packet::parse_as(Version::V1_1, &octets).unwrap();
    assert_eq!(request.identifier(), Identifier(0));
    let login = AccessRequest::new(request).unwrap();
    assert_eq!(&**login.user_password(&secret()).unwrap(), b"pw");
    let reply = Reply::accept().encode(&request, &secret()).unwrap();
    let expected = [&[2, 0, 0, 23][..], &TOKEN, &[0; 12], b"\x21\x03p"].concat();
    assert_eq!(reply, expected);
}

#[test]
fn passwords_are_bounded_as_everywhere() {
    let password = |octets: u8| {
        let attribute = [&[2, octets + 2][..], &vec![b'a'; octets.into()]].concat();
        let octets = packet(Code::AccessRequest, &attribute);
        let request = Packet::parse_as(Version::V1_1, &octets).unwrap();
        AccessRequest::new(request).is_ok()
    };
    assert!(password(128) && !password(129));
}

#[test]
fn status_server_needs_no_signature_and_chap_its_challenge() {
    let octets = packet(Code::StatusServer, &[]);
    let asked = Packet::parse_as(Version::V1_1, &octets).unwrap();
    assert!(StatusServer::verify(asked, &secret()).is_ok());
    let asked = Packet::parse(&octets).unwrap();
    assert!(StatusServer::verify(asked, &secret()).is_err());

    let chap = [&[3, 19][..], &[1; 17]].concat();
    let credentials = |attributes: &[u8]| {
        let octets = packet(Code::AccessRequest, attributes);
        let request = Packet::parse_as(Version::V1_1, &octets).unwrap();
        let login = AccessRequest::new(request).unwrap();
        matches!(login.credentials(&secret()), Credentials::Chap(_))
    };
    assert!(!credentials(&chap));
    assert!(credentials(&[&chap[..], &[60, 18], &[2; 16]].concat()));
}

#[test]
fn keys_stand_in_the_clear() {
    let octets = packet(Code::AccessRequest, PAP);
    let request = Packet::parse_as(Version::V1_1, &octets).unwrap();
    let reply = Reply::accept()
        .master_session_key(&[1; 32], &[2; 32], &request, &secret(), Salt::pair(0))
        .unwrap()
        .encode(&request, &secret())
        .unwrap();
    let reply = Packet::parse_as(Version::V1_1, &reply).unwrap();
    let keys: Vec<&[u8]> = reply.values(Type::VENDOR_SPECIFIC).collect();
    let expected = |kind: u8, key: u8| [&[0, 0, 1, 55, kind, 34][..], &[key; 32]].concat();
    assert_eq!(keys, [expected(17, 1), expected(16, 2)]);
}

#[test]
fn the_version_before_is_as_it_was() {
    let octets = packet(Code::AccessRequest, PAP);
    let request = Packet::parse(&octets).unwrap();
    assert_eq!(request.version(), Version::V1_0);
    assert_eq!(request.identifier(), Identifier(9));
    assert_ne!(request.authenticator(), Authenticator([0; 16]));
    assert!(AccessRequest::new(request).is_err());
}
