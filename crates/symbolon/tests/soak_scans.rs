//! 64 phones scan one code at once, again and again: exactly one gets the token, and its codes alone are taken.
//!
//! Every other round it is an activation code, in the others a transfer code, whose old phone is then dead.
//! `SYMBOLON_SOAK_ROUNDS` is the number of rounds, `SYMBOLON_SOAK_SEED` repeats a run's choices.
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
mod soak;

use std::sync::Arc;
use std::time::Instant;

use app::activation::app_version;
use app::device::Device;
use common::phone::{Phone, activation_code, enrol};
use common::radius::{Answer, Vpn};
use common::{Home, Running, free_port, until};
use ident::{ActivationCode, OpaqueCode};
use otp::{Parameters, Seed, code_at};
use registry::pki::Pki;
use soak::registry::line::Line;
use soak::registry::phone::{claim, confirm, opened};
use soak::{Chance, LogOnFailure, found, now, push, size, step_at};
use softtoken::ServerError;
use softtoken::address::ServerName;
use softtoken::link::{ActivationLink, LinkSecret};
use softtoken::mobile::{
    MobileNonceRequest, MobileProvisionRequest as Claim, MobileResponse, SealedToken,
};
use tokio::runtime::Runtime;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const PHONES: usize = 64;
const CLIENT: &str = "127.0.0.1";

#[test]
fn one_of_64_phones_gets_the_token() {
    let rounds = size("SYMBOLON_SOAK_ROUNDS", 4);
    let mut chance = Chance::of_this_run();
    let home = Home::new();
    let up = Running::up(&home);
    let _log = LogOnFailure(&home);
    home.radius_client("vpn1", CLIENT, "");
    allow_transfers(&home);
    let scanners = Scanners::new(&home);
    let began = Instant::now();
    for (round, token) in home.import(rounds).iter().enumerate() {
        let user = format!("user{round}");
        if round.is_multiple_of(2) {
            activated(&home, &scanners, &user, token, &mut chance);
        } else {
            transferred(&home, &scanners, &user, token, &mut chance);
        }
    }
    let codes = rounds.div_ceil(2);
    found(format!(
        "{codes} activation codes and {} transfer codes, each scanned by {PHONES} phones at once: each gave its token \
         to one, whose codes alone were taken; {:.0} s",
        rounds - codes,
        began.elapsed().as_secs_f64()
    ));
    up.stop();
}

fn allow_transfers(home: &Home) {
    home.console(&format!(
        "config system interface\nedit lo\nset allowaccess ssh ftm\nend\n\
         config system ftm-push\nset token-transfer enable\nset server 127.0.0.1\nset server-port {}\nend",
        free_port()
    ))
    .ok();
}

fn activated(home: &Home, scanners: &Scanners, user: &str, token: &str, chance: &mut Chance) {
    let code = activation_code(&home.user(user, token));
    let code = Scanned::typed(&code);
    let winner = scanners.race(&code, chance);
    home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(home.status(token), "provisioned", "{user}");
    let vpn = Vpn::new(home, CLIENT);
    assert_eq!(vpn.log_in(user, &winner.code()), Answer::Accept, "{user}");
}

fn transferred(home: &Home, scanners: &Scanners, user: &str, token: &str, chance: &mut Chance) {
    let old = enrol(home, user, token);
    // The token server may have been told of the gateway's address a moment ago.
    let start = ["transfer", "start", user, "--show", "--no-wait"];
    let mut said = String::new();
    until("the transfer begins", || {
        let started = old.app(&start);
        said = started.out;
        started.status.success()
    });
    let mut words = said.split(['\'', '\n']);
    let link = words.find(|word| word.starts_with("symbolon://")).unwrap();
    let winner = scanners.race(&Scanned::link(link), chance);
    until("the gateway knows the new phone", || {
        let said = old.app(&["transfer", "status", user]);
        said.out.contains("is on another device now")
    });
    let vpn = Vpn::new(home, CLIENT);
    assert_eq!(vpn.log_in(user, &old.code(user)), Answer::Reject, "{user}");
    assert_eq!(vpn.log_in(user, &winner.code()), Answer::Accept, "{user}");
    // It has been used, also for an app.
    let late = Phone::new(home, &format!("{user}, too late"));
    late.app(&["transfer", "take", "--qr-text", link]).refused();
}

/// What is in a picture, or typed.
struct Scanned {
    code: OpaqueCode,
    secret: Option<LinkSecret>,
}

impl Scanned {
    fn typed(code: &str) -> Self {
        let code = ActivationCode::parse(code).unwrap();
        Self {
            code: OpaqueCode::from_bytes(*code.opaque().as_bytes()),
            secret: None,
        }
    }

