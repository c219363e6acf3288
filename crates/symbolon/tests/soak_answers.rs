//! Answers to pushes that are forged, swapped, replayed, cancelled or of other phones, posted to a running
//! gateway at its own address and through the relay, while a login over RADIUS waits: none of them moves it, and
//! the phone's own word then does.
//!
//! `SYMBOLON_SOAK_ANSWERS` is how many, `SYMBOLON_SOAK_SEED` repeats a run's choices.
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

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use app::device::Device;
use common::radius::{Answer, Vpn};
use common::{Home, PATIENCE, Running, free_port, until};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use otp::Seed;
use reqwest::{Client as Http, StatusCode};
use serde_json::{Value, json};
use soak::client::{self, Client, PORTAL};
use soak::people::{PASSWORD, Person, populate_phones};
use soak::push::{Phone, answer, devices, line, posted, source};
use soak::{Chance, LogOnFailure, found, now, size, step_at};
use softtoken::push::{
    Approval, Decision, LoginAnswer, LoginRequest, PushAnswerRequest, PushNumber, PushRequest,
    PushResponse, PushSession, SealedAnswer, SealedPush, ShownText,
};
use softtoken::{PUSH_PATH, ServerError};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// Answers that are tried on one login: less than its five minutes are long.
const OF_A_LOGIN: usize = 1_000;
/// Of which so many are under way at once.
const TOGETHER: usize = 32;
/// What the relay cannot carry at once is brought again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);
/// Each on another connection.
const TRIES: usize = 3;
/// Alarms of phones that have somebody's seed and not the token, at most.
const ALARMS: usize = 4;

#[test]
fn no_answer_but_the_phones_own_moves_a_login() {
    let answers = size("SYMBOLON_SOAK_ANSWERS", 2_000);
    let logins = answers.div_ceil(OF_A_LOGIN);
    let mut chance = Chance::of_this_run();
    let home = Home::new();
    // The last one is somebody else's.
    let phones = devices(logins + 1);
    let registered: Vec<_> = phones.iter().map(Device::registration_id).collect();
    let people = populate_phones(&home, &registered, &mut chance);
    let up = Running::up(&home);
    let _log = LogOnFailure(&home);
    let mut world = World::new(&home, chance);
    let attack = world.attack(answers, phones, &people);
    let tried = tokio::runtime::Runtime::new().unwrap().block_on(attack);
    let Tried {
        unreadable,
        nobodys,
        taken,
    } = tried;
    found(format!(
        "{answers} answers to {logins} logins that waited: {taken} were looked into and worth nothing, {nobodys} were \
         of no login that waits, {unreadable} no message; then each login went by its phone's word"
    ));
    // Of every login that was tried to the full a phone with a copied secret is told, and nobody floods the log
    // with other phones.
    let alarms = home.log().matches("two phones answer").count();
    let expected = answers / OF_A_LOGIN..=ALARMS * logins;
    assert!(expected.contains(&alarms), "{alarms} alarms");
    up.stop();
}

/// What was said to those who posted.
#[derive(Default)]
struct Tried {
    /// No message at all.
    unreadable: usize,
    /// An answer that nobody waits for.
    nobodys: usize,
    /// One that has to prove itself.
    taken: usize,
}

/// Where an answer is posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Own,
    Relay,
}

/// A login that a person was asked about.
struct Asked {
    state: Vec<u8>,
    number: PushNumber,
    login: LoginRequest,
}

struct World<'h> {
    home: &'h Home,
    chance: Chance,
    authority: String,
    own: String,
    relay: String,
    /// Whose certificates it takes is no matter here: no answer is a secret.
    http: Http,
    client: Client,
    /// A device that has everybody's seed: that of who kept an old phone.
    elsewhere: Device,
}

