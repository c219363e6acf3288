//! Managers of gateways.

use anyhow::Result;
use clap::Subcommand;
use domain::audit::Actor;
use domain::licensing::AccountName;
use ident::ProductSerial;
use registry::Desk;
use serde_json::json;

use super::answer::Answer;
use super::command::{Why, account_name};
use crate::up::LOCAL_ACCOUNT;

#[derive(Debug, Subcommand)]
pub(super) enum ManagerCommand {
    /// Let a manager pass on what the gateways of a customer ask
    RegisterManager {
        /// The manager's serial, 16 characters
        serial: ProductSerial,
        /// Whose gateways it speaks for
        #[arg(long, default_value = LOCAL_ACCOUNT, value_parser = account_name)]
        account: AccountName,
    },
    /// Let a manager speak for itself alone
    DismissManager {
        /// The manager's serial
        serial: ProductSerial,
        #[command(flatten)]
        why: Why,
    },
}

impl ManagerCommand {
    /// The customer that it names.
    pub(super) fn account(&self) -> Option<&AccountName> {
        match self {
            Self::RegisterManager { account, .. } => Some(account),
            Self::DismissManager { .. } => None,
        }
    }

    pub(super) async fn carry_out(self, actor: Actor, desk: &Desk) -> Result<Answer> {
        match self {
            Self::RegisterManager { serial, account } => {
                desk.register_manager(actor, account.clone(), serial)
                    .await?;
                let text = format!(
                    "{serial} speaks for the gateways of \"{account}\"\nIts certificate needs a code: \
                     symbolon desk enrol {serial}\n"
                );
                let data = json!({ "manager": serial.as_str(), "account": account.as_str() });
                Ok(Answer::new(text, &data)?)
            }
            Self::DismissManager { serial, why } => {
                desk.dismiss_manager(actor, serial, why.reason).await?;
                let text = format!("{serial} speaks for no gateway any more\n");
                Ok(Answer::new(text, &json!({ "manager": serial.as_str() }))?)
            }
        }
    }
}
