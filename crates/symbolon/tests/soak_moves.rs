//! `kill -9` of token server and gateway, processes of their own, while tokens move from phone to phone, again and
//! again: in the end the codes of one phone are taken and those of the other are not, and no token is lost on its way.
//!
//! In each round some tokens move at once, each from one phone to another, while both servers are killed at some
//! moment and started again; phones ask again what was not answered, as apps do. Some phones break before they have
//! stored what they got: their tokens stay where they were.
//!
//! `SYMBOLON_SOAK_ROUNDS` is the number of rounds, `SYMBOLON_SOAK_SEED` repeats a run's choices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one starts and kills the program"
)]

mod common;
mod soak;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use app::device::Device;
use common::apart::{Apart, import, registry, token_server};
use common::phone::{activation_code, set_transfers};
use common::{Home, PASSWORD, PATIENCE, Running, free_port};
use ident::{ActivationCode, OpaqueCode, TokenSerial};
use otp::{Parameters, Seed, code_at};
use registry::pki::Pki;
use soak::client::{Answer, Client, VPN};
use soak::registry::line::{Cut, Line};
use soak::registry::phone::{claim, confirm, opened};
use soak::{Chance, LogOnFailure, found, now, push, size, step_at};
use softtoken::ServerError;
use softtoken::address::ServerName;
use softtoken::link::{ActivationLink, LinkSecret};
use softtoken::mobile::SealedToken;
use softtoken::transfer::{
    Action, Standing, TransferActionRequest, TransferKey, TransferNonceRequest, TransferResponse,
    Wish,
};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const SERIAL: &str = "FGT0000000000042";
/// Tokens that move at the same time.
const TOGETHER: usize = 4;
/// A move takes about this long.
const MOVE_MILLIS: usize = 400;
/// What was not answered is asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

#[test]
fn a_token_is_on_one_phone_whatever_is_killed() {
    let rounds = size("SYMBOLON_SOAK_ROUNDS", 3);
    let mut chance = Chance::of_this_run();
    let (tokens, server) = token_server();
    let gateway = Apart::of(&tokens).enrolled(&tokens, SERIAL);
    let _logs = (LogOnFailure(&tokens), LogOnFailure(&gateway.home));
    let mut world = World::new((&tokens, server), &gateway, rounds, &mut chance);
    let began = Instant::now();
    let mut moved = Moved::default();
    for round in 0..rounds {
        world.round(round, &mut chance, &mut moved);
    }
    let Moved {
        moves,
        broken,
        over_a_kill,
    } = moved;
    found(format!(
        "{} kills of token server and gateway, {moves} tokens moved meanwhile, {over_a_kill} of them by what was asked \
         again: each is on its new phone alone, or on its old one where the new one broke ({broken}); {:.0} s",
        2 * rounds,
        began.elapsed().as_secs_f64()
    ));
    world.stop();
}

/// What there was to see.
#[derive(Default)]
struct Moved {
    moves: usize,
    broken: usize,
    over_a_kill: usize,
}

/// A token server and a gateway, both running.
struct World<'h> {
    tokens: &'h Home,
    gateway: &'h Apart,
    server: Option<Running>,
    running: Option<Running>,
    serials: Vec<String>,
    pki: Pki,
    client: Client,
    runtime: Runtime,
}

