//! What of a new password is computed before it is decided whether it is set: hashes take long, and every login waits
//! for the transaction that decides.

use std::fmt;

use zeroize::Zeroizing;

use super::configure::person;
use super::{Context, Edit, Facts, Operation};
use crate::name::CanonicalName;
use crate::password::{PasswordError, PasswordHash, SALT_LEN};
use crate::schema::{ADMIN, LOCAL, Value};
use crate::user::User;

/// A password that an operation sets for a user or an administrator.
pub struct NewPassword {
    user: Option<CanonicalName>,
    password: Zeroizing<String>,
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(CanonicalName::as_str);
        write!(f, "NewPassword({})", user.unwrap_or("<administrator>"))
    }
}

impl Operation {
    /// The password that it sets, if it sets one that has to be hashed.
    pub fn new_password(&self) -> Option<NewPassword> {
        let Self::Configure { place, edits } = self else {
            return None;
        };
        let (name, user) = match place.table() {
            table if table == &LOCAL => ("passwd", Some(person(place).ok()?)),
            table if table == &ADMIN => ("password", None),
            _ => return None,
        };
        edits.iter().rev().find_map(|edit| match edit {
            Edit::Set(field, Value::Secret(password)) if field.name == name => Some(NewPassword {
                user: user.clone(),
                password: password.clone(),
            }),
            _ => None,
        })
    }
}

impl NewPassword {
    /// The user whose it is to be, with whose others it is compared. An administrator has one alone.
    pub fn user(&self) -> Option<&CanonicalName> {
        self.user.as_ref()
    }

    /// Hashes it, and compares it with those that the user has and had: one evaluation for each.
    pub fn prepare(self, user: Option<&User>, salt: [u8; SALT_LEN]) -> Option<Prepared> {
        let password = self.password;
        let hash = PasswordHash::new(&password, salt).ok()?;
        let current = user.and_then(|user| user.password.as_ref());
        let former = user.into_iter().flat_map(|user| user.history.hashes());
        let mut compared: Vec<(PasswordHash, bool)> = Vec::new();
        for other in current.into_iter().chain(former) {
            if !compared.iter().any(|(seen, _)| seen == other) {
                compared.push((other.clone(), other.is_of(&password)));
            }
        }
        Some(Prepared {
            password,
            hash,
            compared,
        })
    }
}

/// A password with its hash, and with those of which it is known whether they are the same. What is not known is
/// computed where it is decided.
pub struct Prepared {
    password: Zeroizing<String>,
    hash: PasswordHash,
    compared: Vec<(PasswordHash, bool)>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared(<sealed>)")
    }
}

impl Prepared {
    /// The hash of this password, if it is the one.
    fn hash_of(&self, password: &str) -> Option<PasswordHash> {
        (*self.password == *password).then(|| self.hash.clone())
    }

    /// Whether another hash is that of this password.
    pub(super) fn is_same(&self, password: &str, other: &PasswordHash) -> Option<bool> {
        if *self.password != *password {
            return None;
        }
        let mut compared = self.compared.iter();
        compared
            .find(|(seen, _)| seen == other)
            .map(|(_, same)| *same)
    }
}

impl Facts {
    /// The hash of a new password, computed before or now.
    pub(super) fn hash_of(
        &self,
        password: &str,
        context: &Context<'_>,
    ) -> Result<PasswordHash, PasswordError> {
        let prepared = self.prepared.as_ref();
        match prepared.and_then(|prepared| prepared.hash_of(password)) {
            Some(hash) => Ok(hash),
            None => PasswordHash::new(password, context.entropy.salt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Realm;
    use crate::schema::{FORTITOKEN, Place};
    use crate::vdom::Vdom;

    fn hash(password: &str) -> PasswordHash {
        PasswordHash::new(password, [1; SALT_LEN]).unwrap()
    }

    fn setting(table: &'static crate::schema::Table, edits: Vec<Edit>) -> Operation {
        let place = Place::new(Vdom::ROOT, table, "alice");
        Operation::Configure { place, edits }
    }

    fn passwd(password: &str) -> Edit {
        let field = LOCAL.field("passwd").unwrap();
        Edit::Set(field, Value::Secret(password.to_owned().into()))
    }

    #[test]
    fn what_is_prepared_is_known_of_this_password_alone() {
        let user = User {
            password: Some(hash("first")),
            ..User::new(crate::name::UserName::within(Realm::Vdom(Vdom::ROOT), "Alice").unwrap())
        };
        let new = setting(&LOCAL, vec![passwd("second")]).new_password();
        let new = new.unwrap();
        assert_eq!(new.user(), Some(user.name.canonical()));
        let prepared = new.prepare(Some(&user), [2; SALT_LEN]).unwrap();
        let known = prepared.hash_of("second").unwrap();
        assert!(known.is_of("second"));
        assert_eq!(prepared.hash_of("first"), None);
        let first = hash("first");
        assert_eq!(prepared.is_same("second", &first), Some(false));
        assert_eq!(prepared.is_same("second", &hash("third")), None);
        assert_eq!(prepared.is_same("first", &first), None);
        let again = setting(&LOCAL, vec![passwd("second"), passwd("first")]);
        let again = again.new_password().unwrap();
        let prepared = again.prepare(Some(&user), [2; SALT_LEN]).unwrap();
        assert_eq!(prepared.is_same("first", &first), Some(true));
    }

    #[test]
    fn only_a_password_that_is_hashed_is_prepared() {
        let field = LOCAL.field("status").unwrap();
        let status = Edit::Set(field, Value::Text("disable".into()));
        assert!(setting(&LOCAL, vec![status]).new_password().is_none());
        let elsewhere = setting(&FORTITOKEN, vec![passwd("second")]);
        assert!(elsewhere.new_password().is_none());
        let field = ADMIN.field("password").unwrap();
        let password = Edit::Set(field, Value::Secret("second".to_owned().into()));
        let new = setting(&ADMIN, vec![password]).new_password().unwrap();
        assert_eq!(new.user(), None);
        let prepared = new.prepare(None, [2; SALT_LEN]).unwrap();
        assert!(prepared.hash_of("second").unwrap().is_of("second"));
    }
}
