//! What a device is, what it proves, and how a seed travels to it.
//!
//! A device has two P-256 pairs, one for signing (ECDSA with SHA-256) and one for sealing (HPKE,
//! RFC 9180), because a browser's key that cannot be exported does only one of both. Everything here
//! can be done with `WebCrypto`: signatures are the 64 bytes `r‖s`, public keys the 65 bytes of an
//! uncompressed SEC1 point. Private signing keys stay in the shells.
//!
//! What is hashed, signed or bound to a ciphertext is a transcript: a label and fields, each behind
//! its length in two bytes, big-endian.

use crate::address::ServerName;
use crate::json::{Fields, MessageError};
use crate::link::LinkSecret;
use crate::mobile::{MobileProvisionRequest, MobileReceiptRequest};
use crate::parameters::{digest_name, kind_fields};
use crate::transcript::transcript;
use data_encoding::BASE64URL_NOPAD;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ident::{OpaqueCode, ProductSerial, RegistrationId, TokenSerial};
use otp::{Parameters, Seed};
use p256::ecdsa::signature::Verifier;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::fmt;
use zeroize::Zeroizing;

const DEVICE_LABEL: &[u8] = b"symbolon-device-v1";
const CODE_LABEL: &str = "symbolon-code-v1";
const ACTIVATION_LABEL: &str = "symbolon-activation-v1";
const RECEIPT_LABEL: &str = "symbolon-receipt-v1";
const PHONE_SEED_LABEL: &str = "symbolon-seed-v1";
const GATEWAY_SEED_LABEL: &str = "symbolon-hardware-seed-v1";
const TOKEN_LABEL: &str = "symbolon-token-v1";

/// An uncompressed SEC1 point on P-256.
const POINT_LEN: usize = 65;
/// What AES-256-GCM adds.
const TAG_LEN: usize = 16;

/// Why bytes are not what a device or a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Not base64url without padding, or another length.
    #[error("should be {0} bytes in base64url")]
    Encoding(usize),
    /// Not an uncompressed point on P-256.
    #[error("is not an uncompressed point on the curve P-256")]
    Point,
    /// Not a private key for P-256.
    #[error("is not a private key for the curve P-256")]
    PrivateKey,
    /// Too short or too long to be a sealed seed.
    #[error("is not a sealed seed")]
    SealedSeed,
}

/// A proof that proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The device meant another server.
    #[error("the proof is for another server")]
    Server,
    /// The receipt is for another answer.
    #[error("the receipt is for another answer")]
    Answer,
    /// The receipt is another device's.
    #[error("the receipt is for another device or token")]
    Device,
    /// The signature is not one of this key over this transcript.
    #[error("the signature is wrong")]
    Signature,
}

/// A sealed seed that cannot be made or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Sealing failed.
    #[error("the seed cannot be sealed")]
    Seal,
    /// It was sealed for another key, server, device or token, or was changed on its way.
    #[error("the seed was not sealed for this device, this token and this server")]
    Open,
    /// What was in it is not a seed.
    #[error("what was sealed is not a seed")]
    Content,
}

/// Fixed bytes that travel in base64url without padding.
macro_rules! wire_bytes {
    ($(#[$doc:meta])* $name:ident, $length:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// From the bytes.
            pub fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// Reads base64url without padding.
            pub fn parse(text: &str) -> Result<Self, DeviceError> {
                decode(text).map(Self)
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// Base64url without padding.
            pub fn to_base64url(&self) -> String {
                BASE64URL_NOPAD.encode(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.to_base64url())
            }
        }
    };
}

wire_bytes! {
    /// 32 random bytes of a registry, good for one proof.
    Nonce, 32
}

wire_bytes! {
    /// An ECDSA signature on P-256 with SHA-256: `r‖s`, as `WebCrypto` makes it (IEEE P1363).
    Signature, 64
}

wire_bytes! {
    /// SHA-256 of a sealed seed's bytes.
    AnswerHash, 32
}

/// A public key: a point that is on the curve.
macro_rules! public_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; POINT_LEN]);

        impl $name {
            /// Reads an uncompressed SEC1 point and checks that it is on P-256.
            pub fn from_sec1(bytes: &[u8]) -> Result<Self, DeviceError> {
                let point = bytes.try_into().map_err(|_| DeviceError::Point)?;
                p256::PublicKey::from_sec1_bytes(bytes).map_err(|_| DeviceError::Point)?;
                Ok(Self(point))
            }

            /// Reads the point in base64url without padding.
            pub fn parse(text: &str) -> Result<Self, DeviceError> {
                decode::<POINT_LEN>(text).and_then(|point| Self::from_sec1(&point))
            }

            /// The uncompressed SEC1 point.
            pub fn as_bytes(&self) -> &[u8; POINT_LEN] {
                &self.0
            }

            /// The point in base64url without padding.
            pub fn to_base64url(&self) -> String {
                BASE64URL_NOPAD.encode(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.to_base64url())
            }
        }
    };
}

