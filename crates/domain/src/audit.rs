//! Audit events: what happened, by whom, to what. The acceptance of a login is one of them.

use ident::TokenSerial;
use otp::{Drift, Step};

use crate::contact::Channel;
use crate::login::trial::Counting;
use crate::login::{Origin, Refusal, Spend};
use crate::name::CanonicalName;
use crate::reason::Reason;
use crate::time::Timestamp;
use crate::vdom::Vdom;

/// Who acts on the administrator's side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// The administrator's name, or the system's part that acts.
    pub name: Box<str>,
    /// Through what: `console`, `ssh(192.0.2.1)`, `system`.
    pub interface: Box<str>,
}

impl Actor {
    /// The interface of what no administrator does.
    pub const SYSTEM: &'static str = "system";

    /// The system itself: pollers, workers, the first start.
    pub fn system(part: &str) -> Self {
        Self {
            name: Box::from(part),
            interface: Box::from(Self::SYSTEM),
        }
    }
}

/// What ended an administrator's session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leave {
    /// The administrator: `exit`, or the end of the input.
    Exit,
    /// The connection went away.
    Disconnected,
    /// Nothing was typed for as long as `admintimeout` says.
    IdleTimeout,
    /// Another administrator.
    Killed,
    /// The gateway stops, or its configuration no longer lets this administrator in.
    Server,
}

impl Leave {
    const ALL: [Self; 5] = [
        Self::Exit,
        Self::Disconnected,
        Self::IdleTimeout,
        Self::Killed,
        Self::Server,
    ];

    /// The word in logs and in the store.
    pub fn id(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Disconnected => "disconnected",
            Self::IdleTimeout => "timeout",
            Self::Killed => "killed",
            Self::Server => "server",
        }
    }

    /// The cause with this word.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.id() == id)
    }
}

/// What a client accounts for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accounted {
    /// A session began.
    Start,
    /// A session ended.
    Stop,
}

impl Accounted {
    /// The word in logs and in the store. It never changes.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }

    /// What this word says.
    pub fn from_id(id: &str) -> Option<Self> {
        [Self::Start, Self::Stop]
            .into_iter()
            .find(|accounted| accounted.id() == id)
    }
}

/// How far a password that had expired is on its way to another, at a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RenewalStage {
    /// A directory is asked for it: what it does cannot be taken back.
    AskedFor,
    /// It is set, by somebody who needs no second factor.
    Set,
    /// It is set, by somebody who knew the one that had expired and has not shown the second factor yet.
    SetBeforeCode,
}

impl RenewalStage {
    const ALL: [Self; 3] = [Self::AskedFor, Self::Set, Self::SetBeforeCode];

    /// The word in logs and in the store. It never changes.
    pub const fn id(self) -> &'static str {
        match self {
            Self::AskedFor => "asked-for",
            Self::Set => "set",
            Self::SetBeforeCode => "set-before-code",
        }
    }

    /// What this word says.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.id() == id)
    }
}

