//! This gateway's certificate, renewed in time and told in the event log.

use std::time::Duration;

use domain::audit::{Actor, Event};
use domain::vdom::Vdom;
use tokio::sync::watch;
use tracing::warn;

use super::TokenServer;
use crate::{clock, stopped};

/// How often it is looked whether a renewal is due, or whether somebody has put another identity there.
const TICK: Duration = Duration::from_secs(10);

impl TokenServer {
    /// Keeps the certificate from ending until told to stop.
    pub(crate) async fn keep_certified(&self, mut stop: watch::Receiver<bool>) {
        self.warn_of_the_end();
        loop {
            tokio::select! {
                () = self.look_after_certificate() => {}
                () = stopped(&mut stop) => return,
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    fn warn_of_the_end(&self) {
        let identity = self.identity.identity();
        let end = identity.certificate().not_after;
        if end <= clock::now() {
            warn!(
                %end,
                "this gateway's certificate has ended; no token server listens to it before \
                 'symbolon enrol' with a new code"
            );
        }
    }

    async fn look_after_certificate(&self) {
        let route = match self.route().await {
            Ok(route) => route,
            Err(error) => return warn!(%error, "the certificate is not looked after"),
        };
        let mut ways = Vec::new();
        for server in &route.servers {
            match self.connections.way(&route, server).await {
                Ok(way) => ways.push(way),
                Err(error) => warn!(error, server = %server.url, "no way to renew the certificate"),
            }
        }
        if let Some(detail) = self.identity.tend(&ways, clock::now()).await {
            self.told(&detail).await;
        }
    }

    async fn told(&self, detail: &str) {
        warn!("certificate: {detail}");
        let serial = self.identity.product();
        let event = Event::changed(
            &Actor::system("forticldd"),
            Vdom::ROOT,
            "system.certificate",
            serial.as_str(),
            detail,
            clock::now(),
        );
        if let Err(error) = self.store.record(event).await {
            warn!(%error, "the event log does not learn of the certificate");
        }
    }
}
