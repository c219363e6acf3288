//! Licences that are imported.

use domain::admin::{Operation, Remark};
use domain::vdom::Vdom;
use ident::{LicenceCode, TokenSerial};
use softtoken::TypedLicenceCode;
use softtoken::process::{ActivationLicenseRequest, Request, Response};
use store::gateway::Waiting;
use tracing::info;

use super::question::Asking;
use super::{AskError, Report, Supply, text};

impl Supply {
    pub(super) async fn activate(
        &self,
        waiting: &Waiting,
        vdom: Vdom,
        code: &LicenceCode,
    ) -> Result<Report, String> {
        let id = waiting.id;
        let product = self.server.product().await.map_err(text)?;
        let request = || {
            Request::ActivationLicense(ActivationLicenseRequest {
                code: TypedLicenceCode::from(code),
                product,
            })
        };
        let answer = self.ask_once(Asking::of(waiting), request).await?;
        let Response::ActivationLicense(answer) = answer else {
            return Err(text(AskError::Mismatched));
        };
        match answer.outcome {
            Ok(licence) => {
                let (serial, tokens) = (licence.serial, licence.tokens.len());
                let operation = Operation::Imported {
                    vdom,
                    licence: licence.serial,
                    tokens: licence.tokens,
                };
                let done = self.take_in(operation, [id]).await?;
                let elsewhere: Vec<TokenSerial> =
                    done.remarks.iter().filter_map(elsewhere).collect();
                let is_here = |remark: &&Remark| matches!(remark, Remark::Here(_));
                let known = done.remarks.iter().filter(is_here).count();
                let tokens = tokens.saturating_sub(elsewhere.len() + known);
                info!(licence = %serial, tokens, "licence imported");
                Ok(Report::Imported {
                    licence: serial,
                    tokens,
                    known,
                    elsewhere,
                })
            }
            Err(error) => {
                let answer = error.to_string().into();
                self.refused(id, &error, Operation::ImportRefused { vdom, answer })
                    .await?;
                Ok(Report::ServerRefused { token: None, error })
            }
        }
    }
}

/// The token that a remark says another virtual domain has.
fn elsewhere(remark: &Remark) -> Option<TokenSerial> {
    match remark {
        Remark::Elsewhere(token) => Some(*token),
        _ => None,
    }
}
