//! Gateways' certificates.

use anyhow::Result;
use clap::Subcommand;
use domain::audit::Actor;
use domain::time::Span;
use ident::ProductSerial;
use registry::Desk;
use serde_json::json;

use super::answer::{Answer, moment};
use super::command::Why;

#[derive(Debug, Subcommand)]
pub(super) enum EnrolmentCommand {
    /// Make the code with which a gateway gets its certificate; it is shown this once
    Enrol {
        /// The gateway's serial
        serial: ProductSerial,
        /// Hours until which it must be used
        #[arg(long, default_value_t = 72, value_parser = clap::value_parser!(u16).range(1..=168))]
        valid_hours: u16,
    },
    /// End all certificates that a gateway has
    RevokeCertificates {
        /// The gateway's serial
        serial: ProductSerial,
        #[command(flatten)]
        why: Why,
    },
}

impl EnrolmentCommand {
    pub(super) async fn carry_out(self, actor: Actor, desk: &Desk) -> Result<Answer> {
        match self {
            Self::Enrol {
                serial,
                valid_hours,
            } => {
                let life = Span::from_hours(valid_hours.into());
                let (code, expires) = desk.invite(actor, serial, life).await?;
                let code = code.as_str();
                let text = format!(
                    "Gateway:      {serial}\nCode:         {code}   (shown this once)\n\
                     Valid until:  {expires}\n\nOn the gateway, with this server's ca.pem: symbolon \
                     enrol --server URL --ca ca.pem --identity FILE --code {code}\n"
                );
                let data = json!({
                    "product": serial.as_str(),
                    "code": code,
                    "valid_until": moment(expires),
                });
                Ok(Answer::new(text, &data)?)
            }
            Self::RevokeCertificates { serial, why } => {
                desk.revoke_certificates(actor, serial, why.reason).await?;
                let text = format!(
                    "no certificate of {serial} counts any more\nA new one needs a new code: \
                     symbolon desk enrol {serial}\n"
                );
                Ok(Answer::new(text, &json!({ "product": serial.as_str() }))?)
            }
        }
    }
}
