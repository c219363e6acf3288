//! Text from outside, made safe to show.

/// Text without what a terminal would obey: control characters, and the marks that turn the direction of
/// writing, become `?`.
pub fn printable(text: &str) -> String {
    text.chars().map(shown).collect()
}

/// A character as it may be shown.
pub fn shown(c: char) -> char {
    let is_obeyed = c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if is_obeyed { '?' } else { c }
}
