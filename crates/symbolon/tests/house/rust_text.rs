//! Just enough of Rust's grammar to look for words in code and not in comments, literals or tests.
//!
//! Offsets are bytes and stay those of the file: what is taken away becomes blanks.

/// Blanks comments in both results and literals in the first; line breaks and offsets stay.
pub(crate) fn blank_out(text: &str) -> (Vec<u8>, Vec<u8>) {
    let bytes = text.as_bytes();
    let (mut code, mut with_literals) = (bytes.to_vec(), bytes.to_vec());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let in_word = at > 0 && is_word(bytes[at - 1]);
        let end = if rest.starts_with("//") {
            at + rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            at + comment_length(rest)
        } else if let Some(length) = (!in_word).then(|| literal_length(rest)).flatten() {
            blank(&mut code, at, at + length);
            at += length;
            continue;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        blank(&mut code, at, end);
        blank(&mut with_literals, at, end);
        at = end;
    }
    (code, with_literals)
}

/// Block comments nest.
fn comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of the string or character literal that `rest` begins with.
fn literal_length(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let after = rest
            .strip_prefix(prefix)
            .map(|after| after.trim_start_matches('#'));
        after.is_some_and(|after| after.starts_with('"'))
    });
    let Some(prefix) = prefix else {
        return character_length(rest.strip_prefix('b').unwrap_or(rest), rest);
    };
    let body = &rest[prefix.len()..];
    if !prefix.ends_with('r') {
        return body
            .starts_with('"')
            .then(|| prefix.len() + 1 + escaped_length(&body[1..], '"'));
    }
    let hashes = body.len() - body.trim_start_matches('#').len();
    let close = format!("\"{}", "#".repeat(hashes));
    let inner = &body[hashes + 1..];
    Some(
        prefix.len()
            + hashes
            + 1
            + inner
                .find(&close)
                .map_or(inner.len(), |found| found + close.len()),
    )
}

/// A quote that closes after one character or an escape; all others begin a lifetime.
fn character_length(quoted: &str, rest: &str) -> Option<usize> {
    let inner = quoted.strip_prefix('\'')?;
    let prefix = rest.len() - inner.len();
    if inner.starts_with('\\') {
        return Some(prefix + escaped_length(inner, '\''));
    }
    let first = inner.chars().next()?.len_utf8();
    inner[first..]
        .starts_with('\'')
        .then_some(prefix + first + 1)
}

/// Up to and with the closing quote.
fn escaped_length(inner: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in inner.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    inner.len()
}

pub(crate) fn blank(bytes: &mut [u8], from: usize, to: usize) {
    for byte in bytes[from..to].iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// Where items marked `#[cfg(test)]` stand: from the attribute to the item's `;` or closing brace.
pub(crate) fn test_items(code: &[u8]) -> Vec<(usize, usize)> {
    let code = String::from_utf8_lossy(code);
    code.match_indices("#[cfg(test)]")
        .map(|(from, _)| (from, item_end(&code, from + "#[cfg(test)]".len())))
        .collect()
}

/// The item's `;`, or the brace that closes its body.
fn item_end(code: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(found) = code[at..].find(['(', '[', '{', ';']) {
        at += found;
        match code.as_bytes()[at] {
            b';' => return at + 1,
            b'{' => return closing(code, at),
            _ => at = closing(code, at),
        }
    }
    code.len()
}

/// Just after the bracket that closes the one at `open`.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code[open..].char_indices() {
        match character {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return open + at + character.len_utf8();
        }
    }
    code.len()
}

/// Each attribute's inside, with where it begins.
pub(crate) fn attributes(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let begins = code.match_indices('#').filter_map(|(at, _)| {
        let after = code[at + 1..].strip_prefix('!').map_or(at + 1, |_| at + 2);
        code[after..].starts_with('[').then_some(after)
    });
    begins.map(|open| (open, &code[open + 1..closing(code, open)]))
}

/// Each `use std::…;` with where it begins.
pub(crate) fn std_imports(code: &str) -> impl Iterator<Item = (usize, &str)> {
    words(code, "use std::").map(|at| (at, code[at..].split(';').next().unwrap_or_default()))
}

/// Each `struct` with its body, from the keyword on.
pub(crate) fn structs(code: &str) -> impl Iterator<Item = (usize, &str)> {
    words(code, "struct ").map(|at| (at, &code[at..item_end(code, at)]))
}

/// The traits that the item at `at` derives.
pub(crate) fn derives_before(code: &str, at: usize) -> Vec<&str> {
    let item_begin = code[..at].rfind([';', '}']).map_or(0, |end| end + 1);
    let lists = code[item_begin..at].split("derive(").skip(1);
    lists
        .flat_map(|list| list.split(')').next().unwrap_or_default().split(','))
        .map(|name| name.trim().rsplit("::").next().unwrap_or_default())
        .collect()
}

