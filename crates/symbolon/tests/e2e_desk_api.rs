//! The desk over the network: agents with certificates, the whole command line from another machine, and
//! curl by hand.
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
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use common::{Home, Running, Said, after, at_offset, free_port, run, symbolon, tool};
use serde_json::{Value, json};

/// An installation with the desk's listener.
struct Office {
    home: Home,
    up: Running,
    port: u16,
}

impl Office {
    fn open() -> Self {
        let home = Home::new();
        let port = free_port();
        let configuration = home.configuration();
        let (off, on) = (
            "# desk = \"127.0.0.1:8444\"",
            format!("desk = \"127.0.0.1:{port}\""),
        );
        assert!(configuration.contains(off));
        let configuration = configuration.replace(off, &on);
        fs::write(home.data().join("symbolon.toml"), configuration).unwrap();
        let up = Running::up(&home);
        Self { home, up, port }
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    fn identity(&self, agent: &str) -> PathBuf {
        self.home.path(&format!("{agent}.pem"))
    }

    fn hire(&self, agent: &str, role: &str) {
        self.hire_for(agent, &["--role", role]);
    }

    fn hire_for(&self, agent: &str, post: &[&str]) {
        let file = self.identity(agent);
        let file = file.to_str().unwrap();
        let words = [&["add-agent", agent, "--certificate", file], post].concat();
        self.home.desk(&words).ok();
    }

    /// `symbolon desk --server` with nothing of the data directory but the authority.
    fn afar(&self, agent: &str, words: &[&str]) -> Command {
        let mut desk = symbolon();
        desk.arg("desk").args(words).current_dir(self.home.path(""));
        desk.args(["--data", "/nowhere", "--server", &self.url(), "--ca"])
            .arg(self.home.authority())
            .arg("--identity")
            .arg(self.identity(agent));
        desk
    }

    fn asks(&self, agent: &str, words: &[&str]) -> Said {
        run(&mut self.afar(agent, words), "")
    }

    fn json(&self, agent: &str, words: &[&str]) -> Value {
        let mut words = words.to_vec();
        words.push("--json");
        serde_json::from_str(&self.asks(agent, &words).out).unwrap()
    }

    /// What curl gets, as docs/protocol.md shows; the status on a line of its own.
    fn curl(&self, agent: &str, command: &str, arguments: &str) -> (Value, String) {
        self.curl_named(agent, command, arguments, None)
    }

    /// The same under a message id.
    fn curl_named(
        &self,
        agent: &str,
        command: &str,
        arguments: &str,
        id: Option<&str>,
    ) -> (Value, String) {
        let mut curl = tool("curl", "curl");
        if let Some(id) = id {
            curl.args(["--header", &format!("Symbolon-Message-Id: {id}")]);
        }
        curl.args(["--silent", "--show-error", "--write-out", "\n%{http_code}"])
            .arg("--cacert")
            .arg(self.home.authority())
            .arg("--cert")
            .arg(self.identity(agent))
            .args(["--json", arguments])
            .arg(format!("{}/desk/{command}", self.url()));
        let said = run(&mut curl, "").ok();
        let (body, status) = said.rsplit_once('\n').unwrap();
        (serde_json::from_str(body).unwrap(), status.to_owned())
    }
}

#[track_caller]
fn shows(said: &str, text: &str) {
    assert!(said.contains(text), "no '{text}' in:\n{said}");
}

#[test]
fn agents_have_the_whole_command_line_from_another_machine() {
    let office = Office::open();
    office.hire("carol", "agent");
    let mode = fs::metadata(office.identity("carol"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let issued = office
        .asks(
            "carol",
            &[
                "issue-licence",
                "--tokens",
                "2",
                "--certificate",
                "licence.txt",
            ],
        )
        .ok();
    let (licence, code) = (after(&issued, "Licence:"), after(&issued, "Code:"));
    let certificate = fs::read_to_string(office.home.path("licence.txt")).unwrap();
    shows(&certificate, code);
    office
        .home
        .console(&format!("execute fortitoken-mobile import {code}"))
        .ok();

    // The same answer here and there.
    let there = office.json("carol", &["account", "local"]);
    let here = office.home.desk(&["account", "local", "--json"]).ok();
    assert_eq!(there, serde_json::from_str::<Value>(&here).unwrap());
    let there = office.asks("carol", &["show", licence]).ok();
    assert_eq!(there, office.home.desk(&["show", licence]).ok());

    // Files go along.
    fs::write(
        office.home.path("tokens.csv"),
        "FTK2000BHV1KRZCC,3132333435363738393031323334353637383930\n",
    )
    .unwrap();
    let taken = office.json("carol", &["import-hardware", "tokens.csv"]);
    assert_eq!(taken["tokens"], json!(["FTK2000BHV1KRZCC"]));

    let history = office.json("carol", &["history", licence]);
    let event = &history["events"][0];
    assert_eq!(
        [&event["actor"], &event["interface"], &event["action"]],
        ["carol", "api", "issue-licence"]
    );
    office.up.stop();
}

#[test]
fn a_role_bounds_what_an_agent_may() {
    let office = Office::open();
    for role in ["read", "agent", "manager"] {
        office.hire(&format!("one-who-may-{role}"), role);
    }
    let [read, agent, manager] =
        ["read", "agent", "manager"].map(|role| format!("one-who-may-{role}"));
    let said = office.asks(&read, &["issue-licence"]).refused();
    shows(
        &said,
        "this needs the role agent; one-who-may-read has the role read",
    );
    office.asks(&read, &["list-accounts"]).ok();
    office.asks(&agent, &["issue-licence"]).ok();
    let revoke = ["revoke-licence", "EFTM000000000001", "--reason", "a test"];
    let said = office.json(&agent, &revoke);
    let expected = "this needs the role manager; one-who-may-agent has the role agent: have an agent with the role \
                    manager do it";
    assert_eq!(said, json!({ "error": { "message": expected } }));
    office.asks(&manager, &revoke).ok();

    // A manager hires and dismisses; whoever holds a key may keep it.
    let key = office.home.path("dave.key");
    let mut openssl = tool("openssl", "openssl");
    openssl.args([
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    ]);
    openssl.args(["-nodes", "-subj", "/", "-out", "dave.csr", "-keyout"]);
    run(openssl.arg(&key).current_dir(office.home.path("")), "").ok();
    let hired = [
        "add-agent",
        "dave",
        "--role",
        "read",
        "--request",
        "dave.csr",
    ];
    let hired = office.json(&manager, &hired);
    let identity = fs::read_to_string(key).unwrap() + hired["certificate"].as_str().unwrap();
    fs::write(office.identity("dave"), identity).unwrap();
    office.asks("dave", &["list-accounts"]).ok();
    let said = office.asks("dave", &["list-agents"]).refused();
    shows(&said, "role manager");
    office
        .asks(&manager, &["revoke-agent", "dave", "--reason", "has left"])
        .ok();
    let said = office.asks("dave", &["list-accounts"]).refused();
    shows(&said, "no agent's of the desk, or no longer");
    let log = office.home.log();
    let mut refused = log
        .lines()
        .filter(|line| line.contains("refused at the desk"));
    let refused = refused.next_back().expect("a revoked agent leaves a line");
    shows(refused, "127.0.0.1");
    shows(refused, "list-accounts");
    let listed = office.json(&manager, &["list-agents"]);
    assert_eq!(listed["agents"].as_array().unwrap().len(), 4);
    office.up.stop();
}

/// What is the customer's, what is another's, and what is nobody's, of each kind.
struct Things {
    own: Vec<String>,
    others: Vec<(String, &'static str)>,
}

/// An office with the customers `Example Ltd`, for whom erin is there, and `local`.
fn with_customers() -> (Office, Things) {
    let office = Office::open();
    let desk = |words: &[&str]| office.home.desk(words).ok();
    desk(&["register-account", "Example Ltd"]);
    desk(&[
        "register-product",
        "FGT0000000000001",
        "--account",
        "Example Ltd",
    ]);
    let own = desk(&["issue-licence", "--account", "Example Ltd"]);
    let others = desk(&["issue-licence"]);
    let code = after(&others, "Code:");
    office
        .home
        .console(&format!("execute fortitoken-mobile import {code}"))
        .ok();
    for (file, token, account) in [
        ("own.csv", "FTK2000BHV1KRZCC", "Example Ltd"),
        ("others.csv", "FTK2000BHV1KRZCD", "local"),
    ] {
        let file = office.home.path(file);
        fs::write(
            &file,
            format!("{token},3132333435363738393031323334353637383930\n"),
        )
        .unwrap();
        desk(&[
            "import-hardware",
            file.to_str().unwrap(),
            "--account",
            account,
        ]);
    }
    let local = office.home.desk(&["account", "local", "--json"]).ok();
    let local: Value = serde_json::from_str(&local).unwrap();
    let gateway = local["products"][0]["product"].as_str().unwrap();
    let ticket = ["open-ticket", "--account", "local", "--old", gateway];
    desk(
        &[
            &ticket[..],
            &["--new", "FGT0000000000009", "--reason", "RMA 1"],
        ]
        .concat(),
    );
    office.hire_for("erin", &["--role", "account", "--account", "Example Ltd"]);
    let own = ["Licence:", "Code:"].map(|name| after(&own, name).to_owned());
    let things = Things {
        own: [
            &own[..],
            &["Example Ltd", "FGT0000000000001", "FTK2000BHV1KRZCC"].map(str::to_owned),
        ]
        .concat(),
        others: vec![
            (after(&others, "Licence:").to_owned(), "EFTM000000000099"),
            (code.to_owned(), "0123-4567-89AB-CDEF-0123"),
            ("local".to_owned(), "nobody"),
            (gateway.to_owned(), "FGT0000000000099"),
            (
                office.home.tokens_of("FTKMOB")[0].clone(),
                "FTKMOB83F91CD33B",
            ),
            ("FTK2000BHV1KRZCD".to_owned(), "FTK2000BHV1KRZCE"),
        ],
    };
    (office, things)
}

#[test]
fn an_agent_of_a_customer_sees_what_is_the_customers_alone() {
    let (office, Things { own, others }) = with_customers();
    for thing in &own {
        for command in ["look", "history"] {
            office.asks("erin", &[command, thing]).ok();
        }
    }
    let [licence, code, ..] = own.as_slice() else {
        panic!("no licence");
    };
    let account = office.asks("erin", &["account", "Example Ltd"]).ok();
    shows(&account, licence);
    for thing in [licence, "FGT0000000000001", "FTK2000BHV1KRZCC"] {
        office.asks("erin", &["show", thing]).ok();
    }
    let listed = office.json("erin", &["list-hardware", "Example Ltd"]);
    let listed = listed["hardware"].as_array().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["token"], "FTK2000BHV1KRZCC");
    let listed = office.json("erin", &["list-accounts"]);
    assert_eq!(listed["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(listed["accounts"][0]["account"], "Example Ltd");

    // Of others' as of what nobody has, in the same words.
    let refused = |words: &[&str]| office.asks("erin", words).refused();
    for (thing, nothing) in &others {
        let mut commands = vec!["look", "history"];
        commands.extend(match thing.as_str() {
            "local" => &["account", "list-hardware"][..],
            code if code.contains('-') => &[],
            _ => &["show"],
        });
        for command in commands {
            let said = refused(&[command, thing]);
            let expected = refused(&[command, nothing]).replace(nothing, thing);
            assert_eq!(said, expected, "{command} {thing}");
        }
    }
    for subject in ["agent carol", "agent erin", "request 1"] {
        refused(&["history", subject]);
    }
    let tickets = |account| refused(&["list-tickets", "--account", account]);
    assert_eq!(
        tickets("local"),
        tickets("nobody").replace("nobody", "local")
    );
    assert_eq!(
        refused(&["ticket", "1"]),
        refused(&["ticket", "9"]).replace('9', "1")
    );
    let listed = office.json("erin", &["list-tickets", "--all"]);
    assert_eq!(listed["tickets"], json!([]));

    // The desk's own work is not theirs.
    let renew = ["renew-licence", licence, "--lost-code"];
    for words in [
        &renew[..],
        &["list-requests", "--all"],
        &["settings"],
        &["close-ticket", "1", "--reason", "a test"],
        &["import-hardware", "own.csv"],
        &[
            "register-product",
            "FGT0000000000008",
            "--account",
            "Example Ltd",
        ],
    ] {
        shows(
            &refused(words),
            "erin has the role account of \"Example Ltd\"",
        );
    }

    // A copy of the redemption certificate has all but the code.
    let copy = ["show", licence, "--certificate", "copy.txt"];
    office.asks("erin", &copy).ok();
    let copy = fs::read_to_string(office.home.path("copy.txt")).unwrap();
    shows(&copy, licence);
    shows(&copy, &renew.join(" "));
    assert!(!copy.contains(code.as_str()), "{copy}");
    let said = refused(&["show", "FGT0000000000001", "--certificate", "no.pdf"]);
    shows(&said, "'FGT0000000000001' is no licence");
    assert!(!office.home.path("no.pdf").exists());
    office.up.stop();
}

#[test]
fn an_agent_of_a_customer_opens_tickets_for_the_customer_alone() {
    let (office, Things { own, others }) = with_customers();
    let [gateway, licence] = [3, 0].map(|at: usize| others[at].0.as_str());
    let open = |account: &str, old: &str, new: &str, licence: &str| {
        let words = [
            "open-ticket",
            "--account",
            account,
            "--old",
            old,
            "--new",
            new,
        ];
        let why = ["--licence", licence, "--reason", "it fell down"];
        office.asks("erin", &[&words[..], &why].concat())
    };
    let (unit, new) = ("FGT0000000000001", "FGT0000000000009");
    for (said, unknown) in [
        (
            open("local", unit, new, &own[0]),
            open("nobody", unit, new, &own[0]),
        ),
        (
            open("Example Ltd", gateway, new, &own[0]),
            open("Example Ltd", "FGT0000000000099", new, &own[0]),
        ),
        (
            open("Example Ltd", unit, new, licence),
            open("Example Ltd", unit, new, "EFTM000000000099"),
        ),
    ] {
        let said = said.refused();
        let unknown = unknown.refused();
        let known = unknown
            .replace("nobody", "local")
            .replace("FGT0000000000099", gateway)
            .replace("EFTM000000000099", licence);
        assert_eq!(said, known);
    }
    // The unit that is to come is as the customer names it, whosever it is.
    shows(
        &open("Example Ltd", unit, new, &own[0]).ok(),
        "ticket 2 is open",
    );
    shows(
        &open("Example Ltd", unit, gateway, &own[0]).ok(),
        "ticket 3 is open",
    );
    let tickets = office.json("erin", &["list-tickets"]);
    assert_eq!(tickets["tickets"].as_array().unwrap().len(), 2);
    shows(&office.asks("erin", &["ticket", "2"]).ok(), "it fell down");

    // Its name is what the customer is called, and its post ends with the role.
    office
        .home
        .desk(&["rename-account", "Example Ltd", "Example GmbH"])
        .ok();
    office.asks("erin", &["account", "Example GmbH"]).ok();
    office.asks("erin", &["account", "Example Ltd"]).refused();
    let words = [
        "set-agent-role",
        "erin",
        "read",
        "--reason",
        "joins the desk",
    ];
    office.home.desk(&words).ok();
    office.asks("erin", &["account", "local"]).ok();
    let agents = office.home.desk(&["list-agents", "--json"]).ok();
    let agents: Value = serde_json::from_str(&agents).unwrap();
    assert_eq!(agents["agents"][0]["account"], json!(null));
    for (role, account, says) in [
        ("account", None, "say which with --account"),
        ("read", Some("local"), "leave --account out"),
        ("account", Some("nobody"), "no account \"nobody\""),
    ] {
        let mut words = vec!["set-agent-role", "erin", role, "--reason", "a test"];
        words.extend(account.map(|_| "--account"));
        words.extend(account);
        shows(&office.home.desk(&words).refused(), says);
    }
    office.up.stop();
}

#[test]
fn curl_works_by_hand() {
    let office = Office::open();
    office.hire("carol", "agent");
    let (issued, status) = office.curl("carol", "issue-licence", r#"{"tokens": 3}"#);
    assert_eq!(status, "200", "{issued}");
    let (found, status) = office.curl(
        "carol",
        "look",
        &json!({ "what": issued["code"] }).to_string(),
    );
    assert_eq!(status, "200", "{found}");
    assert_eq!(found["licence"]["licence"], issued["licence"]);
    for (command, arguments, expected, says) in [
        ("look", "{}", "400", "required arguments"),
        ("look", r#"{"wat": 1}"#, "400", "it has what"),
        (
            "look",
            r#"{"what": "nothing of ours"}"#,
            "404",
            "no account has this name",
        ),
        (
            "show",
            r#"{"serial": "EFTM000000000099"}"#,
            "409",
            "no licence",
        ),
        ("issue-licence", r#"{"tokens": 0}"#, "400", "1 to 10000"),
        ("list-agents", "{}", "403", "needs the role manager"),
        ("lok", "{}", "404", "no command 'lok'"),
    ] {
        let (answer, status) = office.curl("carol", command, arguments);
        assert_eq!(status, expected, "{command} {arguments}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        shows(message, says);
        assert!(!message.contains('\n'), "{message}");
    }
    office.up.stop();
}

#[test]
fn a_command_that_comes_again_under_its_id_is_not_done_again() {
    let office = Office::open();
    for agent in ["carol", "dave"] {
        office.hire(agent, "agent");
    }
    let issue =
        |agent, arguments, id| office.curl_named(agent, "issue-licence", arguments, Some(id));
    let first = issue("carol", r#"{"tokens": 2}"#, "a1");
    assert_eq!(first.1, "200", "{first:?}");
    assert_eq!(issue("carol", r#"{"tokens": 2}"#, "a1"), first);
    let (answer, status) = issue("carol", r#"{"tokens": 3}"#, "a1");
    assert_eq!(status, "409", "{answer}");
    shows(&answer.to_string(), "used for another command");
    // Another's id is another id, and another id another command.
    for (agent, id) in [("dave", "a1"), ("carol", "a2")] {
        let other = issue(agent, r#"{"tokens": 2}"#, id);
        assert_eq!(other.1, "200", "{other:?}");
        assert_ne!(other.0["licence"], first.0["licence"]);
    }
    let (answer, status) = issue("carol", "{}", "a b");
    assert_eq!(status, "400", "{answer}");
    // What was refused was not done, and may be possible now.
    let register = r#"{"serial": "FGT0000000000001", "account": "Example Ltd"}"#;
    let register = || office.curl_named("carol", "register-product", register, Some("r1"));
    assert_eq!(register().1, "409");
    office
        .asks("carol", &["register-account", "Example Ltd"])
        .ok();
    let registered = register();
    assert_eq!(registered.1, "200", "{registered:?}");
    assert_eq!(register(), registered);
    let Office { home, up, port } = office;
    up.stop();
    let up = Running::up(&home);
    let office = Office { home, up, port };
    let again = office.curl_named("carol", "issue-licence", r#"{"tokens": 2}"#, Some("a1"));
    assert_eq!(again, first);
    office.up.stop();
}

/// An office of four under dual control.
fn guarded() -> Office {
    let office = Office::open();
    for (agent, role) in [
        ("carol", "agent"),
        ("dave", "agent"),
        ("erin", "manager"),
        ("rita", "read"),
    ] {
        office.hire(agent, role);
    }
    let said = office.asks("erin", &["set", "dual-control", "enable"]).ok();
    shows(&said, "dual-control is enabled");
    office
}

#[test]
fn under_dual_control_another_agent_approves() {
    let office = guarded();
    office
        .asks("carol", &["register-account", "Example Ltd"])
        .ok();
    // What is asked changes nothing, once or twice.
    let issue = ["issue-licence", "--tokens", "3", "--account", "Example Ltd"];
    let asked = office.json("carol", &issue);
    assert_eq!([&asked["state"], &asked["agent"]], ["waiting", "carol"]);
    let arguments = json!({ "account": "Example Ltd", "tokens": "3" });
    assert_eq!(asked["arguments"], arguments);
    assert_eq!(office.json("carol", &issue)["request"], asked["request"]);
    let account = office.json("rita", &["account", "Example Ltd"]);
    assert_eq!(account["licences"], json!([]));
    let (kept, status) = office.curl("carol", "issue-licence", "{}");
    assert_eq!((&kept["request"], status.as_str()), (&json!(2), "202"));

    // Not by the same person, with another certificate neither; not without the right.
    let approve = |agent| office.asks(agent, &["approve", "1"]).refused();
    shows(&approve("carol"), "carol's own");
    let file = office.identity("carol");
    fs::remove_file(&file).unwrap();
    let certify = [
        "certify-agent",
        "carol",
        "--certificate",
        file.to_str().unwrap(),
    ];
    office.home.desk(&certify).ok();
    shows(&approve("carol"), "carol's own");
    shows(&approve("rita"), "needs the role agent");

    let words = ["approve", "1", "--certificate", "licence.txt"];
    let issued = office.asks("dave", &words).ok();
    let (licence, code) = (after(&issued, "Licence:"), after(&issued, "Code:"));
    let certificate = fs::read_to_string(office.home.path("licence.txt")).unwrap();
    shows(&certificate, code);
    let event = office.json("rita", &["history", licence])["events"][0].clone();
    let both = "carol, approved by dave";
    assert_eq!([&event["actor"], &event["interface"]], [both, "api"]);
    shows(&approve("erin"), "was approved already, by dave");

    // Also what a unit that was taken off the register would get back by.
    let register = [
        "register-product",
        "FGT0000000000001",
        "--account",
        "Example Ltd",
    ];
    let asked = office.asks("carol", &register).ok();
    shows(&asked, "for another agent");
    office.asks("rita", &["show", "FGT0000000000001"]).refused();
    office.up.stop();
}

#[test]
fn a_request_is_decided_when_it_is_approved() {
    let office = guarded();
    let issued = office.home.desk(&["issue-licence"]).ok();
    let licence = after(&issued, "Licence:");
    let revoke = ["revoke-licence", licence, "--reason", "a test"];
    shows(
        &office.asks("dave", &revoke).refused(),
        "needs the role manager",
    );
    shows(&office.asks("erin", &revoke).ok(), "request 1 waits");
    let said = office.asks("dave", &["approve", "1"]).refused();
    shows(&said, "needs the role manager");
    let renew = ["renew-licence", licence, "--lost-code"];
    shows(&office.asks("dave", &renew).ok(), "request 2 waits");
    office.asks("carol", &["issue-licence"]).ok();
    let withdraw = ["reject", "3", "--reason", "a mistake"];
    office.asks("carol", &withdraw).ok();

    // The owner is bound by none of this, and may be the second.
    office.home.desk(&["approve", "1"]).ok();
    let said = office.asks("carol", &["approve", "2"]).refused();
    shows(&said, "revoked");
    let all = office.json("rita", &["list-requests", "--all"]);
    let state = |at: usize| all["requests"][at]["state"].clone();
    let states = [state(0), state(1), state(2)];
    assert_eq!(states, ["approved", "approved", "rejected"]);
    let refusal = all["requests"][1]["refusal"].as_str().unwrap();
    shows(refusal, "revoked");
    let waiting = office.json("rita", &["list-requests"]);
    assert_eq!(waiting["requests"], json!([]));
    office.up.stop();
}

#[test]
fn a_new_code_for_a_licence_past_its_date_takes_two() {
    let office = guarded();
    let issue = ["issue-licence", "--valid-days", "1"];
    let issued = office.home.desk(&issue).ok();
    let licence = after(&issued, "Licence:");
    let Office { home, up, port } = office;
    up.stop();
    let mut command = home.up();
    at_offset(&mut command, "+2d");
    let up = Running::start(&mut command, &home);
    let office = Office { home, up, port };

    let late = |agent, words: &[&str]| {
        let mut desk = office.afar(agent, words);
        at_offset(&mut desk, "+2d");
        run(&mut desk, "")
    };
    let asked = late("carol", &["renew-licence", licence]).ok();
    shows(&asked, "request 1 waits");
    let shown = late("rita", &["show", licence]).ok();
    shows(&shown, "expired");
    let said = late("carol", &["approve", "1"]).refused();
    shows(&said, "carol's own");
    let approved = late("dave", &["approve", "1"]).ok();
    assert_ne!(after(&approved, "Code:"), after(&issued, "Code:"));
    office.up.stop();
}

#[test]
fn tokens_go_from_customer_to_customer_with_two() {
    let office = guarded();
    let seeds = "FTK2000BHV1KRZCC,3132333435363738393031323334353637383930\n";
    let list = "FTK2000BHV1KRZCC\n";
    let long = format!("{list}{}", "# and nobody else's\n".repeat(12_000));
    let mixed = format!("{list}# and\n{}", seeds.replace("KRZCC", "KRZCD"));
    for (name, content) in [
        ("mixed.txt", mixed.as_str()),
        ("tokens.csv", seeds),
        ("list.txt", list),
        ("long.txt", &long),
    ] {
        fs::write(office.home.path(name), content).unwrap();
    }
    let stock = ["import-hardware", "tokens.csv", "--account", "local"];
    office.asks("carol", &stock).ok();
    office
        .asks("carol", &["register-account", "Example Ltd"])
        .ok();
    let give = |file| {
        let to = ["--account", "Example Ltd", "--from", "local"];
        office.asks("carol", &[&["import-hardware", file][..], &to].concat())
    };
    // Seeds do not wait where others read them.
    shows(&give("tokens.csv").refused(), "list of serials");
    let said = give("mixed.txt").refused();
    shows(&said, "line 3 is no serial");
    assert!(!said.contains("3132333435"), "{said}");
    let waiting = office.json("rita", &["list-requests"]);
    assert_eq!(waiting["requests"], json!([]));
    shows(&give("long.txt").refused(), "split the file");
    shows(&give("list.txt").ok(), "request 1 waits");
    let request = office.json("dave", &["request", "1"]);
    assert_eq!(request["serials"], json!(["FTK2000BHV1KRZCC"]));
    let file = &request["arguments"]["file"];
    assert_eq!([&file["serials"], &file["bytes"]], [1, list.len()]);
    let said = office.asks("dave", &["request", "1"]).ok();
    shows(&said, "    FTK2000BHV1KRZCC\n");
    let owner = || office.json("rita", &["show", "FTK2000BHV1KRZCC"])["account"].clone();
    assert_eq!(owner(), "local");
    office.asks("dave", &["approve", "1"]).ok();
    assert_eq!(owner(), "Example Ltd");
    office.up.stop();
}

#[test]
fn who_asks_has_to_be_there_still_when_it_is_approved() {
    let office = guarded();
    let asked = office.asks("carol", &["issue-licence"]).ok();
    shows(&asked, "request 1 waits");
    let less = ["set-agent-role", "carol", "read", "--reason", "a test"];
    office.home.desk(&less).ok();
    let said = office.asks("dave", &["approve", "1"]).refused();
    let expected = "carol, who asked for request 1, has no longer the role agent";
    shows(&said, expected);

    // A key waits for its certificate.
    let hire = [
        "add-agent",
        "zoe",
        "--role",
        "read",
        "--certificate",
        "zoe.pem",
    ];
    shows(&office.asks("erin", &hire).err, "append the certificate");
    let approved = office.home.desk(&["approve", "2", "--json"]).ok();
    let approved: Value = serde_json::from_str(&approved).unwrap();
    let key = fs::read_to_string(office.identity("zoe")).unwrap();
    let identity = key + approved["certificate"].as_str().unwrap();
    fs::write(office.identity("zoe"), identity).unwrap();
    let said = office.asks("zoe", &["settings"]).ok();
    shows(&said, "set dual-control enable");
    let end = ["set", "dual-control", "disable"];
    shows(&office.asks("erin", &end).ok(), "request 3 waits");
    office.home.desk(&end).ok();
    let said = office.asks("dave", &["issue-licence"]).ok();
    shows(&said, "Code:");
    office.up.stop();
}

#[test]
fn whoever_cannot_reach_the_desk_is_told_what_to_check() {
    let office = Office::open();
    office.hire("carol", "agent");
    let words = ["desk", "list-accounts", "--server", &office.url()];
    let said = run(symbolon().args(words), "").refused();
    shows(&said, "--server, --ca and --identity together");

    // The gateways' listener is not the desk's.
    let mut wrong = symbolon();
    wrong.args(["desk", "list-accounts", "--server"]);
    wrong
        .arg(format!("https://{}", office.home.https))
        .arg("--ca");
    wrong.arg(office.home.authority()).arg("--identity");
    let said = run(wrong.arg(office.identity("carol")), "").refused();
    shows(&said, "not the desk");

    let Office { home, up, port } = office;
    up.stop();
    let mut command = home.up();
    at_offset(&mut command, "+366d");
    let up = Running::start(&mut command, &home);
    let office = Office { home, up, port };
    let said = office.asks("carol", &["list-accounts"]).refused();
    shows(&said, "clocks of the two machines differ");
    let mut late = office.afar("carol", &["list-accounts"]);
    at_offset(&mut late, "+366d");
    shows(&run(&mut late, "").refused(), "has expired");
    let Office { home, up, port } = office;
    up.stop();
    let server = format!("https://127.0.0.1:{port}");
    for words in [
        &["desk", "list-accounts", "--server", &server][..],
        &[
            "enrol",
            "--code",
            "ABCD-EFGH-IJKL-MNOP",
            "--server",
            &server,
        ],
    ] {
        let mut nobody = symbolon();
        nobody.args(words).arg("--ca").arg(home.authority());
        nobody.arg("--identity").arg(home.path("carol.pem"));
        let said = run(&mut nobody, "").refused();
        shows(&said, "is the token server running");
    }
}
