//! What `diagnose security` finds, and that what it says mends it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::certificate::{Details, Enrolment, Held, State};
use domain::name::UserName;
use domain::schema::{
    ADMIN, EMAIL_SERVER, GLOBAL, LDAP, Object, RADIUS_CLIENT, SETTING, SMS_SERVER,
    VERIFICATION_CLIENT, Value,
};
use domain::security::{Deviation, LegacyUsers, Posture, Profile};
use domain::settings::Settings;
use domain::time::{Span, Timestamp};
use domain::user::{Switch, User};
use domain::vdom::Vdom;
use ident::PinRequirement;

/// A unit whose objects a test changes.
struct Unit {
    profile: Profile,
    global: Object,
    mail: Object,
    administrator: Object,
    setting: Object,
    client: Object,
    application: Object,
    directory: Object,
    other_directory: Option<Object>,
    certificates: Vec<Held>,
    vdom: Option<Vdom>,
    users_without_token: u64,
    users_with_sent_codes: u64,
    sms_server: Object,
    legacy_users: LegacyUsers,
    slow_tokens: u64,
}

impl Unit {
    /// As it is configured first: everything is the described system's.
    fn compatible() -> Self {
        Self {
            profile: Profile::Compatible,
            global: Object::new(&GLOBAL, ""),
            mail: Object::new(&EMAIL_SERVER, "").with("server", Some("mail.example.org")),
            administrator: Object::new(&ADMIN, "admin"),
            setting: Object::new(&SETTING, ""),
            client: Object::new(&RADIUS_CLIENT, "vpn1"),
            application: Object::new(&VERIFICATION_CLIENT, "portal"),
            directory: Object::new(&LDAP, "corp"),
            other_directory: None,
            certificates: Vec::new(),
            vdom: None,
            users_without_token: 2,
            users_with_sent_codes: 0,
            sms_server: Object::new(&SMS_SERVER, "gate"),
            legacy_users: LegacyUsers::default(),
            slow_tokens: 5,
        }
    }

    fn deviations(&self) -> Vec<Deviation> {
        let directories = [Some(&self.directory), self.other_directory.as_ref()];
        let directories: Vec<_> = directories
            .into_iter()
            .flatten()
            .map(|directory| (self.vdom, directory))
            .collect();
        let posture = Posture {
            profile: self.profile,
            global: &self.global,
            mail: &self.mail,
            administrators: std::slice::from_ref(&self.administrator),
            settings: &[(self.vdom, &self.setting)],
            clients: &[(self.vdom, &self.client)],
            applications: &[(self.vdom, &self.application)],
            directories: &directories,
            certificates: &self.certificates,
            now: Timestamp::from_secs(0),
            users_without_token: self.users_without_token,
            users_with_sent_codes: self.users_with_sent_codes,
            sms_servers: std::slice::from_ref(&self.sms_server),
            legacy_users: &self.legacy_users,
            slow_tokens: self.slow_tokens,
            shared_tokens: &[],
        };
        posture.deviations()
    }

    fn says(&self, what: &str) -> bool {
        self.deviations()
            .iter()
            .any(|deviation| deviation.what.contains(what))
    }
}

#[test]
fn a_unit_as_it_comes_deviates_where_the_described_system_does() {
    let found: Vec<String> = Unit::compatible()
        .deviations()
        .into_iter()
        .map(|deviation| deviation.what)
        .collect();
    assert_eq!(
        found,
        [
            "RADIUS client 'vpn1' may leave the Message-Authenticator out until it has sent one",
            "administrator 'admin' logs in without a second factor",
            "administrator 'admin' may come from every address",
            "2 users log in with a password alone",
            "directory 'corp' is told passwords in clear",
            "wrong passwords cause no wait",
            "activation codes are valid for 72 hours",
            "new tokens open with a PIN of 4 digits",
            "new tokens make codes that are valid for 60 s",
            "codes are mailed in clear",
            "RADIUS clients ask over UDP",
        ]
    );
}

#[test]
fn the_strict_profile_leaves_what_it_cannot_decide() {
    let unit = Unit {
        profile: Profile::Strict,
        ..Unit::compatible()
    };
    for gone in [
        "Message-Authenticator",
        "no wait",
        "72 hours",
        "PIN",
        "60 s",
    ] {
        assert!(!unit.says(gone), "{gone}");
    }
    for left in [
        "second factor",
        "every address",
        "password alone",
        "in clear",
        "over UDP",
    ] {
        assert!(unit.says(left), "{left}");
    }
    assert!(unit.says("5 tokens make codes that are valid for longer than 30 s"));
}

