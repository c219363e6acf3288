//! A change of the configuration with what follows on the host. It is made whole: whoever asked may be gone
//! by then, with the very connection that the change is about.

use std::sync::Arc;

use domain::access::Authority;
use domain::admin::{AdminError, Operation, Report, Restore};
use domain::schema::CERTIFICATE_LOCAL;
use domain::vdom::Vdom;
use store::gateway::{Done, Extent, GatewayStore};
use store::{Failure, Undecided};

use super::host::Agreed;
use crate::certificates::{Certificates, Setting};
use crate::clock;
use crate::ssh::{Claim, Ports, Unbindable};

/// The store, and what of the host follows it.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) store: Arc<GatewayStore>,
    pub(super) ports: Arc<Ports>,
    pub(super) certificates: Arc<Certificates>,
}

impl Followed {
    /// Makes a change to which the host agrees.
    pub(super) async fn administer(
        self,
        operation: Operation,
        agreed: Agreed,
        by: Authority,
    ) -> Result<Done, Failure<AdminError>> {
        let entropy =
            clock::entropy().map_err(|error| Undecided::Unavailable(error.to_string().into()))?;
        let certificate = certificate_of(&operation);
        let now = clock::now();
        let made = tokio::spawn(async move {
            let done = self.store.administer(operation, entropy, by, now, None);
            let done = done.await?;
            agreed.take_effect();
            if let Some(name) = certificate {
                self.show_certificate(&name).await;
            }
            Ok(done)
        });
        made.await.unwrap_or(Err(Undecided::Stopped.into()))
    }

    /// Takes a configuration over, and has SSH served on the port that it says, if it can be.
    pub(super) async fn restore(
        self,
        restore: Restore,
        extent: Extent,
        by: Authority,
    ) -> Result<(Report, Result<(), Unbindable>), Undecided> {
        let now = clock::now();
        let made = tokio::spawn(async move {
            let report = self.store.restore(restore, extent, by, now).await?;
            let port = self.store.settings(Vdom::ROOT).administration.ssh_port;
            let claimed = self.ports.claim(port).await;
            let followed = claimed.map(Claim::take_effect);
            self.show_certificate("").await;
            Ok((report, followed))
        });
        made.await.unwrap_or(Err(Undecided::Stopped))
    }

    async fn show_certificate(&self, changed: &str) {
        if let Err(error) = self.certificates.changed(changed).await {
            tracing::warn!(%error, "the listeners go on with the certificate that they have");
        }
    }
}