impl<'h> World<'h> {
    fn new(home: &'h Home, mut chance: Chance) -> Self {
        let port = free_port();
        home.console(&format!(
            "config system interface\nedit lo\nset allowaccess ping https ssh ftm\nend\n\
             config system ftm-push\nset status enable\nset server-ip 127.0.0.1\nset server-port {port}\nend\n\
             config system global\nset two-factor-ftk-expiry 300\nend"
        ))
        .ok();
        until("the gateway listens for answers", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let http = Http::builder()
            .tls_danger_accept_invalid_certs(true)
            .timeout(PATIENCE)
            .no_proxy();
        Self {
            home,
            authority: fs::read_to_string(home.authority()).unwrap(),
            own: format!("https://127.0.0.1:{port}{PUSH_PATH}"),
            relay: format!("https://{}{PUSH_PATH}", home.relay),
            http: http.build().unwrap(),
            client: Client::new(home, PORTAL, &mut chance),
            elsewhere: Device::generate().unwrap(),
            chance,
        }
    }

    async fn open(&self, number: usize, device: Device) -> Phone {
        let http = line(&self.authority, None, source(number));
        Phone::listen(device, http, self.home.relay).await
    }

    async fn attack(
        &mut self,
        answers: usize,
        mut devices: Vec<Device>,
        people: &[Person],
    ) -> Tried {
        let other = devices.pop().unwrap();
        let [people @ .., stranger] = people else {
            panic!("nobody");
        };
        let mut tried = Tried::default();
        let mut left = answers;
        for (number, (device, person)) in devices.into_iter().zip(people).enumerate() {
            let phone = &mut self.open(number, device).await;
            let before = self.over(number, phone, person).await;
            let asked = self.asked(phone, person).await;
            let identifier = self.waits(&asked, person);
            let target = Target::new(&asked, &before, (phone, person), (&other, stranger), self);
            let count = left.min(OF_A_LOGIN);
            left -= count;
            let bent = (0..count).map(|_| target.bent(&mut self.chance)).collect();
            self.post_all(bent, &mut tried).await;
            // The login before may be answered twice.
            while let Some(reply) = self.client.receive(Duration::from_millis(100)) {
                assert_ne!(reply.identifier, identifier, "login {number}: {reply:?}");
            }
            // What the relay carries arrives in its order: were an approval taken before a denial, or the other way
            // round, the login would show it.
            self.says_the_other(number, &asked, phone, person, identifier)
                .await;
        }
        tried
    }

    /// Somebody logs in and is asked.
    async fn asked(&mut self, phone: &mut Phone, person: &Person) -> Asked {
        let vpn = Vpn::new(self.home, "127.0.0.2");
        assert_eq!(PORTAL.address(), Ipv4Addr::new(127, 0, 0, 2));
        let offer = vpn.ask(&person.name, PASSWORD);
        let shown = vpn.answer(&person.name, "push", &offer);
        let Answer::Challenge(state, prompt) = &shown else {
            panic!("{shown:?}");
        };
        let number: String = prompt.chars().filter(char::is_ascii_digit).collect();
        let login = phone.next().await;
        Asked {
            state: HEXLOWER_PERMISSIVE.decode(&state.as_bytes()[2..]).unwrap(),
            number: PushNumber::parse(&number).unwrap(),
            login: phone.opened(&login, person),
        }
    }

    /// Goes on at the login, which waits from now on.
    fn waits(&mut self, asked: &Asked, person: &Person) -> u8 {
        let identifier = self
            .client
            .request(&person.name, "push", Some(&asked.state));
        self.client.send(identifier);
        identifier
    }

    /// A login of the same person before, which nobody waits for any more, with its phone's answer: given, or
    /// never sent since a code was typed.
    async fn over(
        &mut self,
        number: usize,
        phone: &mut Phone,
        person: &Person,
    ) -> (LoginRequest, LoginAnswer) {
        let asked = self.asked(phone, person).await;
        let decision = Decision::Approve(Some(asked.number));
        let said = answer(&asked.login, decision, &phone.device, &person.seed());
        if number.is_multiple_of(2) {
            self.say(&asked.login, said.clone()).await;
            let identifier = self.waits(&asked, person);
            assert_eq!(self.client.insist(identifier), client::Answer::Accept);
        } else {
            let code = person.code(step_at(now()));
            let typed = self.client.request(&person.name, &code, Some(&asked.state));
            assert_eq!(self.client.insist(typed), client::Answer::Accept);
        }
        let again = posted(&asked.login, said.clone(), &self.chance.octets());
        let refused = self.post(Way::Own, body(&again)).await;
        assert_eq!(refused, Outcome::Nobodys);
        (asked.login, said)
    }

    /// What ends a login after all: every other person denies.
    async fn says_the_other(
        &mut self,
        number: usize,
        asked: &Asked,
        phone: &Phone,
        person: &Person,
        identifier: u8,
    ) {
        let (decision, expected) = if number.is_multiple_of(2) {
            let approve = Decision::Approve(Some(asked.number));
            (approve, client::Answer::Accept)
        } else {
            (Decision::Deny, client::Answer::Reject)
        };
        let said = answer(&asked.login, decision, &phone.device, &person.seed());
        self.say(&asked.login, said).await;
        let answer = self.client.insist(identifier);
        assert_eq!(answer, expected, "login {number}");
    }

    /// The phone's own answer, one way or the other.
    async fn say(&mut self, login: &LoginRequest, said: LoginAnswer) {
        let random = self.chance.octets();
        let way = *self.chance.pick(&[Way::Own, Way::Relay]);
        let body = body(&posted(login, said, &random));
        let began = Instant::now();
        // The gateway collects at the relay within seconds after pushes were switched on.
        while self.post(way, body.clone()).await != Outcome::Taken {
            assert!(began.elapsed() < PATIENCE, "{way:?}");
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Posts all of them, many at a time, each on one of the two ways.
    async fn post_all(&mut self, bent: Vec<Vec<u8>>, tried: &mut Tried) {
        let mut ways = Vec::new();
        for body in bent {
            ways.push((*self.chance.pick(&[Way::Own, Way::Relay]), body));
        }
        let ways = Arc::new(Mutex::new(ways));
        let mut posting = JoinSet::new();
        for _ in 0..TOGETHER {
            let (ways, post) = (Arc::clone(&ways), self.poster());
            posting.spawn(async move {
                let mut outcomes = Vec::new();
                while let Some((way, body)) = next(&ways) {
                    outcomes.push(post.post(way, body).await);
                }
                outcomes
            });
        }
        for outcome in posting.join_all().await.into_iter().flatten() {
            match outcome {
                Outcome::Unreadable => tried.unreadable += 1,
                Outcome::Nobodys => tried.nobodys += 1,
                Outcome::Taken => tried.taken += 1,
            }
        }
    }

    async fn post(&self, way: Way, body: Vec<u8>) -> Outcome {
        self.poster().post(way, body).await
    }

    fn poster(&self) -> Poster {
        Poster {
            http: self.http.clone(),
            own: self.own.clone(),
            relay: self.relay.clone(),
        }
    }
}

fn next(ways: &Mutex<Vec<(Way, Vec<u8>)>>) -> Option<(Way, Vec<u8>)> {
    ways.lock().unwrap().pop()
}

/// What a stranger is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Unreadable,
    Nobodys,
    Taken,
}

/// Somebody who posts.
struct Poster {
    http: Http,
    own: String,
    relay: String,
}

impl Poster {
    async fn post(&self, way: Way, body: Vec<u8>) -> Outcome {
        let url = match way {
            Way::Own => &self.own,
            Way::Relay => &self.relay,
        };
        let mut tries = 0;
        loop {
            let Ok((status, said)) = self.told(url, body.clone()).await else {
                // Connections end by their age, also between two requests.
                tries += 1;
                assert!(tries < TRIES, "{url} cannot be reached");
                continue;
            };
            if status == StatusCode::BAD_REQUEST {
                return Outcome::Unreadable;
            }
            assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&said));
            let PushResponse::Accepted(taken) = PushResponse::parse(&said).unwrap() else {
                panic!("{}", String::from_utf8_lossy(&said));
            };
            match taken.error.map(|error| error.known()) {
                None => return Outcome::Taken,
                Some(Some(ServerError::PushMailboxUnknown)) => return Outcome::Nobodys,
                Some(Some(ServerError::TooManyPushes)) => tokio::time::sleep(AGAIN_AFTER).await,
                Some(other) => panic!("{other:?}"),
            }
        }
    }

