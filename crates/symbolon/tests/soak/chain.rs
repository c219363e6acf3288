//! The audit chain as the database has it: what counts when an answer was lost on its way.

use std::collections::HashMap;
use std::path::PathBuf;

use domain::audit::What;
use domain::login::Spend;
use domain::reason::Reason;
use domain::time::Timestamp;
use ident::TokenSerial;
use otp::Step;
use store::gateway::{ClockTrust, GatewayStore, Location, Recorded};
use store::sealing::RootKey;

use crate::common::Home;

/// Events that are read at once.
const PAGE: i64 = 10_000;

/// The gateway's store while the program does not run.
pub(crate) async fn open(home: &Home, now: Timestamp) -> GatewayStore {
    let data = home.data();
    let location = Location {
        database: data.join("gateway/gateway.db"),
        head: head_record(home),
        clock: ClockTrust::Records,
    };
    let root = RootKey::load(&data.join("root.key")).unwrap();
    GatewayStore::open(&location, &root, now).await.unwrap()
}

/// Where `symbolon.toml` puts the head record.
pub(crate) fn head_record(home: &Home) -> PathBuf {
    let text = std::fs::read_to_string(home.data().join("symbolon.toml")).unwrap();
    let configuration: toml::Table = text.parse().unwrap();
    let path = configuration["store"]["head-record"].as_str().unwrap();
    home.data().join(path)
}

/// Why everything was made to count as spent, each time.
pub(crate) async fn floors_raised(store: &GatewayStore) -> Vec<Box<str>> {
    let mut causes = Vec::new();
    for id in 1.. {
        match store
            .event(id)
            .await
            .unwrap()
            .map(|recorded| recorded.event.what)
        {
            Some(What::FloorRaised { cause }) => causes.push(cause),
            Some(_) => {}
            None => break,
        }
    }
    causes
}

/// All logins in the chain.
#[derive(Default)]
pub(crate) struct Logins {
    /// The events that spent each step.
    pub(crate) accepted: HashMap<(TokenSerial, Step), Vec<i64>>,
    /// Refusals by reason.
    pub(crate) refused: HashMap<Reason, usize>,
}

impl Logins {
    pub(crate) async fn read(store: &GatewayStore) -> Self {
        let mut logins = Self::default();
        let mut before = i64::MAX;
        loop {
            let page = store.logins_before(before, PAGE).await.unwrap();
            let Some(last) = page.last() else {
                return logins;
            };
            before = last.id;
            for recorded in page {
                logins.take(recorded);
            }
        }
    }

    fn take(&mut self, recorded: Recorded) {
        match recorded.event.what {
            What::Accepted {
                spend: Spend::Step { token, step, .. },
                ..
            } => self
                .accepted
                .entry((token, step))
                .or_default()
                .push(recorded.id),
            What::Refused { reason, .. } => *self.refused.entry(reason).or_default() += 1,
            other => panic!("no login of this test: {other:?}"),
        }
    }

    /// Every token was accepted at ever later steps only, at none twice.
    #[track_caller]
    pub(crate) fn assert_nothing_lived_again(&self) {
        let mut by_token: HashMap<TokenSerial, Vec<(i64, Step)>> = HashMap::new();
        for ((token, step), events) in &self.accepted {
            let of_token = by_token.entry(*token).or_default();
            of_token.extend(events.iter().map(|event| (*event, *step)));
        }
        for (token, mut accepted) in by_token {
            accepted.sort_unstable();
            for pair in accepted.windows(2) {
                let ((first, step), (second, next)) = (pair[0], pair[1]);
                assert!(
                    next > step,
                    "{token}: event {first} spent {step:?}, and event {second} then {next:?}"
                );
            }
        }
    }

    pub(crate) fn refusals(&self) -> usize {
        self.refused.values().sum()
    }
}
