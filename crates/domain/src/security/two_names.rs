//! Directories that call one person by two names.

use super::{Deviation, Posture, in_vdom, within};
use crate::backend::Rank;
use crate::schema::Object;

const TWO_NAMES: &str = "CVE-2020-12812: no other name leads around a second factor";

impl Posture<'_> {
    /// Where servers' users are let in: entries of one directory that know people by different attributes.
    pub(super) fn two_names(&self, all: &mut Vec<Deviation>) {
        if !self.lets_in_remote_users() {
            return;
        }
        for (at, (vdom, one)) in self.directories.iter().enumerate() {
            let mut clients = self.clients.iter().filter(|(of, _)| of == vdom);
            if !clients.any(|(_, client)| !client.list("remote-groups").is_empty()) {
                continue;
            }
            let others = self.directories.iter().skip(at + 1);
            for (_, other) in others.filter(|(of, other)| of == vdom && are_one(one, other)) {
                let [(name, attribute), (other, another)] =
                    [one, other].map(|it| (&it.key, it.text("cnid")));
                if attribute.eq_ignore_ascii_case(another) {
                    continue;
                }
                all.push(Deviation {
                    what: format!(
                        "directories '{name}' and '{other}'{} have a server in common, and know people by \
                         '{attribute}' and by '{another}'",
                        within(*vdom)
                    ),
                    standard: TWO_NAMES,
                    mend: in_vdom(
                        *vdom,
                        &format!(
                            "config user ldap / edit \"{other}\" / set cnid {attribute} / end, or let 'set \
                             username' of both read both attributes: else remote-groups lets in by one name \
                             who has an entry by the other"
                        ),
                    ),
                });
            }
        }
    }
}

/// Whether they have a server in common.
fn are_one(one: &Object, other: &Object) -> bool {
    let servers = |entry: &Object| {
        let hosts = Rank::ALL.map(|rank| entry.text(rank.server_field()).to_ascii_lowercase());
        hosts.into_iter().filter(|host| !host.is_empty())
    };
    servers(one).any(|host| servers(other).any(|it| it == host))
}
