//! Guesses at activation codes from many addresses at once, while a thousand codes wait for phones: none is found,
//! and the eleventh try of an address fails even if it is right.
//!
//! `SYMBOLON_SOAK_GUESSES` is how many, `SYMBOLON_SOAK_SEED` repeats a run's choices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one is told its size by the environment"
)]

mod common;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Gateway, Phone, World};
use ident::{ActivationCode, OpaqueCode, TokenSerial};
use softtoken::ServerError;
use softtoken::limits::NONCE_LIFETIME_S;
use softtoken::process::TokenState;

const SERIAL: &str = "FGT0000000000001";
/// Codes that wait for phones.
const LIVE: u32 = 1_000;
/// Wrong codes of one address within a quarter of an hour.
const BY_ADDRESS: usize = 10;
/// Wrong codes in all within that, beyond which each address has one.
const IN_ALL: usize = 10_000;
const WINDOW_S: u64 = 15 * 60;
/// Addresses that guess at the same time.
const AT_ONCE: u32 = 16;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let read = text.parse();
    Some(read.unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// What is guessed: half of it anything, half of it a code that waits, but for one bit. No two are the same of a
/// kind, and the same seed has them again (`SplitMix64`).
struct Guesses {
    seed: u64,
    live: Vec<ActivationCode>,
}

impl Guesses {
    fn nth(&self, n: u64) -> OpaqueCode {
        let mut drawn = self
            .seed
            .wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^= drawn >> 31;
        if n.is_multiple_of(2) {
            return OpaqueCode::from_bytes(drawn.to_be_bytes());
        }
        let mut bytes = *self.live(n / 2).opaque().as_bytes();
        let bit = usize::try_from(drawn % 64).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        OpaqueCode::from_bytes(bytes)
    }

    fn live(&self, n: u64) -> &ActivationCode {
        let live = u64::try_from(self.live.len()).unwrap();
        &self.live[usize::try_from(n % live).unwrap()]
    }
}

/// A phone at an address of its own on this machine.
fn phone_at(world: &World, host: u32) -> Phone {
    let address = Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(127, 1, 0, 0)) + host);
    let client = world.plain_client().local_address(Some(address.into()));
    let line = Gateway {
        serial: String::new(),
        client: client.build().unwrap(),
        port: world.address.port(),
    };
    world.phone().over(line)
}

async fn tried(phone: &Phone, code: &OpaqueCode) -> ServerError {
    match phone.activate(code, None).await {
        Ok(found) => panic!("a guess found {}", found.token),
        Err(error) => error.known().unwrap(),
    }
}

/// Guesses as often as an address may be wrong, and once more with a code that is right; how many of the guesses
/// were looked at.
async fn guess_from(phone: Phone, guesses: Arc<Guesses>, host: u32) -> usize {
    let first = u64::from(host) * u64::try_from(BY_ADDRESS).unwrap();
    let mut looked_at = 0;
    for n in first..first + u64::try_from(BY_ADDRESS).unwrap() {
        match tried(&phone, &guesses.nth(n)).await {
            ServerError::ActivationCodeUnknown => looked_at += 1,
            // So many proofs within the life of a nonce are an attack, and no more are taken.
            ServerError::TooManyTries | ServerError::NonceUnknown => {}
            other => panic!("{other:?}"),
        }
    }
    if looked_at == BY_ADDRESS {
        let right = guesses.live(u64::from(host)).opaque();
        assert_eq!(tried(&phone, right).await, ServerError::TooManyTries);
    }
    looked_at
}

async fn waiting(world: &World) -> (Gateway, Vec<TokenSerial>, Vec<ActivationCode>) {
    let gateway = world.gateway(SERIAL);
    let issued = world.issue(LIVE).await;
    let (_, tokens) = gateway.import(issued.code.as_str()).await;
    let mut codes = Vec::with_capacity(tokens.len());
    for token in &tokens {
        codes.push(gateway.provision(*token).await.0);
    }
    (gateway, tokens, codes)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_guesses_at_a_thousand_codes_none_finds_one() {
    let seed = number("SYMBOLON_SOAK_SEED").unwrap_or_else(|| RandomState::new().hash_one(()));
    println!("SYMBOLON_SOAK_SEED={seed}");
    let wanted = usize::try_from(number("SYMBOLON_SOAK_GUESSES").unwrap_or(1_000)).unwrap();
    let hosts = u32::try_from(wanted.div_ceil(BY_ADDRESS)).unwrap();
    let world = Arc::new(World::new(&[SERIAL]).await);
    let (gateway, tokens, live) = waiting(&world).await;
    let guesses = Arc::new(Guesses { seed, live });

    let began = Instant::now();
    let guessers = (0..AT_ONCE).map(|first| {
        let (world, guesses) = (Arc::clone(&world), Arc::clone(&guesses));
        tokio::spawn(async move {
            let step = usize::try_from(AT_ONCE).unwrap();
            let mut looked_at = Vec::new();
            for host in (first..hosts).step_by(step) {
                looked_at.push(guess_from(phone_at(&world, host), guesses.clone(), host).await);
            }
            looked_at
        })
    });
    let mut looked_at = Vec::new();
    for guesser in guessers.collect::<Vec<_>>() {
        looked_at.extend(guesser.await.unwrap());
    }
    let took = began.elapsed();
    let hosts = looked_at.len();
    let all: usize = looked_at.iter().sum();
    let full = looked_at
        .iter()
        .filter(|count| **count == BY_ADDRESS)
        .count();
    // An address that began before the limit in all was reached goes on to its own.
    let windows = usize::try_from(took.as_secs() / WINDOW_S).unwrap() + 1;
    let at_the_limit = BY_ADDRESS * usize::try_from(AT_ONCE).unwrap();
    assert!(all <= windows * (IN_ALL + at_the_limit) + hosts, "{all}");
    assert!(full > 0);
    println!(
        "soak: {} guesses from {hosts} addresses at {LIVE} codes in {} s: {all} were looked at, none was right; of \
         {full} addresses that used up their ten, the eleventh try failed with a right code",
        hosts * BY_ADDRESS,
        took.as_secs()
    );

    // Every code still waits for its person, who is served.
    for token in &tokens {
        let polled = gateway.poll(*token).await.unwrap();
        assert_eq!(polled.state, TokenState::Provisioning);
    }
    let person = world.phone();
    let ends = Instant::now() + Duration::from_secs(2 * NONCE_LIFETIME_S);
    let taken = loop {
        let taken = person.activate(guesses.live(0).opaque(), None).await;
        match &taken {
            Err(error) if error.known() == Some(ServerError::NonceUnknown) => {
                assert!(Instant::now() < ends, "nonces are taken again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            _ => break taken,
        }
    };
    assert_eq!(taken.unwrap().token, tokens[0]);
}