/// One event, complete before it is chained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A login was granted; the step is spent by this very record.
    Accepted {
        /// Whose.
        person: CanonicalName,
        /// From where.
        origin: Origin,
        /// What it used up.
        spend: Spend,
        /// Which server vouched for somebody who has no record here, and for which groups.
        vouched: Option<Box<str>>,
    },
    /// A login was refused.
    Refused {
        /// The name that was presented, in canonical form.
        person: CanonicalName,
        /// From where.
        origin: Origin,
        /// As known when the reply was due.
        reason: Reason,
        /// The token whose code was looked at.
        token: Option<TokenSerial>,
        /// The spent step of a replay.
        step: Option<Step>,
        /// More than the reason says.
        evidence: Option<Box<str>>,
    },
    /// A login could not be decided: nobody who knows the password answered. Nothing is counted.
    Undecided {
        /// The name that was presented, in canonical form.
        person: CanonicalName,
        /// From where.
        origin: Origin,
        /// Why.
        reason: Reason,
        /// What is known of it.
        evidence: Box<str>,
    },
    /// A code was sent for a login, or was not.
    CodeSent {
        /// Whose login.
        person: CanonicalName,
        /// From where.
        origin: Origin,
        /// By which way.
        channel: Channel,
        /// Why it could not be; nothing if it was.
        failure: Option<Box<str>>,
    },
    /// A client says that a person's session began or ended there.
    Session {
        /// Whose.
        person: CanonicalName,
        /// Where.
        origin: Origin,
        /// Which of the two.
        accounted: Accounted,
        /// The session's name at the client, and what it took.
        detail: Box<str>,
    },
    /// A password that had expired is renewed at a login, by whoever knew it.
    PasswordRenewal {
        /// Whose.
        person: CanonicalName,
        /// From where.
        origin: Origin,
        /// How far it is.
        stage: RenewalStage,
        /// The directory that keeps it; nothing if this unit does.
        at: Option<Box<str>>,
    },
    /// What a refusal turned out to be.
    Explained {
        /// The refusal's number.
        refusal: i64,
        /// The reason that the evidence shows.
        reason: Reason,
        /// The evidence.
        evidence: Box<str>,
    },
    /// Two codes were burnt to learn a token's clock difference.
    Resynchronised {
        /// Who asked for it.
        actor: Actor,
        /// The virtual domain to which the token belongs.
        vdom: Vdom,
        /// The token.
        token: TokenSerial,
        /// The step of the second code.
        step: Step,
        /// The clock difference learned.
        drift: Drift,
    },
    /// Two codes taught nothing: the token stays as it was.
    NotResynchronised {
        /// Who asked for it.
        actor: Actor,
        /// The virtual domain to which the token belongs.
        vdom: Vdom,
        /// The token.
        token: TokenSerial,
        /// Why.
        cause: Box<str>,
    },
    /// A mobile token went a step on its way to a phone, or did not.
    Activation {
        /// Who did it.
        actor: Actor,
        /// The virtual domain to which the token belongs.
        vdom: Vdom,
        /// The token.
        token: TokenSerial,
        /// Whose it is.
        owner: Option<CanonicalName>,
        /// How far it came.
        stage: ActivationStage,
        /// More than the stage says; never the activation code.
        detail: Box<str>,
    },
    /// A login was tried out for a person. Nothing was spent.
    LoginTested {
        /// Who did it.
        actor: Actor,
        /// Whose login.
        person: CanonicalName,
        /// Why it would not have been granted; nothing if it would have been, or would have gone on.
        reason: Option<Reason>,
        /// What came of it, in words.
        detail: Box<str>,
        /// How it bears on the limits of the person.
        counting: Counting,
        /// A step whose code turned out to be right for a later time, and its token: it lets nobody in any more.
        held: Option<(TokenSerial, Step)>,
    },
    /// The failures of a person were cleared.
    Unlocked {
        /// Who did it.
        actor: Actor,
        /// Whose failures.
        person: CanonicalName,
    },
    /// A person has another name, and stays the same person.
    Renamed {
        /// Who did it.
        actor: Actor,
        /// The name so far.
        from: CanonicalName,
        /// The name from now on.
        to: CanonicalName,
    },
    /// Something was configured, imported, assigned or learned.
    Changed {
        /// Who did it.
        actor: Actor,
        /// In which virtual domain; the root for what stands once.
        vdom: Vdom,
        /// The table or action: `user.local`, `fortitoken-mobile.import`.
        action: Box<str>,
        /// The entry.
        object: Box<str>,
        /// What changed, without anything secret.
        detail: Box<str>,
    },
    /// An administrator is in. What a code spent stands in an [`What::Accepted`] of the same moment.
    AdminLogin {
        /// Who, and through what: `ssh(192.0.2.1)`.
        actor: Actor,
    },
    /// Somebody who wants to administer was turned away.
    AdminRefused {
        /// The name as presented, and through what.
        actor: Actor,
        /// As known when the reply was due.
        reason: Reason,
    },
    /// Nothing that comes from there, or for that name from there, is looked at for a while.
    AdminLockout {
        /// The name as presented last, and through what.
        actor: Actor,
        /// For how many seconds.
        seconds: i64,
    },
    /// An administrator is out.
    AdminLogout {
        /// Who, and through what.
        actor: Actor,
        /// What ended the session.
        cause: Leave,
    },
    /// Steps were spent wholesale, because the store may have gone back.
    FloorRaised {
        /// Why.
        cause: Box<str>,
    },
    /// An administrator had the event log deleted.
    LogDeleted {
        /// Who did it.
        actor: Actor,
        /// The last event that nobody is shown any more.
        through: i64,
    },
    /// A local certificate ends, or an authority gave another one, or did not.
    Certificate {
        /// Its name.
        name: Box<str>,
        /// Which of these.
        event: CertificateEvent,
        /// What is known besides.
        detail: Box<str>,
    },
    /// A syslog server answers, does not, or will never get some events.
    LogTarget {
        /// The table of its settings: `syslogd`, `syslogd2`.
        target: Box<str>,
        /// How it stands.
        state: TargetState,
        /// What is known besides.
        detail: Box<str>,
    },
}

