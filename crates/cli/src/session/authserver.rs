//! `diagnose test authserver`: whether a server takes a password.

use std::fmt;

use domain::backend::{BackendName, Kind};
use domain::vdom::Vdom;
use zeroize::Zeroizing;

use super::Complaint;

/// The one scheme that is spoken.
const PAP: &str = "pap";

/// A name and a password to try at a server.
pub struct TestAuthserver {
    /// The server's entry.
    pub server: BackendName,
    /// The name as the server knows it.
    pub user: Box<str>,
    /// The password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for TestAuthserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestAuthserver")
            .field("server", &self.server)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Reads what follows `diagnose test authserver ldap | radius`.
pub(super) fn test(vdom: Vdom, kind: Kind, words: &[String]) -> Result<TestAuthserver, Complaint> {
    let (name, user, password) = match (kind, words) {
        (Kind::Ldap, [name, user, password]) => (name, user, password),
        (Kind::Radius, [name, scheme, user, password]) => {
            spoken(scheme)?;
            (name, user, password)
        }
        (Kind::Ldap, _) => {
            return Err(Complaint::incomplete(
                "a server, a user and a password must follow",
            ));
        }
        (Kind::Radius, _) => {
            return Err(Complaint::incomplete(
                "a server, pap, a user and a password must follow",
            ));
        }
    };
    let name = name.as_str().into();
    Ok(TestAuthserver {
        server: BackendName { kind, vdom, name },
        user: user.as_str().into(),
        password: Zeroizing::new(password.clone()),
    })
}

fn spoken(scheme: &str) -> Result<(), Complaint> {
    if scheme == PAP {
        return Ok(());
    }
    let why = "only pap is spoken: chap, mschap and mschap2 are not";
    Err(Complaint::value(scheme, why))
}
