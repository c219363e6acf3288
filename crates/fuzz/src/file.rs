//! Configuration files: read, decided on entry by entry in a unit that has what they name, and told of.

use cli::render;
use cli::text;
use domain::access::Authority;
use domain::admin::{Coverage, Edit, Entropy, Facts, Incoming, Reads, Restore, Restoring};
use domain::schema::Value;
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use zeroize::Zeroizing;

use crate::gateway::assert_shown;

const NOW: Timestamp = Timestamp::from_secs(1_721_060_000);

/// Decisions per entry at most: an entry comes again for each one that may free what it needs.
const DECISIONS_MAX: usize = 100_000;

/// Whatever a file holds, it ends in a report of lines that no terminal obeys.
pub(crate) fn run(input: &[u8]) {
    let mut document = match text::read(input, Vdom::ROOT) {
        Ok(document) => document,
        Err(refused) => return assert_shown(&format!("{refused}\n")),
    };
    let coverage = match input.len() % 2 {
        0 => Coverage::Part,
        _ => Coverage::Whole,
    };
    let restore = Restore {
        origin: "file".into(),
        coverage,
        entries: document.take_entries().into_iter().map(unhashed).collect(),
    };
    let mut restoring = Restoring::new(restore, Authority::system("fuzz"));
    let mut decisions = 0;
    while let Some(reads) = restoring.reads() {
        let plan = restoring.decide(facts(&reads), &entropy(), NOW);
        assert!(plan.events.is_empty(), "one event tells of all");
        decisions += 1;
        assert!(decisions < DECISIONS_MAX, "a restore does not end");
    }
    let (_, report) = restoring.finish(NOW);
    for finding in render::findings(&document, &report) {
        assert_shown(&finding.to_string());
    }
}

/// Without passwords in clear: hashing them takes all of the time, and finds nothing.
fn unhashed(mut entry: Incoming) -> Incoming {
    let is_secret = |edit: &Edit| matches!(edit, Edit::Set(_, Value::Secret(_)));
    entry.edits.retain(|edit| !is_secret(edit));
    entry
}

fn facts(reads: &Reads) -> Facts {
    let named = reads.named.iter();
    let named = named.map(|named| (named.clone(), named.key.clone()));
    Facts {
        named: named.collect(),
        vdoms: vec![Vdom::ROOT],
        code_lifetime: Span::from_hours(72),
        ..Facts::default()
    }
}

fn entropy() -> Entropy {
    Entropy {
        seed: Zeroizing::new([1; 20]),
        salt: [1; 16],
    }
}
