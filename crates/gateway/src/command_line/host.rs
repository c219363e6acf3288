//! What the host has to say to a change of the configuration before it is made: the interfaces are the
//! host's, and so are the ports.

use domain::admin::{AdminError, Edit, Operation};
use domain::schema::{CERTIFICATE_LOCAL, FTM_PUSH, GLOBAL, INTERFACE, Place, Value};
use domain::vdom::Vdom;

use super::executor::Executor;
use crate::certificates::Setting;
use crate::interfaces;
use crate::network::reason;
use crate::ssh::{Claim, Unbindable};

/// The port of SSH in `config system global`.
const SSH_PORT: &str = "admin-ssh-port";

/// A change to which the host agrees, with what it has to give for it.
#[derive(Debug, Default)]
pub(super) struct Agreed(Option<Claim>);

impl Agreed {
    /// Gives these sockets.
    pub(super) fn giving(claim: Claim) -> Self {
        Self(Some(claim))
    }

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
                self.can_show(place, edits).await?;
                self.claim_port(edits).await
            }
            Operation::Configure { place, edits } if place.table() == &FTM_PUSH => {
                self.can_show(place, edits).await?;
                Ok(Agreed::default())
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

    /// Whether TLS can use the certificate that listeners are to show.
    async fn can_show(&self, place: &Place, edits: &[Edit]) -> Result<(), AdminError> {
        let setting = Setting::of(place.table());
        let named = setting.and_then(|setting| Some((setting, setting.named(edits)?)));
        match named {
            Some((by, name)) => self.unit.certificates.can_be_shown(by, name).await,
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
        Ok(Agreed::giving(claim))
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
