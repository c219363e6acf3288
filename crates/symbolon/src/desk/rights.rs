//! Who may what: the least role for each command, and whether it takes two under dual control. Declared
//! once.

use domain::licensing::{AccountName, RequestTerms, Role};

use super::agents::AgentCommand;
use super::command::{Command, Input};
use super::enrolment::EnrolmentCommand;
use super::hardware::HardwareCommand;
use super::requests::{RequestCommand, VerdictCommand};
use super::reserves::ReserveCommand;
use super::tickets::TicketCommand;

/// What a command takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Right {
    /// The least role that may.
    pub(super) role: Role,
    /// Whether another agent has a say.
    pub(super) approval: Approval,
    /// Whether agents of one customer may.
    pub(super) own_use: OwnUse,
}

/// Whether agents of one customer may, too, of what is the customer's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OwnUse {
    /// Only agents of the desk.
    Closed,
    /// They, too: what they see of it is bounded by [`domain::licensing::Sight`].
    Open,
}

/// Whether another agent has a say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Approval {
    /// None.
    Unneeded,
    /// Under dual control another agent has to approve: it gives something away, or takes it for good.
    DualControl,
}

/// One agent is enough.
const fn alone(role: Role) -> Right {
    Right {
        role,
        approval: Approval::Unneeded,
        own_use: OwnUse::Closed,
    }
}

/// One agent is enough, also one of the customer whose it is.
const fn own(role: Role) -> Right {
    Right {
        own_use: OwnUse::Open,
        ..alone(role)
    }
}

/// Under dual control there have to be two.
const fn together(role: Role) -> Right {
    Right {
        role,
        approval: Approval::DualControl,
        own_use: OwnUse::Closed,
    }
}

impl Input {
    /// What it takes.
    pub(super) fn right(&self) -> Right {
        match self {
            Self::Command(command) => command.right(),
            // And what the command in the request takes.
            Self::Verdict(VerdictCommand::Approve { .. } | VerdictCommand::Reject { .. }) => {
                alone(Role::Agent)
            }
        }
    }
}

impl Command {
    /// What it takes where it waits for another agent.
    pub(super) fn terms(&self) -> RequestTerms {
        let about = match self {
            Self::Agents(command) => command.about().cloned(),
            _ => None,
        };
        RequestTerms {
            role: self.right().role,
            about,
            accounts: self.accounts().into_iter().cloned().collect(),
        }
    }

