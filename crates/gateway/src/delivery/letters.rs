//! What people are told: the texts and what is filled into them.

use std::borrow::Cow;

use domain::contact::Language;
use domain::time::Timestamp;
use softtoken::link::ActivationLink;

use super::mask::Mask;
use super::template::{fill, html, plain};
use super::texts::Texts;
use crate::qr::Qr;

/// Something that a person is told.
#[derive(Clone, Copy)]
pub(crate) enum Matter<'a> {
    /// How to activate a token.
    Activation(Activation<'a>),
    /// How to get a token onto another phone.
    Transfer(Activation<'a>),
    /// A token is on another phone: whose it is.
    Moved(&'a str),
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
    /// Until when.
    pub(crate) expires: Timestamp,
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
    pub(super) fn letter(&self, language: Language) -> Letter {
        let texts = Texts::of(language);
        let (subject, text, page) = match self {
            Self::Activation(activation) => (
                texts.activation_subject,
                texts.activation,
                self.page(texts.activation_page, activation.link),
            ),
            Self::Transfer(activation) => (
                texts.transfer_subject,
                texts.transfer,
                self.page(texts.transfer_page, activation.link),
            ),
            Self::Moved(_) => (texts.moved_subject, texts.moved, None),
            Self::Login(_) => (texts.login_subject, texts.login, None),
        };
        Letter {
            subject: subject.to_owned(),
            text: fill(text, &self.values(), plain).replace('\n', "\r\n"),
            page,
        }
    }

    fn page(&self, template: &str, link: &str) -> Option<Page> {
        Some(Page {
            html: fill(template, &self.values(), html),
            picture: Qr::of(link)?.png()?,
        })
    }

    /// The SMS: one of at most 160 characters, since gateways charge for each.
    pub(super) fn short(&self, language: Language) -> String {
        let texts = Texts::of(language);
        let text = match self {
            Self::Activation(_) => texts.activation_sms,
            Self::Transfer(_) => texts.transfer_sms,
            Self::Moved(_) => texts.moved_sms,
            Self::Login(_) => texts.login_sms,
        };
        fill(text.trim_end(), &self.values(), plain)
    }

    /// What is secret in it.
    pub(super) fn mask(&self) -> Mask {
        let mut mask = Mask::default();
        match self {
            Self::Activation(activation) | Self::Transfer(activation) => {
                mask.hide(&activation.app_link(), "<link>");
                mask.hide(activation.link, "<link>");
                mask.hide(activation.code, "<code>");
            }
            Self::Moved(_) => {}
            Self::Login(login) => mask.hide(login.code, "<code>"),
        }
        mask
    }

    fn values(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        match self {
            Self::Activation(activation) | Self::Transfer(activation) => vec![
                ("USER", activation.user.into()),
                ("CODE", activation.code.into()),
                ("LINK", activation.link.into()),
                ("APP", activation.app_link().into()),
                ("EXPIRES", activation.expires.to_string().into()),
            ],
            Self::Moved(user) => vec![("USER", (*user).into())],
            Self::Login(login) => vec![
                ("CODE", login.code.into()),
                ("SECONDS", login.seconds.to_string().into()),
            ],
        }
    }
}

impl Activation<'_> {
    /// The link for a phone without an app: it opens the web app, which takes the rest from the fragment.
    /// No server sees a fragment (RFC 3986 section 3.5).
    fn app_link(&self) -> String {
        match ActivationLink::parse(self.link) {
            Ok(link) => {
                let fragment: String = self.link.bytes().map(in_fragment).collect();
                format!("{}{}#activate/{fragment}", link.server, webapp::ROOT)
            }
            Err(_) => self.link.to_owned(),
        }
    }
}

/// RFC 3986 section 2.3.
fn in_fragment(byte: u8) -> Cow<'static, str> {
    let character = char::from(byte);
    if character.is_ascii_alphanumeric() || "-._~".contains(character) {
        character.to_string().into()
    } else {
        format!("%{byte:02X}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVATION: Matter<'_> = Matter::Activation(CODE);
    const TRANSFER: Matter<'_> = Matter::Transfer(CODE);

    const CODE: Activation<'_> = Activation {
        user: "alice",
        code: "EEIMCUO6X6DF4BL3",
        link: "symbolon://activate?v=1&c=EEIMCUO6X6DF4BL3&k=4HROHZHF43T6R2PK5PWO33XP6A\
               &s=https://tokens.example.org&p=ERERERERERERERERERERERERERERERERERERERERERE",
        expires: Timestamp::from_secs(1_800_000_000),
    };

    const LOGIN: Matter<'_> = Matter::Login(LoginCode {
        code: "123456",
        seconds: 300,
    });

    /// The letters of the GSM alphabet that the languages use beyond ASCII (3GPP TS 23.038, 6.2.1).
    const GSM: &str = "àéèùìòÇÉ";

    #[test]
    fn an_sms_has_the_code_and_fits_into_one_message() {
        for language in Language::ALL {
            let code = "EEIMCUO6X6DF4BL3";
            for (matter, code) in [(ACTIVATION, code), (TRANSFER, code), (LOGIN, "123456")] {
                let short = matter.short(language);
                assert!(short.contains(code), "{short}");
                assert!(short.chars().count() <= 160, "{short}");
                assert!(
                    short.chars().all(|c| c.is_ascii() || GSM.contains(c)),
                    "{short}"
                );
                assert!(!short.contains("%%") && !short.contains('\n'), "{short}");
            }
        }
    }

    #[test]
    fn a_mail_has_code_link_and_picture() {
        for language in Language::ALL {
            for letter in [ACTIVATION.letter(language), TRANSFER.letter(language)] {
                holds_the_code(&letter);
            }
            let moved = Matter::Moved("alice");
            let texts = [moved.letter(language).text, moved.short(language)];
            assert!(texts[0].contains("alice") && !texts.concat().contains("%%"));
            let login = LOGIN.letter(language);
            assert!(login.text.contains("123456") && !login.text.contains("%%"));
        }
    }

    fn holds_the_code(letter: &Letter) {
        assert!(
            letter.text.contains("\r\nEEIMCUO6X6DF4BL3\r\n"),
            "{letter:?}"
        );
        assert!(!letter.text.contains("%%"), "{letter:?}");
        let page = letter.page.as_ref().unwrap();
        assert!(page.html.contains(">EEIMCUO6X6DF4BL3<"), "{letter:?}");
        let handed =
            "https://tokens.example.org/app/#activate/symbolon%3A%2F%2Factivate%3Fv%3D1%26c";
        assert!(letter.text.contains(handed), "{letter:?}");
        assert!(page.html.contains(handed), "{letter:?}");
        assert!(page.html.contains("cid:activation") && !page.html.contains("%%"));
        assert!(page.picture.starts_with(b"\x89PNG"));
    }

    #[test]
    fn what_is_secret_is_masked() {
        let text = ACTIVATION.letter(Language::English).text;
        let masked = ACTIVATION.mask().apply(&text);
        for secret in ["EEIMCUO6X6DF4BL3", "4HROHZHF43T6R2PK5PWO33XP6A"] {
            assert!(!masked.contains(secret), "{masked}");
        }
    }
}
