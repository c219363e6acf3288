use super::{Product, ProductEcho, read_result, write_result};
use crate::WireError;
use crate::address::{ServerName, ServerUrl};
use crate::json::{Fields, MessageError, Object};
use crate::limits::MAX_SERVER_NAMES;
use crate::link::SpkiPin;

/// Where devices reach this gateway through the token server that want to move their tokens.
#[derive(Debug)]
pub struct TransferAddressRequest {
    /// Who says so.
    pub product: Product,
    /// `address` and `pin`, or both null: tokens of this gateway do not move.
    pub address: Option<TransferAddress>,
}

/// A gateway's own address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferAddress {
    /// `address`
    pub url: ServerUrl,
    /// `pin`: SHA-256 of its certificate's `SubjectPublicKeyInfo`.
    pub pin: SpkiPin,
}

/// It is known from now on.
#[derive(Debug)]
pub struct TransferAddressResponse {
    /// Who said so.
    pub product: ProductEcho,
    /// `servers`: the names under which the token server takes wishes, at most [`MAX_SERVER_NAMES`]; none beside an
    /// error.
    pub servers: Vec<ServerName>,
    /// `error`
    pub error: Option<WireError>,
}

impl TransferAddressRequest {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write_serial(object);
        self.product.write_version(object);
        self.product.write_cluster(object);
        let address = self.address.as_ref();
        let url = address.map(|address| address.url.to_string());
        let pin = address.map(|address| address.pin.to_string());
        object.optional_text("address", url.as_deref());
        object.optional_text("pin", pin.as_deref());
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let product = Product::read(fields)?;
        let url = fields.optional("address", ServerUrl::parse)?;
        let pin = fields.optional("pin", SpkiPin::parse)?;
        let address = match (url, pin) {
            (Some(url), Some(pin)) => Some(TransferAddress { url, pin }),
            (None, None) => None,
            _ => return Err(fields.wrong_value("address", "needs pin")),
        };
        Ok(Self { product, address })
    }
}

impl TransferAddressResponse {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        self.product.write(object);
        let names: Vec<_> = self.servers.iter().map(ServerName::as_str).collect();
        object.texts("servers", &names);
        write_result(object, self.error.as_ref());
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            product: ProductEcho::read(fields)?,
            servers: fields.texts("servers", MAX_SERVER_NAMES, ServerName::parse)?,
            error: read_result(fields)?,
        })
    }
}
