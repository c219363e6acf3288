//! Builds the fuzzer with coverage and lets it look for inputs that panic, hang or take too much memory.
//!
//! `SYMBOLON_SOAK_SECONDS` is how long in all, `SYMBOLON_SOAK_SEED` repeats a run's choices. What is found
//! on the way is kept in `target/fuzz/corpus`, so that a later run begins where this one ended.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one starts the compiler and the fuzzer"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fuzz::{TARGETS, Target};

/// What cargo-fuzz asks the compiler for, without a sanitizer: those need a nightly one, and there is no
/// unsafe code to be watched.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// An input of this many octets is taken in microseconds; a second is a thousand times that.
const LIMITS: [&str; 2] = ["-timeout=2", "-rss_limit_mb=1024"];

#[test]
fn no_input_panics() {
    let seconds: u64 = number("SYMBOLON_SOAK_SECONDS").unwrap_or(60);
    let fuzzer = built();
    let parts: u64 = TARGETS.iter().map(|target| target.parts).sum();
    let failed: Vec<&str> = TARGETS
        .iter()
        .filter(|target| !run(&fuzzer, target, (seconds * target.parts / parts).max(1)))
        .map(|target| target.name)
        .collect();
    assert!(failed.is_empty(), "see above: {failed:?}");
}

/// Whether nothing was found. What was found is printed with the command that repeats it.
fn run(fuzzer: &Path, target: &Target, seconds: u64) -> bool {
    let kept = kept("corpus", target);
    let failing = kept_prefix(target);
    let output = Command::new(fuzzer)
        .current_dir(root())
        .env("SYMBOLON_FUZZ_TARGET", target.name)
        .args(LIMITS)
        .arg(format!("-max_len={}", target.max_bytes))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={failing}"))
        .arg(format!("-seed={}", seed()))
        .arg("-print_final_stats=1")
        .arg(kept)
        .arg(format!("fuzz/corpus/{}", target.name))
        .args(target.seeds)
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        println!("soak: {}: {}", target.name, summary(&log));
        return true;
    }
    println!("{log}");
    let file = after(&log, "Test unit written to ").unwrap_or("?");
    let octets = after(&log, "Base64: ").unwrap_or("?");
    println!(
        "soak: {}: FAILED with the input {octets} (base64), kept in {file}",
        target.name
    );
    println!(
        "soak: again: SYMBOLON_FUZZ_TARGET={} {} {file}; once mended, keep it in fuzz/corpus/{}",
        target.name,
        fuzzer.display(),
        target.name
    );
    false
}

/// What stands behind these words.
fn after<'a>(log: &'a str, words: &str) -> Option<&'a str> {
    log.lines().find_map(|line| Some(line.split_once(words)?.1))
}

/// How many inputs were tried and how many edges of the code they reached.
fn summary(log: &str) -> String {
    let runs = after(log, "stat::number_of_executed_units:");
    let edges = log
        .lines()
        .rev()
        .find_map(|line| line.split_once(" cov: ")?.1.split(' ').next());
    format!(
        "{} inputs, {} edges of the code, nothing found",
        runs.unwrap_or("?").trim(),
        edges.unwrap_or("?")
    )
}

fn built() -> PathBuf {
    let triple = triple();
    let target_directory = root().join("target/fuzz");
    let status = Command::new(env!("CARGO"))
        .current_dir(root())
        // Flags apply to the target alone when it is named: build scripts know no coverage.
        .args([
            "build",
            "--package",
            "fuzz",
            "--bin",
            "fuzz",
            "--features",
            "engine",
        ])
        .args(["--profile", "fuzz", "--locked", "--target", &triple])
        .arg("--target-dir")
        .arg(&target_directory)
        .env("RUSTFLAGS", COVERAGE)
        .status()
        .unwrap();
    assert!(status.success(), "the fuzzer does not build");
    target_directory.join(triple).join("fuzz/fuzz")
}

fn triple() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.unwrap().to_owned()
}

fn kept(what: &str, target: &Target) -> PathBuf {
    let directory = root().join("target/fuzz").join(what).join(target.name);
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn kept_prefix(target: &Target) -> String {
    format!("{}/", kept("failing", target).display())
}

/// libFuzzer's seed has 32 bits, and 0 means any.
fn seed() -> u64 {
    number("SYMBOLON_SOAK_SEED").unwrap_or(1) % 0xffff_fffe + 1
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}
