//! Users without an entry here, as Debian's `slapd` and `FreeRADIUS` know them: who is let in by which group,
//! and that no other name leads around the token of one who has an entry.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs the program"
)]

mod common;

use common::directory::{
    ALIAS_OF_DORA, AROUND_ODD, AROUND_VPN, BASE, Directory, HELD, ODD, OUTERMOST, POSIX_VPN,
    READER, VPN, password_of,
};
use common::radius::{Answer, Vpn as Client};
use common::upstream::{self, Upstream};
use common::{Home, PASSWORD, Running, free_port};

/// Where another client is.
const ELSEWHERE: &str = "127.0.0.8";

fn system(settings: &str) -> (Home, Running, Client) {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", "127.0.0.1", settings);
    let vpn = Client::new(&home, "127.0.0.1");
    (home, up, vpn)
}

fn directory(home: &Home, directory: &Directory, more: &str) {
    let (reader, secret) = READER;
    let port = directory.port;
    home.console(&format!(
        "config user ldap\nedit corp\nset server 127.0.0.1\nset port {port}\nset dn {BASE}\n\
         set cnid uid\nset type regular\nset username {reader}\nset password {secret}\n{more}\nend"
    ))
    .ok();
}

/// A group of those of the server's users who are in `among`.
fn group(home: &Home, name: &str, server: &str, among: &str) {
    home.console(&format!(
        "config user group\nedit {name}\nset member {server}\nconfig match\nedit 1\n\
         set server-name {server}\nset group-name \"{among}\"\nend\nend"
    ))
    .ok();
}

fn lets_in_by(home: &Home, groups: &str) {
    home.console(&format!(
        "config user radius-client\nedit vpn1\nset remote-groups {groups}\nend"
    ))
    .ok();
}

fn groups(told: &str) -> Vec<&str> {
    assert!(told.starts_with("Received Access-Accept"), "{told}");
    told.lines()
        .filter_map(|line| line.trim().strip_prefix("Fortinet-Group-Name = "))
        .map(|value| value.trim_matches('"'))
        .collect()
}

#[test]
fn groups_within_groups_count_where_that_is_set_and_a_circle_ends() {
    let (home, up, vpn) = system("");
    let slapd = Directory::start(&home);
    lets_in_by_group(&home, &slapd, "", OUTERMOST);
    assert_eq!(vpn.ask("alice", password_of("alice")), Answer::Reject);
    home.login_says("alice", "refused: group-missing");
    for among in [
        VPN,
        AROUND_VPN,
        OUTERMOST,
        "CN=Outermost, OU=Groups, DC=example, DC=org",
    ] {
        lets_in_by_group(&home, &slapd, "set search-type recursive", among);
        let told = vpn.told("alice", password_of("alice"));
        assert_eq!(groups(&told), ["staff"], "{among}");
        assert_eq!(
            vpn.ask("bob", password_of("bob")),
            Answer::Reject,
            "{among}"
        );
        home.login_says("bob", "refused: group-missing");
    }
    lets_in_by_group(&home, &slapd, "", "cn=none,dc=example,dc=org");
    assert_eq!(vpn.ask("alice", password_of("alice")), Answer::Reject);
    home.login_says("alice", "refused: group-missing");
    // One that does not walk the chain is asked for direct members alone.
    for (among, answer) in [(VPN, Answer::Accept), (OUTERMOST, Answer::Reject)] {
        lets_in_by_group(&home, &slapd, "set group-member-check group-object", among);
        assert_eq!(vpn.ask("alice", password_of("alice")), answer, "{among}");
    }
    up.stop();
}

/// By the entries of groups alone: no attribute of a user is looked at.
const BY_MEMBER: &str = "set member-attr noSuchAttribute\n\
                         set group-filter \"(&(objectClass=groupOfNames)(member=%u))\"";

