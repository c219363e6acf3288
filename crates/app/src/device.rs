//! The private half of this device.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use ident::RegistrationId;
use softtoken::device::{DeviceError, DeviceKeys, SealingPrivateKey, Signature, SigningPublicKey};
use std::fmt;
use zeroize::Zeroizing;

/// Both key pairs of this device. They live in the vault; a new vault is a new device.
pub struct Device {
    signing: EcdsaKeyPair,
    sealing: SealingPrivateKey,
    keys: DeviceKeys,
}

/// Keys that cannot be made, read or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device's keys cannot be used")]
pub struct KeyError;

impl Device {
    /// Makes a new device.
    pub fn generate() -> Result<Self, KeyError> {
        let signing = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let mut random = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *random)?;
        Self::assemble(signing, SealingPrivateKey::from_random(&random))
    }

    /// From what [`Device::expose_signing`] and [`Device::expose_sealing`] gave.
    pub fn from_stored(signing_pkcs8: &[u8], sealing: &[u8; 32]) -> Result<Self, KeyError> {
        let signing = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, signing_pkcs8)
            .map_err(|_| KeyError)?;
        Self::assemble(signing, SealingPrivateKey::from_bytes(sealing)?)
    }

    /// The private signing key in PKCS #8, for the vault.
    pub fn expose_signing(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Ok(Zeroizing::new(self.signing.to_pkcs8v1()?.as_ref().to_vec()))
    }

    /// The private sealing key's scalar, for the vault.
    pub fn expose_sealing(&self) -> Zeroizing<[u8; 32]> {
        self.sealing.expose()
    }

    /// The public half.
    pub fn keys(&self) -> &DeviceKeys {
        &self.keys
    }

    /// The device's name.
    pub fn registration_id(&self) -> RegistrationId {
        self.keys.registration_id()
    }

    /// Opens what was sealed to this device.
    pub fn sealing(&self) -> &SealingPrivateKey {
        &self.sealing
    }

    /// Signs a transcript.
    pub fn sign(&self, transcript: &[u8]) -> Result<Signature, KeyError> {
        let signature = self.signing.sign(&SystemRandom::new(), transcript)?;
        let bytes = signature.as_ref().try_into().map_err(|_| KeyError)?;
        Ok(Signature::from_bytes(bytes))
    }

    fn assemble(signing: EcdsaKeyPair, sealing: SealingPrivateKey) -> Result<Self, KeyError> {
        let keys = DeviceKeys {
            signing: SigningPublicKey::from_sec1(signing.public_key().as_ref())?,
            sealing: sealing.public(),
        };
        Ok(Self {
            signing,
            sealing,
            keys,
        })
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
