//! `[relay.web-push]`: how the push relay wakes apps that are closed.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use relay::web_push::Config;
use relay::web_push::services::PushService;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use store::private_file;

use crate::config::WebPush;

/// Phones subscribe under it: with another they would have to subscribe anew.
const KEY: &str = "web-push.key";
const SUBSCRIPTIONS: &str = "web-push";
/// A key on P-256 takes some 240 octets.
const KEY_MAX_BYTES: u64 = 4 << 10;

/// What a relay needs, with its files in `home`; makes its key the first time.
pub(crate) fn config(section: &WebPush, data: &Path, home: &Path) -> Result<Config> {
    let service = |text: &String| {
        PushService::parse(text).with_context(|| {
            format!(
                "[relay.web-push] services: '{text}' is no server and no domain, such as \"push.example.org\""
            )
        })
    };
    let services: Result<_> = section.services.iter().map(service).collect();
    let contact = &section.contact;
    if !["mailto:", "https:"]
        .iter()
        .any(|it| contact.starts_with(it))
    {
        bail!(
            "[relay.web-push] contact '{contact}': push services want a mailto: or https: address of whoever runs \
             the relay, such as \"mailto:admin@example.org\""
        );
    }
    let authorities = section.authorities.as_ref().map(|it| data.join(it));
    Ok(Config {
        subscriptions: home.join(SUBSCRIPTIONS),
        key: key(&home.join(KEY))?,
        contact: contact.clone(),
        services: services?,
        private_addresses: section.private_addresses.clone(),
        authorities: authorities.map_or_else(|| Ok(Vec::new()), |it| certificates(&it))?,
    })
}

fn key(path: &Path) -> Result<PrivatePkcs8KeyDer<'static>> {
    if !path.exists() {
        let made = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        private_file::create(path, made.serialize_pem().as_bytes())?;
    }
    let pem = private_file::read(path, KEY_MAX_BYTES)?;
    PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| {
        anyhow!(
            "{}: not a private key (PKCS #8, PEM); put a copy back, or remove it: phones then subscribe anew when \
             their apps are opened",
            path.display()
        )
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let named = || format!("[relay.web-push] authorities: {}", path.display());
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .with_context(named)?
        .collect();
    let certificates = read.with_context(named)?;
    if certificates.is_empty() {
        bail!("{}: there is no certificate (PEM) in it", named());
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> WebPush {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_relay_keeps_its_key_and_asks_public_services_alone() {
        let home = tempfile::tempdir().unwrap();
        let said = section("contact = 'mailto:admin@example.org'");
        let config = |said: &WebPush| config(said, home.path(), home.path());
        let (first, second) = (config(&said).unwrap(), config(&said).unwrap());
        assert_eq!(first.key, second.key);
        assert!(!first.services.is_empty() && first.private_addresses.is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let home = tempfile::tempdir().unwrap();
        for (text, named) in [
            ("contact = 'admin'", "contact 'admin'"),
            (
                "contact = 'https://example.org'\nservices = ['a/b']",
                "services: 'a/b'",
            ),
            (
                "contact = 'https://example.org'\nauthorities = 'none.pem'",
                "none.pem",
            ),
        ] {
            let error = config(&section(text), home.path(), home.path()).unwrap_err();
            assert!(format!("{error:#}").contains(named), "{error:#}");
        }
        assert!(toml::from_str::<WebPush>("services = []").is_err());
    }
}
