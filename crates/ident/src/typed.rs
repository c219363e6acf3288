//! What people type: lower case is folded, blanks and hyphens are skipped.

use zeroize::Zeroize;

use crate::{Fault, Identifier, ParseError};

/// Characters between two hyphens.
pub(crate) const GROUP: usize = 4;

/// Reads `N` base32 characters (RFC 4648).
pub(crate) fn base32<const N: usize>(
    identifier: Identifier,
    input: &str,
) -> Result<[u8; N], ParseError> {
    let typed = || {
        input
            .chars()
            .enumerate()
            .filter(|(_, c)| !matches!(c, ' ' | '-'))
    };
    let got = typed().count();
    if got != N {
        return Err(identifier.fault(Fault::Length { got, want: N }));
    }
    let mut text = [0; N];
    for (slot, (index, found)) in text.iter_mut().zip(typed()) {
        *slot = base32_character(found).ok_or_else(|| {
            identifier.fault(Fault::Character {
                found,
                position: index + 1,
            })
        })?;
    }
    Ok(text)
}

/// A character of the alphabet in capitals.
fn base32_character(found: char) -> Option<u8> {
    let byte = u8::try_from(found).ok()?.to_ascii_uppercase();
    matches!(byte, b'A'..=b'Z' | b'2'..=b'7').then_some(byte)
}

/// A secret text of `N` characters in groups of four, `M` characters with the hyphens between them. The
/// text is wiped.
pub(crate) fn grouped<const N: usize, const M: usize>(mut text: [u8; N]) -> [u8; M] {
    let mut code = [b'-'; M];
    for (group, source) in code.chunks_mut(GROUP + 1).zip(text.chunks(GROUP)) {
        group[..GROUP].copy_from_slice(source);
    }
    text.zeroize();
    code
}
