//! The token server as somebody else's program asks it: the commands of docs/protocol.md, typed as they stand there.
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

use common::apart::{invite, token_server};
use common::phone::Phone;
use common::{Home, run, tool};
use softtoken::ServerError;
use softtoken::process::{PolledToken, Response, TokenState};

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");
const SERIAL: &str = "FGT3HD3915801656";
const LICENCE_CODE: &str = "01AB-CDEF-0123-4567-89AB";
const TOKEN: &str = "FTKMOB83F91CD33B";
const SEED: &str = "A84E2CAAD3BCEA970E05DC1A9B7BD2D562622F4A";

/// What stands in the first fence below a heading that begins like this.
#[track_caller]
fn fence(heading: &str, fence: &str) -> &'static str {
    let section = PROTOCOL.split_once(heading).unwrap().1;
    let block = section.split_once(fence).unwrap().1;
    block.split_once("```").unwrap().0
}

/// What is typed at the prompts of a fence.
fn typed(fence: &str) -> String {
    let lines = fence.lines();
    let typed = lines.map(|line| line.strip_prefix("$ ").unwrap_or(line));
    typed.collect::<Vec<_>>().join("\n")
}

/// A shell in a directory of its own, next to a token server.
struct Shell {
    tokens: Home,
    directory: Home,
}

impl Shell {
    /// Runs a command of the page, with these in the place of its examples.
    #[track_caller]
    fn run(&self, command: &str, examples: &[(&str, &str)]) -> String {
        for program in ["curl", "jq", "openssl"] {
            tool(program, program);
        }
        let server = format!("https://{}", self.tokens.https);
        let mut command = command.replace("https://tokens.example.org:8443", &server);
        for (example, own) in examples {
            assert!(command.contains(example), "no {example} in {command}");
            command = command.replace(example, own);
        }
        let mut shell = tool("sh", "dash");
        shell.args(["-eu", "-c", &command]).env("NO_PROXY", "*");
        shell.current_dir(self.directory.data());
        run(&mut shell, "").ok()
    }

    fn asks(&self, command: &str, examples: &[(&str, &str)]) -> Response {
        let answer = self.run(command, examples);
        Response::parse(answer.as_bytes()).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}

/// What a poll tells of its one token.
#[track_caller]
fn polled(answer: Response) -> PolledToken {
    let Response::Polling(mut answer) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(answer.tokens.len(), 1);
    answer.tokens.remove(0).outcome.unwrap()
}

#[test]
fn curl_with_a_gateways_certificate_imports_provisions_and_polls() {
    let (tokens, server) = token_server();
    let shell = Shell {
        tokens,
        directory: Home::new(),
    };
    let (tokens, file) = (&shell.tokens, |name: &str| {
        shell.directory.data().join(name)
    });
    fs::create_dir_all(shell.directory.data()).unwrap();
    fs::copy(tokens.authority(), file("ca.pem")).unwrap();
    tokens.desk(&["register-product", SERIAL]).ok();
    let by_hand = fence("### By hand", "```sh\n");
    let commands: Vec<String> = by_hand
        .split("curl ")
        .skip(1)
        .map(|arguments| format!("curl {arguments}"))
        .collect();
    let [import, provision, poll] = &commands[..] else {
        panic!("{by_hand}")
    };

    // A gateway's key and certificate, and the first thing that it asks.
    let request = poll.split('\'').nth(3).unwrap();
    fs::write(file("request.json"), request).unwrap();
    let code = invite(tokens, SERIAL);
    let enrol = typed(fence("## Enrolment", "```\n"));
    let answer = shell.asks(&enrol, &[("ABCD-EFGH-IJKL-MNOP", &code)]);
    let Response::Polling(answer) = answer else {
        panic!("{answer:?}")
    };
    let why = answer.error.unwrap().known();
    assert_eq!(why, Some(ServerError::NoValidToken));

    let answer = shell.asks(import, &[(LICENCE_CODE, &tokens.issue(1))]);
    let Response::ActivationLicense(answer) = answer else {
        panic!("{answer:?}")
    };
    let token = answer.outcome.unwrap().tokens[0].to_string();
    let own = [(TOKEN, &*token)];
    assert_eq!(polled(shell.asks(poll, &own)).state, TokenState::New);

    let Response::Provision(mut answer) = shell.asks(provision, &own) else {
        panic!("no answer to a provisioning")
    };
    let provisioned = answer.tokens.remove(0).outcome.unwrap();
    assert_eq!(
        polled(shell.asks(poll, &own)).state,
        TokenState::Provisioning
    );
    let phone = Phone::new(tokens, "alice");
    phone.add(provisioned.code.as_str(), "alice").ok();
    let on_phone = polled(shell.asks(poll, &own));
    assert_eq!(on_phone.state, TokenState::Provisioned);
    assert!(on_phone.registration.is_some());
    // The phone has the seed that was typed. A minute may end between two codes.
    let expected = || {
        let mut oathtool = tool("oathtool", "oathtool");
        oathtool.args(["--totp", "--time-step-size=60s", SEED]);
        run(&mut oathtool, "").ok().trim().to_owned()
    };
    let before = expected();
    let shown = phone.code("alice");
    assert!([before, expected()].contains(&shown), "{shown}");
    server.stop();
}
