//! Properties over random packets. A failure prints the input and a seed line `cc …`, which
//! `proptest-regressions/` keeps: the same input runs first in the next run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use radius::mschapv2::NtHash;
use radius::{
    AccessRequest, AccountingRequest, Authenticator, Credentials, Identifier, MessageAuthenticator,
    Packet, Reply, Request, Secret, StatusServer, Type, verify_reply,
};

fn secrets() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..100)
}

fn attributes() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let ordinary = (any::<u8>(), vec(any::<u8>(), 1..=253))
        .prop_filter("made by the encoder", |(kind, _)| {
            ![1, 2, 3, 24, 33, 60, 79, 80].contains(kind)
        });
    vec(ordinary, 0..8)
}

/// Datagrams whose header fits, so that the attributes get tried.
fn nearly_packets() -> impl Strategy<Value = Vec<u8>> {
    let codes = prop::sample::select(vec![1_u8, 2, 3, 4, 5, 11, 12]);
    (
        codes,
        vec(any::<u8>(), 17),
        vec(prop_oneof![Just(80_u8), 0..40_u8, any::<u8>()], 0..200),
    )
        .prop_map(|(code, mut header, attributes)| {
            let length = u16::try_from(20 + attributes.len()).unwrap();
            header.splice(1..1, length.to_be_bytes());
            header.insert(0, code);
            [header, attributes].concat()
        })
}

fn request(secret: &Secret, authenticator: [u8; 16], password: &[u8]) -> Vec<u8> {
    Request::access(Identifier(3), Authenticator(authenticator), secret)
        .attribute(Type::USER_NAME, b"alice")
        .unwrap()
        .user_password(password)
        .unwrap()
        .encode()
        .unwrap()
}

fn read_all(datagram: &[u8], secret: &Secret) {
    let Ok(packet) = Packet::parse(datagram) else {
        return;
    };
    let octets: usize = packet.attributes().map(|(_, value)| value.len() + 2).sum();
    assert_eq!(20 + octets, packet.octets().len());
    let _ = StatusServer::verify(packet, secret);
    let _ = AccountingRequest::verify(packet, secret);
    let _ = verify_reply(&packet, datagram, secret);
    let _ = Reply::reject().encode(&packet, secret);
    if let Ok(login) = AccessRequest::new(packet) {
        let _ = login.message_authenticator(secret);
        let _ = login.user_password(secret);
        if let Credentials::MsChapV2(response) = login.credentials(secret) {
            let _ = response.check(&NtHash::of("hello"));
        }
    }
}

proptest! {
    #[test]
    fn any_octets_are_read_without_a_panic(datagram in vec(any::<u8>(), 0..5000)) {
        read_all(&datagram, &Secret::new(b"s").unwrap());
    }

    #[test]
    fn nearly_packets_are_read_without_a_panic(datagram in nearly_packets()) {
        read_all(&datagram, &Secret::new(b"s").unwrap());
    }

    #[test]
    fn what_a_client_sends_is_what_the_server_reads(
        secret in secrets(),
        identifier: u8,
        authenticator: [u8; 16],
        password in "[^\0]{0,32}",
        attributes in attributes(),
    ) {
        let secret = Secret::new(&secret).unwrap();
        let mut request =
            Request::access(Identifier(identifier), Authenticator(authenticator), &secret)
                .user_password(password.as_bytes())
                .unwrap();
        for (kind, value) in &attributes {
            request = request.attribute(Type(*kind), value).unwrap();
        }
        let datagram = request.encode().unwrap();
        let packet = Packet::parse(&datagram).unwrap();
        prop_assert_eq!(packet.identifier(), Identifier(identifier));
        prop_assert_eq!(packet.authenticator(), Authenticator(authenticator));
        let sent: Vec<(Type, &[u8])> =
            attributes.iter().map(|(kind, value)| (Type(*kind), &value[..])).collect();
        prop_assert_eq!(packet.attributes().skip(2).collect::<Vec<_>>(), sent);
        let login = AccessRequest::new(packet).unwrap();
        prop_assert_eq!(&**login.user_password(&secret).unwrap(), password.as_bytes());
        prop_assert_eq!(login.message_authenticator(&secret), MessageAuthenticator::Valid);
    }

    #[test]
    fn what_a_server_answers_is_what_the_client_reads(
        secret in secrets(),
        authenticator: [u8; 16],
        attributes in attributes(),
    ) {
        let secret = Secret::new(&secret).unwrap();
        let request = request(&secret, authenticator, b"secret");
        let request = Packet::parse(&request).unwrap();
        let mut reply = Reply::accept();
        for (kind, value) in &attributes {
            reply = reply.attribute(Type(*kind), value).unwrap();
        }
        let reply = reply.encode(&request, &secret).unwrap();
        let reply = verify_reply(&request, &reply, &secret).unwrap();
        let sent: Vec<(Type, &[u8])> =
            attributes.iter().map(|(kind, value)| (Type(*kind), &value[..])).collect();
        prop_assert_eq!(reply.attributes().skip(1).collect::<Vec<_>>(), sent);
    }

    #[test]
    fn no_bit_of_a_reply_can_be_changed(
        secret in secrets(),
        authenticator: [u8; 16],
        bit: prop::sample::Index,
    ) {
        let secret = Secret::new(&secret).unwrap();
        let request = request(&secret, authenticator, b"secret");
        let request = Packet::parse(&request).unwrap();
        let mut reply = Reply::reject().reply_message("No").encode(&request, &secret).unwrap();
        let bit = bit.index(reply.len() * 8);
        reply[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verify_reply(&request, &reply, &secret).is_err());
    }

    #[test]
    fn no_bit_of_a_request_can_be_changed(
        secret in secrets(),
        authenticator: [u8; 16],
        bit: prop::sample::Index,
    ) {
        let secret = Secret::new(&secret).unwrap();
        let mut datagram = request(&secret, authenticator, b"secret");
        let bit = bit.index(datagram.len() * 8);
        datagram[bit / 8] ^= 1 << (bit % 8);
        let verdict = Packet::parse(&datagram)
            .ok()
            .and_then(|packet| AccessRequest::new(packet).ok())
            .map(|login| login.message_authenticator(&secret));
        // A changed type or length can take the Message-Authenticator itself away.
        prop_assert_ne!(verdict, Some(MessageAuthenticator::Valid));
    }
}
