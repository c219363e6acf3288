//! Many phones that listen at the push relay at once, and many logins that wait for one.
//!
//! `SYMBOLON_SOAK_PHONES` is the number of phones; a tenth as many logins wait.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs processes"
)]

mod common;
mod soak;

use std::fs;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::device::Device;
use common::relay::Relay;
use common::{Home, Running};
use domain::licensing::Generation;
use https::files;
use ident::ProductSerial;
use registry::pki::Pki;
use soak::client::{self, Answer, PORTAL};
use soak::people::{PASSWORD, Person, populate_phones};
use soak::push::{Phone, devices, line, post, response, source};
use soak::{Chance, LogOnFailure, found, size};
use softtoken::PUSH_PATH;
use softtoken::push::{
    Addressed, PushDeviceRequest, PushLoginRequest, PushResponse, PushSession, SealedPush,
};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Memory of a relay with nobody, beyond what a phone takes: the code, and what allocators keep by.
const RELAY_KIB: u64 = 64 << 10;
/// What one phone takes: what TLS keeps above all, and a request that waits for it. With it 10,000 phones are below
/// 256 MiB.
const PHONE_KIB: u64 = 19;
/// What one login that waits takes in gateway and relay together.
const LOGIN_KIB: u64 = 8;
/// What they take however many they are: pages of the database, connections to the relay, and what an allocator takes at
/// once.
const ALL_LOGINS_KIB: u64 = 3 << 10;
/// Logins that came before, and pay for what is made once.
const FIRST_LOGINS: usize = 64;
const PHONES: usize = 300;
/// Threads that wrote down, for a moment, that a gateway asked for a phone; they linger in tokio's pool.
const POOLED: u64 = 16;
/// Phones that connect at the same moment.
const TOGETHER: usize = 64;
/// RADIUS has 256 identifiers for a socket.
const OF_ONE_SOCKET: usize = 200;

#[test]
fn phones_listen_at_a_relay_by_the_thousand() {
    let phones = size("SYMBOLON_SOAK_PHONES", PHONES);
    files::raise_limit();
    let home = Home::new();
    let pki = Pki::open_or_create(&home.path("pki"), &[]).unwrap();
    let relay = Relay::start(&home, &pki, home.relay, "error");
    let _log = LogOnFailure(&home);
    let before = resident_kib(relay.pid());
    let gateway = pki
        .issue_gateway(
            ProductSerial::parse("FGT3HD3915801656").unwrap(),
            Generation::default(),
        )
        .unwrap();
    let gateway = gateway.certificate_pem + &gateway.key_pem;
    Runtime::new().unwrap().block_on(async {
        let began = Instant::now();
        let mut listening = listen(&home, pki.authority_pem(), devices(phones)).await;
        let connected = began.elapsed();
        let during = resident_kib(relay.pid());
        let began = Instant::now();
        send_to_all(&home, pki.authority_pem(), &gateway, &listening).await;
        for phone in &mut listening {
            phone.next().await;
        }
        let heard = began.elapsed();
        let after = resident_kib(relay.pid());
        found(format!(
            "{phones} phones listen, connected in {:.1} s: the relay has {} MiB, {} before they came; {} after one \
             push to each, all heard within {:.1} s",
            connected.as_secs_f64(),
            during >> 10,
            before >> 10,
            after >> 10,
            heard.as_secs_f64()
        ));
        let phones = u64::try_from(phones).unwrap();
        assert!(after < RELAY_KIB + phones * PHONE_KIB, "{after} KiB");
    });
}

#[test]
fn logins_that_wait_for_phones_hold_nothing() {
    let people = size("SYMBOLON_SOAK_PHONES", PHONES) / 10;
    files::raise_limit();
    let mut chance = Chance::of_this_run();
    let home = Home::new();
    let devices = devices(FIRST_LOGINS + people + 1);
    let registered: Vec<_> = devices.iter().map(Device::registration_id).collect();
    let known = populate_phones(&home, &registered, &mut chance);
    let up = Running::up(&home);
    let _log = LogOnFailure(&home);
    home.console(
        "config system ftm-push\nset status enable\nend\n\
         config system global\nset two-factor-ftk-expiry 300\nend",
    )
    .ok();
    let authority = fs::read_to_string(home.authority()).unwrap();
    Runtime::new().unwrap().block_on(async {
        let mut listening = listen(&home, &authority, devices).await;
        let (last, known) = known.split_last().unwrap();
        let (first, waiting) = known.split_at(FIRST_LOGINS);
        let (first_phones, phones) = listening.split_at_mut(FIRST_LOGINS);
        let logins = Logins::begin(&home, first, first_phones, &mut chance).await;
        logins.deny().await;

        let (before, threads) = (resident_kib(up.pid()), threads(up.pid()));
        let logins = Logins::begin(&home, waiting, phones, &mut chance).await;
        let during = resident_kib(up.pid());
        let busy = self::threads(up.pid());

        // Nobody waits for those who wait.
        let began = Instant::now();
        let step = soak::step_at(soak::now());
        let mut other = client::Client::new(&home, client::VPN, &mut chance);
        let combined = last.combined(step);
        assert_eq!(other.ask(&last.name, &combined), Answer::Accept);
        let beside = began.elapsed();

        let began = Instant::now();
        logins.deny().await;
        found(format!(
            "{people} logins wait for phones: {} KiB more than before, {busy} threads of {threads}; another login \
             took {:.0} ms meanwhile; all were answered {:.1} s after the first word",
            during.saturating_sub(before),
            beside.as_secs_f64() * 1e3,
            began.elapsed().as_secs_f64()
        ));
        let logins = u64::try_from(people).unwrap();
        assert!(during.saturating_sub(before) < ALL_LOGINS_KIB + logins * LOGIN_KIB);
        assert!(busy <= threads + POOLED, "{busy} threads, {threads} before");
    });
    up.stop();
}