    /// The customers that a command names which may wait for another agent.
    fn accounts(&self) -> Vec<&AccountName> {
        match self {
            Self::IssueLicence(licence) => vec![&licence.account],
            Self::RenameAccount { from, to } => vec![from, to],
            Self::RegisterProduct { account, .. } => vec![account],
            Self::Managers(command) => command.account().into_iter().collect(),
            Self::Hardware(command) => command.accounts().collect(),
            Self::Agents(command) => command.account().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// What it takes.
    pub(super) fn right(&self) -> Right {
        match self {
            Self::ListAccounts { .. }
            | Self::Look { .. }
            | Self::Account { .. }
            | Self::Show { .. }
            | Self::History { .. } => own(Role::Read),
            Self::RegisterAccount { .. } | Self::LockToken { .. } | Self::UnlockToken { .. } => {
                alone(Role::Agent)
            }
            // A unit that was taken off the register speaks for the customer again, with the certificate that it has.
            // The last may make a code without being asked to: that of a licence that has expired.
            Self::RegisterProduct { .. }
            | Self::IssueLicence(_)
            | Self::MoveLicence { .. }
            | Self::ResetImport { .. }
            | Self::RenewLicence { .. } => together(Role::Agent),
            // Who gets another one's name gets what is meant for them, and a serial that is registered anew can
            // become another customer's. The last gives what one manager reads of all gateways, or takes it
            // from them.
            Self::RenameAccount { .. }
            | Self::UnregisterProduct { .. }
            | Self::ReplaceUnit { .. }
            | Self::RevokeLicence { .. }
            | Self::Managers(_) => together(Role::Manager),
            Self::Hardware(command) => command.right(),
            Self::Enrolment(command) => command.right(),
            Self::Reserves(command) => command.right(),
            Self::Tickets(command) => command.right(),
            Self::Agents(command) => command.right(),
            Self::Requests(command) => command.right(),
        }
    }
}

impl HardwareCommand {
    fn right(&self) -> Right {
        match self {
            // It takes what is a customer's.
            Self::ImportHardware(import) if import.is_transfer() => together(Role::Agent),
            Self::ImportHardware(_) => alone(Role::Agent),
            Self::ListHardware { .. } => own(Role::Read),
            Self::ResetActivation { .. } => together(Role::Agent),
        }
    }
}

impl EnrolmentCommand {
    fn right(&self) -> Right {
        match self {
            Self::Enrol { .. } => together(Role::Agent),
            Self::RevokeCertificates { .. } => together(Role::Manager),
        }
    }
}

impl ReserveCommand {
    fn right(&self) -> Right {
        match self {
            Self::Reserve { .. } => alone(Role::Read),
            // What is in it says which gateways the customer has.
            Self::ReserveFile { .. } | Self::Settle { .. } => alone(Role::Agent),
            // The last two let be given out what may have been.
            Self::SetAside { .. }
            | Self::TakeBack { .. }
            | Self::NameOwner { .. }
            | Self::ConfirmRecord { .. } => together(Role::Agent),
        }
    }
}

impl TicketCommand {
    fn right(&self) -> Right {
        match self {
            Self::Ticket { .. } | Self::ListTickets { .. } => own(Role::Read),
            Self::OpenTicket(_) => own(Role::Agent),
            Self::CloseTicket { .. } => alone(Role::Agent),
        }
    }
}

impl AgentCommand {
    fn right(&self) -> Right {
        match self {
            Self::ListAgents => alone(Role::Manager),
            Self::AddAgent { .. }
            | Self::CertifyAgent { .. }
            | Self::SetAgentRole { .. }
            | Self::RevokeAgent { .. } => together(Role::Manager),
        }
    }
}

impl RequestCommand {
    fn right(&self) -> Right {
        match self {
            Self::ListRequests { .. } | Self::Request { .. } | Self::Settings => alone(Role::Read),
            Self::Set { .. } => together(Role::Manager),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Subcommand;
    use domain::licensing::Post;

    use super::*;
    use crate::desk::parsed;

    const MANUAL: &str = include_str!("../../../../docs/desk.md");

    /// Whether the manual says that a command takes two agents under dual control.
    fn is_documented_for_two(command: &str) -> bool {
        let row = MANUAL
            .lines()
            .find(|row| row.starts_with("| `dual-control` |"));
        row.unwrap().contains(&format!("`{command}`"))
    }

    /// The least role for a command, as the manual says.
    fn documented(command: &str) -> Option<Role> {
        let mut rows = MANUAL
            .lines()
            .filter(|row| row.contains(&format!("`{command}`")))
            .filter_map(|row| row.strip_prefix("| `"));
        rows.find_map(|row| row.split('`').next()?.parse().ok())
    }

    /// Whether the manual says that agents of one customer may.
    fn is_documented_for_own_use(command: &str) -> bool {
        let row = MANUAL.lines().find(|row| row.starts_with("| `account` |"));
        row.unwrap().contains(&format!("`{command}`"))
    }

    /// Words of a command, each of its arguments among them that has to be there.
    fn words(command: &clap::Command) -> Vec<String> {
        let mut words = vec!["desk".to_owned(), command.get_name().to_owned()];
        for argument in command.get_arguments() {
            let value = match argument.get_id().as_str() {
                "serial" if command.get_name().ends_with("-token") => "FTKMOB83F91CD33B",
                "serial" if command.get_name() == "reset-activation" => "FTK2000BHV1KRZCC",
                "serial" | "old" | "new" | "manager" => "FGT0000000000001",
                "to" if argument.get_long().is_some() => "FGT0000000000002",
                "licence" => "EFTM000000000001",
                "role" => Post::ACCOUNT,
                "ticket" | "request" if argument.get_long().is_none() => "1",
                "setting" => "dual-control",
                "value" => "enable",
                "request" => "carol.csr",
                _ => "a",
            };
            match argument.get_long() {
                None => words.push(value.to_owned()),
                Some(
                    long @ ("request" | "role" | "reason" | "to" | "old" | "new" | "account"
                    | "manager"),
                ) => {
                    words.push(format!("--{long}={value}"));
                }
                Some(_) => {}
            }
        }
        words
    }

    #[test]
    fn tokens_of_a_customer_take_two() {
        let words = |options: &str| {
            let typed = format!("desk import-hardware serials.txt {options}");
            let words: Vec<_> = typed.split_whitespace().map(str::to_owned).collect();
            parsed(&words).unwrap().right()
        };
        assert_eq!(words("--account=a"), alone(Role::Agent));
        assert_eq!(words("--account=a --from=b"), together(Role::Agent));
        assert!(is_documented_for_two("import-hardware --from"));
    }

    #[test]
    fn the_customers_that_a_request_names_are_known() {
        let desk = Input::augment_subcommands(clap::Command::new("desk"));
        let mut found = 0;
        for declared in desk.get_subcommands() {
            let words = words(declared);
            let named = words.iter().filter(|word| {
                word.as_str() == "--account=a"
                    || declared.get_name() == "rename-account" && *word == "a"
            });
            let Input::Command(command) = parsed(&words).unwrap() else {
                continue;
            };
            if command.right().approval == Approval::DualControl {
                let named = named.count();
                assert_eq!(command.terms().accounts.len(), named, "{words:?}");
                found += named;
            }
        }
        assert!(found >= 4, "{found}");
    }

    #[test]
    fn the_manual_says_who_may_what() {
        let desk = Input::augment_subcommands(clap::Command::new("desk"));
        for declared in desk.get_subcommands() {
            let right = parsed(&words(declared)).unwrap().right();
            let name = declared.get_name();
            assert_eq!(documented(name), Some(right.role), "{name}");
            let for_two = right.approval == Approval::DualControl;
            assert_eq!(is_documented_for_two(name), for_two, "{name}");
            let own_use = right.own_use == OwnUse::Open;
            assert_eq!(is_documented_for_own_use(name), own_use, "{name}");
        }
    }
}
