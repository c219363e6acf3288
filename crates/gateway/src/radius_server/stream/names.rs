//! Whose certificate it is.

use rustls::pki_types::CertificateDer;

/// The names of hosts in a verified certificate, in small letters: `dNSName`, else the common name that
/// certificates had before (RFC 6614, 2.3; RFC 6125, 6.4.4).
pub(super) fn of(certificate: &CertificateDer<'_>) -> Vec<Box<str>> {
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    let names: Vec<Box<str>> = parsed
        .valid_dns_names()
        .map(|name| name.to_ascii_lowercase().into())
        .collect();
    if names.is_empty() {
        return common_name(certificate).into_iter().collect();
    }
    names
}

fn common_name(certificate: &CertificateDer<'_>) -> Option<Box<str>> {
    use x509_cert::der::Decode;
    use x509_cert::der::asn1::{PrintableStringRef, Utf8StringRef};
    use x509_cert::der::oid::db::rfc4519::CN;

    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let subject = certificate.tbs_certificate().subject();
    let name = subject.iter().find(|part| part.oid == CN)?;
    let text = match Utf8StringRef::try_from(&name.value) {
        Ok(text) => text.as_str().to_owned(),
        Err(_) => PrintableStringRef::try_from(&name.value)
            .ok()?
            .as_str()
            .to_owned(),
    };
    Some(text.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate(names: &[&str], common: &str) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn the_common_name_counts_where_there_is_no_other() {
        let named = certificate(&["VPN1.example.org", "vpn2.example.org"], "other");
        assert_eq!(
            of(&named),
            ["vpn1.example.org".into(), "vpn2.example.org".into()]
        );
        assert_eq!(of(&certificate(&[], "Proxy")), ["proxy".into()]);
        assert!(of(&CertificateDer::from(vec![1, 2])).is_empty());
    }
}
