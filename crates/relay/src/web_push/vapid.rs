//! Who sends: RFC 8292.

use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use softtoken::device::DeviceError;
use softtoken::push::ApplicationServerKey;

/// At most a day (RFC 8292 section 2); an hour outlives any clock that TLS lets pass.
const LIFE_S: u64 = 3_600;
const HEADER: &str = r#"{"typ":"JWT","alg":"ES256"}"#;

/// Why a key is none to sign with.
#[derive(Debug, thiserror::Error)]
pub enum VapidError {
    /// It is none on P-256.
    #[error("{0}")]
    Rejected(#[from] KeyRejected),
    /// Its public half.
    #[error("it {0}")]
    Public(#[from] DeviceError),
}

/// A relay towards push services.
pub(super) struct Vapid {
    key: EcdsaKeyPair,
    public: ApplicationServerKey,
    contact: String,
}

impl Vapid {
    /// With a private key in PKCS #8, and where a push service's operators reach those of the relay.
    pub(super) fn open(pkcs8: &[u8], contact: String) -> Result<Self, VapidError> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)?;
        let public = ApplicationServerKey::from_sec1(key.public_key().as_ref())?;
        Ok(Self {
            key,
            public,
            contact,
        })
    }

    pub(super) fn public(&self) -> ApplicationServerKey {
        self.public
    }

    /// The value of `Authorization` for the push service at an origin.
    pub(super) fn authorization(&self, origin: &str, now: u64) -> Result<String, Unspecified> {
        let signed = signed(origin, now + LIFE_S, &self.contact);
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes())?;
        let signature = BASE64URL_NOPAD.encode(signature.as_ref());
        let public = self.public.to_base64url();
        Ok(format!("vapid t={signed}.{signature}, k={public}"))
    }
}

/// Header and claims of the token, as its signature covers them (RFC 7515 section 5.1).
fn signed(origin: &str, expires: u64, contact: &str) -> String {
    let claims = json!({ "aud": origin, "exp": expires, "sub": contact }).to_string();
    let [header, claims] = [HEADER, &claims].map(|it| BASE64URL_NOPAD.encode(it.as_bytes()));
    format!("{header}.{claims}")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    /// RFC 8292 section 2.4.
    const EXAMPLE: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAi\
        OjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9\
        ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA";
    const EXAMPLE_KEY: &str =
        "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";

    /// What a push service does.
    fn verifies(token: &str, key: &str) -> bool {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let [key, signature] = [key, signature].map(|it| BASE64URL_NOPAD.decode(it.as_bytes()));
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.unwrap())
            .verify(signed.as_bytes(), &signature.unwrap())
            .is_ok()
    }

    #[test]
    fn the_example_of_rfc_8292() {
        let signed = signed(
            "https://push.example.net",
            1_453_523_768,
            "mailto:push@example.com",
        );
        assert_eq!(EXAMPLE.rsplit_once('.').unwrap().0, signed);
        assert!(verifies(EXAMPLE, EXAMPLE_KEY));
    }

    #[test]
    fn a_token_is_signed_by_the_key_beside_it_for_one_service_and_not_for_long() {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let vapid = Vapid::open(pkcs8.unwrap().as_ref(), "mailto:a@example.org".into()).unwrap();
        let header = vapid
            .authorization("https://push.example.net", 1_000)
            .unwrap();
        let (token, key) = header
            .strip_prefix("vapid t=")
            .unwrap()
            .split_once(", k=")
            .unwrap();
        assert_eq!(key, vapid.public().to_base64url());
        assert!(verifies(token, key) && !verifies(token, EXAMPLE_KEY));
        let claims = BASE64URL_NOPAD.decode(token.split('.').nth(1).unwrap().as_bytes());
        assert_eq!(
            String::from_utf8(claims.unwrap()).unwrap(),
            r#"{"aud":"https://push.example.net","exp":4600,"sub":"mailto:a@example.org"}"#
        );
    }
}
