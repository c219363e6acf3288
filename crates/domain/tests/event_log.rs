//! What the event log says, line by line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use domain::audit::{
    Accounted, ActivationStage, Actor, CertificateEvent, Event, Leave, RenewalStage, TargetState,
    What,
};
use domain::contact::Channel;
use domain::event_log::{
    Condition, Entry, Expression, Facility, Format, Key, Message, Search, Sense, Unit,
};
use domain::login::trial::Counting;
use domain::login::{Origin, Spend};
use domain::name::{CanonicalName, Realm};
use domain::reason::Reason;
use domain::source::LoginSource;
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use ident::TokenSerial;
use otp::{Drift, Step};
use proptest::prelude::*;

/// 2026-11-22 03:10:12.000345Z.
const AT: Timestamp = Timestamp::from_micros(1_795_317_012_000_345);
const HOUR: Span = Span::from_hours(1);
const UNIT: Unit<'_> = Unit {
    hostname: "FGT",
    serial: "SYMBVM0123456789",
    version: "7.6.0",
};

fn admin() -> Actor {
    Actor {
        name: "admin".into(),
        interface: "ssh(192.0.2.9)".into(),
    }
}

fn token() -> TokenSerial {
    TokenSerial::parse("FTKMOB99C7D975DF").unwrap()
}

fn alice() -> CanonicalName {
    CanonicalName::of("alice").unwrap()
}

fn origin() -> Origin {
    Origin {
        client: "vpn1".into(),
        source: LoginSource::of([192, 0, 2, 7].into()),
    }
}

fn activation(stage: ActivationStage, detail: &str) -> What {
    What::Activation {
        vdom: Vdom::ROOT,
        actor: admin(),
        token: token(),
        owner: Some(alice()),
        stage,
        detail: detail.into(),
    }
}

fn changed(action: &str, object: &str, detail: &str) -> What {
    What::Changed {
        vdom: Vdom::ROOT,
        actor: admin(),
        action: action.into(),
        object: object.into(),
        detail: detail.into(),
    }
}

fn refused(person: CanonicalName, evidence: Option<&str>) -> What {
    What::Refused {
        person,
        origin: origin(),
        reason: Reason::CodeReplayed,
        token: Some(token()),
        step: Some(Step(7)),
        evidence: evidence.map(Box::from),
    }
}

fn admin_refused(reason: Reason) -> What {
    let actor = admin();
    What::AdminRefused { actor, reason }
}

fn resynchronised(actor: Actor) -> What {
    What::Resynchronised {
        vdom: Vdom::ROOT,
        actor,
        token: token(),
        step: Step(7),
        drift: Drift(-3),
    }
}

fn target(state: TargetState, detail: &str) -> What {
    What::LogTarget {
        target: "syslogd2".into(),
        state,
        detail: detail.into(),
    }
}

fn certificate(event: CertificateEvent) -> What {
    What::Certificate {
        name: "web".into(),
        event,
        detail: "it ends in 7 days".into(),
    }
}

fn accepted() -> What {
    What::Accepted {
        person: alice(),
        origin: origin(),
        spend: Spend::Step {
            token: token(),
            step: Step(7),
            drift: Drift(0),
        },
        vouched: None,
    }
}