public_key! {
    /// The key under which a device's signatures verify.
    SigningPublicKey
}

public_key! {
    /// The key to which seeds are sealed.
    SealingPublicKey
}

/// The public half of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceKeys {
    /// Verifies its signatures.
    pub signing: SigningPublicKey,
    /// Receives its seeds.
    pub sealing: SealingPublicKey,
}

impl DeviceKeys {
    /// The device's name: SHA-256 of `symbolon-device-v1` and both points, signing first.
    pub fn registration_id(&self) -> RegistrationId {
        let digest = Sha256::new()
            .chain_update(DEVICE_LABEL)
            .chain_update(self.signing.0)
            .chain_update(self.sealing.0)
            .finalize();
        RegistrationId::from_bytes(digest.into())
    }

    pub(crate) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            signing: fields.parsed("signing_key", SigningPublicKey::parse)?,
            sealing: fields.parsed("sealing_key", SealingPublicKey::parse)?,
        })
    }
}

/// The private half of a [`SealingPublicKey`]; wiped when dropped.
pub struct SealingPrivateKey(<DhP256HkdfSha256 as Kem>::PrivateKey);

impl SealingPrivateKey {
    /// A new key from 32 random bytes: `DeriveKeyPair` of RFC 9180 section 7.1.3.
    pub fn from_random(random: &[u8; 32]) -> Self {
        Self(DhP256HkdfSha256::derive_keypair(random).0)
    }

    /// From a stored scalar.
    pub fn from_bytes(scalar: &[u8; 32]) -> Result<Self, DeviceError> {
        Deserializable::from_bytes(scalar)
            .map(Self)
            .map_err(|_| DeviceError::PrivateKey)
    }

    /// The scalar, for sealing at rest.
    pub fn expose(&self) -> Zeroizing<[u8; 32]> {
        let mut scalar = Zeroizing::new([0; 32]);
        self.0.write_exact(&mut *scalar);
        scalar
    }

    /// The public half.
    pub fn public(&self) -> SealingPublicKey {
        let mut point = [0; POINT_LEN];
        DhP256HkdfSha256::sk_to_pk(&self.0).write_exact(&mut point);
        SealingPublicKey(point)
    }
}

impl fmt::Debug for SealingPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingPrivateKey(<sealed>)")
    }
}

/// SHA-256 over the activation code and the link's secret, which is empty for a typed code.
pub fn code_hash(code: &OpaqueCode, link_secret: Option<&LinkSecret>) -> [u8; 32] {
    let secret = link_secret.map_or(&[][..], |secret| secret.expose());
    let bytes = Zeroizing::new(transcript(CODE_LABEL, &[code.as_bytes(), secret]));
    Sha256::digest(&*bytes).into()
}

/// What a device signs to take over a token: server, nonce, code hash, both keys, app version.
pub fn activation_transcript(
    server: &ServerName,
    nonce: &Nonce,
    code_hash: &[u8; 32],
    keys: &DeviceKeys,
    version: &crate::MobileVersion,
) -> Vec<u8> {
    transcript(
        ACTIVATION_LABEL,
        &[
            server.as_str().as_bytes(),
            &nonce.0,
            code_hash,
            &keys.signing.0,
            &keys.sealing.0,
            version.as_str().as_bytes(),
        ],
    )
}

/// What a device signs when it has stored a token: server, registration id, token, answer hash.
pub fn receipt_transcript(
    server: &ServerName,
    registration_id: &RegistrationId,
    token: &TokenSerial,
    answer_hash: &AnswerHash,
) -> Vec<u8> {
    transcript(
        RECEIPT_LABEL,
        &[
            server.as_str().as_bytes(),
            registration_id.as_str().as_bytes(),
            token.as_str().as_bytes(),
            &answer_hash.0,
        ],
    )
}