#[test]
fn a_filter_says_which_groups_somebody_is_in() {
    let (home, up, vpn) = system("");
    let slapd = Directory::start(&home);
    let is_in = |user: &str, more: &str, among: &str| {
        lets_in_by_group(&home, &slapd, more, among);
        vpn.ask(user, password_of(user)) == Answer::Accept
    };
    let others = "cn=VPN, ou=groups, dc=example, dc=org";
    for among in [VPN, others] {
        assert!(is_in("alice", BY_MEMBER, among), "{among}");
    }
    for among in [AROUND_VPN, POSIX_VPN, "cn=none,dc=example,dc=org", "none"] {
        assert!(!is_in("alice", BY_MEMBER, among), "{among}");
        home.login_says("alice", "refused: group-missing");
    }
    assert!(!is_in("bob", BY_MEMBER, VPN));
    home.login_says("bob", "refused: group-missing");

    // Groups within groups are found below the base of groups, and a circle ends.
    let recursive = format!("{BY_MEMBER}\nset search-type recursive");
    assert!(
        !is_in("alice", &recursive, OUTERMOST),
        "below people is no group"
    );
    let based = format!("{recursive}\nset group-search-base ou=groups,dc=example,dc=org");
    for among in [VPN, AROUND_VPN, OUTERMOST] {
        assert!(is_in("alice", &based, among), "{among}");
        assert!(!is_in("bob", &based, among), "{among}");
    }
    // What the filter does not find is no way to another group either.
    let open = |group: &str| {
        format!(
            "set group-filter \"(&(member=%u)(!({group})))\"\nset search-type recursive\n\
             set group-search-base dc=example,dc=org"
        )
    };
    assert!(is_in("alice", &open("cn=none"), OUTERMOST));
    assert!(!is_in("alice", &open("cn=around*"), OUTERMOST));
    home.console("config user ldap\nedit corp\nunset group-filter\nunset group-search-base\nend")
        .ok();
    assert_eq!(vpn.ask("alice", password_of("alice")), Answer::Reject);
    up.stop();
}

#[test]
fn names_with_a_meaning_in_filters_are_names_alone() {
    let (home, up, vpn) = system("");
    let slapd = Directory::start(&home);
    let more = format!(
        "{BY_MEMBER}\nset search-type recursive\nset group-search-base ou=groups,dc=example,dc=org"
    );
    let group_in_text = ODD.replace('\\', "\\\\");
    for (among, users) in [
        (&*group_in_text, &["carol, jr.", "*"][..]),
        (AROUND_ODD, &["carol, jr.", "*"]),
        (VPN, &["alice", "dora"]),
    ] {
        lets_in_by_group(&home, &slapd, &more, among);
        for user in ["carol, jr.", "*", "alice", "dora", "bob"] {
            let expected = if users.contains(&user) {
                Answer::Accept
            } else {
                Answer::Reject
            };
            assert_eq!(vpn.ask(user, password_of(user)), expected, "{user} {among}");
        }
    }
    // In parentheses, stars and escapes of the filter's own.
    for (filter, is_in) in [
        (r"(&(cn=odd \\28one\\29\\2a*)(member=%u))", true),
        (r"(&(cn=*\\28one\\29*\\5c2a)(member=%u))", true),
        (r"(&(cn=odd \\28one\\29)(member=%u))", false),
        (r"(member:distinguishedNameMatch:=%u)", true),
        (r"(member:caseIgnoreMatch:=%u)", false),
        (r"(member:1.2.840.113556.1.4.1941:=%u)", false),
    ] {
        let more = format!("set group-filter \"{filter}\"");
        lets_in_by_group(&home, &slapd, &more, &group_in_text);
        let answer = vpn.ask("carol, jr.", password_of("carol, jr."));
        assert_eq!(answer == Answer::Accept, is_in, "{filter}");
    }
    up.stop();
}

#[test]
fn what_is_no_filter_is_refused_when_it_is_set() {
    let (home, up, _) = system("");
    for (filter, why) in [
        ("member=%u", "( is expected at character 1"),
        ("(&(member=%u)", ") is expected at character 14"),
        ("(objectClass=group)", "it finds groups for everybody"),
        (
            "(|(member=%u)(member=%pg))",
            "%pg, the user's primary group, is not looked up",
        ),
    ] {
        let set = format!("config user ldap\nedit corp\nset group-filter \"{filter}\"\nend");
        let said = home.console(&set).refused();
        assert!(said.contains(why), "{said}");
    }
    up.stop();
}

fn lets_in_by_group(home: &Home, slapd: &Directory, more: &str, among: &str) {
    directory(home, slapd, more);
    group(home, "staff", "corp", among);
    lets_in_by(home, "staff");
}