    async fn told(&self, url: &str, body: Vec<u8>) -> reqwest::Result<(StatusCode, Vec<u8>)> {
        let answer = self.http.post(url).body(body).send().await?;
        Ok((answer.status(), answer.bytes().await?.to_vec()))
    }
}

fn body(answer: &PushAnswerRequest) -> Vec<u8> {
    let message = PushRequest::from(answer.clone());
    message.to_json().as_str().as_bytes().to_vec()
}

/// The fields of an answer.
const FIELDS: [&str; 8] = [
    "session",
    "token",
    "decision",
    "number",
    "signing_key",
    "sealing_key",
    "mac",
    "signature",
];

/// A login that waits, with all that there is to try on it.
struct Target {
    login: LoginRequest,
    /// What its phone would say, as it would be posted.
    posted: PushAnswerRequest,
    /// The same and others that are its person's.
    hers: [Value; 3],
    /// What there is to take pieces from.
    donors: Vec<Value>,
    /// Whole answers of those who lack the device, the seed, or the login.
    forged: Vec<LoginAnswer>,
    /// An answer to a login that is over, as it was posted.
    old: PushAnswerRequest,
}

impl Target {
    fn new(
        asked: &Asked,
        (old_login, old): &(LoginRequest, LoginAnswer),
        (phone, person): (&Phone, &Person),
        (other, stranger): (&Device, &Person),
        world: &World<'_>,
    ) -> Self {
        let login = &asked.login;
        let approve = Decision::Approve(Some(asked.number));
        let device = &phone.device;
        let (seed, others_seed) = (person.seed(), stranger.seed());
        let made_up = Seed::from_bytes(Zeroizing::new(vec![7; 20])).unwrap();
        let right = answer(login, approve, device, &seed);
        let other_number = PushNumber::parse(if asked.number.as_str() == "00" {
            "01"
        } else {
            "00"
        });
        let other_number = Decision::Approve(Some(other_number.unwrap()));
        let hers = [
            value(&right),
            value(&answer(login, other_number, device, &seed)),
            value(&answer(login, Decision::Deny, device, &seed)),
        ];
        let other_logins = [
            LoginRequest {
                session: PushSession::from_bytes([7; 16]),
                ..login.clone()
            },
            LoginRequest {
                user: ShownText::fitting(&stranger.name),
                ..login.clone()
            },
            LoginRequest {
                token: stranger.token,
                ..login.clone()
            },
            LoginRequest {
                expires_unix: login.expires_unix + 60,
                ..login.clone()
            },
            LoginRequest {
                approval: Approval::Tap,
                ..login.clone()
            },
        ];
        let mut forged = vec![
            answer(login, approve, &world.elsewhere, &seed),
            answer(login, Decision::Deny, &world.elsewhere, &seed),
            answer(login, approve, other, &others_seed),
            answer(login, approve, device, &others_seed),
            answer(login, approve, device, &made_up),
            answer(login, Decision::NotMe, device, &made_up),
            old.clone(),
        ];
        forged.extend(
            other_logins
                .iter()
                .map(|other| answer(other, approve, device, &seed)),
        );
        let mut donors: Vec<Value> = forged.iter().map(value).collect();
        donors.extend_from_slice(&hers[1..]);
        Self {
            login: login.clone(),
            posted: posted(login, right, &[7; 32]),
            hers,
            donors,
            forged,
            old: posted(old_login, old.clone(), &[8; 32]),
        }
    }

