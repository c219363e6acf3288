//! The gateway: users, tokens, the administrator's console and RADIUS.
//!
//! Thin drivers: [`radius_server`] brings logins, [`login`] takes them through `domain` and `store`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a shell: it owns the sockets, threads, clocks and random octets that the pure crates are denied"
)]

pub mod clock;
mod login;
pub mod radius_server;
pub mod udp;
