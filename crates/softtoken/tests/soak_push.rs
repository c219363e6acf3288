#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by panicking, and this one is told its size by the environment"
)]
//! Answers to a push that are forged, swapped, replayed or late: none is proven.
//!
//! `SYMBOLON_SOAK_MUTATIONS` is how many, `SYMBOLON_SOAK_SEED` repeats a run's choices.

use ident::{ProductSerial, TokenSerial};
use otp::Seed;
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;
use serde_json::{Value, json};
use softtoken::device::{DeviceKeys, SealingPrivateKey, Signature, SigningPublicKey};
use softtoken::push::{
    Answer, Approval, Decision, LoginAnswer, LoginRequest, MailboxId, PushKey, PushNumber,
    PushSession, SealedAnswer, ShownText,
};
use zeroize::Zeroizing;

const NOW: u64 = 1_800_000_000;

/// Chance enough to spread over places and values, and the same again from the same seed (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap() % end
    }
}

/// Somebody with a phone and a token.
struct Person {
    signing: SigningKey,
    sealing: SealingPrivateKey,
    token: TokenSerial,
    key: PushKey,
}

impl Person {
    fn new(number: u8) -> Self {
        let token = TokenSerial::mobile([number; 5]);
        let seed = Seed::from_bytes(Zeroizing::new(vec![number; 20])).unwrap();
        Self {
            signing: SigningKey::from_slice(&[number; 32]).unwrap(),
            sealing: SealingPrivateKey::from_random(&[number; 32]),
            key: PushKey::of(&seed, &token),
            token,
        }
    }

    fn keys(&self) -> DeviceKeys {
        let point = self.signing.verifying_key().to_sec1_point(false);
        DeviceKeys {
            signing: SigningPublicKey::from_sec1(point.as_bytes()).unwrap(),
            sealing: self.sealing.public(),
        }
    }

    fn asked(&self, session: u8, user: &str) -> LoginRequest {
        LoginRequest {
            gateway: ProductSerial::parse("FGT3HD3915801656").unwrap(),
            session: PushSession::from_bytes([session; 16]),
            token: self.token,
            user: ShownText::fitting(user),
            service: ShownText::fitting("vpn1"),
            source: ShownText::fitting("203.0.113.7"),
            at_unix: NOW,
            expires_unix: NOW + 60,
            approval: Approval::Number,
            answer_to: None,
            mailbox: MailboxId::from_bytes([3; 32]),
            answer_key: self.sealing.public(),
        }
    }

    /// The answer of this person's phone, in the words of the wire.
    fn answers(&self, request: &LoginRequest, decision: Decision) -> Value {
        let draft = Answer::new(request, decision, &self.key);
        let signature: p256::ecdsa::Signature = self.signing.sign(&draft.signed_bytes());
        let signature = Signature::from_bytes(signature.to_bytes().into());
        let answer = draft.signed(self.keys(), signature);
        serde_json::from_str(&SealedAnswer::from(answer).to_json()).unwrap()
    }
}

fn approve(number: &str) -> Decision {
    Decision::Approve(Some(PushNumber::parse(number).unwrap()))
}

fn parsed(bytes: &[u8]) -> Option<LoginAnswer> {
    let SealedAnswer::Answer(answer) = SealedAnswer::parse(bytes).ok()?;
    Some(answer)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

const FIELDS: [&str; 8] = [
    "session",
    "token",
    "decision",
    "number",
    "signing_key",
    "sealing_key",
    "mac",
    "signature",
];

#[test]
fn no_bent_answer_is_proven() {
    let mutations = number("SYMBOLON_SOAK_MUTATIONS").unwrap_or(5_000);
    let seed = number("SYMBOLON_SOAK_SEED").unwrap_or(1);
    let mut chance = Chance(seed | 1);
    let (alice, mallory) = (Person::new(1), Person::new(2));
    let request = alice.asked(7, "alice");
    let device = alice.keys().registration_id();
    let right = alice.answers(&request, approve("47"));
    let proves = |bytes: &[u8], at| {
        parsed(bytes).is_some_and(|it| it.prove(&request, device, &alice.key, at).is_ok())
    };
    assert!(proves(right.to_string().as_bytes(), NOW));
    assert!(!proves(right.to_string().as_bytes(), NOW + 60));

    // What else there is to take pieces from: other logins, people, words and numbers.
    let others = [
        alice.answers(&alice.asked(8, "alice"), approve("47")),
        alice.answers(&alice.asked(7, "bob"), approve("47")),
        alice.answers(&request, approve("48")),
        alice.answers(&request, Decision::Deny),
        mallory.answers(&request, approve("47")),
        mallory.answers(&mallory.asked(7, "alice"), approve("47")),
    ];
    let mut read = 0_u64;
    for _ in 0..mutations {
        let mut bent = right.clone();
        let bytes = match chance.below(3) {
            0 => {
                let mut bytes = right.to_string().into_bytes();
                let at = chance.below(bytes.len());
                bytes[at] ^= 1 << chance.below(7);
                bytes
            }
            1 => {
                let donor = &others[chance.below(others.len())]["d"];
                for _ in 0..=chance.below(3) {
                    let field = FIELDS[chance.below(FIELDS.len())];
                    bent["d"][field] = donor[field].clone();
                }
                bent.to_string().into_bytes()
            }
            _ => {
                let typed = chance.below(100);
                bent["d"]["number"] = json!(format!("{typed:02}"));
                bent.to_string().into_bytes()
            }
        };
        // Some pieces are the same everywhere: what says the same is the same answer.
        let is_same = serde_json::from_slice::<Value>(&bytes).is_ok_and(|it| it == right);
        // Whole answers of alice's to this very login are hers; their words are what she said.
        let is_hers = others[2..4]
            .iter()
            .any(|other| serde_json::from_slice::<Value>(&bytes).is_ok_and(|it| it == *other));
        read += u64::from(parsed(&bytes).is_some());
        if !is_same && !is_hers {
            assert!(
                !proves(&bytes, NOW),
                "seed {seed}: {}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
    for other in [&others[0], &others[1], &others[4], &others[5]] {
        assert!(!proves(other.to_string().as_bytes(), NOW));
    }
    assert!(read > mutations / 4, "{read}");
    println!("soak: {mutations} bent answers, {read} of them readable, none proven");
}
