//! Where this unit is reached, as the token server is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::vdom::Vdom;
use softtoken::process::{Request, Response, TransferAddress, TransferAddressRequest};
use softtoken::push::AnswerAddress;
use store::gateway::GatewayStore;
use tokio::sync::watch;
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

/// Tells what changes, until told to stop.
pub(super) async fn run(
    store: Arc<GatewayStore>,
    supply: Arc<Supply>,
    pushes: Arc<Pushes>,
    mut stop: watch::Receiver<bool>,
) {
    let mut told: Option<(Option<TransferAddress>, Instant)> = None;
    let failures = Seldom::default();
    loop {
        let address = own(&store, &pushes);
        let is_known = match &told {
            Some((told, at)) => *told == address && at.elapsed() < REMEMBERED,
            // A unit that never moved a token has nothing to tell.
            None => address.is_none(),
        };
        let mut pause = LOOK_EVERY;
        if !is_known {
            match tell(&supply, address.clone()).await {
                Ok(()) => told = Some((address, Instant::now())),
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

async fn tell(supply: &Supply, address: Option<TransferAddress>) -> Result<(), String> {
    let product = supply.server().product().await;
    let request = Request::TransferAddress(TransferAddressRequest {
        product: product.map_err(|undecided| undecided.to_string())?,
        address,
    });
    match supply.server().ask(&Question::new(request)).await {
        Ok(Response::TransferAddress(answer)) => match answer.error {
            None => Ok(()),
            Some(error) => Err(error.to_string()),
        },
        Ok(_) => Err("it answered another question".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
