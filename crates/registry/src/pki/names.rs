//! For which names the authority's certificates are good. People install the authority on their phones: it must not
//! be able to speak for anybody else's server (name constraints, RFC 5280, section 4.2.1.10).

use std::net::IpAddr;

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use rustls::pki_types::CertificateDer;
use softtoken::address::ServerName;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::NameConstraints as Constraints;
use x509_cert::ext::pkix::name::GeneralName;

use super::host;

/// The names and addresses of a server, and those by which it is reached from its own machine: of each kind there
/// is one, since a kind without a constraint is free (RFC 5280, section 4.2.1.10).
pub(super) fn hosts(names: &[ServerName]) -> Vec<String> {
    let mut hosts: Vec<String> = names.iter().map(|name| host(name).to_owned()).collect();
    hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

/// These, and what is below the names among them.
pub(super) fn constraints(hosts: &[String]) -> NameConstraints {
    let subtree = |host: &String| match host.parse() {
        Ok(address) => GeneralSubtree::IpAddress(alone(address)),
        Err(_) => GeneralSubtree::DnsName(host.clone()),
    };
    NameConstraints {
        permitted_subtrees: hosts.iter().map(subtree).collect(),
        excluded_subtrees: Vec::new(),
    }
}

/// Whether an authority may certify all of these: one of before has no constraints, and may.
pub(super) fn permits(authority: &CertificateDer<'_>, hosts: &[String]) -> bool {
    let Ok(authority) = x509_cert::Certificate::from_der(authority) else {
        return false;
    };
    match authority.tbs_certificate().get_extension::<Constraints>() {
        Ok(None) => true,
        Ok(Some((_, constraints))) => {
            let permitted = constraints.permitted_subtrees.unwrap_or_default();
            let is_permitted = |host: &String| permitted.iter().any(|it| is_of(&it.base, host));
            hosts.iter().all(is_permitted)
        }
        Err(_) => false,
    }
}

fn is_of(permitted: &GeneralName, host: &str) -> bool {
    match permitted {
        GeneralName::DnsName(name) => {
            let name = name.as_str();
            let rest = host.strip_suffix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        GeneralName::IpAddress(subnet) => {
            let address = host.parse().map(alone);
            address.is_ok_and(|address| octets(&address) == subnet.as_bytes())
        }
        _ => false,
    }
}

/// The network of one address.
fn alone(address: IpAddr) -> CidrSubnet {
    match address {
        IpAddr::V4(address) => CidrSubnet::V4(address.octets(), [u8::MAX; 4]),
        IpAddr::V6(address) => CidrSubnet::V6(address.octets(), [u8::MAX; 16]),
    }
}

fn octets(subnet: &CidrSubnet) -> Vec<u8> {
    match subnet {
        CidrSubnet::V4(address, mask) => [*address, *mask].concat(),
        CidrSubnet::V6(address, mask) => [*address, *mask].concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rcgen::KeyPair;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::{ServerName as TlsName, UnixTime};
    use rustls::{Error, RootCertStore};

    use super::super::{Pki, authority_params};
    use super::*;

    fn named(names: &[&str]) -> Vec<ServerName> {
        let names = names.iter().map(|name| ServerName::parse(name).unwrap());
        names.collect()
    }

    /// What a client says that trusts the authority to a server of this name.
    fn trusts(pki: &Pki, authority: &CertificateDer<'_>, name: &str) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned()).unwrap();
        let provider = Arc::new(default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let shown = pki.issue_server(&named(&[name])).unwrap().chain;
        let dialled = TlsName::try_from(name.to_owned()).unwrap();
        let verified = verifier.build().unwrap().verify_server_cert(
            &shown[0],
            &[],
            &dialled,
            &[],
            UnixTime::now(),
        );
        verified.map(|_| ())
    }

    #[test]
    fn the_authority_speaks_for_its_own_names_and_addresses_alone() {
        let dir = tempfile::tempdir().unwrap();
        let names = named(&["tokens.example.org:8443", "192.0.2.1", "[2001:db8::1]:8443"]);
        let pki = Pki::open_or_create(dir.path(), &names).unwrap();
        let own = [
            "tokens.example.org",
            "push.tokens.example.org",
            "192.0.2.1",
            "localhost",
            "127.0.0.1",
        ];
        for name in own {
            assert!(permits(&pki.authority(), &[name.to_owned()]), "{name}");
            assert_eq!(trusts(&pki, &pki.authority(), name), Ok(()), "{name}");
        }
        assert!(permits(&pki.authority(), &["2001:db8::1".to_owned()]));
        for name in [
            "bank.example.com",
            "example.org",
            "xtokens.example.org",
            "192.0.2.2",
        ] {
            assert!(!permits(&pki.authority(), &[name.to_owned()]), "{name}");
            let refused = trusts(&pki, &pki.authority(), name).unwrap_err();
            let refused = format!("{refused:?}");
            assert!(
                refused.contains("NameConstraintViolation"),
                "{name}: {refused}"
            );
        }
        let parsed = x509_cert::Certificate::from_der(&pki.authority()).unwrap();
        let constraints = parsed.tbs_certificate().get_extension::<Constraints>();
        assert!(matches!(constraints, Ok(Some((true, _)))), "it is critical");
    }

    #[test]
    fn another_name_makes_another_certificate_of_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        let open = |names: &[&str]| Pki::open_or_create(dir.path(), &named(names)).unwrap();
        let before = open(&["tokens.example.org"]);
        let same = open(&["tokens.example.org"]);
        assert_eq!(before.authority_pem(), same.authority_pem());
        let after = open(&["tokens.example.com"]);
        assert_eq!(before.pin(), after.pin());
        assert!(trusts(&after, &after.authority(), "tokens.example.com").is_ok());
        assert!(trusts(&after, &before.authority(), "tokens.example.com").is_err());
        let again = open(&["tokens.example.com"]);
        assert_eq!(again.authority_pem(), after.authority_pem());
    }

    #[test]
    fn an_authority_from_before_there_were_constraints_stays() {
        let dir = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = authority_params(&[]);
        params.name_constraints = None;
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(dir.path().join("ca.pem"), &pem).unwrap();
        store::private_file::create(&dir.path().join("ca.key"), key.serialize_pem().as_bytes())
            .unwrap();
        let names = named(&["tokens.example.org"]);
        let pki = Pki::open_or_create(dir.path(), &names).unwrap();
        assert_eq!(pki.authority_pem(), pem);
        // Its key gets constraints where its certificate is taken away.
        std::fs::remove_file(dir.path().join("ca.pem")).unwrap();
        let constrained = Pki::open_or_create(dir.path(), &names).unwrap();
        assert_eq!(constrained.pin(), pki.pin());
        assert!(!permits(
            &constrained.authority(),
            &["example.com".to_owned()]
        ));
    }
}
