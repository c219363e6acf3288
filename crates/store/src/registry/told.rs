//! What gateways have been told of their tokens' phones.

use std::convert::Infallible;

use domain::audit::Actor;
use domain::licensing::{StockToken, TokenState};
use domain::time::Timestamp;
use ident::{ProductSerial, TokenSerial};

use super::desk::record;
use super::rows::StockRow;
use crate::engine::{Failure, Tx, Work};
use crate::vals;

/// What a poll can tell of a provisioning that the gateway did not know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// The code's time is over.
    TimedOut,
    /// A phone has the token.
    OnPhone,
}

impl News {
    /// As `provision.told` keeps it; nothing was told before it is set.
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::TimedOut => 1,
            Self::OnPhone => 2,
        }
    }

    pub(super) fn of(token: &StockToken, now: Timestamp) -> Option<Self> {
        match token.state {
            TokenState::Provisioned(_) => Some(Self::OnPhone),
            TokenState::Provisioning { .. } if token.has_timed_out(now) => Some(Self::TimedOut),
            TokenState::Provisioning { .. } | TokenState::New => None,
        }
    }

    /// In the words of the gateway's status column.
    fn word(self) -> &'static str {
        match self {
            Self::TimedOut => "provision timeout",
            Self::OnPhone => "provisioned",
        }
    }
}

/// News of one token, and the provisioning that it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Item {
    token: TokenSerial,
    version: u64,
    news: News,
}

impl Item {
    /// What a poll tells of `row` for the first time.
    pub(super) fn of(row: &StockRow, now: Timestamp) -> Option<Self> {
        let news = News::of(&row.token, now)?;
        (row.told != Some(news.number())).then_some(Self {
            token: row.token.serial,
            version: row.version,
            news,
        })
    }
}

/// Tokens whose news one transaction records: that many take a few milliseconds.
pub(super) const NEWS_MAX: usize = 1_000;

/// Records that a gateway was told.
pub(super) struct Tell {
    pub(super) gateway: Actor,
    pub(super) items: Vec<Item>,
    pub(super) now: Timestamp,
}

impl Work for Tell {
    type Out = ();
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Infallible>> {
        for Item {
            token,
            version,
            news,
        } in self.items
        {
            let (subject, number) = (token.as_str(), news.number());
            // A newer provisioning, or another poll, may have come in between.
            let changed = tx
                .exec(
                    "UPDATE provision SET told = $3
                     WHERE token = $1 AND version = $2 AND coalesce(told, 0) <> $3",
                    &vals![subject, version.cast_signed(), number],
                )
                .await?;
            if changed == 1 {
                record(tx, &self.gateway, "poll", subject, news.word(), self.now).await?;
            }
        }
        Ok(())
    }
}

/// A gateway as the one who acts.
pub(super) fn gateway(product: ProductSerial) -> Actor {
    Actor {
        name: product.as_str().into(),
        interface: "https".into(),
    }
}

/// A gateway whose request came through a manager, or did not.
pub(super) fn sender(product: ProductSerial, through: Option<ProductSerial>) -> Actor {
    match through {
        None => gateway(product),
        Some(manager) => Actor {
            name: product.as_str().into(),
            interface: manager.as_str().into(),
        },
    }
}
