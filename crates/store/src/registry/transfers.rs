//! Where gateways are reached about tokens that move to another phone.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use domain::licensing::{
    Asking, Holder, Lock, Offer, Progress, Registration, TokenRefusal, TokenState, may_see,
    progress,
};
use domain::time::Timestamp;
use ident::{OpaqueCode, ProductSerial, TokenSerial};

use super::RegistryStore;
use super::claim::kept;
use super::provision::{StockRefusal, find};
use super::rows::admission;
use super::secrets::Keys;
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::vals;

/// A gateway's own address, and the key that it shows there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GatewayAddress {
    /// As it was told.
    pub url: Box<str>,
    /// As it was told.
    pub pin: Box<str>,
    /// The address from which the gateway told it itself.
    pub source: Option<IpAddr>,
}

/// What became of an address that was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressTold {
    /// Set when nothing was remembered.
    pub refusal: Option<StockRefusal>,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
}

/// A token that goes to another device, and the code for that.
#[derive(Debug)]
pub struct MovingCode {
    /// Which token; `None` stands for what is no serial at all.
    pub token: Option<TokenSerial>,
    /// The code that the gateway was given last.
    pub code: OpaqueCode,
}

/// How far a code has got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PolledCode {
    /// No device has used it.
    Waiting,
    /// This device has, and has not said that it stored the token.
    Taken(Registration),
    /// This device has the token by it.
    Confirmed(Registration),
    /// It is not the token's any more, or its time is over.
    Ended,
}

/// What became of the codes of tokens that move.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolledCodes {
    /// In the order of the request.
    pub codes: Vec<Result<PolledCode, TokenRefusal>>,
    /// Set when no token was served.
    pub refusal: Option<StockRefusal>,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
}

impl RegistryStore {
    /// Tells how far the codes have got by which tokens go to other devices.
    pub async fn poll_codes(
        &self,
        asking: Asking,
        moving: Vec<MovingCode>,
        now: Timestamp,
    ) -> Result<PolledCodes, Failure<Infallible>> {
        let keys = self.keys();
        let poll = PollCodes {
            keys,
            asking,
            moving,
            now,
        };
        self.database.read(poll).await
    }

    /// From now on phones reach the asking unit there, or nowhere; each member of a cluster tells its own.
    pub async fn put_gateway_address(
        &self,
        asking: Asking,
        address: Option<GatewayAddress>,
    ) -> Result<AddressTold, Failure<Infallible>> {
        self.database.write(PutAddress { asking, address }).await
    }

    /// Where the gateway is reached that provisioned a token last, as long as the licence may be its cluster's,
    /// or else the licence's product.
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
        if let Some(GatewayAddress { url, pin, source }) = &self.address {
            let source = source.map(|source| source.to_string());
            tx.exec_one(
                "INSERT INTO gateway_address (product, url, pin, source) VALUES ($1, $2, $3, $4)",
                &vals![product.as_str(), &**url, &**pin, source],
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
            .row::<(String, String, Option<String>)>(
                "SELECT g.url, g.pin, g.source FROM token t JOIN licence l ON l.serial = t.licence \
                 LEFT JOIN provision p ON p.token = t.serial \
                 LEFT JOIN product own ON own.serial = p.product AND own.retired IS NULL \
                     AND own.account = l.account \
                 JOIN gateway_address g ON g.product = coalesce(own.serial, l.product) \
                 WHERE t.serial = $1 AND l.revoked IS NULL",
                &vals![self.token.as_str()],
            )
            .await?;
        Ok(found.map(|(url, pin, source)| GatewayAddress {
            url: url.into(),
            pin: pin.into(),
            source: source.and_then(|source| source.parse().ok()),
        }))
    }
}

struct PollCodes {
    keys: Arc<Keys>,
    asking: Asking,
    moving: Vec<MovingCode>,
    now: Timestamp,
}

impl Work for PollCodes {
    type Out = PolledCodes;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<PolledCodes, Failure<Infallible>> {
        let admission = admission(tx, &self.asking).await?;
        let unregistered = admission.unregistered;
        let Ok(requester) = admission.requester else {
            let refused = |_| Err(TokenRefusal::ProductNotRegistered);
            return Ok(PolledCodes {
                codes: self.moving.iter().map(refused).collect(),
                refusal: Some(StockRefusal::ProductNotRegistered),
                unregistered,
            });
        };
        let mut codes = Vec::with_capacity(self.moving.len());
        for MovingCode { token, code } in &self.moving {
            let found = find(tx, *token).await?;
            codes.push(
                match may_see(found.as_ref().map(|row| &row.token), &requester) {
                    Ok(token) => {
                        let code = self.keys.activation_code(code);
                        Ok(polled(tx, token.serial, &token.state, &code, self.now).await?)
                    }
                    Err(why) => Err(why),
                },
            );
        }
        let none = codes.iter().all(Result::is_err);
        Ok(PolledCodes {
            codes,
            refusal: none.then_some(StockRefusal::NoValidToken),
            unregistered,
        })
    }
}

/// What became of one code: another than the token has now was replaced, or is of a database that was put back.
async fn polled<T: Tx>(
    tx: &mut T,
    token: TokenSerial,
    state: &TokenState,
    code: &[u8; 32],
    now: Timestamp,
) -> Result<PolledCode, SqlError> {
    let found = tx
        .row::<(Timestamp, u32, bool, Option<Timestamp>)>(
            "SELECT expires, wrong_links, answer IS NOT NULL, confirmed FROM provision
             WHERE token = $1 AND code = $2",
            &vals![token.as_str(), code],
        )
        .await?;
    let Some((expires, wrong_links, is_kept, confirmed)) = found else {
        return Ok(PolledCode::Ended);
    };
    let registration = match state {
        TokenState::Provisioned(registration) => Some(registration.clone()),
        TokenState::New | TokenState::Provisioning { .. } => None,
    };
    let offer = Offer {
        lock: Lock::Open,
        expires,
        wrong_links,
        holder: registration.as_ref().map(|registration| Holder {
            device: registration.id,
            answer: kept(is_kept, confirmed),
        }),
    };
    Ok(match (progress(&offer, now), registration) {
        (Progress::Taken, Some(registration)) => PolledCode::Taken(registration),
        (Progress::Confirmed, Some(registration)) => PolledCode::Confirmed(registration),
        (Progress::Waiting, _) => PolledCode::Waiting,
        (Progress::Taken | Progress::Confirmed | Progress::Ended, _) => PolledCode::Ended,
    })
}