    fn link(text: &str) -> Self {
        let ActivationLink { code, secret, .. } = ActivationLink::parse(text).unwrap();
        Self {
            code: OpaqueCode::from_bytes(*code.opaque().as_bytes()),
            secret: Some(secret),
        }
    }
}

/// The phone that got a token.
struct Winner(Seed);

impl Winner {
    fn code(&self) -> String {
        let step = step_at(now());
        code_at(&self.0, Parameters::default(), step)
            .as_str()
            .to_owned()
    }
}

/// So many people with phones, each at an address of its own.
struct Scanners {
    runtime: Runtime,
    server: ServerName,
    lines: Vec<Arc<Line>>,
}

impl Scanners {
    fn new(home: &Home) -> Self {
        let pki = Pki::open_or_create(&home.data().join("registry/pki"), &[]).unwrap();
        let line = |number| Arc::new(Line::new(home, &pki, None, push::source(number)));
        Self {
            runtime: Runtime::new().unwrap(),
            server: ServerName::parse(&home.https.to_string()).unwrap(),
            lines: (0..PHONES).map(line).collect(),
        }
    }

    /// All of them ask for the token of one code at the same moment.
    fn race(&self, scanned: &Scanned, chance: &mut Chance) -> Winner {
        let devices = push::devices(PHONES);
        self.runtime.block_on(async {
            let claims = self.claims(scanned, &devices).await;
            let mut order: Vec<usize> = (0..PHONES).collect();
            chance.shuffle(&mut order);
            let mut winners = self.at_once(claims, &order).await;
            assert_eq!(winners.len(), 1, "phones that got the token");
            let (winner, token) = winners.pop().unwrap();
            self.stays(scanned, &devices, winner, &token).await;
            Winner(opened(&devices[winner], &self.server, &token))
        })
    }

    /// What each will ask, with a nonce of its own.
    async fn claims(&self, scanned: &Scanned, devices: &[Device]) -> Vec<Claim> {
        let version = app_version().unwrap();
        let mut claims = Vec::new();
        for (device, line) in devices.iter().zip(&self.lines) {
            let request = MobileNonceRequest {
                version: version.clone(),
            };
            let MobileResponse::Nonce(nonce) = line.ask(request).await.unwrap() else {
                panic!("no nonce");
            };
            let claim = device.claim(
                self.server.clone(),
                nonce.outcome.unwrap(),
                &scanned.code,
                scanned.secret.as_ref(),
                version.clone(),
            );
            claims.push(claim.unwrap());
        }
        claims
    }

    /// Those who got it.
    async fn at_once(&self, claims: Vec<Claim>, order: &[usize]) -> Vec<(usize, SealedToken)> {
        let start = Arc::new(Barrier::new(PHONES));
        let mut claims: Vec<Option<Claim>> = claims.into_iter().map(Some).collect();
        let mut asking = JoinSet::new();
        for &number in order {
            let (line, start) = (Arc::clone(&self.lines[number]), Arc::clone(&start));
            let claim = claims[number].take().unwrap();
            asking.spawn(async move {
                start.wait().await;
                match line.ask(claim).await.unwrap() {
                    MobileResponse::Provision(answer) => (number, answer.outcome),
                    other => panic!("{other:?}"),
                }
            });
        }
        let mut winners = Vec::new();
        for (number, outcome) in asking.join_all().await {
            match outcome {
                Ok(token) => winners.push((number, token)),
                Err(error) => assert_eq!(error.known(), Some(ServerError::ActivationCodeUsed)),
            }
        }
        winners
    }

    /// Who has it gets it again until it has said so; nobody else ever does.
    async fn stays(
        &self,
        scanned: &Scanned,
        devices: &[Device],
        winner: usize,
        token: &SealedToken,
    ) {
        let other = (winner + 1) % PHONES;
        let ask = |number: usize| {
            let (line, device) = (&self.lines[number], &devices[number]);
            claim(
                line,
                device,
                &self.server,
                &scanned.code,
                scanned.secret.as_ref(),
            )
        };
        let used = Err(ServerError::ActivationCodeUsed.code());
        let again = ask(winner).await.unwrap().unwrap();
        assert_eq!(again.sealed_seed, token.sealed_seed);
        assert_eq!(ask(other).await.unwrap().map(drop), used);
        let (line, device) = (&self.lines[winner], &devices[winner]);
        confirm(line, device, &self.server, token).await.unwrap();
        assert_eq!(ask(winner).await.unwrap().map(drop), used);
        assert_eq!(ask(other).await.unwrap().map(drop), used);
    }
}
