//! What administrators may do.
//!
//! The command line hides and refuses what an administrator has no right to; [`crate::admin::apply`]
//! refuses it again, whichever interface it comes through.

use crate::audit::Actor;
use crate::schema::{Object, Scope, Table};
use crate::time::Span;
use crate::vdom::Vdom;

/// The profile that may do everything.
pub const SUPER_ADMIN: &str = "super_admin";

/// The profile that may see everything.
pub const SUPER_ADMIN_READONLY: &str = "super_admin_readonly";

/// The profile that administrators are given who may do everything but make administrators.
pub const PROF_ADMIN: &str = "prof_admin";

/// Profiles that are there from the start and stay.
pub const BUILT_IN: [&str; 3] = [SUPER_ADMIN, SUPER_ADMIN_READONLY, PROF_ADMIN];

/// Those of them that stay as they are.
pub const FIXED: [&str; 2] = [SUPER_ADMIN, SUPER_ADMIN_READONLY];

/// A part of the configuration and of the commands, as access profiles grant it:
/// `config system accprofile`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Area {
    /// `authgrp`: users, tokens, RADIUS clients.
    Authentication,
    /// `sysgrp`: the unit itself.
    System,
    /// `loggrp`: log settings and the event log.
    Log,
    /// Administrators and their profiles: who may change the unit may look at them, and only
    /// `super_admin` may change them, or everybody could take every right.
    Administrators,
}

impl Area {
    /// The field of a profile that grants it.
    pub fn group(self) -> &'static str {
        match self {
            Self::Authentication => "authgrp",
            Self::System | Self::Administrators => "sysgrp",
            Self::Log => "loggrp",
        }
    }
}

/// How far a right goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Right {
    /// Nothing is seen.
    None,
    /// What there is is seen.
    Read,
    /// It may be changed.
    ReadWrite,
}

/// The first word of a command, each of which a profile may forbid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Word {
    /// `get`.
    Get,
    /// `show`.
    Show,
    /// `config`.
    Config,
    /// `execute`.
    Execute,
    /// `diagnose`.
    Diagnose,
}

impl Word {
    const ALL: [Self; 5] = [
        Self::Get,
        Self::Show,
        Self::Config,
        Self::Execute,
        Self::Diagnose,
    ];

    /// The word itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Show => "show",
            Self::Config => "config",
            Self::Execute => "execute",
            Self::Diagnose => "diagnose",
        }
    }

    /// The command whose first word this is, if profiles can forbid it.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// The field of a profile that permits it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Get => "cli-get",
            Self::Show => "cli-show",
            Self::Config => "cli-config",
            Self::Execute => "cli-exec",
            Self::Diagnose => "cli-diagnose",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Everything that a profile says about what may be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rights {
    authentication: Right,
    system: Right,
    log: Right,
    administrators: Right,
    /// The words that are forbidden, a bit each.
    forbidden: u8,
}

impl Rights {
    /// All rights: those of `super_admin`, of who owns the data directory, and of the system itself.
    pub const ALL: Self = Self {
        authentication: Right::ReadWrite,
        system: Right::ReadWrite,
        log: Right::ReadWrite,
        administrators: Right::ReadWrite,
        forbidden: 0,
    };

    /// What an entry of `config system accprofile` grants.
    fn of(profile: &Object) -> Self {
        let right = |area: Area| match profile.text(area.group()) {
            "read-write" => Right::ReadWrite,
            "read" => Right::Read,
            _ => Right::None,
        };
        let is_forbidden = |word: &Word| {
            let is_off = !profile.is_enabled(word.field());
            is_off || (*word == Word::Diagnose && !profile.is_enabled("system-diagnostics"))
        };
        let forbidden = Word::ALL.into_iter().filter(is_forbidden);
        Self {
            authentication: right(Area::Authentication),
            system: right(Area::System),
            log: right(Area::Log),
            administrators: right(Area::Administrators).min(Right::Read),
            forbidden: forbidden.fold(0, |bits, word| bits | word.bit()),
        }
    }

    /// How far they go in an area.
    pub fn on(self, area: Area) -> Right {
        match area {
            Area::Authentication => self.authentication,
            Area::System => self.system,
            Area::Log => self.log,
            Area::Administrators => self.administrators,
        }
    }

    /// Whether secrets may leave the unit so that they open elsewhere. Only who may do everything here takes
    /// them out: with them, anybody could.
    pub fn take_secrets_out(self) -> bool {
        self == Self {
            forbidden: self.forbidden,
            ..Self::ALL
        }
    }

    /// Whether commands that begin with this word may be used.
    pub fn permit(self, word: Word) -> bool {
        self.forbidden & word.bit() == 0
    }

    /// Whether anything at all may be changed; the prompt tells.
    pub fn write(self) -> bool {
        [self.authentication, self.system, self.log].contains(&Right::ReadWrite)
    }
}

/// An access profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Its name.
    pub name: Box<str>,
    /// What it grants.
    pub rights: Rights,
    /// How long a session may be idle, if that differs from `admintimeout` of the unit.
    pub idle: Option<Span>,
}

impl Profile {
    /// The profile of those who may do everything.
    pub fn super_admin() -> Self {
        Self {
            name: SUPER_ADMIN.into(),
            rights: Rights::ALL,
            idle: None,
        }
    }

