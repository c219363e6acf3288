use super::POINT_LEN;
use super::bytes::{AnswerHash, DeviceError};
use super::keys::{SealingPrivateKey, SealingPublicKey};
use crate::address::ServerName;
use crate::parameters::{digest_name, kind_fields};
use crate::transcript::transcript;
use data_encoding::BASE64URL_NOPAD;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use ident::{ProductSerial, RegistrationId, TokenSerial};
use otp::{Parameters, Seed};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use zeroize::Zeroizing;

const PHONE_SEED_LABEL: &str = "symbolon-seed-v1";
const GATEWAY_SEED_LABEL: &str = "symbolon-hardware-seed-v1";
const TOKEN_LABEL: &str = "symbolon-token-v1";

/// What AES-256-GCM adds.
const TAG_LEN: usize = 16;

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
        AnswerHash::from_bytes(Sha256::digest(&self.0).into())
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
    let SealContext { info, aad } = context;
    seal_bytes(seed.expose(), recipient, info, aad, random)
        .map(SealedSeed)
        .ok_or(SealError::Seal)
}

/// Opens a sealed seed.
pub fn open_seed(
    sealed: &SealedSeed,
    recipient: &SealingPrivateKey,
    context: &SealContext,
) -> Result<Seed, SealError> {
    let SealContext { info, aad } = context;
    let bytes = open_bytes(&sealed.0, recipient, info, aad).ok_or(SealError::Open)?;
    Seed::from_bytes(bytes).map_err(|_| SealError::Content)
}

/// The encapsulated key (65 bytes), then the ciphertext with its tag; `None` where the library fails.
pub(crate) fn seal_bytes(
    plaintext: &[u8],
    recipient: &SealingPublicKey,
    info: &[u8],
    aad: &[u8],
    random: &[u8; 32],
) -> Option<Vec<u8>> {
    let recipient = Deserializable::from_bytes(recipient.as_bytes()).ok()?;
    let mut given = Given {
        bytes: random,
        is_overdrawn: false,
    };
    let (encapsulated, ciphertext) = hpke::single_shot_seal_with_rng::<
        AesGcm256,
        HkdfSha256,
        DhP256HkdfSha256,
    >(
        &OpModeS::Base, &recipient, info, plaintext, aad, &mut given
    )
    .ok()?;
    if given.is_overdrawn {
        return None;
    }
    let mut sealed = vec![0; POINT_LEN];
    encapsulated.write_exact(&mut sealed);
    sealed.extend_from_slice(&ciphertext);
    Some(sealed)
}

/// What [`seal_bytes`] sealed; `None` for another key, another context, or what was changed.
pub(crate) fn open_bytes(
    sealed: &[u8],
    recipient: &SealingPrivateKey,
    info: &[u8],
    aad: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (encapsulated, ciphertext) = sealed.split_at_checked(POINT_LEN)?;
    let encapsulated = Deserializable::from_bytes(encapsulated).ok()?;
    hpke::single_shot_open::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(
        &OpModeR::Base,
        &recipient.0,
        &encapsulated,
        info,
        ciphertext,
        aad,
    )
    .ok()
    .map(Zeroizing::new)
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
