//! What this administrator sees and may do at the command line.

use domain::access::{Area, Authority, Realms, Right, Rights, Word};
use domain::schema::Table;
use domain::vdom::Vdom;

use crate::complaint::Complaint;
use crate::tree::certificate::CertificateWord;
use crate::tree::recovery::RecoveryWord;
use crate::tree::{Act, Keeping, Log, Moving, Node, REPORTS, Verb};

/// What an administrator may do, as far as a session has to know.
#[derive(Clone, Debug)]
pub(crate) struct Permission {
    profile: Box<str>,
    rights: Rights,
    realms: Realms,
}

impl From<&Authority> for Permission {
    fn from(authority: &Authority) -> Self {
        Self {
            profile: authority.profile.name.clone(),
            rights: authority.rights(),
            realms: authority.realms.clone(),
        }
    }
}

/// What a command takes besides its first word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Needs {
    Nothing,
    /// A right in this area.
    Area(Area, Right),
    /// The same in the unit as a whole: what is told or done there is of no one virtual domain.
    AreaOfUnit(Area, Right),
    /// A right in the area of the table at hand.
    Table(Right),
    /// To see all areas.
    Everything,
    /// To see all areas of all virtual domains, as debug lines tell of them.
    Unit,
    /// To take secrets out of the unit so that they open elsewhere.
    SecretsOut,
}

fn needs(verb: Verb) -> Needs {
    match verb {
        Verb::Next | Verb::End | Verb::Abort | Verb::Exit | Verb::SystemStatus => Needs::Nothing,
        Verb::Config | Verb::Child | Verb::Edit | Verb::List(_) => Needs::Table(Right::Read),
        Verb::Delete
        | Verb::Purge
        | Verb::Rename
        | Verb::Move
        | Verb::Clone
        | Verb::Set
        | Verb::Unset
        | Verb::Append
        | Verb::Unselect => Needs::Table(Right::ReadWrite),
        Verb::Import
        | Verb::Provision
        | Verb::Renew
        | Verb::SendActivation
        | Verb::Poll
        | Verb::Sync
        | Verb::ActivateTokens
        | Verb::TakeIn(_)
        | Verb::MoveTokens(Moving::Request | Moving::Import)
        | Verb::TestAuthserver(_)
        | Verb::TestLogin
        | Verb::Unlock => Needs::Area(Area::Authentication, Right::ReadWrite),
        Verb::MoveTokens(Moving::Export) => Needs::SecretsOut,
        Verb::TokenInfo
        | Verb::TestToken
        | Verb::CheckLogin
        | Verb::LoginsOfAnyone
        | Verb::LoginsOfUser
        | Verb::LoginsOfClient
        | Verb::LastLogins
        | Verb::Outbox
        | Verb::Deliveries => Needs::Area(Area::Authentication, Right::Read),
        Verb::Debug(_) | Verb::DebugLevel(_) | Verb::DebugCli | Verb::DebugInfo => Needs::Unit,
        Verb::Log(log) => needs_of_log(log),
        Verb::Keep(keeping) => needs_to_keep(keeping),
        Verb::Act(act) => needs_to_act(act),
    }
}

fn needs_of_log(log: Log) -> Needs {
    match log {
        Log::Category
        | Log::Device(_)
        | Log::Field(_)
        | Log::FreeStyle
        | Log::StartLine
        | Log::ViewLines
        | Log::MaxCheckLines
        | Log::Reset
        | Log::Dump
        | Log::Display => Needs::Area(Area::Log, Right::Read),
        // There is one chain of events, whoever is shown which of them.
        Log::Verify => Needs::AreaOfUnit(Area::Log, Right::Read),
        Log::Delete | Log::DeleteAll => Needs::Area(Area::Log, Right::ReadWrite),
    }
}

/// What is put away has all areas in it. What is taken back is judged entry by entry.
fn needs_to_keep(keeping: Keeping) -> Needs {
    match keeping {
        Keeping::Backup(..) => Needs::Everything,
        Keeping::Revisions => Needs::Area(Area::System, Right::Read),
        Keeping::Restore(_) | Keeping::RemoveRevision => {
            Needs::Area(Area::System, Right::ReadWrite)
        }
    }
}

fn needs_to_act(act: Act) -> Needs {
    match act {
        Act::Time | Act::Date | Act::Administrator => Needs::Nothing,
        Act::Administrators | Act::Sessions => Needs::Area(Area::Administrators, Right::Read),
        Act::EndSession => Needs::Area(Area::Administrators, Right::ReadWrite),
        Act::RadiusClients
        | Act::RadiusName
        | Act::VerificationGuesses
        | Act::Recovery(RecoveryWord::List) => Needs::Area(Area::Authentication, Right::Read),
        // Whoever guesses there has come to the unit, whatever was named.
        Act::ForgetGuesses => Needs::AreaOfUnit(Area::Authentication, Right::ReadWrite),
        Act::TokenServerTest => Needs::AreaOfUnit(Area::Authentication, Right::Read),
        Act::Ping(_)
        | Act::PingOption(_)
        | Act::PingReset
        | Act::PingSettings
        | Act::Telnet
        | Act::Performance
        | Act::Security
        | Act::Certificate(CertificateWord::Details | CertificateWord::Export)
        | Act::TimeServers => Needs::Area(Area::System, Right::Read),
        Act::ResetAuthenticator | Act::Recovery(_) => {
            Needs::Area(Area::Authentication, Right::ReadWrite)
        }
        Act::End(_) | Act::Certificate(_) => Needs::Area(Area::System, Right::ReadWrite),
    }
}

