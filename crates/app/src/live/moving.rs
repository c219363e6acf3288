//! A token that is given away to another device, as far as it is known here.

use crate::contents::TokenName;
use crate::transfer::Answered;
use softtoken::transfer::{Action, Standing};

/// A token whose transfer is shown.
#[derive(Debug)]
pub struct Moving {
    token: TokenName,
    /// What is being asked of its gateway.
    asked: Option<Action>,
    whereabouts: Option<Whereabouts>,
    looked_unix: u64,
}

/// Where the token is.
#[derive(Debug)]
pub enum Whereabouts {
    /// Here, and perhaps on its way.
    Here(Standing),
    /// On another device.
    Elsewhere,
}

/// What an answer changed that the person has to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    None,
    /// The code was made, and is of no use any more.
    Ended,
    /// The person took it back.
    TakenBack,
}

impl Moving {
    /// How a token stands is asked first.
    pub(super) fn asking(token: TokenName, now_unix: u64) -> Self {
        Self {
            token,
            asked: Some(Action::Look),
            whereabouts: None,
            looked_unix: now_unix,
        }
    }

    /// Which.
    pub fn token(&self) -> &TokenName {
        &self.token
    }

    /// What is being asked of its gateway.
    pub fn asked(&self) -> Option<Action> {
        self.asked
    }

    /// Where it is, once the gateway has said so.
    pub fn whereabouts(&self) -> Option<&Whereabouts> {
        self.whereabouts.as_ref()
    }

    /// Whether the other device is waited for.
    pub fn is_begun(&self) -> bool {
        matches!(
            self.whereabouts,
            Some(Whereabouts::Here(Standing::Asked | Standing::Open(_)))
        )
    }

    /// What the person wishes, if it can be asked now.
    pub(super) fn wish(&mut self, action: Action) -> Option<Action> {
        let asked = self.may_wish(action).then_some(action);
        self.asked = asked.or(self.asked);
        asked
    }

    /// Whether it can be asked now: a look may be interrupted, a wish that is on its way is not.
    pub(super) fn may_wish(&self, action: Action) -> bool {
        let is_possible = match action {
            Action::BeginMailed | Action::BeginShown => {
                matches!(self.whereabouts, Some(Whereabouts::Here(Standing::None)))
            }
            Action::Cancel => self.is_begun(),
            Action::Look => true,
        };
        let is_free = self.asked.is_none_or(|asked| asked == Action::Look);
        is_possible && is_free
    }

    /// Lets time pass: once a second it is asked whether the other device has the token.
    pub(super) fn tick(&mut self, now_unix: u64) -> Option<Action> {
        if !self.is_begun() || self.asked.is_some() || self.looked_unix == now_unix {
            return None;
        }
        self.looked_unix = now_unix;
        self.asked = Some(Action::Look);
        self.asked
    }

    /// The gateway has answered.
    pub(super) fn answered(&mut self, answered: Answered, now_unix: u64) -> Change {
        let asked = self.asked.take();
        let was_begun = self.is_begun();
        let whereabouts = match answered {
            Answered::Moved => Whereabouts::Elsewhere,
            Answered::Stands(Standing::Open(open)) if open.expires_unix <= now_unix => {
                Whereabouts::Here(Standing::None)
            }
            Answered::Stands(standing) => Whereabouts::Here(standing),
        };
        let is_still_here = matches!(whereabouts, Whereabouts::Here(Standing::None));
        self.whereabouts = Some(whereabouts);
        match asked {
            Some(Action::Cancel) if is_still_here => Change::TakenBack,
            Some(Action::Look) if is_still_here && was_begun => Change::Ended,
            _ => Change::None,
        }
    }

    /// Nobody has answered: what was known is known still.
    pub(super) fn unanswered(&mut self) {
        self.asked = None;
    }

    /// The gateway has refused. Where even a look is, the next would be too, and looks that prove nothing are
    /// counted against all who share this address: it is asked no more.
    pub(super) fn refused(&mut self) {
        if self.asked.take() == Some(Action::Look) {
            self.whereabouts = None;
        }
    }
}
