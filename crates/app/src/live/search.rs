//! Which tokens are meant by the words that a person searches for.

use crate::contents::Token;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Whether all words are in a token's name, issuer or serial.
pub(super) fn matches(token: &Token, words: &str) -> bool {
    let text = [token.name().as_str(), token.issuer().as_str(), token.mark()];
    let text = folded(&text.join(" "));
    folded(words)
        .split_whitespace()
        .all(|word| text.contains(word))
}

/// Case, and marks such as umlauts' dots, do not matter to who searches.
fn folded(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c));
    plain.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn case_and_marks_do_not_matter() {
        assert_eq!(folded("Exämple ÉCOLE"), "example ecole");
    }
}
