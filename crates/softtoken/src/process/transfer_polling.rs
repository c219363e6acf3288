use super::{Product, ProductEcho, Registration, read_outcome, read_result, write_result};
use crate::json::{Fields, MessageError, Object};
use crate::limits::MAX_POLL_TOKENS;
use crate::server_error::write_error;
use crate::{Echo, MobileVersion, WireError};
use ident::{ActivationCode, RegistrationId};

/// What became of the codes by which tokens go to another device?
#[derive(Debug)]
pub struct TransferPollingRequest {
    /// Who asks.
    pub product: Product,
    /// `tokens`, at most [`MAX_POLL_TOKENS`].
    pub tokens: Vec<MovingToken>,
}

/// A token and the code that waits for the other device.
#[derive(Debug)]
pub struct MovingToken {
    /// `token`, as it came: a wrong one gets an answer of its own.
    pub token: Echo,
    /// `token_activation_code`
    pub code: ActivationCode,
}

/// What became of each code.
#[derive(Debug)]
pub struct TransferPollingResponse {
    /// Who asked.
    pub product: ProductEcho,
    /// In the order of the request.
    pub tokens: Vec<TransferPollAnswer>,
    /// Set when no token could be answered.
    pub error: Option<WireError>,
}

/// What became of one token's code.
#[derive(Debug)]
pub struct TransferPollAnswer {
    /// `token`, as it came.
    pub token: Echo,
    /// `state`, or why it is not told.
    pub outcome: Result<CodeState, WireError>,
}

/// How far a code has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeState {
    /// `waiting`: no device has used it.
    Waiting,
    /// `taken`: a device has used it, and has not said that it stored the token.
    Taken(Registration),
    /// `confirmed`: the receipt of the device that used it came.
    Confirmed(Registration),
    /// `ended`: no device gets or confirms the token by this code any more.
    Ended,
}

impl CodeState {
    fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Taken(_) => "taken",
            Self::Confirmed(_) => "confirmed",
            Self::Ended => "ended",
        }
    }

    fn registration(&self) -> Option<&Registration> {
        match self {
            Self::Taken(registration) | Self::Confirmed(registration) => Some(registration),
            Self::Waiting | Self::Ended => None,
        }
    }
}

impl TransferPollingRequest {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write_serial(object);
        self.product.write_version(object);
        self.product.write_cluster(object);
        object.objects("tokens", &self.tokens, MovingToken::write);
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            product: Product::read(fields)?,
            tokens: fields.objects("tokens", MAX_POLL_TOKENS, MovingToken::read)?,
        })
    }
}

impl MovingToken {
    fn write(&self, object: &mut Object<'_>) {
        object.text("token", self.token.as_str());
        object.secret("token_activation_code", self.code.as_str());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            token: fields.parsed("token", Echo::parse)?,
            code: fields.parsed("token_activation_code", ActivationCode::parse)?,
        })
    }
}

impl TransferPollingResponse {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write(object);
        object.objects("tokens", &self.tokens, TransferPollAnswer::write);
        write_result(object, self.error.as_ref());
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            product: ProductEcho::read(fields)?,
            tokens: fields.objects("tokens", MAX_POLL_TOKENS, TransferPollAnswer::read)?,
            error: read_result(fields)?,
        })
    }
}

impl TransferPollAnswer {
    const NULL_ON_ERROR: [&str; 3] = ["state", "registration_id", "mobile_device_version"];

    fn write(&self, object: &mut Object<'_>) {
        object.text("token", self.token.as_str());
        match &self.outcome {
            Ok(state) => state.write(object),
            Err(_) => Self::NULL_ON_ERROR
                .into_iter()
                .for_each(|name| object.null(name)),
        }
        write_error(object, self.outcome.as_ref().err());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let token = fields.parsed("token", Echo::parse)?;
        let error = WireError::read_optional(fields)?;
        let outcome = read_outcome(fields, &Self::NULL_ON_ERROR, error, CodeState::read)?;
        Ok(Self { token, outcome })
    }
}

impl CodeState {
    fn write(&self, object: &mut Object<'_>) {
        let registration = self.registration();
        object.text("state", self.word());
        object.optional_text(
            "registration_id",
            registration.map(|device| device.id.as_str()),
        );
        object.optional_text(
            "mobile_device_version",
            registration.map(|device| device.version.as_str()),
        );
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let state = fields.text("state")?;
        let id = fields.optional("registration_id", RegistrationId::parse)?;
        let version = fields.optional("mobile_device_version", MobileVersion::parse)?;
        let registration = id
            .zip(version)
            .map(|(id, version)| Registration { id, version });
        match (state.as_str(), registration) {
            ("waiting", None) => Ok(Self::Waiting),
            ("ended", None) => Ok(Self::Ended),
            ("taken", Some(registration)) => Ok(Self::Taken(registration)),
            ("confirmed", Some(registration)) => Ok(Self::Confirmed(registration)),
            _ => {
                Err(fields.wrong_value("state", "is no state of a code, or contradicts the device"))
            }
        }
    }
}
