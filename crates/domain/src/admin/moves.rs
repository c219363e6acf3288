//! Mobile tokens that go from one gateway to another, by the administrators of both.

use std::fmt;

use ident::{LicenceSerial, ProductSerial, RegistrationId, TokenSerial};

use super::supply::{known_mobile, released};
use super::{AdminError, Change, Context, Facts, ItsPhone, Owned, Plan, Remark, conveyed};
use crate::conveyed::{Conveyed, Holder};
use crate::time::{Span, Timestamp};
use crate::token::{KnownBy, Provisioned, Stage, Token};
use crate::transfer::NotMoved;
use crate::vdom::Vdom;

/// Days for which a gateway's request for tokens is good: two administrators find the time in a week, and one
/// that was left lying about gets nothing later.
pub const MOVE_REQUEST_DAYS: i64 = 7;
/// How far the clock of the gateway that made a request may be ahead of this one's.
const AHEAD_MAX: Span = Span::from_mins(5);

/// Why the time at which a request was made gets it nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Untimely {
    /// It was made too long ago.
    #[error("the request was made {0}, and is good for {MOVE_REQUEST_DAYS} days")]
    Old(Timestamp),
    /// It would be good for longer than it should.
    #[error("the request was made {made}, and here it is {now}; set the clock right that is wrong")]
    Ahead {
        /// By the clock of the gateway that made it.
        made: Timestamp,
        /// By the clock here.
        now: Timestamp,
    },
}

/// Whether a request that was made then is good now.
pub fn timely(made: Timestamp, now: Timestamp) -> Result<(), Untimely> {
    if now.since(made) > Span::from_days(MOVE_REQUEST_DAYS) {
        return Err(Untimely::Old(made));
    }
    if made.since(now) > AHEAD_MAX {
        return Err(Untimely::Ahead { made, now });
    }
    Ok(())
}

/// Tokens that were given to another gateway.
#[derive(Debug)]
pub struct MoveOut {
    /// Where the administrator stands.
    pub vdom: Vdom,
    /// The licence with which they came.
    pub licence: LicenceSerial,
    /// The tokens, each with the phone that it had when it was sealed.
    pub tokens: Vec<(TokenSerial, RegistrationId)>,
    /// The file in which they are.
    pub file: FileGiven,
}

/// A file of tokens that another gateway gets. Its seeds are nowhere else once they are out of use here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileGiven {
    /// Its name, which no other file has.
    pub id: Box<str>,
    /// What the administrator calls it here.
    pub name: Box<str>,
    /// Who gets the tokens.
    pub to: ProductSerial,
    /// When they left.
    pub at: Timestamp,
}

/// Tokens that another gateway gave.
#[derive(Debug)]
pub struct MoveIn {
    /// Where they go.
    pub vdom: Vdom,
    /// The licence with which they come.
    pub licence: LicenceSerial,
    /// The tokens.
    pub tokens: Vec<Arriving>,
    /// Who gave them.
    pub from: ProductSerial,
    /// The name of the file in which they came.
    pub file: Box<str>,
}

/// A token that another gateway gave.
#[derive(Debug)]
pub struct Arriving {
    /// As it was when it left there.
    pub token: Conveyed,
    /// The phone that has it now by the token server's word.
    pub phone: ItsPhone,
}

impl Arriving {
    /// Whether it comes with the phone that has it, for all that is known.
    fn is_on_its_phone(&self) -> bool {
        matches!(self.phone, ItsPhone::Unheard)
            || conveyed::has_it(&self.phone, self.token.phone.registration)
    }
}

/// All of them are out of use here, or none: whatever changed since they were sealed, the file would bring
/// back.
pub(super) fn out(
    moved: MoveOut,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    let MoveOut {
        vdom,
        licence,
        tokens,
        file,
    } = moved;
    if licence.is_trial() {
        return Err(NotMoved::Trial.into());
    }
    let detail = format!("{} tokens to {}, file {}", tokens.len(), file.to, file.id);
    let action = "fortitoken-mobile.move-export";
    let mut plan = Plan {
        events: vec![context.changed(vdom, action, licence.as_str(), &detail)],
        changes: vec![Change::FileGiven(vdom, licence, file)],
        ..Plan::default()
    };
    for (serial, registration) in tokens {
        let Owned { token, .. } = known_mobile(vdom, serial, &mut facts)?;
        let is_as_sealed = matches!(&token.stage,
            Stage::Provisioned(phone) | Stage::Withheld(phone)
                if phone.registration == registration && phone.transfer.is_none());
        if !is_as_sealed {
            return Err(AdminError::ChangedMeanwhile(serial));
        }
        plan = plan.and(released(token));
    }
    Ok(plan)
}

