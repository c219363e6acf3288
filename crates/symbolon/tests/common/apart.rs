//! A token server and gateways as processes of their own, each with its own directory.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair,
    KeyUsagePurpose,
};

use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;

use super::phone::{Phone, activation_code};
use super::{Home, Running, Said, after, own_address, run, symbolon};

/// `symbolon registry`, not started yet.
pub(crate) fn registry(home: &Home) -> Command {
    let mut command = symbolon();
    command.arg("registry").arg("--data").arg(home.data());
    command
}

/// A token server alone, running.
#[track_caller]
pub(crate) fn token_server() -> (Home, Running) {
    let home = Home::new();
    let running = Running::start(&mut registry(&home), &home);
    (home, running)
}

/// A gateway with its own directory that knows its token server.
pub(crate) struct Apart {
    pub(crate) home: Home,
    /// Address and authority of the token server.
    pub(crate) server: String,
    pub(crate) authority: PathBuf,
}

impl Apart {
    /// A gateway of the token server in `registry`.
    pub(crate) fn of(registry: &Home) -> Self {
        Self {
            home: Home::new(),
            server: format!("https://{}", registry.https),
            authority: registry.authority(),
        }
    }

    pub(crate) fn identity(&self) -> PathBuf {
        self.home.path("gateway.pem")
    }

    /// Registers a serial, and gets it a certificate.
    #[track_caller]
    pub(crate) fn enrolled(self, registry: &Home, serial: &str) -> Self {
        registry.desk(&["register-product", serial]).ok();
        self.enrol(Some(&invite(registry, serial))).ok();
        self
    }

    /// `symbolon enrol`.
    pub(crate) fn enrol(&self, code: Option<&str>) -> Said {
        let mut command = symbolon();
        command.args(["enrol", "--server", &self.server, "--ca"]);
        command.arg(&self.authority);
        command.arg("--identity").arg(self.identity());
        if let Some(code) = code {
            command.args(["--code", code]);
        }
        run(&mut command, "")
    }

    /// `symbolon gateway`, not started yet.
    pub(crate) fn command(&self) -> Command {
        let mut command = symbolon();
        command.args(["gateway", "--token-server", &self.server, "--ca"]);
        command.arg(&self.authority);
        command.arg("--identity").arg(self.identity());
        command.arg("--data").arg(self.home.data());
        command
    }

    #[track_caller]
    pub(crate) fn start(&self) -> Running {
        Running::start(&mut self.command(), &self.home)
    }

    /// What a command that must not start says.
    pub(crate) fn refused(&self) -> String {
        run(&mut self.command(), "").refused()
    }

    /// A line of `diagnose test application forticldd 7`.
    #[track_caller]
    pub(crate) fn connection(&self, label: &str) -> String {
        let shown = self
            .home
            .console("diagnose test application forticldd 7")
            .ok();
        after(&shown, &format!("{label}:")).to_owned()
    }

    /// `Token server status:`.
    #[track_caller]
    pub(crate) fn reach(&self) -> String {
        let shown = self.home.console("diagnose fortitoken info").ok();
        after(&shown, "Token server status:").to_owned()
    }
}

/// The code with which a product gets its certificate.
#[track_caller]
pub(crate) fn invite(registry: &Home, serial: &str) -> String {
    let said = registry.desk(&["enrol", serial]).ok();
    after(&said, "Code:").to_owned()
}

/// A manager with its own directory, at an address that no other test has.
pub(crate) struct Managing {
    pub(crate) home: Home,
    pub(crate) address: IpAddr,
    upstream: Apart,
}

impl Managing {
    /// A manager of the account `local` at the token server in `registry`.
    #[track_caller]
    pub(crate) fn of(registry: &Home, serial: &str) -> Self {
        let upstream = Apart::of(registry);
        registry.desk(&["register-manager", serial]).ok();
        upstream.enrol(Some(&invite(registry, serial))).ok();
        Self {
            home: Home::new(),
            address: own_address(),
            upstream,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}:8890", self.address)
    }

    /// Who vouches for the manager.
    pub(crate) fn authority(&self) -> PathBuf {
        self.home.data().join("manager/pki/ca.pem")
    }

    /// It does not reach the token server from here on, whether that runs or not.
    pub(crate) fn cut_off(mut self) -> Self {
        NOWHERE.clone_into(&mut self.upstream.server);
        self
    }

    /// From here on it finds somebody in the token server's place who says nothing.
    pub(crate) fn before(mut self, silent: &TcpListener) -> Self {
        self.upstream.server = format!("https://{}", silent.local_addr().unwrap());
        self
    }

    /// What its administrator does with its reserve.
    pub(crate) fn reserve(&self, words: &[&str]) -> Said {
        let mut command = symbolon();
        command.arg("manager").args(words);
        command.arg("--data").arg(self.home.data());
        run(&mut command, "")
    }