    /// Something that is not the person's answer to this login.
    fn bent(&self, chance: &mut Chance) -> Vec<u8> {
        loop {
            let bent = match chance.below(6) {
                0 => self.with_a_bit_of_the_message(chance),
                1 => Some(body(&self.with_a_bit_of_what_is_sealed(chance))),
                2 => self.with_swapped_fields(chance).map(|it| body(&it)),
                3 => self.with_another_number(chance).map(|it| body(&it)),
                4 => Some(body(&self.forged(chance))),
                _ => Some(body(&self.misplaced(chance))),
            };
            if let Some(bent) = bent {
                return bent;
            }
        }
    }

    fn with_a_bit_of_the_message(&self, chance: &mut Chance) -> Option<Vec<u8>> {
        let mut body = body(&self.posted);
        let at = chance.below(body.len());
        body[at] ^= 1 << chance.below(7);
        // Where the relay is to bring it is nothing that the gateway reads.
        let same = matches!(PushRequest::parse(&body), Ok(PushRequest::Answer(it))
            if it.session == self.posted.session && it.sealed == self.posted.sealed);
        (!same).then_some(body)
    }

    fn with_a_bit_of_what_is_sealed(&self, chance: &mut Chance) -> PushAnswerRequest {
        let text = self.posted.sealed.to_base64url();
        let mut octets = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let at = chance.below(octets.len());
        octets[at] ^= 1 << chance.below(8);
        PushAnswerRequest {
            sealed: SealedPush::parse(&BASE64URL_NOPAD.encode(&octets)).unwrap(),
            ..self.posted.clone()
        }
    }

