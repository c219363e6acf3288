#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]
//! Subscriptions: vectors made by `WebCrypto` (`vectors/make-subscribe.mjs`), and what a bent one is worth.

use data_encoding::HEXLOWER;
use serde_json::Value;
use softtoken::address::ServerName;
use softtoken::push::{
    Endpoint, PushRequest, PushSubscribeRequest, subscribe_transcript, verify_subscriber,
};

fn vectors() -> Vec<(PushSubscribeRequest, Vec<u8>)> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/subscribe.json")).unwrap();
    let read = |vector: Value| {
        let text = |name: &str| vector[name].as_str().unwrap().to_owned();
        let transcript = HEXLOWER.decode(text("transcript").as_bytes()).unwrap();
        match PushRequest::parse(text("message").as_bytes()).unwrap() {
            PushRequest::Subscribe(request) => (request, transcript),
            other => panic!("{other:?}"),
        }
    };
    vectors.into_iter().map(read).collect()
}

#[test]
fn a_browsers_proof_is_taken_at_the_server_that_it_names() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 2);
    for (request, expected) in vectors {
        let PushSubscribeRequest {
            server,
            nonce,
            keys,
            subscription,
            ..
        } = &request;
        let signed = subscribe_transcript(server, nonce, keys, subscription.as_ref());
        assert_eq!(HEXLOWER.encode(&signed), HEXLOWER.encode(&expected));
        let device = verify_subscriber(&request, std::slice::from_ref(server)).unwrap();
        assert_eq!(device, keys.registration_id());
        let other = ServerName::parse("push.example.com").unwrap();
        assert!(verify_subscriber(&request, &[other]).is_err());
    }
}

#[test]
fn nobody_sends_a_phones_messages_elsewhere() {
    let [(subscribed, _), (ended, _)] = vectors().try_into().unwrap();
    let names = [subscribed.server.clone()];
    let own = subscribed.subscription.clone().unwrap();
    let mut elsewhere = own;
    elsewhere.endpoint = Endpoint::parse("https://push.example.net/elsewhere").unwrap();
    for subscription in [None, Some(elsewhere)] {
        let bent = PushSubscribeRequest {
            subscription,
            ..subscribed.clone()
        };
        assert!(verify_subscriber(&bent, &names).is_err(), "{bent:?}");
    }
    let revived = PushSubscribeRequest {
        subscription: subscribed.subscription,
        ..ended
    };
    assert!(verify_subscriber(&revived, &names).is_err());
}

#[test]
fn a_subscription_is_whole_or_none_and_its_address_shows_nowhere() {
    let [(subscribed, _), _] = vectors().try_into().unwrap();
    let shown = format!("{:?}", subscribed.subscription);
    assert!(shown.contains("push.example.net"), "{shown}");
    let logged = PushRequest::from(subscribed.clone()).debug_text();
    for secret in ["JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", "BTBZMqHH6r4Tts7J_aSIgg"] {
        assert!(
            !shown.contains(secret) && !logged.contains(secret),
            "{shown} {logged}"
        );
    }
    let text = PushRequest::from(subscribed).to_json();
    for (was, is) in [
        ("\"BTBZMqHH6r4Tts7J_aSIgg\"", "null"),
        ("BTBZMqHH6r4Tts7J_aSIgg", "BTBZMqHH6r4Tts7J_aSI"),
        ("BCVxsr7N", "BCVxsr7O"),
        ("https://push", "http://push"),
        (
            "\"https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV\"",
            "null",
        ),
    ] {
        assert!(text.contains(was), "{was}");
        let bent = text.replace(was, is);
        assert!(PushRequest::parse(bent.as_bytes()).is_err(), "{is}");
    }
}
