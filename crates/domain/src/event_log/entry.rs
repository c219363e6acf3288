//! An audit event as an entry of the log.

use std::borrow::Cow;
use std::net::IpAddr;

use ident::TokenSerial;

use super::Key;
use super::message::{self, Message};
use crate::audit::{
    Accounted, ActivationStage, Actor, CertificateEvent, Event, Leave, RenewalStage, TargetState,
    What,
};
use crate::contact::Channel;
use crate::login::trial::Counting;
use crate::login::{Origin, Spend};
use crate::name::{CanonicalName, Realm};
use crate::reason::Reason;
use crate::schema::{Shape, Table};
use crate::time::Timestamp;
use crate::vdom::Vdom;

/// An event with its message and fields, before it is written in one of the formats.
#[derive(Debug)]
pub struct Entry<'a> {
    /// When it happened.
    pub at: Timestamp,
    /// What kind it is.
    pub message: &'static Message,
    /// Where it happened.
    pub vdom: Vdom,
    pub(super) fields: Vec<(Key, Cow<'a, str>)>,
}

impl<'a> Entry<'a> {
    /// The entry of the event with this number in the audit chain.
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of event")]
    pub fn of(number: i64, event: &'a Event) -> Self {
        let mut entry = match &event.what {
            What::Accepted {
                person,
                origin,
                spend,
                vouched,
            } => accepted(number, person, origin, spend, vouched.as_deref()),
            What::Refused {
                person,
                origin,
                reason,
                token,
                evidence,
                ..
            } => refused(number, person, origin, *reason, evidence.as_deref())
                .maybe(Key::SerialNo, token.as_ref().map(TokenSerial::as_str)),
            What::Undecided {
                person,
                origin,
                reason,
                evidence,
            } => undecided(number, person, origin, *reason, evidence),
            What::CodeSent {
                person,
                origin,
                channel,
                failure,
            } => code_sent(number, person, origin, *channel, failure.as_deref()),
            What::PasswordRenewal {
                person,
                origin,
                stage,
                at,
            } => password_renewal(number, person, origin, *stage, at.as_deref()),
            What::Session {
                person,
                origin,
                accounted,
                detail,
            } => session(number, person, origin, *accounted, detail),
            What::Explained {
                refusal,
                reason,
                evidence,
            } => explained(*refusal, *reason, evidence),
            What::Resynchronised {
                actor,
                vdom,
                token,
                drift,
                ..
            } => {
                let msg = format!("FortiToken {token} re-synchronized, drift {}", drift.0);
                resynchronised(actor, token, msg).at_vdom(*vdom)
            }
            What::NotResynchronised {
                actor,
                vdom,
                token,
                cause,
            } => not_resynchronised(actor, token, cause).at_vdom(*vdom),
            What::Activation {
                actor,
                vdom,
                token,
                owner,
                stage,
                detail,
            } => activation(actor, token, owner.as_ref(), *stage, detail).at_vdom(*vdom),
            What::LoginTested {
                actor,
                person,
                reason,
                detail,
                counting,
                ..
            } => login_tested(actor, person, *reason, detail, *counting),
            What::Unlocked { actor, person } => unlocked(actor, person),
            What::Renamed { actor, from, to } => renamed(actor, from, to),
            What::Changed {
                actor,
                vdom,
                action,
                object,
                detail,
            } => changed(actor, action, object, detail).at_vdom(*vdom),
            What::FloorRaised { cause } => Self::new(&message::FLOOR_RAISED)
                .with(Key::Action, "raise-floor")
                .saying(format!("All codes up to now count as used: {cause}")),
            What::AdminLogin { actor } => admin_logged_in(actor),
            What::AdminRefused { actor, reason } => admin_refused(actor, *reason),
            What::AdminLockout { actor, seconds } => admin_locked_out(actor, *seconds),
            What::AdminLogout { actor, cause } => admin_logged_out(actor, *cause),
            What::LogDeleted { actor, through } => Self::new(&message::LOG_DELETED)
                .by(actor)
                .did("delete", "success")
                .saying(format!("Event log deleted up to event {through}")),
            What::Certificate {
                name,
                event,
                detail,
            } => certificate(name, *event, detail),
            What::LogTarget {
                target,
                state,
                detail,
            } => log_target(target, *state, detail),
        };
        entry.at = event.at;
        entry.fields.sort_by_key(|(key, _)| *key as usize);
        entry
    }

