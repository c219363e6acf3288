//! The push relay, as the token server names it.

use ident::ProductSerial;
use reqwest::Client;
use softtoken::address::ServerUrl;
use softtoken::mobile::{MobileRelayRequest, MobileRequest, MobileResponse};
use softtoken::{MOBILE_PATH, MobileVersion};

use domain::unit::ServerRole;
use domain::user::Switch;

use super::{AskError, Route, TokenServer, answered};

/// What this gateway says it is where apps say theirs.
const VERSION: &str = "gateway";

impl TokenServer {
    /// This gateway's serial.
    pub(crate) fn serial(&self) -> ProductSerial {
        self.identity.product()
    }

    /// Where the push relay is, if there is one. Managers pass no such question on: the token server itself is
    /// asked.
    pub(crate) async fn relay(&self) -> Result<Option<ServerUrl>, AskError> {
        let route = self.route().await?;
        let server = route
            .servers
            .iter()
            .find(|server| server.role == ServerRole::Direct)
            .ok_or(AskError::NoServer)?;
        let version = MobileVersion::parse(VERSION).map_err(|error| {
            AskError::Unprepared(format!("the version of this gateway {error}"))
        })?;
        let request = MobileRequest::Relay(MobileRelayRequest { version });
        let url = format!("{}{MOBILE_PATH}", server.url);
        let post = self.client(&route, server).await?.post(url);
        let body = answered(server, post, request.to_json().as_bytes()).await?;
        match MobileResponse::parse(&body)? {
            MobileResponse::Relay(answer) => {
                let refused = |error: softtoken::WireError| AskError::Unprepared(error.to_string());
                answer.outcome.map_err(refused)
            }
            _ => Err(AskError::Mismatched),
        }
    }

    /// Connections to what the token server's authority vouches for; through the proxy of `system fortiguard`
    /// if that is wanted.
    pub(crate) async fn relay_client(&self, proxy: Switch) -> Result<Client, AskError> {
        let route = self.route().await?;
        let route = Route {
            proxy: route.proxy.filter(|_| proxy == Switch::Enable),
            ..route
        };
        let identity = self.identity.identity();
        let client = self
            .connections
            .client(&route, ServerRole::Direct, &identity);
        client.await.map_err(AskError::Unprepared)
    }
}
