//! `diagnose debug application fnbamd`: the steps of a check, in the described system's words and
//! without anything secret.

use std::fmt;

use domain::backend::{BackendName, Kind, Server};

use super::{Answer, Fault, SOURCE, Said};
use crate::debug_log::DebugLog;

/// The steps of one check.
pub(super) struct Steps<'a> {
    log: &'a DebugLog,
    backend: &'a BackendName,
}

impl<'a> Steps<'a> {
    pub(super) fn new(log: &'a DebugLog, backend: &'a BackendName) -> Self {
        Self { log, backend }
    }

    /// A step: `function-message`.
    pub(super) fn say(&self, function: &str, message: fmt::Arguments<'_>) {
        self.log.raw(SOURCE, || format!("{function}-{message}"));
    }

    pub(super) fn received(&self, login: &str) {
        let name = &self.backend.name;
        self.say(
            "handle_req",
            format_args!("Rcvd auth req for {login} in {name}"),
        );
        let (function, kind) = match self.backend.kind {
            Kind::Ldap => ("__fnbamd_cfg_get_ldap_list_by_server", "LDAP"),
            Kind::Radius => ("__fnbamd_cfg_get_radius_list_by_server", "RADIUS"),
        };
        self.say(function, format_args!("Loading {kind} server '{name}'"));
    }

    pub(super) fn fault(&self, server: &Server, fault: &Fault) {
        let (name, host) = (&self.backend.name, &server.host);
        let function = match self.backend.kind {
            Kind::Ldap => "fnbamd_ldap_auth",
            Kind::Radius => "fnbamd_radius_auth",
        };
        self.say(function, format_args!("server '{name}' {host}: {fault}"));
    }

    /// 0 is yes, 1 is no, 3 is neither.
    pub(super) fn ended(&self, answer: &Answer) {
        let result = match answer {
            Answer::Said { said, .. } => match said {
                Said::Right(_) => 0,
                Said::Expired(_)
                | Said::Wrong(_)
                | Said::Nobody(_)
                | Said::Held(..)
                | Said::Challenge => 1,
            },
            Answer::None(_) => 3,
        };
        self.say(
            "fnbamd_comm_send_result",
            format_args!("Sending result {result} (error 0)"),
        );
    }
}