    /// The value of a field that is not common to all messages.
    pub fn value(&self, key: Key) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields
            .find(|(held, _)| *held == key)
            .map(|(_, value)| &**value)
    }

    fn new(message: &'static Message) -> Self {
        Self {
            at: Timestamp::default(),
            message,
            vdom: Vdom::ROOT,
            fields: Vec::with_capacity(message.keys.len()),
        }
    }

    fn with(mut self, key: Key, value: impl Into<Cow<'a, str>>) -> Self {
        self.fields.push((key, value.into()));
        self
    }

    fn maybe(self, key: Key, value: Option<&'a str>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    fn within(mut self, person: &CanonicalName) -> Self {
        if let Realm::Vdom(vdom) = person.realm() {
            self.vdom = vdom;
        }
        self
    }

    fn at_vdom(self, vdom: Vdom) -> Self {
        Self { vdom, ..self }
    }

    fn by(self, actor: &'a Actor) -> Self {
        self.with(Key::User, &*actor.name)
            .with(Key::Ui, &*actor.interface)
    }

    fn did(self, action: &'a str, status: &'a str) -> Self {
        self.with(Key::Action, action).with(Key::Status, status)
    }

    fn saying(self, msg: String) -> Self {
        self.with(Key::Msg, msg)
    }

    /// Only what is an address is one: clients report what they like.
    fn sourced(self, source: &'a str) -> Self {
        let address = source.parse::<IpAddr>().ok();
        self.maybe(Key::SrcIp, address.map(|_| source))
    }
}

fn accepted<'a>(
    number: i64,
    person: &'a CanonicalName,
    origin: &'a Origin,
    spend: &'a Spend,
    vouched: Option<&str>,
) -> Entry<'a> {
    let serial = match spend {
        Spend::Step { token, .. } | Spend::Push { token, .. } => Some(token.as_str()),
        Spend::Nothing | Spend::Sent(_) | Spend::Recovery(_) => None,
    };
    let name = person.bare();
    let by = vouched.map_or_else(String::new, |by| format!(" by {by}"));
    authentication(&message::AUTHENTICATED, number, person, origin)
        .did("authentication", "success")
        .with(Key::Reason, "N/A")
        .saying(format!("User {name} succeeded in authentication{by}"))
        .maybe(Key::SerialNo, serial)
}

fn refused<'a>(
    number: i64,
    person: &'a CanonicalName,
    origin: &'a Origin,
    reason: Reason,
    evidence: Option<&str>,
) -> Entry<'a> {
    let name = person.bare();
    let known = because(reason, evidence);
    let message = match reason {
        Reason::PushNotMe => &message::REPORTED,
        _ => &message::NOT_AUTHENTICATED,
    };
    authentication(message, number, person, origin)
        .did("authentication", "failure")
        .with(Key::Reason, reason.id())
        .saying(format!("User {name} failed in authentication: {known}"))
}

fn because(reason: Reason, evidence: Option<&str>) -> String {
    let cause = reason.cause();
    evidence.map_or_else(
        || cause.to_owned(),
        |evidence| format!("{cause} ({evidence})"),
    )
}

fn authentication<'a>(
    message: &'static Message,
    number: i64,
    person: &'a CanonicalName,
    origin: &'a Origin,
) -> Entry<'a> {
    let protocol: Cow<'_, str> = match person.realm() {
        Realm::Vdom(_) => format!("RADIUS({})", origin.client).into(),
        Realm::Administrators => (&*origin.client).into(),
    };
    Entry::new(message)
        .within(person)
        .with(Key::Sn, number.to_string())
        .sourced(origin.source.as_str())
        .with(Key::User, person.bare())
        .with(Key::AuthProto, protocol)
}

/// The address stays out of it: what a code needs is only known to whom it is sent.
fn code_sent<'a>(
    number: i64,
    person: &'a CanonicalName,
    origin: &'a Origin,
    channel: Channel,
    failure: Option<&str>,
) -> Entry<'a> {
    let name = person.bare();
    match failure {
        None => authentication(&message::LOGIN_CODE_SENT, number, person, origin)
            .did("send-code", "success")
            .saying(format!("Code for a login of user {name} sent by {channel}")),
        Some(why) => authentication(&message::LOGIN_CODE_NOT_SENT, number, person, origin)
            .did("send-code", "failure")
            .with(Key::Reason, Reason::CodeNotSent.id())
            .saying(format!(
                "Code for a login of user {name} not sent by {channel}: {why}"
            )),
    }
}

