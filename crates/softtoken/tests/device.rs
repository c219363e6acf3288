#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]
//! Vectors made by `WebCrypto` (`vectors/make.mjs`), and what a proof is worth.

use data_encoding::HEXLOWER;
use ident::{OpaqueCode, TokenSerial};
use otp::{Digest, Digits, Kind, Parameters, Period, Seed};
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;
use serde_json::Value;
use softtoken::MobileVersion;
use softtoken::address::ServerName;
use softtoken::device::{
    AnswerHash, DeviceKeys, Nonce, OpenAnswer, ProofError, SealContext, SealError, SealedSeed,
    SealingPrivateKey, SealingPublicKey, Signature, SigningPublicKey, activation_transcript,
    code_hash, open_seed, receipt_transcript, seal_seed, verify_activation, verify_receipt,
};
use softtoken::link::LinkSecret;
use softtoken::mobile::{MobileProvisionRequest, MobileReceiptRequest};

/// One vector: its inputs and what follows from them.
struct Vector(Value);

impl Vector {
    fn all() -> Vec<Self> {
        let vectors: Vec<Value> =
            serde_json::from_str(include_str!("vectors/device.json")).unwrap();
        assert!(vectors.len() >= 2);
        vectors.into_iter().map(Self).collect()
    }

    fn text(&self, name: &str) -> &str {
        self.0["input"]
            .get(name)
            .or_else(|| self.0.get(name))
            .unwrap()
            .as_str()
            .unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        HEXLOWER.decode(self.text(name).as_bytes()).unwrap()
    }

    fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.bytes(name).try_into().unwrap()
    }

    fn signing(&self) -> SigningKey {
        SigningKey::from_slice(&self.bytes("signing_private")).unwrap()
    }

    fn sealing(&self) -> SealingPrivateKey {
        SealingPrivateKey::from_random(&self.array("sealing_random"))
    }

    fn keys(&self) -> DeviceKeys {
        let point = self.signing().verifying_key().to_sec1_point(false);
        DeviceKeys {
            signing: SigningPublicKey::from_sec1(point.as_bytes()).unwrap(),
            sealing: self.sealing().public(),
        }
    }

    fn server(&self) -> ServerName {
        ServerName::parse(self.text("server")).unwrap()
    }

    fn version(&self) -> MobileVersion {
        MobileVersion::parse(self.text("version")).unwrap()
    }

    fn token(&self) -> TokenSerial {
        TokenSerial::parse(self.text("token")).unwrap()
    }

    fn code(&self) -> OpaqueCode {
        OpaqueCode::parse(self.text("code")).unwrap()
    }

    fn link_secret(&self) -> Option<LinkSecret> {
        self.bytes("link_secret")
            .try_into()
            .ok()
            .map(LinkSecret::from_random)
    }

    fn seed(&self) -> Seed {
        Seed::from_hex(self.text("seed")).unwrap()
    }

    fn parameters(&self) -> Parameters {
        let number = |name: &str| u32::try_from(self.0["input"][name].as_u64().unwrap()).unwrap();
        let digest = match self.text("algorithm") {
            "SHA1" => Digest::Sha1,
            "SHA256" => Digest::Sha256,
            other => panic!("{other}"),
        };
        let digits = Digits::new(u8::try_from(number("digits")).unwrap()).unwrap();
        Parameters {
            kind: Kind::Totp(Period::new(number("period")).unwrap()),
            digest,
            digits,
        }
    }

    fn context(&self) -> SealContext {
        let id = self.keys().registration_id();
        SealContext::phone(&self.server(), &id, &self.token(), self.parameters())
    }

    fn activation(&self) -> MobileProvisionRequest {
        MobileProvisionRequest {
            version: self.version(),
            server: self.server(),
            nonce: Nonce::from_bytes(self.array("nonce")),
            code: self.code(),
            link_secret: self.link_secret(),
            keys: self.keys(),
            signature: Signature::from_bytes(self.array("activation_signature")),
        }
    }

    fn receipt(&self) -> MobileReceiptRequest {
        MobileReceiptRequest {
            token: self.token(),
            registration_id: self.keys().registration_id(),
            server: self.server(),
            answer_hash: AnswerHash::from_bytes(self.array("answer_hash")),
            signature: Signature::from_bytes(self.array("receipt_signature")),
        }
    }
}

/// Bends one field of a request, perhaps to another vector's.
type Change = fn(&mut MobileProvisionRequest, &Vector);

