//! What a person gives to have a token added: an activation code, a link, or a picture of one.

use crate::args::Add;
use crate::contents::{Server, Trust};
use crate::error::AppError;
use crate::qr;
use crate::run::{MAX_TEXT_FILE_BYTES, read_named};
use ident::{ActivationCode, OpaqueCode};
use otp::export_code::{self, ExportCode, ExportCodeError};
use otp::{KeyUri, KeyUriError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use softtoken::address::ServerUrl;
use softtoken::link::{ActivationLink, LinkSecret, SpkiPin};
use std::env;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A picture of a QR code, perhaps a photograph.
const MAX_PICTURE_FILE_BYTES: usize = 32 << 20;

/// What is to be added.
pub(crate) enum Offer {
    /// A token server's token.
    Activation(Source),
    /// Other issuers': one, or all of an export code.
    Foreign(ExportCode),
}

/// What an activation starts from.
pub(crate) struct Source {
    pub(crate) code: OpaqueCode,
    pub(crate) link_secret: Option<LinkSecret>,
    pub(crate) server: Option<Server>,
}

impl Offer {
    /// What the command line names.
    pub(crate) fn of(add: &Add) -> Result<Self, AppError> {
        match (&add.code, &add.qr, &add.qr_text) {
            (Some(code), _, _) => Source::typed(code, add).map(Self::Activation),
            (_, Some(path), _) => Self::scanned(&text_of_picture(path)?),
            (_, _, Some(text)) => Self::scanned(text),
            (None, None, None) => Err(AppError::NoServer),
        }
    }

    /// What a person typed or pasted: a link, an activation code, or the path of a picture.
    pub(crate) fn read(text: &str) -> Result<Self, AppError> {
        let text = text.trim();
        if text.contains("://") {
            return Self::scanned(text);
        }
        match ActivationCode::parse(text) {
            Ok(code) => Ok(Self::Activation(Source::of(&code, None))),
            Err(_) if is_path(text) => Self::scanned(&text_of_picture(&path_of(text))?),
            Err(error) => Err(error.into()),
        }
    }

    fn scanned(text: &str) -> Result<Self, AppError> {
        match (KeyUri::parse_foreign(text), export_code::parse(text)) {
            (Err(KeyUriError::Scheme), Err(ExportCodeError::Scheme)) => {
                Source::scanned(text).map(Self::Activation)
            }
            (Err(KeyUriError::Scheme), exported) => Ok(Self::Foreign(exported?)),
            (uri, _) => Ok(Self::Foreign(ExportCode {
                tokens: vec![uri?],
                batch: None,
            })),
        }
    }
}

impl Source {
    fn typed(code: &str, add: &Add) -> Result<Self, AppError> {
        let code = ActivationCode::parse(code)?;
        let server = match &add.server {
            None => None,
            Some(url) => Some(Server {
                url: ServerUrl::parse(url)?,
                trust: trust(add)?,
            }),
        };
        Ok(Self::of(&code, server))
    }

    fn of(code: &ActivationCode, server: Option<Server>) -> Self {
        Self {
            code: wire_form(code),
            link_secret: None,
            server,
        }
    }

    fn scanned(text: &str) -> Result<Self, AppError> {
        let ActivationLink {
            code,
            secret,
            server,
            pin,
        } = ActivationLink::parse(text)?;
        let server = Server {
            url: server,
            trust: Trust::Pin(pin),
        };
        Ok(Self {
            code: wire_form(&code),
            link_secret: Some(secret),
            server: Some(server),
        })
    }
}

fn wire_form(code: &ActivationCode) -> OpaqueCode {
    OpaqueCode::from_bytes(*code.opaque().as_bytes())
}

fn trust(add: &Add) -> Result<Trust, AppError> {
    match (&add.ca, &add.pin) {
        (Some(path), _) => {
            let pem = read_named(path, MAX_TEXT_FILE_BYTES)?;
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem)
                .map(|certificate| certificate.map(|der| der.to_vec()))
                .collect();
            let certificates = certificates.ok().filter(|found| !found.is_empty());
            let none = || AppError::NoCertificate(path.clone());
            certificates.map(Trust::Authorities).ok_or_else(none)
        }
        (None, Some(pin)) => Ok(Trust::Pin(SpkiPin::parse(pin)?)),
        (None, None) => Err(AppError::NoTrust),
    }
}

