//! One connection: half open until its caller is in, then a session until it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::audit::Leave;
use domain::time::Span;
use domain::vdom::Vdom;
use russh::Disconnect;
use russh::server::{self, RunningSession};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tracing::debug;

use super::Service;
use super::gate::{Gate, Gated};
use super::half_open::Stage;
use super::handler::{Entrance, Handler};
use crate::command_line::LoggedIn;
use crate::login::Caller;
use crate::stopped;

/// How long a session that is ended here may take to print why.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long somebody for whom no session is left may take to ask for one and read so: a client begins its first
/// channel some round trips after it is in.
const TURNED_AWAY_MAX: Duration = Duration::from_secs(10);

/// How soon it is noticed that a session is idle, or that its administrator may do other things.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a session may hold a place with nothing running in it, such as one that `ssh -N` opened:
/// automation keeps a connection for a minute between two commands (Ansible's `ControlPersist`).
const UNUSED_MAX: Duration = Duration::from_mins(1);

/// Serves a connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    service: Arc<Service>,
    mut stop: watch::Receiver<bool>,
) {
    let Ok(local) = stream.local_addr() else {
        return debug!(%peer, "a caller was gone at once");
    };
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let (caller, source) = (Caller::over_ssh("", local, peer), peer.ip());
    let gate = Arc::new(Gate::default());
    let place = Arc::new(service.half_open.enter(source, &gate));
    let deadline =
        Instant::now() + duration(service.store.settings(Vdom::ROOT).administration.ssh_grace);
    let (logged_in, entered) = oneshot::channel();
    let (told, was_told) = oneshot::channel();
    let entrance = Entrance {
        place: Arc::clone(&place),
        logged_in,
        told,
    };
    let handler = Handler::new(Arc::clone(&service), caller, Arc::clone(&gate), entrance);
    // Without it the echo of a key waits for the answer to the one before.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%source, %error, "the connection keeps its delay");
    }
    let stream = Gated::new(stream, Arc::clone(&gate));
    let running = server::run_stream(Arc::clone(&service.protocol), stream, handler);
    let mut running = match timeout_at(deadline, running).await {
        Ok(Ok(running)) => running,
        Ok(Err(error)) => return debug!(%source, %error, "a caller was no SSH client"),
        Err(_) => return debug!(%source, "a caller said nothing in time"),
    };
    place.reached(Stage::Greeted);
    let (entered, ended) = tokio::select! {
        biased;
        came = comes_in(&mut running, entered) => came,
        () = sleep_until(deadline) => {
            debug!(%source, "a caller did not log in in time");
            return gate.shut();
        }
        () = stopped(&mut stop) => return gate.shut(),
    };
    let session = match (entered, &ended) {
        (Some(Ok(session)), _) => session,
        (_, Some(_)) => return ended.map_or((), tell),
        (_, None) => {
            // Until then the connection keeps its place, which bounds how many there are.
            turn_away(&mut running, was_told).await;
            return gate.shut();
        }
    };
    drop(place);
    let cause = match ended {
        Some(ended) => left(ended, &session),
        None => attend(&mut running, &session, &service, &mut stop).await,
    };
    gate.shut();
    let actor = session.actor().clone();
    // It is listed no more before its end is on record.
    drop(session);
    service.logins.log_out(actor, cause).await;
}

/// Waits until somebody logged in or the connection ended; both, if whoever logged in went at once.
async fn comes_in<T, E>(
    running: impl Future<Output = E>,
    mut entered: oneshot::Receiver<T>,
) -> (Option<T>, Option<E>) {
    tokio::select! {
        Ok(entered) = &mut entered => (Some(entered), None),
        ended = running => (entered.try_recv().ok(), Some(ended)),
    }
}

/// Waits until the first channel has told why there is no session, and was read.
async fn turn_away(running: &mut RunningSession<Handler>, was_told: oneshot::Receiver<()>) {
    tokio::select! {
        _ = &mut *running => return,
        _ = timeout(TURNED_AWAY_MAX, was_told) => {}
    }
    let _ = timeout(FAREWELL, running).await;
}

