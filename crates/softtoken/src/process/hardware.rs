use super::{Product, ProductEcho, read_outcome, read_result, write_result};
use crate::device::{SealedSeed, SealingPublicKey};
use crate::json::{Fields, MessageError, Object};
use crate::limits::MAX_HARDWARE_TOKENS;
use crate::parameters::{digest_name, read_code_shape, read_digest, write_code_shape};
use crate::server_error::write_error;
use crate::{Echo, WireError};
use otp::Parameters;

/// Give out the seeds of hardware tokens. Each is given once, then its activation flag is set.
#[derive(Debug)]
pub struct HardwareActivationRequest {
    /// Who asks.
    pub product: Product,
    /// `sealing_key`: the seeds are sealed to it. Vouched for by the client certificate.
    pub sealing_key: SealingPublicKey,
    /// `tokens`, at most [`MAX_HARDWARE_TOKENS`], as they came.
    pub tokens: Vec<Echo>,
}

/// What became of each hardware token.
#[derive(Debug)]
pub struct HardwareActivationResponse {
    /// Who asked.
    pub product: ProductEcho,
    /// In the order of the request.
    pub tokens: Vec<HardwareAnswer>,
    /// Set when no token was served.
    pub error: Option<WireError>,
}

/// What became of one hardware token.
#[derive(Debug)]
pub struct HardwareAnswer {
    /// `token`, as it came.
    pub token: Echo,
    /// Its seed, or why it is not given.
    pub outcome: Result<SealedHardwareToken, WireError>,
}

/// A hardware token's seed for one gateway; see [`crate::device::SealContext::gateway`].
#[derive(Debug)]
pub struct SealedHardwareToken {
    /// `sealed_seed`
    pub sealed_seed: SealedSeed,
    /// `type`, `period`, `digits` and `algorithm`.
    pub parameters: Parameters,
}

impl HardwareActivationRequest {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write_serial(object);
        self.product.write_version(object);
        self.product.write_cluster(object);
        object.text("sealing_key", &self.sealing_key.to_base64url());
        object.objects("tokens", &self.tokens, |token, object| {
            object.text("token", token.as_str());
        });
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            product: Product::read(fields)?,
            sealing_key: fields.parsed("sealing_key", SealingPublicKey::parse)?,
            tokens: fields.objects("tokens", MAX_HARDWARE_TOKENS, |token| {
                token.parsed("token", Echo::parse)
            })?,
        })
    }
}

impl HardwareActivationResponse {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write(object);
        object.objects("tokens", &self.tokens, HardwareAnswer::write);
        write_result(object, self.error.as_ref());
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            product: ProductEcho::read(fields)?,
            tokens: fields.objects("tokens", MAX_HARDWARE_TOKENS, HardwareAnswer::read)?,
            error: read_result(fields)?,
        })
    }
}

impl HardwareAnswer {
    const NULL_ON_ERROR: [&str; 5] = ["sealed_seed", "type", "period", "digits", "algorithm"];

    fn write(&self, object: &mut Object<'_>) {
        object.text("token", self.token.as_str());
        match &self.outcome {
            Ok(token) => {
                object.secret("sealed_seed", &token.sealed_seed.to_base64url());
                write_code_shape(object, token.parameters);
                object.text("algorithm", digest_name(token.parameters.digest));
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
            Ok(SealedHardwareToken {
                sealed_seed: fields.parsed("sealed_seed", SealedSeed::parse)?,
                parameters: Parameters {
                    digest: read_digest(fields)?,
                    ..read_code_shape(fields)?
                },
            })
        })?;
        Ok(Self { token, outcome })
    }
}
