//! What the token server is asked, as the octets that leave.

use domain::time::Timestamp;
use identity::Identity;
use softtoken::process::Request;
use softtoken::{MessageError, RequestSignature, request_transcript};
use zeroize::Zeroizing;

/// A question. Asked again it is the same, octet for octet.
pub(crate) struct Question {
    request: Request,
    body: Zeroizing<Vec<u8>>,
    id: Option<String>,
}

impl Question {
    /// A question that stands for itself.
    pub(crate) fn new(request: Request) -> Self {
        let body = Zeroizing::new(request.to_json().as_bytes().to_vec());
        let id = None;
        Self { request, body, id }
    }

    /// The same under an id, by which its repetition is known.
    pub(crate) fn identified(self, id: String) -> Self {
        let id = Some(id);
        Self { id, ..self }
    }

    /// One that was asked before.
    pub(crate) fn again(id: String, body: Zeroizing<Vec<u8>>) -> Result<Self, MessageError> {
        let request = Request::parse(&body)?;
        let id = Some(id);
        Ok(Self { request, body, id })
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// In the protocol's words.
    pub(super) fn name(&self) -> &'static str {
        match self.request {
            Request::ActivationLicense(_) => "ActivationLicenseRequest",
            Request::Provision(_) => "ProvisionRequest",
            Request::Polling(_) => "PollingRequest",
            Request::TransferAddress(_) => "TransferAddressRequest",
            Request::TransferPolling(_) => "TransferPollingRequest",
            Request::HardwareActivation(_) => "HardwareActivationRequest",
        }
    }

    /// Proves at `now` that `identity` asks this.
    pub(super) fn signed(
        &self,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<RequestSignature, impl std::fmt::Display> {
        let at_s = now.unix();
        let signed = identity.sign(&request_transcript(self.id(), at_s, &self.body));
        signed.map(|signed| RequestSignature {
            at_s,
            signature: signed.signature,
        })
    }
}