fn signed(key: &SigningKey, message: &[u8]) -> Signature {
    let signature: p256::ecdsa::Signature = key.sign(message);
    Signature::from_bytes(signature.to_bytes().into())
}

#[test]
fn keys_and_names_are_those_of_the_vectors() {
    for vector in Vector::all() {
        let keys = vector.keys();
        assert_eq!(keys.signing.as_bytes()[..], vector.bytes("signing_public"));
        assert_eq!(keys.sealing.as_bytes()[..], vector.bytes("sealing_public"));
        assert_eq!(
            vector.sealing().expose()[..],
            vector.bytes("sealing_private")
        );
        assert_eq!(
            keys.registration_id().as_str(),
            vector.text("registration_id")
        );
    }
}

#[test]
fn transcripts_are_those_of_the_vectors() {
    for vector in Vector::all() {
        let keys = vector.keys();
        let hash = code_hash(&vector.code(), vector.link_secret().as_ref());
        assert_eq!(hash[..], vector.bytes("code_hash"));
        let nonce = Nonce::from_bytes(vector.array("nonce"));
        let activation =
            activation_transcript(&vector.server(), &nonce, &hash, &keys, &vector.version());
        assert_eq!(activation, vector.bytes("activation_transcript"));
        let receipt = receipt_transcript(
            &vector.server(),
            &keys.registration_id(),
            &vector.token(),
            &AnswerHash::from_bytes(vector.array("answer_hash")),
        );
        assert_eq!(receipt, vector.bytes("receipt_transcript"));
        assert_eq!(vector.context().info(), vector.bytes("seal_info"));
        assert_eq!(vector.context().aad(), vector.bytes("seal_aad"));
    }
}

#[test]
fn seeds_are_sealed_and_opened_as_in_the_vectors() {
    for vector in Vector::all() {
        let context = vector.context();
        let random = vector.array("seal_random");
        let sealed = seal_seed(&vector.seed(), &vector.keys().sealing, &context, &random).unwrap();
        assert_eq!(sealed.as_bytes(), vector.bytes("sealed_seed"));
        assert_eq!(sealed.hash().as_bytes()[..], vector.bytes("answer_hash"));
        let opened = open_seed(&sealed, &vector.sealing(), &context).unwrap();
        assert_eq!(opened.expose(), vector.seed().expose());
    }
}

#[test]
fn signatures_of_the_vectors_verify() {
    for vector in Vector::all() {
        let names = [vector.server()];
        let device = verify_activation(&vector.activation(), &names).unwrap();
        assert_eq!(
            device.registration_id().as_str(),
            vector.text("registration_id")
        );
        let sealed_seed = SealedSeed::from_bytes(vector.bytes("sealed_seed")).unwrap();
        let answer = OpenAnswer {
            keys: device.keys(),
            token: &vector.token(),
            sealed_seed: &sealed_seed,
        };
        assert_eq!(verify_receipt(&vector.receipt(), &names, answer), Ok(()));
    }
}

#[test]
fn a_proof_holds_for_what_was_signed_alone() {
    let vectors = Vector::all();
    let (vector, other) = (&vectors[1], &vectors[0]);
    let names = [vector.server(), other.server()];
    let changes: [(&str, Change); 8] = [
        ("server", |request, other| request.server = other.server()),
        ("nonce", |request, _| {
            request.nonce = Nonce::from_bytes([0; 32]);
        }),
        ("code", |request, other| request.code = other.code()),
        ("secret", |request, _| {
            request.link_secret = Some(LinkSecret::from_random([0; 16]));
        }),
        ("no secret", |request, _| request.link_secret = None),
        ("signing", |request, other| {
            request.keys.signing = other.keys().signing;
        }),
        ("sealing", |request, other| {
            request.keys.sealing = other.keys().sealing;
        }),
        ("version", |request, other| {
            request.version = other.version();
        }),
    ];
    for (name, change) in changes {
        let mut request = vector.activation();
        change(&mut request, other);
        let error = verify_activation(&request, &names).unwrap_err();
        assert_eq!(error, ProofError::Signature, "{name}");
    }
    let foreign = verify_activation(&vector.activation(), &[other.server()]).unwrap_err();
    assert_eq!(foreign, ProofError::Server);
}

