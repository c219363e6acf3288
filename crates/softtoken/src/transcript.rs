//! The one way in which fields are put together before they are hashed, signed or bound to a
//! ciphertext.

/// A label and fields, each behind its length, so that no two different lists give the same bytes:
/// for each, two bytes of length (big-endian) and the bytes themselves.
///
/// Fields are of bounded types; one above 65,535 bytes would be cut, which no type here allows.
pub(crate) fn transcript(label: &str, fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in std::iter::once(label.as_bytes()).chain(fields.iter().copied()) {
        let length = u16::try_from(field.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&field[..usize::from(length)]);
    }
    bytes
}
