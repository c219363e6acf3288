//! Activation codes on their way to people.

use domain::admin::{Delivery, Operation};
use domain::contact::Address;
use domain::token::Stage;
use ident::TokenSerial;
use tracing::warn;

use super::{Report, Supply, text};
use crate::clock;
use crate::delivery::{Activation, Matter};

impl Supply {
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
        let waiting = match owned.map(|owned| owned.token.stage) {
            Some(Stage::Provisioning(waiting)) if waiting.expires > clock::now() => waiting,
            // Activated, unassigned or expired meanwhile: this code is of no use.
            _ => {
                self.store.settle(id).await.map_err(text)?;
                return Ok(Report::NotSent {
                    token: serial,
                    why: "the code is no longer valid".into(),
                });
            }
        };
        let activation = Activation {
            user,
            code: waiting.code.as_str(),
            link: waiting.link.as_str(),
            expires: &waiting.expires.to_string(),
        };
        match self
            .courier
            .carry(&to, language, &Matter::Activation(activation))
            .await
        {
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
}

fn delivered(token: TokenSerial, delivery: Delivery) -> Operation {
    Operation::Delivered { token, delivery }
}
