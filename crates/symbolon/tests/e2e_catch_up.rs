//! Tokens that were given to people while the token server was away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs the program"
)]

mod common;

use std::time::{Duration, Instant};

use common::Running;
use common::apart::{Apart, assign, import, registry, token_server};
use common::store::provisioned_at;

const SERIAL: &str = "FGT0000000000042";
/// What was queued has arrived so soon after the token server is back.
const CATCH_UP: Duration = Duration::from_secs(30);
/// Messages that go together at most.
const BATCH: usize = 100;

#[test]
fn a_queue_is_caught_up_with_in_half_a_minute_in_order_and_each_is_served_once() {
    let count = std::env::var("SYMBOLON_QUEUED");
    let count: usize = count.map_or(210, |text| text.parse().unwrap());
    let (tokens, server) = token_server();
    let gateway = Apart::of(&tokens).enrolled(&tokens, SERIAL);
    let running = gateway.start();
    let serials = import(&gateway, &tokens.issue(count));
    server.stop();
    assign(&gateway.home, &serials);
    let home = &gateway.home;
    let waits = || !home.nothing_waits();
    let codes = || {
        let shown = home.console("show user fortitoken").ok();
        shown.matches("set activation-code").count()
    };
    assert!(waits());
    assert_eq!(codes(), 0);

    let server = Running::start(&mut registry(&tokens), &tokens);
    let back = Instant::now();
    while waits() && back.elapsed() < CATCH_UP {
        std::thread::sleep(Duration::from_millis(200));
    }
    let took = back.elapsed();
    println!("{count} tokens after {took:?}");
    assert!(took < CATCH_UP, "{took:?}, and {} have codes", codes());
    assert_eq!(codes(), count);
    running.stop();
    server.stop();
    let data = tokens.data();
    let database = data.join("registry/registry.db");
    let mut moments = provisioned_at(&database, &data.join("root.key"), &serials);
    assert_eq!(moments.len(), count, "each once");
    assert!(moments.is_sorted(), "in their order: {moments:?}");
    // The first tells that the token server is back; the others go together, a batch at one moment.
    moments.dedup();
    assert!(moments.len() <= 1 + count.div_ceil(BATCH), "{moments:?}");
}