/// Why nothing of another gateway's file is taken in. It can be taken in once the reason is gone: nobody else
/// has its seeds.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotMovedIn {
    /// It was taken in before.
    #[error("the file was imported already")]
    Again,
    /// These tokens stand in its way.
    #[error("nothing was imported: {0} ({1})")]
    Obstructed(Obstacle, Serials),
}

/// What stands in the way of tokens that come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Obstacle {
    /// They are in a virtual domain; which one is told to whoever has a part in it.
    #[error("tokens of the file are in another VDOM")]
    Elsewhere(Option<Vdom>),
    /// They were asked of the token server, or wait for a phone.
    #[error("tokens of the file wait here for a phone")]
    Awaited,
    /// They are nobody's here, and were somebody's there.
    #[error("tokens of the file are no user's here")]
    Ownerless,
    /// They are somebody else's here.
    #[error("tokens of the file are other users' here")]
    OtherHolder,
    /// They were provisioned here, all of them.
    #[error("all tokens of the file are on other phones here")]
    OtherPhones,
}

/// Tokens that are named in a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Serials(pub Box<[TokenSerial]>);

/// More of them would hide the sentence.
const SERIALS_NAMED: usize = 8;

impl fmt::Display for Serials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.0.iter().take(SERIALS_NAMED).map(TokenSerial::as_str);
        f.write_str(&named.collect::<Vec<_>>().join(", "))?;
        match self.0.len().saturating_sub(SERIALS_NAMED) {
            0 => Ok(()),
            others => write!(f, " and {others} more"),
        }
    }
}

impl NotMovedIn {
    pub(super) fn next_step(&self) -> String {
        let Self::Obstructed(obstacle, tokens) = self else {
            return "'diagnose fortitoken info' says how its tokens stand here".to_owned();
        };
        match obstacle {
            Obstacle::Elsewhere(Some(vdom)) => {
                format!("import the file there: config vdom / edit {vdom}")
            }
            Obstacle::Elsewhere(None) => "ask who administers the unit".to_owned(),
            Obstacle::Awaited => {
                "take them from their users (config user local), give them back by 'execute restore config', which \
                 asks for no phone, and import the file then"
                    .to_owned()
            }
            Obstacle::Ownerless => {
                "bring the users first, with a backup that the other gateway makes after its export: \
                 execute restore config file NAME PASSWORD"
                    .to_owned()
            }
            Obstacle::OtherHolder => {
                "the persons have to be the same: config user local / rename, or take the tokens from who has them"
                    .to_owned()
            }
            Obstacle::OtherPhones => {
                format!("users log in with these phones: diagnose fortitoken info {tokens}")
            }
        }
    }
}

/// What becomes of a token of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    /// It went to another phone after it left the other gateway, and begins anew.
    New,
    /// It was provisioned here since.
    Stays,
}

/// A file is taken once, and only if all of its tokens have their place here: its seeds are nowhere else.
pub(super) fn taken(
    moved: MoveIn,
    mut facts: Facts,
    context: &Context<'_>,
) -> Result<Plan, AdminError> {
    if facts.is_file_taken {
        return Err(NotMovedIn::Again.into());
    }
    let fates = fates(&moved, &facts, context)?;
    let MoveIn {
        vdom,
        licence,
        tokens,
        from,
        file,
    } = moved;
    let detail = format!("{} tokens from {from}, file {file}", count(&fates));
    let action = "fortitoken-mobile.move-import";
    let mut plan = Plan {
        events: vec![context.changed(vdom, action, licence.as_str(), &detail)],
        changes: vec![Change::FileTaken(file)],
        ..Plan::default()
    };
    for (arriving, fate) in tokens.into_iter().zip(fates) {
        let serial = arriving.token.serial;
        let mut owned = facts.take_token(serial).unwrap_or_else(|| Owned {
            token: Token::imported(vdom, serial, None),
            owner: None,
        });
        owned.token.licence.get_or_insert(licence);
        plan = plan.and(match fate {
            Fate::Taken => taken_over(arriving, owned.token, context),
            Fate::New => begun_anew(arriving, owned, context),
            Fate::Stays => Plan::remarked([Remark::Here(serial)]),
        });
    }
    Ok(plan)
}

