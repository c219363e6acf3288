//! `certificate` and `key` under `[registry]` and `[relay]`: what browsers are shown by a role that runs apart.
//! Who renews the certificate puts other files in the place of these, and nothing is restarted.

use std::convert::Infallible;
use std::fs::{self, File};
use std::future;
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use domain::certificate::Validity;
use domain::time::{Span, Timestamp};
use domain::unit;
use gateway::clock;
use https::{CHAIN_MAX, Chosen, is_valid_for, paired};
use identity::certificate_of;
use registry::pki::host;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use softtoken::address::ServerUrl;
use store::private_file;

use crate::config::{self, Config};

/// The section that 'symbolon registry' reads.
pub(crate) const REGISTRY: &str = "[registry]";
/// The one that 'symbolon relay' reads.
pub(crate) const RELAY: &str = "[relay]";
/// So many certificates with the longest keys stay below half of it.
const MAX_PEM_BYTES: u64 = 64 << 10;
/// How soon renewed files are shown. The system is asked for the dates of two files.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// An ending certificate is told of once a day.
const TELL_EVERY: Span = Span::from_hours(24);

/// A certificate of the operator's own, if there is one; without it browsers are shown the installation's.
pub(crate) struct OwnCertificate {
    chosen: Chosen,
    followed: Option<Followed>,
}

/// A certificate that is shown.
struct Followed {
    files: Files,
    /// The files as they were read last.
    seen: [Option<Stamp>; 2],
    /// Why they could not be used when they were read last, as the log says.
    failed: Option<String>,
    shown: unit::Certificate,
    told: Option<Timestamp>,
}

/// Where it lies.
struct Files {
    /// The section that names them.
    section: &'static str,
    certificate: PathBuf,
    key: PathBuf,
    /// Where browsers go.
    public_url: ServerUrl,
}

/// What is another one once a file was written, replaced, or given to others to read: its number and the time of
/// its last change.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: u64,
    changed_s: i64,
    changed_ns: i64,
}

/// What stood in the files.
struct Pair {
    shown: CertifiedKey,
    details: unit::Certificate,
}

impl OwnCertificate {
    /// That of `[registry]`.
    pub(crate) fn of_token_server(data: &Path, config: &Config) -> Result<Self> {
        let config::Registry {
            certificate,
            key,
            public_url,
            ..
        } = &config.registry;
        let named = [certificate.as_ref(), key.as_ref()];
        Self::open(Files::named(REGISTRY, data, named, public_url)?)
    }

    /// That of `[relay]`.
    pub(crate) fn of_relay(data: &Path, section: &config::Relay) -> Result<Self> {
        let named = [section.certificate.as_ref(), section.key.as_ref()];
        Self::open(Files::named(RELAY, data, named, &section.public_url)?)
    }

    fn open(files: Option<Files>) -> Result<Self> {
        let chosen = Chosen::default();
        let followed = match files {
            Some(files) => Some(Followed::open(files, &chosen)?),
            None => None,
        };
        Ok(Self { chosen, followed })
    }

    /// What listeners show.
    pub(crate) fn chosen(&self) -> Chosen {
        self.chosen.clone()
    }