#[test]
fn a_receipt_holds_for_its_answer_alone() {
    let vectors = Vector::all();
    let (vector, other) = (&vectors[1], &vectors[0]);
    let names = [vector.server()];
    let sealed_seed = SealedSeed::from_bytes(vector.bytes("sealed_seed")).unwrap();
    let other_seed = SealedSeed::from_bytes(other.bytes("sealed_seed")).unwrap();
    let (keys, token) = (vector.keys(), vector.token());
    let answer = OpenAnswer {
        keys: &keys,
        token: &token,
        sealed_seed: &sealed_seed,
    };

    let wrong_answer = OpenAnswer {
        sealed_seed: &other_seed,
        ..answer
    };
    assert_eq!(
        verify_receipt(&vector.receipt(), &names, wrong_answer),
        Err(ProofError::Answer)
    );
    let other_token = other.token();
    let wrong_token = OpenAnswer {
        token: &other_token,
        ..answer
    };
    assert_eq!(
        verify_receipt(&vector.receipt(), &names, wrong_token),
        Err(ProofError::Device)
    );
    let other_keys = other.keys();
    let wrong_device = OpenAnswer {
        keys: &other_keys,
        ..answer
    };
    assert_eq!(
        verify_receipt(&vector.receipt(), &names, wrong_device),
        Err(ProofError::Device)
    );
    let foreign = [other.server()];
    assert_eq!(
        verify_receipt(&vector.receipt(), &foreign, answer),
        Err(ProofError::Server)
    );

    let mut forged = vector.receipt();
    forged.signature = signed(&other.signing(), &vector.bytes("receipt_transcript"));
    assert_eq!(
        verify_receipt(&forged, &names, answer),
        Err(ProofError::Signature)
    );
}

#[test]
fn a_sealed_seed_opens_in_its_context_alone() {
    let vector = &Vector::all()[0];
    let (server, id, token) = (
        vector.server(),
        vector.keys().registration_id(),
        vector.token(),
    );
    let sealed = SealedSeed::from_bytes(vector.bytes("sealed_seed")).unwrap();
    let slow = Parameters {
        kind: Kind::Totp(Period::THIRTY),
        ..vector.parameters()
    };
    let contexts = [
        SealContext::phone(
            &ServerName::parse("elsewhere").unwrap(),
            &id,
            &token,
            vector.parameters(),
        ),
        SealContext::phone(
            &server,
            &Vector::all()[1].keys().registration_id(),
            &token,
            vector.parameters(),
        ),
        SealContext::phone(&server, &id, &Vector::all()[1].token(), vector.parameters()),
        SealContext::phone(&server, &id, &token, slow),
    ];
    for context in &contexts {
        assert_eq!(
            open_seed(&sealed, &vector.sealing(), context).unwrap_err(),
            SealError::Open
        );
    }
    for index in 0..sealed.as_bytes().len() {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[index] ^= 1;
        let bent = SealedSeed::from_bytes(bytes).unwrap();
        assert_eq!(
            open_seed(&bent, &vector.sealing(), &vector.context()).unwrap_err(),
            SealError::Open,
            "byte {index}"
        );
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    let mut point = *Vector::all()[0].keys().sealing.as_bytes();
    point[64] ^= 1;
    assert!(SealingPublicKey::from_sec1(&point).is_err());
    assert!(SigningPublicKey::from_sec1(&[0]).is_err());
    assert!(SigningPublicKey::from_sec1(&[4; 64]).is_err());
    assert!(SealingPrivateKey::from_bytes(&[0; 32]).is_err());
}

#[test]
fn gateways_open_what_was_sealed_for_them() {
    let vector = &Vector::all()[0];
    let product = ident::ProductSerial::parse("FGT3HD3915801656").unwrap();
    let token = TokenSerial::parse("FTK2000BHV1KRZCC").unwrap();
    let hotp = Parameters {
        kind: Kind::Hotp,
        ..Parameters::default()
    };
    let context = SealContext::gateway(&product, &token, hotp);
    let sealed = seal_seed(
        &vector.seed(),
        &vector.sealing().public(),
        &context,
        &[7; 32],
    )
    .unwrap();
    let opened = open_seed(&sealed, &vector.sealing(), &context).unwrap();
    assert_eq!(opened.expose(), vector.seed().expose());
    let elsewhere = ident::ProductSerial::parse("FGT3HD3915801685").unwrap();
    let context = SealContext::gateway(&elsewhere, &token, hotp);
    assert_eq!(
        open_seed(&sealed, &vector.sealing(), &context).unwrap_err(),
        SealError::Open
    );
}
