//! What comes over the network: messages between gateway, token server and app, and RADIUS.

use radius::{
    AccessRequest, AccountingRequest, Packet, Reply, Secret, StatusServer, Type, Version,
};
use softtoken::mobile::{MobileRequest, MobileResponse};
use softtoken::process::{Request, Response};

/// What is read can be written, and is read as the same; the log's form of it has no control characters.
pub(crate) fn softtoken(input: &[u8]) {
    macro_rules! read_and_written {
        ($($message:ty)+) => {
            $(if let Ok(message) = <$message>::parse(input) {
                let written = message.to_json();
                let again = <$message>::parse(written.as_bytes()).map(|again| again.to_json());
                assert!(again.is_ok_and(|again| again == written), "{input:?}");
                let _ = message.debug_text();
            })+
        };
    }
    read_and_written!(Request Response MobileRequest MobileResponse);
}

/// A datagram from anybody.
pub(crate) fn radius(input: &[u8]) {
    for version in [Version::V1_0, Version::V1_1] {
        radius_as(version, input);
    }
}

fn radius_as(version: Version, input: &[u8]) {
    let packet = Packet::parse_as(version, input);
    let (Ok(packet), Ok(secret)) = (packet, Secret::new(b"secret")) else {
        return;
    };
    let octets: usize = packet.attributes().map(|(_, value)| value.len()).sum();
    assert!(octets <= input.len());
    let _ = packet.first(Type::USER_NAME);
    let _ = packet.proxy_states().count();
    let _ = StatusServer::verify(packet, &secret);
    let _ = AccountingRequest::verify(packet, &secret);
    if let Ok(request) = AccessRequest::new(packet) {
        let _ = request.message_authenticator(&secret);
        if let Some(password) = request.user_password(&secret) {
            assert!(password.len() <= 128);
        }
        let _ = request.credentials(&secret);
        let eap = request.eap_message();
        assert_eq!(eap.is_some(), request.has_eap());
        let reply = Reply::reject().eap_message(&eap.unwrap_or_default());
        if let Ok(reply) = reply.encode(&packet, &secret) {
            assert!(Packet::parse_as(version, &reply).is_ok_and(|it| it.version() == version));
        }
    }
}
