//! `symbolon.toml`: what a process needs before it has a store. All else is configuration in the
//! store.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use relay::web_push::services::PUBLIC_SERVICES;
use serde::Deserialize;

/// The file's name in the data directory.
pub(crate) const FILE: &str = "symbolon.toml";

/// What the file says before anybody changed it.
const TEMPLATE: &str = include_str!("symbolon.toml");

/// The file as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    pub(crate) store: Store,
    pub(crate) gateway: Gateway,
    pub(crate) registry: Registry,
    /// A file from before there were pushes has none.
    #[serde(default)]
    pub(crate) relay: Option<Relay>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Store {
    pub(crate) url: String,
    pub(crate) root_key: PathBuf,
    pub(crate) head_record: PathBuf,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Gateway {
    pub(crate) radius: Vec<SocketAddr>,
    #[serde(default = "radius_identity")]
    pub(crate) radius_identity: PathBuf,
    #[serde(default)]
    pub(crate) radius_tcp: Vec<SocketAddr>,
    #[serde(default)]
    pub(crate) radius_tls: Vec<SocketAddr>,
    #[serde(default = "radius_client_ca")]
    pub(crate) radius_client_ca: PathBuf,
    #[serde(default)]
    pub(crate) accounting: Vec<SocketAddr>,
    #[serde(default)]
    pub(crate) https: Vec<SocketAddr>,
    #[serde(default = "https_identity")]
    pub(crate) https_identity: PathBuf,
    pub(crate) console: PathBuf,
    /// A file from before there was SSH does not serve it.
    #[serde(default)]
    pub(crate) ssh: Vec<IpAddr>,
}

fn radius_identity() -> PathBuf {
    "gateway/radius.pem".into()
}

fn radius_client_ca() -> PathBuf {
    "certificates/radius-clients.pem".into()
}

fn https_identity() -> PathBuf {
    "gateway/https.pem".into()
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Registry {
    pub(crate) https: SocketAddr,
    pub(crate) public_url: String,
    /// It had no other name before.
    #[serde(default)]
    pub(crate) former_names: Vec<String>,
    /// Through the relay alone, until it is told where else.
    #[serde(default)]
    pub(crate) answer_urls: Vec<String>,
    /// As in the file that a new installation begins with.
    #[serde(default = "transfer_hosts")]
    pub(crate) transfer_hosts: Vec<String>,
    /// Nobody works at the desk over the network until it is told where.
    #[serde(default)]
    pub(crate) desk: Option<SocketAddr>,
    /// Browsers are shown what the installation's authority certified.
    #[serde(default)]
    pub(crate) certificate: Option<PathBuf>,
    #[serde(default)]
    pub(crate) key: Option<PathBuf>,
}

fn transfer_hosts() -> Vec<String> {
    ["own", "public"].map(str::to_owned).into()
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Relay {
    pub(crate) https: SocketAddr,
    pub(crate) public_url: String,
    /// Nothing goes through a browser's vendor until somebody wants that.
    #[serde(default)]
    pub(crate) web_push: Option<WebPush>,
    /// As under `[registry]`.
    #[serde(default)]
    pub(crate) certificate: Option<PathBuf>,
    #[serde(default)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WebPush {
    pub(crate) contact: String,
    #[serde(default = "push_services")]
    pub(crate) services: Vec<String>,
    #[serde(default)]
    pub(crate) private_addresses: Vec<IpAddr>,
    #[serde(default)]
    pub(crate) authorities: Option<PathBuf>,
}

fn push_services() -> Vec<String> {
    PUBLIC_SERVICES.map(str::to_owned).into()
}

impl Config {
    /// Reads the file of a data directory; the first time, writes it first.
    pub(crate) fn load_or_create(data: &Path) -> Result<Self> {
        if !data.join(FILE).exists() {
            Self::create(data, str::to_owned)?;
        }
        Self::load(data)
    }

    /// Writes the file that every installation begins with, changed by `change`.
    pub(crate) fn create(data: &Path, change: impl FnOnce(&str) -> String) -> Result<()> {
        store::private_file::create(&data.join(FILE), change(TEMPLATE).as_bytes())
            .context("the configuration cannot be written")
    }

    /// Reads the file of a data directory.
    pub(crate) fn load(data: &Path) -> Result<Self> {
        let path = data.join(FILE);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}; 'symbolon up' writes it", path.display()))?;
        let config: Self = toml::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        config.check(&path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<()> {
        if self.store.url != "sqlite" {
            bail!(
                "{}: [store] url is '{}'; this version has the embedded store only: url = \"sqlite\"",
                path.display(),
                self.store.url
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_configuration_that_listens_on_loopback_only() {
        let config: Config = toml::from_str(TEMPLATE).unwrap();
        assert!(
            config
                .gateway
                .radius
                .iter()
                .all(|address| address.ip().is_loopback())
        );
        assert!(config.gateway.ssh.iter().all(IpAddr::is_loopback));
        assert!(config.registry.https.ip().is_loopback());
        let relay = config.relay.unwrap();
        assert!(relay.https.ip().is_loopback());
        assert_eq!(relay.web_push, None);
        assert_eq!(config.registry.desk, None);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let text = TEMPLATE.replace("[gateway]", "[gateway]\nradious = 1");
        let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
        let line = text
            .lines()
            .position(|line| line.starts_with("radious"))
            .unwrap()
            + 1;
        assert!(error.contains(&format!("line {line}")), "{error}");
        assert!(error.contains("radious"), "{error}");
    }

    #[test]
    fn a_file_is_written_once_and_never_again() {
        let data = tempfile::tempdir().unwrap();
        let first = Config::load_or_create(data.path()).unwrap();
        let path = data.path().join(FILE);
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace(":1812", ":11812");
        std::fs::write(&path, text).unwrap();
        let second = Config::load_or_create(data.path()).unwrap();
        assert_ne!(first.gateway.radius, second.gateway.radius);
    }
}
