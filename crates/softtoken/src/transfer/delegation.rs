use crate::device::{DeviceKeys, ProofError, Signature, SigningPublicKey, verify};
use crate::transcript::transcript;
use ident::RegistrationId;

const DELEGATION_LABEL: &str = "symbolon-transfer-delegation-v1";

/// A device's word for a key that wishes in its name, as a backup has one: the device's own key stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// `delegate_key`
    pub key: SigningPublicKey,
    /// `delegation`: the device's signature over the transcript of `symbolon-transfer-delegation-v1`, its
    /// registration id and the key.
    pub signature: Signature,
}

/// Who wishes: a device, or a key with its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wisher {
    /// The device's `signing_key` and `sealing_key`.
    pub device: DeviceKeys,
    /// Nothing where the device wishes for itself.
    pub delegation: Option<Delegation>,
}

impl Delegation {
    /// A device's word for a key; `sign` signs what it is given with the device's signing key.
    pub fn new<E>(
        device: RegistrationId,
        key: SigningPublicKey,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<Self, E> {
        let signature = sign(&delegation_transcript(&device, &key))?;
        Ok(Self { key, signature })
    }
}

impl Wisher {
    /// The key under which a wish has to be signed, if the device vouches for it.
    pub(super) fn signing_key(&self) -> Result<SigningPublicKey, ProofError> {
        let Some(Delegation { key, signature }) = &self.delegation else {
            return Ok(self.device.signing);
        };
        let delegated = delegation_transcript(&self.device.registration_id(), key);
        verify(&self.device.signing, &delegated, signature)?;
        Ok(*key)
    }
}

impl From<DeviceKeys> for Wisher {
    fn from(device: DeviceKeys) -> Self {
        Self {
            device,
            delegation: None,
        }
    }
}

fn delegation_transcript(device: &RegistrationId, key: &SigningPublicKey) -> Vec<u8> {
    transcript(
        DELEGATION_LABEL,
        &[device.as_str().as_bytes(), key.as_bytes()],
    )
}
