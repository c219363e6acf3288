//! What takes a token server's time, done while the screen goes on: one errand at a time.

use super::field::Typed;
use crate::activation::{Order, claim, typed_codes_server};
use crate::contents::{Authority, Contents, ContentsError, TokenName};
use crate::error::AppError;
use crate::offer::{Offer, Source};
use crate::registry::Registry;
use crate::transfer::{Answered, ask};
use otp::export_code::ExportCode;
use softtoken::address::ServerUrl;
use softtoken::mobile::SealedToken;
use softtoken::transfer::Action;
use std::io;
use std::pin::Pin;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

/// An errand that is being run.
pub(super) struct Errand<'a>(Option<Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>>);

/// What came of it.
pub(super) enum Outcome {
    /// A token has arrived, and is to be taken in.
    Came(Result<Arrival, AppError>),
    /// The person has to say whether its token server is believed; nothing was asked of it.
    Strange(Box<Stranger>),
    /// A token's gateway has said how its transfer stands.
    Answered(TokenName, Result<Answered, AppError>),
}

/// A token that has arrived.
pub(super) enum Arrival {
    /// A token server's.
    Sealed(Box<Sealed>),
    /// Other issuers'.
    Foreign(ExportCode),
}

/// A token as its token server sealed it.
pub(super) struct Sealed {
    pub(super) registry: Registry,
    pub(super) authority: Authority,
    pub(super) token: SealedToken,
}

/// A token server whose certificate is to come from another authority than its tokens here know, and what is asked of
/// it.
pub(super) struct Stranger {
    registry: Registry,
    order: Order,
}

impl Stranger {
    /// Which.
    pub(super) fn url(&self) -> &ServerUrl {
        &self.registry.server().url
    }
}

impl<'a> Errand<'a> {
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Has the token brought that was typed. The contents are the errand's own: those of the screen change.
    pub(super) fn add(
        typed: &Typed,
        contents: Contents,
        now_unix: &'a (dyn Fn() -> u64 + Sync),
    ) -> Self {
        let text = Zeroizing::new(typed.as_str().to_owned());
        Self(Some(Box::pin(async move {
            // A photograph takes a moment to be read.
            let offer = spawn_blocking(move || Offer::read(&text)).await;
            let offer = offer.map_err(|error| io::Error::other(error).into());
            match offer.and_then(|offer| offer) {
                Ok(Offer::Foreign(code)) => Outcome::Came(Ok(Arrival::Foreign(code))),
                Ok(Offer::Activation(source)) => asked_for(source, &contents, now_unix).await,
                Err(error) => Outcome::Came(Err(error)),
            }
        })))
    }

    /// Has the token brought whose token server the person believes now.
    pub(super) fn believe(
        stranger: Stranger,
        contents: Contents,
        now_unix: &'a (dyn Fn() -> u64 + Sync),
    ) -> Self {
        let Stranger { registry, order } = stranger;
        let order = Order {
            authority: Authority::New,
            ..order
        };
        Self(Some(Box::pin(async move {
            Outcome::Came(claimed(registry, order, &contents, now_unix).await)
        })))
    }

    /// Asks a token's gateway for something.
    pub(super) fn ask(token: TokenName, action: Action, contents: Contents) -> Self {
        Self(Some(Box::pin(async move {
            let answered = match contents.token(token.as_str()) {
                Ok(known) => ask(&contents, known, action).await,
                Err(error) => Err(error.into()),
            };
            Outcome::Answered(token, answered)
        })))
    }

    /// Waits for it, if there is one.
    pub(super) async fn done(&mut self) -> Outcome {
        match &mut self.0 {
            Some(errand) => {
                let outcome = errand.await;
                self.0 = None;
                outcome
            }
            None => std::future::pending().await,
        }
    }
}

async fn asked_for(
    source: Source,
    contents: &Contents,
    now_unix: &(dyn Fn() -> u64 + Sync),
) -> Outcome {
    let (registry, order) = match order_of(source, contents) {
        Ok(made) => made,
        Err(error) => return Outcome::Came(Err(error)),
    };
    match contents.known(registry.server()) {
        Err(ContentsError::OtherAuthority(_)) => {
            Outcome::Strange(Box::new(Stranger { registry, order }))
        }
        _ => Outcome::Came(claimed(registry, order, contents, now_unix).await),
    }
}

fn order_of(source: Source, contents: &Contents) -> Result<(Registry, Order), AppError> {
    let Source {
        code,
        link_secret,
        server,
    } = source;
    let server = server.map_or_else(|| typed_codes_server(contents), Ok)?;
    let order = Order {
        code,
        link_secret,
        name: None,
        authority: Authority::Known,
    };
    Ok((Registry::new(server)?, order))
}

async fn claimed(
    registry: Registry,
    order: Order,
    contents: &Contents,
    now_unix: &(dyn Fn() -> u64 + Sync),
) -> Result<Arrival, AppError> {
    let token = claim(contents, &registry, &order, now_unix).await?;
    Ok(Arrival::Sealed(Box::new(Sealed {
        registry,
        authority: order.authority,
        token,
    })))
}
