//! The token server: products, licences, provisioning and activation, over HTTPS.
//!
//! A thin driver: requests are `softtoken`'s, decisions `domain::licensing`'s, memory `store`'s.
//!
//! - [`Registry`]: open, then run.
//! - [`Desk`]: customer service; [`DeskApi`]: the same for agents over the network.
//! - [`pki`]: the installation's certificates.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a shell: it owns the sockets, the files and the clock that the pure crates are denied"
)]

mod answer;
mod clock;
mod desk;
mod desk_api;
mod enrol;
mod floor;
mod hardware;
mod http;
pub mod inbound;
mod manager;
mod mobile;
mod pace;
mod phone;
pub mod pki;
mod process;
mod refusals;
mod registry;
mod reserve;
mod revocations;
mod transfer;
mod transfer_hosts;
mod tries;
mod vouched;
mod ways;
mod web_app;

pub use clock::Clock;
pub use desk::{
    AccountSheet, Certified, Desk, DeskError, HARDWARE_HEAD, HardwareLine, HardwareSheet,
    LicenceSheet, LookSheet, NothingFound, ProductSheet, ReserveSheet, SettledSheet, TICKETS_HEAD,
    TicketLine, TicketTable, TokenSheet, licence_state, line_standing, token_status,
};
pub use desk_api::{
    Content, DESK_PATH, Declined, DeskApi, DeskCommands, Done, Progress, WITH_TEXT,
};
pub use http::{GATEWAY_CERTIFICATE_HEADER, MESSAGE_ID_HEADER};
pub use manager::{Manager, ManagerConfig, ReserveDesk};
pub use registry::{Config, OpenError, Registry};
pub use transfer_hosts::{TransferHosts, UnknownHost};
