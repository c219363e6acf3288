//! Files of configuration: what is taken from them, and what is said of the rest. The samples are made up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use cli::render;
use cli::text::{Document, Entry, Origin, TextError, read};
use domain::admin::{About, Edit, Remark, Report, Understood};
use domain::schema::Value;
use domain::vdom::Vdom;

const FORTIGATE: &str = include_str!("text/fortigate.conf");

fn document(text: &str) -> Document {
    read(text.as_bytes(), Vdom::ROOT).unwrap()
}

fn findings(text: &str) -> Vec<String> {
    let findings = document(text).findings;
    findings
        .iter()
        .map(|finding| finding.to_string().trim_end().to_owned())
        .collect()
}

/// `12 root user local anna: email-to=a@example.com`.
fn written(entry: &Entry) -> String {
    let edits = entry.incoming.edits.iter().map(|edit| match edit {
        Edit::Set(field, Value::Sealed(sealed)) => format!(" {}=ENC {sealed}", field.name),
        Edit::Set(field, Value::Secret(_)) => format!(" {}=?", field.name),
        Edit::Set(field, value) => format!(" {}={}", field.name, value.texts().join("|")),
        Edit::Unset(field) => format!(" -{}", field.name),
        Edit::Children(table, children) => {
            let keys: Vec<&str> = children.iter().map(|child| &*child.key).collect();
            format!(" {}[{}]", table.path, keys.join("|"))
        }
    });
    let place = &entry.incoming.place;
    format!(
        "{} {} {} {}:{}",
        entry.line,
        place.vdom(),
        place.table().path,
        place.key(),
        edits.collect::<String>()
    )
}

/// The entries that are taken.
fn entries(text: &str) -> Vec<String> {
    let document = document(text);
    let taken = document.entries.iter().filter(|entry| is_taken(entry));
    taken.map(written).collect()
}

fn is_taken(entry: &Entry) -> bool {
    entry.incoming.understood != Understood::TooLittle
}

#[test]
fn what_this_unit_does_not_have_is_named_by_its_lines() {
    let document = document(FORTIGATE);
    assert_eq!(document.header.origin, Origin::Other("FGVM64".into()));
    let findings = findings(FORTIGATE);
    for finding in [
        "line 7: set lldp-reception enable: this unit has no such field",
        "lines 25-33: config vpn certificate local: this unit has no such table",
        "line 52: set ppk-secret ***: this unit has no such field",
    ] {
        assert!(
            findings.iter().any(|it| it == finding),
            "{finding}: {findings:#?}"
        );
    }
    let spoilt = findings
        .iter()
        .find(|it| it.starts_with("line 58: "))
        .unwrap();
    assert!(
        spoilt.starts_with("line 58: set two-factor carrier-pigeon: two-factor takes one of: "),
        "{spoilt}"
    );
    assert!(
        spoilt.ends_with("; config user local / edit ben is left out"),
        "{spoilt}"
    );
    assert!(
        !findings.iter().any(|it| it.contains("c2Vj")),
        "{findings:#?}"
    );
}

#[test]
fn a_value_is_missed_where_its_field_does_something() {
    let user = |line: &str| format!("config user local\nedit anna\nset {line}\nnext\nend\n");
    for (line, taken) in [
        ("authtimeout 99999", true),
        ("two-factor carrier-pigeon", false),
    ] {
        let text = user(line);
        assert_eq!(findings(&text).len(), 1, "{line}");
        assert_eq!(entries(&text).len(), usize::from(taken), "{line}");
    }
}

