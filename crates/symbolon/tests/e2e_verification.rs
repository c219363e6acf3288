//! Logins that applications have checked over HTTPS: curl in the words of each interface, and a plug-in of
//! another token server.
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

use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use common::https_gateway::Gateway;
use common::phone::{Phone, enrol};
use common::{PASSWORD, SECRET, python_of, run, script, tool};
use domain::vdom::Vdom;
use serde_json::Value;

const API: &str = "/api/v1/auth/";
const CHECK: &str = "/validate/check";
const TRIGGER: &str = "/validate/triggerchallenge";

/// An answer: its status line and its body.
#[derive(PartialEq, Eq, Debug)]
struct Answer {
    status: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body))
    }

    /// What a plug-in looks at.
    fn value(&self) -> Value {
        self.json()["result"]["value"].clone()
    }

    fn authentication(&self) -> String {
        self.json()["result"]["authentication"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn transaction(&self) -> String {
        let json = self.json();
        assert_eq!(json["result"]["authentication"], "CHALLENGE", "{json}");
        let transaction = &json["detail"]["transaction_id"];
        assert_eq!(
            &json["detail"]["multi_challenge"][0]["transaction_id"],
            transaction
        );
        transaction.as_str().unwrap().to_owned()
    }
}

trait Applications {
    fn application(&self, name: &str, settings: &str);

    /// Posts with these options of curl.
    fn asks(&self, options: &[&str], path: &str, body: &str) -> Answer;

    /// Posts as the application `portal`.
    fn portal(&self, path: &str, body: &str) -> Answer;

    /// A user with a token on a phone.
    fn alice(&self) -> Phone;
}

impl Applications for Gateway {
    fn application(&self, name: &str, settings: &str) {
        self.home
            .console(&format!(
                "config user verification-client\nedit {name}\nset subnet 127.0.0.1/32\n{settings}\nend\n\
                 config user setting\nset reject-delay 0\nend"
            ))
            .ok();
    }

    fn asks(&self, options: &[&str], path: &str, body: &str) -> Answer {
        let said = run(self.curl(path).args(options), body).ok();
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.lines().next().unwrap().to_owned(),
            body: body.to_owned(),
        }
    }

    fn portal(&self, path: &str, body: &str) -> Answer {
        self.asks(&["--user", &format!("portal:{SECRET}")], path, body)
    }

    fn alice(&self) -> Phone {
        let token = self.home.import(1).remove(0);
        enrol(&self.home, "alice", &token)
    }
}

/// More logins than one host has under way at a time.
const FLOOD: usize = 5 * 32;

