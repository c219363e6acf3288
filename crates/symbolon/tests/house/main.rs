//! The invariants of `docs/ARCHITECTURE.md` that a program can hold.
//!
//! Each test reads the workspace as text or as Cargo sees it, and fails with the rule, the places that
//! break it and the reason why the rule exists. Rules look at *production* code: what stands under
//! `src/`, without comments and without items marked `#[cfg(test)]`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one reads the workspace's files"
)]

mod rust_text;
mod workspace;

use std::collections::BTreeSet;

use rust_text::{attributes, constructions, derives_before, line_of, std_imports, structs, words};
use workspace::{Source, all_rust, cargo, read, sources, texts, workspace_packages};

/// The house in dependency order: a crate, and what it may use of the ones above it.
const HOUSE: &[(&str, &str)] = &[
    ("ident", ""),
    ("otp", ""),
    ("radius", ""),
    ("eap", ""),
    ("softtoken", "ident otp"),
    ("domain", "ident otp"),
    ("cli", "ident otp domain"),
    ("store", "ident otp domain"),
    ("webapp", ""),
    ("https", "softtoken"),
    ("identity", "ident softtoken domain store"),
    (
        "registry",
        "ident otp softtoken domain store webapp https identity",
    ),
    (
        "gateway",
        "ident otp radius eap softtoken domain cli store webapp https identity",
    ),
    ("relay", "ident softtoken https"),
    ("app", "ident otp softtoken"),
    (
        "fuzz",
        "ident otp radius eap softtoken domain cli registry gateway",
    ),
    (
        "symbolon",
        "ident otp radius softtoken domain cli store webapp https identity registry gateway relay app",
    ),
];

/// The crates that think: they get `now`, random bytes and messages as arguments.
const PURE: &[&str] = &[
    "ident",
    "otp",
    "radius",
    "eap",
    "softtoken",
    "domain",
    "cli",
    "webapp",
];

/// What a pure crate must not link, however far down. `libc` alone is let through: `cpufeatures` asks it
/// for the processor's abilities.
const OUTSIDE_WORLD: &str = "async-std aws-lc-rs aws-lc-sys axum getrandom hyper hyper-util lettre \
    libsqlite3-sys mio nix rand reqwest rusqlite russh rustix rustls socket2 tempfile tokio tokio-postgres \
    tracing-subscriber";

/// What a pure crate's code must not say. Clippy's `disallowed_*` lists hold part of it by type; this
/// list also knows the ways of asking for randomness and of printing.
const OUTSIDE_WORLD_IN_CODE: &str = "SystemTime::now Instant::now Timestamp::now Zoned::now \
    TimeZone::system std::env std::fs std::thread std::process UdpSocket TcpStream TcpListener UnixStream \
    UnixListener getrandom rand:: OsRng SysRng thread_rng stdin() stdout() stderr() print! println! eprint! \
    eprintln! dbg!";

/// What `domain` must not depend on: each is one door's own language.
const PROTOCOLS: &str = "serde_json toml radius softtoken http hyper axum reqwest russh rusqlite \
    tokio-postgres sqlx";

/// These files name what they forbid.
const SELF: &str = "crates/symbolon/tests/house/";

// ---------------------------------------------------------------- crates and what they link

#[test]
fn a_crate_uses_only_crates_above_it() {
    let mut breaches = Vec::new();
    let packages = workspace_packages();
    for name in packages.keys() {
        if !HOUSE.iter().any(|(known, _)| known == name) {
            breaches.push(format!(
                "crates/{name}: not in the HOUSE table of {SELF}main.rs"
            ));
        }
    }
    for (name, allowed) in HOUSE {
        for used in &packages[*name].linked {
            let of_the_house = packages.contains_key(used);
            if of_the_house && !allowed.split(' ').any(|crate_above| crate_above == used) {
                breaches.push(format!("crates/{name}/Cargo.toml: uses `{used}`"));
            }
        }
    }
    hold(
        "a crate uses only the crates that stand above it in the house",
        "the direction of dependencies keeps decisions apart from effects, and the gateway from the registry, which \
         meet over HTTPS only",
        &breaches,
    );
}

