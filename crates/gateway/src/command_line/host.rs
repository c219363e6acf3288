//! What the host has to say to a change of the configuration before it is made: the interfaces are the
//! host's, and so are the ports.

use domain::admin::{AdminError, Edit, Operation};
use domain::schema::{GLOBAL, INTERFACE, Place, Value};
use domain::vdom::Vdom;

use super::executor::Executor;
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
                self.claim_port(edits).await
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

    /// Has SSH served on the port that is configured, if it can be.
    pub(super) async fn follow_ssh_port(&self) -> Result<(), Unbindable> {
        let port = self.store.settings(Vdom::ROOT).administration.ssh_port;
        let claim = self.unit.ssh_ports.claim(port).await?;
        claim.take_effect();
        Ok(())
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

fn ssh_port(edit: &Edit) -> Option<u16> {
    match edit {
        Edit::Set(field, Value::Text(port)) if field.name == SSH_PORT => port.parse().ok(),
        Edit::Unset(field) if field.name == SSH_PORT => field.default.parse().ok(),
        _ => None,
    }
}