impl<'h> World<'h> {
    fn new(
        (tokens, server): (&'h Home, Running),
        gateway: &'h Apart,
        rounds: usize,
        chance: &mut Chance,
    ) -> Self {
        let running = gateway.start();
        let home = &gateway.home;
        home.radius_client(
            VPN.name(),
            &VPN.address().to_string(),
            "set code-position after-password",
        );
        set_transfers(home, free_port());
        let code = tokens.issue(rounds * TOGETHER);
        Self {
            serials: import(gateway, &code),
            pki: Pki::open_or_create(&tokens.data().join("registry/pki"), &[]).unwrap(),
            client: Client::new(home, VPN, chance),
            runtime: Runtime::new().unwrap(),
            server: Some(server),
            running: Some(running),
            tokens,
            gateway,
        }
    }

    fn round(&mut self, round: usize, chance: &mut Chance, moved: &mut Moved) {
        let moves = self.moves(round, chance);
        let (server, gateway) = (self.server.take().unwrap(), self.running.take().unwrap());
        let [first, second] = [0; 2].map(|_| moment(chance));
        let (tokens, apart, runtime) = (self.tokens, self.gateway, &self.runtime);
        let (server, gateway, done) = thread::scope(|scope| {
            let server = scope.spawn(move || killed(server, first, &mut registry(tokens), tokens));
            let gateway =
                scope.spawn(move || killed(gateway, second, &mut apart.command(), &apart.home));
            let done = runtime.block_on(async {
                let mut moving = JoinSet::new();
                for it in moves {
                    moving.spawn(it.carried_out());
                }
                moving.join_all().await
            });
            (server.join().unwrap(), gateway.join().unwrap(), done)
        });
        (self.server, self.running) = (Some(server), Some(gateway));
        for it in done {
            moved.moves += 1;
            moved.broken += usize::from(it.fate == Fate::Breaks);
            moved.over_a_kill += usize::from(it.asked_again);
            self.is_on_one_phone(&it);
        }
    }

    /// Tokens, each on a phone.
    fn moves(&self, round: usize, chance: &mut Chance) -> Vec<Move> {
        let first = round * TOGETHER;
        let mut moves = Vec::new();
        for (number, token) in (first..).zip(&self.serials[first..first + TOGETHER]) {
            let user = format!("user{number}");
            let code = activation_code(&self.gateway.home.user(&user, token));
            let code = ActivationCode::parse(&code).unwrap();
            let old = self.runtime.block_on(async {
                let mut phone = self.phone(number, token);
                phone.takes(&wire_form(&code), None).await;
                phone
            });
            let new = self.phone(number, token);
            moves.push(Move {
                user,
                old,
                new,
                fate: if chance.one_in(4) {
                    Fate::Breaks
                } else {
                    Fate::Stores
                },
                asked_again: false,
            });
        }
        let polled = self.gateway.home.console("execute fortitoken-mobile poll");
        polled.ok();
        moves
    }

    fn phone(&self, number: usize, token: &str) -> Phone {
        Phone {
            device: Device::generate().unwrap(),
            line: Line::new(self.tokens, &self.pki, None, push::source(number)),
            server: ServerName::parse(&self.tokens.https.to_string()).unwrap(),
            token: TokenSerial::parse(token).unwrap(),
            seed: None,
            asked_again: false,
        }
    }

    /// Codes of one phone are refused before and after a code of the other is taken.
    fn is_on_one_phone(&mut self, it: &Move) {
        let mut verdict = |phone: &Phone, ahead| {
            let both = PASSWORD.to_owned() + &phone.code(ahead);
            self.client.ask(&it.user, &both)
        };
        let user = &it.user;
        let (has_it, has_it_not) = match it.fate {
            Fate::Stores => (&it.new, &it.old),
            Fate::Breaks => (&it.old, &it.new),
        };
        let (fate, accept, reject) = (it.fate, Answer::Accept, Answer::Reject);
        assert_eq!(verdict(has_it_not, 0), reject, "{user} {fate:?}");
        assert_eq!(verdict(has_it, 0), accept, "{user} {fate:?}");
        assert_eq!(verdict(has_it_not, 1), reject, "{user} {fate:?}");
    }

    fn stop(self) {
        self.running.unwrap().stop();
        self.server.unwrap().stop();
    }
}

fn moment(chance: &mut Chance) -> Duration {
    let micros = chance.below(MOVE_MILLIS * 1_000);
    Duration::from_micros(u64::try_from(micros).unwrap())
}

/// Kills a process at that moment, and has it live again.
fn killed(process: Running, at: Duration, again: &mut Command, home: &Home) -> Running {
    thread::sleep(at);
    process.kill();
    Running::start(again, home)
}

fn wire_form(code: &ActivationCode) -> OpaqueCode {
    OpaqueCode::from_bytes(*code.opaque().as_bytes())
}

/// What becomes of the new phone once it was given the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Stores,
    Breaks,
}

