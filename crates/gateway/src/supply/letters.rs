//! Activation codes on their way to people.

use std::sync::Arc;

use domain::admin::{Delivery, Operation, Owned};
use domain::contact::Address;
use domain::settings::PushSettings;
use domain::token::Stage;
use domain::transfer::{Transfer, stands};
use domain::vdom::Vdom;
use ident::TokenSerial;
use tracing::warn;

use super::{Report, Supply, text};
use crate::clock;
use crate::delivery::{Activation, CourierError, Matter};

impl Supply {
    /// Whether a server is configured that carries to this address.
    pub(crate) async fn reaches(&self, to: &Address) -> Result<(), CourierError> {
        self.courier.reaches(to).await
    }

    /// Has an activation code carried to its person.
    pub(super) async fn hand_over(
        &self,
        id: i64,
        serial: TokenSerial,
        user: &str,
        to: Address,
        attempts: u32,
    ) -> Result<Report, String> {
        let owned = self.store.token(serial).await.map_err(text)?;
        let language = owned
            .as_ref()
            .and_then(|owned| owned.owner.as_ref()?.contact.language);
        let push = Arc::clone(&self.store.settings(Vdom::ROOT).push);
        let matter = owned.as_ref().and_then(|owned| matter(owned, user, &push));
        let Some(matter) = matter else {
            // Activated, unassigned or expired meanwhile, or on its way to somebody else: this code is of no use.
            self.store.settle(id).await.map_err(text)?;
            return Ok(Report::NotSent {
                token: serial,
                why: "the code is no longer valid".into(),
            });
        };
        match self.courier.carry(&to, language, &matter).await {
            Ok(()) => {
                let sent = Delivery::Sent {
                    to: to.as_str().into(),
                };
                self.take_in(delivered(serial, sent), [id]).await?;
                Ok(Report::Sent { to })
            }
            Err(error) if error.is_transient(attempts) => Err(error.to_string()),
            Err(error) => {
                if !error.is_unconfigured() {
                    warn!(token = %serial, %error, "an activation code is not sent");
                }
                let why = error.to_string().into();
                self.take_in(delivered(serial, Delivery::Failed { why }), [id])
                    .await?;
                Ok(Report::NotSent {
                    token: serial,
                    why: error.to_string(),
                })
            }
        }
    }

    /// Has a person told that a token is on another phone.
    pub(super) async fn notify(
        &self,
        id: i64,
        token: TokenSerial,
        user: &str,
        to: Address,
        attempts: u32,
    ) -> Result<Report, String> {
        let owned = self.store.token(token).await.map_err(text)?;
        let language = owned.and_then(|owned| owned.owner?.contact.language);
        let carried = self
            .courier
            .carry(&to, language, &Matter::Moved(user))
            .await;
        let failure = match carried {
            Err(error) if error.is_transient(attempts) => return Err(error.to_string()),
            Err(error) => Some(error),
            Ok(()) => None,
        };
        self.store.settle(id).await.map_err(text)?;
        Ok(match failure {
            None => Report::Sent { to },
            Some(error) => {
                warn!(%token, %error, "that a token is on another phone is not told");
                let why = error.to_string();
                Report::NotSent { token, why }
            }
        })
    }
}

/// What an owner is told of the code that waits, if one does and may go where its transfer was begun for.
fn matter<'a>(owned: &'a Owned, user: &'a str, push: &PushSettings) -> Option<Matter<'a>> {
    let waiting = owned.token.waiting_code()?;
    if waiting.expires <= clock::now() {
        return None;
    }
    let begun = owned.token.transfer().and_then(Transfer::begun);
    begun
        .map_or(Ok(()), |begun| stands(owned, begun, push))
        .ok()?;
    let activation = Activation {
        user,
        code: waiting.code.as_str(),
        link: waiting.link.as_str(),
        expires: waiting.expires,
    };
    Some(match owned.token.stage {
        Stage::Provisioned(_) => Matter::Transfer(activation),
        _ => Matter::Activation(activation),
    })
}

fn delivered(token: TokenSerial, delivery: Delivery) -> Operation {
    Operation::Delivered { token, delivery }
}
