//! What administrators may do.

/// The profile that may do everything.
pub const SUPER_ADMIN: &str = "super_admin";

/// A part of the configuration and of the commands, as access profiles grant it:
/// `config system accprofile`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Area {
    /// `authgrp`: users, tokens, RADIUS clients.
    Authentication,
    /// `sysgrp`: the unit itself.
    System,
    /// `loggrp`: log settings and the event log.
    Log,
}
