//! `kill -9` between commit and answer of the token server, again and again: no token is made twice, none
//! is lost, no seed is given to two, and what was answered before a kill is answered the same after it.
//!
//! In each life customers import licences, have tokens made ready in batches, activate them on phones (two
//! at once for one token), ask for the seeds of hardware tokens (two gateways at once for one token), poll,
//! and have the desk issue and move licences; then the process is killed at some moment, now and then
//! already while it starts. What was not answered is asked again of the next life, under the same id. In
//! the end the database must have what the customers were answered, each deed once in its history.
//!
//! `SYMBOLON_SOAK_KILLS` is the number of kills, `SYMBOLON_SOAK_SEED` repeats a run's choices.
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

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::{Home, Running};
use domain::licensing::{AccountName, StockToken, TokenState};
use ident::TokenSerial;
use registry::pki::Pki;
use rustix::process::{Pid, Signal, kill_process};
use soak::lives::Lives;
use soak::registry::customer::{Customer, Tally};
use soak::registry::world::{Device, Licence, Resumed, Token};
use soak::{Chance, LogOnFailure, block_on, found, size};
use store::registry::{AccountPage, RegistryStore};
use store::sealing::RootKey;

/// Each has requests under way at every moment; together they fill the writer's batches.
const CUSTOMERS: usize = 8;

/// Hardware tokens in stock for each.
const DEVICES: usize = 64;

const LIVES: Lives = Lives {
    longest_millis: 500,
    stillborn: 20,
};

#[test]
fn no_kill_makes_loses_or_gives_a_token_twice() {
    let kills = size("SYMBOLON_SOAK_KILLS", 10);
    let mut chance = Chance::of_this_run();
    let home = Home::new();
    let _log = LogOnFailure(&home);
    let mut customers = customers(&home, &mut chance);
    let lived = LIVES.of(&home, kills, &mut chance, |life| {
        live(&home, &life.server, life.lasts, &mut customers);
    });
    let history = block_on(compare(&home, &customers));
    found(lived);
    tell(&customers, &history);
}

/// Load until the process is killed, whatever it does at that moment.
fn live(home: &Home, server: &Running, lasts: Duration, customers: &mut [Customer]) {
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        for customer in customers {
            threads.spawn(|| customer.live(home, &over));
        }
        thread::sleep(lasts);
        over.store(true, Ordering::Release);
        kill_process(pid, Signal::KILL).unwrap();
    });
}

fn customers(home: &Home, chance: &mut Chance) -> Vec<Customer> {
    let server = Running::up(home);
    let pki = Pki::open_or_create(&home.data().join("registry/pki"), &[]).unwrap();
    let customers = (0..CUSTOMERS).map(|number| {
        let devices = stock(home, number, chance);
        Customer::new(home, &pki, number, devices, chance)
    });
    let customers = customers.collect();
    server.stop();
    customers
}

/// Takes hardware tokens into stock, for whoever activates them first.
fn stock(home: &Home, customer: usize, chance: &mut Chance) -> Vec<Device> {
    let mut table = String::new();
    let mut devices = Vec::new();
    for number in 0..DEVICES {
        let serial = format!("FTK200{customer:04}{number:06}");
        let seed_hex = data_encoding::HEXLOWER.encode(&chance.octets::<20>());
        writeln!(table, "{serial},{seed_hex}").unwrap();
        devices.push(Device {
            serial: TokenSerial::parse(&serial).unwrap(),
            seed_hex,
            given: None,
            activations: 0,
            resets: 0,
        });
    }
    let path = home.path("stock.csv");
    std::fs::write(&path, table).unwrap();
    home.desk(&["import-hardware", path.to_str().unwrap()]).ok();
    devices
}

/// What the database says beyond what the customers know.
#[derive(Default, Debug)]
struct History {
    /// Licences of whose issue nobody heard.
    unheard_licences: usize,
    /// Deeds that were committed before a kill and answered after it.
    cut_off: usize,
}

/// Opens the database after the last kill and holds it against what the customers were answered.
async fn compare(home: &Home, customers: &[Customer]) -> History {
    let data = home.data();
    let root = RootKey::load(&data.join("root.key")).unwrap();
    let path = data.join("registry/registry.db");
    let store = RegistryStore::open(&path, &root).await.unwrap();
    let mut history = History::default();
    let mut serials = BTreeSet::new();
    for customer in customers {
        let own = customer.serials();
        assert_eq!(own.len(), customer.tokens.len(), "a serial came twice");
        let before = serials.len();
        serials.extend(own);
        assert_eq!(serials.len(), before + customer.tokens.len(), "two have it");
        let issued = issued(&store, customer).await;
        let heard = customer.licences.len();
        let possible = heard..=heard + customer.tally.unheard_issues;
        assert!(
            possible.contains(&issued),
            "{issued} licences of {possible:?}"
        );
        history.unheard_licences += issued - heard;
        for licence in &customer.licences {
            compare_licence(&store, customer, licence).await;
        }
        for token in &customer.tokens {
            compare_token(&store, customer, token).await;
        }
        for device in &customer.devices {
            compare_device(&store, device).await;
        }
        for resumed in &customer.resumed {
            history.cut_off += usize::from(was_done_before(&store, resumed).await);
        }
    }
    store.shutdown();
    history
}

