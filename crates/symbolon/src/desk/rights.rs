//! Who may what: the least role for each command, declared once.

use domain::licensing::Role;

use super::agents::AgentCommand;
use super::command::Command;
use super::enrolment::EnrolmentCommand;
use super::hardware::HardwareCommand;
use super::tickets::TicketCommand;

impl Command {
    /// The least role that may.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::ListAccounts { .. }
            | Self::Look { .. }
            | Self::Account { .. }
            | Self::Show { .. }
            | Self::History { .. }
            | Self::Tickets(TicketCommand::Ticket { .. } | TicketCommand::ListTickets { .. }) => {
                Role::Read
            }
            Self::RegisterAccount { .. }
            | Self::RegisterProduct { .. }
            | Self::IssueLicence(_)
            | Self::MoveLicence { .. }
            | Self::RenewLicence { .. }
            | Self::LockToken { .. }
            | Self::UnlockToken { .. }
            | Self::Hardware(
                HardwareCommand::ImportHardware(_) | HardwareCommand::ResetActivation { .. },
            )
            | Self::Enrolment(EnrolmentCommand::Enrol { .. })
            | Self::Tickets(TicketCommand::OpenTicket(_) | TicketCommand::CloseTicket { .. }) => {
                Role::Agent
            }
            Self::RenameAccount { .. }
            | Self::UnregisterProduct { .. }
            | Self::ReplaceUnit { .. }
            | Self::RevokeLicence { .. }
            | Self::Enrolment(EnrolmentCommand::RevokeCertificates { .. })
            | Self::Agents(
                AgentCommand::AddAgent { .. }
                | AgentCommand::CertifyAgent { .. }
                | AgentCommand::SetAgentRole { .. }
                | AgentCommand::RevokeAgent { .. }
                | AgentCommand::ListAgents,
            ) => Role::Manager,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Subcommand;

    use super::*;
    use crate::desk::parsed;

    const MANUAL: &str = include_str!("../../../../docs/desk.md");

    /// The least role for a command, as the manual says.
    fn documented(command: &str) -> Option<Role> {
        let mut rows = MANUAL
            .lines()
            .filter(|row| row.contains(&format!("`{command}`")))
            .filter_map(|row| row.strip_prefix("| `"));
        rows.find_map(|row| row.split('`').next()?.parse().ok())
    }

    /// Words of a command, each of its arguments among them that has to be there.
    fn words(command: &clap::Command) -> Vec<String> {
        let mut words = vec!["desk".to_owned(), command.get_name().to_owned()];
        for argument in command.get_arguments() {
            let value = match argument.get_id().as_str() {
                "serial" if command.get_name().ends_with("-token") => "FTKMOB83F91CD33B",
                "serial" if command.get_name() == "reset-activation" => "FTK2000BHV1KRZCC",
                "serial" | "old" | "new" => "FGT0000000000001",
                "to" if argument.get_long().is_some() => "FGT0000000000002",
                "licence" => "EFTM000000000001",
                "role" => "read",
                "ticket" => "1",
                "request" => "carol.csr",
                _ => "a",
            };
            match argument.get_long() {
                None => words.push(value.to_owned()),
                Some(long @ ("request" | "role" | "reason" | "to" | "old" | "new" | "account")) => {
                    words.push(format!("--{long}={value}"));
                }
                Some(_) => {}
            }
        }
        words
    }

    #[test]
    fn the_manual_says_who_may_what() {
        let desk = Command::augment_subcommands(clap::Command::new("desk"));
        for declared in desk.get_subcommands() {
            let command = parsed(words(declared)).unwrap();
            let name = declared.get_name();
            assert_eq!(documented(name), Some(command.role()), "{name}");
        }
    }
}
