//! Differential test against `oathtool` (OATH Toolkit): seeds, parameters and times at random.
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

use otp::{Code, Digest, Digits, Found, Kind, Parameters, Period, Seed, Step, Window};
use otp::{code_at, search};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use zeroize::Zeroizing;

/// Each is one start of `oathtool`, about 2 ms.
const CASES: usize = 300;
/// Codes that one start shows, from consecutive steps.
const CODES: u16 = 10;

struct Case {
    seed: Seed,
    parameters: Parameters,
    first: Step,
    unix_seconds: u64,
}

#[test]
fn every_code_is_the_one_that_oathtool_shows() {
    let run_seed = run_seed();
    println!("SYMBOLON_TEST_SEED={run_seed}");
    let mut random = ChaCha8Rng::seed_from_u64(run_seed);
    for number in 0..CASES {
        let case = Case::any(&mut random);
        let Case {
            seed,
            parameters,
            first,
            ..
        } = &case;
        for (step, shown) in (first.0..).map(Step).zip(case.oathtool()) {
            let at = format!("case {number}, {parameters:?}, {step:?}");
            assert_eq!(code_at(seed, *parameters, step).as_str(), shown, "{at}");
            let code = Code::parse(&shown, parameters.digits).unwrap();
            let found = search(seed, *parameters, step, Window::around(0), &code, None);
            assert_eq!(found, Found::Fresh { step, offset: 0 }, "{at}");
        }
    }
}

fn run_seed() -> u64 {
    match std::env::var("SYMBOLON_TEST_SEED") {
        Ok(number) => number
            .parse()
            .expect("SYMBOLON_TEST_SEED is a decimal number"),
        Err(_) => RandomState::new().hash_one(()),
    }
}

impl Case {
    fn any(random: &mut ChaCha8Rng) -> Self {
        let mut below = |limit: u64| random.next_u64() % limit;
        let length = 10 + usize::try_from(below(55)).unwrap();
        let digits = Digits::new(6 + u8::try_from(below(3)).unwrap()).unwrap();
        let event_based = below(4) == 0;
        // Past 2038 and 2106, within what oathtool's date parser takes.
        let unix_seconds = below(1 << 35);
        let period = Period::new(1 + u32::try_from(below(120)).unwrap()).unwrap();
        let digest = match below(3) {
            0 => Digest::Sha256,
            1 => Digest::Sha512,
            _ => Digest::Sha1,
        };
        let counter = below(1 << 40);
        let mut bytes = Zeroizing::new(vec![0; length]);
        random.fill_bytes(&mut bytes);
        let seed = Seed::from_bytes(bytes).unwrap();
        if event_based {
            // oathtool knows HOTP with SHA-1 only.
            let parameters = Parameters {
                kind: Kind::Hotp,
                digest: Digest::Sha1,
                digits,
            };
            Self {
                seed,
                parameters,
                first: Step(counter),
                unix_seconds,
            }
        } else {
            let parameters = Parameters {
                kind: Kind::Totp(period),
                digest,
                digits,
            };
            Self {
                seed,
                parameters,
                first: period.step_at(unix_seconds),
                unix_seconds,
            }
        }
    }

    fn oathtool(&self) -> Vec<String> {
        let mut command = Command::new("oathtool");
        match self.parameters.kind {
            Kind::Hotp => command
                .arg("--hotp")
                .arg(format!("--counter={}", self.first.0)),
            Kind::Totp(period) => command
                .arg(format!("--totp={}", self.algorithm()))
                .arg(format!("--time-step-size={}s", period.secs()))
                .arg(format!("--now=@{}", self.unix_seconds)),
        };
        command
            .arg(format!("--digits={}", self.parameters.digits.count()))
            .arg(format!("--window={}", CODES - 1))
            .arg(self.seed.to_hex().as_str());
        let output = command.output().expect("install oathtool");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {errors}");
        let codes: Vec<_> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        assert_eq!(codes.len(), usize::from(CODES), "{command:?}");
        codes
    }

    fn algorithm(&self) -> &'static str {
        match self.parameters.digest {
            Digest::Sha1 => "sha1",
            Digest::Sha256 => "sha256",
            Digest::Sha512 => "sha512",
        }
    }
}