#[test]
fn what_it_has_is_taken_with_its_line() {
    let entries = entries(FORTIGATE);
    for entry in [
        "5 root system global : admintimeout=30 hostname=branch-7",
        "42 root user fortitoken FTK200BHV1KRZCC0: seed=ENC c2VlZCBvZiBhbm90aGVyIHVuaXQ=",
    ] {
        assert!(
            entries.iter().any(|it| it.starts_with(entry)),
            "{entry}: {entries:#?}"
        );
    }
    let anna = entries.iter().find(|it| it.contains(" anna:")).unwrap();
    for field in [
        "two-factor=fortitoken",
        "fortitoken=FTKMOB83712DC7FE",
        "passwd=ENC c2VjcmV0IG9mIGFub3RoZXI=",
    ] {
        assert!(anna.contains(field), "{anna}");
    }
    assert!(
        !entries.iter().any(|it| it.contains(" ben:")),
        "{entries:#?}"
    );
}

#[test]
fn virtual_domains_are_places() {
    let text = "config vdom\nedit root\nnext\nedit sales\nnext\nend\n\n\
                config global\nconfig system global\n    set vdom-mode multi-vdom\nend\n\
                config user local\nend\nend\n\n\
                config vdom\nedit sales\nconfig user local\n    edit \"anna\"\n        set status disable\n    next\nend\n\
                config system global\nend\nend\n";
    assert_eq!(
        entries(text),
        [
            "2 root vdom root:",
            "4 root vdom sales:",
            "9 root system global : vdom-mode=multi-vdom",
            "19 sales user local anna: status=disable",
        ]
    );
    assert_eq!(
        findings(text),
        [
            "lines 12-13: config user local: each VDOM has its own; it does not stand under 'config global'",
            "lines 23-24: config system global: the unit has it once, under 'config global'",
        ]
    );
    let sales = Vdom::parse("sales").unwrap();
    let elsewhere = read(b"config user setting\nend\n", sales).unwrap();
    assert_eq!(elsewhere.entries[0].incoming.place.vdom(), sales);
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let cuts = FORTIGATE.lines().count();
    let whole: Vec<&str> = FORTIGATE.lines().collect();
    for cut in 5..cuts {
        let text = whole[..cut].join("\n");
        let is_between = whole[cut - 1] == "end" && read(text.as_bytes(), Vdom::ROOT).is_ok();
        let refused = read(text.as_bytes(), Vdom::ROOT);
        assert!(
            is_between || matches!(refused, Err(TextError::CutOff { .. })),
            "cut after line {cut}: {refused:?}"
        );
    }
    let within_a_quote = "config user local\nedit a\nset comments \"no end\nnext\nend\n";
    assert_eq!(
        read(within_a_quote.as_bytes(), Vdom::ROOT).unwrap_err(),
        TextError::CutOff { line: 5, open: 3 }
    );
}

#[test]
fn a_backup_has_as_many_lines_as_it_says() {
    let backup = |lines: u32| {
        format!("#backup=1:release=0.1.0:at=1:lines={lines:010}\nconfig user local\nend\n")
    };
    assert!(read(backup(3).as_bytes(), Vdom::ROOT).is_ok());
    assert_eq!(
        read(backup(4).as_bytes(), Vdom::ROOT).unwrap_err(),
        TextError::OtherLength {
            expected: 4,
            got: 3
        }
    );
}

#[test]
fn what_is_no_configuration_is_refused() {
    for text in [
        &b""[..],
        b"\n\n",
        b"hello\n",
        b"\x89PNG\r\n\x1a\n\x00",
        b"show user local\n",
    ] {
        let refused = read(text, Vdom::ROOT).unwrap_err();
        assert_eq!(refused, TextError::NoConfiguration, "{text:?}");
    }
    assert_eq!(
        read(b"#FGBK|3|FGVM64|7|02|1517|\n\x00\x01", Vdom::ROOT).unwrap_err(),
        TextError::Encrypted
    );
}

#[test]
fn lines_that_stand_nowhere_are_named_and_the_rest_is_taken() {
    let text = "FGT # show user local\r\nconfig user local\r\n    delete ben\r\n    edit \"an\u{e9}\"\r\n\
                    next\r\nend\r\nabort\r\n";
    assert_eq!(entries(text), ["4 root user local an\u{e9}:"]);
    let expected = [(1, "FGT"), (3, "delete"), (7, "abort")];
    let expected = expected
        .map(|(line, word)| format!("line {line}: {word}: no line of a configuration file"));
    assert_eq!(findings(text), expected);
}