/// No activation code has a dot or a slash, and the name of a picture has.
fn is_path(text: &str) -> bool {
    text.contains(['/', '.'])
}

/// A path as it is typed, or as a terminal pastes the file that is dropped on it.
fn path_of(text: &str) -> PathBuf {
    let unquoted = ['\'', '"']
        .iter()
        .find_map(|&quote| text.strip_prefix(quote)?.strip_suffix(quote));
    let path = unquoted.unwrap_or(text);
    let below_home = path.strip_prefix("~/").zip(env::home_dir());
    below_home.map_or_else(|| path.into(), |(below, home)| home.join(below))
}

fn text_of_picture(path: &Path) -> Result<Zeroizing<String>, AppError> {
    let png = read_named(path, MAX_PICTURE_FILE_BYTES)?;
    qr::text_of_png(&png).map_err(|reason| AppError::Picture {
        path: path.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "symbolon://activate?v=1&c=EEIMCUO6X6DF4BL3&k=4HROHZHF43T6R2PK5PWO33XP6A\
        &s=https://tokens.example.org:8443&p=ERERERERERERERERERERERERERERERERERERERERERE";

    #[test]
    fn what_is_typed_is_a_link_a_code_or_a_picture() {
        let server = |text: &str| match Offer::read(text) {
            Ok(Offer::Activation(source)) => source.server.map(|it| it.url.to_string()),
            _ => panic!("{text} is no activation"),
        };
        let here = Some("https://tokens.example.org:8443".to_owned());
        assert_eq!(server(LINK), here);
        assert_eq!(server(&format!("  {LINK}\r\n")), here);
        assert_eq!(server("EEIMCUO6X6DF4BL3"), None);
        let foreign = Offer::read("otpauth://totp/Bank:alice?secret=JBSWY3DPEHPK3PXP&issuer=Bank");
        assert!(matches!(foreign, Ok(Offer::Foreign(code)) if code.tokens.len() == 1));
    }

    #[test]
    fn what_is_none_of_them_is_refused_as_what_it_looks_like() {
        let refused = |text| match Offer::read(text) {
            Ok(_) => panic!("{text} is taken"),
            Err(error) => error,
        };
        assert!(matches!(refused("EEIMCUO6X6DF4BL"), AppError::Code(_)));
        assert!(matches!(
            refused("symbolon://activate?v=1"),
            AppError::Link(_)
        ));
        assert!(matches!(refused("https://example.org/"), AppError::Link(_)));
        assert!(matches!(refused("otpauth://totp/"), AppError::KeyUri(_)));
        assert!(matches!(
            refused("otpauth-migration://offline?data=AA"),
            AppError::ExportCode(_)
        ));
        let missing = refused("'/nowhere/code.png'").to_string();
        assert!(
            missing.starts_with("cannot open /nowhere/code.png"),
            "{missing}"
        );
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(matches!(refused(manifest), AppError::Picture { .. }));
    }

    #[test]
    fn a_path_is_taken_as_a_terminal_pastes_it() {
        let home = env::home_dir().unwrap();
        for (typed, path) in [
            ("/tmp/my code.png", PathBuf::from("/tmp/my code.png")),
            ("'/tmp/my code.png'", PathBuf::from("/tmp/my code.png")),
            ("\"/tmp/code.png\"", PathBuf::from("/tmp/code.png")),
            ("code.png", PathBuf::from("code.png")),
            ("~/code.png", home.join("code.png")),
        ] {
            assert!(is_path(typed) && path_of(typed) == path, "{typed}");
        }
    }
}