#[test]
fn symptom_37_a_group_lets_in_those_whom_the_directory_says_to_be_in_it() {
    let (home, up, vpn) = system("");
    let slapd = Directory::start(&home);
    directory(&home, &slapd, "");
    group(&home, "staff", "corp", VPN);
    let password = password_of("alice");
    let tried = |user: &str| {
        let password = password_of(user);
        home.console(&format!(
            "diagnose test authserver ldap corp {user} {password}"
        ))
        .ok()
    };
    let known = tried("alice");
    assert!(known.contains("the user is in: staff"), "{known}");
    let outside = tried("bob");
    assert!(
        outside.contains("the user is refused: group-missing"),
        "{outside}"
    );
    // A group alone lets nobody in.
    assert_eq!(vpn.ask("alice", password), Answer::Reject);
    home.login_says("alice", "refused: user-unknown");

    lets_in_by(&home, "staff");
    assert_eq!(groups(&vpn.told("CORP\\Alice", password)), ["staff"]);
    let said = home.login_says("alice", "accepted: password only, by ldap 'corp'");
    assert!(said.contains("groups: staff"), "{said}");
    assert_eq!(vpn.ask_with_empty_password("alice"), Answer::Reject);
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: password-wrong");
    assert_eq!(vpn.ask("nobody", PASSWORD), Answer::Reject);
    let said = home.login_says("nobody", "refused: password-wrong");
    assert!(said.contains("no entry has uid=nobody"), "{said}");
    assert_eq!(vpn.ask("bob", password_of("bob")), Answer::Reject);
    home.login_says("bob", "refused: group-missing");

    for (more, among) in [
        ("set group-member-check group-object", VPN),
        ("set group-member-check posix-group-object", POSIX_VPN),
    ] {
        directory(&home, &slapd, more);
        group(&home, "staff", "corp", among);
        assert_eq!(groups(&vpn.told("alice", password)), ["staff"], "{more}");
        assert_eq!(vpn.ask("bob", password_of("bob")), Answer::Reject, "{more}");
        for absent in ["cn=none,dc=example,dc=org", "no name at all"] {
            group(&home, "staff", "corp", absent);
            assert_eq!(vpn.ask("alice", password), Answer::Reject, "{absent}");
            home.login_says("alice", "refused: group-missing");
        }
    }
    // A person's name is made of the login, and the person's own entry is asked by the person.
    directory(
        &home,
        &slapd,
        "set type simple\nset cnid cn\nset group-member-check user-attr",
    );
    group(&home, "staff", "corp", VPN);
    assert_eq!(groups(&vpn.told("alice", password)), ["staff"]);
    assert_eq!(vpn.ask("bob", password_of("bob")), Answer::Reject);
    // Without a match, everybody whom the directory knows is in the group.
    home.console("config user group\nedit staff\nconfig match\ndelete 1\nend\nend")
        .ok();
    assert_eq!(groups(&vpn.told("bob", password_of("bob"))), ["staff"]);

    for nobody in [
        "config user group\nedit staff\nset group-type rsso\nend",
        "config user group\nedit staff\nset group-type firewall\nend\n\
         config system global\nset multi-factor-authentication mandatory\nend",
        "config system global\nset multi-factor-authentication optional\nend\n\
         config system security\nset profile strict\nend",
    ] {
        home.console(nobody).ok();
        assert_eq!(vpn.ask("alice", password), Answer::Reject, "{nobody}");
        home.login_says("alice", "refused: user-unknown");
    }
    up.stop();
}