/// Where expressions build a `proof`, by name or as `Self` inside its `impl`.
pub(crate) fn constructions<'a>(code: &'a str, proof: &'a str) -> impl Iterator<Item = usize> {
    let named = words(code, proof).filter(move |at| is_construction(code, *at, proof.len()));
    let own_blocks = words(code, &format!("impl {proof}"))
        .map(|at| (at, item_end(code, at)))
        .collect::<Vec<_>>();
    let selfs = own_blocks.into_iter().flat_map(move |(from, to)| {
        let inside = words(&code[from..to], "Self").map(move |at| from + at);
        inside.filter(move |at| is_construction(code, *at, "Self".len()))
    });
    named.chain(selfs)
}

fn is_construction(code: &str, at: usize, length: usize) -> bool {
    // `>` ends `->` and `impl<…>`.
    const NOT_AN_EXPRESSION: &[&str] = &["struct", "impl", "for", "use", "let", ">"];
    let before = code[..at].trim_end();
    if NOT_AN_EXPRESSION.iter().any(|word| before.ends_with(word)) {
        return false;
    }
    // `Outcome::Granted(…)` is a variant of an enum; `store::Granted { … }` is the struct.
    let qualifier = before.strip_suffix("::").map(|path| {
        path.rsplit(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
    });
    if qualifier
        .flatten()
        .is_some_and(|segment| segment.starts_with(char::is_uppercase))
    {
        return false;
    }
    let after = code[at + length..].trim_start();
    if !after.starts_with(['{', '(']) {
        return false;
    }
    // `Granted(Granted)` declares a variant that holds the struct.
    let name = &code[at..at + length];
    let holds_itself = after
        .strip_prefix('(')
        .and_then(|inside| inside.strip_prefix(name));
    if holds_itself.is_some_and(|rest| rest.starts_with(')')) {
        return false;
    }
    let open = code.len() - after.len();
    let next =
        code[closing(code, open)..].trim_start_matches(|c: char| c == ')' || c.is_whitespace());
    let is_pattern = next.starts_with("=>") || (next.starts_with('=') && !next.starts_with("=="));
    !is_pattern
}

/// Where `needle` stands in `text` and is not part of a longer word.
pub(crate) fn words<'a>(text: &'a str, needle: &str) -> impl Iterator<Item = usize> + use<'a> {
    let (first, last) = (needle.as_bytes()[0], needle.as_bytes()[needle.len() - 1]);
    let length = needle.len();
    let found: Vec<usize> = text.match_indices(needle).map(|(at, _)| at).collect();
    found.into_iter().filter(move |at| {
        let before = at.checked_sub(1).map(|before| text.as_bytes()[before]);
        let after = text.as_bytes().get(at + length).copied();
        let goes_on_before = is_word(first) && before.is_some_and(is_word);
        let goes_on_after = is_word(last) && after.is_some_and(is_word);
        !goes_on_before && !goes_on_after
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[test]
fn the_reader_finds_what_it_looks_for() {
    const SAMPLE: &str = r##"
        /* let a = Proof { step: 1 }; /* nested */ */
        // Proof { step: 2 }
        const TEXT: &str = "Proof { step: 3 } \" Proof { step: 4 }";
        const RAW: &str = r#"Proof { step: 5 } " Proof { step: 6 }"#;
        const QUOTE: char = '"';
        fn life<'a>(proof: &'a Proof) -> Proof { Ok(Proof { step: 7 }) }
        impl Proof { fn new() -> Self { Self { step: 8 } } }
        impl Display for Proof { fn fmt() { match x { Ok(Proof { .. }) => Outcome::Proof(proof) } } }
        #[derive(Debug, zeroize::ZeroizeOnDrop)]
        pub struct Proof { step: [u8; 9] }
        #[cfg(test)]
        mod tests { fn f() { Proof { step: 10 } } }
    "##;
    let (mut code, with_literals) = blank_out(SAMPLE);
    assert_eq!(code.len(), SAMPLE.len());
    assert!(
        String::from_utf8(with_literals)
            .unwrap()
            .contains("step: 5")
    );
    for (from, to) in test_items(&code) {
        blank(&mut code, from, to);
    }
    let code = String::from_utf8(code).unwrap();
    let built: Vec<usize> = constructions(&code, "Proof")
        .map(|at| line_of(&code, at))
        .collect();
    assert_eq!(built, [7, 8], "{code}");
    let (at, item) = structs(&code).next().unwrap();
    assert_eq!(derives_before(&code, at), ["Debug", "ZeroizeOnDrop"]);
    assert_eq!(item, "struct Proof { step: [u8; 9] }");
    assert_eq!(
        words("a.rand::b operand::c", "rand::").collect::<Vec<_>>(),
        [2]
    );
}