#[test]
fn pure_crates_take_their_dependencies_from_the_pure_list() {
    let manifest = read("Cargo.toml");
    let pure_list = section(&manifest, "# Pure:");
    let packages = workspace_packages();
    let mut breaches = Vec::new();
    for name in PURE {
        for used in &packages[*name].linked {
            let entry = format!("{used} ");
            let listed = pure_list.iter().any(|line| line.starts_with(&entry));
            if !packages.contains_key(used) && !listed {
                breaches.push(format!(
                    "crates/{name}/Cargo.toml: `{used}` is not under `# Pure:` in Cargo.toml"
                ));
            }
        }
    }
    hold(
        "a pure crate uses only dependencies listed under `# Pure:` in the root Cargo.toml",
        "what a pure crate may use is decided once, for all of them, with its reason beside it",
        &breaches,
    );
}

#[test]
fn pure_crates_link_nothing_of_the_outside_world() {
    let mut breaches = Vec::new();
    for name in PURE {
        let tree = cargo(&format!(
            "tree --package {name} --edges normal,no-proc-macro --prefix none --format {{p}}"
        ));
        let linked: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(
            linked.contains(name),
            "cargo tree does not list `{name}` itself:\n{tree}"
        );
        for forbidden in OUTSIDE_WORLD.split_whitespace() {
            if linked.contains(forbidden) {
                breaches.push(format!(
                    "crates/{name}: links `{forbidden}` (see `cargo tree -p {name} -i {forbidden}`)"
                ));
            }
        }
    }
    hold(
        "a pure crate links no clock, random source, socket, file system, database or runtime",
        "a decision is replayed from its inputs, in a test or from an audit record, only if nothing else can reach it",
        &breaches,
    );
}

#[test]
fn the_domain_speaks_no_protocol() {
    let packages = workspace_packages();
    let breaches: Vec<String> = PROTOCOLS
        .split_whitespace()
        .filter(|protocol| packages["domain"].linked.contains(*protocol))
        .map(|protocol| format!("crates/domain/Cargo.toml: uses `{protocol}`"))
        .collect();
    hold(
        "`domain` knows no RADIUS, HTTP, SSH, SQL or JSON",
        "one decision serves every door; wire types have counterparts, converted in the shells",
        &breaches,
    );
}

#[test]
fn every_dependency_has_its_reason_and_comes_from_crates_io() {
    let manifest = read("Cargo.toml");
    let mut breaches = Vec::new();
    let dependencies = manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    for line in dependencies.filter(|line| line.contains('=') && !line.contains("path = ")) {
        if line
            .rsplit_once(" # ")
            .is_none_or(|(_, reason)| reason.trim().is_empty())
        {
            breaches.push(format!("Cargo.toml: no reason after `{line}`"));
        }
    }
    for line in read("Cargo.lock")
        .lines()
        .filter(|line| line.starts_with("source = "))
    {
        if line != "source = \"registry+https://github.com/rust-lang/crates.io-index\"" {
            breaches.push(format!("Cargo.lock: {line}"));
        }
    }
    for (name, _) in HOUSE {
        let path = format!("crates/{name}/Cargo.toml");
        let text = read(&path);
        let own = text
            .lines()
            .skip_while(|line| !line.contains("dependencies]"));
        for line in own
            .take_while(|line| *line != "[lints]")
            .filter(|line| line.contains(" = "))
        {
            if !line.contains("workspace = true") {
                breaches.push(format!(
                    "{path}: `{line}` does not take its version from the workspace"
                ));
            }
        }
        if !text.contains("[lints]\nworkspace = true") {
            breaches.push(format!("{path}: does not take the workspace's lints"));
        }
    }
    hold(
        "a dependency is declared once, in the root Cargo.toml, with its reason on the same line, and comes from \
         crates.io",
        "what we link is what an attacker may reach us through: each one is a decision that a reviewer can find",
        &breaches,
    );
}

// ---------------------------------------------------------------- what production code says

