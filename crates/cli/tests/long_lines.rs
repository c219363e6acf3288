//! Lines of very many words: what is done with each line takes time in proportion to its words. Work that is
//! quadratic in them takes minutes here.
#![allow(missing_docs, reason = "a test fails by panicking")]

use cli::Session;
use cli::render::Zone;

const WORDS: usize = 100_000;

/// Lines that get far before they are refused, if they are.
const BEGINNINGS: [&str; 6] = [
    "",
    "set member",
    "execute fortitoken activate",
    "execute fortitoken import-seed-file seeds.ftk",
    "execute backup config file",
    "get system status | grep",
];

fn everything_done_with(session: &mut Session, line: &str) {
    session.is_secret(line);
    session.complete(line);
    session.help(line);
    session.feed(line);
}

#[test]
fn very_many_words_are_read_at_once() {
    for beginning in BEGINNINGS {
        let line = beginning.to_owned() + &" w".repeat(WORDS);
        everything_done_with(&mut Session::new(Zone::UTC), &line);

        let mut inside = Session::new(Zone::UTC);
        inside.feed("config user group");
        inside.feed("edit staff");
        inside.fetched(None);
        everything_done_with(&mut inside, &line);

        inside.feed("config unknown");
        inside.feed("edit 1");
        everything_done_with(&mut inside, &line);
    }
}

#[test]
fn a_key_with_blanks_that_nobody_quoted_is_secret() {
    let session = Session::new(Zone::UTC);
    let line = |rest: &str| format!("execute fortitoken import-seed-file {rest}");
    assert!(session.is_secret(&line("seeds.ftk the key of it")));
    assert!(session.is_secret(&line("tftp seeds.ftk 192.0.2.1 the key of it")));
    assert!(!session.is_secret(&line("seeds.ftk")));
    assert!(!session.is_secret(&line("tftp seeds.ftk 192.0.2.1")));
}