/// A token on its way.
struct Move {
    user: String,
    old: Phone,
    new: Phone,
    fate: Fate,
    asked_again: bool,
}

impl Move {
    async fn carried_out(mut self) -> Self {
        let link = self.old.begins().await;
        let ActivationLink { code, secret, .. } = ActivationLink::parse(&link).unwrap();
        let code = wire_form(&code);
        match self.fate {
            Fate::Stores => {
                self.new.takes(&code, Some(&secret)).await;
                self.new.has_it().await;
            }
            Fate::Breaks => {
                self.new.is_given(&code, Some(&secret)).await;
                self.old.has_it().await;
            }
        }
        self.asked_again = self.old.asked_again || self.new.asked_again;
        self
    }
}

/// Somebody's phone, which asks until it is answered.
struct Phone {
    device: Device,
    line: Line,
    server: ServerName,
    token: TokenSerial,
    seed: Option<Seed>,
    asked_again: bool,
}

/// What a gateway says to a wish; nothing if it cannot be said now.
type Said = Option<Standing>;

impl Phone {
    /// The code of the step so far ahead.
    fn code(&self, ahead: i32) -> String {
        let step = step_at(now()).offset(ahead).unwrap();
        let seed = self.seed.as_ref().unwrap();
        code_at(seed, Parameters::default(), step)
            .as_str()
            .to_owned()
    }

    /// Begins to give the token away; the link that it shows.
    async fn begins(&mut self) -> String {
        let began = Instant::now();
        let mut action = Action::BeginShown;
        loop {
            action = match self.wishes(action).await {
                Some(Standing::Open(open)) => return open.link.unwrap().to_string(),
                Some(Standing::None) => Action::BeginShown,
                Some(Standing::Asked) | None => Action::Look,
            };
            self.again(began).await;
        }
    }

    /// Takes the token of a code, and says so.
    async fn takes(&mut self, code: &OpaqueCode, secret: Option<&LinkSecret>) {
        let token = self.is_given(code, secret).await;
        let began = Instant::now();
        while let Err(Cut) = confirm(&self.line, &self.device, &self.server, &token).await {
            self.again(began).await;
        }
    }

    /// Is given the token of a code, and says nothing of it.
    async fn is_given(&mut self, code: &OpaqueCode, secret: Option<&LinkSecret>) -> SealedToken {
        let began = Instant::now();
        let token = loop {
            match claim(&self.line, &self.device, &self.server, code, secret).await {
                Ok(Ok(token)) => break token,
                // A token server that was started again knows no nonce of before.
                Ok(Err(number)) => assert_eq!(number, ServerError::NonceUnknown.code()),
                Err(Cut) => {}
            }
            self.again(began).await;
        };
        self.seed = Some(opened(&self.device, &self.server, &token));
        token
    }

    /// Waits until the gateway says that it has the token.
    async fn has_it(&mut self) {
        let began = Instant::now();
        while self.wishes(Action::Look).await.is_none() {
            self.again(began).await;
        }
    }

    async fn wishes(&self, action: Action) -> Said {
        let token = self.token;
        let TransferResponse::Nonce(nonce) =
            self.line.wish(TransferNonceRequest { token }).await.ok()?
        else {
            panic!("no nonce");
        };
        let key = TransferKey::of(self.seed.as_ref().unwrap(), &token);
        let keys = *self.device.keys();
        let sign = |signed: &[u8]| self.device.sign(signed);
        let (server, nonce) = (self.server.clone(), nonce.outcome.ok()?);
        let wish = Wish::new(server, token, action, nonce, &key, keys.into(), sign).unwrap();
        let request = TransferActionRequest {
            wish: Box::new(wish),
        };
        match self.line.wish(request).await.ok()? {
            TransferResponse::Action(answer) => answer.outcome.ok(),
            TransferResponse::Nonce(_) => panic!("another answer"),
        }
    }

    async fn again(&mut self, began: Instant) {
        let token = self.token;
        assert!(began.elapsed() < PATIENCE, "{token} is not answered");
        self.asked_again = true;
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}
