use super::{Product, ProductEcho, read_outcome, read_result, write_result};
use crate::json::{Fields, MessageError, Object};
use crate::limits::{MAX_CODE_EXPIRE_MIN, MAX_PROVISION_TOKENS};
use crate::link::ActivationLink;
use crate::parameters::{
    read_code_shape, read_unusual_pin_policy, write_code_shape, write_unusual_pin_policy,
};
use crate::server_error::write_error;
use crate::{Echo, WireError};
use data_encoding::HEXUPPER;
use ident::{ActivationCode, LicenceSerial, ParseError, PinPolicy, TokenSerial};
use otp::{Parameters, Seed};
use zeroize::Zeroizing;

/// Make tokens ready for a phone. A token that was ready before gets a new code and the old one dies.
#[derive(Debug)]
pub struct ProvisionRequest {
    /// Who asks.
    pub product: Product,
    /// At most [`MAX_PROVISION_TOKENS`].
    pub tokens: Vec<TokenToProvision>,
}

/// A token and its new seed, which the gateway made.
#[derive(Debug)]
pub struct TokenToProvision {
    /// `token`, as it came: a wrong one gets an answer of its own.
    pub token: Echo,
    /// `seed`, in hexadecimal capitals on the wire.
    pub seed: Seed,
    /// `code_expire`: life of the activation code in minutes, 1 to [`MAX_CODE_EXPIRE_MIN`].
    pub code_expire_min: u32,
    /// `type`, `period` and `digits`; the digest is SHA-1.
    pub parameters: Parameters,
    /// `require_pin` and `pin_length`, which are left out where they are the default.
    pub pin_policy: PinPolicy,
}

/// What became of the tokens.
#[derive(Debug)]
pub struct ProvisionResponse {
    /// Who asked.
    pub product: ProductEcho,
    /// In the order of the request.
    pub tokens: Vec<ProvisionAnswer>,
    /// Set when no token was served.
    pub error: Option<WireError>,
}

/// What became of one token.
#[derive(Debug)]
pub struct ProvisionAnswer {
    /// `token`, as it came.
    pub token: Echo,
    /// What goes to the person with the phone, or why nothing does.
    pub outcome: Result<ProvisionedToken, WireError>,
}

/// A token that waits for a phone.
#[derive(Debug)]
pub struct ProvisionedToken {
    /// `license`, to which the token belongs.
    pub licence: LicenceSerial,
    /// `token_activation_code`, for typing.
    pub code: ActivationCode,
    /// `qr_code`, the text of the QR code.
    pub link: ActivationLink,
    /// `code_expire`: life of both in minutes, from the answer on.
    pub code_expire_min: u32,
}

impl ProvisionRequest {
    // Unlike in the other requests the version comes before the serial.
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write_version(object);
        self.product.write_serial(object);
        self.product.write_cluster(object);
        object.objects("tokens", &self.tokens, TokenToProvision::write);
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            product: Product::read(fields)?,
            tokens: fields.objects("tokens", MAX_PROVISION_TOKENS, TokenToProvision::read)?,
        })
    }
}

impl TokenToProvision {
    /// The token that is meant.
    pub fn serial(&self) -> Result<TokenSerial, ParseError> {
        TokenSerial::parse(self.token.as_str())
    }

    fn write(&self, object: &mut Object<'_>) {
        object.text("token", self.token.as_str());
        object.secret("seed", &Zeroizing::new(HEXUPPER.encode(self.seed.expose())));
        object.number("code_expire", self.code_expire_min);
        write_code_shape(object, self.parameters);
        write_unusual_pin_policy(object, self.pin_policy);
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            token: fields.parsed("token", Echo::parse)?,
            seed: fields.parsed("seed", Seed::from_hex)?,
            code_expire_min: read_code_expire(fields)?,
            parameters: read_code_shape(fields)?,
            pin_policy: read_unusual_pin_policy(fields)?,
        })
    }
}

impl ProvisionResponse {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write(object);
        object.objects("tokens", &self.tokens, ProvisionAnswer::write);
        write_result(object, self.error.as_ref());
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            product: ProductEcho::read(fields)?,
            tokens: fields.objects("tokens", MAX_PROVISION_TOKENS, ProvisionAnswer::read)?,
            error: read_result(fields)?,
        })
    }
}

impl ProvisionAnswer {
    const NULL_ON_ERROR: [&str; 4] = ["license", "token_activation_code", "qr_code", "code_expire"];

    fn write(&self, object: &mut Object<'_>) {
        object.text("token", self.token.as_str());
        match &self.outcome {
            Ok(token) => {
                object.text("license", token.licence.as_str());
                object.secret("token_activation_code", token.code.as_str());
                object.secret("qr_code", &token.link.render());
                object.number("code_expire", token.code_expire_min);
            }
            Err(_) => Self::NULL_ON_ERROR
                .into_iter()
                .for_each(|name| object.null(name)),
        }
        write_error(object, self.outcome.as_ref().err());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let token = fields.parsed("token", Echo::parse)?;
        let error = WireError::read_optional(fields)?;
        let outcome = read_outcome(fields, &Self::NULL_ON_ERROR, error, |fields| {
            Ok(ProvisionedToken {
                licence: fields.parsed("license", LicenceSerial::parse)?,
                code: fields.parsed("token_activation_code", ActivationCode::parse)?,
                link: fields.parsed("qr_code", ActivationLink::parse)?,
                code_expire_min: read_code_expire(fields)?,
            })
        })?;
        Ok(Self { token, outcome })
    }
}

fn read_code_expire(fields: &mut Fields) -> Result<u32, MessageError> {
    let minutes = fields.integer("code_expire")?;
    if (1..=MAX_CODE_EXPIRE_MIN).contains(&minutes) {
        Ok(minutes)
    } else {
        Err(fields.wrong_value(
            "code_expire",
            format_args!("should be 1 to {MAX_CODE_EXPIRE_MIN} minutes"),
        ))
    }
}
