//! The private half of this device.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use ident::{OpaqueCode, RegistrationId, TokenSerial};
use softtoken::MobileVersion;
use softtoken::address::ServerName;
use softtoken::device::{
    AnswerHash, DeviceError, DeviceKeys, Nonce, SealingPrivateKey, Signature, SigningPublicKey,
    activation_transcript, code_hash, receipt_transcript,
};
use softtoken::link::LinkSecret;
use softtoken::mobile::{MobileProvisionRequest, MobileReceiptRequest};
use std::fmt;
use zeroize::Zeroizing;

/// Both key pairs of this device. They live in the vault; a new vault is a new device.
pub struct Device {
    signer: Signer,
    sealing: SealingPrivateKey,
    keys: DeviceKeys,
}

/// A key that signs: a device's, or one that wishes for transfers in its name.
pub struct Signer {
    pair: EcdsaKeyPair,
    public: SigningPublicKey,
}

/// Keys that cannot be made, read or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device's keys cannot be used")]
pub struct KeyError;

impl Device {
    /// Makes a new device.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let mut random = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *random)?;
        Self::assemble(pair, SealingPrivateKey::from_random(&random))
    }

    /// From what [`Device::expose_signing`] and [`Device::expose_sealing`] gave.
    pub fn from_stored(signing_pkcs8: &[u8], sealing: &[u8; 32]) -> Result<Self, KeyError> {
        Self::assemble(
            signing_pair(signing_pkcs8)?,
            SealingPrivateKey::from_bytes(sealing)?,
        )
    }

    /// The private signing key in PKCS #8, for the vault.
    pub fn expose_signing(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.signer.expose()
    }

    /// The private sealing key's scalar, for the vault.
    pub fn expose_sealing(&self) -> Zeroizing<[u8; 32]> {
        self.sealing.expose()
    }

    /// The public half.
    pub fn keys(&self) -> &DeviceKeys {
        &self.keys
    }

    /// The key that signs.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The device's name.
    pub fn registration_id(&self) -> RegistrationId {
        self.keys().registration_id()
    }

    /// Opens what was sealed to this device.
    pub fn sealing(&self) -> &SealingPrivateKey {
        &self.sealing
    }

    /// Signs a transcript.
    pub fn sign(&self, transcript: &[u8]) -> Result<Signature, KeyError> {
        self.signer.sign(transcript)
    }

    /// Asks a registry for the token of a code, with the proof that this device has its keys.
    pub fn claim(
        &self,
        server: ServerName,
        nonce: Nonce,
        code: &OpaqueCode,
        link_secret: Option<&LinkSecret>,
        version: MobileVersion,
    ) -> Result<MobileProvisionRequest, KeyError> {
        let hash = code_hash(code, link_secret);
        let signed = activation_transcript(&server, &nonce, &hash, self.keys(), &version);
        Ok(MobileProvisionRequest {
            signature: self.sign(&signed)?,
            version,
            server,
            nonce,
            code: OpaqueCode::from_bytes(*code.as_bytes()),
            link_secret: link_secret.map(|secret| LinkSecret::from_random(*secret.expose())),
            keys: *self.keys(),
        })
    }

    /// Tells a registry that the sealed seed with this hash has arrived.
    pub fn receipt(
        &self,
        server: ServerName,
        token: TokenSerial,
        answer_hash: AnswerHash,
    ) -> Result<MobileReceiptRequest, KeyError> {
        let registration_id = self.registration_id();
        let signed = receipt_transcript(&server, &registration_id, &token, &answer_hash);
        Ok(MobileReceiptRequest {
            signature: self.sign(&signed)?,
            token,
            registration_id,
            server,
            answer_hash,
        })
    }

    fn assemble(pair: EcdsaKeyPair, sealing: SealingPrivateKey) -> Result<Self, KeyError> {
        let signer = Signer::assemble(pair)?;
        let keys = DeviceKeys {
            signing: signer.public,
            sealing: sealing.public(),
        };
        Ok(Self {
            signer,
            sealing,
            keys,
        })
    }
}

impl Signer {
    /// Makes a new key.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        Self::assemble(pair)
    }

    /// From a key in PKCS #8.
    pub fn from_stored(pkcs8: &[u8]) -> Result<Self, KeyError> {
        Self::assemble(signing_pair(pkcs8)?)
    }

    /// The public half.
    pub fn public(&self) -> SigningPublicKey {
        self.public
    }

    /// The private key in PKCS #8, for the vault and for a backup.
    pub fn expose(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Ok(Zeroizing::new(self.pair.to_pkcs8v1()?.as_ref().to_vec()))
    }

    /// Signs a transcript.
    pub fn sign(&self, transcript: &[u8]) -> Result<Signature, KeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), transcript)?;
        let bytes = signature.as_ref().try_into().map_err(|_| KeyError)?;
        Ok(Signature::from_bytes(bytes))
    }

    fn assemble(pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        let public = SigningPublicKey::from_sec1(pair.public_key().as_ref())?;
        Ok(Self { pair, public })
    }
}

fn signing_pair(pkcs8: &[u8]) -> Result<EcdsaKeyPair, KeyError> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| KeyError)
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({:?})", self.public)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.registration_id())
    }
}

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

impl From<DeviceError> for KeyError {
    fn from(_: DeviceError) -> Self {
        Self
    }
}
