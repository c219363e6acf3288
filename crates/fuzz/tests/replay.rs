//! Every input that is kept goes through its target: those that once failed, and those from which the
//! search begins.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by panicking, and this one reads its inputs from files"
)]

use std::fs;
use std::path::{Path, PathBuf};

use fuzz::{TARGETS, Target};

#[test]
fn no_input_that_is_kept_panics() {
    for target in TARGETS {
        let inputs: Vec<PathBuf> = directories(target)
            .flat_map(|directory| files(&directory))
            .collect();
        assert!(!inputs.is_empty(), "{} has no inputs", target.name);
        for path in inputs {
            println!("{} {}", target.name, path.display());
            (target.run)(&fs::read(path).unwrap());
        }
    }
}

/// Beginnings and doubled inputs are a cheap look around each.
#[test]
fn no_neighbour_of_an_input_that_is_kept_panics() {
    for target in TARGETS {
        for path in files(&corpus(target)) {
            println!("{} {}", target.name, path.display());
            let input = fs::read(path).unwrap();
            for parts in 1..8 {
                (target.run)(&input[..input.len() * parts / 8]);
                (target.run)(&input[input.len() * parts / 8..]);
            }
            (target.run)(&[&input[..], &input[..]].concat());
        }
    }
}

#[test]
fn every_corpus_has_its_target() {
    for entry in fs::read_dir(root().join("fuzz/corpus")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(Target::named(&name).is_some(), "fuzz/corpus/{name}");
    }
}

fn directories(target: &Target) -> impl Iterator<Item = PathBuf> {
    let seeds = target.seeds.iter().map(|directory| root().join(directory));
    std::iter::once(corpus(target)).chain(seeds)
}

fn corpus(target: &Target) -> PathBuf {
    root().join("fuzz/corpus").join(target.name)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