/// One of each, with the line behind the common fields.
#[expect(clippy::too_many_lines, reason = "one sample for each message")]
fn samples() -> Vec<(What, &'static str)> {
    vec![
        (
            What::AdminLogin { actor: admin() },
            r#"logid="0100032001" type="event" subtype="system" level="information" vd="root" logdesc="Admin login successful" srcip=192.0.2.9 user="admin" ui="ssh(192.0.2.9)" method="ssh" action="login" status="success" reason="none" msg="Administrator admin logged in successfully from ssh(192.0.2.9)""#,
        ),
        (
            admin_refused(Reason::PasswordWrong),
            r#"logid="0100032002" type="event" subtype="system" level="alert" vd="root" logdesc="Admin login failed" srcip=192.0.2.9 user="admin" ui="ssh(192.0.2.9)" method="ssh" action="login" status="failed" reason="passwd_invalid" msg="Administrator admin login failed from ssh(192.0.2.9) because of invalid password""#,
        ),
        (
            What::AdminLogout {
                actor: admin(),
                cause: Leave::IdleTimeout,
            },
            r#"logid="0100032003" type="event" subtype="system" level="information" vd="root" logdesc="Admin logout successful" srcip=192.0.2.9 user="admin" ui="ssh(192.0.2.9)" method="ssh" action="logout" status="success" reason="timeout" msg="Administrator admin timed out on ssh(192.0.2.9)""#,
        ),
        (
            What::AdminLockout {
                actor: admin(),
                seconds: 60,
            },
            r#"logid="0100032021" type="event" subtype="system" level="alert" vd="root" logdesc="Admin login disabled" srcip=192.0.2.9 ui="ssh(192.0.2.9)" action="login" status="failed" reason="exceed_limit" msg="Login disabled from IP 192.0.2.9 for 60 seconds because of too many bad attempts""#,
        ),
        (
            resynchronised(Actor::system("alice")),
            r#"logid="0100032100" type="event" subtype="system" level="warning" vd="root" logdesc="FortiToken synchronized" user="alice" action="sync" msg="FortiToken FTKMOB99C7D975DF re-synchronized, drift -3""#,
        ),
        (
            activation(ActivationStage::Requested, ""),
            r#"logid="0100032155" type="event" subtype="system" level="notice" vd="root" logdesc="FortiToken activation requested" user="admin" ui="ssh(192.0.2.9)" action="activate" serialno="FTKMOB99C7D975DF" msg="Activation of FortiToken FTKMOB99C7D975DF requested for user alice""#,
        ),
        (
            activation(ActivationStage::Activated, "on phone 0a1b"),
            r#"logid="0100032156" type="event" subtype="system" level="notice" vd="root" logdesc="FortiToken activation successful" action="activate" status="success" serialno="FTKMOB99C7D975DF" msg="FortiToken FTKMOB99C7D975DF of user alice activated on phone 0a1b""#,
        ),
        (
            resynchronised(admin()),
            r#"logid="0100032157" type="event" subtype="system" level="notice" vd="root" logdesc="FortiToken re-synchronized" user="admin" ui="ssh(192.0.2.9)" action="sync" status="success" serialno="FTKMOB99C7D975DF" msg="FortiToken FTKMOB99C7D975DF re-synchronized, drift -3""#,
        ),
        (
            What::NotResynchronised {
                vdom: Vdom::ROOT,
                actor: admin(),
                token: token(),
                cause: "no match".into(),
            },
            r#"logid="0100032158" type="event" subtype="system" level="notice" vd="root" logdesc="FortiToken re-synchronization failed" user="admin" ui="ssh(192.0.2.9)" action="sync" status="failure" serialno="FTKMOB99C7D975DF" msg="FortiToken FTKMOB99C7D975DF not re-synchronized: no match""#,
        ),
        (
            activation(ActivationStage::CodeSent, "alice@example.org"),
            r#"logid="0100038412" type="event" subtype="system" level="notice" vd="root" logdesc="Token activation code sent" user="alice" action="send-activation-code" msg="Activation code of FortiToken FTKMOB99C7D975DF for user alice sent to alice@example.org""#,
        ),
        (
            accepted(),
            r#"logid="0102043008" type="event" subtype="user" level="notice" vd="root" logdesc="Authentication success" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="authentication" status="success" reason="N/A" serialno="FTKMOB99C7D975DF" msg="User alice succeeded in authentication""#,
        ),
        (
            refused(alice(), Some("used at 03:09:00Z")),
            r#"logid="0102043009" type="event" subtype="user" level="notice" vd="root" logdesc="Authentication failed" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="authentication" status="failure" reason="code-replayed" serialno="FTKMOB99C7D975DF" msg="User alice failed in authentication: this code, or a later one, was used already (used at 03:09:00Z)""#,
        ),
        (
            What::Undecided {
                person: alice(),
                origin: origin(),
                reason: Reason::BackendUnreachable,
                evidence: "ldap 'corp': primary server 192.0.2.1: no answer within 5.0 s".into(),
            },
            r#"logid="0102043011" type="event" subtype="user" level="notice" vd="root" logdesc="Authentication timed out" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="authentication" status="timed_out" reason="backend-unreachable" msg="User alice not decided: ldap 'corp': primary server 192.0.2.1: no answer within 5.0 s""#,
        ),
        (
            changed("system.global", "", "set hostname, unset timezone"),
            r#"logid="0100044546" type="event" subtype="system" level="information" vd="root" logdesc="Attribute configured" user="admin" ui="ssh(192.0.2.9)" action="Edit" cfgpath="system.global" cfgattr="set hostname, unset timezone" msg="Edit system.global""#,
        ),
        (
            changed("user.local", "alice", "delete"),
            r#"logid="0100044547" type="event" subtype="system" level="information" vd="root" logdesc="Object attribute configured" user="admin" ui="ssh(192.0.2.9)" action="Delete" cfgpath="user.local" cfgobj="alice" msg="Delete user.local alice""#,
        ),
        (
            What::Explained {
                refusal: 41,
                reason: Reason::ClockSlow,
                evidence: "14 steps slow".into(),
            },
            r#"logid="0102099001" type="event" subtype="user" level="notice" vd="root" logdesc="Authentication failure explained" sn="41" action="explain" reason="clock-slow" msg="Refusal 41: the clock of this token is slow: its code is right for an earlier time (14 steps slow)""#,
        ),
        (
            What::LoginTested {
                actor: admin(),
                person: alice(),
                reason: Some(Reason::CodeWrong),
                detail: "would be refused: code-wrong".into(),
                counting: Counting::AsWrongCode,
                held: None,
            },
            r#"logid="0102099019" type="event" subtype="user" level="notice" vd="root" logdesc="Login tried out" user="admin" ui="ssh(192.0.2.9)" action="test-login" status="failure" reason="code-wrong" msg="Login of user alice tried out: would be refused: code-wrong; counted as a wrong code""#,
        ),
        (
            What::Unlocked {
                actor: admin(),
                person: alice(),
            },
            r#"logid="0102099002" type="event" subtype="user" level="notice" vd="root" logdesc="Authentication failures cleared" user="admin" ui="ssh(192.0.2.9)" action="unlock" status="success" msg="Failures of user alice cleared""#,
        ),
        (
            What::Renamed {
                actor: admin(),
                from: alice(),
                to: CanonicalName::of("bob").unwrap(),
            },
            r#"logid="0100044547" type="event" subtype="system" level="information" vd="root" logdesc="Object attribute configured" user="admin" ui="ssh(192.0.2.9)" action="Edit" cfgpath="user.local" cfgobj="alice" cfgattr="rename to bob" msg="Edit user.local alice""#,
        ),
        (
            changed("fortitoken-mobile.import", "licence", "requested"),
            r#"logid="0100099003" type="event" subtype="system" level="notice" vd="root" logdesc="Operation carried out" user="admin" ui="ssh(192.0.2.9)" action="fortitoken-mobile.import" msg="fortitoken-mobile.import licence: requested""#,
        ),
        (
            What::FloorRaised {
                cause: "the head record is missing".into(),
            },
            r#"logid="0100099004" type="event" subtype="system" level="alert" vd="root" logdesc="All codes up to now count as used" action="raise-floor" msg="All codes up to now count as used: the head record is missing""#,
        ),
        (
            activation(ActivationStage::CodeMade, ""),
            r#"logid="0100099010" type="event" subtype="system" level="notice" vd="root" logdesc="Token activation code made" user="admin" ui="ssh(192.0.2.9)" action="activate" status="success" serialno="FTKMOB99C7D975DF" msg="Activation code of FortiToken FTKMOB99C7D975DF made for user alice""#,
        ),
        (
            activation(ActivationStage::CodeNotSent, "no mail server"),
            r#"logid="0100099011" type="event" subtype="system" level="warning" vd="root" logdesc="Token activation code not sent" user="alice" action="send-activation-code" status="failure" serialno="FTKMOB99C7D975DF" msg="Activation code of FortiToken FTKMOB99C7D975DF for user alice not sent: no mail server""#,
        ),
        (
            activation(ActivationStage::Refused, "-7566"),
            r#"logid="0100099012" type="event" subtype="system" level="warning" vd="root" logdesc="FortiToken activation refused" user="admin" ui="ssh(192.0.2.9)" action="activate" status="failure" serialno="FTKMOB99C7D975DF" msg="Activation of FortiToken FTKMOB99C7D975DF of user alice refused: -7566""#,
        ),
        (
            activation(ActivationStage::OtherPhone, "not changed"),
            r#"logid="0100099013" type="event" subtype="system" level="alert" vd="root" logdesc="Token server names another phone" user="admin" ui="ssh(192.0.2.9)" action="poll" status="failure" serialno="FTKMOB99C7D975DF" msg="FortiToken FTKMOB99C7D975DF of user alice: not changed""#,
        ),
        (
            activation(ActivationStage::TransferBegun, "the code goes to the user"),
            r#"logid="0100099034" type="event" subtype="system" level="notice" vd="root" logdesc="FortiToken transfer begun" user="admin" ui="ssh(192.0.2.9)" action="transfer" serialno="FTKMOB99C7D975DF" msg="Transfer of FortiToken FTKMOB99C7D975DF of user alice begun: the code goes to the user""#,
        ),
        (
            activation(ActivationStage::TransferEnded, "cancelled"),
            r#"logid="0100099035" type="event" subtype="system" level="notice" vd="root" logdesc="FortiToken transfer ended" user="admin" ui="ssh(192.0.2.9)" action="transfer" status="failure" serialno="FTKMOB99C7D975DF" msg="FortiToken FTKMOB99C7D975DF of user alice stays on its phone: cancelled""#,
        ),
        (
            activation(ActivationStage::Transferred, "to phone 0a1b"),
            r#"logid="0100099036" type="event" subtype="system" level="notice" vd="root" logdesc="FortiToken transferred" action="transfer" status="success" serialno="FTKMOB99C7D975DF" msg="FortiToken FTKMOB99C7D975DF of user alice transferred to phone 0a1b""#,
        ),
        (
            activation(ActivationStage::TwoPhones, "phone 0a1b answered"),
            r#"logid="0100099037" type="event" subtype="system" level="alert" vd="root" logdesc="Two phones answer with one token" user="admin" ui="ssh(192.0.2.9)" action="push" status="failure" serialno="FTKMOB99C7D975DF" msg="FortiToken FTKMOB99C7D975DF of user alice: phone 0a1b answered""#,
        ),
        (
            code_sent(None),
            r#"logid="0102099014" type="event" subtype="user" level="notice" vd="root" logdesc="Login code sent" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="send-code" status="success" msg="Code for a login of user alice sent by SMS""#,
        ),
        (
            code_sent(Some("no answer within 10 s")),
            r#"logid="0102099015" type="event" subtype="user" level="warning" vd="root" logdesc="Login code not sent" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="send-code" status="failure" reason="code-not-sent" msg="Code for a login of user alice not sent by SMS: no answer within 10 s""#,
        ),
        (
            session(Accounted::Start, "session 7f-31"),
            r#"logid="0102099016" type="event" subtype="user" level="information" vd="root" logdesc="Session started" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="accounting" status="start" msg="User alice started session 7f-31""#,
        ),
        (
            session(Accounted::Stop, "session 7f-31, 65 s"),
            r#"logid="0102099017" type="event" subtype="user" level="information" vd="root" logdesc="Session stopped" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="accounting" status="stop" msg="User alice stopped session 7f-31, 65 s""#,
        ),
        (
            What::Refused {
                person: alice(),
                origin: origin(),
                reason: Reason::PushNotMe,
                token: Some(token()),
                step: None,
                evidence: None,
            },
            r#"logid="0102099018" type="event" subtype="user" level="alert" vd="root" logdesc="Login reported by its user" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="authentication" status="failure" reason="push-not-me" serialno="FTKMOB99C7D975DF" msg="User alice failed in authentication: the user says that this login is somebody else's""#,
        ),
        (
            What::LogDeleted {
                actor: admin(),
                through: 40,
            },
            r#"logid="0100099020" type="event" subtype="system" level="warning" vd="root" logdesc="Event log deleted" user="admin" ui="ssh(192.0.2.9)" action="delete" status="success" msg="Event log deleted up to event 40""#,
        ),
        (
            certificate(CertificateEvent::Ending),
            r#"logid="0100099030" type="event" subtype="system" level="warning" vd="root" logdesc="Certificate ends soon" action="expire" status="warning" msg="Local certificate web: it ends in 7 days""#,
        ),
        (
            certificate(CertificateEvent::Ended),
            r#"logid="0100099031" type="event" subtype="system" level="alert" vd="root" logdesc="Certificate ended" action="expire" status="failure" msg="Local certificate web: it ends in 7 days""#,
        ),
        (
            certificate(CertificateEvent::Enrolled),
            r#"logid="0100099032" type="event" subtype="system" level="notice" vd="root" logdesc="Certificate enrolled" action="enroll" status="success" msg="Local certificate web: it ends in 7 days""#,
        ),
        (
            certificate(CertificateEvent::NotEnrolled),
            r#"logid="0100099033" type="event" subtype="system" level="warning" vd="root" logdesc="Certificate not enrolled" action="enroll" status="failure" msg="Local certificate web: it ends in 7 days""#,
        ),
        (
            target(TargetState::Reached, "192.0.2.5 port 514"),
            r#"logid="0100099021" type="event" subtype="system" level="information" vd="root" logdesc="Syslog server reached" action="syslog" status="success" msg="Server of log syslogd2 setting reached: 192.0.2.5 port 514""#,
        ),
        (
            target(TargetState::Unreachable, "connection refused"),
            r#"logid="0100099022" type="event" subtype="system" level="warning" vd="root" logdesc="Syslog server not reached" action="syslog" status="failure" msg="Server of log syslogd2 setting not reached: connection refused""#,
        ),
        (
            target(TargetState::Missed, "events 3 to 9"),
            r#"logid="0100099023" type="event" subtype="system" level="error" vd="root" logdesc="Events not sent to syslog server" action="syslog" status="failure" msg="Server of log syslogd2 setting missed events: events 3 to 9""#,
        ),
        (
            renewal(RenewalStage::AskedFor, Some("ldap 'corp'")),
            r#"logid="0102099024" type="event" subtype="user" level="notice" vd="root" logdesc="Password renewed" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="password-renewal" status="asked-for" msg="New password of user alice asked for at ldap 'corp'""#,
        ),
        (
            renewal(RenewalStage::Set, None),
            r#"logid="0102099024" type="event" subtype="user" level="notice" vd="root" logdesc="Password renewed" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="password-renewal" status="set" msg="New password of user alice set, in the place of one that had expired""#,
        ),
        (
            renewal(RenewalStage::SetBeforeCode, Some("ldap 'corp'")),
            r#"logid="0102099025" type="event" subtype="user" level="alert" vd="root" logdesc="Password renewed before the second factor" sn="42" srcip=192.0.2.7 user="alice" authproto="RADIUS(vpn1)" action="password-renewal" status="set-before-code" msg="New password of user alice set at ldap 'corp' by somebody who knew the one that had expired, and has not shown the second factor yet""#,
        ),
    ]
}

