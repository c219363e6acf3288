#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]
//! Pushes: vectors made by `WebCrypto` (`vectors/make-push.mjs`), and what a bent one is worth.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ident::{ProductSerial, RegistrationId, TokenSerial};
use otp::Seed;
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;
use serde_json::Value;
use softtoken::address::{ServerName, ServerUrl};
use softtoken::device::{DeviceKeys, Nonce, SealingPrivateKey, Signature, SigningPublicKey};
use softtoken::link::SpkiPin;
use softtoken::push::{
    Addressed, Answer, AnswerAddress, Approval, Decision, LoginAnswer, LoginRequest, MailboxSecret,
    PushError, PushKey, PushListenRequest, PushNumber, PushRequest, PushSession, SealedPush,
    ShownText, listen_transcript, verify_listener,
};
use zeroize::Zeroizing;

/// One vector: its inputs and what follows from them.
struct Vector(Value);

impl Vector {
    fn all() -> Vec<Self> {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/push.json")).unwrap();
        assert!(vectors.len() >= 2);
        vectors.into_iter().map(Self).collect()
    }

    fn value(&self, name: &str) -> &Value {
        self.0["input"]
            .get(name)
            .or_else(|| self.0.get(name))
            .unwrap()
    }

    fn text(&self, name: &str) -> &str {
        self.value(name).as_str().unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        HEXLOWER.decode(self.text(name).as_bytes()).unwrap()
    }

    fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.bytes(name).try_into().unwrap()
    }

    fn sealed(&self, name: &str) -> SealedPush {
        SealedPush::parse(&BASE64URL_NOPAD.encode(&self.bytes(name))).unwrap()
    }

    fn signing(&self) -> SigningKey {
        SigningKey::from_slice(&self.bytes("signing_private")).unwrap()
    }

    fn sealing(&self) -> SealingPrivateKey {
        SealingPrivateKey::from_random(&self.array("sealing_random"))
    }

    fn answer_key(&self) -> SealingPrivateKey {
        SealingPrivateKey::from_random(&self.array("answer_random"))
    }

    fn keys(&self) -> DeviceKeys {
        let point = self.signing().verifying_key().to_sec1_point(false);
        DeviceKeys {
            signing: SigningPublicKey::from_sec1(point.as_bytes()).unwrap(),
            sealing: self.sealing().public(),
        }
    }

    fn device(&self) -> RegistrationId {
        self.keys().registration_id()
    }

    fn token(&self) -> TokenSerial {
        TokenSerial::parse(self.text("token")).unwrap()
    }

    fn key(&self) -> PushKey {
        PushKey::of(&Seed::from_hex(self.text("seed")).unwrap(), &self.token())
    }

    fn session(&self) -> PushSession {
        PushSession::from_bytes(self.array("session"))
    }

    fn expires(&self) -> u64 {
        self.value("expires").as_u64().unwrap()
    }

    fn addressed(&self) -> Addressed {
        Addressed {
            device: self.device(),
            session: self.session(),
            expires_unix: self.expires(),
        }
    }

    fn request(&self) -> LoginRequest {
        let shown = |name| ShownText::parse(self.text(name)).unwrap();
        let secret = MailboxSecret::from_random(Zeroizing::new(self.array("mailbox_secret")));
        LoginRequest {
            gateway: ProductSerial::parse(self.text("gateway")).unwrap(),
            session: self.session(),
            token: self.token(),
            user: shown("user"),
            service: shown("service"),
            source: shown("source"),
            at_unix: self.value("time").as_u64().unwrap(),
            expires_unix: self.expires(),
            approval: match self.text("approval") {
                "number" => Approval::Number,
                _ => Approval::Tap,
            },
            answer_to: self.value("answer_url").as_str().map(|url| AnswerAddress {
                url: ServerUrl::parse(url).unwrap(),
                pin: SpkiPin::parse(self.text("answer_pin")).unwrap(),
            }),
            mailbox: secret.mailbox(),
            answer_key: self.answer_key().public(),
        }
    }

    fn decision(&self) -> Decision {
        match self.text("decision") {
            "approve" => Decision::Approve(Some(PushNumber::parse(self.text("number")).unwrap())),
            "not-me" => Decision::NotMe,
            other => panic!("{other}"),
        }
    }

    fn answer(&self) -> LoginAnswer {
        self.opened("sealed_answer")
    }

    fn opened(&self, name: &str) -> LoginAnswer {
        let sealed = self.sealed(name);
        LoginAnswer::open(&sealed, &self.session(), &self.answer_key()).unwrap()
    }

    fn listener(&self) -> PushListenRequest {
        PushListenRequest {
            server: ServerName::parse(self.text("relay")).unwrap(),
            nonce: Nonce::from_bytes(self.array("nonce")),
            keys: self.keys(),
            signature: Signature::from_bytes(self.array("listen_signature")),
        }
    }
}

