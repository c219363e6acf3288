//! What people are told: the texts and what is filled into them.

use std::borrow::Cow;

use super::template::{fill, html, plain};
use crate::qr::Qr;

/// Something that a person is told.
#[derive(Clone, Copy)]
pub(crate) enum Matter<'a> {
    /// How to activate a token.
    Activation(Activation<'a>),
    /// The code for a login.
    Login(LoginCode<'a>),
}

/// What a person needs to log in.
#[derive(Clone, Copy)]
pub(crate) struct LoginCode<'a> {
    /// What to type.
    pub(crate) code: &'a str,
    /// For how long it is good.
    pub(crate) seconds: i64,
}

/// What a person needs to activate a token.
#[derive(Clone, Copy)]
pub(crate) struct Activation<'a> {
    /// The person.
    pub(crate) user: &'a str,
    /// What to type.
    pub(crate) code: &'a str,
    /// What to scan.
    pub(crate) link: &'a str,
    /// Until when, in words.
    pub(crate) expires: &'a str,
}

/// It as a mail.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) page: Option<Page>,
}

/// The same as a page, for those who read mails so.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) html: String,
    /// A PNG file, which the page shows as `cid:activation`.
    pub(super) picture: Vec<u8>,
}

impl Matter<'_> {
    /// The mail.
    pub(super) fn letter(&self) -> Letter {
        let (subject, text, page) = match self {
            Self::Activation(activation) => (
                "Activate your token",
                include_str!("texts/activation.txt"),
                self.page(activation),
            ),
            Self::Login(_) => ("Your login code", include_str!("texts/login.txt"), None),
        };
        Letter {
            subject: subject.to_owned(),
            text: fill(text, &self.values(), plain).replace('\n', "\r\n"),
            page,
        }
    }

    fn page(&self, activation: &Activation<'_>) -> Option<Page> {
        let template = include_str!("texts/activation.html");
        Some(Page {
            html: fill(template, &self.values(), html),
            picture: Qr::of(activation.link)?.png()?,
        })
    }

    /// The SMS: one of at most 160 characters of the GSM alphabet (3GPP TS 23.038, 6.2.1), since
    /// gateways charge for each.
    pub(super) fn short(&self) -> String {
        let text = match self {
            Self::Activation(_) => include_str!("texts/activation.sms.txt"),
            Self::Login(_) => include_str!("texts/login.sms.txt"),
        };
        fill(text.trim_end(), &self.values(), plain)
    }

    /// The same text with what is secret in it left out.
    pub(crate) fn masked(&self, text: &str) -> String {
        match self {
            Self::Activation(activation) => text
                .replace(activation.link, "<link>")
                .replace(activation.code, "<code>"),
            Self::Login(login) => text.replace(login.code, "<code>"),
        }
    }

    fn values(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        match self {
            Self::Activation(activation) => vec![
                ("USER", activation.user.into()),
                ("CODE", activation.code.into()),
                ("LINK", activation.link.into()),
                ("EXPIRES", activation.expires.into()),
            ],
            Self::Login(login) => vec![
                ("CODE", login.code.into()),
                ("SECONDS", login.seconds.to_string().into()),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVATION: Matter<'_> = Matter::Activation(Activation {
        user: "alice",
        code: "EEIQVKJ4SUBCVKHG",
        link: "symbolon://activate?c=EEIQVKJ4SUBCVKHG&s=https://tokens.example.org",
        expires: "2026-11-25 08:00:00Z",
    });

    #[test]
    fn an_sms_has_the_code_and_fits_into_one_message() {
        let short = ACTIVATION.short();
        assert!(short.contains("EEIQVKJ4SUBCVKHG"), "{short}");
        assert!(short.is_ascii() && short.len() <= 160, "{short}");
        assert!(!short.contains("%%") && !short.contains('\n'), "{short}");
    }

    #[test]
    fn a_mail_has_code_link_and_picture() {
        let letter = ACTIVATION.letter();
        assert!(
            letter.text.contains("\r\nEEIQVKJ4SUBCVKHG\r\n"),
            "{letter:?}"
        );
        let page = letter.page.as_ref().unwrap();
        assert!(page.html.contains(">EEIQVKJ4SUBCVKHG<"), "{letter:?}");
        assert!(page.html.contains("&amp;s=https"), "{letter:?}");
        assert!(page.picture.starts_with(b"\x89PNG"));
        assert!(!letter.text.contains("%%"), "{letter:?}");
    }

    #[test]
    fn what_is_secret_is_masked() {
        let masked = ACTIVATION.masked(&ACTIVATION.letter().text);
        assert!(!masked.contains("EEIQVKJ4SUBCVKHG"), "{masked}");
    }
}
