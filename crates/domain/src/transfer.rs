//! Tokens on their way from one phone to another: who may begin, and what is known meanwhile.
//!
//! The phone that has the token keeps it until the token server has the other phone's receipt for the code's
//! answer: then seed and registration change in one transaction. So one phone works at any time, and never two; and
//! a phone that is lost before it stored the token takes nothing along.

use ident::{LicenceSerial, RegistrationId};

use crate::admin::{Owned, Owner};
use crate::contact::Channel;
use crate::settings::PushSettings;
use crate::time::{Span, Timestamp};
use crate::token::{Provisioning, Stage, TokenStatus};
use crate::user::Switch;

/// How long a transfer's code is valid: the person has both phones at hand, or the mail on the new one.
pub const LIFETIME: Span = Span::from_hours(1);

/// Transfers of a token that its phone may begin within [`BEGUN_WITHIN`]: each may send its user a mail.
pub const BEGUN_MAX: usize = 5;
/// See [`BEGUN_MAX`].
pub const BEGUN_WITHIN: Span = Span::from_hours(1);

/// How the code gets to the other phone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handing {
    /// By mail, or as its person is reached.
    Mailed,
    /// Shown by the phone that has the token.
    Shown,
    /// As mailed, to somebody who logged in by a recovery code or pass.
    Recovery,
}

impl Handing {
    /// Whether somebody has to carry the code.
    pub const fn is_sent(self) -> bool {
        matches!(self, Self::Mailed | Self::Recovery)
    }
}

/// Who asks for a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asker {
    /// The phone that has the token.
    Phone,
    /// A backup, by a key for which that phone gave its word.
    Backup,
    /// A login by a recovery code or pass.
    Login,
}

/// What a transfer was begun for, and has to be so still when its code goes out and when it is completed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Begun {
    /// How the code gets to the other phone.
    pub handing: Handing,
    /// For whom.
    pub target: Target,
}

/// Whose token it is, and where its code goes if it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target(Box<str>);

impl Target {
    /// That of a code that is on its way to this person.
    pub fn of(owner: &Owner, handing: Handing) -> Self {
        let to = owner.contact.for_activation();
        let to = to.filter(|_| handing.is_sent());
        let way = to.as_ref().map_or("", |to| Channel::word(to.channel()));
        let address = to.as_ref().map_or("", |to| to.as_str());
        Self(format!("{}\n{way} {address}", owner.name.canonical().as_str()).into())
    }

    /// As the store keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As the store kept it.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }
}

/// A token's way to another phone.
#[derive(Debug)]
pub enum Transfer {
    /// The token server was asked for a code.
    Requested(Begun),
    /// A code waits for the other phone, or for its receipt.
    Waiting(Provisioning, Begun),
    /// Taken back; the token server has still to forget the code.
    Withdrawn,
}

impl Transfer {
    /// What it was begun for, unless it is taken back.
    pub const fn begun(&self) -> Option<&Begun> {
        match self {
            Self::Requested(begun) | Self::Waiting(_, begun) => Some(begun),
            Self::Withdrawn => None,
        }
    }
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
    /// `set status disable`.
    #[error("its user is disabled: config user local / edit NAME / set status enable")]
    Disabled,
    /// It is assigned to nobody who can be told.
    #[error("its user has no mail address: config user local / edit NAME / set email-to ADDRESS")]
    Unreachable,
    /// It is on its way for somebody who logged in without the phone.
    #[error(
        "after a login by a recovery code or pass this token is to go to another phone, and no phone ends that: wait \
         for an hour (25 once a phone has taken the code), or: execute fortitoken-mobile provision SERIAL"
    )]
    Recovering,
    /// [`BEGUN_MAX`].
    #[error("this token was to be moved five times within an hour: wait, or ask the administrator")]
    TooOften,
    /// Another person has the token, or is reached elsewhere, than when it was begun.
    #[error("its user or the user's address was changed since the transfer was begun")]
    Changed,
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

    fn permits(&self, handing: Handing) -> Result<(), NotMoved> {
        match handing {
            Handing::Mailed | Handing::Shown => self.transfers(),
            Handing::Recovery => self.recovers(),
        }
    }
}

/// Whether this token can move, whatever the policy.
pub fn movable(owned: &Owned, handing: Handing) -> Result<(), NotMoved> {
    let (token, owner) = (&owned.token, owned.owner.as_ref());
    if token.licence.as_ref().is_some_and(LicenceSerial::is_trial) {
        return Err(NotMoved::Trial);
    }
    if token.status == TokenStatus::Lock {
        return Err(NotMoved::Locked);
    }
    if !matches!(token.stage, Stage::Provisioned(_)) {
        return Err(NotMoved::NotOnPhone);
    }
    if owner.is_some_and(|owner| owner.status == Switch::Disable) {
        return Err(NotMoved::Disabled);
    }
    match owner.map(|owner| owner.contact.for_activation()) {
        None => Err(NotMoved::Unreachable),
        Some(None) if handing.is_sent() => Err(NotMoved::Unreachable),
        Some(_) => Ok(()),
    }
}

/// What a transfer is begun for at the wish, or for the sake, of who has this phone.
pub(crate) fn begun(
    owned: &Owned,
    handing: Handing,
    holder: RegistrationId,
    push: &PushSettings,
) -> Result<Begun, NotMoved> {
    push.permits(handing)?;
    movable(owned, handing)?;
    demand_on(owned, holder)?;
    if handing != Handing::Recovery {
        demand_own(owned)?;
    }
    let owner = owned.owner.as_ref().ok_or(NotMoved::Unreachable)?;
    Ok(Begun {
        handing,
        target: Target::of(owner, handing),
    })
}

/// Whether another transfer may be begun after these. Whoever has a lost phone must not use up what its owner has: a
/// recovery costs a code or pass, which bounds it.
pub(crate) fn demand_seldom(
    handing: Handing,
    begun: &[Timestamp],
    now: Timestamp,
) -> Result<(), NotMoved> {
    let lately = begun.iter().filter(|at| at.after(BEGUN_WITHIN) > now);
    if handing == Handing::Recovery || lately.count() < BEGUN_MAX {
        Ok(())
    } else {
        Err(NotMoved::TooOften)
    }
}

/// Whether a transfer that is open is the phone's own to end, or to replace by another. One that was begun for
/// somebody who logged in without the phone is not: the phone may be in other hands.
pub(crate) fn demand_own(owned: &Owned) -> Result<(), NotMoved> {
    match owned.token.transfer().and_then(Transfer::begun) {
        Some(begun) if begun.handing == Handing::Recovery => Err(NotMoved::Recovering),
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

/// Whether a transfer that is under way may go on.
pub fn stands(owned: &Owned, begun: &Begun, push: &PushSettings) -> Result<(), NotMoved> {
    push.permits(begun.handing)?;
    let owner = owned.owner.as_ref().ok_or(NotMoved::Changed)?;
    if Target::of(owner, begun.handing) != begun.target {
        return Err(NotMoved::Changed);
    }
    movable(owned, begun.handing)
}
