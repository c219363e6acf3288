//! The clients in force, with their secrets ready for use.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use domain::client::{Client, GroupAttribute, Methods, Requirement, Transport};
use domain::login::CodePosition;
use domain::schema::Subnet;
use domain::security::Profile;
use domain::time::Timestamp;
use domain::vdom::Vdom;
use radius::Secret;
use store::gateway::GatewayStore;

use super::admission::By;
use super::traffic::{Counted, Tally, Traffics};

/// The secret of everybody within TLS, which is what protects there (RFC 6614, 2.3).
const OVER_TLS: &[u8] = b"radsec";

/// A client whose secret is keyed for hiding and signing.
pub(super) struct RadiusClient {
    pub(super) vdom: Vdom,
    name: Box<str>,
    subnet: Subnet,
    transport: Transport,
    certificate_name: Box<str>,
    pub(super) requirement: Requirement,
    pub(super) position: CodePosition,
    pub(super) methods: Methods,
    pub(super) eap_methods: Box<[eap::Method]>,
    pub(super) group_attributes: Box<[GroupAttribute]>,
    pub(super) secret: Secret,
    tally: Arc<Tally>,
}

impl RadiusClient {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn asks_by(&self, by: By<'_>) -> bool {
        let is_named = match by {
            By::Tls(peer) => peer.names.contains(&self.certificate_name),
            By::Udp | By::Tcp => true,
        };
        self.transport == by.transport() && is_named
    }

    pub(super) fn count(&self, counted: Counted) {
        self.tally.count(counted);
    }

    pub(super) fn seen(&self, now: Timestamp) {
        self.tally.seen(now);
    }
}

/// Who asks though no client does, from there and by this.
pub(super) enum Stranger<'a> {
    Nobody,
    /// A client, by another transport than its own.
    By {
        client: &'a str,
        lacks: Transport,
        its_own: Vec<Transport>,
    },
}

impl Stranger<'_> {
    /// What is to be typed if it should be heard.
    pub(super) fn next_step(&self) -> String {
        match self {
            Self::Nobody => "config user radius-client".to_owned(),
            Self::By { client, lacks, .. } => {
                let lacks = lacks.word();
                format!("config user radius-client / edit {client} / append transport {lacks}")
            }
        }
    }
}

impl fmt::Display for Stranger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("no client has this address"),
            Self::By {
                client,
                lacks,
                its_own,
            } => {
                let its_own: Vec<&str> = its_own.iter().map(|own| own.word()).collect();
                let (lacks, its_own) = (lacks.word(), its_own.join(" "));
                write!(
                    f,
                    "client '{client}' has this address and comes by {lacks}, but has 'set transport {its_own}'"
                )
            }
        }
    }
}

/// The configuration as it was when a batch arrived.
pub(super) struct Clients {
    source: Arc<[Client]>,
    profile: Profile,
    traffics: Arc<Traffics>,
    ready: Vec<Arc<RadiusClient>>,
    authenticating: Arc<HashSet<IpAddr>>,
}

impl Clients {
    pub(super) fn load(store: &GatewayStore, traffics: Arc<Traffics>) -> Self {
        let (source, profile) = (store.clients(), store.settings(Vdom::ROOT).profile);
        Self {
            ready: ready(&source, profile, &traffics),
            source,
            profile,
            traffics,
            authenticating: store.authenticating(),
        }
    }

    /// Takes over a configuration that changed meanwhile.
    pub(super) fn refresh(&mut self, store: &GatewayStore) {
        let (source, profile) = (store.clients(), store.settings(Vdom::ROOT).profile);
        if !Arc::ptr_eq(&source, &self.source) || profile != self.profile {
            self.ready = ready(&source, profile, &self.traffics);
            (self.source, self.profile) = (source, profile);
        }
        self.authenticating = store.authenticating();
    }

    /// Whether any client asks from `address` by this transport.
    pub(super) fn asks(&self, address: IpAddr, by: Transport) -> bool {
        let mut ready = self.ready.iter();
        ready.any(|client| client.transport == by && client.subnet.contains(address))
    }

    /// Why nobody asks from `address` by this transport.
    pub(super) fn stranger(&self, address: IpAddr, by: Transport) -> Stranger<'_> {
        let theirs = self.ready.iter();
        let theirs = theirs.filter(|client| client.subnet.contains(address));
        let Some(client) = theirs.max_by_key(|client| client.subnet.bits()) else {
            return Stranger::Nobody;
        };
        let same = |other: &RadiusClient| (other.vdom, &other.name) == (client.vdom, &client.name);
        let its_own = self.ready.iter().filter(|other| same(other));
        let its_own: Vec<Transport> = its_own.map(|client| client.transport).collect();
        if its_own.contains(&by) {
            return Stranger::Nobody;
        }
        Stranger::By {
            client: &client.name,
            lacks: by,
            its_own,
        }
    }

    /// The client that asks from `address` by this: the one with the longest prefix that contains it.
    pub(super) fn at(&self, address: IpAddr, by: By<'_>) -> Option<&Arc<RadiusClient>> {
        self.ready
            .iter()
            .filter(|client| client.subnet.contains(address) && client.asks_by(by))
            .max_by_key(|client| client.subnet.bits())
    }

    /// Whether this address has sent a valid Message-Authenticator before.
    pub(super) fn has_authenticated(&self, address: IpAddr) -> bool {
        self.authenticating.contains(&address)
    }
}

fn ready(clients: &[Client], profile: Profile, traffics: &Traffics) -> Vec<Arc<RadiusClient>> {
    traffics.keep(|vdom, name| {
        let mut clients = clients.iter();
        clients.any(|client| client.vdom == vdom && &*client.name == name)
    });
    clients
        .iter()
        .flat_map(|client| {
            client
                .transports
                .iter()
                .map(move |transport| (client, *transport))
        })
        .filter_map(|(client, transport)| {
            let secret = match transport {
                Transport::Udp | Transport::Tcp => client.secret.expose(),
                Transport::Tls => OVER_TLS,
            };
            // An empty secret cannot be configured.
            let secret = Secret::new(secret).ok()?;
            Some(Arc::new(RadiusClient {
                vdom: client.vdom,
                name: client.name.clone(),
                subnet: client.subnet,
                transport,
                certificate_name: client.certificate_name.clone(),
                requirement: client.requirement.under(profile),
                position: client.position,
                methods: client.methods.clone(),
                eap_methods: super::eap::methods(client),
                group_attributes: client.group_attributes.clone(),
                secret,
                tally: traffics.of(client.vdom, &client.name),
            }))
        })
        .collect()
}