#[test]
fn no_name_leads_around_an_entry() {
    let (home, up, vpn) = system("");
    let slapd = Directory::start(&home);
    directory(&home, &slapd, "");
    home.console("config user group\nedit staff\nset member corp\nend")
        .ok();
    lets_in_by(&home, "staff");
    let token = &home.import(1)[0];
    home.user("alice", token);
    let password = password_of("alice");
    // What the directory takes for alice's name, and what it does not.
    for name in [
        "alice",
        "ALICE",
        " alice ",
        "CORP\\alice",
        "alice@example.org",
        "\u{ff41}lice",
        "al\u{ad}ice",
        "alice\u{200b}",
        "a\u{301}lice",
    ] {
        assert_eq!(vpn.ask(name, password), Answer::Reject, "{name:?}");
    }
    // Not even one that is switched off.
    home.console("config user local\nedit alice\nset status disable\nend")
        .ok();
    assert_eq!(vpn.ask("alice", password), Answer::Reject);

    // Dora has two names there. An entry of either bounds her.
    let dora = password_of("dora");
    for name in ["dora", ALIAS_OF_DORA] {
        assert_eq!(groups(&vpn.told(name, dora)), ["staff"], "{name}");
    }
    home.user_without_token(ALIAS_OF_DORA);
    let tried = home.console(&format!("diagnose test authserver ldap corp DORA {dora}"));
    let tried = tried.ok();
    assert!(
        tried.contains("the user is refused: name-of-another"),
        "{tried}"
    );
    let tried = home.console(&format!(
        "diagnose test authserver ldap corp {ALIAS_OF_DORA} {dora}"
    ));
    assert!(!tried.ok().contains("without an entry"));
    for name in ["dora", ALIAS_OF_DORA] {
        assert_eq!(vpn.ask(name, dora), Answer::Reject, "{name}");
    }
    home.login_says("dora", "refused: name-of-another");

    // Neither does another entry of the same directory, which calls her by another attribute.
    let (reader, secret) = READER;
    let port = slapd.port;
    home.console(&format!(
        "config user ldap\nedit corp2\nset server 127.0.0.1\nset port {port}\nset dn {BASE}\n\
         set cnid cn\nset type regular\nset username {reader}\nset password {secret}\nend\n\
         config user group\nedit staff\nset member corp2\nend"
    ))
    .ok();
    assert_eq!(vpn.ask("dora", dora), Answer::Reject);
    home.login_says("dora", "refused: name-of-another");
    let listed = home.console("diagnose security").ok();
    assert!(
        listed.contains("'corp' and 'corp2' have a server in common"),
        "{listed}"
    );
    home.console("config user ldap\ndelete corp\nend").ok();
    assert_eq!(groups(&vpn.told("dora", dora)), ["staff"]);
    up.stop();
}

#[test]
fn another_radius_server_vouches_by_the_groups_of_its_accept() {
    let (home, up, vpn) = system("");
    let other = Upstream::start(&home);
    let (secret, port) = (upstream::SECRET, other.port);
    home.console(&format!(
        "config user radius\nedit hq\nset server 127.0.0.1\nset secret {secret}\n\
         set radius-port {port}\nend"
    ))
    .ok();
    group(&home, "remote", "hq", "vpn");
    group(&home, "others", "hq", "VPN");
    home.user_without_token("alice");
    lets_in_by(&home, "others remote");
    assert_eq!(
        groups(&vpn.told("zoe", upstream::PASSWORD)),
        ["remote"],
        "its groups have one spelling"
    );
    home.console("config user radius\nedit hq\nset group-override-attr-type filter-Id\nend")
        .ok();
    assert_eq!(groups(&vpn.told("zoe", upstream::PASSWORD)), ["others"]);
    for (name, why) in [
        ("bob", "refused: group-missing"),
        ("alice", "refused: password-wrong"),
        // To that server, yan is alice, who has an entry here.
        ("yan", "refused: name-of-another"),
        ("xan", "refused: name-of-another"),
        ("carol", "refused: backend-challenge"),
        ("nobody", "refused: password-wrong"),
    ] {
        assert_eq!(vpn.ask(name, upstream::PASSWORD), Answer::Reject, "{name}");
        home.login_says(name, why);
    }
    home.login_says("xan", "the server must send User-Name in its Access-Accept");
    for (name, said) in [
        ("ZOE", "the user is in: others"),
        ("xan", "the server must send User-Name in its Access-Accept"),
        ("bob", "the user is refused: group-missing"),
    ] {
        let password = upstream::PASSWORD;
        let tried = home.console(&format!(
            "diagnose test authserver radius hq pap {name} {password}"
        ));
        let tried = tried.ok();
        assert!(tried.contains(said), "{tried}");
    }
    // Its answers are as good as its Message-Authenticator, and silence is no refusal.
    assert_eq!(vpn.ask("mallory", upstream::PASSWORD), Answer::Silence);
    home.login_says("mallory", "not decided: backend-unreachable");
    up.stop();
}

