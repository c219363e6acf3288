//! What `diagnose debug application fnbamd` and `radiusd` show of a login.

use std::net::{IpAddr, SocketAddr};

use cli::debug::{Application, Source};
use domain::reason::Reason;

use super::clients::RadiusClient;
use crate::debug_log::DebugLog;
use crate::login::Attempt;

const LOGINS: Source = Source::Application(Application::Fnbamd);
const RADIUS: Source = Source::Application(Application::Radiusd);

/// The described system's results of a step of a login: searches in its logs rely on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Accepted,
    Denied(Reason),
    TokenCodeRequired,
}

impl Step {
    fn number(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::Denied(_) => 1,
            Self::TokenCodeRequired => 7,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Accepted => "success",
            Self::Denied(reason) => reason.id(),
            Self::TokenCodeRequired => "token code required",
        }
    }
}

/// The lines. Nothing secret is in them: no password, no code.
#[derive(Clone, Debug)]
pub(super) struct RadiusDebug(pub(super) DebugLog);

impl RadiusDebug {
    pub(super) fn received(&self, peer: SocketAddr, client: &RadiusClient, attempt: &Attempt) {
        self.0.raw(LOGINS, || {
            let user = String::from_utf8_lossy(&attempt.name);
            let (client, vdom, source) = (client.name(), client.vdom, &attempt.origin.source);
            let answers = if attempt.state.is_some() {
                ", answers a challenge"
            } else {
                ""
            };
            format!(
                "handle_req-Rcvd auth req from {peer} for {user} in {vdom} \
                 client {client} source {source}{answers}"
            )
        });
    }

    pub(super) fn decided(&self, peer: SocketAddr, step: Step) {
        self.0.raw(LOGINS, || {
            let (number, words) = (step.number(), step.words());
            format!("fnbam_auth_update_result return: {number} ({words}) to {peer}")
        });
    }

    pub(super) fn dropped(&self, address: IpAddr, why: &dyn std::fmt::Display) {
        self.0
            .raw(RADIUS, || format!("radiusd: dropped from {address}: {why}"));
    }
}
