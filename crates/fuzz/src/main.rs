//! libFuzzer around the target that `SYMBOLON_FUZZ_TARGET` names; `./soak fuzz` builds and starts it.

#![no_main]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the command line is libFuzzer's, so the environment names the target; its macro opens a file"
)]

use std::sync::LazyLock;

use fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("SYMBOLON_FUZZ_TARGET").unwrap_or_default();
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert!(
        names.contains(&name.as_str()),
        "SYMBOLON_FUZZ_TARGET is one of {names:?}"
    );
    Target::named(&name).unwrap_or(&TARGETS[0])
});

fuzz_target!(|input: &[u8]| (TARGET.run)(input));