fn renewal(stage: RenewalStage, at: Option<&str>) -> What {
    What::PasswordRenewal {
        person: alice(),
        origin: origin(),
        stage,
        at: at.map(Box::from),
    }
}

fn session(accounted: Accounted, detail: &str) -> What {
    What::Session {
        person: alice(),
        origin: origin(),
        accounted,
        detail: detail.into(),
    }
}

fn code_sent(failure: Option<&str>) -> What {
    What::CodeSent {
        person: alice(),
        origin: origin(),
        channel: Channel::Sms,
        failure: failure.map(Box::from),
    }
}

fn event(what: What) -> Event {
    Event { at: AT, what }
}

#[test]
fn every_message_has_its_line() {
    let mut seen = BTreeSet::new();
    for (what, expected) in samples() {
        let event = event(what);
        let entry = Entry::of(42, &event);
        let common = r#"date=2026-11-22 time=04:10:12 eventtime=1795317012000345000 tz="+0100" "#;
        assert_eq!(entry.line(HOUR), format!("{common}{expected}"));
        seen.insert(entry.message.number);
        for key in Key::ALL.iter().filter(|key| entry.value(**key).is_some()) {
            assert!(entry.message.keys.contains(key), "{key:?} in {expected}");
        }
    }
    let declared: BTreeSet<u32> = Message::ALL.iter().map(|message| message.number).collect();
    assert_eq!(seen, declared);
}

