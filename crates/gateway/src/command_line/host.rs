//! What the host has to say to a change of the configuration before it is made: the interfaces are the
//! host's, and so are the ports.

use std::sync::Arc;

use domain::admin::{AdminError, Edit, Operation, Report, Restore};
use domain::schema::{CERTIFICATE_LOCAL, GLOBAL, INTERFACE, Place, Value};
use domain::vdom::Vdom;
use store::gateway::{Done, Extent};
use store::{Failure, Undecided};

use super::executor::Executor;
use super::sessions::LoggedIn;
use crate::certificates::SERVER_CERT;
use crate::clock;
use crate::interfaces;
use crate::network::reason;
use crate::ssh::{Claim, Unbindable};

/// The port of SSH in `config system global`.
const SSH_PORT: &str = "admin-ssh-port";

/// A change to which the host agrees, with what it has to give for it.
#[derive(Debug, Default)]
pub(super) struct Agreed(Option<Claim>);

impl Agreed {
    /// The change is made.
    pub(super) fn take_effect(self) {
        if let Some(claim) = self.0 {
            claim.take_effect();
        }
    }
}

impl Executor {
    /// Whether the host agrees to a change. To one that is refused for other reasons it may agree as well.
    pub(super) async fn host_agrees(&self, operation: &Operation) -> Result<Agreed, AdminError> {
        match operation {
            Operation::Configure { place, edits } if place.table() == &GLOBAL => {
                self.can_show(edits).await?;
                self.claim_port(edits).await
            }
            Operation::Configure { place, edits } if place.table() == &CERTIFICATE_LOCAL => {
                self.unit.certificates.agrees(place, edits).await?;
                Ok(Agreed::default())
            }
            Operation::Configure { place, .. } if place.table() == &INTERFACE => {
                self.exists(place.key()).await
            }
            Operation::Clone { place, to } if place.table() == &INTERFACE => self.exists(to).await,
            Operation::Remove { place } | Operation::Rename { place, .. }
                if place.table() == &INTERFACE =>
            {
                stays(&[place.key().into()])
            }
            Operation::Purge { table, .. } if *table == &INTERFACE => stays(&interfaces::names()),
            _ => Ok(Agreed::default()),
        }
    }

    /// Makes a change to which the host agrees, and has the host follow. Both are done whole: whoever asked may
    /// be gone by then, with the very connection that the change is about.
    pub(super) async fn administer_agreed(
        &self,
        operation: Operation,
        agreed: Agreed,
        who: &LoggedIn,
    ) -> Result<Done, Failure<AdminError>> {
        let entropy =
            clock::entropy().map_err(|error| Undecided::Unavailable(error.to_string().into()))?;
        let (by, now) = (who.authority().as_ref().clone(), clock::now());
        let store = Arc::clone(&self.store);
        let made = tokio::spawn(async move {
            let done = store.administer(operation, entropy, by, now, None).await?;
            agreed.take_effect();
            Ok(done)
        });
        made.await.unwrap_or(Err(Undecided::Stopped.into()))
    }

    /// Takes a configuration over, and has SSH served on the port that it says, if it can be. Both are done
    /// whole, as any change to which the host agrees.
    pub(super) async fn restore_and_follow(
        &self,
        restore: Restore,
        extent: Extent,
        who: &LoggedIn,
    ) -> Result<(Report, Result<(), Unbindable>), Undecided> {
        let (by, now) = (who.authority().as_ref().clone(), clock::now());
        let (store, ports) = (Arc::clone(&self.store), Arc::clone(&self.unit.ssh_ports));
        let made = tokio::spawn(async move {
            let report = store.restore(restore, extent, by, now).await?;
            let port = store.settings(Vdom::ROOT).administration.ssh_port;
            let claimed = ports.claim(port).await;
            Ok((report, claimed.map(Claim::take_effect)))
        });
        made.await.unwrap_or(Err(Undecided::Stopped))
    }

    /// Whether TLS can use the certificate that the listeners are to show.
    async fn can_show(&self, edits: &[Edit]) -> Result<(), AdminError> {
        match edits.iter().rev().find_map(server_cert) {
            Some(name) => self.unit.certificates.can_be_shown(name).await,
            None => Ok(()),
        }
    }

    async fn claim_port(&self, edits: &[Edit]) -> Result<Agreed, AdminError> {
        let Some(port) = edits.iter().rev().find_map(ssh_port) else {
            return Ok(Agreed::default());
        };
        let claim = self.unit.ssh_ports.claim(port).await;
        let claim = claim.map_err(|Unbindable { address, error }| AdminError::Unbindable {
            field: SSH_PORT,
            address,
            why: reason(&error).into(),
        })?;
        Ok(Agreed(Some(claim)))
    }

    /// An entry of an interface that is gone may be changed; none is made for one that never was.
    async fn exists(&self, interface: &str) -> Result<Agreed, AdminError> {
        let place = Place::new(Vdom::ROOT, &INTERFACE, interface);
        let is_known =
            interfaces::exists(interface) || !matches!(self.store.object(place).await, Ok(None));
        if is_known {
            Ok(Agreed::default())
        } else {
            Err(AdminError::NoInterface(interface.into()))
        }
    }
}

/// Without its entry an interface would let in what `allowaccess` keeps out.
fn stays(entries: &[Box<str>]) -> Result<Agreed, AdminError> {
    match entries.iter().find(|name| interfaces::exists(name)) {
        Some(name) => Err(AdminError::HostInterface(name.clone())),
        None => Ok(Agreed::default()),
    }
}

fn server_cert(edit: &Edit) -> Option<&str> {
    match edit {
        Edit::Set(field, value) if field.name == SERVER_CERT => value.as_text(),
        _ => None,
    }
}

fn ssh_port(edit: &Edit) -> Option<u16> {
    match edit {
        Edit::Set(field, Value::Text(port)) if field.name == SSH_PORT => port.parse().ok(),
        Edit::Unset(field) if field.name == SSH_PORT => field.default.parse().ok(),
        _ => None,
    }
}
