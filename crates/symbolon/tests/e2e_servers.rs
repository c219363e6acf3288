//! The servers that a unit uses itself, real ones, in a network of their own: names and time.
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

use std::fs;

use common::namespaces::apart;
use common::{Home, PASSWORD, tool, until};
use domain::answered_names::NAMES;

/// Ports of name and time servers need a network in which the test is root.
const NETWORK: &str = "ip link set lo up";

#[test]
fn names_are_those_of_the_configured_servers() {
    drop(tool("dnsmasq", "dnsmasq-base"));
    drop(tool("ip", "iproute2"));
    let home = Home::new();
    let serve = "dnsmasq --no-daemon --conf-file= --no-resolv --no-hosts \
                 --listen-address=127.0.0.53 --bind-interfaces \
                 --address=/box.example.org/127.0.0.9 >&2 & :";
    let up = apart(&home, "-rn", &format!("{NETWORK}; {serve}"));
    let tried = || home.console("execute telnet box.example.org 9");
    let before = tried();
    assert!(!before.out.contains("127.0.0.9"), "{}", before.out);
    home.console("config system dns\nset primary 127.0.0.53\nset timeout 1\nend")
        .ok();
    let said = tried().out;
    assert!(said.contains("Trying 127.0.0.9"), "{said}");
    home.console("config system dns\nset domain example.org\nend")
        .ok();
    let said = home.console("execute telnet box 9").out;
    assert!(said.contains("Trying 127.0.0.9"), "{said}");

    // A server that is silent is named as the cause, and the host's resolver is not asked instead.
    home.console("config system dns\nset primary 127.0.0.54\nset retry 0\nend")
        .ok();
    let silent = tried();
    assert!(!silent.out.contains("127.0.0.9"), "{}", silent.out);
    assert!(!silent.status.success());
    assert!(
        silent.out.contains("no name server answers"),
        "{}",
        silent.out
    );
    up.stop();
}

/// A name server that knows every name writes down what it is asked.
#[test]
fn the_names_that_stand_for_the_token_server_are_never_asked_for() {
    drop(tool("dnsmasq", "dnsmasq-base"));
    drop(tool("ip", "iproute2"));
    let home = Home::new();
    let asked = home.path("questions");
    let serve = format!(
        "dnsmasq --no-daemon --conf-file= --no-resolv --no-hosts --listen-address=127.0.0.53 \
         --bind-interfaces --address=/#/127.0.0.9 --log-queries 2>'{}' & :",
        asked.display()
    );
    let up = apart(&home, "-rn", &format!("{NETWORK}; {serve}"));
    home.console("config system dns\nset primary 127.0.0.53\nset timeout 1\nend")
        .ok();
    let token = home.import(1).remove(0);
    for (number, name) in NAMES.into_iter().enumerate() {
        for command in ["ping", "ping6"] {
            home.console(&format!(
                "execute ping-options repeat-count 1\nexecute {command} {name}"
            ));
        }
        let said = home.console(&format!("execute telnet {name} 9")).out;
        let port = home.https.port();
        assert!(
            said.contains(&format!(
                "stands for token server 127.0.0.1 here, at port {port}\n"
            )),
            "{said}"
        );
        home.console(&format!(
            "config system ntp\nset ntpsync enable\nconfig ntpserver\npurge\ny\nedit 0\n\
             set server {name}\nnext\nend\nend"
        ));
        let said = home.console("diagnose sys ntp status").ok();
        assert!(said.contains("never resolved"), "{said}");
        home.console(&format!(
            "config log syslogd setting\nset server {name}\nset status enable\nend"
        ))
        .ok();
        home.console(&format!(
            "config system email-server\nset server {name}\nset reply-to tokens@example.org\nend\n\
             config user local\nedit alice{number}\nset passwd {PASSWORD}\n\
             set email-to alice@example.org\nset two-factor fortitoken\nset fortitoken {token}\nend\n\
             execute fortitoken-mobile send-activation {token}\n\
             config user local\ndelete alice{number}\nend"
        ));
    }
    let said = home.console("execute telnet box.example.org 9").out;
    assert!(said.contains("Trying 127.0.0.9"), "{said}");
    let asked = fs::read_to_string(asked).unwrap().to_lowercase();
    assert!(asked.contains("query[a] box.example.org"), "{asked}");
    for name in NAMES {
        assert!(!asked.contains(name), "{asked}");
    }
    up.stop();
}

#[test]
fn the_clock_is_compared_with_the_time_servers() {
    drop(tool("chronyd", "chrony"));
    let home = Home::new();
    let pid = home.path("chronyd.pid");
    // -x: the server leaves the host's clock alone.
    let configuration = format!(
        "local stratum 3\nallow\nbindaddress 127.0.0.1\ncmdport 0\npidfile {}",
        pid.display()
    );
    let lines = configuration.split('\n').map(|line| format!("'{line}'"));
    let lines = lines.collect::<Vec<_>>().join(" ");
    let up = apart(
        &home,
        "-rn",
        &format!("{NETWORK}; chronyd -x -d -u root {lines} >&2 & :"),
    );
    let said = home.console("diagnose sys ntp status").ok();
    assert!(said.contains("no time server is configured"), "{said}");
    home.console(
        "config system ntp\nset ntpsync enable\nconfig ntpserver\n\
         edit 0\nset server 127.0.0.7\nnext\nedit 0\nset server 127.0.0.1\nnext\nend\nend",
    )
    .ok();
    let shown = home.console("show system ntp").ok();
    assert!(
        shown.contains("        edit 2\n            set server \"127.0.0.1\"\n"),
        "{shown}"
    );
    until("the time server answers", || {
        let said = home.console("diagnose sys ntp status").ok();
        said.contains("ntpsync: enabled")
            && said.contains("server(127.0.0.7) -- unreachable")
            && said.contains(
                "ipv4 server(127.0.0.1) 127.0.0.1 -- reachable\n\tserver-version=4, stratum=3",
            )
    });
    up.stop();
}
