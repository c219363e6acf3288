//! Malformed packets are told apart and located; what the encoders make has the order that
//! CVE-2024-3596 calls for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use radius::{
    AccessRequest, AccessRequestError, AttributeError, Authenticator, EmptySecret, Identifier,
    MAX_ATTRIBUTES, MAX_LENGTH, MAX_VENDOR_VALUE_LENGTH, MessageAuthenticator, Packet, ParseError,
    Prompt, Reply, ReplyError, Request, Secret, StatusServer, StatusServerError, TooLarge, Type,
    VendorType, verify_reply,
};

const AUTHENTICATOR: Authenticator = Authenticator([7; 16]);

fn secret() -> Secret {
    Secret::new(b"testing123").unwrap()
}

/// An unauthenticated packet of any code and attributes, as an attacker would make it.
fn packet(code: u8, attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
    let mut packet = vec![code, 9, length[0], length[1]];
    packet.extend(AUTHENTICATOR.0);
    packet.extend(attributes);
    packet
}

fn login(password: &[u8]) -> Vec<u8> {
    let secret = secret();
    Request::access(Identifier(9), AUTHENTICATOR, &secret)
        .attribute(Type::USER_NAME, b"alice")
        .unwrap()
        .user_password(password)
        .unwrap()
        .encode()
        .unwrap()
}

#[test]
fn malformed_packets_are_located() {
    let cases: [(Vec<u8>, ParseError); 8] = [
        (vec![], ParseError::NoHeader { octets: 0 }),
        (
            packet(1, b"")[..19].to_vec(),
            ParseError::NoHeader { octets: 19 },
        ),
        (packet(40, b""), ParseError::UnknownCode { code: 40 }),
        (
            {
                let mut short = packet(1, b"");
                short[3] = 19;
                short
            },
            ParseError::LengthOutOfRange { length: 19 },
        ),
        (
            packet(1, b"\x01\x05ali")[..24].to_vec(),
            ParseError::Truncated {
                length: 25,
                octets: 24,
            },
        ),
        (
            packet(1, b"\x01\x05ali\x02"),
            ParseError::AttributeHeader { offset: 25 },
        ),
        (
            packet(1, b"\x01\x05ali\x18\x01"),
            ParseError::AttributeLength {
                offset: 25,
                kind: Type::STATE,
                length: 1,
                room: 2,
            },
        ),
        (
            packet(1, b"\x01\x06ali"),
            ParseError::AttributeLength {
                offset: 20,
                kind: Type::USER_NAME,
                length: 6,
                room: 5,
            },
        ),
    ];
    for (datagram, error) in cases {
        assert_eq!(Packet::parse(&datagram), Err(error));
    }
    assert_eq!(
        Packet::parse(&packet(1, b"\x01\x06ali"))
            .unwrap_err()
            .to_string(),
        "octet 20: User-Name says 6 octets where 2 to 5 are possible"
    );
}

#[test]
fn the_longest_packet_is_read_and_a_longer_one_is_not() {
    let longest = packet(
        1,
        &b"\xff\xff"
            .iter()
            .chain(&[0; 253])
            .copied()
            .collect::<Vec<_>>()
            .repeat(15),
    );
    assert!(longest.len() < MAX_LENGTH);
    assert!(Packet::parse(&longest).is_ok());
    let longer = packet(1, &[b"\xff\xff".as_slice(), &[0; 253]].concat().repeat(16));
    assert_eq!(
        Packet::parse(&longer),
        Err(ParseError::LengthOutOfRange { length: 4100 })
    );
}

#[test]
fn attributes_are_bounded_in_number() {
    assert!(Packet::parse(&packet(1, &[0xff, 2].repeat(MAX_ATTRIBUTES))).is_ok());
    assert_eq!(
        Packet::parse(&packet(1, &[0xff, 2].repeat(MAX_ATTRIBUTES + 1))),
        Err(ParseError::TooManyAttributes {
            offset: 20 + 2 * MAX_ATTRIBUTES
        })
    );
}

#[test]
fn octets_beyond_the_length_are_padding() {
    let mut datagram = login(b"secret");
    let octets = datagram.clone();
    datagram.extend(b"\x01\x05mal");
    let packet = Packet::parse(&datagram).unwrap();
    assert_eq!(packet.octets(), octets);
    let login = AccessRequest::new(packet).unwrap();
    assert_eq!(
        login.message_authenticator(&secret()),
        MessageAuthenticator::Valid
    );
}

