//! What an error names to whom: entries only of tables that may be read.

use super::{AdminError, Held, Holds, Use, Uses};
use crate::access::Authority;
use crate::schema::Table;
use crate::vdom::Vdom;

impl AdminError {
    /// The error without names of entries that the authority may not read; their number stays.
    pub(super) fn told_to(self, by: &Authority) -> Self {
        match self {
            Self::InUse { table, uses } => {
                let uses = uses.told_to(by);
                Self::InUse { table, uses }
            }
            Self::VdomInUse { vdom, holds } => {
                let holds = holds.told_to(vdom, by);
                Self::VdomInUse { vdom, holds }
            }
            error => error,
        }
    }
}

impl Uses {
    fn told_to(mut self, by: &Authority) -> Self {
        self.first
            .retain(|Use { vdom, table, .. }| reads(by, table, *vdom));
        self
    }
}

impl Holds {
    fn told_to(self, vdom: Vdom, by: &Authority) -> Self {
        let first = match self.first {
            Held::Entry { table, .. } if !reads(by, &table, vdom) => Held::Unnamed,
            first => first,
        };
        Self { first, ..self }
    }
}

fn reads(by: &Authority, path: &str, vdom: Vdom) -> bool {
    Table::at(path).is_some_and(|table| by.may_read(table, vdom))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Profile, Realms};
    use crate::audit::Actor;
    use crate::schema::{ACCPROFILE, GROUP, Object, VDOM};

    /// One who may change the unit, and see nothing of its users.
    fn of_the_unit() -> Authority {
        let profile = Object::new(&ACCPROFILE, "unit").with("sysgrp", Some("read-write"));
        Authority {
            actor: Actor::system("test"),
            profile: Profile::from_object(&profile),
            realms: Realms::All,
        }
    }

    fn used() -> AdminError {
        let by = |table: &str, key: &str| Use {
            vdom: Vdom::ROOT,
            table: table.into(),
            key: key.into(),
            field: "member".into(),
        };
        let uses = Uses {
            of: "sales".into(),
            first: vec![by("user group", "vpn"), by("system admin", "ann")],
            total: 2,
        };
        AdminError::InUse { table: &VDOM, uses }
    }

    fn held() -> AdminError {
        let first = Held::Entry {
            table: "user local".into(),
            key: "alice".into(),
        };
        let holds = Holds { first, total: 4 };
        let vdom = Vdom::ROOT;
        AdminError::VdomInUse { vdom, holds }
    }

    #[test]
    fn who_may_not_read_an_entry_is_told_that_there_is_one() {
        let told = used().told_to(&of_the_unit()).next_step();
        assert!(
            told.contains("ann") && told.contains("and 1 more"),
            "{told}"
        );
        assert!(!told.contains("vpn"), "{told}");
        let held = held().told_to(&of_the_unit());
        assert_eq!(held.to_string(), "The entry is used by other 4 entries");
        assert_eq!(
            held.next_step(),
            "vdom \"root\" holds 4 entries that you may not all see: delete that first"
        );
    }

    #[test]
    fn where_nobody_can_be_named_the_number_is() {
        let AdminError::InUse { mut uses, .. } = used() else {
            panic!("it is in use");
        };
        uses.first.retain(|one| &*one.table == GROUP.path);
        let error = AdminError::InUse { table: &VDOM, uses };
        assert_eq!(
            error.told_to(&of_the_unit()).next_step(),
            "vdom \"sales\" is in use: 2 entries that you may not all see name it; change that first"
        );
    }

    #[test]
    fn who_may_read_it_is_told_its_name() {
        let everything = Authority::system("test");
        for error in [used(), held()] {
            assert_eq!(error.clone().told_to(&everything), error);
        }
    }
}
