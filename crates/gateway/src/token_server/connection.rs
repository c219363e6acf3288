//! Connections to token servers, kept for as long as the way to them and the own certificate stay the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use domain::unit::ServerRole;
use identity::{Identity, authorities};
use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::RootCertStore;
use tokio::sync::Mutex;

use super::route::{ProxyServer, Route, Server};
use crate::network::HttpNames;

/// A connection that takes longer is dead: the described round trip is a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer about 10,000 tokens takes the registry some seconds at most, and as long again on its way.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How servers are reached.
#[derive(Debug)]
pub(super) struct Connections {
    roots: RootCertStore,
    /// The directory of what `set ca-cert` names.
    certificates: PathBuf,
    names: HttpNames,
    direct: Mutex<Option<Kept>>,
    managers: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    way: Way,
    client: Client,
}

/// What a connection depends on. Another one is made when any of it changes: a session that is resumed
/// would go on with the old certificate.
#[derive(Debug)]
struct Way {
    proxy: Option<Arc<ProxyServer>>,
    authority: Option<(PathBuf, Option<SystemTime>)>,
    identity: Arc<Identity>,
}

impl PartialEq for Way {
    fn eq(&self, other: &Self) -> bool {
        self.proxy == other.proxy
            && self.authority == other.authority
            && Arc::ptr_eq(&self.identity, &other.identity)
    }
}

impl Connections {
    pub(super) fn new(roots: RootCertStore, certificates: PathBuf, names: HttpNames) -> Self {
        Self {
            roots,
            certificates,
            names,
            direct: Mutex::default(),
            managers: Mutex::default(),
        }
    }

    /// Who vouches for the token server and its gateways.
    pub(super) fn roots(&self) -> &RootCertStore {
        &self.roots
    }

    /// Connections to servers of this role; why there can be none.
    pub(super) async fn client(
        &self,
        route: &Route,
        role: ServerRole,
        identity: &Arc<Identity>,
    ) -> Result<Client, String> {
        let (kept, ca) = match role {
            ServerRole::Direct => (&self.direct, None),
            ServerRole::Manager => (&self.managers, route.managers_ca.as_deref()),
        };
        let authority = match ca {
            Some(name) => Some(self.file(name).await?),
            None => None,
        };
        let way = Way {
            proxy: route.proxy.clone(),
            authority,
            identity: Arc::clone(identity),
        };
        let mut kept = kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.way == way) {
            return Ok(kept.client.clone());
        }
        let client = self.connect(&way)?;
        *kept = Some(Kept {
            way,
            client: client.clone(),
        });
        Ok(client)
    }

    /// The way to a server for whoever connects, not kept.
    pub(super) async fn way(&self, route: &Route, server: &Server) -> Result<Open<'_>, String> {
        let roots = match (server.role, route.managers_ca.as_deref()) {
            (ServerRole::Manager, Some(name)) => authorities(&self.file(name).await?.0)?,
            _ => self.roots.clone(),
        };
        Ok(Open {
            connections: self,
            url: server.url.clone(),
            roots,
            proxy: route.proxy.clone(),
        })
    }

    fn connect(&self, way: &Way) -> Result<Client, String> {
        let roots = match &way.authority {
            Some((file, _)) => authorities(file)?,
            None => self.roots.clone(),
        };
        self.build(roots, way.proxy.as_deref(), &way.identity)
    }

    fn build(
        &self,
        roots: RootCertStore,
        proxy: Option<&ProxyServer>,
        identity: &Identity,
    ) -> Result<Client, String> {
        let tls = identity.tls(roots).map_err(|error| error.to_string())?;
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .dns_resolver(self.names.clone())
            // Seeds go over this connection: nothing that the environment or an answer names may see it.
            .no_proxy()
            // An administrator wants to see the server's certificate.
            .tls_info(true)
            .redirect(Policy::none());
        let built = match proxy {
            Some(proxy) => proxy.build().and_then(|proxy| builder.proxy(proxy).build()),
            None => builder.build(),
        };
        built.map_err(|error| error.to_string())
    }

    /// The file of this name, or of this name with `.pem` behind it, and when it was changed.
    async fn file(&self, name: &str) -> Result<(PathBuf, Option<SystemTime>), String> {
        let unusable = |why: &str| {
            let path = self.certificates.join(name);
            format!(
                "'set ca-cert' of central-management: {} {why}",
                path.display()
            )
        };
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(unusable("is no name of a file there"));
        }
        for name in [name.to_owned(), format!("{name}.pem")] {
            let path = self.certificates.join(name);
            if let Ok(found) = tokio::fs::metadata(&path).await {
                return Ok((path, found.modified().ok()));
            }
        }
        Err(unusable(
            "is not there: put the managers' authority in PEM there",
        ))
    }
}

/// A way that is not yet anybody's.
pub(super) struct Open<'a> {
    connections: &'a Connections,
    url: Box<str>,
    roots: RootCertStore,
    proxy: Option<Arc<ProxyServer>>,
}

impl identity::Way for Open<'_> {
    fn url(&self) -> &str {
        &self.url
    }

    fn connect(&self, identity: &Identity) -> Result<Client, String> {
        let roots = self.roots.clone();
        self.connections
            .build(roots, self.proxy.as_deref(), identity)
    }
}
