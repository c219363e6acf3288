//! Where gateways are reached about tokens that move to another phone.

use std::convert::Infallible;

use domain::licensing::Asking;
use ident::{ProductSerial, TokenSerial};

use super::RegistryStore;
use super::provision::StockRefusal;
use super::rows::admission;
use crate::engine::{Failure, Tx, Work};
use crate::vals;

/// A gateway's own address, and the key that it shows there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GatewayAddress {
    /// As it was told.
    pub url: Box<str>,
    /// As it was told.
    pub pin: Box<str>,
}

/// What became of an address that was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressTold {
    /// Set when nothing was remembered.
    pub refusal: Option<StockRefusal>,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
}

impl RegistryStore {
    /// From now on phones reach the asking unit there, or nowhere; each member of a cluster tells its own.
    pub async fn put_gateway_address(
        &self,
        asking: Asking,
        address: Option<GatewayAddress>,
    ) -> Result<AddressTold, Failure<Infallible>> {
        self.database.write(PutAddress { asking, address }).await
    }

    /// Where the gateway is reached that provisioned a token last, or, once that is replaced, its licence's product.
    pub async fn gateway_address(
        &self,
        token: TokenSerial,
    ) -> Result<Option<GatewayAddress>, Failure<Infallible>> {
        self.database.read(FindAddress { token }).await
    }
}

struct PutAddress {
    asking: Asking,
    address: Option<GatewayAddress>,
}

impl Work for PutAddress {
    type Out = AddressTold;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<AddressTold, Failure<Infallible>> {
        let admission = admission(tx, &self.asking).await?;
        let unregistered = admission.unregistered;
        let Ok(requester) = admission.requester else {
            return Ok(AddressTold {
                refusal: Some(StockRefusal::ProductNotRegistered),
                unregistered,
            });
        };
        let product = requester.serial();
        tx.exec(
            "DELETE FROM gateway_address WHERE product = $1",
            &vals![product.as_str()],
        )
        .await?;
        if let Some(GatewayAddress { url, pin }) = &self.address {
            tx.exec_one(
                "INSERT INTO gateway_address (product, url, pin) VALUES ($1, $2, $3)",
                &vals![product.as_str(), &**url, &**pin],
            )
            .await?;
        }
        Ok(AddressTold {
            refusal: None,
            unregistered,
        })
    }
}

struct FindAddress {
    token: TokenSerial,
}

impl Work for FindAddress {
    type Out = Option<GatewayAddress>;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Option<GatewayAddress>, Failure<Infallible>> {
        let found = tx
            .row::<(String, String)>(
                "SELECT g.url, g.pin FROM token t JOIN licence l ON l.serial = t.licence \
                 LEFT JOIN provision p ON p.token = t.serial \
                 LEFT JOIN product own ON own.serial = p.product AND own.retired IS NULL \
                 JOIN gateway_address g ON g.product = coalesce(own.serial, l.product) \
                 WHERE t.serial = $1 AND l.revoked IS NULL",
                &vals![self.token.as_str()],
            )
            .await?;
        Ok(found.map(|(url, pin)| GatewayAddress {
            url: url.into(),
            pin: pin.into(),
        }))
    }
}