/// A device that has proved to this server that it holds the signing key that it names and wants this
/// code and this sealing key.
/// Only [`verify_activation`] makes one.
#[derive(Debug)]
pub struct ProvenDevice {
    keys: DeviceKeys,
    registration_id: RegistrationId,
}

impl ProvenDevice {
    /// Its public keys.
    pub fn keys(&self) -> &DeviceKeys {
        &self.keys
    }

    /// Its name.
    pub fn registration_id(&self) -> RegistrationId {
        self.registration_id
    }
}

/// Checks the proof of an activation: it names one of the registry's own names and is signed by the
/// key that it brings. Whether the nonce is fresh and the code right is for the caller to say.
pub fn verify_activation(
    request: &MobileProvisionRequest,
    own_names: &[ServerName],
) -> Result<ProvenDevice, ProofError> {
    if !own_names.contains(&request.server) {
        return Err(ProofError::Server);
    }
    let signed = activation_transcript(
        &request.server,
        &request.nonce,
        &code_hash(&request.code, request.link_secret.as_ref()),
        &request.keys,
        &request.version,
    );
    verify(&request.keys.signing, &signed, &request.signature)?;
    let registration_id = request.keys.registration_id();
    Ok(ProvenDevice {
        keys: request.keys,
        registration_id,
    })
}

/// What the registry gave out and waits to hear of.
#[derive(Clone, Copy, Debug)]
pub struct OpenAnswer<'a> {
    /// The device that got it.
    pub keys: &'a DeviceKeys,
    /// The token in it.
    pub token: &'a TokenSerial,
    /// The seed in it.
    pub sealed_seed: &'a SealedSeed,
}

/// Checks a receipt against the answer that was given out.
pub fn verify_receipt(
    request: &MobileReceiptRequest,
    own_names: &[ServerName],
    answer: OpenAnswer<'_>,
) -> Result<(), ProofError> {
    if !own_names.contains(&request.server) {
        return Err(ProofError::Server);
    }
    if request.token != *answer.token || request.registration_id != answer.keys.registration_id() {
        return Err(ProofError::Device);
    }
    if request.answer_hash != answer.sealed_seed.hash() {
        return Err(ProofError::Answer);
    }
    let signed = receipt_transcript(
        &request.server,
        &request.registration_id,
        &request.token,
        &request.answer_hash,
    );
    verify(&answer.keys.signing, &signed, &request.signature)
}

/// To whom and for what a seed is sealed. Opening with another context fails.
#[derive(Debug)]
pub struct SealContext {
    info: Vec<u8>,
    aad: Vec<u8>,
}

impl SealContext {
    /// A mobile token's seed on its way to a device. `server` is the name that the device dialled.
    pub fn phone(
        server: &ServerName,
        registration_id: &RegistrationId,
        token: &TokenSerial,
        parameters: Parameters,
    ) -> Self {
        let fields = [
            server.as_str().as_bytes(),
            registration_id.as_str().as_bytes(),
        ];
        Self {
            info: transcript(PHONE_SEED_LABEL, &fields),
            aad: token_aad(token, parameters),
        }
    }

    /// A hardware token's seed on its way to a gateway.
    pub fn gateway(product: &ProductSerial, token: &TokenSerial, parameters: Parameters) -> Self {
        Self {
            info: transcript(GATEWAY_SEED_LABEL, &[product.as_str().as_bytes()]),
            aad: token_aad(token, parameters),
        }
    }

    /// HPKE's `info`.
    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// HPKE's `aad`.
    pub fn aad(&self) -> &[u8] {
        &self.aad
    }
}

/// A seed sealed to one key: the encapsulated key (65 bytes), then the ciphertext with its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSeed(Vec<u8>);

impl SealedSeed {
    const MIN_LEN: usize = POINT_LEN + Seed::MIN_BYTES + TAG_LEN;
    const MAX_LEN: usize = POINT_LEN + Seed::MAX_BYTES + TAG_LEN;

