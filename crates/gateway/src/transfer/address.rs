//! Where this unit is reached, as the token server is told, and what the token server is called there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::vdom::Vdom;
use softtoken::address::ServerName;
use softtoken::process::{Request, Response, TransferAddress, TransferAddressRequest};
use softtoken::push::AnswerAddress;
use store::gateway::{GatewayStore, Told};
use tokio::sync::{Notify, watch};
use tracing::warn;

use crate::push::Pushes;
use crate::seldom::Seldom;
use crate::supply::Supply;
use crate::token_server::Question;
use crate::{clock, stopped};

/// How soon a changed setting is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon the token server is told again after it did not take it in.
const AGAIN_AFTER: Duration = Duration::from_secs(15);
/// How long it is believed to know: its database may have been put back, or another unit of the cluster may have
/// told it.
const REMEMBERED: Duration = Duration::from_hours(1);

/// How long the names that it told are all that there are. Anybody who reaches this unit may name another one, and
/// has it asked no more often than this.
const BELIEVED: Duration = Duration::from_mins(1);

/// The names under which the token server takes wishes, as it told them.
#[derive(Clone)]
pub(super) struct Names {
    names: Arc<[ServerName]>,
    told: Instant,
}

impl Names {
    /// All of them.
    pub(super) fn all(&self) -> &[ServerName] {
        &self.names
    }

    /// Whether it may have got this name since it was asked.
    pub(super) fn may_lack(&self, name: &ServerName, now: Instant) -> bool {
        !self.names.contains(name) && is_over(self.told, BELIEVED, now)
    }
}

fn is_over(began: Instant, lasts: Duration, now: Instant) -> bool {
    now.saturating_duration_since(began) >= lasts
}

/// Tells what changes, until told to stop, and passes on the names that are told back. Told again they are once
/// somebody doubts that these are all.
pub(super) async fn run(
    store: Arc<GatewayStore>,
    supply: Arc<Supply>,
    pushes: Arc<Pushes>,
    names: watch::Sender<Option<Names>>,
    doubts: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) {
    let mut told: Option<(Option<TransferAddress>, Instant)> = None;
    // Told once too often, nothing changes.
    let mut mark = store.is_transfer_address_told().await.ok();
    let was_told = mark.unwrap_or(true);
    let failures = Seldom::default();
    let mut is_doubted = false;
    loop {
        let address = own(&store, &pushes);
        let is_known = match &told {
            Some((told, at)) => {
                *told == address && !is_doubted && !is_over(*at, REMEMBERED, Instant::now())
            }
            // A unit that never moved a token has nothing to tell; one that was stopped before it told that it
            // does so no more has.
            None => address.is_none() && !was_told,
        };
        let mut pause = LOOK_EVERY;
        if !is_known {
            match tell(&store, &supply, address.clone(), &mut mark).await {
                Ok(own) => {
                    let now = Instant::now();
                    names.send_replace(Some(Names {
                        names: own,
                        told: now,
                    }));
                    told = Some((address, now));
                    is_doubted = false;
                }
                Err(why) => {
                    pause = AGAIN_AFTER;
                    if let Some(left_out) = failures.due(clock::now()) {
                        warn!(
                            why,
                            left_out, "the token server does not know where this unit is reached"
                        );
                    }
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // One that came while the names were told is about those of before.
            () = doubts.notified(), if !is_doubted => {
                let now = Instant::now();
                is_doubted = told.as_ref().is_some_and(|(_, at)| is_over(*at, BELIEVED, now));
            }
            () = stopped(&mut stop) => return,
        }
    }
}

fn own(store: &GatewayStore, pushes: &Pushes) -> Option<TransferAddress> {
    let settings = Arc::clone(&store.settings(Vdom::ROOT).push);
    settings.transfers().ok()?;
    let AnswerAddress { url, pin } = pushes.own_address(&settings)?;
    Some(TransferAddress { url, pin })
}

/// What the token server may know is kept before it hears it, and what it knows no more after that; `mark` is what is
/// kept.
async fn tell(
    store: &GatewayStore,
    supply: &Supply,
    address: Option<TransferAddress>,
    mark: &mut Option<bool>,
) -> Result<Arc<[ServerName]>, String> {
    let is_none = address.is_none();
    if !is_none {
        keep(store, Told::Address, mark).await?;
    }
    let names = ask(supply, address).await?;
    if is_none {
        keep(store, Told::None, mark).await?;
    }
    Ok(names)
}

async fn keep(store: &GatewayStore, told: Told, mark: &mut Option<bool>) -> Result<(), String> {
    let is_told = matches!(told, Told::Address);
    if *mark != Some(is_told) {
        let kept = store.tell_transfer_address(told).await;
        kept.map_err(|undecided| undecided.to_string())?;
        *mark = Some(is_told);
    }
    Ok(())
}

async fn ask(
    supply: &Supply,
    address: Option<TransferAddress>,
) -> Result<Arc<[ServerName]>, String> {
    let product = supply.server().product().await;
    let request = Request::TransferAddress(TransferAddressRequest {
        product: product.map_err(|undecided| undecided.to_string())?,
        address,
    });
    match supply.server().ask(&Question::new(request)).await {
        Ok(Response::TransferAddress(answer)) => match answer.error {
            None => Ok(answer.servers.into()),
            Some(error) => Err(error.to_string()),
        },
        Ok(_) => Err("it answered another question".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_name_is_doubted_once_the_names_are_no_longer_new() {
        let [known, other] = ["tokens.example.org", "tokens.example.net"]
            .map(|name| ServerName::parse(name).unwrap());
        let told = Instant::now();
        let names = Names {
            names: [known.clone()].into(),
            told,
        };
        assert!(!names.may_lack(&other, told));
        assert!(names.may_lack(&other, told + BELIEVED));
        assert!(!names.may_lack(&known, told + BELIEVED));
    }
}