/// The token server was asked, and the token is this unit's. If it heard of no phone, the word is the other
/// gateway's.
fn taken_over(arriving: Arriving, token: Token, context: &Context<'_>) -> Plan {
    let Conveyed { phone, .. } = arriving.token;
    let known_by = match arriving.phone {
        ItsPhone::Unheard => KnownBy::OtherUnit,
        ItsPhone::Named(_) | ItsPhone::None => KnownBy::TokenServer,
    };
    let token = Token {
        stage: Stage::New,
        ..token
    };
    let conveyed = Conveyed {
        phone: Provisioned { known_by, ..phone },
        ..arriving.token
    };
    Plan {
        changes: conveyed.settled(token, context.now),
        ..Plan::default()
    }
}

fn begun_anew(arriving: Arriving, owned: Owned, context: &Context<'_>) -> Plan {
    let Arriving { token: came, phone } = arriving;
    let Owned { token, owner } = owned;
    let token = Token {
        status: came.status_beside(token.status),
        ..token
    };
    let registration = came.phone.registration;
    let remark = Remark::OtherPhone(came.serial);
    conveyed::gone(token, owner.as_ref(), registration, &phone, context)
        .and(Plan::remarked([remark]))
}

fn count(fates: &[Fate]) -> usize {
    fates.iter().filter(|fate| **fate == Fate::Taken).count()
}

/// What becomes of each token; the first obstacle, with all whose way it stands in, if there is one.
fn fates(moved: &MoveIn, facts: &Facts, context: &Context<'_>) -> Result<Vec<Fate>, NotMovedIn> {
    let obstructed = |obstacle, tokens: Vec<TokenSerial>| {
        Err(NotMovedIn::Obstructed(obstacle, Serials(tokens.into())))
    };
    let each = moved.tokens.iter();
    let judged = each.map(|it| (it.token.serial, fate(it, moved.vdom, facts, context)));
    let judged: Vec<(TokenSerial, Result<Fate, Obstacle>)> = judged.collect();
    if let Some(obstacle) = judged.iter().find_map(|(_, fate)| fate.err()) {
        let same = judged.iter().filter(|(_, fate)| *fate == Err(obstacle));
        return obstructed(obstacle, same.map(|(serial, _)| *serial).collect());
    }
    let fates: Vec<Fate> = judged.iter().filter_map(|(_, fate)| fate.ok()).collect();
    if fates.iter().all(|fate| *fate == Fate::Stays) {
        let all = judged.into_iter().map(|(serial, _)| serial);
        return obstructed(Obstacle::OtherPhones, all.collect());
    }
    Ok(fates)
}

fn fate(
    arriving: &Arriving,
    vdom: Vdom,
    facts: &Facts,
    context: &Context<'_>,
) -> Result<Fate, Obstacle> {
    let conveyed = &arriving.token;
    let comes = |holder| {
        if arriving.is_on_its_phone() {
            same_holder(conveyed, holder).map(|()| Fate::Taken)
        } else {
            Ok(Fate::New)
        }
    };
    let Some(Owned { token, owner }) = facts.token(conveyed.serial) else {
        return comes(None);
    };
    if token.vdom != vdom {
        let told = Some(token.vdom).filter(|vdom| context.realms.contain(*vdom));
        return Err(Obstacle::Elsewhere(told));
    }
    let holder = owner.as_ref().map(|owner| owner.name.canonical().into());
    match &token.stage {
        Stage::New | Stage::Withheld(_) => comes(holder),
        Stage::Provisioned(phone) if phone.transfer.is_some() => Err(Obstacle::Awaited),
        // A backup brought it, and the other gateway went on taking its codes.
        Stage::Provisioned(phone) if is_older(phone, &conveyed.phone) => comes(holder),
        Stage::Provisioned(_) => Ok(Fate::Stays),
        Stage::Requested | Stage::Provisioning(_) | Stage::Activated | Stage::Failed(_) => {
            Err(Obstacle::Awaited)
        }
    }
}

/// The phone is one person's. Whoever else has the token here would log in with it.
fn same_holder(conveyed: &Conveyed, here: Option<Holder>) -> Result<(), Obstacle> {
    match here {
        here if here == conveyed.holder => Ok(()),
        None => Err(Obstacle::Ownerless),
        Some(_) => Err(Obstacle::OtherHolder),
    }
}

/// Whether nobody provisioned a token here since the other gateway did: each time makes a new code.
fn is_older(here: &Provisioned, conveyed: &Provisioned) -> bool {
    here.known_by == KnownBy::OtherUnit
        || (here.code == conveyed.code && here.registration == conveyed.registration)
}