#[test]
fn the_reference_lists_every_message_and_field() {
    let reference = include_str!("../../../docs/event-log.md");
    for message in Message::ALL {
        let keys: Vec<&str> = message.keys.iter().map(|key| key.word()).collect();
        let row = format!(
            "| {} | {} | {} | {} | {} | {} |",
            message.log_id(),
            message.symbol,
            message.level.word(),
            message.description,
            message.meaning,
            keys.join(", ")
        );
        assert!(reference.contains(&row), "docs/event-log.md lacks:\n{row}");
    }
    for key in Key::ALL {
        let row = format!("| {} | {} | {} |", key.word(), key.max(), key.meaning());
        assert!(reference.contains(&row), "docs/event-log.md lacks:\n{row}");
    }
}

#[test]
fn a_configured_entry_is_added_edited_or_deleted() {
    for (detail, action, attributes) in [
        (
            "add, set passwd, set status",
            "Add",
            Some("set passwd, set status"),
        ),
        ("add", "Add", None),
        ("clone of bob", "Add", Some("clone of bob")),
        ("set address", "Edit", Some("set address")),
        ("delete", "Delete", None),
        ("purge", "Delete", Some("purge")),
    ] {
        let event = event(changed("user.local", "alice", detail));
        let entry = Entry::of(1, &event);
        assert_eq!(entry.value(Key::Action), Some(action), "{detail}");
        assert_eq!(entry.value(Key::CfgAttr), attributes, "{detail}");
    }
}