    /// Shows what the files are replaced by, for as long as the role runs. Files that cannot be used leave the
    /// listeners with what they show.
    pub(crate) async fn follow(self) -> Infallible {
        let Self { chosen, followed } = self;
        let Some(mut followed) = followed else {
            return future::pending().await;
        };
        loop {
            followed.look(&chosen, clock::now());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Where a gateway's configuration says what all listeners of the process show, files that say otherwise are
/// refused: nobody would know which of them counts.
pub(crate) fn refuse_beside_gateway(config: &Config) -> Result<()> {
    let Some(section) = naming(config).next() else {
        return Ok(());
    };
    bail!(
        "{}: certificate and key under {section} are for a token server or a relay that runs apart; here 'config \
         certificate local' says what browsers are shown (docs/certificates.md): put it in there, and take the two \
         lines out",
        config::FILE
    )
}

/// Tells of files that are named in another section than the role's own, if it has one: nothing comes of them.
pub(crate) fn warn_of_unread(config: &Config, own: Option<&str>) {
    for section in naming(config).filter(|section| Some(*section) != own) {
        tracing::warn!(
            "{}: certificate and key under {section} are not read here: 'symbolon registry' reads those under \
             {REGISTRY}, 'symbolon relay' those under {RELAY}, each in the file of its own data directory",
            config::FILE
        );
    }
}

/// The sections that have one of the two lines.
fn naming(config: &Config) -> impl Iterator<Item = &'static str> {
    let registry = &config.registry;
    let registry = registry.certificate.as_ref().or(registry.key.as_ref());
    let relay = config.relay.as_ref();
    let relay = relay.and_then(|it| it.certificate.as_ref().or(it.key.as_ref()));
    let named = [(REGISTRY, registry), (RELAY, relay)];
    let named = named.map(|(section, file)| file.map(|_| section));
    named.into_iter().flatten()
}

impl Followed {
    fn open(files: Files, chosen: &Chosen) -> Result<Self> {
        // Before they are read: what changes meanwhile is another stamp at the next look.
        let seen = files.stamps();
        let Pair { shown, details } = files.read()?;
        files.warn_of_names(&shown);
        chosen.show(Some(Arc::new(shown)));
        Ok(Self {
            files,
            seen,
            failed: None,
            shown: details,
            told: None,
        })
    }

    fn look(&mut self, chosen: &Chosen, now: Timestamp) {
        let stamps = self.files.stamps();
        // Dates are coarse: what was read half written may be whole by now under the same one.
        if stamps != self.seen || self.failed.is_some() {
            self.seen = stamps;
            self.replace(chosen);
        }
        self.warn_of_end(now);
    }

    fn replace(&mut self, chosen: &Chosen) {
        match self.files.read() {
            Ok(Pair { shown, details }) => {
                self.files.warn_of_names(&shown);
                chosen.show(Some(Arc::new(shown)));
                self.shown = details;
                self.failed = None;
                self.told = None;
                let file = self.files.certificate.display();
                tracing::info!(%file, "browsers are shown the renewed certificate");
            }
            Err(error) => {
                let why = crate::told(&error);
                if self.failed.as_ref() != Some(&why) {
                    tracing::warn!("browsers are shown the certificate of before: {why}");
                }
                self.failed = Some(why);
            }
        }
    }

    fn warn_of_end(&mut self, now: Timestamp) {
        let unit::Certificate {
            not_before,
            not_after,
            ..
        } = self.shown;
        let detail = match Validity::at(now, not_before, not_after) {
            Validity::Days(_) => return,
            Validity::NotYet => "it is not valid yet".to_owned(),
            Validity::Ending(days) => format!("it ends in {days} days: have it renewed"),
            Validity::Ended => "it has ended: browsers refuse it".to_owned(),
        };
        if self.told.is_some_and(|told| now.since(told) < TELL_EVERY) {
            return;
        }
        self.told = Some(now);
        let Files {
            section,
            certificate,
            ..
        } = &self.files;
        tracing::warn!("{section} certificate {}: {detail}", certificate.display());
    }
}

impl Files {
    /// Those that a section names, if it does; paths are relative to the data directory.
    fn named(
        section: &'static str,
        data: &Path,
        named: [Option<&PathBuf>; 2],
        public_url: &str,
    ) -> Result<Option<Self>> {
        let file = config::FILE;
        let (certificate, key) = match named {
            [None, None] => return Ok(None),
            [Some(certificate), Some(key)] => (certificate, key),
            [Some(_), None] => bail!(
                "{file}: {section} has 'certificate' and no 'key': name the file of its private key too"
            ),
            [None, Some(_)] => bail!(
                "{file}: {section} has 'key' and no 'certificate': name the file of its certificate too"
            ),
        };
        let public_url = ServerUrl::parse(public_url)
            .with_context(|| format!("{section} public-url '{public_url}'"))?;
        Ok(Some(Self {
            section,
            certificate: data.join(certificate),
            key: data.join(key),
            public_url,
        }))
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.certificate, &self.key].map(|file| Stamp::of(file))
    }

    /// Reads both; the key has to be that of the first certificate.
    fn read(&self) -> Result<Pair> {
        let Self {
            section,
            certificate,
            key,
            ..
        } = self;
        let (certificate, key) = (certificate.display(), key.display());
        let chain = self
            .chain()
            .with_context(|| format!("{section} certificate {certificate}"))?;
        let details = chain.first().and_then(|own| certificate_of(own));
        let details = details.ok_or_else(|| {
            anyhow!("{section} certificate {certificate}: the first is no certificate (X.509)")
        })?;
        let private = self.key().with_context(|| format!("{section} key {key}"))?;
        let shown = paired(chain, private).map_err(|error| {
            anyhow!("{section} certificate {certificate}: TLS cannot use it: {error}")
        })?;
        let shown = shown.ok_or_else(|| {
            anyhow!(
                "{section} certificate {certificate}: it belongs to another key than that of {key}; name the two \
                 that were made together, the server's own certificate first in its file"
            )
        })?;
        Ok(Pair { shown, details })
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>> {
        let mut pem = Vec::new();
        File::open(&self.certificate)?
            .take(MAX_PEM_BYTES + 1)
            .read_to_end(&mut pem)?;
        ensure!(
            pem.len() as u64 <= MAX_PEM_BYTES,
            "it is larger than {MAX_PEM_BYTES} octets, which no chain is: name the file of the certificate"
        );
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let chain = chain.context("its PEM is damaged: put it in once more")?;
        ensure!(
            !chain.is_empty(),
            "there is no certificate (PEM) in it: name the file with the server's own certificate and those of the \
             authorities behind it"
        );
        ensure!(
            chain.len() <= CHAIN_MAX,
            "there are more than {CHAIN_MAX} certificates in it: leave the server's own, which stands first, and \
             those between it and the root"
        );
        Ok(chain)
    }

    /// In PKCS #8 (RFC 5958), PKCS #1 (RFC 8017) or SEC 1 (RFC 5915).
    fn key(&self) -> Result<PrivateKeyDer<'static>> {
        let pem = private_file::read(&self.key, MAX_PEM_BYTES)?;
        PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
            anyhow!(
                "there is no private key (PEM) in it that opens without a password; 'openssl pkcs8 -topk8 -nocrypt \
                 -in FILE' opens one"
            )
        })
    }

    /// Browsers that come to a name which is not in it are shown another, so its administrator would wonder.
    fn warn_of_names(&self, shown: &CertifiedKey) {
        let host = host(self.public_url.name());
        if host.parse::<IpAddr>().is_err() && is_valid_for(shown, host) {
            return;
        }
        tracing::warn!(
            "{} certificate {}: who comes to {host}, as public-url says, is not shown it: public-url has to be a \
             name that is in it",
            self.section,
            self.certificate.display()
        );
    }
}

