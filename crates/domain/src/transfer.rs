//! Tokens on their way from one phone to another: who may begin, and what is known meanwhile.
//!
//! The phone that has the token keeps it until the token server has the other phone's receipt for the code's
//! answer: then seed and registration change in one transaction. So one phone works at any time, and never two; and
//! a phone that is lost before it stored the token takes nothing along.

use ident::{LicenceSerial, RegistrationId};

use crate::admin::Owned;
use crate::settings::PushSettings;
use crate::time::Span;
use crate::token::{Provisioning, Stage, TokenStatus};
use crate::user::Switch;

/// How long a transfer's code is valid: the person has both phones at hand, or the mail on the new one.
pub const LIFETIME: Span = Span::from_hours(1);

/// How the code gets to the other phone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handing {
    /// By mail, or as its person is reached.
    Mailed,
    /// Shown by the phone that has the token.
    Shown,
}

/// A token's way to another phone.
#[derive(Debug)]
pub enum Transfer {
    /// The token server was asked for a code.
    Requested(Handing),
    /// A code waits for the other phone.
    Waiting(Provisioning, Handing),
    /// Taken back; the token server has still to forget the code.
    Withdrawn,
}

/// Why a token does not move.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotMoved {
    /// `set token-transfer disable`.
    #[error("transfer is switched off: config system ftm-push / set token-transfer enable")]
    Off,
    /// `set token-recovery disable`.
    #[error(
        "phones are not replaced by recovery codes: config system ftm-push / set token-recovery enable"
    )]
    RecoveryOff,
    /// Phones do not reach this unit.
    #[error("this gateway has no public address: config system ftm-push / set server ADDRESS")]
    NoAddress,
    /// It came with the free licence.
    #[error("a trial token never moves: the administrator has to assign another token")]
    Trial,
    /// No phone is known to have it.
    #[error("no phone is known to have this token: execute fortitoken-mobile provision SERIAL")]
    NotOnPhone,
    /// Another phone than the one that wants it has it by now.
    #[error("another phone has this token")]
    OtherPhone,
    /// `set status lock`.
    #[error("the token is locked: config user fortitoken / edit SERIAL / set status active")]
    Locked,
    /// It is assigned to nobody who can be told.
    #[error("its user has no mail address: config user local / edit NAME / set email-to ADDRESS")]
    Unreachable,
}

impl PushSettings {
    /// Whether tokens may move at their phones' wish.
    pub fn transfers(&self) -> Result<(), NotMoved> {
        if self.transfer == Switch::Disable {
            return Err(NotMoved::Off);
        }
        if self.server.is_none() {
            return Err(NotMoved::NoAddress);
        }
        Ok(())
    }

    /// Whether who logs in by a recovery code or pass gets the token onto another phone.
    pub fn recovers(&self) -> Result<(), NotMoved> {
        match self.recovery {
            Switch::Enable => Ok(()),
            Switch::Disable => Err(NotMoved::RecoveryOff),
        }
    }
}

/// Whether this token can move, whatever the policy.
pub fn movable(owned: &Owned, handing: Handing) -> Result<(), NotMoved> {
    let token = &owned.token;
    if token.licence.as_ref().is_some_and(LicenceSerial::is_trial) {
        return Err(NotMoved::Trial);
    }
    if token.status == TokenStatus::Lock {
        return Err(NotMoved::Locked);
    }
    if !matches!(token.stage, Stage::Provisioned(_)) {
        return Err(NotMoved::NotOnPhone);
    }
    let contact = owned.owner.as_ref().map(|owner| &owner.contact);
    match (handing, contact) {
        (_, None) => Err(NotMoved::Unreachable),
        (Handing::Mailed, Some(contact)) if contact.for_activation().is_none() => {
            Err(NotMoved::Unreachable)
        }
        _ => Ok(()),
    }
}

/// Whether this phone has the token still.
pub(crate) fn demand_on(owned: &Owned, holder: RegistrationId) -> Result<(), NotMoved> {
    match &owned.token.stage {
        Stage::Provisioned(phone) if phone.registration == holder => Ok(()),
        Stage::Provisioned(_) => Err(NotMoved::OtherPhone),
        _ => Err(NotMoved::NotOnPhone),
    }
}
