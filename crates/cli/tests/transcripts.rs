//! Sessions as text: every line that begins with the prompt is typed, what follows is what is printed.
//!
//! A line `! EVENT` lets something happen around the session, `; TEXT` is a remark. A typed line that
//! ends in `?` asks for help, one that ends in `<Tab>` for completion, where `|` is the cursor after it.
//!
//! `TRANSCRIPTS=write cargo test -p cli --test transcripts` writes down what is printed now: read the
//! difference before you keep it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by panicking, and this one writes its transcripts when asked to"
)]

use world::{Goes, World};

mod world;

macro_rules! transcripts {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name), include_str!(concat!("transcripts/", stringify!($name), ".txt")));
        })+
    };
}

transcripts! {
    access_profiles
    backup_and_restore
    backup_rights
    from_a_fortigate
    administrators
    configure_passwords
    configure_unit
    configure_users
    configure_groups
    group_matches
    configure_interfaces
    configure_mail
    configure_sms
    configure_settings
    authservers
    configure_clients
    clock
    delivery
    diagnose_debug
    diagnose_logins
    diagnose_radius
    diagnose_security
    endings
    errors
    event_log
    event_log_vdoms
    hardware_tokens
    hardware_token_files
    grammar
    grammar_of_vdoms
    vdoms_of_an_administrator
    help_everywhere
    help_and_completion
    network
    show_and_get
    radius_legacy
    refused_in_an_entry
    rename_clone_purge
    rights_withdrawn
    servers
    store_fails
    system_performance
    system_status
    token_server
    token_test
    tokens
    vdoms
}

fn replay(name: &str, expected: &str) {
    let mut world = World::new();
    let mut actual = String::new();
    let mut goes = Goes::On;
    for line in expected.lines() {
        let printed = if let Some(typed) = line.strip_prefix(&world.prompt()) {
            assert!(goes == Goes::On, "the session ended before {line:?}");
            let printed;
            (printed, goes) = typing(&mut world, typed);
            printed
        } else if let Some(event) = line.strip_prefix("! ") {
            world.happen(event)
        } else if line.starts_with(';') {
            String::new()
        } else {
            continue;
        };
        for part in [line, "\n", &printed] {
            actual.push_str(part);
        }
    }
    if std::env::var_os("TRANSCRIPTS").is_some_and(|mode| mode == "write") {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");
        std::fs::write(format!("{directory}/{name}.txt"), &actual).unwrap();
        return;
    }
    assert!(actual == expected, "the session went like this:\n{actual}");
}

fn typing(world: &mut World, typed: &str) -> (String, Goes) {
    match (typed.strip_suffix('?'), typed.strip_suffix("<Tab>")) {
        (Some(line), _) => (world.help(line), Goes::On),
        (_, Some(line)) => (world.tab(line), Goes::On),
        (None, None) => world.line(typed),
    }
}