#[test]
fn pure_code_reads_no_clock_chance_socket_file_or_environment() {
    let mut breaches = Vec::new();
    for source in pure_sources() {
        for forbidden in OUTSIDE_WORLD_IN_CODE.split_whitespace() {
            for at in words(&source.code, forbidden) {
                breaches.push(format!("{}: {forbidden}", source.place(at)));
            }
        }
        for (at, import) in std_imports(&source.code) {
            for module in ["env", "fs", "process", "thread"] {
                if words(import, module).next().is_some() {
                    breaches.push(format!("{}: {}", source.place(at), import.trim()));
                }
            }
        }
    }
    hold(
        "pure code reads no clock, random source, socket, file or environment, and prints nothing",
        "`now` and random bytes come in as arguments, text goes out as a value: so a decision replays from its inputs",
        &breaches,
    );
}

#[test]
fn only_shells_lift_the_ban_on_clocks_and_files() {
    let mut breaches = Vec::new();
    for source in pure_sources() {
        for lint in ["disallowed_methods", "disallowed_types"] {
            for at in words(&source.code, lint) {
                breaches.push(format!("{}: {lint}", source.place(at)));
            }
        }
    }
    hold(
        "no pure crate allows `clippy::disallowed_methods` or `clippy::disallowed_types`",
        "an exception inside a pure crate is a decision that no longer replays from its inputs",
        &breaches,
    );
}

#[test]
fn only_the_store_speaks_sql() {
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|source| source.krate != "store") {
        for keyword in [
            "SELECT ",
            "INSERT INTO ",
            "DELETE FROM ",
            "CREATE TABLE ",
            "PRAGMA ",
        ] {
            for (at, _) in source.with_literals.match_indices(keyword) {
                breaches.push(format!("{}: {keyword}", source.place(at)));
            }
        }
        for (at, _) in source.with_literals.match_indices("UPDATE ") {
            let statement: String = source.with_literals[at..].chars().take(200).collect();
            if statement
                .split_whitespace()
                .take(4)
                .any(|word| word == "SET")
            {
                breaches.push(format!("{}: UPDATE … SET", source.place(at)));
            }
        }
    }
    hold(
        "SQL stands in crates/store alone",
        "one place holds the rule that a spent step stays spent, for every database",
        &breaches,
    );
}

#[test]
fn a_login_is_granted_in_one_place() {
    one_origin(
        "Granted",
        "store",
        "`Granted` is the proof that a step was spent and is on the disk; an Accept is built from nothing else",
    );
}

#[test]
fn a_phones_answer_is_proven_in_one_place() {
    one_origin(
        "ProvenAnswer",
        "softtoken",
        "`ProvenAnswer` is the proof of device, seed, login and time; nobody's word is judged without it",
    );
    one_origin(
        "Approved",
        "domain",
        "`Approved` is the proof that the person's number is the login's; a push spends nothing else",
    );
}

#[test]
fn a_password_is_verified_in_one_place() {
    one_origin(
        "PasswordVerified",
        "domain",
        "`PasswordVerified` is the proof that the first factor held; the second is not asked without it",
    );
}

#[test]
fn a_backends_word_is_taken_in_one_place() {
    const PLACE: &str = "crates/gateway/src/login/backends/mod.rs";
    let mut breaches = Vec::new();
    let mut heard = 0;
    for source in sources().iter().filter(|source| source.krate != "domain") {
        for at in words(&source.code, ".confirmed()") {
            heard += 1;
            if source.path != PLACE {
                breaches.push(source.place(at));
            }
        }
    }
    assert!(heard > 0, "nobody calls `BackendCheck::confirmed` any more");
    hold(
        "`BackendCheck::confirmed` is called by the module that asks backends alone",
        "it makes the proof of a first factor from a directory's or RADIUS server's yes: who calls it has heard one",
        &breaches,
    );
}

