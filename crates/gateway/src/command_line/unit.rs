//! The process that commands run in.

use std::sync::Arc;
use std::time::Instant;

use domain::unit::Ending;
use ident::ProductSerial;

use crate::certificates::Certificates;
use crate::ending::Endings;
use crate::radius_server::Traffics;
use crate::shelf::Shelf;
use crate::ssh::Ports;
use crate::web::CredentialGuesses;

/// What commands tell of the process, and how they end it.
#[derive(Debug)]
pub(crate) struct Unit {
    /// Its serial number.
    pub(crate) serial: ProductSerial,
    /// How it ended before, if it ended in order.
    pub(crate) last_end: Option<Ending>,
    /// When it started.
    pub(crate) started: Instant,
    /// What its RADIUS clients asked.
    pub(crate) traffics: Arc<Traffics>,
    /// Who showed wrong secrets of applications.
    pub(crate) guesses: Arc<CredentialGuesses>,
    /// How it is ended.
    pub(crate) endings: Endings,
    /// Where administrators come to over SSH.
    pub(crate) ssh_ports: Arc<Ports>,
    /// What its HTTPS listeners show.
    pub(crate) certificates: Arc<Certificates>,
    /// The configurations that it keeps.
    pub(crate) shelf: Shelf,
}
