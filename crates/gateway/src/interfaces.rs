//! The host's network interfaces: `config system interface` has what administrators set for them, the
//! host has their addresses.

use std::net::{IpAddr, Ipv4Addr};

use domain::access::Authority;
use domain::admin::Operation;
use domain::schema::{INTERFACE, Object, Place};
use domain::vdom::Vdom;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::SockaddrStorage;
use store::Failure;
use store::gateway::GatewayStore;
use tracing::warn;

use crate::clock;

/// Longest name of an interface on this system: `IFNAMSIZ` without its NUL.
const NAME_MAX: usize = 15;

/// One address of one interface.
struct Assigned {
    interface: String,
    address: IpAddr,
    mask: Option<IpAddr>,
}

/// All addresses of all interfaces; none if the host does not tell.
fn assigned() -> Vec<Assigned> {
    let Ok(addresses) = getifaddrs() else {
        return Vec::new();
    };
    addresses.filter_map(|it| assigned_one(&it)).collect()
}

fn assigned_one(it: &InterfaceAddress) -> Option<Assigned> {
    Some(Assigned {
        interface: it.interface_name.clone(),
        address: ip(it.address.as_ref()?)?,
        mask: it.netmask.as_ref().and_then(ip),
    })
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

/// The host's interfaces, also those without an address.
pub(crate) fn names() -> Vec<Box<str>> {
    let addresses = getifaddrs().into_iter().flatten();
    let mut names: Vec<Box<str>> = addresses.map(|it| it.interface_name.into()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether the host has an interface.
pub(crate) fn exists(interface: &str) -> bool {
    names().iter().any(|name| **name == *interface)
}

/// The addresses of an interface by which the host can be reached: none that hold on one link only.
pub(crate) fn addresses_of(interface: &str) -> Vec<IpAddr> {
    let is_link_local = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let assigned = assigned().into_iter();
    assigned
        .filter(|it| it.interface == interface && !is_link_local(it.address))
        .map(|it| it.address)
        .collect()
}

/// The interface that has a local address. All of 127.0.0.0/8 is local, of which the loopback interface
/// lists one.
pub(crate) fn with_address(local: IpAddr) -> Option<String> {
    let local = local.to_canonical();
    let assigned = assigned();
    let has_it = |it: &&Assigned| it.address == local;
    let is_loopback = |it: &&Assigned| local.is_loopback() && it.address.is_loopback();
    let mut found = assigned.iter().filter(has_it);
    found
        .next()
        .or_else(|| assigned.iter().find(is_loopback))
        .map(|it| it.interface.clone())
}

/// An entry of any table as it is shown: an interface with the address that the host has given it.
pub(crate) fn shown(entry: Object) -> Object {
    if entry.table != &INTERFACE {
        return entry;
    }
    let assigned = assigned().into_iter();
    let mut of_entry = assigned.filter(|it| *it.interface == *entry.key && it.address.is_ipv4());
    let Some(first) = of_entry.next() else {
        return entry;
    };
    let mask = first.mask.unwrap_or(IpAddr::V4(Ipv4Addr::BROADCAST));
    entry.with("ip", Some(&format!("{} {mask}", first.address)))
}

/// Gives each interface of the host an entry, so that it can be seen and referred to.
pub(crate) async fn register(store: &GatewayStore) {
    for name in names().into_iter().filter(|name| name.len() <= NAME_MAX) {
        let place = Place::new(Vdom::ROOT, &INTERFACE, name);
        if !matches!(store.object(place.clone()).await, Ok(None)) {
            continue;
        }
        if let Err(error) = add(store, place.clone()).await {
            warn!(
                interface = place.key(),
                error, "an interface of the host is not listed"
            );
        }
    }
}

async fn add(store: &GatewayStore, place: Place) -> Result<(), String> {
    let operation = Operation::Configure {
        place,
        edits: Vec::new(),
    };
    let entropy = clock::entropy().map_err(|error| error.to_string())?;
    let by = Authority::system("interfaces");
    let done = store.administer(operation, entropy, by, clock::now(), None);
    match done.await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(error)) => Err(error.to_string()),
        Err(Failure::Undecided(why)) => Err(why.to_string()),
    }
}
