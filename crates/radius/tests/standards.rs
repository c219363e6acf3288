//! The examples of RFC 2865 section 7, octet for octet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use radius::{
    AccessRequest, AccountingRequest, AccountingRequestError, Code, Identifier,
    MessageAuthenticator, Packet, Reply, ReplyError, Secret, StatusServer, StatusServerError, Type,
    verify_reply,
};

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn secret() -> Secret {
    Secret::new(b"xyzzy5461").unwrap()
}

/// The RFC's clients and server know no Message-Authenticator, so today's client refuses the reply
/// for that and nothing else: the check comes after that of the Response Authenticator.
fn assert_signed_but_without_message_authenticator(request: &[u8], reply: &[u8]) {
    let request = Packet::parse(request).unwrap();
    let verdict = verify_reply(&request, reply, &secret());
    assert_eq!(verdict.unwrap_err(), ReplyError::NoMessageAuthenticator);
    let other = Secret::new(b"xyzzy5462").unwrap();
    let verdict = verify_reply(&request, reply, &other);
    assert_eq!(verdict.unwrap_err(), ReplyError::WrongResponseAuthenticator);
}

#[test]
fn section_7_1_user_telnet_to_specified_host() {
    let request = octets(
        "01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a
         01 06 6e 65 6d 6f
         02 12 0d be 70 8d 93 d4 13 ce 31 96 e4 3f 78 2a 0a ee
         04 06 c0 a8 01 10 05 06 00 00 00 03",
    );
    let packet = Packet::parse(&request).unwrap();
    assert_eq!(packet.code(), Code::AccessRequest);
    assert_eq!(packet.identifier(), Identifier(0));
    assert_eq!(
        packet
            .attributes()
            .map(|(kind, _)| kind)
            .collect::<Vec<_>>(),
        [
            Type::USER_NAME,
            Type::USER_PASSWORD,
            Type::NAS_IP_ADDRESS,
            Type::NAS_PORT
        ]
    );
    let login = AccessRequest::new(packet).unwrap();
    assert_eq!(login.user_name(), Some(&b"nemo"[..]));
    assert_eq!(**login.user_password(&secret()).unwrap(), *b"arctangent");
    assert_eq!(
        login.message_authenticator(&secret()),
        MessageAuthenticator::Absent
    );

    let reply = octets(
        "02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2
         06 06 00 00 00 01 0f 06 00 00 00 00 0e 06 c0 a8 01 03",
    );
    assert_signed_but_without_message_authenticator(&request, &reply);
}

#[test]
fn section_7_2_framed_user_authenticating_with_chap() {
    let request = octets(
        "01 01 00 47 2a ee 86 f0 8d 0d 55 96 9c a5 97 8e 0d 33 67 a2
         01 08 66 6c 6f 70 73 79
         03 13 16 e9 75 57 c3 16 18 58 95 f2 93 ff 63 44 07 72 75
         04 06 c0 a8 01 10 05 06 00 00 00 14
         06 06 00 00 00 02 07 06 00 00 00 01",
    );
    let login = AccessRequest::new(Packet::parse(&request).unwrap()).unwrap();
    assert_eq!(login.user_name(), Some(&b"flopsy"[..]));
    assert!(login.user_password(&secret()).is_none());
    assert_eq!(
        login.packet().first(Type::CHAP_PASSWORD).map(<[u8]>::len),
        Some(17)
    );

    let reply = octets(
        "02 01 00 38 15 ef bc 7d ab 26 cf a3 dc 34 d9 c0 3c 86 01 a4
         06 06 00 00 00 02 07 06 00 00 00 01 08 06 ff ff ff fe
         0a 06 00 00 00 02 0d 06 00 00 00 01 0c 06 00 00 05 dc",
    );
    assert_signed_but_without_message_authenticator(&request, &reply);
}

