//! All listeners of RADIUS together.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::sync::watch;
use tracing::warn;

use super::eap::Eap;
use super::{
    AccountingServer, Core, Parts, RadiusServer, StreamAddress, StreamConfig, StreamError,
    StreamServer,
};
use crate::web::certificate::{self, CertificateError};

/// Where RADIUS is served.
#[derive(Clone, Debug, Default)]
pub struct RadiusConfig {
    /// Addresses for UDP.
    pub addresses: Vec<SocketAddr>,
    /// TCP and TLS.
    pub streams: StreamConfig,
    /// Addresses for accounting.
    pub accounting: Vec<SocketAddr>,
    /// A PEM file with the certificate chain and the key that EAP and TLS show, made if it is not there.
    pub identity: PathBuf,
}

/// Why RADIUS is not served.
#[derive(Debug, thiserror::Error)]
pub enum RadiusError {
    /// An address.
    #[error("cannot listen for RADIUS on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// What all addresses have together.
    #[error("cannot begin with RADIUS: {0}")]
    Begin(#[source] io::Error),
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Connections.
    #[error(transparent)]
    Streams(#[from] StreamError),
}

/// Running listeners.
#[derive(Debug)]
pub(crate) struct Service {
    datagrams: Vec<RadiusServer>,
    streams: Option<StreamServer>,
    accounting: Vec<AccountingServer>,
}

impl Service {
    /// Binds and starts; connections are taken until `stopping` says otherwise.
    pub(crate) async fn start(
        config: RadiusConfig,
        parts: Parts,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Self, RadiusError> {
        let identity =
            certificate::load_or_create_for_devices(&config.identity, &config.addresses)?;
        let core = Core::start(&parts, Eap::new(&identity)?).map_err(RadiusError::Begin)?;
        let failed = |address| move |source| RadiusError::Listen { address, source };
        let datagrams: Result<_, _> = config
            .addresses
            .into_iter()
            .map(|address| RadiusServer::start(address, &parts, &core).map_err(failed(address)))
            .collect();
        let accounting: Result<_, _> = config
            .accounting
            .into_iter()
            .map(|address| {
                AccountingServer::start(address, &parts.store, &parts.traffics, &parts.debug)
                    .map_err(failed(address))
            })
            .collect();
        Ok(Self {
            datagrams: datagrams?,
            streams: StreamServer::start(&config.streams, identity, &parts, &core, stopping)
                .await?,
            accounting: accounting?,
        })
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.datagrams.iter().map(RadiusServer::address).collect()
    }

    pub(crate) fn streams(&self) -> &[StreamAddress] {
        self.streams.as_ref().map_or(&[], StreamServer::addresses)
    }

    pub(crate) fn accounting(&self) -> Vec<SocketAddr> {
        let accounting = self.accounting.iter();
        accounting.map(AccountingServer::address).collect()
    }

    /// Ends in order, after `stopping` has said so: what is decided is answered.
    pub(crate) async fn stop(self) {
        if let Some(streams) = self.streams {
            streams.stop().await;
        }
        let closed = tokio::task::spawn_blocking(move || {
            self.datagrams.into_iter().for_each(RadiusServer::stop);
            self.accounting.into_iter().for_each(AccountingServer::stop);
        });
        if closed.await.is_err() {
            warn!("a RADIUS listener did not end in order");
        }
    }
}