fn signed(key: &SigningKey, message: &[u8]) -> Signature {
    let signature: p256::ecdsa::Signature = key.sign(message);
    Signature::from_bytes(signature.to_bytes().into())
}

#[test]
fn what_a_browser_sealed_and_what_is_sealed_here_are_the_same() {
    for vector in Vector::all() {
        let request = vector.request();
        let sealed = request.seal(
            &vector.key(),
            vector.device(),
            &vector.keys().sealing,
            &vector.array("request_random"),
        );
        assert!(sealed.unwrap() == vector.sealed("sealed_request"));
        let opened = LoginRequest::open(
            &vector.sealed("sealed_request"),
            &vector.addressed(),
            &vector.sealing(),
            |token| (*token == vector.token()).then(|| vector.key()),
            vector.expires() - 1,
        );
        assert_eq!(opened.unwrap(), request);
    }
}

#[test]
fn what_a_browser_answered_is_proven_and_so_is_what_is_answered_here() {
    for vector in Vector::all() {
        let (request, now) = (vector.request(), vector.expires() - 1);
        let proven = vector
            .answer()
            .prove(&request, vector.device(), &vector.key(), now);
        assert_eq!(proven.unwrap().decision(), vector.decision());

        let answer = Answer::new(&request, vector.decision(), &vector.key());
        let to_sign = answer.signed_bytes();
        assert_eq!(to_sign, vector.bytes("signed_transcript"));
        let answer = answer.signed(vector.keys(), signed(&vector.signing(), &to_sign));
        let sealed = answer
            .seal(&vector.answer_key().public(), &vector.array("seal_random"))
            .unwrap();
        let opened = LoginAnswer::open(&sealed, &vector.session(), &vector.answer_key()).unwrap();
        let proven = opened.prove(&request, vector.device(), &vector.key(), now);
        assert_eq!(proven.unwrap().decision(), vector.decision());
    }
}

#[test]
fn a_request_opens_for_its_device_in_its_time_and_with_the_seed_alone() {
    let [one, two] = Vector::all().try_into().ok().unwrap();
    let open = |addressed: &Addressed, key: &SealingPrivateKey, push: &Vector, now| {
        let sealed = one.sealed("sealed_request");
        LoginRequest::open(&sealed, addressed, key, |_| Some(push.key()), now).unwrap_err()
    };
    let (now, right) = (one.expires() - 1, one.addressed());
    assert_eq!(open(&right, &two.sealing(), &one, now), PushError::Open);
    let another = Addressed {
        expires_unix: one.expires() + 1,
        ..right
    };
    assert_eq!(open(&another, &one.sealing(), &one, now), PushError::Open);
    assert_eq!(open(&right, &one.sealing(), &two, now), PushError::Mac);
    assert_eq!(
        open(&right, &one.sealing(), &one, one.expires()),
        PushError::Expired
    );
    let sealed = one.sealed("sealed_request");
    let nobodys = LoginRequest::open(&sealed, &right, &one.sealing(), |_| None, now);
    assert_eq!(nobodys.unwrap_err(), PushError::Other);
}

#[test]
fn an_answer_needs_the_device_the_seed_the_login_and_the_time() {
    let [one, two] = Vector::all().try_into().ok().unwrap();
    let (request, now) = (one.request(), one.expires() - 1);
    let prove = |answer: &LoginAnswer, request: &LoginRequest, device, key: &PushKey, now| {
        answer.prove(request, device, key, now).unwrap_err()
    };
    let answer = one.answer();
    let (device, key) = (one.device(), one.key());
    assert_eq!(
        prove(&answer, &request, two.device(), &key, now),
        PushError::SecondDevice(device)
    );
    assert_eq!(
        prove(&two.answer(), &request, device, &key, now),
        PushError::Other
    );
    assert_eq!(
        prove(&answer, &request, device, &two.key(), now),
        PushError::Mac
    );
    assert_eq!(
        prove(&answer, &request, device, &key, one.expires()),
        PushError::Expired
    );
    for bent in [
        LoginRequest {
            user: ShownText::fitting("mallory"),
            ..request.clone()
        },
        LoginRequest {
            expires_unix: request.expires_unix + 60,
            ..request.clone()
        },
        LoginRequest {
            approval: Approval::Tap,
            ..request.clone()
        },
        LoginRequest {
            gateway: ProductSerial::parse("FGT3HD3915801657").unwrap(),
            ..request.clone()
        },
    ] {
        assert_eq!(prove(&answer, &bent, device, &key, now), PushError::Mac);
    }
    // Whoever has the seed and not the device's key: the registry's thief.
    let draft = Answer::new(&request, one.decision(), &key);
    let to_sign = draft.signed_bytes();
    let forged = draft.signed(one.keys(), signed(&two.signing(), &to_sign));
    assert!(matches!(
        prove(&forged, &request, device, &key, now),
        PushError::Signature(_)
    ));
    // Whoever has the device's key and not the seed.
    let draft = Answer::new(&request, one.decision(), &two.key());
    let to_sign = draft.signed_bytes();
    let forged = draft.signed(one.keys(), signed(&one.signing(), &to_sign));
    assert_eq!(prove(&forged, &request, device, &key, now), PushError::Mac);
}