/// Waits for the end of a session, or brings it about; what ended it.
async fn attend(
    running: &mut RunningSession<Handler>,
    session: &LoggedIn,
    service: &Service,
    stop: &mut watch::Receiver<bool>,
) -> Leave {
    let cause = tokio::select! {
        ended = &mut *running => return left(ended, session),
        cause = lapses(session, service) => cause,
        cause = session.ended() => cause,
        () = stopped(stop) => Leave::Server,
    };
    // The channels print why, and close.
    session.end(cause);
    tokio::select! {
        _ = &mut *running => return cause,
        () = sleep(FAREWELL) => {}
    }
    let handle = running.handle();
    let disconnected = async {
        let (reason, language) = ("the session was ended".to_owned(), String::new());
        let told = handle.disconnect(Disconnect::ByApplication, reason, language);
        if told.await.is_ok() {
            // How it ended matters no more.
            let _ = running.await;
        }
    };
    // A client that does not listen is shut out in any case.
    let _ = timeout(FAREWELL, disconnected).await;
    cause
}

/// How a session ended whose client closed the connection.
fn left(ended: Result<(), russh::Error>, session: &LoggedIn) -> Leave {
    tell(ended);
    if session.is_done() {
        Leave::Exit
    } else {
        Leave::Disconnected
    }
}

/// Waits until the session has been idle for as long as it may be, or its administrator is gone. Both
/// the limit and the administrator's rights may change meanwhile.
async fn lapses(session: &LoggedIn, service: &Service) -> Leave {
    loop {
        let unit = service.store.settings(Vdom::ROOT).administration.idle;
        let limit = session.authority().profile.idle.unwrap_or(unit);
        if session.idle() >= idle_max(session, duration(limit)) {
            return Leave::IdleTimeout;
        }
        sleep(LOOK_EVERY).await;
        if !service.logins.refresh(session).await {
            return Leave::Server;
        }
    }
}

/// How long a session may be idle, of which this is configured.
fn idle_max(session: &LoggedIn, configured: Duration) -> Duration {
    if session.is_conversing() {
        configured
    } else {
        configured.min(UNUSED_MAX)
    }
}

fn duration(span: Span) -> Duration {
    Duration::from_micros(u64::try_from(span.micros()).unwrap_or(0))
}

fn tell(ended: Result<(), russh::Error>) {
    if let Err(error) = ended {
        debug!(%error, "an SSH connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use domain::access::Authority;

    use super::*;
    use crate::clock;
    use crate::command_line::{Sessions, Via};

    #[test]
    fn a_session_in_which_nothing_runs_ends_sooner() {
        let sessions = Arc::new(Sessions::default());
        let authority = Authority::system("test");
        let session = sessions
            .open(authority, Via::Console, 0, clock::now())
            .unwrap();
        let configured = Duration::from_mins(5);
        assert_eq!(idle_max(&session, configured), UNUSED_MAX);
        let shorter = Duration::from_secs(5);
        assert_eq!(idle_max(&session, shorter), shorter);
        let _held = session.converse();
        assert_eq!(idle_max(&session, configured), configured);
    }
    #[tokio::test]
    async fn whoever_logs_in_and_goes_at_once_was_logged_in() {
        // Which of two that are ready is looked at first is left to chance.
        for _ in 0..64 {
            let (logged_in, entered) = oneshot::channel();
            let running = async move { logged_in.send("admin") };
            let came = comes_in(running, entered).await;
            assert_eq!(came, (Some("admin"), Some(Ok(()))));
            let (logged_in, entered) = oneshot::channel();
            logged_in.send("admin").unwrap();
            let (came, _) = comes_in(ready("gone"), entered).await;
            assert_eq!(came, Some("admin"));
        }
        let (logged_in, entered) = oneshot::channel::<&str>();
        drop(logged_in);
        assert_eq!(comes_in(ready("gone"), entered).await, (None, Some("gone")));
    }
}
