use super::{Product, ProductEcho, read_outcome, read_result, write_result};
use crate::json::{Fields, MessageError, Object};
use crate::limits::MAX_LICENCE_TOKENS;
use crate::{TypedLicenceCode, WireError};
use ident::{LicenceSerial, TokenSerial};

/// Activate a licence, or with [`ident::LicenceCode::TRIAL`] the free trial tokens.
#[derive(Debug)]
pub struct ActivationLicenseRequest {
    /// `license_activation_code`, as it was typed.
    pub code: TypedLicenceCode,
    /// Who asks.
    pub product: Product,
}

/// The licence's serial and tokens, or why there are none.
#[derive(Debug)]
pub struct ActivationLicenseResponse {
    /// Who asked.
    pub product: ProductEcho,
    /// `license_activation_code`, as it came.
    pub code: TypedLicenceCode,
    /// `license` and `tokens`, or `error`.
    pub outcome: Result<ActivatedLicence, WireError>,
}

/// What a licence brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivatedLicence {
    /// `license`
    pub serial: LicenceSerial,
    /// `tokens`, all of the licence's.
    pub tokens: Vec<TokenSerial>,
}

impl ActivationLicenseRequest {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        object.masked("license_activation_code", self.code.as_str(), || {
            self.code.masked()
        });
        self.product.write_serial(object);
        self.product.write_version(object);
        self.product.write_cluster(object);
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            code: fields.parsed("license_activation_code", TypedLicenceCode::parse)?,
            product: Product::read(fields)?,
        })
    }
}

impl ActivationLicenseResponse {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write(object);
        object.masked("license_activation_code", self.code.as_str(), || {
            self.code.masked()
        });
        if let Ok(licence) = &self.outcome {
            object.text("license", licence.serial.as_str());
            object.texts("tokens", &licence.tokens);
        } else {
            object.text("license", "");
            object.null("tokens");
        }
        write_result(object, self.outcome.as_ref().err());
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let product = ProductEcho::read(fields)?;
        let code = fields.parsed("license_activation_code", TypedLicenceCode::parse)?;
        let error = read_result(fields)?;
        if error.is_some() {
            let is_empty = |text: &str| {
                if text.is_empty() {
                    Ok(())
                } else {
                    Err("must be empty")
                }
            };
            fields.parsed("license", is_empty)?;
        }
        let outcome = read_outcome(fields, &["tokens"], error, |fields| {
            Ok(ActivatedLicence {
                serial: fields.parsed("license", LicenceSerial::parse)?,
                tokens: fields.texts("tokens", MAX_LICENCE_TOKENS, TokenSerial::parse)?,
            })
        })?;
        Ok(Self {
            product,
            code,
            outcome,
        })
    }
}