#[test]
fn secrets_do_not_show_themselves() {
    let mut breaches = Vec::new();
    for source in sources() {
        for (at, item) in structs(&source.code) {
            let derives: Vec<&str> = derives_before(&source.code, at);
            let secret = derives.contains(&"ZeroizeOnDrop") || item.contains("Zeroizing<");
            for shown in ["Clone", "Copy", "Debug", "Serialize"] {
                if secret && derives.contains(&shown) {
                    breaches.push(format!("{}: a secret derives {shown}", source.place(at)));
                }
            }
        }
    }
    hold(
        "a type that holds a secret derives no Debug, Serialize or Clone",
        "seeds, codes and PINs have reached logs by way of `{:?}` in every system of this kind; and a copy that \
         nobody counted is not wiped",
        &breaches,
    );
}

#[test]
fn exceptions_from_lints_carry_their_reason() {
    let mut breaches = Vec::new();
    for source in all_rust() {
        for (at, attribute) in attributes(&source.with_literals) {
            let lifts = ["allow(", "expect("]
                .iter()
                .any(|lift| attribute.starts_with(lift));
            if lifts && !attribute.contains("reason =") {
                breaches.push(format!("{}: #[{attribute}", source.place(at)));
            }
        }
    }
    for source in sources() {
        for at in words(&source.code, "unwrap_used") {
            breaches.push(format!("{}: lifts unwrap_used", source.place(at)));
        }
    }
    hold(
        "an exception from a lint says why, and nothing in production code is excepted from unwrap_used",
        "a panic in a login server is a lockout, or a crash loop that somebody else can start",
        &breaches,
    );
}

#[test]
fn nothing_is_left_for_later() {
    let mut breaches = Vec::new();
    let mut others = all_rust();
    others.retain(|source| !source.path.starts_with(SELF));
    for source in others {
        for left in ["todo!", "unimplemented!"] {
            for at in words(&source.code, left) {
                breaches.push(format!("{}: {left}", source.place(at)));
            }
        }
        for (at, attribute) in attributes(&source.with_literals) {
            let ignored = words(attribute, "ignore").next().is_some();
            if ignored && attribute != "ignore = \"a process that another test starts\"]" {
                breaches.push(format!("{}: #[{attribute}", source.place(at)));
            }
        }
        for left in ["TODO", "FIXME", "XXX"] {
            for at in words(&source.text, left) {
                breaches.push(format!("{}: {left}", source.place(at)));
            }
        }
    }
    hold(
        "no stub, no note to oneself, no ignored test but a process that another test starts",
        "a reader must be able to take what stands here for done",
        &breaches,
    );
}

// ---------------------------------------------------------------- what the repository says

#[test]
fn the_text_speaks_of_the_project_alone() {
    // Where a name of the described system's servers is needed to say what answers in its place.
    const MAY_NAME_VENDOR_HOSTS: &[&str] = &[
        "docs/compatibility.md",
        "docs/protocol.md",
        "crates/domain/src/answered_names.rs",
    ];
    const VENDOR_HOSTS: &[&str] = &["fortinet.com", "fortinet.net"];
    const ELSEWHERE: &[&str] = &[
        "shared/",
        "/work/",
        "/root/",
        "index-url",
        "replace-with",
        "find-links",
    ];
    let mut breaches = Vec::new();
    for path in texts().iter().filter(|path| !path.starts_with(SELF)) {
        let text = read(path);
        let hosts = VENDOR_HOSTS
            .iter()
            .filter(|_| !MAY_NAME_VENDOR_HOSTS.contains(&path.as_str()));
        for forbidden in hosts.chain(ELSEWHERE) {
            for at in words(&text, forbidden) {
                breaches.push(format!("{path}:{}: {forbidden}", line_of(&text, at)));
            }
        }
    }
    hold(
        "no vendor's host, no path of one machine, no package mirror in the repository's text",
        "the program must never call another's servers, and a clone must build anywhere",
        &breaches,
    );
}

