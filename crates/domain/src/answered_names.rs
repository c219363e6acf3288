//! The described system's servers, by whose names its administrators test their way to the token
//! server. Here the configured token server answers for them: the names are never resolved.

/// Names for which the configured token server answers.
pub const NAMES: [&str; 3] = [
    "fds1.fortinet.com",
    "directregistration.fortinet.com",
    "globalftm.fortinet.net",
];

/// The name for which the token server answers, if a host is called so: case does not matter, nor does
/// the dot that ends a full name (RFC 1034, 3.1).
pub fn answered(host: &str) -> Option<&'static str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    NAMES
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_however_it_is_written() {
        let name = NAMES[0];
        for written in [name.to_owned(), name.to_uppercase(), format!("{name}.")] {
            assert_eq!(answered(&written), Some(name), "{written}");
        }
        for other in [
            "",
            ".",
            "localhost",
            &format!("{name}.example"),
            &format!("x{name}"),
        ] {
            assert_eq!(answered(other), None, "{other}");
        }
    }
}