#[test]
fn each_deviation_ends_with_what_mends_it() {
    let mut unit = Unit::compatible();
    unit.client =
        Object::new(&RADIUS_CLIENT, "vpn1").with("require-message-authenticator", Some("enable"));
    assert!(!unit.says("Message-Authenticator"));
    unit.administrator = Object::new(&ADMIN, "admin")
        .with("two-factor", Some("fortitoken"))
        .with("trusthost1", Some("192.0.2.0 255.255.255.0"));
    assert!(!unit.says("administrator"));
    let tls = Object::new(&LDAP, "corp").with("secure", Some("ldaps"));
    unit.directory = tls.with("server-identity-check", Some("disable"));
    assert!(unit.says("is told passwords whatever it is called"));
    unit.directory = Object::new(&LDAP, "corp").with("secure", Some("starttls"));
    assert!(!unit.says("directory"));
    unit.setting = Object::new(&SETTING, "").with("auth-lockout-duration", Some("60"));
    assert!(!unit.says("no wait"));
    unit.mail = Object::new(&EMAIL_SERVER, "")
        .with("server", Some("mail.example.org"))
        .with("security", Some("starttls"));
    assert!(unit.says("whoever answers for the mail server"));
    unit.mail = unit.mail.with("validate-server", Some("enable"));
    assert!(!unit.says("mailed"));
    let without = unit.global.clone();
    unit.global = (unit.global).with("multi-factor-authentication", Some("mandatory"));
    assert!(!unit.says("password alone"), "they are not let in at all");
    unit.global = without;
    assert!(unit.says("password alone"));
    unit.users_without_token = 0;
    assert!(!unit.says("password alone"));
    unit.profile = Profile::Strict;
    unit.slow_tokens = 0;
    assert_eq!(unit.deviations().len(), 1, "RADIUS over UDP stays");
}

#[test]
fn the_strict_profile_asks_for_six_digits_and_for_more_where_more_is_configured() {
    let digits = |profile: Profile, requirement: &str, length: &str| {
        let global = Object::new(&GLOBAL, "")
            .with("two-factor-ftm-require-pin", Some(requirement))
            .with("two-factor-ftm-pin-length", Some(length));
        let settings = Settings::from_objects(&global, &Object::new(&SETTING, "")).under(profile);
        let mut unit = Unit::compatible();
        (unit.profile, unit.global) = (profile, global);
        let least = settings.pin_policy.least_digits();
        assert_eq!(unit.says("new tokens open with a PIN"), least < 6);
        least
    };
    for (requirement, length, compatible, strict) in [
        ("require", "4", 4, 6),
        ("not-require", "8", 4, 8),
        ("not-require", "4", 4, 6),
        ("enforce", "6", 6, 6),
        ("require", "8", 8, 8),
    ] {
        let found = [Profile::Compatible, Profile::Strict]
            .map(|profile| digits(profile, requirement, length));
        assert_eq!(found, [compatible, strict], "{requirement} {length}");
    }
    let global = Object::new(&GLOBAL, "").with("two-factor-ftm-require-pin", Some("enforce"));
    let settings = Settings::from_objects(&global, &Object::new(&SETTING, ""));
    let strict = settings.under(Profile::Strict).pin_policy;
    assert_eq!(strict.requirement, PinRequirement::Enforce);
}

#[test]
fn codes_that_are_sent_are_listed_under_either_profile() {
    let mut unit = Unit::compatible();
    unit.administrator = Object::new(&ADMIN, "admin").with("two-factor", Some("sms"));
    unit.users_with_sent_codes = 1;
    unit.sms_server = unit.sms_server.with("url", Some("http://192.0.2.9/send"));
    assert!(unit.says("administrator 'admin' logs in with codes by SMS"));
    assert!(unit.says("1 user has codes by mail or SMS as second factor"));
    assert!(unit.says("SMS server 'gate' is told codes in clear"));
    unit.profile = Profile::Strict;
    unit.users_with_sent_codes = 2;
    assert!(unit.says("administrator 'admin' has codes by SMS, and is not let in"));
    assert!(unit.says("2 users have codes by mail or SMS as second factor, and are not let in"));
}

#[test]
fn users_with_legacy_secrets_are_named_until_they_are_too_many() {
    let mut unit = Unit::compatible();
    let user = |name: &str, radius_legacy| User {
        radius_legacy,
        ..User::new(UserName::parse(name).unwrap())
    };
    let branch = Vdom::parse("branch").unwrap();
    unit.legacy_users.see(None, &user("bob", Switch::Disable));
    assert!(!unit.says("kept themselves"));
    unit.legacy_users.see(None, &user("alice", Switch::Enable));
    unit.legacy_users
        .see(Some(branch), &user("carol", Switch::Enable));
    assert!(unit.says("of: alice, carol of VDOM branch"));
    for number in 0..20 {
        let user = user(&format!("user{number}"), Switch::Enable);
        unit.legacy_users.see(None, &user);
    }
    assert!(unit.says("user17 and 2 more"));
}

