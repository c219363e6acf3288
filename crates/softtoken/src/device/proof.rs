use super::bytes::{AnswerHash, Nonce, Signature};
use super::keys::{DeviceKeys, SigningPublicKey};
use super::seal::SealedSeed;
use crate::MobileVersion;
use crate::address::ServerName;
use crate::link::LinkSecret;
use crate::mobile::{MobileProvisionRequest, MobileReceiptRequest};
use crate::transcript::transcript;
use ident::{OpaqueCode, RegistrationId, TokenSerial};
use p256::ecdsa::signature::Verifier;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const CODE_LABEL: &str = "symbolon-code-v1";
const ACTIVATION_LABEL: &str = "symbolon-activation-v1";
const RECEIPT_LABEL: &str = "symbolon-receipt-v1";

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
    version: &MobileVersion,
) -> Vec<u8> {
    transcript(
        ACTIVATION_LABEL,
        &[
            server.as_str().as_bytes(),
            nonce.as_bytes(),
            code_hash,
            keys.signing.as_bytes(),
            keys.sealing.as_bytes(),
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
            answer_hash.as_bytes(),
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

pub(crate) fn verify(
    key: &SigningPublicKey,
    message: &[u8],
    signature: &Signature,
) -> Result<(), ProofError> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key.as_bytes());
    let signature = p256::ecdsa::Signature::from_slice(signature.as_bytes());
    match (key, signature) {
        (Ok(key), Ok(signature)) => key
            .verify(message, &signature)
            .map_err(|_| ProofError::Signature),
        _ => Err(ProofError::Signature),
    }
}