#[test]
fn a_request_that_two_readers_could_read_differently_is_malformed() {
    for (attributes, error) in [
        (
            &b"\x01\x03a\x01\x03b"[..],
            AccessRequestError::Repeated {
                kind: Type::USER_NAME,
                offset: 23,
            },
        ),
        (
            &b"\x18\x03a\x18\x03a"[..],
            AccessRequestError::Repeated {
                kind: Type::STATE,
                offset: 23,
            },
        ),
        (
            &[b"\x02\x12".as_slice(), &[0; 16], b"\x02\x12", &[0; 16]].concat()[..],
            AccessRequestError::Repeated {
                kind: Type::USER_PASSWORD,
                offset: 38,
            },
        ),
        (
            b"\x02\x02",
            AccessRequestError::PasswordLength {
                offset: 20,
                octets: 0,
            },
        ),
        (
            b"\x02\x06abcd",
            AccessRequestError::PasswordLength {
                offset: 20,
                octets: 4,
            },
        ),
        (
            &[b"\x02\x92".as_slice(), &[0; 144]].concat()[..],
            AccessRequestError::PasswordLength {
                offset: 20,
                octets: 144,
            },
        ),
    ] {
        let datagram = packet(1, attributes);
        let parsed = Packet::parse(&datagram).unwrap();
        assert_eq!(AccessRequest::new(parsed).unwrap_err(), error);
    }
}

/// A Message-Authenticator over the given attributes, in front of them.
fn authenticated(attributes: &[u8]) -> Vec<u8> {
    let blank = [b"\x50\x12".as_slice(), &[0; 16], attributes].concat();
    let mut mac = Hmac::<Md5>::new_from_slice(b"testing123").unwrap();
    mac.update(&packet(1, &blank));
    let mac = mac.finalize().into_bytes();
    packet(1, &[b"\x50\x12".as_slice(), &mac, attributes].concat())
}

#[test]
fn a_message_authenticator_counts_once_and_whole() {
    let second = [b"\x50\x12".as_slice(), &[1; 16]].concat();
    for (datagram, expected) in [
        (authenticated(b"\x01\x05ali"), MessageAuthenticator::Valid),
        (authenticated(&second), MessageAuthenticator::Invalid),
        (packet(1, b"\x01\x05ali"), MessageAuthenticator::Absent),
        (packet(1, b"\x50\x02"), MessageAuthenticator::Invalid),
        (
            packet(1, b"\x50\x11123456789012345"),
            MessageAuthenticator::Invalid,
        ),
        (
            packet(1, b"\x50\x1312345678901234567"),
            MessageAuthenticator::Invalid,
        ),
    ] {
        let request = AccessRequest::new(Packet::parse(&datagram).unwrap()).unwrap();
        assert_eq!(request.message_authenticator(&secret()), expected);
    }
}

#[test]
fn an_empty_password_is_present() {
    let datagram = login(b"");
    let login = AccessRequest::new(Packet::parse(&datagram).unwrap()).unwrap();
    assert_eq!(
        login.user_password(&secret()).map(|clear| clear.len()),
        Some(0)
    );
}

#[test]
fn status_server_needs_a_message_authenticator() {
    let datagram = packet(12, b"");
    let parsed = Packet::parse(&datagram).unwrap();
    assert_eq!(
        StatusServer::verify(parsed, &secret()).unwrap_err(),
        StatusServerError::Unauthenticated
    );
}

#[test]
fn the_message_authenticator_leads_and_proxy_states_close() {
    let secret = secret();
    let request = Request::access(Identifier(1), AUTHENTICATOR, &secret)
        .attribute(Type::PROXY_STATE, b"outer")
        .unwrap()
        .attribute(Type::USER_NAME, b"alice")
        .unwrap()
        .attribute(Type::PROXY_STATE, b"inner")
        .unwrap()
        .encode()
        .unwrap();
    let packet = Packet::parse(&request).unwrap();
    assert_eq!(
        packet.attributes().next().unwrap().0,
        Type::MESSAGE_AUTHENTICATOR
    );
    assert!(AccessRequest::new(packet).unwrap().has_proxy_state());

    let challenge = Reply::challenge(b"5f3a", "Enter token code")
        .unwrap()
        .prompt(Prompt::NoEcho);
    let reply = challenge.encode(&packet, &secret).unwrap();
    let reply = verify_reply(&packet, &reply, &secret).unwrap();
    let attributes: Vec<(Type, &[u8])> = reply.attributes().skip(1).collect();
    assert_eq!(
        reply.attributes().next().unwrap().0,
        Type::MESSAGE_AUTHENTICATOR
    );
    assert_eq!(
        attributes,
        [
            (Type::REPLY_MESSAGE, &b"Enter token code"[..]),
            (Type::STATE, b"5f3a"),
            (Type::PROMPT, &[0, 0, 0, 0]),
            (Type::PROXY_STATE, b"outer"),
            (Type::PROXY_STATE, b"inner"),
        ]
    );
}