#[test]
fn what_one_server_does_not_know_another_may() {
    let (home, up, vpn) = system("");
    let slapd = Directory::start(&home);
    directory(&home, &slapd, "");
    let mut other = Upstream::start(&home);
    let (secret, port) = (upstream::SECRET, other.port);
    home.console(&format!(
        "config user radius\nedit hq\nset server 127.0.0.1\nset secret {secret}\n\
         set radius-port {port}\nend\nconfig user group\nedit all\nset member hq corp\nend"
    ))
    .ok();
    lets_in_by(&home, "all");
    assert_eq!(vpn.ask("zoe", upstream::PASSWORD), Answer::Accept);
    assert_eq!(vpn.ask("dora", password_of("dora")), Answer::Accept);
    assert_eq!(vpn.ask("dora", PASSWORD), Answer::Reject);
    // Whom the silent one may know is nobody's to refuse, nor to let in: it may know her by another name.
    other.stop();
    assert_eq!(vpn.ask("dora", password_of("dora")), Answer::Silence);
    let said = home.login_says("dora", "not decided: backend-unreachable");
    assert!(
        said.contains("radius 'hq' may know the user by a name that has an entry here"),
        "{said}"
    );
    assert_eq!(vpn.ask("dora", PASSWORD), Answer::Silence);
    // Another entry of the same directory would have said no more.
    let (reader, secret) = READER;
    let dead = free_port();
    home.console(&format!(
        "config user ldap\nedit replica\nset server 127.0.0.1\nset port {dead}\nset dn {BASE}\n\
         set cnid uid\nset type regular\nset username {reader}\nset password {secret}\nend\n\
         config user group\nedit all\nset member replica corp\nend"
    ))
    .ok();
    assert_eq!(vpn.ask("dora", password_of("dora")), Answer::Accept);
    assert_eq!(vpn.ask("dora", PASSWORD), Answer::Silence);
    up.stop();
}

#[test]
fn what_one_server_knows_of_a_name_is_not_undone_by_the_next() {
    let (home, up, vpn) = system("");
    let mut slapd = Directory::start(&home);
    directory(&home, &slapd, "");
    let other = Upstream::start(&home);
    let (secret, port) = (upstream::SECRET, other.port);
    home.console(&format!(
        "config user radius\nedit hq\nset server 127.0.0.1\nset secret {secret}\n\
         set radius-port {port}\nend\nconfig user group\nedit all\nset member corp hq\nend"
    ))
    .ok();
    lets_in_by(&home, "all");
    // To both she is somebody, and to the directory by another name as well.
    let dora = password_of("dora");
    home.user_without_token("dora");
    assert_eq!(vpn.ask(ALIAS_OF_DORA, dora), Answer::Reject);
    home.login_says(ALIAS_OF_DORA, "refused: name-of-another");
    // Taking the directory away takes away nothing of that.
    slapd.stop();
    assert_eq!(vpn.ask(ALIAS_OF_DORA, dora), Answer::Silence);
    home.login_says(ALIAS_OF_DORA, "not decided: backend-unreachable");
    up.stop();
}

#[test]
fn a_wrong_guess_counts_though_another_server_is_silent_or_asks_for_more() {
    let (home, up, vpn) = system("");
    let slapd = Directory::start(&home);
    directory(&home, &slapd, "");
    let mut other = Upstream::start(&home);
    let (secret, port) = (upstream::SECRET, other.port);
    home.console(&format!(
        "config user radius\nedit hq\nset server 127.0.0.1\nset secret {secret}\n\
         set radius-port {port}\nend\nconfig user group\nedit all\nset member hq corp\nend\n\
         config user setting\nset auth-lockout-threshold 2\nset auth-lockout-duration 600\nend"
    ))
    .ok();
    lets_in_by(&home, "all");
    for _ in 0..2 {
        assert_eq!(vpn.ask("carol", PASSWORD), Answer::Reject);
        let said = home.login_says("carol", "refused: password-wrong");
        assert!(said.contains("Access-Challenge"), "{said}");
    }
    assert_eq!(vpn.ask("carol", PASSWORD), Answer::Reject);
    home.login_says("carol", "refused: source-throttled");

    other.stop();
    for guess in [PASSWORD, "another guess"] {
        assert_eq!(vpn.ask("dora", guess), Answer::Silence);
        home.login_says("dora", "not decided: backend-unreachable");
    }
    assert_eq!(vpn.ask("dora", password_of("dora")), Answer::Reject);
    home.login_says("dora", "refused: source-throttled");

    // Names tried in turn are wrong logins of their source.
    home.console("config user setting\nset auth-invalid-max 2\nset auth-blackout-time 600\nend")
        .ok();
    for name in ["erin", "frank"] {
        assert_eq!(vpn.ask(name, PASSWORD), Answer::Silence, "{name}");
    }
    assert_eq!(vpn.ask("alice", password_of("alice")), Answer::Reject);
    home.login_says("alice", "refused: source-blackout");
    up.stop();
}