#[test]
fn section_7_3_user_with_challenge_response_card() {
    let request = octets(
        "01 02 00 39 f3 a4 7a 1f 6a 6d 76 71 0b 94 7a b9 30 41 a0 39
         01 07 6d 6f 70 73 79
         02 12 33 65 75 73 77 82 89 b5 70 88 5e 15 08 48 25 c5
         04 06 c0 a8 01 10 05 06 00 00 00 07",
    );
    let login = AccessRequest::new(Packet::parse(&request).unwrap()).unwrap();
    assert_eq!(login.user_name(), Some(&b"mopsy"[..]));
    assert_eq!(**login.user_password(&secret()).unwrap(), *b"challenge");

    let challenge = octets(
        "0b 02 00 4e 36 f3 c8 76 4a e8 c7 11 57 40 3c 0c 71 ff 9c 45
         12 30 43 68 61 6c 6c 65 6e 67 65 20 33 32 37 36 39 34 33 30
         2e 20 20 45 6e 74 65 72 20 72 65 73 70 6f 6e 73 65 20 61 74
         20 70 72 6f 6d 70 74 2e 18 0a 33 32 37 36 39 34 33 30",
    );
    assert_signed_but_without_message_authenticator(&request, &challenge);

    // The RFC prints State's length as 0x10; 0x0a is what its value and the packet's length say.
    let answer = octets(
        "01 03 00 43 b1 22 55 6d 42 8a 13 d0 d6 25 38 07 c4 57 ec f0
         01 07 6d 6f 70 73 79
         02 12 69 2c 1f 20 5f c0 81 b9 19 b9 51 95 f5 61 a5 81
         04 06 c0 a8 01 10 05 06 00 00 00 07
         18 0a 33 32 37 36 39 34 33 30",
    );
    let login = AccessRequest::new(Packet::parse(&answer).unwrap()).unwrap();
    assert_eq!(login.state(), Some(&b"32769430"[..]));
    assert_eq!(**login.user_password(&secret()).unwrap(), *b"99101462");

    let reject = octets("03 03 00 14 a4 2f 4f ca 45 91 6c 4e 09 c8 34 0f 9e 74 6a a0");
    assert_signed_but_without_message_authenticator(&answer, &reject);
}

/// RFC 5997 sections 6.1 and 6.2.
#[test]
fn status_server_on_both_ports() {
    let request = octets(
        "0c da 00 26 8a 54 f4 68 6f b3 94 c5 28 66 e3 02 18 5d 06 23
         50 12 5a 66 5e 2e 1e 84 11 f3 e2 43 82 20 97 c8 4f a3",
    );
    let packet = Packet::parse(&request).unwrap();
    assert!(StatusServer::verify(packet, &secret()).is_ok());
    let other = Secret::new(b"xyzzy5462").unwrap();
    assert_eq!(
        StatusServer::verify(packet, &other).unwrap_err(),
        StatusServerError::WrongAuthenticator
    );
    let reply = octets("02 da 00 14 ef 0d 55 2a 4b f2 d6 93 ec 2b 6f e8 b5 41 1d 66");
    assert_signed_but_without_message_authenticator(&request, &reply);

    let request = octets(
        "0c b3 00 26 92 5f 6b 66 dd 5f ed 57 1f cb 1d b7 ad 38 82 60
         50 12 e8 d6 ea bd a9 10 87 5c d9 1f da de 26 36 78 58",
    );
    let packet = Packet::parse(&request).unwrap();
    assert!(StatusServer::verify(packet, &secret()).is_ok());
    let reply = octets("05 b3 00 14 0f 6f 92 14 5f 10 7e 2f 50 4e 86 0a 48 60 66 9c");
    assert!(verify_reply(&packet, &reply, &secret()).is_ok());
    // RFC 2866 has no Message-Authenticator: the built reply is the RFC's, octet for octet.
    assert_eq!(
        Reply::accounting().encode(&packet, &secret()).unwrap(),
        reply
    );
}

/// Requests that `radclient` 3.2.1 made with this secret.
#[test]
fn foreign_message_authenticator() {
    let request = octets(
        "01e4003ee114edb1dad5b31e33286b03af14e81d01066e656d6f02127226ea217de32a6b13eb0a6145491
         13e5012ae3705bb0a8aaeb251b6aae8c6d2a5ce",
    );
    let login = AccessRequest::new(Packet::parse(&request).unwrap()).unwrap();
    assert_eq!(
        login.message_authenticator(&secret()),
        MessageAuthenticator::Valid
    );
    let other = Secret::new(b"xyzzy5462").unwrap();
    assert_eq!(
        login.message_authenticator(&other),
        MessageAuthenticator::Invalid
    );
    assert_eq!(**login.user_password(&secret()).unwrap(), *b"arctangent");
}

#[test]
fn foreign_accounting_request() {
    let request = octets("04400023d6269ed9965821a5a5fdee7d857077ba01066e656d6f2806000000012c0337");
    let packet = Packet::parse(&request).unwrap();
    let start = AccountingRequest::verify(packet, &secret()).unwrap();
    assert_eq!(
        start.packet().first(Type::ACCT_STATUS_TYPE),
        Some(&[0, 0, 0, 1][..])
    );
    let other = Secret::new(b"xyzzy5462").unwrap();
    assert_eq!(
        AccountingRequest::verify(packet, &other).unwrap_err(),
        AccountingRequestError::WrongAuthenticator
    );
}
