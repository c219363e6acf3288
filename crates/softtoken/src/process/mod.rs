//! Messages between gateway and registry, at [`crate::PROCESS_PATH`].
//!
//! A request names the gateway ([`Product`]) and what it wants; the answer names it again
//! ([`ProductEcho`]), says for each token what became of it, and carries `result` and `error`, which
//! follow from the values here and are checked against each other when an answer is read.

mod hardware;
mod licence;
mod polling;
mod product;
mod provision;
mod transfer;
mod transfer_polling;

pub use hardware::{
    HardwareActivationRequest, HardwareActivationResponse, HardwareAnswer, SealedHardwareToken,
};
pub use licence::{ActivatedLicence, ActivationLicenseRequest, ActivationLicenseResponse};
pub use polling::{
    PollAnswer, PolledToken, PollingRequest, PollingResponse, Registration, TokenState,
};
pub use product::{MemberAnswer, Product, ProductEcho};
pub use provision::{
    ProvisionAnswer, ProvisionRequest, ProvisionResponse, ProvisionedToken, TokenToProvision,
};
pub use transfer::{TransferAddress, TransferAddressRequest, TransferAddressResponse};
pub use transfer_polling::{
    CodeState, MovingToken, TransferPollAnswer, TransferPollingRequest, TransferPollingResponse,
};

use crate::WireError;
use crate::json::{Fields, Form, MessageError, Object};
use crate::limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};
use crate::message::messages;

messages! {
    /// What a gateway asks.
    pub enum Request(MAX_REQUEST_BYTES, Form::DebugRequest) {
        /// Activate a licence: bring its tokens here.
        ActivationLicense(ActivationLicenseRequest) = "SoftToken.ActivationLicenseRequest",
        /// Make tokens ready for a phone.
        Provision(ProvisionRequest) = "SoftToken.ProvisionRequest",
        /// What became of tokens?
        Polling(PollingRequest) = "SoftToken.PollingRequest",
        /// Give out the seeds of hardware tokens, once.
        HardwareActivation(HardwareActivationRequest) = "SoftToken.HardwareActivationRequest",
        /// Where devices reach this gateway that want to move their tokens.
        TransferAddress(TransferAddressRequest) = "SoftToken.TransferAddressRequest",
        /// What became of the codes by which tokens go to another device?
        TransferPolling(TransferPollingRequest) = "SoftToken.TransferPollingRequest",
    }
}

messages! {
    /// What the registry answers to a gateway.
    pub enum Response(MAX_RESPONSE_BYTES, Form::DebugResponse) {
        /// To [`Request::ActivationLicense`].
        ActivationLicense(ActivationLicenseResponse) = "SoftToken.ActivationLicenseResponse",
        /// To [`Request::Provision`].
        Provision(ProvisionResponse) = "SoftToken.ProvisionResponse",
        /// To [`Request::Polling`].
        Polling(PollingResponse) = "SoftToken.PollingResponse",
        /// To [`Request::HardwareActivation`].
        HardwareActivation(HardwareActivationResponse) = "SoftToken.HardwareActivationResponse",
        /// To [`Request::TransferAddress`].
        TransferAddress(TransferAddressResponse) = "SoftToken.TransferAddressResponse",
        /// To [`Request::TransferPolling`].
        TransferPolling(TransferPollingResponse) = "SoftToken.TransferPollingResponse",
    }
}

impl Request {
    /// Who asks.
    pub fn product(&self) -> &Product {
        match self {
            Self::ActivationLicense(request) => &request.product,
            Self::Provision(request) => &request.product,
            Self::Polling(request) => &request.product,
            Self::HardwareActivation(request) => &request.product,
            Self::TransferAddress(request) => &request.product,
            Self::TransferPolling(request) => &request.product,
        }
    }
}

/// `result` of an answer that failed as a whole.
const RESULT_FAILED: i64 = 0;
/// `result` of any other answer. The described system has no example of 1.
const RESULT_DONE: i64 = 2;

/// `"result":…,"error":…`, the end of every answer.
pub(crate) fn write_result(object: &mut Object<'_>, error: Option<&WireError>) {
    object.number(
        "result",
        if error.is_some() {
            RESULT_FAILED
        } else {
            RESULT_DONE
        },
    );
    crate::server_error::write_error(object, error);
}

/// Reads `result` and `error`, which must say the same.
pub(crate) fn read_result(fields: &mut Fields) -> Result<Option<WireError>, MessageError> {
    let result: i64 = fields.integer("result")?;
    let error = WireError::read_optional(fields)?;
    let expected = if error.is_some() {
        RESULT_FAILED
    } else {
        RESULT_DONE
    };
    if result != expected {
        return Err(fields.wrong_value("result", "contradicts the error"));
    }
    Ok(error)
}

/// Reads the fields that an answer has on success and that are null beside an error.
pub(crate) fn read_outcome<T>(
    fields: &mut Fields,
    names: &[&str],
    error: Option<WireError>,
    read: impl FnOnce(&mut Fields) -> Result<T, MessageError>,
) -> Result<Result<T, WireError>, MessageError> {
    match error {
        None => read(fields).map(Ok),
        Some(error) => {
            for name in names {
                fields.null(name)?;
            }
            Ok(Err(error))
        }
    }
}