#[test]
fn what_is_no_address_is_no_srcip() {
    let mut what = accepted();
    if let What::Accepted { origin, .. } = &mut what {
        origin.source = LoginSource::recorded("00-11-22-33-44-55 srcip=10.0.0.1".into());
    }
    let event = event(what);
    assert_eq!(Entry::of(1, &event).value(Key::SrcIp), None);
}

#[test]
fn a_person_of_a_virtual_domain_is_logged_there_without_it() {
    let sales = Realm::Vdom(Vdom::parse("Sales").unwrap());
    let event = event(refused(
        CanonicalName::within(sales, "Alice").unwrap(),
        None,
    ));
    let line = Entry::of(1, &event).line(Span::ZERO);
    assert!(line.contains(r#" vd="Sales" "#), "{line}");
    assert!(line.contains(r#" user="alice" "#), "{line}");
}

#[test]
fn syslog_servers_get_it_in_the_format_they_want() {
    let event = event(admin_refused(Reason::UserUnknown));
    let entry = Entry::of(42, &event);
    let local7 = Facility::named("local7").unwrap();
    let line = |format| entry.syslog(UNIT, local7, format, Span::from_mins(-90));
    let head = r#"date=2026-11-22 time=01:40:12 devname="FGT" devid="SYMBVM0123456789" eventtime=1795317012000345000 tz="-0130" logid="0100032002" type="event""#;
    let default = line(Format::Default);
    assert!(default.starts_with(&format!("<185>{head} ")), "{default}");
    let csv = line(Format::Csv);
    assert!(
        csv.starts_with(&format!("<185>{},", head.replace(' ', ","))),
        "{csv}"
    );
    let rfc5424 = line(Format::Rfc5424);
    assert!(
        rfc5424.starts_with(&format!(
            "<185>1 2026-11-22T01:40:12.000345-01:30 FGT symbolon - 0100032002 - {head} "
        )),
        "{rfc5424}"
    );
    assert_eq!(
        line(Format::Cef),
        "<185>Nov 22 01:40:12 FGT CEF:0|Symbolon|Symbolon-VM|v7.6.0|32002|event:system login failed|7|\
         deviceExternalId=SYMBVM0123456789 cat=event:system FTNTFGTeventtime=1795317012000345000 \
         FTNTFGTtz=-0130 FTNTFGTlogid=0100032002 FTNTFGTsubtype=system FTNTFGTlevel=alert \
         FTNTFGTvd=root FTNTFGTlogdesc=Admin login failed src=192.0.2.9 duser=admin \
         sproc=ssh(192.0.2.9) FTNTFGTmethod=ssh act=login outcome=failed reason=name_invalid \
         msg=Administrator admin login failed from ssh(192.0.2.9) because of invalid user name"
    );
}

fn condition(key: Key, sense: Sense, values: &[&str]) -> Condition {
    Condition {
        key,
        sense,
        values: values.iter().map(|value| Box::from(*value)).collect(),
    }
}

#[test]
fn conditions_find_what_the_line_shows() {
    let event = event(accepted());
    let entry = Entry::of(42, &event);
    let wants = |key, sense, values: &[&str]| {
        let search = Search {
            conditions: vec![condition(key, sense, values)],
            expression: None,
        };
        search.wants(&entry, HOUR)
    };
    for (key, values) in [
        (Key::User, &["bob", "ALICE"][..]),
        (Key::Msg, &["*succeeded*"]),
        (Key::SrcIp, &["192.0.2.0/24"]),
        (Key::SrcIp, &["192.0.2.7"]),
        (Key::Date, &["2026-11-22"]),
        (Key::Date, &["2026-11-01-2026-11-30"]),
        (Key::Time, &["04:00:00-05:00:00"]),
        (Key::LogId, &["0102043008"]),
        (Key::Level, &["notice"]),
        (Key::Sn, &["42"]),
    ] {
        assert!(wants(key, Sense::Is, values), "{key:?} {values:?}");
        assert!(!wants(key, Sense::IsNot, values), "{key:?} not {values:?}");
    }
    for (key, values) in [
        (Key::User, &["ali"][..]),
        (Key::SrcIp, &["198.51.100.0/24"]),
        (Key::Date, &["2026-11-23"]),
        (Key::Time, &["03:00:00-04:00:00"]),
        (Key::Method, &["*"]),
    ] {
        assert!(!wants(key, Sense::Is, values), "{key:?} {values:?}");
        assert!(wants(key, Sense::IsNot, values), "{key:?} not {values:?}");
    }
    let search = |text| Search {
        conditions: vec![condition(Key::User, Sense::Is, &["alice"])],
        expression: Some(Expression::parse(text).unwrap()),
    };
    let wanted = search("(level alert) or (action authentication and not status failure)");
    assert!(wanted.wants(&entry, HOUR));
    assert!(!search("level not notice").wants(&entry, HOUR));
    assert!(Search::default().is_everything() && !wanted.is_everything());
}

proptest! {
    /// Whatever a client, a user name or a peer says: a line is one line, its quotes come in pairs, and
    /// between them stands nothing that looks like another field.
    #[test]
    fn no_value_forges_another(said in "\\PC{0,40}|[\"\\\\ =a-z\n\r\u{1b}\u{202e}]{0,40}") {
        let what = What::Refused {
            person: alice(),
            origin: Origin { client: said.clone().into(), source: LoginSource::recorded(said.clone().into()) },
            reason: Reason::CodeWrong,
            token: None,
            step: None,
            evidence: Some(said.into()),
        };
        let event = event(what);
        let entry = Entry::of(1, &event);
        let local7 = Facility::named("local7").unwrap();
        for format in [Format::Default, Format::Csv, Format::Cef, Format::Rfc5424] {
            let line = entry.syslog(UNIT, local7, format, HOUR);
            prop_assert!(!line.contains(char::is_control), "{line:?}");
        }
        let line = entry.line(HOUR);
        let outside: String = line.split('"').step_by(2).collect();
        let keys: Vec<&str> = outside
            .split_whitespace()
            .filter_map(|pair| pair.split_once('=').map(|(key, _)| key))
            .collect();
        let expected: Vec<&str> = Key::ALL
            .iter()
            .filter(|key| entry.shown(**key, HOUR).is_some())
            .map(|key| key.word())
            .collect();
        prop_assert_eq!(keys, expected);
        // A reader that knows escapes must not take a closing quote for one inside.
        for quoted in line.split('"').skip(1).step_by(2) {
            let trailing = quoted.chars().rev().take_while(|c| *c == '\\').count();
            prop_assert_eq!(trailing % 2, 0, "{}", quoted);
        }
    }
}