/// What happens to a local certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CertificateEvent {
    /// It ends soon.
    Ending,
    /// It ended.
    Ended,
    /// An authority gave it.
    Enrolled,
    /// An authority gave none.
    NotEnrolled,
}

impl CertificateEvent {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Ending, Self::Ended, Self::Enrolled, Self::NotEnrolled];

    /// The word in logs and in the store. It never changes.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Ending => "ending",
            Self::Ended => "ended",
            Self::Enrolled => "enrolled",
            Self::NotEnrolled => "not-enrolled",
        }
    }

    /// The one with this word.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.id() == id)
    }
}

/// How far a mobile token came on its way to a phone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ActivationStage {
    /// The token server was asked for a code.
    Requested,
    /// The token server made one.
    CodeMade,
    /// The code is on its way to the person.
    CodeSent,
    /// The code could not be sent.
    CodeNotSent,
    /// A phone activated the token.
    Activated,
    /// The token server refused.
    Refused,
    /// The token server names another phone than the one that activated the token.
    OtherPhone,
    /// The token is to move to another phone.
    TransferBegun,
    /// It stays where it is.
    TransferEnded,
    /// Another phone has it now.
    Transferred,
    /// Two phones answer with the same token.
    TwoPhones,
}

impl ActivationStage {
    /// Every stage.
    pub const ALL: [Self; 11] = [
        Self::Requested,
        Self::CodeMade,
        Self::CodeSent,
        Self::CodeNotSent,
        Self::Activated,
        Self::Refused,
        Self::OtherPhone,
        Self::TransferBegun,
        Self::TransferEnded,
        Self::Transferred,
        Self::TwoPhones,
    ];

    /// Its name in the audit chain. It never changes.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::CodeMade => "code-made",
            Self::CodeSent => "code-sent",
            Self::CodeNotSent => "code-not-sent",
            Self::Activated => "activated",
            Self::Refused => "refused",
            Self::OtherPhone => "other-phone",
            Self::TransferBegun => "transfer-begun",
            Self::TransferEnded => "transfer-ended",
            Self::Transferred => "transferred",
            Self::TwoPhones => "two-phones",
        }
    }

    /// The stage with this name.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.id() == id)
    }
}

/// How a syslog server stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TargetState {
    /// It takes events.
    Reached,
    /// It does not; what it misses is sent once it does.
    Unreachable,
    /// Events were removed before it took them.
    Missed,
}

impl TargetState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Reached, Self::Unreachable, Self::Missed];

    /// Its name in the audit chain. It never changes.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Unreachable => "unreachable",
            Self::Missed => "missed",
        }
    }

    /// The state with this name.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.id() == id)
    }
}

impl Event {
    /// The event of a refusal.
    pub fn refused(person: CanonicalName, origin: Origin, refusal: Refusal, at: Timestamp) -> Self {
        let Refusal {
            reason,
            token,
            step,
            evidence,
        } = refusal;
        Self {
            at,
            what: What::Refused {
                person,
                origin,
                reason,
                token,
                step,
                evidence,
            },
        }
    }

    /// The user whom it is about, if it is about one; one who was renamed, by the name so far.
    pub fn person(&self) -> Option<&CanonicalName> {
        match &self.what {
            What::Accepted { person, .. }
            | What::Refused { person, .. }
            | What::Undecided { person, .. }
            | What::CodeSent { person, .. }
            | What::Session { person, .. }
            | What::PasswordRenewal { person, .. }
            | What::LoginTested { person, .. }
            | What::Unlocked { person, .. }
            | What::Renamed { from: person, .. } => Some(person),
            What::Activation { owner, .. } => owner.as_ref(),
            _ => None,
        }
    }

    /// The event of a change.
    pub fn changed(
        actor: &Actor,
        vdom: Vdom,
        action: &str,
        object: &str,
        detail: &str,
        at: Timestamp,
    ) -> Self {
        Self {
            at,
            what: What::Changed {
                actor: actor.clone(),
                vdom,
                action: Box::from(action),
                object: Box::from(object),
                detail: Box::from(detail),
            },
        }
    }
}