#[test]
fn a_right_login_that_a_silent_server_knows_may_come_again_until_it_answers() {
    let (home, up, vpn) = system("");
    let slapd = Directory::start(&home);
    directory(&home, &slapd, "");
    let mut other = Upstream::start(&home);
    let (secret, port) = (upstream::SECRET, other.port);
    let hq = |port: u16| {
        let set = format!(
            "config user radius\nedit hq\nset server 127.0.0.1\nset secret {secret}\n\
             set radius-port {port}\nend"
        );
        home.console(&set).ok();
    };
    hq(port);
    home.console(
        "config user group\nedit all\nset member corp hq\nend\n\
         config user setting\nset auth-lockout-threshold 1\nset auth-lockout-duration 600\n\
         set auth-invalid-max 2\nset auth-blackout-time 600\nend",
    )
    .ok();
    lets_in_by(&home, "all");
    other.stop();
    for _ in 0..3 {
        assert_eq!(vpn.ask("zoe", upstream::PASSWORD), Answer::Silence);
    }
    home.login_says("zoe", "not decided: backend-unreachable");
    let back = Upstream::start(&home);
    hq(back.port);
    assert_eq!(vpn.ask("zoe", upstream::PASSWORD), Answer::Accept);
    // Nothing of it is held against the source, and another guess still counts.
    drop(back);
    assert_eq!(vpn.ask("dora", PASSWORD), Answer::Silence);
    assert_eq!(vpn.ask("dora", "another guess"), Answer::Reject);
    home.login_says("dora", "refused: source-throttled");
    up.stop();
}

#[test]
fn a_guess_that_one_server_judges_counts_though_another_holds_the_account() {
    let (home, up, vpn) = system("");
    let slapd = Directory::start(&home);
    directory(&home, &slapd, "");
    slapd.holds("775");
    let other = Upstream::start(&home);
    let (secret, port, dead) = (upstream::SECRET, other.port, free_port());
    let (reader, reading) = READER;
    let directory_port = slapd.port;
    home.console(&format!(
        "config user radius\nedit hq\nset server 127.0.0.1\nset secret {secret}\n\
         set radius-port {port}\nnext\nedit away\nset server 127.0.0.1\nset secret {secret}\n\
         set radius-port {dead}\nend\n\
         config user ldap\nedit branch\nset server 127.0.0.1\nset port {directory_port}\n\
         set dn ou=groups,dc=example,dc=org\nset cnid uid\nset type regular\nset username {reader}\n\
         set password {reading}\nend\n\
         config user group\nedit all\nset member corp\nend\n\
         config user setting\nset auth-lockout-threshold 2\nset auth-lockout-duration 600\nend"
    ))
    .ok();
    home.radius_client("vpn2", ELSEWHERE, "set remote-groups all");
    let elsewhere = Client::new(&home, ELSEWHERE);
    let ask = |vpn: &Client, members: &str, guess: &str| {
        home.console(&format!(
            "config user group\nedit all\nset member {members}\nend"
        ))
        .ok();
        vpn.ask(HELD, guess)
    };
    lets_in_by(&home, "all");

    // Where nobody else has the name, nothing was guessed.
    for _ in 0..3 {
        assert_eq!(ask(&vpn, "corp branch", "a guess"), Answer::Reject);
        home.login_says(HELD, "refused: account-locked-elsewhere");
    }
    for guess in ["first", "second"] {
        assert_eq!(ask(&vpn, "corp hq", guess), Answer::Reject);
        let said = home.login_says(HELD, "refused: password-wrong");
        assert!(said.contains("the account is locked out"), "{said}");
    }
    assert_eq!(ask(&vpn, "corp hq", "third"), Answer::Reject);
    home.login_says(HELD, "refused: source-throttled");

    for guess in ["first", "second"] {
        assert_eq!(ask(&elsewhere, "corp hq away", guess), Answer::Silence);
        home.login_says(HELD, "not decided: backend-unreachable");
    }
    assert_eq!(ask(&elsewhere, "corp hq away", "third"), Answer::Reject);
    home.login_says(HELD, "refused: source-throttled");
    up.stop();
}