#[test]
fn a_file_in_which_a_next_or_an_end_is_missing_or_too_many_is_refused() {
    const BOB: &str = "config user local\nedit bob\n";
    for (text, line, statement) in [
        // What would be the second entry's is not the first one's.
        (
            "config system admin\nedit first\nset vdom sales\nedit second\nunset vdom\nnext\nend\n",
            4,
            "edit",
        ),
        (
            "config system ntp\nconfig ntpserver\nedit 1\nedit 2\nend\nend\n",
            4,
            "edit",
        ),
        ("config system global\nedit first\nend\n", 2, "edit"),
        (
            &format!("{BOB}config user group\nend\nend\n"),
            3,
            "config user group",
        ),
        (
            &format!("{BOB}next\nconfig user group\nend\nend\n"),
            4,
            "config user group",
        ),
        (
            &format!("{BOB}next\nconfig anything\nend\nend\n"),
            4,
            "config anything",
        ),
        (
            "config system global\nconfig system admin\nend\nend\n",
            2,
            "config system admin",
        ),
        // A table that is passed over takes no other with it.
        (
            "config firewall policy\nedit 1\nconfig user setting\nend\nend\n",
            3,
            "config user setting",
        ),
        // What stands behind an entry that was closed too early was meant for it.
        (&format!("{BOB}next\nset workstation pc-4\nend\n"), 4, "set"),
        (&format!("{BOB}next\nunset passwd\nend\n"), 4, "unset"),
        (&format!("{BOB}next\nappend vdom sales\nend\n"), 4, "append"),
        (&format!("{BOB}end\nset workstation pc-4\n"), 4, "set"),
        (&format!("{BOB}next\nnext\nend\n"), 4, "next"),
        (&format!("{BOB}end\nend\n"), 4, "end"),
        (&format!("{BOB}next now\nend\n"), 3, "next"),
        ("config user local\nedit bob smith\nend\n", 2, "edit"),
        ("config\nedit bob\nend\n", 1, "config"),
        // What is meant for one virtual domain comes into no other.
        (
            "config vdom\nedit sales\nconfigure user local\nedit bob\nnext\nend\nend\n",
            4,
            "edit",
        ),
        ("config vdom\nedit sales\nedit lab\nend\n", 3, "edit"),
        (
            "config vdom\nconfig user local\nend\nend\n",
            2,
            "config user local",
        ),
    ] {
        let statement = statement.into();
        assert_eq!(
            read(text.as_bytes(), Vdom::ROOT).unwrap_err(),
            TextError::Misplaced { line, statement },
            "{text}"
        );
    }
}

#[test]
fn a_virtual_domain_that_cannot_be_here_takes_nothing_else_with_it() {
    let text = "config vdom\nedit \"no such name\"\nnext\nedit sales\nnext\nend\n\
                config vdom\nedit \"no such name\"\nconfig user local\nedit ann\nnext\nend\nnext\n\
                edit sales\nconfig user local\nedit bob\nnext\nend\nend\n";
    assert_eq!(
        entries(text),
        ["4 root vdom sales:", "16 sales user local bob:"]
    );
    assert_eq!(findings(text).len(), 3);
}

#[test]
fn an_entry_with_a_line_that_is_not_understood_is_left_out() {
    for line in [
        "append vdom sales",
        "sett vdom sales",
        "set",
        "unset vdom comments",
        "--More--",
    ] {
        let text = format!("config system admin\nedit ann\n{line}\nnext\nedit ben\nnext\nend\n");
        assert_eq!(entries(&text), ["5 root system admin ben:"], "{line}");
        let verb = line.split(' ').next().unwrap();
        assert_eq!(
            findings(&text),
            [format!(
                "line 3: {verb}: no line of a configuration file; config system admin / edit ann is left out"
            )]
        );
        assert_eq!(document(&text).left_out, 1);
    }
}