fn login_tested<'a>(
    actor: &'a Actor,
    person: &'a CanonicalName,
    reason: Option<Reason>,
    detail: &str,
    counting: Counting,
) -> Entry<'a> {
    let (status, word) = reason.map_or(("success", "N/A"), |reason| ("failure", reason.id()));
    let counted = match counting {
        Counting::Free => "",
        Counting::AsWrongCode => "; counted as a wrong code",
    };
    let name = person.bare();
    Entry::new(&message::LOGIN_TESTED)
        .within(person)
        .by(actor)
        .did("test-login", status)
        .with(Key::Reason, word)
        .saying(format!("Login of user {name} tried out: {detail}{counted}"))
}

fn unlocked<'a>(actor: &'a Actor, person: &'a CanonicalName) -> Entry<'a> {
    Entry::new(&message::FAILURES_CLEARED)
        .within(person)
        .by(actor)
        .did("unlock", "success")
        .saying(format!("Failures of user {} cleared", person.bare()))
}

fn undecided<'a>(
    number: i64,
    person: &'a CanonicalName,
    origin: &'a Origin,
    reason: Reason,
    evidence: &str,
) -> Entry<'a> {
    authentication(&message::NOT_DECIDED, number, person, origin)
        .did("authentication", "timed_out")
        .with(Key::Reason, reason.id())
        .saying(format!("User {} not decided: {evidence}", person.bare()))
}

fn session<'a>(
    number: i64,
    person: &'a CanonicalName,
    origin: &'a Origin,
    accounted: Accounted,
    detail: &str,
) -> Entry<'a> {
    let (message, verb) = match accounted {
        Accounted::Start => (&message::SESSION_STARTED, "started"),
        Accounted::Stop => (&message::SESSION_STOPPED, "stopped"),
    };
    authentication(message, number, person, origin)
        .did("accounting", accounted.id())
        .saying(format!("User {} {verb} {detail}", person.bare()))
}

fn password_renewal<'a>(
    number: i64,
    person: &'a CanonicalName,
    origin: &'a Origin,
    stage: RenewalStage,
    at: Option<&str>,
) -> Entry<'a> {
    let name = person.bare();
    let at = at.map_or_else(String::new, |at| format!(" at {at}"));
    let (message, said) = match stage {
        RenewalStage::AskedFor => (
            &message::PASSWORD_RENEWED,
            format!("New password of user {name} asked for{at}"),
        ),
        RenewalStage::Set => (
            &message::PASSWORD_RENEWED,
            format!("New password of user {name} set{at}, in the place of one that had expired"),
        ),
        RenewalStage::SetBeforeCode => (
            &message::RENEWED_BEFORE_CODE,
            format!(
                "New password of user {name} set{at} by somebody who knew the one that had expired, and has not shown \
                 the second factor yet"
            ),
        ),
    };
    authentication(message, number, person, origin)
        .did("password-renewal", stage.id())
        .saying(said)
}

fn explained(refusal: i64, reason: Reason, evidence: &str) -> Entry<'_> {
    let known = because(reason, Some(evidence));
    Entry::new(&message::LOGIN_EXPLAINED)
        .with(Key::Sn, refusal.to_string())
        .with(Key::Action, "explain")
        .with(Key::Reason, reason.id())
        .saying(format!("Refusal {refusal}: {known}"))
}

/// A person whose login asks for the next code has no administrator's interface.
fn resynchronised<'a>(actor: &'a Actor, token: &'a TokenSerial, msg: String) -> Entry<'a> {
    if *actor.interface == *Actor::SYSTEM {
        return Entry::new(&message::TOKEN_SYNCHRONISED)
            .with(Key::User, &*actor.name)
            .with(Key::Action, "sync")
            .saying(msg);
    }
    Entry::new(&message::RESYNCHRONISED)
        .by(actor)
        .did("sync", "success")
        .with(Key::SerialNo, token.as_str())
        .saying(msg)
}

fn not_resynchronised<'a>(actor: &'a Actor, token: &'a TokenSerial, cause: &str) -> Entry<'a> {
    Entry::new(&message::NOT_RESYNCHRONISED)
        .by(actor)
        .did("sync", "failure")
        .with(Key::SerialNo, token.as_str())
        .saying(format!("FortiToken {token} not re-synchronized: {cause}"))
}

