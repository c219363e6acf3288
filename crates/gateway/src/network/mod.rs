//! What the command line tries at the network: names, echoes, connections.

mod dns;
mod echo;
mod hosts;
pub(crate) mod tftp;

pub(crate) use dns::{HttpNames, UnitResolver};
pub(crate) use echo::{EchoSocket, Reply};
pub(crate) use hosts::{Endpoint, Found, Hosts, NotFound};

/// What the system says of an error, without the number that Rust adds.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}
