//! Tokens that are made ready for phones.

use cli::debug::Place;
use cli::render::Request as Asked;
use domain::admin::{Operation, Supplied};
use domain::time::Span;
use domain::token::ActivationLink;
use domain::vdom::Vdom;
use ident::TokenSerial;
use softtoken::Echo;
use softtoken::process::{ProvisionAnswer, ProvisionRequest, Request, Response, TokenToProvision};

use super::{AskError, Report, SOURCE, Supply, text};

impl Supply {
    pub(super) async fn provision(
        &self,
        id: i64,
        message_id: &str,
        tokens: &[TokenSerial],
    ) -> Result<Report, String> {
        let _phones = self.phones.lock().await;
        let lifetime = self.store.settings(Vdom::ROOT).code_lifetime;
        let code_expire_min = u32::try_from(lifetime.mins()).unwrap_or(u32::MAX);
        let wanted: Vec<TokenToProvision> = tokens
            .iter()
            .filter_map(|serial| {
                let verifier = self.store.verifier(*serial)?;
                self.debug.at(SOURCE, Place::PROVISION, || {
                    format!("provision token: {serial}")
                });
                Some(TokenToProvision {
                    token: Echo::from(*serial),
                    seed: verifier.seed,
                    code_expire_min,
                    parameters: verifier.parameters,
                })
            })
            .collect();
        let Some(first) = tokens.first().copied().filter(|_| !wanted.is_empty()) else {
            // The tokens were unassigned or deleted before the message left.
            self.store.settle(id).await.map_err(text)?;
            return Ok(Report::Postponed {
                asked: Asked::Provision,
                why: "the token needs no code any more".to_owned(),
            });
        };
        let product = self.server.product();
        let request = Request::Provision(ProvisionRequest {
            product,
            tokens: wanted,
        });
        let answer = self.server.ask(&request, Some(message_id)).await;
        let Response::Provision(answer) = answer.map_err(text)? else {
            return Err(text(AskError::Mismatched));
        };
        let mut supplied = Vec::new();
        let mut failed = answer.error.map(|error| (first, error));
        for ProvisionAnswer { token, outcome } in answer.tokens {
            let Ok(serial) = TokenSerial::parse(token.as_str()) else {
                continue;
            };
            match outcome {
                Ok(ready) => supplied.push(Supplied {
                    token: serial,
                    code: ready.code,
                    link: ActivationLink::new(ready.link.render().to_string()),
                    valid: Span::from_mins(i64::from(ready.code_expire_min)),
                }),
                Err(error) => failed = Some((serial, error)),
            }
        }
        if let Some((serial, error)) = failed {
            let (token, answer) = (serial, error.to_string().into());
            self.refused(id, &error, Operation::ProvisionRefused { token, answer })
                .await?;
            return Ok(Report::ServerRefused {
                token: Some(serial),
                error,
            });
        }
        let done = self
            .take_in(Operation::Provisioned(supplied), Some(id))
            .await?;
        self.nudge();
        Ok(Report::Provisioned {
            token: first,
            letter: done.messages.first().copied(),
        })
    }
}
