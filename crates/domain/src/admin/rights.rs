//! Who may do what: the last word, whichever interface an operation comes through.

use super::{AdminError, Edit, Facts, Operation};
use crate::access::Authority;
use crate::schema::{ADMIN, FORTITOKEN, LOCAL, Place, Table};
use crate::vdom::Vdom;

/// Refuses to change an entry to which the authority has no right.
pub(super) fn change(place: &Place, by: &Authority) -> Result<(), AdminError> {
    let table = place.table();
    if by.may_change(table, place.vdom()) {
        return Ok(());
    }
    Err(AdminError::Denied {
        profile: by.profile.name.clone(),
        table,
    })
}

/// Refuses what the authority has no right to.
pub(super) fn permit(
    operation: &Operation,
    facts: &Facts,
    by: &Authority,
) -> Result<(), AdminError> {
    let Some((table, vdom)) = changed(operation) else {
        return Ok(());
    };
    if matches!(operation, Operation::MoveOut(_)) && !by.rights().take_secrets_out() {
        return Err(AdminError::SeedsStay(by.profile.name.clone()));
    }
    if by.may_change(table, vdom) {
        return Ok(());
    }
    if is_own_password(operation, by) {
        return still_here(facts, by);
    }
    Err(AdminError::Denied {
        profile: by.profile.name.clone(),
        table,
    })
}

/// The table that an operation changes, and where. The token server's answers are nobody's to refuse:
/// what they answer was permitted.
fn changed(operation: &Operation) -> Option<(&'static Table, Vdom)> {
    match operation {
        Operation::Configure { place, .. }
        | Operation::AddCertificate { place, .. }
        | Operation::Remove { place }
        | Operation::Rename { place, .. }
        | Operation::Clone { place, .. } => Some((place.table(), place.vdom())),
        Operation::Purge { vdom, table } => Some((table, *vdom)),
        Operation::Import { vdom, .. }
        | Operation::Provision { vdom, .. }
        | Operation::Renew { vdom, .. }
        | Operation::SendActivation { vdom, .. }
        | Operation::ActivateHardware { vdom, .. }
        | Operation::AddHardware { vdom, .. }
        | Operation::ImportHardware { vdom, .. } => Some((&FORTITOKEN, *vdom)),
        Operation::MoveOut(moved) => Some((&FORTITOKEN, moved.vdom)),
        Operation::MoveIn(moved) => Some((&FORTITOKEN, moved.vdom)),
        Operation::Unlock(name) | Operation::Recovery { person: name, .. } => {
            Some((&LOCAL, name.realm().vdom()))
        }
        Operation::Imported { .. }
        | Operation::Provisioned(_)
        | Operation::HardwareActivated(_)
        | Operation::Polled(_)
        | Operation::Disowned(_)
        | Operation::PhonesUnheard(_)
        | Operation::BeginTransfer { .. }
        | Operation::CancelTransfer { .. }
        | Operation::ReviewTransfer { .. }
        | Operation::TransferPolled { .. }
        | Operation::TwoPhones { .. }
        | Operation::ImportRefused { .. }
        | Operation::ProvisionRefused { .. }
        | Operation::Delivered { .. } => None,
    }
}

/// Whoever may log in may set a password of his own: some must, before anything else.
fn is_own_password(operation: &Operation, by: &Authority) -> bool {
    let Operation::Configure { place, edits } = operation else {
        return false;
    };
    let is_password = |edit: &Edit| match edit {
        Edit::Set(field, _) => field.name == "password",
        Edit::Unset(field) => field.name == "force-password-change",
        Edit::Children(..) => false,
    };
    is_own(place, by) && edits.iter().all(is_password)
}

/// Whoever was deleted meanwhile would come back by setting a password.
fn still_here(facts: &Facts, by: &Authority) -> Result<(), AdminError> {
    match facts.object {
        Some(_) => Ok(()),
        None => Err(AdminError::NotFound {
            table: &ADMIN,
            key: by.actor.name.clone(),
        }),
    }
}

fn is_own(place: &Place, by: &Authority) -> bool {
    place.table() == &ADMIN && *place.key() == *by.actor.name
}
