//! What gateways sign for each other.

use ident::ProductSerial;
use identity::{NotSigned, Signed, signer};
use softtoken::moving::Signature;

use super::TokenServer;
use crate::clock;

impl TokenServer {
    /// Signs with the key of this gateway's certificate; none if the key does not sign.
    pub(crate) fn sign(&self, transcript: &[u8]) -> Option<Signature> {
        let Signed {
            certificate,
            signature,
        } = self.identity.identity().sign(transcript).ok()?;
        Some(Signature {
            certificate,
            signature,
        })
    }

    /// The gateway of the same token server that signed.
    pub(crate) fn signer(
        &self,
        signature: &Signature,
        transcript: &[u8],
    ) -> Result<ProductSerial, NotSigned> {
        let signed = Signed {
            certificate: signature.certificate.clone(),
            signature: signature.signature.clone(),
        };
        signer(&signed, transcript, self.connections.roots(), clock::now())
    }
}
