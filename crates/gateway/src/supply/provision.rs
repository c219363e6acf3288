//! Tokens that are made ready for phones.

use std::collections::{HashMap, HashSet};

use cli::debug::Place;
use cli::render::{Delay, Request as Asked};
use domain::admin::{Operation, Supplied};
use domain::time::Span;
use domain::token::ActivationLink;
use domain::transfer;
use domain::vdom::Vdom;
use ident::TokenSerial;
use softtoken::process::{
    ProvisionAnswer, ProvisionRequest, ProvisionResponse, Request, Response, TokenToProvision,
};
use softtoken::{Echo, WireError};
use store::Undecided;
use store::gateway::{Holder, Waiting};

use super::question::Asking;
use super::{AskError, Report, SOURCE, Supply, text};

impl Supply {
    pub(super) async fn provision(
        &self,
        waiting: &Waiting,
        tokens: &[TokenSerial],
    ) -> Result<Report, String> {
        let _phones = self.phones.lock().await;
        let id = waiting.id;
        let wanted = self.wanted(tokens).await?;
        let Some(first) = tokens.first().copied().filter(|_| !wanted.is_empty()) else {
            return self.not_wanted(id).await.map_err(text);
        };
        let answer = self.ask_provision(wanted, Asking::of(waiting)).await?;
        let mut supplied = Vec::new();
        let mut failed = answer.error.map(|error| (first, error));
        for (serial, outcome) in answer.tokens.into_iter().filter_map(read) {
            match outcome {
                Ok(ready) => supplied.push(ready),
                Err(error) => failed = Some((serial, error)),
            }
        }
        if let Some((serial, error)) = failed {
            return self.provision_refused(id, serial, error).await;
        }
        let done = self.take_in(Operation::Provisioned(supplied), [id]).await?;
        self.nudge();
        Ok(Report::Provisioned {
            token: first,
            letter: done.messages.first().copied(),
        })
    }

    /// One question about all, and one transaction for all that are ready.
    pub(super) async fn provision_all(
        &self,
        asking: Asking<'_>,
        numbered: &[(i64, TokenSerial)],
    ) -> Result<Vec<(i64, Report)>, String> {
        let _phones = self.phones.lock().await;
        let serials: Vec<TokenSerial> = numbered.iter().map(|(_, serial)| *serial).collect();
        let wanted = self.wanted(&serials).await?;
        let asked: HashSet<TokenSerial> = wanted.iter().filter_map(|it| it.serial().ok()).collect();
        let (mut answers, mut whole) = (HashMap::new(), None);
        if !wanted.is_empty() {
            let answer = self.ask_provision(wanted, asking).await?;
            answers = answer.tokens.into_iter().filter_map(read).collect();
            whole = answer.error;
        }
        let (mut supplied, mut settled, mut reports) = (Vec::new(), Vec::new(), Vec::new());
        for &(id, serial) in numbered {
            let refusal = || whole.clone().map(Err).filter(|_| asked.contains(&serial));
            match answers.remove(&serial).or_else(refusal) {
                None if asked.contains(&serial) => return Err(text(AskError::Mismatched)),
                None => reports.push((id, self.not_wanted(id).await.map_err(text)?)),
                Some(Err(error)) => {
                    reports.push((id, self.provision_refused(id, serial, error).await?));
                }
                Some(Ok(ready)) => {
                    supplied.push(ready);
                    settled.push(id);
                    let (token, letter) = (serial, None);
                    reports.push((id, Report::Provisioned { token, letter }));
                }
            }
        }
        self.take_in(Operation::Provisioned(supplied), settled)
            .await?;
        self.nudge();
        Ok(reports)
    }

    /// Whether one of the tokens has a seed that a phone is to get.
    pub(super) async fn is_wanted(&self, tokens: &[TokenSerial]) -> Result<bool, Undecided> {
        for &serial in tokens {
            if self.store.to_provision(serial).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn wanted(&self, tokens: &[TokenSerial]) -> Result<Vec<TokenToProvision>, String> {
        let settings = self.store.settings(Vdom::ROOT);
        let mut wanted = Vec::with_capacity(tokens.len());
        for &serial in tokens {
            let Some(next) = self.store.to_provision(serial).await.map_err(text)? else {
                continue;
            };
            self.debug.at(SOURCE, Place::PROVISION, || {
                format!("provision token: {serial}")
            });
            let lifetime = match next.holder {
                Holder::Nobody => settings.code_lifetime,
                Holder::Phone => settings.code_lifetime.min(transfer::LIFETIME),
            };
            wanted.push(TokenToProvision {
                token: Echo::from(serial),
                seed: next.seed,
                code_expire_min: u32::try_from(lifetime.mins()).unwrap_or(u32::MAX),
                parameters: next.parameters,
                pin_policy: settings.pin_policy,
            });
        }
        Ok(wanted)
    }

    async fn ask_provision(
        &self,
        tokens: Vec<TokenToProvision>,
        asking: Asking<'_>,
    ) -> Result<ProvisionResponse, String> {
        let product = self.server.product().await.map_err(text)?;
        let request = || Request::Provision(ProvisionRequest { product, tokens });
        match self.ask_once(asking, request).await? {
            Response::Provision(answer) => Ok(answer),
            _ => Err(text(AskError::Mismatched)),
        }
    }

    /// The token was unassigned or deleted before the message left.
    pub(super) async fn not_wanted(&self, id: i64) -> Result<Report, Undecided> {
        self.store.settle(id).await?;
        Ok(Report::Postponed {
            asked: Asked::Provision,
            delay: Delay::NotServed,
            why: "the token needs no code any more".to_owned(),
        })
    }

    async fn provision_refused(
        &self,
        id: i64,
        serial: TokenSerial,
        error: WireError,
    ) -> Result<Report, String> {
        let (token, answer) = (serial, error.to_string().into());
        self.refused(id, &error, Operation::ProvisionRefused { token, answer })
            .await?;
        Ok(Report::ServerRefused {
            token: Some(serial),
            error,
        })
    }
}

fn read(answer: ProvisionAnswer) -> Option<(TokenSerial, Result<Supplied, WireError>)> {
    let token = TokenSerial::parse(answer.token.as_str()).ok()?;
    let outcome = answer.outcome.map(|ready| Supplied {
        token,
        code: ready.code,
        link: ActivationLink::new(ready.link.render().to_string()),
        valid: Span::from_mins(i64::from(ready.code_expire_min)),
    });
    Some((token, outcome))
}
