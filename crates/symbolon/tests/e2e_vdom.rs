//! Virtual domains: one user name in two of them, each with a token and a VPN server of its own.
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

use common::phone::{Phone, activation_code};
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, SECRET, after};

const VDOMS: [&str; 2] = ["root", "sales"];

/// Lines typed into a virtual domain.
fn within(vdom: &str, lines: &str) -> String {
    format!("config vdom\nedit {vdom}\n{lines}\nend\n")
}

fn client(address: &str) -> String {
    format!(
        "config user radius-client\nedit vpn\nset subnet {address}/32\nset secret {SECRET}\nend\n\
         config user setting\nset reject-delay 0\nend"
    )
}

fn user(token: &str) -> String {
    format!(
        "config user local\nedit alice\nset passwd {PASSWORD}\nset two-factor fortitoken\n\
         set fortitoken {token}\nend"
    )
}

/// Imports one token into a virtual domain.
fn import(home: &Home, vdom: &str) -> String {
    let code = home.issue(1);
    let imported = home
        .console(&within(
            vdom,
            &format!("execute fortitoken-mobile import {code}"),
        ))
        .ok();
    assert!(imported.contains("1 token imported"), "{imported}");
    let shown = home.console(&within(vdom, "show user fortitoken")).ok();
    after(&shown, "edit").trim_matches('"').to_owned()
}

fn enrol(home: &Home, vdom: &str, token: &str) -> Phone {
    let shown = home.console(&within(vdom, &user(token))).ok();
    let phone = Phone::new(home, vdom);
    phone.add(&activation_code(&shown), "alice").ok();
    let polled = home
        .console(&within(vdom, "execute fortitoken-mobile poll"))
        .ok();
    assert!(polled.contains("1 token polled, 1 activated"), "{polled}");
    phone
}

#[test]
fn one_name_is_two_people_in_two_virtual_domains() {
    let home = Home::new();
    let up = Running::up(&home);
    home.console("config system global\nset vdom-mode multi-vdom\nend\n")
        .ok();
    let tokens = VDOMS.map(|vdom| import(&home, vdom));
    let [root, sales] = &tokens;
    let wrong = home.console(&within("sales", &user(root))).refused();
    assert!(wrong.contains("entry not found in datasource"), "{wrong}");
    let wrong = format!("execute fortitoken-mobile provision {sales}");
    let wrong = home.console(&within("root", &wrong)).refused();
    assert!(wrong.contains("Command fail. Return code -3"), "{wrong}");

    home.console(&within("root", &client("127.0.0.1"))).ok();
    let taken = home
        .console(&within("sales", &client("127.0.0.1")))
        .refused();
    assert!(
        taken.contains("127.0.0.1/32 overlaps the network of another RADIUS client"),
        "{taken}"
    );
    home.console(&within("sales", &client("127.0.0.2"))).ok();
    let phones = [("root", root), ("sales", sales)].map(|(vdom, token)| enrol(&home, vdom, token));
    let [of_root, of_sales] = [Vpn::new(&home, "127.0.0.1"), Vpn::new(&home, "127.0.0.2")];
    let code = |phone: &Phone| phone.code("alice");
    assert_eq!(of_root.log_in("alice", &code(&phones[1])), Answer::Reject);
    assert_eq!(of_root.log_in("alice", &code(&phones[0])), Answer::Accept);
    let reset = "diagnose radius clients reset-authenticator 127.0.0.1";
    let unknown = home.console(&within("sales", reset)).refused();
    assert!(
        unknown.contains("Command fail. Return code -3"),
        "{unknown}"
    );
    home.console(&within("root", reset)).ok();
    assert_eq!(
        of_sales.log_in("sales\\alice", &code(&phones[1])),
        Answer::Accept
    );
    assert_eq!(
        of_sales.log_in("root\\alice", &code(&phones[0])),
        Answer::Reject
    );

    for (vdom, logins) in [("root", 2), ("sales", 2)] {
        let shown = home.console(&within(vdom, "diagnose login show")).ok();
        let of_alice = shown.lines().filter(|line| line.contains("alice"));
        assert_eq!(of_alice.count(), logins, "{shown}");
    }
    up.stop();
}

#[test]
fn an_import_tells_of_tokens_that_another_vdom_has() {
    let home = Home::new();
    let up = Running::up(&home);
    home.console("config system global\nset vdom-mode multi-vdom\nend\n")
        .ok();
    let import = "execute fortitoken-mobile import 0000-0000-0000-0000-0000";
    home.console(&within("root", import)).ok();
    let shown = home
        .console(&within("root", "show user fortitoken | grep edit"))
        .ok();
    let deleted = after(&shown, "edit").trim_matches('"').to_owned();
    let delete = format!("config user fortitoken\ndelete {deleted}\nend");
    home.console(&within("root", &delete)).ok();
    let again = home.console(&within("sales", import)).ok();
    for text in ["1 token imported", "1 token of it in another VDOM"] {
        assert!(again.contains(text), "no '{text}' in: {again}");
    }
    up.stop();
}

#[test]
fn totals_are_of_the_virtual_domain_and_of_all() {
    let home = Home::new();
    let up = Running::up(&home);
    home.console("config system global\nset vdom-mode multi-vdom\nend\n")
        .ok();
    let [root, sales] = VDOMS.map(|vdom| import(&home, vdom));
    for (vdom, own, other) in [("root", &root, &sales), ("sales", &sales, &root)] {
        let info = home.console(&within(vdom, "diagnose fortitoken info")).ok();
        assert!(
            info.contains(own.as_str()) && !info.contains(other.as_str()),
            "{info}"
        );
        assert_eq!(after(&info, "Total activated token:"), "0");
        assert_eq!(after(&info, "Total global activated token:"), "0");
    }
    let held = home.console("config vdom\ndelete sales\nend\n").refused();
    assert!(held.contains("holds user fortitoken"), "{held}");
    let emptied = format!("config user fortitoken\ndelete {sales}\nend");
    home.console(&within("sales", &emptied)).ok();
    home.console("config vdom\ndelete sales\nend\n").ok();
    let back = "config global\nconfig system global\nset vdom-mode no-vdom\nend\n";
    home.console(back).ok();
    let shown = home.console("show user fortitoken").ok();
    assert!(shown.contains(root.as_str()), "{shown}");
    up.stop();
}
