use super::{Product, ProductEcho, read_outcome, read_result, write_result};
use crate::json::{Fields, MessageError, Object};
use crate::limits::MAX_POLL_TOKENS;
use crate::server_error::write_error;
use crate::{Echo, MobileVersion, WireError};
use ident::{LicenceSerial, RegistrationId};

/// What became of tokens?
#[derive(Debug)]
pub struct PollingRequest {
    /// Who asks.
    pub product: Product,
    /// `tokens`, at most [`MAX_POLL_TOKENS`], as they came: a wrong one gets an answer of its own.
    pub tokens: Vec<Echo>,
}

/// What became of each token.
#[derive(Debug)]
pub struct PollingResponse {
    /// Who asked.
    pub product: ProductEcho,
    /// In the order of the request.
    pub tokens: Vec<PollAnswer>,
    /// Set when no token could be answered.
    pub error: Option<WireError>,
}

/// What became of one token.
#[derive(Debug)]
pub struct PollAnswer {
    /// `token`, as it came.
    pub token: Echo,
    /// Its state, or why it is not told.
    pub outcome: Result<PolledToken, WireError>,
}

/// A token as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolledToken {
    /// `license`
    pub licence: LicenceSerial,
    /// `state`
    pub state: TokenState,
    /// `registration_id` and `mobile_device_version`, once a device has the token.
    pub registration: Option<Registration>,
}

/// The device that has a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// `registration_id`
    pub id: RegistrationId,
    /// `mobile_device_version`
    pub version: MobileVersion,
}

/// `state` of a mobile token at the registry, in the words of the gateway's status column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenState {
    /// Never made ready, or taken back.
    New,
    /// Waits for a phone.
    Provisioning,
    /// A device has it.
    Provisioned,
    /// No phone came before the code expired.
    ProvisionTimeout,
    /// Out of use.
    Locked,
}

impl TokenState {
    const ALL: [Self; 5] = [
        Self::New,
        Self::Provisioning,
        Self::Provisioned,
        Self::ProvisionTimeout,
        Self::Locked,
    ];

    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Provisioning => "provisioning",
            Self::Provisioned => "provisioned",
            Self::ProvisionTimeout => "provision timeout",
            Self::Locked => "locked",
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == text);
        state.ok_or("is not a state of a token")
    }
}

impl PollingRequest {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write_serial(object);
        self.product.write_version(object);
        self.product.write_cluster(object);
        object.objects("tokens", &self.tokens, |token, object| {
            object.text("token", token.as_str());
        });
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            product: Product::read(fields)?,
            tokens: fields.objects("tokens", MAX_POLL_TOKENS, |token| {
                token.parsed("token", Echo::parse)
            })?,
        })
    }
}

impl PollingResponse {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write(object);
        object.objects("tokens", &self.tokens, PollAnswer::write);
        write_result(object, self.error.as_ref());
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            product: ProductEcho::read(fields)?,
            tokens: fields.objects("tokens", MAX_POLL_TOKENS, PollAnswer::read)?,
            error: read_result(fields)?,
        })
    }
}

impl PollAnswer {
    const NULL_ON_ERROR: [&str; 4] = [
        "license",
        "state",
        "registration_id",
        "mobile_device_version",
    ];

    fn write(&self, object: &mut Object<'_>) {
        object.text("token", self.token.as_str());
        match &self.outcome {
            Ok(token) => token.write(object),
            Err(_) => Self::NULL_ON_ERROR
                .into_iter()
                .for_each(|name| object.null(name)),
        }
        write_error(object, self.outcome.as_ref().err());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let token = fields.parsed("token", Echo::parse)?;
        let error = WireError::read_optional(fields)?;
        let outcome = read_outcome(fields, &Self::NULL_ON_ERROR, error, PolledToken::read)?;
        Ok(Self { token, outcome })
    }
}

impl PolledToken {
    fn write(&self, object: &mut Object<'_>) {
        let registration = self.registration.as_ref();
        object.text("license", self.licence.as_str());
        object.text("state", self.state.as_str());
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
        let licence = fields.parsed("license", LicenceSerial::parse)?;
        let state = fields.parsed("state", TokenState::parse)?;
        let id = fields.optional("registration_id", RegistrationId::parse)?;
        let version = fields.optional("mobile_device_version", MobileVersion::parse)?;
        let registration = match (id, version) {
            (Some(id), Some(version)) => Some(Registration { id, version }),
            (None, None) => None,
            _ => {
                return Err(fields.wrong_value("registration_id", "needs mobile_device_version"));
            }
        };
        Ok(Self {
            licence,
            state,
            registration,
        })
    }
}
