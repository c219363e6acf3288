//! Key containers as another system's tool, python-pskc, encrypts them: every cipher, every MAC and both kinds
//! of keys that this library reads.
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

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::process::Command;

use data_encoding::HEXLOWER;
use otp::seed_file::pskc::{self, Unlock};

/// Two kinds of keys, three ciphers, four digests, the counter encrypted or not.
const CONTAINERS: usize = 2 * 3 * 4 * 2;

#[test]
fn every_protection_of_python_pskc_is_opened() {
    let run_seed = std::env::var("SYMBOLON_TEST_SEED").map_or_else(
        |_| RandomState::new().hash_one(0),
        |number| number.parse().unwrap(),
    );
    println!("SYMBOLON_TEST_SEED={run_seed}");
    let directory = tempfile::tempdir().unwrap();
    let written = written(directory.path(), run_seed);
    assert_eq!(written.lines().count(), CONTAINERS);
    for line in written.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [path, kind, secret, serial, seed, counter] = words.as_slice() else {
            panic!("{line}");
        };
        let xml = fs::read_to_string(path).unwrap();
        let key = HEXLOWER.decode(secret.as_bytes()).unwrap_or_default();
        let unlock = match *kind {
            "key" => Unlock::Key(&key),
            _ => Unlock::Password(secret),
        };
        let mut entries =
            pskc::read(&xml, unlock).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(entries.len(), 1, "{path}");
        let record = entries.remove(0).token;
        let record = record.unwrap_or_else(|fault| panic!("{path}: {fault}"));
        assert_eq!(record.serial.as_str(), *serial, "{path}");
        assert_eq!(*record.seed.to_hex(), *seed, "{path}");
        assert_eq!(record.counter.to_string(), *counter, "{path}");
    }
}

/// One line for each container: its path, what opens it, and what is in it.
fn written(directory: &Path, run_seed: u64) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../target/venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run ./check once, which makes it",
        python.display()
    );
    let output = Command::new(python)
        .arg(here.join("tests/foreign/write_pskc.py"))
        .arg(directory)
        .arg(run_seed.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}
