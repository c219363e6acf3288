//! First factors that are proven, and how the code that comes after is judged.

use domain::code_only::Vouched;
use domain::contact::Channel;
use domain::login::{self, Drifted, Facts, Proof, Retry, Second, Submitted, Waiting};
use domain::name::CanonicalName;
use domain::one_time::{CodeKey, Issued};
use domain::password::{Mark, Rehash};
use domain::throttle::ProvenBy;
use domain::time::Timestamp;
use radius::mschapv2::Success;
use store::gateway::GatewayStore;

use super::challenges::Owner;
use super::{Wanted, with_counter};

/// A person whose first factor is proven, with what the second is judged by.
pub(crate) struct FirstProven {
    pub(super) proof: Proof,
    waits_for: WaitsFor,
    pub(super) beside: Beside,
}

/// What the code that a proven first factor waits for is judged by.
enum WaitsFor {
    /// The token, and what else does in its place.
    Token,
    /// The token, by the code that asked for it.
    Next(Box<Waiting>),
    /// What was sent.
    Sent(Box<Issued>),
}

/// What goes with a proven first factor until its login ends.
#[derive(Default)]
pub(super) struct Beside {
    /// The server's half of MS-CHAPv2, for the client once it is let in.
    pub(super) success: Option<Box<Success>>,
    /// By what the password is known if it comes again where a code is asked for.
    pub(super) mark: Option<Mark>,
    /// The hash that takes the place of one from elsewhere, once the login is on record.
    pub(super) rehash: Option<Box<Rehash>>,
}

impl From<Proof> for FirstProven {
    fn from(proof: Proof) -> Self {
        Self {
            proof,
            waits_for: WaitsFor::Token,
            beside: Beside::default(),
        }
    }
}

impl From<Retry> for FirstProven {
    fn from(retry: Retry) -> Self {
        Self {
            waits_for: retry
                .issued
                .map_or(WaitsFor::Token, |issued| WaitsFor::Sent(Box::new(issued))),
            ..retry.proof.into()
        }
    }
}

impl From<Drifted> for FirstProven {
    fn from(drifted: Drifted) -> Self {
        Self {
            waits_for: WaitsFor::Next(Box::new(drifted.waiting)),
            ..drifted.proof.into()
        }
    }
}

impl FirstProven {
    /// One to whom a code was sent.
    pub(super) fn sent(proof: Proof, issued: Issued) -> Self {
        Self {
            waits_for: WaitsFor::Sent(Box::new(issued)),
            ..proof.into()
        }
    }

    pub(super) fn with(self, beside: Beside) -> Self {
        Self { beside, ..self }
    }

    /// Another code was sent: the one before is good for nothing.
    pub(super) fn wait_for(&mut self, issued: Issued) {
        self.waits_for = WaitsFor::Sent(Box::new(issued));
    }

    /// Judges the second factor: a token's code, the one after it, or the one that was sent. Every code of every
    /// login is judged by this.
    pub(super) fn judge(
        self,
        store: &GatewayStore,
        key: &CodeKey,
        facts: &Facts,
        code: Option<&Submitted>,
        now: Timestamp,
    ) -> Second {
        let Self {
            proof, waits_for, ..
        } = self;
        let client = proof.client().cloned();
        with_counter(store, client.as_ref(), &facts.name, now, |counter| {
            match (waits_for, code) {
                (WaitsFor::Sent(issued), Some(code)) => {
                    login::sent(facts, proof, *issued, code, key, counter, now)
                }
                (WaitsFor::Next(waiting), Some(code)) => {
                    let waiting = *waiting;
                    login::next(facts, Drifted { proof, waiting }, code, counter, now)
                }
                _ => login::second(facts, proof, code, counter, now),
            }
        })
    }

    /// The client that checked the first factor itself, if one did.
    pub(crate) fn client(&self) -> Option<&Vouched> {
        self.proof.client()
    }

    /// Who found it right.
    pub(crate) fn proven_by(&self) -> ProvenBy {
        match self.client() {
            Some(_) => ProvenBy::Client,
            None => ProvenBy::Unit,
        }
    }

    /// Among whose challenges it counts.
    pub(super) fn owner(&self) -> Owner {
        Owner {
            person: self.person().clone(),
            proven_by: self.proven_by(),
        }
    }

    /// Whose it is.
    pub(crate) fn person(&self) -> &CanonicalName {
        self.proof.person()
    }

    /// What code is asked for.
    pub(crate) fn asked(&self) -> CodeOf {
        match &self.waits_for {
            WaitsFor::Token | WaitsFor::Next(_) => CodeOf::Token,
            WaitsFor::Sent(issued) => CodeOf::Sent(issued.to().channel()),
        }
    }

    /// What the person is asked.
    pub(super) fn wanted(&self) -> Wanted {
        self.drifted().unwrap_or_else(|| Wanted::Code(self.asked()))
    }

    /// What was sent, if that is what is waited for.
    pub(super) fn issued(&self) -> Option<&Issued> {
        match &self.waits_for {
            WaitsFor::Sent(issued) => Some(issued),
            WaitsFor::Token | WaitsFor::Next(_) => None,
        }
    }

    /// What asks for the code after one that is right for another time, if one is.
    pub(crate) fn drifted(&self) -> Option<Wanted> {
        match &self.waits_for {
            WaitsFor::Next(waiting) => Some(Wanted::NextCode(waiting.shown().into())),
            WaitsFor::Token | WaitsFor::Sent(_) => None,
        }
    }
}

/// What makes the code that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CodeOf {
    /// The person's token.
    Token,
    /// This unit, which sent it.
    Sent(Channel),
}

impl CodeOf {
    /// What a person is asked at a challenge.
    pub(crate) const fn question(self) -> &'static str {
        match self {
            Self::Token => "Please enter your token code",
            Self::Sent(Channel::Email) => "Please enter the token code sent to you by email",
            Self::Sent(Channel::Sms) => "Please enter the token code sent to you by SMS",
        }
    }
}
