#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]
//! Tokens that move: wishes made by `WebCrypto` (`vectors/make-transfer.mjs`), and what a bent one is worth.

use data_encoding::HEXLOWER;
use ident::{RegistrationId, TokenSerial};
use otp::Seed;
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;
use serde_json::Value;
use softtoken::address::ServerName;
use softtoken::device::{
    DeviceKeys, Nonce, ProofError, SealingPrivateKey, Signature, SigningPublicKey,
};
use softtoken::transfer::{
    Action, Delegation, ProvenWish, TransferKey, TransferRequest, TransferResponse, Wish,
    WishError, Wisher,
};
use std::convert::Infallible;
use zeroize::Zeroizing;

struct Vector(Value);

impl Vector {
    fn all() -> [Self; 3] {
        let vectors: Vec<Value> =
            serde_json::from_str(include_str!("vectors/transfer.json")).unwrap();
        let vectors: Vec<_> = vectors.into_iter().map(Self).collect();
        vectors.try_into().ok().unwrap()
    }

    fn input(&self, name: &str) -> Vec<u8> {
        let text = self.0["input"][name].as_str().unwrap();
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    fn message(&self) -> &str {
        self.0["message"].as_str().unwrap()
    }

    fn token(&self) -> TokenSerial {
        TokenSerial::parse(self.0["input"]["token"].as_str().unwrap()).unwrap()
    }

    fn server(&self) -> ServerName {
        ServerName::parse(self.0["input"]["server"].as_str().unwrap()).unwrap()
    }

    fn device(&self) -> RegistrationId {
        RegistrationId::parse(self.0["registration_id"].as_str().unwrap()).unwrap()
    }

    fn key(&self) -> TransferKey {
        let seed = Seed::from_bytes(Zeroizing::new(self.input("seed"))).unwrap();
        TransferKey::of(&seed, &self.token())
    }

    fn wish(&self) -> Wish {
        wish(self.message())
    }

    /// The same wish, made here.
    fn made(&self, action: Action) -> Wish {
        let signing = SigningKey::from_slice(&self.input("signing_private")).unwrap();
        let sealing = SealingPrivateKey::from_random(&self.array("sealing_random"));
        let device = DeviceKeys {
            signing: public(&signing),
            sealing: sealing.public(),
        };
        let nonce = Nonce::from_bytes(self.array("nonce"));
        let delegate = self.0["input"]["delegate_private"].is_string().then(|| {
            let private = self.input("delegate_private");
            SigningKey::from_slice(&private).unwrap()
        });
        let delegation = delegate.as_ref().map(|delegate| {
            let sign = |message: &[u8]| Ok::<_, Infallible>(signed(&signing, message));
            Delegation::new(self.device(), public(delegate), sign).unwrap()
        });
        let wisher = Wisher { device, delegation };
        let key = delegate.as_ref().unwrap_or(&signing);
        let sign = |message: &[u8]| Ok::<_, Infallible>(signed(key, message));
        let (server, key) = (self.server(), self.key());
        Wish::new(server, self.token(), action, nonce, &key, wisher, sign).unwrap()
    }

    fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.input(name).try_into().unwrap()
    }
}

fn public(key: &SigningKey) -> SigningPublicKey {
    let point = key.verifying_key().to_sec1_point(false);
    SigningPublicKey::from_sec1(point.as_bytes()).unwrap()
}

fn signed(key: &SigningKey, message: &[u8]) -> Signature {
    let signature: p256::ecdsa::Signature = key.sign(message);
    let bytes: [u8; 64] = signature.to_bytes().as_slice().try_into().unwrap();
    Signature::from_bytes(bytes)
}

fn wish(text: &str) -> Wish {
    match TransferRequest::parse(text.as_bytes()).unwrap() {
        TransferRequest::Action(request) => *request.wish,
        TransferRequest::Nonce(_) => panic!("{text}"),
    }
}

/// The wish, at the server that it names.
fn proven(wish: &Wish) -> ProvenWish<'_> {
    wish.prove(std::slice::from_ref(&wish.server)).unwrap()
}

/// Whether a wish is not even the server's that it names.
fn is_none(text: &str) -> bool {
    let wish = wish(text);
    wish.prove(std::slice::from_ref(&wish.server)).is_err()
}

#[test]
fn a_browsers_wish_is_its_devices_and_its_tokens() {
    for (vector, action) in
        Vector::all()
            .iter()
            .zip([Action::BeginMailed, Action::Cancel, Action::BeginShown])
    {
        for wish in [vector.wish(), vector.made(action)] {
            let proven = proven(&wish);
            assert_eq!(proven.device(), vector.device());
            assert_eq!(proven.of_holder(vector.device(), &vector.key()), Ok(action));
        }
        let written = TransferRequest::parse(vector.message().as_bytes()).unwrap();
        assert_eq!(written.to_json().as_str(), vector.message());
        assert_eq!(written.token(), vector.token());
    }
}

