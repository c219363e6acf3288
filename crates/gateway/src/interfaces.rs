//! The host's network interfaces: `config system interface` has what administrators set for them, the
//! host has their addresses.

use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::SockaddrStorage;

/// One address of one interface.
struct Assigned {
    interface: String,
    address: IpAddr,
}

/// All addresses of all interfaces that are up or down; none if the host does not tell.
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
    })
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
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