#[test]
fn empty_proxy_states_come_back_too() {
    let datagram = packet(1, b"\x21\x02\x21\x03x\x21\x02");
    let request = Packet::parse(&datagram).unwrap();
    let reply = Reply::reject().encode(&request, &secret()).unwrap();
    let reply = verify_reply(&request, &reply, &secret()).unwrap();
    assert_eq!(
        reply.proxy_states().collect::<Vec<_>>(),
        [&b""[..], b"x", b""]
    );
}

#[test]
fn a_long_message_is_split_between_characters() {
    let text = "é".repeat(300);
    let datagram = login(b"secret");
    let request = Packet::parse(&datagram).unwrap();
    let reply = Reply::reject()
        .reply_message(&text)
        .encode(&request, &secret())
        .unwrap();
    let reply = verify_reply(&request, &reply, &secret()).unwrap();
    let parts: Vec<&str> = reply
        .values(Type::REPLY_MESSAGE)
        .map(|part| std::str::from_utf8(part).unwrap())
        .collect();
    assert_eq!(
        parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
        [252, 252, 96]
    );
    assert_eq!(parts.concat(), text);
}

#[test]
fn a_vendor_attribute_has_its_vendor_before_it() {
    let group = VendorType::FORTINET_GROUP_NAME;
    let bytes = Reply::accept()
        .vendor_attribute(group, b"staff")
        .unwrap()
        .encode(&Packet::parse(&login(b"x")).unwrap(), &secret())
        .unwrap();
    let reply = Packet::parse(&bytes).unwrap();
    let value = reply.first(Type::VENDOR_SPECIFIC);
    assert_eq!(value, Some(&b"\0\0\x30\x44\x01\x07staff"[..]));
    let longest = Reply::accept().vendor_attribute(group, &[b'x'; MAX_VENDOR_VALUE_LENGTH]);
    assert!(longest.is_ok());
    for wrong in [&[][..], &[b'x'; MAX_VENDOR_VALUE_LENGTH + 1]] {
        assert!(Reply::accept().vendor_attribute(group, wrong).is_err());
    }
}

#[test]
fn attributes_that_cannot_be_sent_are_refused() {
    let refused = |kind, value: &[u8]| Reply::accept().attribute(kind, value).unwrap_err();
    assert_eq!(
        refused(Type::CLASS, b""),
        AttributeError::Empty { kind: Type::CLASS }
    );
    assert_eq!(
        refused(Type::CLASS, &[0; 254]),
        AttributeError::TooLong {
            kind: Type::CLASS,
            octets: 254
        }
    );
    for kind in [
        Type::MESSAGE_AUTHENTICATOR,
        Type::PROXY_STATE,
        Type::USER_PASSWORD,
    ] {
        assert_eq!(refused(kind, b"x"), AttributeError::Reserved { kind });
    }
    assert_eq!(
        Reply::challenge(b"5f3a", "").unwrap_err(),
        AttributeError::Empty {
            kind: Type::REPLY_MESSAGE
        }
    );
    assert_eq!(Secret::new(b"").err(), Some(EmptySecret));
}

#[test]
fn a_reply_never_exceeds_a_packet() {
    let proxy_states = [b"\x21\xff".as_slice(), &[1; 253]].concat().repeat(15);
    let datagram = packet(1, &proxy_states);
    let request = Packet::parse(&datagram).unwrap();
    let mut buffer = vec![1, 2, 3];
    let reply = Reply::accept().reply_message(&"x".repeat(253));
    let TooLarge { octets, .. } = reply
        .encode_into(&request, &secret(), &mut buffer)
        .unwrap_err();
    assert_eq!(octets, 20 + 18 + 255 + 15 * 255);
    assert!(buffer.is_empty());
    let reply = Reply::accept().reply_message(&"x".repeat(230));
    assert!(reply.encode_into(&request, &secret(), &mut buffer).is_ok());
    assert_eq!(buffer.len(), 20 + 18 + 232 + 15 * 255);
}

#[test]
fn a_reply_to_something_else_is_told_apart() {
    let datagram = login(b"secret");
    let request = Packet::parse(&datagram).unwrap();
    let mut other = datagram.clone();
    other[1] = 10;
    let other = Packet::parse(&other).unwrap();
    let reply = Reply::accept().encode(&request, &secret()).unwrap();
    assert_eq!(
        verify_reply(&other, &reply, &secret()),
        Err(ReplyError::OtherIdentifier {
            found: 9,
            expected: 10
        })
    );
    let accounting = Reply::accounting().encode(&request, &secret()).unwrap();
    assert!(matches!(
        verify_reply(&request, &accounting, &secret()),
        Err(ReplyError::UnexpectedCode { .. })
    ));
}
