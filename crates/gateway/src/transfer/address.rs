//! Where this unit is reached, as the token server is told, and what the token server is called there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::vdom::Vdom;
use softtoken::address::ServerName;
use softtoken::process::{Request, Response, TransferAddress, TransferAddressRequest};
use softtoken::push::AnswerAddress;
use store::gateway::{GatewayStore, Told};
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

/// The names under which the token server takes wishes; nothing before it said them.
pub(super) type Names = Option<Arc<[ServerName]>>;

/// Tells what changes, until told to stop, and passes on the names that are told back.
pub(super) async fn run(
    store: Arc<GatewayStore>,
    supply: Arc<Supply>,
    pushes: Arc<Pushes>,
    names: watch::Sender<Names>,
    mut stop: watch::Receiver<bool>,
) {
    let mut told: Option<(Option<TransferAddress>, Instant)> = None;
    // Told once too often, nothing changes.
    let mut mark = store.is_transfer_address_told().await.ok();
    let was_told = mark.unwrap_or(true);
    let failures = Seldom::default();
    loop {
        let address = own(&store, &pushes);
        let is_known = match &told {
            Some((told, at)) => *told == address && at.elapsed() < REMEMBERED,
            // A unit that never moved a token has nothing to tell; one that was stopped before it told that it
            // does so no more has.
            None => address.is_none() && !was_told,
        };
        let mut pause = LOOK_EVERY;
        if !is_known {
            match tell(&store, &supply, address.clone(), &mut mark).await {
                Ok(own) => {
                    names.send_replace(Some(own));
                    told = Some((address, Instant::now()));
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
