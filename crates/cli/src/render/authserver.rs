//! `diagnose test authserver`.

use std::sync::Arc;

use domain::backend::{BackendName, Kind, Server};
use domain::reason::Reason;

use super::printable;

/// How a test ended.
#[derive(Clone, Copy, Debug)]
pub enum Tested<'a> {
    /// A server took the password.
    Taken {
        /// Which.
        by: &'a Server,
        /// After how many milliseconds.
        took_ms: u128,
        /// What becomes of such a user.
        remote: Remote<'a>,
    },
    /// A server did not.
    Refused {
        /// Which.
        by: &'a Server,
        /// After how many milliseconds.
        took_ms: u128,
        /// In its words.
        why: &'a str,
    },
    /// None decided: what each of them did.
    Undecided(&'a str),
}

/// What becomes of a user without an entry here whose password a server took.
#[derive(Clone, Copy, Debug)]
pub enum Remote<'a> {
    /// The user has an entry, or the server is a member of no group.
    Unasked,
    /// The groups here to which the user belongs.
    In(&'a [Arc<str>]),
    /// None lets the user in: the reason, and what it means.
    Refused(Reason, &'a str),
}

/// The line of the described system, and a second one that says which server decided, or why none did.
pub fn authserver(server: &BackendName, user: &str, tested: &Tested<'_>) -> String {
    let user = printable(user);
    let line = match server.kind {
        Kind::Ldap => ldap(&printable(&server.name), &user, tested),
        Kind::Radius => radius(&user, tested),
    };
    let known = match tested {
        Tested::Taken {
            by,
            took_ms,
            remote,
        } => format!("{} after {took_ms} ms{}", answered(by), told(*remote)),
        Tested::Refused { by, took_ms, why } => {
            format!("{} after {took_ms} ms: {}", answered(by), printable(why))
        }
        Tested::Undecided(why) => format!("no server decided: {}", printable(why)),
    };
    format!("{line}\n{known}\n")
}

fn told(remote: Remote<'_>) -> String {
    match remote {
        Remote::Unasked => String::new(),
        Remote::In(groups) => {
            let groups = printable(&groups.join(", "));
            format!("\nwithout an entry here the user is in: {groups}")
        }
        Remote::Refused(reason, why) => {
            format!("\nwithout an entry here the user is refused: {reason}: {why}")
        }
    }
}

fn answered(by: &Server) -> String {
    format!("{} server {} answered", by.rank.word(), by.host)
}

fn ldap(name: &str, user: &str, tested: &Tested<'_>) -> String {
    let result = match tested {
        Tested::Taken { .. } => "succeeded!",
        Tested::Refused { .. } | Tested::Undecided(_) => "failed!",
    };
    format!("authenticate '{user}' against '{name}' {result}")
}

/// The described system names the scheme where it names the server of a directory, and tells of a
/// session; there is none here.
fn radius(user: &str, tested: &Tested<'_>) -> String {
    let result = match tested {
        Tested::Taken { by, .. } => format!("succeeded, server={}", by.rank.word()),
        Tested::Refused { .. } => "failed,".to_owned(),
        Tested::Undecided(_) => "failed(no response),".to_owned(),
    };
    format!(
        "authenticate '{user}' against 'pap' {result} assigned_rad_session_id=0 \
         session_timeout=0 secs idle_timeout=0 secs!"
    )
}

#[cfg(test)]
mod tests {
    use domain::backend::Rank;
    use domain::vdom::Vdom;

    use super::*;

    #[test]
    fn the_lines_are_those_that_scripts_know() {
        let name = |kind| BackendName {
            kind,
            vdom: Vdom::ROOT,
            name: "corp".into(),
        };
        let by = &Server {
            rank: Rank::Secondary,
            host: "192.0.2.2".into(),
        };
        let taken_by = |remote| Tested::Taken {
            by,
            took_ms: 3,
            remote,
        };
        let taken = taken_by(Remote::Unasked);
        let groups = ["staff".into(), "vpn".into()];
        let why = "49 InvalidCredentials";
        let refused = Tested::Refused {
            by,
            took_ms: 3,
            why,
        };
        let none = Tested::Undecided("primary server 192.0.2.1: no answer within 5.0 s");
        let said = |kind, tested: &Tested<'_>| authserver(&name(kind), "alice", tested);
        assert_eq!(
            said(Kind::Ldap, &taken),
            "authenticate 'alice' against 'corp' succeeded!\n\
             secondary server 192.0.2.2 answered after 3 ms\n"
        );
        assert_eq!(
            said(Kind::Ldap, &taken_by(Remote::In(&groups)))
                .lines()
                .last(),
            Some("without an entry here the user is in: staff, vpn")
        );
        let refused_as = Remote::Refused(Reason::GroupMissing, "in no group");
        assert_eq!(
            said(Kind::Ldap, &taken_by(refused_as)).lines().last(),
            Some("without an entry here the user is refused: group-missing: in no group")
        );
        assert_eq!(
            said(Kind::Ldap, &refused),
            "authenticate 'alice' against 'corp' failed!\n\
             secondary server 192.0.2.2 answered after 3 ms: 49 InvalidCredentials\n"
        );
        assert_eq!(
            said(Kind::Radius, &taken).lines().next(),
            Some(
                "authenticate 'alice' against 'pap' succeeded, server=secondary \
                 assigned_rad_session_id=0 session_timeout=0 secs idle_timeout=0 secs!"
            )
        );
        assert_eq!(
            said(Kind::Radius, &none),
            "authenticate 'alice' against 'pap' failed(no response), assigned_rad_session_id=0 \
             session_timeout=0 secs idle_timeout=0 secs!\n\
             no server decided: primary server 192.0.2.1: no answer within 5.0 s\n"
        );
    }
}