#[test]
fn a_virtual_domain_is_named_and_gone_into() {
    let unit = Unit {
        vdom: Some(Vdom::parse("branch").unwrap()),
        ..Unit::compatible()
    };
    let deviation = unit.deviations().remove(0);
    assert!(
        deviation.what.contains("'vpn1' of VDOM branch"),
        "{}",
        deviation.what
    );
    assert!(
        deviation
            .mend
            .starts_with("config vdom / edit branch / config user"),
        "{}",
        deviation.mend
    );
}

#[test]
fn an_application_is_told_of_that_shows_no_secret_or_leaves_codes_to_guess() {
    let mut unit = Unit::compatible();
    let known = "application 'portal' is known by its address alone";
    let guessed = "'portal' has codes alone checked";
    assert!(!unit.says(known) && !unit.says(guessed));
    let set = |name, value| Object::new(&VERIFICATION_CLIENT, "portal").with(name, Some(value));
    unit.application = set("credentials", "subnet");
    assert!(unit.says(known));
    unit.profile = Profile::Strict;
    assert!(unit.says("has its address alone as credentials, and is not answered"));
    unit.application = set("code-position", "code-only");
    assert!(unit.says(guessed));
    unit.client = Object::new(&RADIUS_CLIENT, "vpn1").with("code-position", Some("code-only"));
    assert!(unit.says("RADIUS client 'vpn1' has codes alone checked"));
}

#[test]
fn clients_that_ask_within_tls_alone_are_no_deviation() {
    let mut unit = Unit::compatible();
    let mut asks_by = |words: &[&str]| {
        let words = words.iter().map(|word| Box::from(*word)).collect();
        let field = RADIUS_CLIENT.field("transport").unwrap();
        unit.client.set(field, Value::List(words));
        let said = unit
            .deviations()
            .into_iter()
            .map(|deviation| deviation.what);
        said.filter(|what| what.starts_with("RADIUS clients ask over"))
            .collect::<Vec<_>>()
    };
    assert_eq!(asks_by(&["tls"]), <[&str; 0]>::default());
    assert_eq!(asks_by(&["tcp", "tls"]), ["RADIUS clients ask over TCP"]);
    assert_eq!(
        asks_by(&["udp", "tcp"]),
        ["RADIUS clients ask over UDP and TCP"]
    );
}

#[test]
fn directories_that_call_one_person_by_two_names_are_told_where_users_of_servers_are_let_in() {
    let is_told = |server: &str, attribute: &str, groups: &[&str]| {
        let mut unit = Unit::compatible();
        unit.directory = unit.directory.with("server", Some("ldap.example.org"));
        let other = Object::new(&LDAP, "other").with("secondary-server", Some(server));
        unit.other_directory = Some(other.with("cnid", Some(attribute)));
        let groups = groups.iter().map(|group| Box::from(*group)).collect();
        let field = RADIUS_CLIENT.field("remote-groups").unwrap();
        unit.client.set(field, Value::List(groups));
        unit.says("'corp' and 'other' have a server in common")
    };
    assert!(is_told("LDAP.example.org", "mail", &["staff"]));
    assert!(!is_told("ldap2.example.org", "mail", &["staff"]));
    assert!(!is_told("ldap.example.org", "CN", &["staff"]));
    assert!(!is_told("ldap.example.org", "mail", &[]));
}

#[test]
fn a_certificate_that_is_shown_and_ends_is_told_with_what_renews_it() {
    let held = |enrolment| Held {
        name: "web".into(),
        used_by: Some("system global admin-server-cert".into()),
        state: State::Ready(Box::new(Details {
            subject: "CN=web".into(),
            issuer: "CN=authority".into(),
            names: Vec::new(),
            serial: "01".into(),
            key: "RSA".into(),
            fingerprint: [0; 32],
            not_before: Timestamp::from_secs(0).before(Span::from_days(300)),
            not_after: Timestamp::from_secs(0).after(Span::from_days(7)),
            authorities: 1,
        })),
        enrolment,
    };
    let mends = |enrolment| {
        let mut unit = Unit::compatible();
        unit.certificates = vec![held(enrolment)];
        let mut deviations = unit.deviations().into_iter();
        let told = deviations.find(|it| it.what == "certificate 'web' ends in 7 days");
        told.unwrap().mend
    };
    assert!(mends(None).contains("set private-key"));
    let failed = Enrolment::Failed("web: port 443".into(), Timestamp::from_secs(900));
    assert_eq!(mends(Some(failed)), "web: port 443");

    let mut unit = Unit::compatible();
    unit.certificates = vec![Held {
        used_by: None,
        ..held(None)
    }];
    assert!(!unit.says("certificate"));
}
