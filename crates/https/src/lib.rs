//! HTTPS listeners that hold out: connections are bounded in number, by host and in time, bodies in length
//! and time, and what is under way ends before the process does.
//!
//! What is served is an [`axum::Router`]; it finds who is at the other end in the request's extensions, as
//! [`Site::peer`] made it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a shell: it owns the sockets and the clock that the pure crates are denied"
)]

mod answering;
pub mod body;
mod certificates;
mod connections;
mod conversation;
pub mod files;
mod hosts;
mod lasting;
mod nonces;
pub mod open_network;
mod server;

pub use certificates::{
    ALPN_ACME, Audience, CHAIN_MAX, Certificates, Chosen, is_valid_for, paired,
};
pub use connections::{Connections, Places};
pub use hosts::{Hosts, Place, host_of};
pub use lasting::Lasting;
pub use nonces::{NoRandom, Nonces, NotOurs};
pub use server::{Site, anywhere, protocols, serve};