fn activation<'a>(
    actor: &'a Actor,
    token: &'a TokenSerial,
    owner: Option<&'a CanonicalName>,
    stage: ActivationStage,
    detail: &str,
) -> Entry<'a> {
    let serial = token.as_str();
    let user = owner.map_or("N/A", CanonicalName::bare);
    let entry = match stage {
        ActivationStage::Requested => Entry::new(&message::ACTIVATION_REQUESTED)
            .by(actor)
            .with(Key::Action, "activate")
            .saying(format!(
                "Activation of FortiToken {serial} requested for user {user}"
            )),
        ActivationStage::CodeMade => Entry::new(&message::CODE_MADE)
            .by(actor)
            .did("activate", "success")
            .saying(format!(
                "Activation code of FortiToken {serial} made for user {user}"
            )),
        ActivationStage::CodeSent => {
            return Entry::new(&message::CODE_SENT)
                .owned_by(owner)
                .with(Key::User, user)
                .with(Key::Action, "send-activation-code")
                .saying(format!(
                    "Activation code of FortiToken {serial} for user {user} sent to {detail}"
                ));
        }
        ActivationStage::CodeNotSent => Entry::new(&message::CODE_NOT_SENT)
            .with(Key::User, user)
            .did("send-activation-code", "failure")
            .saying(format!(
                "Activation code of FortiToken {serial} for user {user} not sent: {detail}"
            )),
        ActivationStage::Activated => Entry::new(&message::ACTIVATED)
            .did("activate", "success")
            .saying(format!(
                "FortiToken {serial} of user {user} activated {detail}"
            )),
        ActivationStage::Refused => Entry::new(&message::NOT_ACTIVATED)
            .by(actor)
            .did("activate", "failure")
            .saying(format!(
                "Activation of FortiToken {serial} of user {user} refused: {detail}"
            )),
        ActivationStage::OtherPhone => Entry::new(&message::OTHER_PHONE)
            .by(actor)
            .did("poll", "failure")
            .saying(format!("FortiToken {serial} of user {user}: {detail}")),
        ActivationStage::TransferBegun => Entry::new(&message::TRANSFER_BEGUN)
            .by(actor)
            .with(Key::Action, "transfer")
            .saying(format!(
                "Transfer of FortiToken {serial} of user {user} begun: {detail}"
            )),
        ActivationStage::TransferEnded => Entry::new(&message::TRANSFER_ENDED)
            .by(actor)
            .did("transfer", "failure")
            .saying(format!(
                "FortiToken {serial} of user {user} stays on its phone: {detail}"
            )),
        ActivationStage::Transferred => Entry::new(&message::TRANSFERRED)
            .did("transfer", "success")
            .saying(format!(
                "FortiToken {serial} of user {user} transferred {detail}"
            )),
        ActivationStage::TwoPhones => Entry::new(&message::TWO_PHONES)
            .by(actor)
            .did("push", "failure")
            .saying(format!("FortiToken {serial} of user {user}: {detail}")),
    };
    entry.owned_by(owner).with(Key::SerialNo, serial)
}

impl Entry<'_> {
    fn owned_by(self, owner: Option<&CanonicalName>) -> Self {
        match owner {
            Some(owner) => self.within(owner),
            None => self,
        }
    }
}

/// What is no table of the configuration is an operation.
fn changed<'a>(actor: &'a Actor, action: &'a str, object: &'a str, detail: &'a str) -> Entry<'a> {
    let Some(table) = Table::at(&action.replace('.', " ")) else {
        return Entry::new(&message::OPERATION)
            .by(actor)
            .with(Key::Action, action)
            .saying(format!("{action} {object}: {detail}"));
    };
    let (verb, attributes) = verb(detail);
    let message = match table.shape {
        Shape::Single => &message::ATTRIBUTE_CONFIGURED,
        Shape::Keyed(_) => &message::OBJECT_ATTRIBUTE_CONFIGURED,
    };
    let object = Some(object).filter(|object| !object.is_empty());
    let what = object.map_or_else(|| action.to_owned(), |object| format!("{action} {object}"));
    Entry::new(message)
        .by(actor)
        .with(Key::Action, verb)
        .with(Key::CfgPath, action)
        .maybe(Key::CfgObj, object)
        .maybe(Key::CfgAttr, attributes)
        .saying(format!("{verb} {what}"))
}

/// FortiOS's word for what was done to an entry, and what else is known of it.
fn verb(detail: &str) -> (&'static str, Option<&str>) {
    match detail {
        "delete" => ("Delete", None),
        "purge" => ("Delete", Some(detail)),
        "add" => ("Add", None),
        _ if detail.starts_with("clone of ") => ("Add", Some(detail)),
        _ => match detail.strip_prefix("add, ") {
            Some(fields) => ("Add", Some(fields)),
            None => ("Edit", Some(detail)),
        },
    }
}