/// Logins by RADIUS that have asked for a push.
struct Logins<'a> {
    people: &'a [Person],
    phones: &'a [Phone],
    /// Each with the requests that wait, and whose they are.
    clients: Vec<(client::Client, Vec<(u8, String)>)>,
    /// What the phones were asked.
    requests: Vec<PushLoginRequest>,
}

impl<'a> Logins<'a> {
    /// Password, then a word in place of the code: the number is shown. The person goes on at the login, and the
    /// request waits.
    async fn begin(
        home: &Home,
        people: &'a [Person],
        phones: &'a mut [Phone],
        chance: &mut Chance,
    ) -> Self {
        let mut clients: Vec<(client::Client, Vec<(u8, String)>)> = Vec::new();
        for group in people.chunks(OF_ONE_SOCKET) {
            let mut client = client::Client::new(home, PORTAL, chance);
            let mut states = Vec::new();
            for person in group {
                let offer = client.request(&person.name, PASSWORD, None);
                let state = state(&client, offer);
                let word = client.request(&person.name, "push", Some(&state));
                let shown = self::state(&client, word);
                states.push((person.name.clone(), shown));
            }
            let waiting = states
                .iter()
                .map(|(name, state)| (client.request(name, "push", Some(state)), name.clone()))
                .collect();
            clients.push((client, waiting));
        }
        let mut requests = Vec::new();
        for (phone, _) in phones.iter_mut().zip(people) {
            requests.push(phone.next().await);
        }
        for (client, waiting) in &clients {
            for (identifier, _) in waiting {
                client.send(*identifier);
            }
        }
        // Until all have been read.
        tokio::time::sleep(Duration::from_secs(2)).await;
        Self {
            people,
            phones,
            clients,
            requests,
        }
    }

    /// Every phone says no, and every login is refused.
    async fn deny(self) {
        for ((phone, request), person) in self.phones.iter().zip(&self.requests).zip(self.people) {
            phone.deny(request, person).await;
        }
        for (client, waiting) in &self.clients {
            for (identifier, name) in waiting {
                assert_eq!(client.insist(*identifier), Answer::Reject, "{name}");
            }
        }
    }
}

#[track_caller]
fn state(client: &client::Client, identifier: u8) -> Vec<u8> {
    match client.insist(identifier) {
        Answer::Challenge(state) => state,
        other => panic!("{other:?}"),
    }
}

/// So many phones, some of which connect at a time, each from an address of its own.
async fn listen(home: &Home, authority: &str, devices: Vec<Device>) -> Vec<Phone> {
    let turns = Arc::new(Semaphore::new(TOGETHER));
    let mut phones = JoinSet::new();
    for (number, device) in devices.into_iter().enumerate() {
        let turns = Arc::clone(&turns);
        let http = line(authority, None, source(number));
        let relay = home.relay;
        phones.spawn(async move {
            let turn = turns.acquire_owned().await;
            let phone = Phone::listen(device, http, relay).await;
            drop(turn);
            (number, phone)
        });
    }
    let mut phones = phones.join_all().await;
    phones.sort_by_key(|(number, _)| *number);
    phones.into_iter().map(|(_, phone)| phone).collect()
}

async fn send_to_all(home: &Home, authority: &str, gateway: &str, phones: &[Phone]) {
    let url = format!("https://{}{PUSH_PATH}", home.relay);
    let http = line(authority, Some(gateway), Ipv4Addr::LOCALHOST);
    let sealed = SealedPush::parse(&"A".repeat(3_000)).unwrap();
    let mut sending = JoinSet::new();
    let turns = Arc::new(Semaphore::new(TOGETHER));
    for phone in phones {
        let device = phone.device.registration_id();
        let addressed = Addressed {
            device,
            session: PushSession::from_bytes([7; 16]),
            expires_unix: soak::now().unix() + 60,
        };
        let sealed = sealed.clone();
        let (http, url, turns) = (http.clone(), url.clone(), Arc::clone(&turns));
        sending.spawn(async move {
            let turn = turns.acquire_owned().await;
            let asked = response(post(&http, &url, &PushDeviceRequest { device }.into()).await);
            assert!(matches!(asked.await, PushResponse::Device(it) if it.outcome.is_ok()));
            let request = PushLoginRequest { addressed, sealed };
            let taken = response(post(&http, &url, &request.into()).await).await;
            assert!(matches!(taken, PushResponse::Accepted(it) if it.error.is_none()));
            drop(turn);
        });
    }
    sending.join_all().await;
}

fn resident_kib(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

fn threads(pid: u32) -> u64 {
    status(pid, "Threads:")
}

fn status(pid: u32, what: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(what));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}
