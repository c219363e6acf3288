//! RADIUS over TLS: clients' certificates, and `FreeRADIUS` as a proxy that has one.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::radius::Vpn;
use super::{Home, free_port, run, tool};

/// The secret that a VPN server and the proxy share.
const SECRET: &str = "between-vpn-and-proxy";

/// Who vouches for clients.
pub(crate) struct Authority {
    directory: PathBuf,
}

/// A client's certificate and its key.
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
}

impl Certificate {
    pub(crate) fn chain(&self) -> String {
        self.chain.display().to_string()
    }

    pub(crate) fn key(&self) -> String {
        self.key.display().to_string()
    }
}

impl Authority {
    /// The one that `radius-client-ca` names.
    pub(crate) fn new(home: &Home) -> Self {
        let directory = home.data().join("certificates");
        fs::create_dir_all(&directory).unwrap();
        let this = Self { directory };
        let words = [
            "-subj",
            "/CN=Authority of clients",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
        ];
        this.openssl("radius-clients", &words);
        this
    }

    /// A certificate of a host.
    pub(crate) fn issue(&self, name: &str) -> Certificate {
        let (ca, ca_key) = (
            self.file("radius-clients", "pem"),
            self.file("radius-clients", "key"),
        );
        let (subject, names) = (format!("/CN={name}"), format!("subjectAltName=DNS:{name}"));
        let words = [
            "-subj",
            &subject,
            "-addext",
            &names,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-extensions",
            "usr_cert",
        ];
        self.openssl(name, &words);
        Certificate {
            chain: self.file(name, "pem").into(),
            key: self.file(name, "key").into(),
        }
    }

    fn openssl(&self, name: &str, words: &[&str]) {
        run(
            tool("openssl", "openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                ])
                .args(["-nodes", "-days", "2", "-keyout", &self.file(name, "key")])
                .args(["-out", &self.file(name, "pem")])
                .args(words),
            "",
        )
        .ok();
    }

    fn file(&self, name: &str, kind: &str) -> String {
        self.directory
            .join(format!("{name}.{kind}"))
            .display()
            .to_string()
    }
}

/// A running proxy on 127.0.0.1: it takes UDP, and passes everything on over TLS.
pub(crate) struct Proxy {
    process: Child,
    port: u16,
}

impl Proxy {
    pub(crate) fn start(home: &Home, server: SocketAddr, own: &Certificate) -> Self {
        let directory = home.path("proxy");
        fs::create_dir_all(&directory).unwrap();
        let port = free_port();
        let trusted = home.data().join("gateway/radius.pem");
        fs::write(
            directory.join("radiusd.conf"),
            configuration(&directory, port, server, own, &trusted),
        )
        .unwrap();
        let log = fs::File::create(directory.join("log")).unwrap();
        let process = tool("freeradius", "freeradius")
            .args(["-f", "-l", "stdout", "-n", "radiusd", "-d"])
            .arg(&directory)
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        super::until("the proxy listens", || {
            fs::read_to_string(directory.join("log"))
                .is_ok_and(|log| log.contains("Ready to process"))
        });
        Self { process, port }
    }

    /// A VPN server that asks it.
    pub(crate) fn vpn(&self) -> Vpn {
        Vpn {
            server: SocketAddr::from(([127, 0, 0, 1], self.port)),
            source: "127.0.0.1",
            secret: SECRET,
            transport: "udp",
        }
    }
}

fn configuration(
    directory: &Path,
    port: u16,
    server: SocketAddr,
    own: &Certificate,
    trusted: &Path,
) -> String {
    let (directory, trusted) = (directory.display(), trusted.display());
    let (chain, key) = (own.chain(), own.key());
    let (host, tls) = (server.ip(), server.port());
    format!(
        "prefix = /usr\n\
         logdir = {directory}\n\
         raddbdir = {directory}\n\
         run_dir = {directory}\n\
         libdir = /usr/lib/freeradius\n\
         pidfile = {directory}/pid\n\
         proxy_requests = yes\n\
         thread pool {{\n start_servers = 2\n}}\n\
         client vpn {{\n ipaddr = 127.0.0.1\n secret = {SECRET}\n}}\n\
         home_server symbolon {{\n\
           type = auth\n ipaddr = {host}\n port = {tls}\n proto = tcp\n secret = radsec\n\
           status_check = none\n\
           tls {{\n private_key_file = {key}\n certificate_file = {chain}\n ca_file = {trusted}\n\
             fragment_size = 8192\n}}\n\
         }}\n\
         home_server_pool symbolon {{\n home_server = symbolon\n}}\n\
         realm symbolon {{\n auth_pool = symbolon\n}}\n\
         server default {{\n\
           listen {{\n type = auth\n ipaddr = 127.0.0.1\n port = {port}\n}}\n\
           authorize {{\n update control {{\n Proxy-To-Realm := \"symbolon\"\n}}\n}}\n\
           post-auth {{\n\
             update reply {{\n Message-Authenticator := 0x00\n}}\n\
             Post-Auth-Type REJECT {{\n update reply {{\n Message-Authenticator := 0x00\n}}\n}}\n\
             Post-Auth-Type Challenge {{\n update reply {{\n Message-Authenticator := 0x00\n}}\n}}\n\
           }}\n\
         }}\n"
    )
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