/// Whoever has a backup has the device's signing key and the token's key for transfers.
#[test]
fn an_answer_under_the_key_for_transfers_approves_nothing() {
    for vector in Vector::all() {
        let forged = vector.opened("sealed_answer_under_transfer_key");
        let now = vector.expires() - 1;
        let proven = forged.prove(&vector.request(), vector.device(), &vector.key(), now);
        assert_eq!(proven.unwrap_err(), PushError::Mac);
    }
}

/// Whatever one bit of a sealed answer says otherwise, it opens no more.
#[test]
fn a_bent_answer_does_not_open() {
    let one = Vector::all().remove(0);
    let bytes = one.bytes("sealed_answer");
    for at in (0..bytes.len()).step_by(7) {
        let mut bent = bytes.clone();
        bent[at] ^= 1 << (at % 8);
        let bent = SealedPush::parse(&BASE64URL_NOPAD.encode(&bent)).unwrap();
        let opened = LoginAnswer::open(&bent, &one.session(), &one.answer_key());
        assert_eq!(opened.unwrap_err(), PushError::Open, "byte {at}");
    }
    let sealed = one.sealed("sealed_answer");
    let other = PushSession::from_bytes([0; 16]);
    let opened = LoginAnswer::open(&sealed, &other, &one.answer_key());
    assert_eq!(opened.unwrap_err(), PushError::Open);
}

#[test]
fn a_listener_proves_itself_to_this_relay() {
    for vector in Vector::all() {
        let listener = vector.listener();
        let signed = listen_transcript(&listener.server, &listener.nonce, &listener.keys);
        assert_eq!(signed, vector.bytes("listen_transcript"));
        let own = [listener.server.clone()];
        assert_eq!(verify_listener(&listener, &own), Ok(vector.device()));
        assert!(verify_listener(&listener, &[]).is_err());
        let stolen = PushListenRequest {
            nonce: Nonce::from_bytes([0; 32]),
            ..listener.clone()
        };
        assert!(verify_listener(&stolen, &own).is_err());
    }
}

#[test]
fn what_a_relay_carries_has_one_length_and_shows_nothing() {
    let one = Vector::all().remove(0);
    let long = LoginRequest {
        user: ShownText::fitting(&"w".repeat(200)),
        service: ShownText::fitting("a VPN with a long name\u{202e}"),
        ..one.request()
    };
    let sealed = |request: &LoginRequest| {
        let keys = one.keys();
        request.seal(&one.key(), one.device(), &keys.sealing, &[7; 32])
    };
    let [short, long] = [one.request(), long].map(|it| sealed(&it).unwrap().to_base64url());
    assert_eq!(short.len(), long.len());
    let carried = PushRequest::from(softtoken::push::PushLoginRequest {
        addressed: one.addressed(),
        sealed: one.sealed("sealed_request"),
    });
    let text = carried.to_json();
    assert!(!text.contains("alice") && !text.contains("203.0.113.7"));
    let again = PushRequest::parse(text.as_bytes()).unwrap();
    assert_eq!(*again.to_json(), *text);
}

#[test]
fn a_text_is_made_to_fit() {
    for (given, fitting) in [
        ("alice", "alice"),
        ("", "-"),
        ("a\u{1b}[2Jb\u{202e}c", "a?[2Jb?c"),
    ] {
        assert_eq!(ShownText::fitting(given).as_str(), fitting);
    }
    let cut = ShownText::fitting(&"ä".repeat(100));
    assert_eq!(cut.as_str().chars().count(), ShownText::MAX_CHARS);
    for wrong in ["7", "123", "a1", "", "1 "] {
        assert!(PushNumber::parse(wrong).is_err(), "{wrong:?}");
    }
    assert!(!format!("{:?}", PushNumber::parse("47").unwrap()).contains("47"));
}