/// The certificate that an operation may change; an empty name if it may change which one is shown.
fn certificate_of(operation: &Operation) -> Option<Box<str>> {
    let (table, name) = match operation {
        Operation::Configure { place, .. }
        | Operation::AddCertificate { place, .. }
        | Operation::Remove { place } => (place.table(), place.key()),
        Operation::Rename { place, to } | Operation::Clone { place, to } => {
            (place.table(), to.as_ref())
        }
        Operation::Purge { table, .. } => (*table, ""),
        _ => return None,
    };
    let is_shown = Setting::of(table).is_some() || table == &CERTIFICATE_LOCAL;
    is_shown.then(|| name.into())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::{IpAddr, Ipv4Addr};
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    use domain::admin::{Coverage, Edit, Incoming, Understood};
    use domain::schema::{GLOBAL, Place, Table, Value};
    use domain::time::Timestamp;
    use https::Chosen;
    use store::gateway::{ClockTrust, Location};
    use store::sealing::RootKey;
    use tempfile::TempDir;
    use tokio::net::TcpListener;
    use tokio::time::{sleep, timeout};

    use super::*;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::sign::CertifiedKey;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    struct Host {
        followed: Followed,
        chosen: Chosen,
        _home: TempDir,
    }

    async fn host() -> Host {
        let home = tempfile::tempdir().unwrap();
        let location = Location {
            database: home.path().join("gateway.db"),
            head: home.path().join("gateway.head"),
            clock: ClockTrust::Records,
        };
        let root = RootKey::load_or_create(&home.path().join("root.key")).unwrap();
        let store = Arc::new(GatewayStore::open(&location, &root, NOW).await.unwrap());
        let chosen = Chosen::default();
        let certificates = Certificates::open(&store, &chosen, home.path()).await;
        let followed = Followed {
            store,
            ports: Arc::new(Ports::at(vec![ADDRESS])),
            certificates: certificates.unwrap(),
        };
        Host {
            followed,
            chosen,
            _home: home,
        }
    }

    fn by() -> Authority {
        Authority::system("test")
    }

    fn set(table: &'static Table, name: &str, value: &str) -> Edit {
        Edit::Set(table.field(name).unwrap(), Value::Text(value.into()))
    }

    fn to_global(name: &str, value: &str) -> (Place, Vec<Edit>) {
        let place = Place::new(Vdom::ROOT, &GLOBAL, "");
        (place, vec![set(&GLOBAL, name, value)])
    }

    async fn free_port() -> u16 {
        let listener = TcpListener::bind((ADDRESS, 0)).await.unwrap();
        listener.local_addr().unwrap().port()
    }

    /// Whoever asked is gone as soon as the work has begun.
    async fn begun_and_dropped(asked: impl Future) {
        let mut asked = pin!(asked);
        poll_fn(|context| {
            let _ = asked.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
    }

    async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
        let waiting = async {
            while !is_so().await {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = timeout(Duration::from_secs(20), waiting).await;
        assert!(waited.is_ok(), "{what}");
    }

    async fn port_is_configured_and_bound(host: &Host, port: u16) {
        let store = &host.followed.store;
        until("the change is made", async || {
            store.settings(Vdom::ROOT).administration.ssh_port == port
        })
        .await;
        until("the port is bound for the SSH server", async || {
            TcpListener::bind((ADDRESS, port)).await.is_err()
        })
        .await;
    }

    #[tokio::test]
    async fn a_port_is_bound_for_whoever_is_gone_before_the_change_is_made() {
        let host = host().await;
        let port = free_port().await;
        let claim = host.followed.ports.claim(port).await;
        let agreed = Agreed::giving(claim.unwrap());
        let (place, edits) = to_global("admin-ssh-port", &port.to_string());
        let operation = Operation::Configure { place, edits };
        begun_and_dropped(host.followed.clone().administer(operation, agreed, by())).await;
        port_is_configured_and_bound(&host, port).await;
    }

    #[tokio::test]
    async fn a_port_is_bound_for_whoever_is_gone_before_a_configuration_is_restored() {
        let host = host().await;
        let port = free_port().await;
        let (place, edits) = to_global("admin-ssh-port", &port.to_string());
        let entry = Incoming {
            place,
            edits,
            understood: Understood::Whole,
        };
        let restore = Restore {
            origin: "test".into(),
            coverage: Coverage::Part,
            entries: vec![entry],
        };
        let followed = host.followed.clone();
        begun_and_dropped(followed.restore(restore, Extent::Apply, by())).await;
        port_is_configured_and_bound(&host, port).await;
    }

    #[tokio::test]
    async fn the_configured_certificate_is_shown_though_whoever_asked_is_gone() {
        let host = host().await;
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["unit.example".into()]);
        let certificate = certificate.unwrap().self_signed(&key).unwrap();
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = default_provider();
        let shown = CertifiedKey::from_der(vec![certificate.der().clone()], der, &provider);
        let shown = Arc::new(shown.unwrap());
        let is_shown = Arc::downgrade(&shown);
        host.chosen.show(Some(shown));
        let (place, edits) = to_global("hostname", "unit");
        let operation = Operation::Configure { place, edits };
        let followed = host.followed.clone();
        begun_and_dropped(followed.administer(operation, Agreed::default(), by())).await;
        until(
            "the certificate that nothing names is shown no more",
            async || is_shown.upgrade().is_none(),
        )
        .await;
    }
}
