//! Where gateways are reached about tokens that move to another phone.

use std::convert::Infallible;

use domain::licensing::Asking;
use ident::TokenSerial;

use super::RegistryStore;
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

impl RegistryStore {
    /// From now on phones reach the products of a request there, or nowhere.
    pub async fn put_gateway_address(
        &self,
        asking: Asking,
        address: Option<GatewayAddress>,
    ) -> Result<(), Failure<Infallible>> {
        self.database.write(PutAddress { asking, address }).await
    }

    /// Where the gateway is reached that has a token.
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
    type Out = ();
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Infallible>> {
        let Ok(requester) = admission(tx, &self.asking).await?.requester else {
            return Ok(());
        };
        for product in requester.products() {
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
        }
        Ok(())
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
                 JOIN gateway_address g ON g.product = l.product \
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