    fn with_swapped_fields(&self, chance: &mut Chance) -> Option<PushAnswerRequest> {
        let mut bent = self.hers[0].clone();
        let donor = &chance.pick(&self.donors)["d"];
        for _ in 0..=chance.below(3) {
            let field = *chance.pick(&FIELDS);
            bent["d"][field] = donor[field].clone();
        }
        self.sealed_anew(&bent, chance)
    }

    fn with_another_number(&self, chance: &mut Chance) -> Option<PushAnswerRequest> {
        let mut bent = self.hers[0].clone();
        bent["d"]["number"] = json!(format!("{:02}", chance.below(100)));
        self.sealed_anew(&bent, chance)
    }

    fn forged(&self, chance: &mut Chance) -> PushAnswerRequest {
        let forged = chance.pick(&self.forged).clone();
        posted(&self.login, forged, &chance.octets())
    }

    /// What was sealed for one login, brought to another.
    fn misplaced(&self, chance: &mut Chance) -> PushAnswerRequest {
        let (old, posted) = (self.old.clone(), self.posted.clone());
        match chance.below(4) {
            0 => old,
            1 => PushAnswerRequest {
                session: posted.session,
                ..old
            },
            2 => PushAnswerRequest {
                session: old.session,
                ..posted
            },
            _ => PushAnswerRequest {
                session: PushSession::from_bytes(chance.octets()),
                ..posted
            },
        }
    }

    /// Nothing if it is one of the person's own, or none.
    fn sealed_anew(&self, bent: &Value, chance: &mut Chance) -> Option<PushAnswerRequest> {
        if self.hers.contains(bent) {
            return None;
        }
        let parsed = SealedAnswer::parse(bent.to_string().as_bytes());
        let SealedAnswer::Answer(answer) = parsed.ok()?;
        Some(posted(&self.login, answer, &chance.octets()))
    }
}

fn value(answer: &LoginAnswer) -> Value {
    serde_json::from_str(&SealedAnswer::from(answer.clone()).to_json()).unwrap()
}