impl Stamp {
    /// None for a file that the system does not tell of.
    fn of(file: &Path) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        Some(Self {
            file: metadata.ino(),
            changed_s: metadata.ctime(),
            changed_ns: metadata.ctime_nsec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    /// A certificate and its key, in PEM.
    fn pair(name: &str) -> [String; 2] {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
        let subject = &mut parameters.distinguished_name;
        subject.push(DnType::CommonName, name);
        let certificate = parameters.self_signed(&key).unwrap();
        [certificate.pem(), key.serialize_pem()]
    }

    #[test]
    fn files_that_could_not_be_used_are_read_again() {
        let home = tempfile::tempdir().unwrap();
        let named = ["certificate", "key"].map(PathBuf::from);
        let [certificate, key] = &named;
        let put = |file: &Path, text: &str| {
            private_file::replace(&home.path().join(file), text.as_bytes()).unwrap();
        };
        let [before, before_key] = pair("before.example.org");
        put(certificate, &before);
        put(key, &before_key);
        let files = Files::named(
            REGISTRY,
            home.path(),
            [Some(certificate), Some(key)],
            "https://before.example.org",
        );
        let (chosen, now) = (Chosen::default(), clock::now());
        let mut followed = Followed::open(files.unwrap().unwrap(), &chosen).unwrap();

        let [renewed, renewed_key] = pair("renewed.example.org");
        put(certificate, &renewed);
        followed.look(&chosen, now);
        let why = followed.failed.clone().unwrap();
        assert!(why.contains("it belongs to another key"), "{why}");
        assert!(followed.shown.subject.contains("before.example.org"));

        // It became whole within the same date.
        put(key, &renewed_key);
        followed.seen = followed.files.stamps();
        followed.look(&chosen, now);
        assert_eq!(followed.failed, None);
        assert!(followed.shown.subject.contains("renewed.example.org"));
    }
}
