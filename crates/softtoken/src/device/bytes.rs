use data_encoding::BASE64URL_NOPAD;

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
            pub fn parse(text: &str) -> Result<Self, $crate::device::DeviceError> {
                $crate::device::decode(text).map(Self)
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// Base64url without padding.
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

pub(crate) use wire_bytes;

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

pub(crate) fn decode<const N: usize>(text: &str) -> Result<[u8; N], DeviceError> {
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