#[test]
fn symptoms_are_listed_once_and_tests_name_listed_ones() {
    let list = read("docs/symptoms.md");
    let listed: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("| S")?.get(..2))
        .collect();
    let expected: Vec<String> = (1..=listed.len())
        .map(|number| format!("{number:02}"))
        .collect();
    let mut breaches = Vec::new();
    if listed.len() < 34 || listed != expected {
        breaches.push(format!(
            "docs/symptoms.md: ids are not S01, S02, … in order and once each: {listed:?}"
        ));
    }
    let mut shown = BTreeSet::new();
    for source in all_rust() {
        for (at, _) in source.code.match_indices("symptom_") {
            for number in numbers(&source.code[at + "symptom_".len()..]) {
                if !listed.contains(&number) {
                    breaches.push(format!(
                        "{}: no S{number} in docs/symptoms.md",
                        source.place(at)
                    ));
                }
                shown.insert(number.to_owned());
            }
        }
    }
    // What the web app alone shows is in its own tests.
    for line in list
        .lines()
        .filter(|line| !line.ends_with("| 0.1: web app |"))
    {
        if let Some(number) = line.strip_prefix("| S").and_then(|line| line.get(..2))
            && !shown.contains(number)
        {
            breaches.push(format!("docs/symptoms.md: no test shows S{number}"));
        }
    }
    hold(
        "each symptom has one id, and tests named `symptom_NN…` show all that are listed",
        "a help desk finds the explanation by the id, and a reader finds the proof",
        &breaches,
    );
}

/// Those with which a name goes on, such as `17_and_18_a_code_ends`.
fn numbers(name: &str) -> impl Iterator<Item = &str> {
    name.split('_')
        .take_while(|part| *part == "and" || part.parse::<u8>().is_ok())
        .filter(|part| part.len() == 2)
}

#[test]
fn past_failures_name_tests_that_exist() {
    let code: String = all_rust().into_iter().map(|source| source.text).collect();
    let mut breaches = Vec::new();
    for (number, line) in read("docs/PAST-FAILURES.md").lines().enumerate() {
        let Some(shown_by) = line.strip_prefix("Shown by:") else {
            continue;
        };
        for name in shown_by.split('`').skip(1).step_by(2) {
            let function = name.rsplit("::").next().unwrap_or(name);
            if words(&code, &format!("fn {function}")).next().is_none() {
                breaches.push(format!(
                    "docs/PAST-FAILURES.md:{}: no test `{name}`",
                    number + 1
                ));
            }
        }
    }
    hold(
        "docs/PAST-FAILURES.md names only tests that exist",
        "a protection that no test shows is a hope",
        &breaches,
    );
}

fn pure_sources() -> Vec<Source> {
    let mut sources = sources();
    sources.retain(|source| PURE.contains(&source.krate.as_str()));
    sources
}

/// A proof type is declared, and built, in one place of one crate, and is never copied.
fn one_origin(proof: &str, home: &str, why: &str) {
    let mut declared = Vec::new();
    let mut built = Vec::new();
    let mut breaches = Vec::new();
    for source in sources() {
        for at in words(&source.code, &format!("struct {proof}")) {
            declared.push((source.krate.clone(), source.place(at)));
            for copies in ["Clone", "Copy", "Default", "Deserialize"] {
                if derives_before(&source.code, at).contains(&copies) {
                    breaches.push(format!("{}: derives {copies}", source.place(at)));
                }
            }
        }
        built.extend(
            constructions(&source.code, proof).map(|at| (source.krate.clone(), source.place(at))),
        );
    }
    for (what, places) in [("declared", &declared), ("built", &built)] {
        if places.len() != 1 || places[0].0 != home {
            breaches.push(format!(
                "{what} in {places:?}, not once in crates/{home}/src"
            ));
        }
    }
    hold(
        &format!(
            "`{proof}` is declared once and built once, both in crates/{home}/src, and cannot be copied"
        ),
        why,
        &breaches,
    );
}

/// The lines after the one that begins with `heading`, up to an empty line.
fn section<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let lines = text
        .lines()
        .skip_while(|line| !line.starts_with(heading))
        .skip(1);
    lines.take_while(|line| !line.is_empty()).collect()
}

fn hold(rule: &str, why: &str, breaches: &[String]) {
    assert!(
        breaches.is_empty(),
        "\nrule:  {rule}\nwhy:   {why}\nwhere: {}\n",
        breaches.join("\n       ")
    );
}
