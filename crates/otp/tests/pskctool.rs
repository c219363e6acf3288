//! Differential test against `pskctool` (OATH Toolkit): containers at random, read by both.
//!
//! A failure prints the seed of its run; `SYMBOLON_TEST_SEED=N` replays it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one starts a foreign program"
)]

use std::hash::{BuildHasher, RandomState};
use std::process::Command;

use data_encoding::BASE64;
use otp::seed_file::SeedRecord;
use otp::seed_file::pskc::{self, Unlock};
use otp::{Digest, Kind};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Keys in the one container that both read.
const KEYS: usize = 200;

#[test]
fn every_key_is_the_one_that_pskctool_shows() {
    let run_seed = std::env::var("SYMBOLON_TEST_SEED").map_or_else(
        |_| RandomState::new().hash_one(0),
        |number| number.parse().unwrap(),
    );
    println!("SYMBOLON_TEST_SEED={run_seed}");
    let mut random = ChaCha8Rng::seed_from_u64(run_seed);
    let xml = container(&mut random);
    let shown = pskctool(&xml);
    let read = pskc::read(&xml, Unlock::Nothing).unwrap();
    assert_eq!((shown.len(), read.len()), (KEYS, KEYS));
    for (shown, entry) in shown.iter().zip(read) {
        assert_eq!(*shown, as_shown(&entry.token.unwrap()));
    }
}

fn container(random: &mut ChaCha8Rng) -> String {
    let packages: String = (0..KEYS).map(|_| package(random)).collect();
    format!(
        r#"<?xml version="1.0"?>
<p:KeyContainer Version="1.0" xmlns:p="urn:ietf:params:xml:ns:keyprov:pskc">{packages}</p:KeyContainer>"#
    )
}

fn package(random: &mut ChaCha8Rng) -> String {
    let mut seed = vec![0; 10 + (random.next_u32() % 55) as usize];
    random.fill_bytes(&mut seed);
    let seed = BASE64.encode(&seed);
    let serial = random.next_u64();
    let digits = 6 + random.next_u32() % 3;
    let suite = ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512"][(random.next_u32() % 3) as usize];
    let (kind, moving) = if random.next_u32().is_multiple_of(2) {
        ("hotp", ("Counter", random.next_u32() >> 1))
    } else {
        ("totp", ("TimeInterval", 1 + random.next_u32() % 300))
    };
    let (name, value) = moving;
    format!(
        r#"<p:KeyPackage><p:DeviceInfo><p:Manufacturer>m</p:Manufacturer><p:SerialNo>{serial}</p:SerialNo>
</p:DeviceInfo><p:Key Id="k{serial}" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:{kind}">
<p:AlgorithmParameters><p:Suite>{suite}</p:Suite><p:ResponseFormat Length="{digits}" Encoding="DECIMAL"/>
</p:AlgorithmParameters><p:Data><p:Secret><p:PlainValue>{seed}</p:PlainValue></p:Secret>
<p:{name}><p:PlainValue>{value}</p:PlainValue></p:{name}></p:Data></p:Key></p:KeyPackage>"#
    )
}

/// How the lines begin that tell what a record tells.
const TOLD: [&str; 7] = [
    "SerialNo: ",
    "Key Secret (base64): ",
    "Key Counter: ",
    "Key TimeInterval: ",
    "Response Format Length: ",
    "Algorithm: ",
    "Algorithm Parameters Suite: ",
];

/// The lines that tell a token, of each package.
fn pskctool(xml: &str) -> Vec<Vec<String>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, xml.as_bytes()).unwrap();
    let output = Command::new("pskctool")
        .args(["--info", "--strict"])
        .arg(file.path())
        .output()
        .expect("pskctool is installed by ./check");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let packages = said.split("KeyPackage ").skip(1);
    packages
        .map(|package| {
            let lines = package.lines().map(|line| line.trim().to_owned());
            lines
                .filter(|line| TOLD.iter().any(|told| line.starts_with(told)))
                .collect()
        })
        .collect()
}

/// A record in pskctool's words and order.
fn as_shown(record: &SeedRecord) -> Vec<String> {
    let (kind, moving) = match record.parameters.kind {
        Kind::Hotp => ("hotp", format!("Key Counter: {}", record.counter)),
        Kind::Totp(period) => ("totp", format!("Key TimeInterval: {}", period.secs())),
    };
    let suite = match record.parameters.digest {
        Digest::Sha1 => "HMAC-SHA1",
        Digest::Sha256 => "HMAC-SHA256",
        Digest::Sha512 => "HMAC-SHA512",
    };
    vec![
        format!("SerialNo: {}", record.serial.as_str()),
        format!("Algorithm: urn:ietf:params:xml:ns:keyprov:pskc:{kind}"),
        format!(
            "Key Secret (base64): {}",
            BASE64.encode(record.seed.expose())
        ),
        moving,
        format!("Algorithm Parameters Suite: {suite}"),
        format!(
            "Response Format Length: {}",
            record.parameters.digits.count()
        ),
    ]
}