#[test]
fn a_value_that_is_not_utf8_is_named() {
    let text =
        b"config user fortitoken\nedit FTK200BHV1KRZCC0\nset comments \"M\xfcller\"\nnext\nend\n";
    let document = read(text, Vdom::ROOT).unwrap();
    assert!(!is_taken(&document.entries[0]) && document.entries[0].incoming.edits.is_empty());
    assert_eq!(
        document.findings[0].to_string(),
        "line 3: set comments M\u{fffd}ller: it is not UTF-8; \
         config user fortitoken / edit FTK200BHV1KRZCC0 is left out\n"
    );
}

/// Whether an entry with this line is taken.
fn takes(path: &str, line: &str) -> bool {
    let text = format!("config {path}\nedit ann\n{line}\nnext\nend\n");
    document(&text).entries.iter().any(is_taken)
}

#[test]
fn who_would_be_let_in_for_want_of_a_field_stays_out() {
    for (path, lines) in [
        (
            "system admin",
            &[
                "set schedule always",
                "set wildcard enable",
                "set remote-group vpn",
                "set password-expire 2020-01-01 00:00:00",
                "set vdmo sales",
            ][..],
        ),
        (
            "system accprofile",
            &["set system-execute-telnet disable", "set sysgrp custom"],
        ),
        (
            "system interface",
            &["set trust-ip-1 192.0.2.0 255.255.255.0"],
        ),
        ("user local", &["set workstation PC-4", "set sttus disable"]),
        ("user fortitoken", &["set sttus lock"]),
        (
            "user ldap",
            &[
                "set two-factor fortitoken-cloud",
                "set two-factor-filter (mail=*)",
                "set client-cert-auth enable",
                "set account-key-filter (mail=%s)",
            ],
        ),
        ("user radius", &["set accept-only vpn"]),
        ("user radius-client", &["set code-postion after-password"]),
        ("user password-policy", &["set minimum-lenght 12"]),
        ("user group", &["set expires 2020-01-01"]),
    ] {
        for line in lines {
            assert!(!takes(path, line), "{path}: {line}");
        }
    }
    let findings = findings("config system admin\nedit one\nset schedule always\nnext\nend\n");
    assert_eq!(
        findings,
        [
            "line 3: set schedule always: this unit has no such field; config system admin / edit one is left out"
        ]
    );
}

#[test]
fn a_table_in_an_entry_that_is_not_understood_keeps_it_out() {
    let findings = findings(
        "config user group\nedit vpn\nset member corp\nconfig macth\nedit 1\nset server-name corp\nnext\nend\n\
         next\nend\n",
    );
    assert_eq!(
        findings,
        [
            "lines 4-8: config user group / edit vpn / config macth: this unit has no such table; \
             config user group / edit vpn is left out"
        ]
    );
    let block = |name: &str| format!("config {name}\nedit 1\nset server 192.0.2.1\nnext\nend");
    for (path, harmless) in [
        ("system admin", "gui-dashboard"),
        ("system accprofile", "netgrp-permission"),
        ("user radius", "accounting-server"),
        ("user group", "guest"),
        ("system interface", "client-options"),
    ] {
        assert!(takes(path, &block(harmless)), "{path}: {harmless}");
        let is_guarded = path != "system interface";
        assert_eq!(takes(path, &block("limits")), !is_guarded, "{path}");
    }
    let within = "config match\nedit 1\nconfig limits\nend\nnext\nend";
    assert!(!takes("user group", within));
}

#[test]
fn a_value_in_a_table_of_an_entry_keeps_the_entry_out() {
    let findings = findings(
        "config user group\nedit vpn\nconfig match\nedit 1\nset server-name ''\nset group-name\nnext\nend\nnext\nend\n",
    );
    let told = &findings[0];
    assert!(
        told.ends_with("; config user group / edit vpn is left out"),
        "{told}"
    );
}

