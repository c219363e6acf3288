//! Whether a connection may come to the local address that it came to: `set allowaccess` of the
//! interface that has it.

use std::net::IpAddr;

use domain::interface::Service;
use store::gateway::GatewayStore;

use crate::interfaces;

/// What an address that no interface has is judged as: it came up since the host was asked.
const UNKNOWN: &str = "";

/// Whether `service` may be reached at a local address.
pub(crate) fn permits(store: &GatewayStore, local: IpAddr, service: Service) -> bool {
    let rules = store.allow_access();
    // Where no entry says no, the host need not be asked who has the address.
    if rules.is_open(service) {
        return true;
    }
    let interface = interfaces::with_address(local);
    rules.permits(interface.as_deref().unwrap_or(UNKNOWN), service)
}