#[test]
fn a_wish_without_the_seed_or_of_another_device_is_none() {
    let [one, two, _] = Vector::all();
    let wish = one.wish();
    let proven = proven(&wish);
    for (device, key, why) in [
        (one.device(), two.key(), WishError::Mac),
        (two.device(), two.key(), WishError::OtherDevice),
        (two.device(), one.key(), WishError::SecondDevice),
    ] {
        assert_eq!(proven.of_holder(device, &key), Err(why));
    }
}

#[test]
fn a_wish_is_worth_nothing_at_another_server() {
    let [one, two, _] = Vector::all();
    for wish in [one.wish(), one.made(Action::BeginMailed)] {
        for names in [vec![], vec![two.server()]] {
            assert_eq!(wish.prove(&names).unwrap_err(), ProofError::Server);
        }
        assert!(wish.prove(&[two.server(), one.server()]).is_ok());
    }
    // The name is proven, not said: another one in its place is no way to the other server.
    let renamed = one
        .message()
        .replace(one.server().as_str(), two.server().as_str());
    let renamed = wish(&renamed);
    assert_eq!(
        renamed.prove(&[two.server()]).unwrap_err(),
        ProofError::Signature
    );
}

#[test]
fn a_key_that_was_saved_proves_the_same_wishes() {
    for vector in Vector::all() {
        let key = vector.key();
        let expected = vector.0["transfer_key"].as_str().unwrap();
        assert_eq!(HEXLOWER.encode(key.expose()), expected);
        let saved = TransferKey::from_bytes(Zeroizing::new(*key.expose()));
        let wish = vector.wish();
        let proven = proven(&wish);
        assert!(proven.of_holder(vector.device(), &saved).is_ok());
    }
}

#[test]
fn a_wish_under_the_key_for_pushes_is_none() {
    for vector in Vector::all() {
        let wish = wish(vector.0["message_under_push_key"].as_str().unwrap());
        let proven = proven(&wish);
        assert_eq!(proven.device(), vector.device());
        let holder = proven.of_holder(vector.device(), &vector.key());
        assert_eq!(holder, Err(WishError::Mac));
    }
}

#[test]
fn a_wish_with_any_field_of_another_is_refused() {
    let [one, two, _] = Vector::all();
    let (mine, others): (Value, Value) = (
        serde_json::from_str(one.message()).unwrap(),
        serde_json::from_str(two.message()).unwrap(),
    );
    for field in [
        "server",
        "token",
        "action",
        "nonce",
        "signing_key",
        "sealing_key",
        "mac",
        "signature",
    ] {
        let mut bent = mine.clone();
        bent["d"][field] = others["d"][field].clone();
        assert!(is_none(&bent.to_string()), "{field}");
    }
}

#[test]
fn a_key_without_its_devices_word_wishes_nothing() {
    let [plain, _, delegated] = Vector::all();
    let json = |vector: &Vector| serde_json::from_str::<Value>(vector.message()).unwrap();
    let (of_device, of_delegate) = (json(&plain), json(&delegated));
    let bent = |message: &Value, fields: &[(&str, Value)]| {
        let mut bent = message.clone();
        for (field, value) in fields {
            bent["d"][field] = value.clone();
        }
        bent.to_string()
    };
    let field = |message: &Value, name: &str| message["d"][name].clone();
    let word = [
        ("delegate_key", field(&of_delegate, "delegate_key")),
        ("delegation", field(&of_delegate, "delegation")),
    ];
    for text in [
        // Its own signature, another key, no word at all, and another device's.
        bent(
            &of_delegate,
            &[("delegation", field(&of_delegate, "signature"))],
        ),
        bent(
            &of_delegate,
            &[("delegate_key", field(&of_device, "signing_key"))],
        ),
        bent(
            &of_delegate,
            &[("delegate_key", Value::Null), ("delegation", Value::Null)],
        ),
        bent(&of_device, &word),
    ] {
        assert!(is_none(&text), "{text}");
    }
    for half in ["delegate_key", "delegation"] {
        let text = bent(&of_delegate, &[(half, Value::Null)]);
        assert!(TransferRequest::parse(text.as_bytes()).is_err(), "{half}");
    }
}

#[test]
fn answers_come_back_as_they_were_and_no_contradiction_does() {
    for text in [
        include_str!("messages/transfer-nonce.response.json"),
        include_str!("messages/transfer-action.refused.response.json"),
        include_str!("messages/transfer-action.mailed.response.json"),
        include_str!("messages/transfer-action.none.response.json"),
    ] {
        let text = text.trim_end();
        let answer = TransferResponse::parse(text.as_bytes()).unwrap();
        assert_eq!(answer.to_json().as_str(), text);
        let contradictory = text.replace(r#""cause":null"#, r#""cause":"why""#);
        if contradictory != text {
            assert!(TransferResponse::parse(contradictory.as_bytes()).is_err());
        }
    }
}
