use super::POINT_LEN;
use super::bytes::DeviceError;
use crate::json::{Fields, MessageError};
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};
use ident::RegistrationId;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

const DEVICE_LABEL: &[u8] = b"symbolon-device-v1";

/// A public key: a point that is on the curve.
macro_rules! public_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; $crate::device::POINT_LEN]);

        impl $name {
            /// Reads an uncompressed SEC1 point and checks that it is on P-256.
            pub fn from_sec1(bytes: &[u8]) -> Result<Self, $crate::device::DeviceError> {
                let point = bytes.try_into().map_err(|_| $crate::device::DeviceError::Point)?;
                p256::PublicKey::from_sec1_bytes(bytes).map_err(|_| $crate::device::DeviceError::Point)?;
                Ok(Self(point))
            }

            /// Reads the point in base64url without padding.
            pub fn parse(text: &str) -> Result<Self, $crate::device::DeviceError> {
                $crate::device::decode::<{ $crate::device::POINT_LEN }>(text).and_then(|point| Self::from_sec1(&point))
            }

            /// The uncompressed SEC1 point.
            pub fn as_bytes(&self) -> &[u8; $crate::device::POINT_LEN] {
                &self.0
            }

            /// The point in base64url without padding.
            pub fn to_base64url(&self) -> String {
                data_encoding::BASE64URL_NOPAD.encode(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.to_base64url())
            }
        }
    };
}

pub(crate) use public_key;

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
pub struct SealingPrivateKey(pub(super) <DhP256HkdfSha256 as Kem>::PrivateKey);

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