#[test]
fn a_guesser_keeps_nobody_else_of_an_application_out() {
    let gateway = Gateway::start();
    gateway.application("portal", &format!("set secret {SECRET}"));
    gateway.home.user_without_token("alice");
    gateway
        .home
        .console("config user setting\nset reject-delay 10000\nend")
        .ok();
    let login = |user: &str, address: &str| {
        format!(r#"{{"username":"{user}","password":"{PASSWORD}","user_ip":"{address}"}}"#)
    };
    // 32 at a time over each connection: a host has few of these.
    let guesser = || {
        tool("curl", "curl")
            .args(["-sS", "--insecure", "--http2", "--parallel"])
            .args(["--parallel-max", "32"])
            .args(["--user", &format!("portal:{SECRET}")])
            .args(["--data-binary", &login("nobody", "192.0.2.66")])
            .args(vec![gateway.url(API); 32])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut flood: Vec<Child> = (0..FLOOD / 32).map(|_| guesser()).collect();
    // The refusals of the flood wait out their delay.
    thread::sleep(Duration::from_secs(5));
    let mut busy = flood.iter_mut().map(|it| it.try_wait().unwrap());
    assert!(busy.all(|ended| ended.is_none()));
    let alice = gateway.portal(API, &login("alice", "192.0.2.7"));
    for mut guesser in flood {
        guesser.kill().unwrap();
        guesser.wait().unwrap();
    }
    assert_eq!(alice.json()["status"], "accepted", "{alice:?}");
    gateway.up.stop();
}

#[test]
fn an_application_checks_password_and_code_in_one_step_and_in_two() {
    let gateway = Gateway::start();
    gateway.application("portal", &format!("set secret {SECRET}"));
    let phone = gateway.alice();
    let asked = gateway.portal(
        API,
        &format!(r#"{{"username":"alice","password":"{PASSWORD}"}}"#),
    );
    assert_eq!(asked.status, "HTTP/1.1 202 Accepted");
    assert_eq!(asked.json()["message"], "Please enter your token code");
    let state = asked.json()["state"].as_str().unwrap().to_owned();
    let code = phone.code("alice");
    let answer = format!(r#"{{"username":"ALICE","state":"{state}","token_code":"{code}"}}"#);
    let granted = gateway.portal(API, &answer);
    assert_eq!(
        (granted.status.as_str(), granted.body.as_str()),
        ("HTTP/1.1 200 OK", r#"{"status":"accepted"}"#)
    );
    gateway
        .home
        .login_says("alice", "client rest:portal  from 127.0.0.1  accepted");

    let again = format!(
        r#"{{"username":"alice","password":"{PASSWORD}","token_code":"{code}","user_ip":"192.0.2.9"}}"#
    );
    let refused = gateway.portal(API, &again);
    assert_eq!(
        (refused.status.as_str(), refused.body.as_str()),
        ("HTTP/1.1 403 Forbidden", r#"{"status":"refused"}"#)
    );
    gateway.home.login_says(
        "alice",
        "client rest:portal  from 192.0.2.9  refused: code-replayed",
    );
    let shown = gateway
        .home
        .console("diagnose login show client rest:portal")
        .ok();
    assert!(
        shown.contains("accepted") && shown.contains("code-replayed"),
        "{shown}"
    );
    gateway.up.stop();
}

#[test]
fn one_step_takes_the_code_that_comes_with_the_password() {
    let gateway = Gateway::start();
    gateway.application("portal", &format!("set secret {SECRET}"));
    let phone = gateway.alice();
    gateway.home.user_without_token("bob");
    let both = |user, code: &str| {
        format!(r#"{{"username":"{user}","password":"{PASSWORD}","token_code":"{code}"}}"#)
    };
    let granted = gateway.portal(API, &both("alice", &phone.code("alice")));
    assert_eq!(granted.status, "HTTP/1.1 200 OK", "{}", granted.body);
    // Nobody looks at a code of somebody who has no token: it is not taken for granted.
    let unlooked = gateway.portal(API, &both("bob", "123456"));
    assert_eq!(unlooked.json()["status"], "refused");
    gateway.home.login_says("bob", "refused: code-unneeded");
    let number = gateway.portal(
        API,
        &format!(r#"{{"username":"bob","password":"{PASSWORD}","token_code":123456}}"#),
    );
    assert_eq!(number.status, "HTTP/1.1 400 Bad Request");
    let alone = gateway.portal(
        API,
        &format!(r#"{{"username":"bob","password":"{PASSWORD}"}}"#),
    );
    assert_eq!(alone.status, "HTTP/1.1 200 OK");
    for (body, missing) in [
        ("{}", "username"),
        (r#"{"username":"bob"}"#, "password"),
        (r#"{"username":"bob","token_code":"1"}"#, "password"),
        (
            r#"{"username":"bob","password":"1","state":"ab"}"#,
            "token_code",
        ),
    ] {
        let answer = gateway.portal(API, body);
        assert_eq!(answer.status, "HTTP/1.1 400 Bad Request");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with(missing), "{error}");
    }
    gateway.up.stop();
}

#[test]
fn plugins_are_answered_in_their_words() {
    let gateway = Gateway::start();
    gateway.application("portal", &format!("set secret {SECRET}"));
    let phone = gateway.alice();
    let asked = gateway.portal(CHECK, &format!("user=alice&pass={PASSWORD}&realm=corp"));
    assert_eq!(asked.value(), false);
    let transaction = asked.transaction();
    let pending = gateway.asks(
        &["--get", "--user", &format!("portal:{SECRET}")],
        &format!("/validate/polltransaction?transaction_id={transaction}"),
        "",
    );
    assert_eq!(pending.value(), false);
    let result = &pending.json()["result"];
    assert!(result.get("authentication").is_none(), "{result}");
    let code = phone.code("alice");
    let answer = format!("user=alice&transaction_id={transaction}&pass={code}");
    let granted = gateway.portal(CHECK, &answer);
    assert_eq!(
        (granted.value(), granted.authentication()),
        (Value::Bool(true), "ACCEPT".to_owned())
    );
    let again = gateway.portal(CHECK, &answer);
    assert_eq!(
        (again.value(), again.authentication()),
        (Value::Bool(false), "REJECT".to_owned())
    );

    let stranger = gateway.portal(CHECK, "user=nobody&pass=wrong");
    let wrong = gateway.portal(CHECK, "user=alice&pass=wrong");
    assert_eq!(
        (&stranger.status, &stranger.body),
        (&wrong.status, &wrong.body)
    );
    assert_eq!((&again.status, &again.body), (&wrong.status, &wrong.body));
    let missing = gateway.portal(CHECK, "user=alice");
    assert_eq!(missing.status, "HTTP/1.1 400 Bad Request");
    assert_eq!(missing.json()["result"]["error"]["code"], 905);
    let triggered = gateway.portal(TRIGGER, "user=alice");
    assert_eq!(triggered.status, "HTTP/1.1 403 Forbidden");

    let simple = gateway.portal(
        "/validate/simplecheck",
        &format!("user=alice&pass={PASSWORD}"),
    );
    let rest = simple.body.strip_prefix(":-( ").unwrap();
    let (state, question) = rest.split_once(' ').unwrap();
    assert_eq!(question, "Please enter your token code");
    let refused = gateway.portal(
        "/validate/simplecheck",
        &format!("user=alice&state={state}&pass={code}"),
    );
    assert_eq!(refused.body, ":-(");
    gateway.up.stop();
}

#[test]
fn an_application_that_checks_passwords_itself_has_codes_checked() {
    let gateway = Gateway::start();
    gateway.application(
        "portal",
        &format!("set secret {SECRET}\nset code-position code-only"),
    );
    let phone = gateway.alice();
    gateway.home.user_without_token("bob");
    let ticket = gateway.asks(&[], "/auth", &format!("username=portal&password={SECRET}"));
    let ticket = ticket.value()["token"].as_str().unwrap().to_owned();
    let authorization = format!("Authorization: {ticket}");
    let triggered = gateway.asks(&["--header", &authorization], TRIGGER, "user=alice");
    let transaction = triggered.transaction();
    let answer = |code: &str| {
        gateway.portal(
            CHECK,
            &format!("user=alice&transaction_id={transaction}&pass={code}"),
        )
    };
    // A plug-in keeps the transaction when somebody mistypes.
    assert_eq!(answer("000000").value(), false);
    gateway.home.login_says("alice", "refused: code-wrong");
    let code = phone.code("alice");
    assert_eq!(answer(&code).value(), true);
    assert_eq!(answer(&code).value(), false);
    gateway.home.login_says("alice", "refused: code-replayed");

    let nothing_checked = gateway.portal(CHECK, "user=bob&pass=123456");
    assert_eq!(nothing_checked.value(), false);
    gateway
        .home
        .login_says("bob", "refused: second-factor-missing");
    assert_eq!(gateway.portal(CHECK, "user=bob&pass=").value(), false);
    gateway.up.stop();
}

#[test]
fn wrong_codes_at_such_an_application_delay_there_and_nowhere_else() {
    let gateway = Gateway::start();
    gateway.application(
        "portal",
        &format!("set secret {SECRET}\nset code-position code-only"),
    );
    gateway.application("mail", &format!("set secret {SECRET}"));
    let phone = gateway.alice();
    for _ in 0..5 {
        assert_eq!(
            gateway.portal(CHECK, "user=alice&pass=000000").value(),
            false
        );
    }
    let code = phone.code("alice");
    assert_eq!(
        gateway
            .portal(CHECK, &format!("user=alice&pass={code}"))
            .value(),
        false
    );
    gateway.home.login_says("alice", "refused: code-throttled");
    let gateway = gateway.restarted();
    assert_eq!(
        gateway
            .portal(CHECK, &format!("user=alice&pass={code}"))
            .value(),
        false
    );
    gateway.home.login_says("alice", "refused: code-throttled");
    let mail = format!("mail:{SECRET}");
    let both = format!(r#"{{"username":"alice","password":"{PASSWORD}","token_code":"{code}"}}"#);
    let elsewhere = gateway.asks(&["--user", &mail], API, &both);
    assert_eq!(elsewhere.status, "HTTP/1.1 200 OK");
    gateway.home.console("diagnose login unlock alice").ok();
    assert_eq!(
        gateway
            .portal(CHECK, &format!("user=alice&pass={code}"))
            .value(),
        false
    );
    gateway.home.login_says("alice", "refused: code-replayed");
    gateway.up.stop();
}

#[test]
fn whoever_is_no_application_learns_nothing() {
    let gateway = Gateway::start();
    gateway.application("portal", &format!("set secret {SECRET}"));
    gateway.application("plugin", "set credentials subnet");
    gateway.application("far", "set credentials subnet\nset subnet 192.0.2.0/24");
    gateway.home.user_without_token("bob");
    let form = format!("user=bob&pass={PASSWORD}");
    let ask = |options: &[&str], path: &str| gateway.asks(options, path, &form);
    let refused = ask(&[], CHECK);
    assert_eq!(refused.status, "HTTP/1.1 401 Unauthorized");
    assert_eq!(refused.json()["result"]["status"], false);
    let bearer = format!("Authorization: Bearer {SECRET}");
    for (options, path) in [
        (&["--user", "portal:wrong"][..], CHECK),
        (&["--user", "nobody:secret"][..], CHECK),
        (&["--header", &bearer][..], CHECK),
        (&["--header", "Authorization: e30.e30.e30"][..], CHECK),
        (&[][..], "/client/portal/validate/check"),
        (&[][..], "/client/far/validate/check"),
        (&[][..], "/client/nobody/validate/check"),
        (&["--user", "plugin:any"][..], CHECK),
        (&[][..], "/vdom/other/client/plugin/validate/check"),
    ] {
        let answer = ask(options, path);
        assert_eq!(
            (&answer.status, &answer.body),
            (&refused.status, &refused.body),
            "{options:?} {path}"
        );
    }
    let shown = gateway.home.console("diagnose login show").ok();
    assert!(!shown.contains("bob"), "{shown}");
    let in_vdom = format!("/vdom/{}/client/plugin/validate/check", Vdom::ROOT);

    for (options, path) in [
        (&["--header", &bearer][..], "/client/portal/validate/check"),
        (&[][..], "/client/plugin/validate/check"),
        (&[][..], &*in_vdom),
    ] {
        assert_eq!(ask(options, path).value(), true, "{options:?} {path}");
    }
    gateway
        .home
        .login_says("bob", "client rest:plugin  from 127.0.0.1  accepted");
    let reported = format!("{form}&client=192.0.2.9");
    for (options, path, source) in [
        (
            &["--header", &*bearer][..],
            "/client/portal/validate/check",
            "192.0.2.9",
        ),
        (&[][..], "/client/plugin/validate/check", "127.0.0.1"),
    ] {
        assert_eq!(gateway.asks(options, path, &reported).value(), true);
        gateway
            .home
            .login_says("bob", &format!("from {source}  accepted"));
    }
    gateway
        .home
        .console("config system security\nset profile strict\nend")
        .ok();
    assert_eq!(
        ask(&[], "/client/plugin/validate/check").status,
        "HTTP/1.1 401 Unauthorized"
    );
    gateway.up.stop();
}

#[test]
fn a_plugin_of_another_server_logs_in() {
    let gateway = Gateway::start();
    gateway.application(
        "ssh-ca",
        "set credentials subnet\nset code-position after-password",
    );
    let phone = gateway.alice();
    let both = format!("{PASSWORD}{}", phone.code("alice"));
    let mut plugin = python_of("venv-plugins");
    plugin
        .arg(script("plugin_check.py"))
        .arg(gateway.home.data().join("gateway/https.pem"))
        .args([&gateway.url("/client/ssh-ca"), "alice"]);
    let said = run(&mut plugin, &format!("{both}\n{both}\n")).ok();
    assert_eq!(said, "accepted\nUser failed to authenticate.\n");
    gateway.home.login_says(
        "alice",
        "client rest:ssh-ca  from 127.0.0.1  refused: code-replayed",
    );
    gateway.up.stop();
}

#[test]
fn who_guesses_an_applications_secret_is_not_heard_and_the_application_is() {
    let gateway = Gateway::start();
    gateway.application("portal", &format!("set secret {SECRET}"));
    gateway.alice();
    let home = &gateway.home;
    let shown = home.console("diagnose verification guesses").ok();
    assert!(shown.starts_with("Nobody has shown"), "{shown}");

    let ask = format!(r#"{{"username":"alice","password":"{PASSWORD}"}}"#);
    let with = |secret: &str, source: &str| {
        let user = format!("portal:{secret}");
        gateway.asks(&["--user", &user, "--interface", source], API, &ask)
    };
    // The application's own network has both addresses in it.
    home.console("config user verification-client\nedit portal\nset subnet 127.0.0.0/8\nend")
        .ok();
    let refused = with("wrong 1", "127.0.0.9");
    for guess in 2..6 {
        assert_eq!(with(&format!("wrong {guess}"), "127.0.0.9"), refused);
    }
    // The right one from there is answered as any wrong one.
    assert_eq!(with(SECRET, "127.0.0.9"), refused);
    assert_eq!(with(SECRET, "127.0.0.1").status, "HTTP/1.1 202 Accepted");

    let shown = home.console("diagnose verification guesses").ok();
    assert!(
        shown.contains("127.0.0.9")
            && shown.contains("portal")
            && shown.contains("nothing is heard until"),
        "{shown}"
    );
    let logged = home
        .console("execute log filter category event\nexecute log display")
        .ok();
    assert!(
        logged
            .contains("verification.lockout rest:portal: nothing is heard from 127.0.0.9 for 60 s"),
        "{logged}"
    );
    home.console("diagnose verification forget 127.0.0.9").ok();
    assert_eq!(with(SECRET, "127.0.0.9").status, "HTTP/1.1 202 Accepted");
    let unknown = home
        .console("diagnose verification forget 127.0.0.8")
        .refused();
    assert!(unknown.contains("has shown no wrong secret"), "{unknown}");
    gateway.up.stop();
}
