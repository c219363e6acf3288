//! What makers of hardware tokens deliver: key containers, tables and lists.

use domain::intake::{self, LineFault};
use otp::seed_file::pskc::{self, Unlock};
use otp::seed_file::{Entry, SeedRecord, csv, serials, text};
use otp::{Digest, Kind, Parameters};

/// The key of the containers that the search begins with, RFC 6030 figure 6.
const KEY: [u8; 16] = [
    0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12,
];

/// Their password, figure 7.
const PASSWORD: &str = "qwerty";

/// Rounds of a key derivation that a search has the time for.
const ROUNDS: &str = "<IterationCount>1000<";

pub(crate) fn container(input: &[u8]) {
    let Ok(text) = text(input) else {
        return;
    };
    if let Ok(entries) = pskc::read(text, Unlock::Nothing) {
        records_can_be_told_again(entries);
    }
    if let Ok(entries) = pskc::read(text, Unlock::Key(&KEY)) {
        records_can_be_told_again(entries);
    }
    if text.matches("IterationCount>").count() == 2 * text.matches(ROUNDS).count()
        && let Ok(entries) = pskc::read(text, Unlock::Password(PASSWORD))
    {
        records_can_be_told_again(entries);
    }
}

pub(crate) fn table(input: &[u8]) {
    let Ok(text) = text(input) else {
        return;
    };
    if let Ok(entries) = csv::read(text, Parameters::default()) {
        records_can_be_told_again(entries);
    }
    if let Ok(entries) = serials::read(text) {
        let lines = entries.len();
        let (good, bad) = intake::listed(entries, |_| None);
        assert_eq!(good.len() + bad.len(), lines);
    }
}

/// Every line is a token or a reason, and a table that tells the tokens reads as the same ones.
fn records_can_be_told_again(entries: Vec<Entry<SeedRecord>>) {
    let lines = entries.len();
    let (good, bad) = intake::seeds(entries, |_| None);
    assert_eq!(good.len() + bad.len(), lines);
    for line in &bad {
        let is_twice =
            |why: &LineFault| matches!(why, LineFault::Twice(_, first) if *first > line.line);
        assert!(!is_twice(&line.why), "{line:?}");
    }
    if good.is_empty() {
        return;
    }
    let told: String = good.iter().fold(
        "serial,seed,type,period,digits,algorithm,counter\n".to_owned(),
        |told, token| told + &line(&token.record),
    );
    let again = csv::read(&told, Parameters::default());
    let again = again.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.len(), good.len());
    for (again, token) in again.into_iter().zip(good) {
        let (again, first) = (again.token, token.record);
        let again = again.unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(again.parameters, first.parameters);
        assert_eq!(again.counter, first.counter);
        assert_eq!(again.seed.expose(), first.seed.expose());
    }
}

fn line(record: &SeedRecord) -> String {
    let Parameters {
        kind,
        digest,
        digits,
    } = record.parameters;
    let (kind, period) = match kind {
        Kind::Totp(period) => ("totp", period.secs().to_string()),
        Kind::Hotp => ("hotp", String::new()),
    };
    let digest = match digest {
        Digest::Sha1 => "SHA1",
        Digest::Sha256 => "SHA256",
        Digest::Sha512 => "SHA512",
    };
    // Serials may have what separates fields.
    let (seed, digits, counter) = (record.seed.to_hex(), digits.count(), record.counter);
    format!("S,{},{kind},{period},{digits},{digest},{counter}\n", &*seed)
}