#[test]
fn a_field_that_restricts_nobody_keeps_no_entry_out() {
    for (path, line) in [
        ("system admin", "set wildcard disable"),
        ("system admin", "set schedule ''"),
        ("system admin", "set password-expire 0000-00-00 00:00:00"),
        ("system admin", "set gui-vdom-menu-favorites x"),
        ("system accprofile", "set system-execute-ssh enable"),
        ("system accprofile", "unset later-group"),
        ("system interface", "set vdom root"),
        ("system interface", "set trust-ip-1 0.0.0.0 0.0.0.0"),
        ("user local", "set ppk-secret ENC c2VjcmV0"),
        ("user ldap", "set member-attr memberOf"),
        (
            "user ldap",
            "set account-key-filter \"(&(userPrincipalName=%s)(!(UserAccountControl:1.2.840.113556.1.4.803:=2)))\"",
        ),
        (
            "user radius",
            "set switch-controller-acct-fast-framedip-detect 2",
        ),
        ("user group", "set expire 14400"),
    ] {
        assert!(takes(path, line), "{path}: {line}");
    }
}

#[test]
fn settings_with_a_line_that_is_not_understood_are_no_longer_all_that_is_said() {
    for (line, said) in [
        (
            "set multi-factor-authentication mandatroy",
            "multi-factor-authentication takes one of: optional, mandatory; what is here stays",
        ),
        ("set multi-factor mandatory", "this unit has no such field"),
        (
            "sett hostname gate",
            "no line of a configuration file; what is here stays",
        ),
        ("config admins\nend", "this unit has no such table"),
    ] {
        let text = format!("config system global\nset admintimeout 9\n{line}\nend\n");
        let document = document(&text);
        assert_eq!(document.entries[0].incoming.understood, Understood::Partly);
        assert_eq!(entries(&text), ["1 root system global : admintimeout=9"]);
        let findings = findings(&text);
        assert!(
            findings.len() == 1 && findings[0].ends_with(said),
            "{findings:?}"
        );
    }
    let whole = document("config system global\nset admintimeout 9\nend\n");
    assert_eq!(whole.entries[0].incoming.understood, Understood::Whole);
}

#[test]
fn a_child_table_with_a_line_that_is_not_understood_stays_as_it_is_here() {
    const FIRST: &str = "edit 1\nset server 192.0.2.1\nnext\n";
    for second in [
        "edit 2\nset server 192.0.2.2\nset authentication enable\nnext\n",
        "edit 2\nappend server 192.0.2.2\nnext\n",
        FIRST,
    ] {
        let text = format!(
            "config system ntp\nset ntpsync enable\nconfig ntpserver\n{FIRST}{second}end\nend\n"
        );
        assert_eq!(
            entries(&text),
            ["1 root system ntp : ntpsync=enable"],
            "{second}"
        );
        let understood = document(&text).entries[0].incoming.understood;
        assert_eq!(understood, Understood::Partly);
        let findings = findings(&text);
        let told = findings[0].ends_with("; all that is in ntpserver here stays");
        assert!(findings.len() == 1 && told, "{findings:?}");
    }
}

#[test]
fn of_two_entries_of_one_person_each_names_the_line_of_the_other() {
    let document = document("config user local\nedit Carol\nnext\nedit CAROL\nnext\nend\n");
    let twice = |place, other| (About::Incoming(place), Remark::Twice(other));
    let report = Report {
        remarks: vec![twice(0, 1), twice(1, 0)],
        ..Report::default()
    };
    let findings = render::findings(&document, &report);
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        findings,
        [
            "line 2: config user local / edit Carol is left out: the file has two entries of it, and neither is taken; the other begins in line 4\n",
            "line 4: config user local / edit CAROL is left out: the file has two entries of it, and neither is taken; the other begins in line 2\n",
        ]
    );
}