fn renamed<'a>(actor: &'a Actor, from: &'a CanonicalName, to: &CanonicalName) -> Entry<'a> {
    let path = match from.realm() {
        Realm::Vdom(_) => "user.local",
        Realm::Administrators => "system.admin",
    };
    Entry::new(&message::OBJECT_ATTRIBUTE_CONFIGURED)
        .within(from)
        .by(actor)
        .with(Key::Action, "Edit")
        .with(Key::CfgPath, path)
        .with(Key::CfgObj, from.bare())
        .with(Key::CfgAttr, format!("rename to {}", to.bare()))
        .saying(format!("Edit {path} {}", from.bare()))
}

impl<'a> Entry<'a> {
    fn came(message: &'static Message, actor: &'a Actor) -> Self {
        let (method, source) = connection(&actor.interface);
        Self::new(message)
            .by(actor)
            .with(Key::Method, method)
            .sourced(source)
    }
}

/// `ssh(192.0.2.1)` is a method and an address.
fn connection(interface: &str) -> (&str, &str) {
    let inner = interface.strip_suffix(')');
    inner
        .and_then(|inner| inner.split_once('('))
        .unwrap_or((interface, ""))
}

/// Two reasons have words of FortiOS's own, which collectors look for.
fn admin_logged_in(actor: &Actor) -> Entry<'_> {
    Entry::came(&message::ADMIN_LOGGED_IN, actor)
        .did("login", "success")
        .with(Key::Reason, "none")
        .saying(format!(
            "Administrator {} logged in successfully from {}",
            actor.name, actor.interface
        ))
}

fn admin_refused(actor: &Actor, reason: Reason) -> Entry<'_> {
    let (word, cause) = match reason {
        Reason::UserUnknown => ("name_invalid", "invalid user name"),
        Reason::PasswordWrong => ("passwd_invalid", "invalid password"),
        other => (other.id(), other.cause()),
    };
    Entry::came(&message::ADMIN_REFUSED, actor)
        .did("login", "failed")
        .with(Key::Reason, word)
        .saying(format!(
            "Administrator {} login failed from {} because of {cause}",
            actor.name, actor.interface
        ))
}

fn admin_locked_out(actor: &Actor, seconds: i64) -> Entry<'_> {
    let (_, source) = connection(&actor.interface);
    Entry::new(&message::ADMIN_LOCKED_OUT)
        .with(Key::Ui, &*actor.interface)
        .sourced(source)
        .did("login", "failed")
        .with(Key::Reason, "exceed_limit")
        .saying(format!(
            "Login disabled from IP {source} for {seconds} seconds because of too many bad attempts"
        ))
}

fn admin_logged_out(actor: &Actor, cause: Leave) -> Entry<'_> {
    let left = match cause {
        Leave::IdleTimeout => "timed out on",
        Leave::Exit | Leave::Disconnected | Leave::Killed | Leave::Server => "logged out from",
    };
    Entry::came(&message::ADMIN_LOGGED_OUT, actor)
        .did("logout", "success")
        .with(Key::Reason, cause.id())
        .saying(format!(
            "Administrator {} {left} {}",
            actor.name, actor.interface
        ))
}

fn certificate<'a>(name: &'a str, event: CertificateEvent, detail: &str) -> Entry<'a> {
    let (message, action, status) = match event {
        CertificateEvent::Ending => (&message::CERTIFICATE_ENDING, "expire", "warning"),
        CertificateEvent::Ended => (&message::CERTIFICATE_ENDED, "expire", "failure"),
        CertificateEvent::Enrolled => (&message::CERTIFICATE_ENROLLED, "enroll", "success"),
        CertificateEvent::NotEnrolled => (&message::CERTIFICATE_NOT_ENROLLED, "enroll", "failure"),
    };
    Entry::new(message)
        .did(action, status)
        .saying(format!("Local certificate {name}: {detail}"))
}

fn log_target<'a>(target: &'a str, state: TargetState, detail: &str) -> Entry<'a> {
    let (message, status, said) = match state {
        TargetState::Reached => (&message::TARGET_REACHED, "success", "reached"),
        TargetState::Unreachable => (&message::TARGET_UNREACHABLE, "failure", "not reached"),
        TargetState::Missed => (&message::TARGET_MISSED, "failure", "missed events"),
    };
    Entry::new(message)
        .did("syslog", status)
        .saying(format!("Server of log {target} setting {said}: {detail}"))
}
