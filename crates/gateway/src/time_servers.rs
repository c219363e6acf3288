//! What time the servers of `config system ntp` have. The host keeps the clock; a wrong one refuses
//! codes that are right, so it is compared.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::audit::{Actor, Event};
use domain::schema::{NTP, NTP_SERVER, Object, Place};
use domain::time::{Span, Timestamp};
use domain::unit::{TimeAnswer, TimeServer, TimeServers};
use domain::vdom::Vdom;
use rsntp::{AsyncSntpClient, Config, SntpDuration};
use store::Undecided;
use store::gateway::GatewayStore;
use tokio::sync::watch;
use tracing::warn;

use crate::network::UnitResolver;
use crate::{clock, stopped};

/// A server that takes longer says nothing useful about the time.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Servers that are asked: more than that do not make the time surer.
const SERVERS_MAX: usize = 8;

/// The port of the protocol (RFC 5905, 7.2).
const PORT: u16 = 123;

/// A clock that is further off than this is worth a warning: half of the shortest period.
const TOLERATED: Span = Span::from_secs(15);

/// How often it is looked whether a comparison is due.
const TICK: Duration = Duration::from_secs(30);

/// Compares the clock with every configured server.
pub(crate) async fn compare(
    store: &GatewayStore,
    resolver: &UnitResolver,
) -> Result<TimeServers, Undecided> {
    let ntp = configured(store).await?;
    let mut servers = Vec::new();
    for server in ntp.children(&NTP_SERVER).take(SERVERS_MAX) {
        let name = server.text("server");
        let answer = ask(name, resolver).await;
        servers.push(TimeServer {
            name: name.into(),
            answer,
        });
    }
    Ok(TimeServers {
        compared: ntp.is_enabled("ntpsync"),
        servers,
    })
}

async fn configured(store: &GatewayStore) -> Result<Object, Undecided> {
    let ntp = store.object(Place::of_unit(&NTP)).await?;
    Ok(ntp.unwrap_or_else(|| Object::new(&NTP, "")))
}

async fn ask(name: &str, resolver: &UnitResolver) -> Result<TimeAnswer, Box<str>> {
    if name.is_empty() {
        return Err("it has no name or address: set server".into());
    }
    let addresses = resolver.addresses(name).await;
    let addresses = addresses.map_err(|error| error.to_string())?;
    let address = *addresses.first().ok_or("the name has no address")?;
    let any = match address {
        IpAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
        IpAddr::V6(_) => SocketAddr::from(([0_u16; 8], 0)),
    };
    let config = Config::default().timeout(TIMEOUT).bind_address(any);
    let client = AsyncSntpClient::with_config(config);
    let peer = SocketAddr::new(address, PORT).to_string();
    let answer = client.synchronize(peer).await;
    let answer = answer.map_err(|error| error.to_string())?;
    Ok(TimeAnswer {
        address,
        stratum: answer.stratum(),
        ahead: span(answer.clock_offset()),
        round_trip: span(answer.round_trip_delay()),
    })
}

fn span(duration: SntpDuration) -> Span {
    let length = duration.abs_as_std_duration().unwrap_or(Duration::MAX);
    let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    Span::from_micros(micros.saturating_mul(i64::from(duration.signum())))
}

/// Compares at the configured interval until told to stop, and says when the clock is off.
pub(crate) async fn run(
    store: Arc<GatewayStore>,
    resolver: Arc<UnitResolver>,
    mut stop: watch::Receiver<bool>,
) {
    let mut last: Option<Timestamp> = None;
    loop {
        let now = clock::now();
        match is_due(&store, last, now).await {
            Ok(true) => {
                last = Some(now);
                if let Err(error) = compare_and_tell(&store, &resolver, now).await {
                    warn!(%error, "the clock could not be compared");
                }
            }
            Ok(false) => {}
            Err(error) => warn!(%error, "the time servers cannot be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn is_due(
    store: &GatewayStore,
    last: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, Undecided> {
    let ntp = configured(store).await?;
    let interval = Span::from_mins(i64::try_from(ntp.number("syncinterval")).unwrap_or(i64::MAX));
    let is_over = last.is_none_or(|last| now.since(last) >= interval);
    Ok(ntp.is_enabled("ntpsync") && is_over)
}

async fn compare_and_tell(
    store: &GatewayStore,
    resolver: &UnitResolver,
    now: Timestamp,
) -> Result<(), Undecided> {
    let compared = compare(store, resolver).await?;
    let answered = compared
        .servers
        .iter()
        .find_map(|server| Some((server, server.answer.as_ref().ok()?)));
    let Some((server, answer)) = answered else {
        warn!("no time server answers: 'diagnose sys ntp status' says why");
        return Ok(());
    };
    if answer.ahead.abs() <= TOLERATED {
        return Ok(());
    }
    let seconds = answer.ahead.secs_rounded_up();
    let detail = format!(
        "the clock differs from {} by {seconds} s; codes are refused when it is wrong",
        server.name
    );
    warn!("{detail}");
    let event = Event::changed(
        &Actor::system("ntp"),
        Vdom::ROOT,
        "system.ntp",
        "clock",
        &detail,
        now,
    );
    store.record(event).await
}
