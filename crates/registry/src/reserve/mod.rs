//! Reserves of managers, as they travel: signed, over HTTPS or as files.
//!
//! A reserve is signed by the token server's authority, a settlement with the manager's own key; what is
//! signed are the octets that travel. Neither holds a secret: of a licence's code a reserve has the digest.

mod service;
mod text;

use data_encoding::BASE64URL_NOPAD;
use domain::licensing::{Reserve, Settlement};
use identity::{Identity, Signed};
use rustls::RootCertStore;
use serde::{Deserialize, Serialize};

pub(crate) use self::service::{Wanted, warn_of};
use self::text::{ReserveText, SettlementText};
use crate::http::Certified;
use crate::pki::{P256_PREFIX, Pki, PkiError};
use crate::vouched::Vouched;

/// Where managers settle, and get their reserves.
pub(crate) const RESERVE_PATH: &str = "/SoftToken/Reserve";
/// A reserve of as many licences and tokens as may be has 5 MiB, its account's gateways half of one.
pub(crate) const MAX_BYTES: usize = 8 << 20;

/// What is signed begins with this, so that no other signature of the key is taken for one.
const RESERVE_CONTEXT: &str = "symbolon-reserve-v1\n";
const SETTLEMENT_CONTEXT: &str = "symbolon-settlement-v1\n";

/// Why a reserve or a settlement is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum TravelError {
    /// It is none.
    #[error("this is no {what}: {why}")]
    Shape { what: &'static str, why: Box<str> },
    /// It is not its signer's, or was changed.
    #[error(
        "this reserve is not signed by the authority of this manager's token server (--ca): it was changed, or \
         is another's"
    )]
    ReserveForged,
    /// It is not its signer's, or was changed.
    #[error(
        "this settlement is not signed with the key of a certificate that counts: it was changed, or is of \
         another token server's manager"
    )]
    SettlementForged,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedReserve {
    /// The octets of a [`ReserveText`] in base64url without padding.
    reserve: String,
    signature: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedSettlement {
    /// The octets of a [`SettlementText`] in base64url without padding.
    settlement: String,
    certificate: String,
    signature: String,
}

/// A reserve as it travels.
pub(crate) fn seal(reserve: &Reserve, pki: &Pki) -> Result<String, PkiError> {
    let text = json(&ReserveText::from(reserve));
    let signature = pki.sign(&transcript(RESERVE_CONTEXT, text.as_bytes()))?;
    Ok(json(&SignedReserve {
        reserve: BASE64URL_NOPAD.encode(text.as_bytes()),
        signature: BASE64URL_NOPAD.encode(&signature),
    }))
}

/// A reserve that one of `authorities` signed.
pub(crate) fn open(octets: &[u8], authorities: &RootCertStore) -> Result<Reserve, TravelError> {
    const WHAT: &str = "reserve";
    let signed: SignedReserve = parsed(octets, WHAT)?;
    let text = decoded(&signed.reserve, WHAT)?;
    let signature = decoded(&signed.signature, WHAT)?;
    let transcript = transcript(RESERVE_CONTEXT, &text);
    let is_signed = authorities.roots.iter().any(|authority| {
        let spki = authority.subject_public_key_info.as_ref();
        is_signed_by(spki, &transcript, &signature)
    });
    if !is_signed {
        return Err(TravelError::ReserveForged);
    }
    reserve(&text)
}

fn reserve(text: &[u8]) -> Result<Reserve, TravelError> {
    const WHAT: &str = "reserve";
    let text: ReserveText = parsed(text, WHAT)?;
    text.try_into().map_err(|why| shape(WHAT, why))
}

/// A reserve without its signature, written again.
pub(crate) fn reserve_again(text: &[u8]) -> Result<String, TravelError> {
    Ok(json(&ReserveText::from(&reserve(text)?)))
}

/// `spki` as trust anchors have it, without the outer SEQUENCE.
fn is_signed_by(spki: &[u8], transcript: &[u8], signature: &[u8]) -> bool {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
    let point = spki.strip_prefix(&P256_PREFIX[2..]);
    point.is_some_and(|point| {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
        key.verify(transcript, signature).is_ok()
    })
}

/// A settlement as it travels; why it cannot be signed.
pub(crate) fn seal_settlement(
    settlement: &Settlement,
    identity: &Identity,
) -> Result<String, String> {
    let text = json(&SettlementText::from(settlement));
    let signed = identity.sign(&transcript(SETTLEMENT_CONTEXT, text.as_bytes()));
    let Signed {
        certificate,
        signature,
    } = signed.map_err(|error| error.to_string())?;
    Ok(json(&SignedSettlement {
        settlement: BASE64URL_NOPAD.encode(text.as_bytes()),
        certificate,
        signature,
    }))
}

/// A settlement and whose certificate's key signed it, which is its manager's.
pub(crate) fn open_settlement(
    octets: &[u8],
    vouched: &Vouched,
) -> Result<(Certified, Settlement), TravelError> {
    const WHAT: &str = "settlement";
    let SignedSettlement {
        settlement,
        certificate,
        signature,
    } = parsed(octets, WHAT)?;
    let text = decoded(&settlement, WHAT)?;
    let transcript = transcript(SETTLEMENT_CONTEXT, &text);
    let signer = vouched.signer(&certificate, &signature, &transcript);
    let signer = signer.ok_or(TravelError::SettlementForged)?;
    let settlement = self::settlement(&text)?;
    if settlement.manager != signer.product {
        return Err(TravelError::SettlementForged);
    }
    Ok((signer, settlement))
}

fn settlement(text: &[u8]) -> Result<Settlement, TravelError> {
    const WHAT: &str = "settlement";
    let text: SettlementText = parsed(text, WHAT)?;
    text.try_into().map_err(|why| shape(WHAT, why))
}

/// A settlement without its signature, written again.
pub(crate) fn settlement_again(text: &[u8]) -> Result<String, TravelError> {
    Ok(json(&SettlementText::from(&settlement(text)?)))
}

fn transcript(context: &str, text: &[u8]) -> Vec<u8> {
    [context.as_bytes(), text].concat()
}

/// None of these texts has a map with keys that are no strings: they always are JSON.
fn json(text: &impl Serialize) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn parsed<'t, T: Deserialize<'t>>(octets: &'t [u8], what: &'static str) -> Result<T, TravelError> {
    serde_json::from_slice(octets).map_err(|error| shape(what, error))
}

fn decoded(text: &str, what: &'static str) -> Result<Vec<u8>, TravelError> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|error| shape(what, error))
}

fn shape(what: &'static str, why: impl std::fmt::Display) -> TravelError {
    let why = why.to_string().into();
    TravelError::Shape { what, why }
}