    /// Checks the length.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, DeviceError> {
        if (Self::MIN_LEN..=Self::MAX_LEN).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(DeviceError::SealedSeed)
        }
    }

    /// Reads base64url without padding.
    pub fn parse(text: &str) -> Result<Self, DeviceError> {
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| DeviceError::SealedSeed)?;
        Self::from_bytes(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Base64url without padding.
    pub fn to_base64url(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// What a receipt names.
    pub fn hash(&self) -> AnswerHash {
        AnswerHash(Sha256::digest(&self.0).into())
    }
}

/// Seals a seed: HPKE in base mode with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
/// `random` is the input of the ephemeral key and must never be used twice.
pub fn seal_seed(
    seed: &Seed,
    recipient: &SealingPublicKey,
    context: &SealContext,
    random: &[u8; 32],
) -> Result<SealedSeed, SealError> {
    let recipient = Deserializable::from_bytes(&recipient.0).map_err(|_| SealError::Seal)?;
    let mut given = Given {
        bytes: random,
        is_overdrawn: false,
    };
    let (encapsulated, ciphertext) =
        hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(
            &OpModeS::Base,
            &recipient,
            &context.info,
            seed.expose(),
            &context.aad,
            &mut given,
        )
        .map_err(|_| SealError::Seal)?;
    if given.is_overdrawn {
        return Err(SealError::Seal);
    }
    let mut sealed = vec![0; POINT_LEN];
    encapsulated.write_exact(&mut sealed);
    sealed.extend_from_slice(&ciphertext);
    Ok(SealedSeed(sealed))
}

/// Opens a sealed seed.
pub fn open_seed(
    sealed: &SealedSeed,
    recipient: &SealingPrivateKey,
    context: &SealContext,
) -> Result<Seed, SealError> {
    let (encapsulated, ciphertext) = sealed
        .0
        .split_at_checked(POINT_LEN)
        .ok_or(SealError::Open)?;
    let encapsulated = Deserializable::from_bytes(encapsulated).map_err(|_| SealError::Open)?;
    let bytes = hpke::single_shot_open::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(
        &OpModeR::Base,
        &recipient.0,
        &encapsulated,
        &context.info,
        ciphertext,
        &context.aad,
    )
    .map_err(|_| SealError::Open)?;
    Seed::from_bytes(Zeroizing::new(bytes)).map_err(|_| SealError::Content)
}

/// The token and how its codes are computed, as the texts of the JSON fields.
fn token_aad(token: &TokenSerial, parameters: Parameters) -> Vec<u8> {
    let (kind, period_s) = kind_fields(parameters.kind);
    transcript(
        TOKEN_LABEL,
        &[
            token.as_str().as_bytes(),
            kind.as_bytes(),
            period_s.to_string().as_bytes(),
            parameters.digits.count().to_string().as_bytes(),
            digest_name(parameters.digest).as_bytes(),
        ],
    )
}

fn verify(key: &SigningPublicKey, message: &[u8], signature: &Signature) -> Result<(), ProofError> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&key.0);
    let signature = p256::ecdsa::Signature::from_slice(&signature.0);
    match (key, signature) {
        (Ok(key), Ok(signature)) => key
            .verify(message, &signature)
            .map_err(|_| ProofError::Signature),
        _ => Err(ProofError::Signature),
    }
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], DeviceError> {
    let mut bytes = [0; N];
    let is_right = BASE64URL_NOPAD.decode_len(text.len()) == Ok(N)
        && BASE64URL_NOPAD
            .decode_mut(text.as_bytes(), &mut bytes)
            .is_ok();
    if is_right {
        Ok(bytes)
    } else {
        Err(DeviceError::Encoding(N))
    }
}

/// The caller's random bytes as the generator that HPKE asks for. P-256 draws exactly 32 bytes, the
/// input of `DeriveKeyPair`; should it ever ask for more, the result is thrown away.
struct Given<'a> {
    bytes: &'a [u8],
    is_overdrawn: bool,
}

impl TryRng for Given<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut word = [0; 4];
        self.try_fill_bytes(&mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = [0; 8];
        self.try_fill_bytes(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        match self.bytes.split_at_checked(target.len()) {
            Some((taken, rest)) => {
                target.copy_from_slice(taken);
                self.bytes = rest;
            }
            None => self.is_overdrawn = true,
        }
        Ok(())
    }
}

impl TryCryptoRng for Given<'_> {}