impl Permission {
    /// Whether anything may be changed at all.
    pub(crate) fn writes(&self) -> bool {
        self.rights.write()
    }

    /// What may be done, area by area.
    pub(crate) fn rights(&self) -> Rights {
        self.rights
    }

    /// Whether a table is shown.
    pub(crate) fn sees(&self, table: &Table) -> bool {
        self.rights.on(table.area) >= Right::Read
    }

    /// The virtual domains in which the administrator works, if there are others.
    pub(crate) fn own_vdoms(&self) -> Option<Vec<Box<str>>> {
        match &self.realms {
            Realms::All => None,
            Realms::These(vdoms) => Some(vdoms.iter().map(|vdom| vdom.as_str().into()).collect()),
        }
    }

    /// Where a session stands that may not stand at the top.
    pub(crate) fn home(&self) -> Option<Vdom> {
        match &self.realms {
            Realms::All => None,
            Realms::These(vdoms) => vdoms.first().copied(),
        }
    }

    /// Whether a virtual domain is the administrator's.
    pub(crate) fn works_in(&self, vdom: Vdom) -> bool {
        self.realms.contain(vdom)
    }

    /// Refuses a virtual domain that is not the administrator's.
    pub(crate) fn enter(&self, vdom: Vdom) -> Result<(), Complaint> {
        if self.works_in(vdom) {
            return Ok(());
        }
        Err(Complaint::denied(
            "it is none of your virtual domains; who may change administrators adds it: \
             config system admin / edit NAME / append vdom",
        ))
    }

    /// Refuses the unit as a whole to who has some virtual domains of it.
    pub(crate) fn enter_unit(&self) -> Result<(), Complaint> {
        if self.home().is_none() {
            return Ok(());
        }
        Err(Complaint::denied(
            "you work in virtual domains: what the unit has once is not yours",
        ))
    }

    /// Refuses a backup whose secrets open elsewhere to whoever may not take them there.
    pub(crate) fn back_up_for_others(&self) -> Result<(), Complaint> {
        self.take_secrets_out().map_err(|missing| {
            Complaint::denied(format!(
                "a password opens the secrets of a backup on any unit: {missing}; without one they open on \
                 this unit alone"
            ))
        })
    }

    /// Or what is missing for it.
    fn take_secrets_out(&self) -> Result<(), String> {
        if self.rights.take_secrets_out() {
            return Ok(());
        }
        Err(self.missing(Area::Administrators, Right::ReadWrite))
    }

    /// Refuses a command that begins with this word, of which `table` is the table at hand or named.
    pub(crate) fn check(
        &self,
        first: &str,
        verb: Verb,
        table: Option<&Table>,
    ) -> Result<(), Complaint> {
        let profile = &self.profile;
        if let Some(word) = Word::of(first).filter(|word| !self.rights.permit(*word)) {
            let field = word.field();
            return Err(Complaint::denied(format!(
                "{field} is disabled in your access profile '{profile}'"
            )));
        }
        let (area, right) = match (needs(verb), table) {
            (Needs::Unit | Needs::AreaOfUnit(..), _) if self.home().is_some() => {
                return self.enter_unit();
            }
            (Needs::Area(area, right) | Needs::AreaOfUnit(area, right), _) => (area, right),
            (Needs::Table(right), Some(table)) => (table.area, right),
            (Needs::Everything | Needs::Unit, _) => (self.darkest(), Right::Read),
            (Needs::SecretsOut, _) => {
                let taken = self.take_secrets_out();
                return taken.map_err(|missing| {
                    Complaint::denied(format!("the tokens' seeds leave this unit: {missing}"))
                });
            }
            (Needs::Nothing, _) | (Needs::Table(_), None) => return Ok(()),
        };
        if self.rights.on(area) >= right {
            return Ok(());
        }
        Err(Complaint::denied(self.missing(area, right)))
    }

    /// The area in which least may be done.
    fn darkest(&self) -> Area {
        let areas = [
            Area::Authentication,
            Area::System,
            Area::Log,
            Area::Administrators,
        ];
        let least = areas.into_iter().min_by_key(|area| self.rights.on(*area));
        least.unwrap_or(Area::Administrators)
    }

    fn missing(&self, area: Area, right: Right) -> String {
        let profile = &self.profile;
        let (group, wanted) = match (area, right) {
            (Area::Administrators, Right::ReadWrite) => {
                return format!("only super_admin may do this; your access profile is '{profile}'");
            }
            (area, Right::ReadWrite) => (area.group(), "read-write"),
            (area, Right::Read | Right::None) => (area.group(), "read"),
        };
        format!("it takes '{group} {wanted}', and your access profile '{profile}' has less")
    }

    /// Whether a word is offered that leads to this node, with `table` at hand.
    pub(crate) fn offers(&self, node: &Node, is_first: bool, table: Option<&Table>) -> bool {
        let first = if is_first { node.word } else { "" };
        let may = |verb| self.check(first, verb, table).is_ok();
        let leads_on = || {
            node.words
                .iter()
                .any(|node| self.offers(node, false, table))
        };
        let is_permitted = Word::of(first).is_none_or(|word| self.rights.permit(word));
        is_permitted && (node.verb.is_some_and(may) || leads_on())
    }

    /// Whether debug lines are shown.
    pub(crate) fn debugs(&self) -> bool {
        self.check("diagnose", Verb::DebugInfo, None).is_ok()
    }

    /// Whether a report is offered.
    pub(crate) fn reports(&self, path: &str) -> bool {
        let mut reports = REPORTS.iter();
        reports.any(|report| report.path == path && self.check("", report.verb, None).is_ok())
    }
}
