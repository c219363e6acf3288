//! What nobody may read of a message and of what is said about it: servers repeat what they refuse.

use std::cmp::Reverse;

use data_encoding::BASE64;
use domain::client::Secret;
use zeroize::Zeroizing;

use super::template::{json, percent};

/// A shorter text is found in every other line, and is no secret.
const SECRET_MIN: usize = 4;

/// The secrets that are left out of every text, and what stands in their place.
#[derive(Default)]
pub(super) struct Mask(Vec<(Zeroizing<String>, &'static str)>);

impl Mask {
    /// Leaves out a text as it is.
    pub(super) fn hide(&mut self, text: &str, shown: &'static str) {
        if text.len() >= SECRET_MIN && !self.0.iter().any(|(hidden, _)| **hidden == *text) {
            self.0.push((Zeroizing::new(text.to_owned()), shown));
            // A secret may be part of another, which would be left standing around it.
            self.0.sort_by_key(|(hidden, _)| Reverse(hidden.len()));
        }
    }

    /// Leaves out a configured secret in every form in which a request has it.
    pub(super) fn hide_secret(&mut self, secret: &Secret, shown: &'static str) {
        let text = Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned());
        self.hide(&text, shown);
        for escaped in [percent(&text), json(&text)] {
            self.hide(&Zeroizing::new(escaped), shown);
        }
        self.hide_octets(secret.expose(), shown);
    }

    /// Leaves out octets in base64, with and without its padding.
    pub(super) fn hide_octets(&mut self, octets: &[u8], shown: &'static str) {
        let encoded = Zeroizing::new(BASE64.encode(octets));
        self.hide(encoded.trim_end_matches('='), shown);
    }

    /// A text without them.
    pub(super) fn apply(&self, text: &str) -> String {
        let without = |text: String, (hidden, shown): &(Zeroizing<String>, &str)| {
            text.replace(hidden.as_str(), shown)
        };
        self.0.iter().fold(text.to_owned(), without)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_left_out_however_it_is_written() {
        let mut mask = Mask::default();
        let secret = Secret::new(Zeroizing::new(br#"k&y "quoted""#.to_vec()));
        mask.hide_secret(&secret, "<key>");
        for text in [
            r#"Bearer k&y "quoted" is unknown"#,
            "?key=k%26y%20%22quoted%22 is unknown",
            r#"{"key":"k&y \"quoted\""} is unknown"#,
            "Basic ayZ5ICJxdW90ZWQi is unknown",
        ] {
            let shown = mask.apply(text);
            assert!(
                shown.contains("<key>") && shown.contains("is unknown"),
                "{shown}"
            );
            assert!(
                !shown.contains("quoted") && !shown.contains("ayZ5"),
                "{shown}"
            );
        }
    }

    #[test]
    fn the_longer_of_two_secrets_is_left_out_whole() {
        let mut mask = Mask::default();
        mask.hide("part", "<short>");
        mask.hide("the whole of which it is part", "<long>");
        assert_eq!(
            mask.apply("it is the whole of which it is part"),
            "it is <long>"
        );
    }

    #[test]
    fn what_is_no_secret_stays() {
        let mut mask = Mask::default();
        mask.hide("", "<key>");
        mask.hide("a", "<key>");
        assert_eq!(mask.apply("a banana"), "a banana");
    }
}