    /// Reads an entry of `config system accprofile`.
    pub fn from_object(object: &Object) -> Self {
        if &*object.key == SUPER_ADMIN {
            return Self::super_admin();
        }
        let minutes = i64::try_from(object.number("admintimeout")).unwrap_or(i64::MAX);
        Self {
            name: object.key.clone(),
            rights: Rights::of(object),
            idle: object
                .is_enabled("admintimeout-override")
                .then(|| Span::from_mins(minutes)),
        }
    }
}

/// In which virtual domains an administrator may work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Realms {
    /// In all, and on the unit as a whole.
    All,
    /// In these; never none.
    These(Box<[Vdom]>),
}

impl Realms {
    /// The domains that an administrator's entry names; none named are all.
    pub fn of(administrator: &Object) -> Self {
        let named = administrator.list("vdom");
        let vdoms: Box<[Vdom]> = named
            .iter()
            .filter_map(|name| Vdom::parse(name).ok())
            .collect();
        if vdoms.is_empty() {
            return Self::All;
        }
        Self::These(vdoms)
    }

    /// Whether this domain is one of them.
    pub fn contain(&self, vdom: Vdom) -> bool {
        match self {
            Self::All => true,
            Self::These(vdoms) => vdoms.contains(&vdom),
        }
    }
}

/// Somebody who acts, with what he may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authority {
    /// Who.
    pub actor: Actor,
    /// What may be done.
    pub profile: Profile,
    /// Where.
    pub realms: Realms,
}

impl Authority {
    /// One who may do everything everywhere.
    pub fn unlimited(actor: Actor) -> Self {
        Self {
            actor,
            profile: Profile::super_admin(),
            realms: Realms::All,
        }
    }

    /// The system itself: pollers, workers, the first start.
    pub fn system(part: &str) -> Self {
        Self::unlimited(Actor::system(part))
    }

    /// What may be done where the administrator works. Who has some virtual domains has no part in the
    /// unit as a whole.
    pub fn rights(&self) -> Rights {
        let rights = self.profile.rights;
        match self.realms {
            Realms::All => rights,
            Realms::These(_) => Rights {
                system: Right::None,
                administrators: Right::None,
                ..rights
            },
        }
    }

    /// Whether a table may be changed in a virtual domain. What stands once is the whole unit's.
    pub(crate) fn may_change(&self, table: &Table, vdom: Vdom) -> bool {
        self.right(table, vdom) == Right::ReadWrite
    }

    /// Whether entries of a table may be seen in a virtual domain.
    pub(crate) fn may_read(&self, table: &Table, vdom: Vdom) -> bool {
        self.right(table, vdom) >= Right::Read
    }

    fn right(&self, table: &Table, vdom: Vdom) -> Right {
        let is_here = match (&self.realms, table.scope) {
            (Realms::All, _) => true,
            (Realms::These(_), Scope::Global) => false,
            (realms @ Realms::These(_), Scope::Vdom) => realms.contain(vdom),
        };
        if is_here {
            self.profile.rights.on(table.area)
        } else {
            Right::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ACCPROFILE, ADMIN, FORTITOKEN, GLOBAL, Value};

    fn profile(fields: &[(&str, &str)]) -> Profile {
        let mut object = Object::new(&ACCPROFILE, "test");
        for (field, value) in fields {
            let field = ACCPROFILE.field(field).unwrap();
            object.set(field, Value::Text((*value).into()));
        }
        Profile::from_object(&object)
    }

    #[test]
    fn a_profile_grants_nothing_that_it_does_not_name() {
        let rights = profile(&[("authgrp", "read")]).rights;
        assert_eq!(rights.on(Area::Authentication), Right::Read);
        for area in [Area::System, Area::Log, Area::Administrators] {
            assert_eq!(rights.on(area), Right::None);
        }
        assert!(!rights.write());
        assert!(profile(&[("loggrp", "read-write")]).rights.write());
    }

    #[test]
    fn who_may_change_the_unit_may_not_make_administrators() {
        let rights = profile(&[("sysgrp", "read-write")]).rights;
        assert_eq!(rights.on(Area::System), Right::ReadWrite);
        assert_eq!(rights.on(Area::Administrators), Right::Read);
    }

    #[test]
    fn words_are_forbidden_one_by_one() {
        let rights = profile(&[("cli-exec", "disable")]).rights;
        assert!(!rights.permit(Word::Execute));
        assert!(rights.permit(Word::Get) && rights.permit(Word::Diagnose));
        let rights = profile(&[("system-diagnostics", "disable")]).rights;
        assert!(!rights.permit(Word::Diagnose) && rights.permit(Word::Execute));
    }

    #[test]
    fn an_entry_of_that_name_cannot_make_super_admin_less() {
        let object = Object::new(&ACCPROFILE, SUPER_ADMIN);
        assert_eq!(Profile::from_object(&object), Profile::super_admin());
    }

    #[test]
    fn an_administrator_of_a_domain_changes_nothing_outside_of_it() {
        let [sales, lab] = ["sales", "lab"].map(|name| Vdom::parse(name).unwrap());
        let authority = Authority {
            realms: Realms::These(Box::new([sales])),
            ..Authority::system("test")
        };
        assert!(authority.may_change(&FORTITOKEN, sales));
        assert!(!authority.may_change(&FORTITOKEN, lab));
        for table in [&GLOBAL, &ADMIN] {
            assert!(!authority.may_change(table, Vdom::ROOT));
            assert!(!authority.may_read(table, Vdom::ROOT));
        }
    }
}