async fn issued(store: &RegistryStore, customer: &Customer) -> usize {
    let name = AccountName::parse(&customer.account).unwrap();
    let (mut issued, mut page) = (0, AccountPage::default());
    loop {
        let record = store.account(name.clone(), page).await.unwrap();
        issued += record.licences.len();
        page.licences_after = record.licences_after();
        if page.licences_after.is_none() {
            return issued;
        }
    }
}

async fn compare_licence(store: &RegistryStore, customer: &Customer, licence: &Licence) {
    let serial = licence.serial.as_str();
    let record = store.licence(licence.serial).await.unwrap();
    let found: Vec<TokenSerial> = record.tokens.iter().map(|token| token.serial).collect();
    if licence.imports > 0 {
        assert_eq!(found, licence.tokens, "the tokens of {serial}");
        let unit = customer.units[licence.unit].serial;
        let pending = customer.pending_on(serial);
        assert!(pending || record.licence.product == Some(unit), "{serial}");
    }
    expect_deeds(store, customer, serial, "import", licence.imports).await;
    expect_deeds(store, customer, serial, "move-licence", licence.moves).await;
}

async fn compare_token(store: &RegistryStore, customer: &Customer, token: &Token) {
    let serial = token.serial.as_str();
    let record = store.token(token.serial).await.unwrap().token;
    assert_eq!(record.licence, customer.licences[token.licence].serial);
    if !customer.pending_on(serial) {
        expect_state(customer, token, &record);
    }
    expect_deeds(store, customer, serial, "provision", token.provisionings).await;
    expect_deeds(store, customer, serial, "activate", token.activations).await;
}

fn expect_state(customer: &Customer, token: &Token, found: &StockToken) {
    let serial = token.serial;
    match (&found.state, &token.holder) {
        (TokenState::Provisioned(device), Some(holder)) => {
            let phone = &customer.phones[holder.phone];
            assert_eq!(device.id, phone.registration_id(), "the phone of {serial}");
        }
        (TokenState::Provisioning { .. }, None) => {
            assert!(token.link.is_some(), "nobody was told the code of {serial}");
        }
        (TokenState::New, None) => assert!(token.link.is_none(), "the code of {serial} is lost"),
        (state, holder) => panic!("{serial}: {state:?}, on a phone: {}", holder.is_some()),
    }
}

async fn compare_device(store: &RegistryStore, device: &Device) {
    let serial = device.serial.as_str();
    let activations = deeds(store, serial, "activate-hardware").await;
    let resets = deeds(store, serial, "reset-activation").await;
    // A seed may have been given, or a flag been reset, of which the customer had not heard in the end.
    assert!((device.activations..=device.activations + 1).contains(&activations));
    assert!((device.resets..=device.resets + 1).contains(&resets));
    assert!((resets..=resets + 1).contains(&activations), "{serial}");
}

/// Each deed is in the history as often as it was answered, or once more if its answer is still owed.
async fn expect_deeds(
    store: &RegistryStore,
    customer: &Customer,
    subject: &str,
    action: &str,
    answered: usize,
) {
    let owed = usize::from(customer.pending_on(subject));
    let done = deeds(store, subject, action).await;
    assert!(
        (answered..=answered + owed).contains(&done),
        "{action} of {subject}: done {done} times, answered {answered} times"
    );
}

async fn deeds(store: &RegistryStore, subject: &str, action: &str) -> usize {
    let events = store.desk_events(subject.into()).await.unwrap();
    let deeds = events.iter().filter(|event| &*event.action == action);
    deeds.count()
}

async fn was_done_before(store: &RegistryStore, resumed: &Resumed) -> bool {
    let events = store.desk_events(resumed.subject.as_str().into()).await;
    events.unwrap().iter().any(|event| {
        &*event.action == resumed.action && (resumed.asked..resumed.reborn).contains(&event.at)
    })
}

fn tell(customers: &[Customer], history: &History) {
    let sum = |part: fn(&Tally) -> usize| -> usize {
        customers.iter().map(|customer| part(&customer.tally)).sum()
    };
    let tokens = || customers.iter().flat_map(|customer| &customer.tokens);
    let devices = || customers.iter().flat_map(|customer| &customer.devices);
    let licences = || customers.iter().flat_map(|customer| &customer.licences);
    let resumed: usize = customers.iter().map(|it| it.resumed.len()).sum();
    found(format_args!(
        "{} requests answered, {} of them in a later life than asked; {} of {resumed} changes among \
         these were committed before the kill, and none was made twice",
        sum(|tally| tally.tasks),
        sum(|tally| tally.over_a_kill),
        history.cut_off,
    ));
    found(format_args!(
        "{} answers asked for again, all the same octets",
        sum(|tally| tally.repeated),
    ));
    found(format_args!(
        "{} licences imported {} times and moved {} times, {} issued of which nobody heard",
        licences().count(),
        licences().map(|licence| licence.imports).sum::<usize>(),
        licences().map(|licence| licence.moves).sum::<usize>(),
        history.unheard_licences,
    ));
    found(format_args!(
        "{} tokens, none twice, none lost; {} provisionings; {} activations, each by one of two phones",
        tokens().count(),
        tokens().map(|token| token.provisionings).sum::<usize>(),
        tokens().map(|token| token.activations).sum::<usize>(),
    ));
    found(format_args!(
        "{} hardware tokens: {} seeds given, each to one of two gateways, {} by leave of the desk",
        devices().count(),
        devices().map(|device| device.activations).sum::<usize>(),
        devices().map(|device| device.resets).sum::<usize>(),
    ));
}