    #[track_caller]
    pub(crate) fn start(&self) -> Running {
        let Apart {
            server, authority, ..
        } = &self.upstream;
        let mut command = symbolon();
        command.args(["manager", "--token-server", server, "--ca"]);
        command.arg(authority);
        command.arg("--identity").arg(self.upstream.identity());
        command.arg("--data").arg(self.home.data());
        command.args(["--listen", &format!("{}:8890", self.address)]);
        Running::start(&mut command, &self.home)
    }
}

impl Apart {
    /// Has the gateway take its tokens from managers alone, in this order.
    #[track_caller]
    pub(crate) fn managed_by(&self, managers: &[&Managing]) {
        let certificates = self.home.data().join("certificates/managers.pem");
        let authorities = managers
            .iter()
            .map(|manager| fs::read_to_string(manager.authority()).unwrap());
        fs::write(certificates, authorities.collect::<String>()).unwrap();
        let mut lines = "config system central-management\nset type fortimanager\n\
                         set include-default-servers disable\nset ca-cert managers\n\
                         config server-list\n"
            .to_owned();
        for manager in managers {
            let address = manager.address;
            lines +=
                &format!("edit 0\nset server-type update\nset server-address {address}\nnext\n");
        }
        self.home.console(&(lines + "end\nend")).ok();
    }
}

/// Where no token server is: a managed gateway does not reach it.
pub(crate) const NOWHERE: &str = "https://127.0.0.1:9";

const DAY: Duration = Duration::from_hours(24);

/// A certificate of the token server's authority, begun and ended `from` and `to` days from now.
pub(crate) fn identity(home: &Home, serial: &str, days_ago: u32, days_left: i32) -> String {
    let key = fs::read_to_string(home.data().join("registry/pki/ca.key")).unwrap();
    let authority = named("Symbolon registry authority");
    let issuer = Issuer::new(authority, KeyPair::from_pem(&key).unwrap());
    let mut params = named(serial);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let now = SystemTime::now();
    params.not_before = (now - DAY * days_ago).into();
    let away = DAY * days_left.unsigned_abs();
    params.not_after = if days_left < 0 {
        now - away
    } else {
        now + away
    }
    .into();
    let key = KeyPair::generate().unwrap();
    key.serialize_pem() + &params.signed_by(&key, &issuer).unwrap().pem()
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Puts an identity where a gateway looks for it.
pub(crate) fn put(gateway: &Apart, identity: &str) {
    fs::write(gateway.identity(), identity).unwrap();
    let owner_only = fs::Permissions::from_mode(0o600);
    fs::set_permissions(gateway.identity(), owner_only).unwrap();
}

/// Imports a licence; its tokens.
#[track_caller]
pub(crate) fn import(gateway: &Apart, code: &str) -> Vec<String> {
    let import = format!("execute fortitoken-mobile import {code}");
    let said = gateway.home.console(&import).ok();
    let licence = said.split_whitespace().nth(1).unwrap();
    gateway.home.tokens_of(licence.trim_end_matches(':'))
}

/// A user whose token is on a phone.
#[track_caller]
pub(crate) fn enrolled(gateway: &Apart, tokens: &Home, user: &str, token: &str) -> Phone {
    let shown = gateway.home.user(user, token);
    let phone = Phone::new(tokens, user);
    phone.add(&activation_code(&shown), user).ok();
    gateway.home.console("execute fortitoken-mobile poll").ok();
    phone
}

/// A licence in a manager's reserve.
pub(crate) struct Aside {
    pub(crate) serial: String,
    pub(crate) code: String,
}

impl Aside {
    #[track_caller]
    pub(crate) fn of(tokens: &Home, manager: &str, size: u32) -> Self {
        let size = size.to_string();
        let said = tokens.desk(&["issue-licence", "--tokens", &size]).ok();
        let serial = after(&said, "Licence:").to_owned();
        let code = after(&said, "Code:").split_whitespace().next().unwrap();
        let code = code.to_owned();
        let aside = ["set-aside", &serial, "--manager", manager];
        tokens
            .desk(&[&aside[..], &["--reason", "bought ahead"]].concat())
            .ok();
        Self { serial, code }
    }

    /// How it stands in a table of the manager or the desk.
    #[track_caller]
    pub(crate) fn standing<'t>(&self, table: &'t str) -> &'t str {
        let line = table.lines().find(|line| line.contains(&self.serial));
        line.unwrap().split_whitespace().nth(2).unwrap()
    }
}

/// Users of a directory, whose passwords need not be hashed, each with a token. What the console says of one
/// that waits has to be read before it goes on, so they come in pages.
pub(crate) fn assign(home: &Home, tokens: &[String]) {
    let there = "config user ldap\nedit there\nset server 127.0.0.1\nset dn dc=example\nend";
    home.console(there).ok();
    for page in tokens.chunks(20) {
        let mut lines = "config user local\n".to_owned();
        for token in page {
            write!(
                lines,
                "edit {token}\nset type ldap\nset ldap-server there\nset two-factor fortitoken\n\
                 set fortitoken {token}\nnext\n"
            )
            .unwrap();
        }
        // Its status tells that activation codes are still to come.
        home.console(&(lines + "end"));
    }
}
