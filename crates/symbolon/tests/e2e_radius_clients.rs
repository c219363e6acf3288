//! Programs that have people log in over RADIUS: Debian's PAM module, and the VPN server `ocserv` with `openconnect`
//! before it. The codes are `oathtool`'s.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs the program"
)]

mod common;

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::{Home, PASSWORD, Running, SECRET, free_port, run, tool, until};
use rustix::process::{Pid, Signal, kill_process};

/// People and the devices that show their codes.
const DEVICES: [(&str, &str, &str); 3] = [
    (
        "alice",
        "FTK2000BHV1KRZCC",
        "3132333435363738393031323334353637383930",
    ),
    (
        "bob",
        "FTK2000BHV1KRZCD",
        "4142434445464748494a4b4c4d4e4f5051525354",
    ),
    (
        "carol",
        "FTK2000BHV1KRZCE",
        "6162636465666768696a6b6c6d6e6f7071727374",
    ),
];

/// A system with these people, dora without a device, and one RADIUS client on this machine.
fn system() -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    let table = home.path("tokens.csv");
    let lines = DEVICES.map(|(_, serial, seed)| format!("{serial},{seed}\n"));
    fs::write(&table, lines.concat()).unwrap();
    home.desk(&["import-hardware", table.to_str().unwrap()])
        .ok();
    for (user, serial, _) in DEVICES {
        home.console(&format!("config user fortitoken\nedit {serial}\nend"))
            .ok();
        home.user(user, serial);
    }
    home.user_without_token("dora");
    home.radius_client("front", "127.0.0.1", "");
    (home, up)
}

/// The code that somebody's device shows where its clock is off by so many minutes, and the next.
fn two_shown(user: &str, minutes: i32) -> (String, String) {
    let (_, _, seed) = DEVICES.iter().find(|(name, ..)| *name == user).unwrap();
    let mut oathtool = tool("oathtool", "oathtool");
    oathtool.args(["--totp=sha1", "-s", "60s", "-w", "1", "--now"]);
    oathtool.arg(format!("{minutes:+} minutes")).arg(seed);
    let codes = run(&mut oathtool, "").ok();
    let (first, next) = codes.trim().split_once('\n').unwrap();
    (first.to_owned(), next.to_owned())
}

/// What became of a login.
#[derive(Debug)]
struct Seen {
    let_in: bool,
    /// What the person read.
    shown: String,
}

impl Seen {
    #[track_caller]
    fn is_let_in(&self) {
        assert!(self.let_in, "{}", self.shown);
    }

    #[track_caller]
    fn is_refused(&self) {
        assert!(!self.let_in, "{}", self.shown);
    }

    #[track_caller]
    fn was_asked(&self, question: &str) {
        assert!(self.shown.contains(question), "{}", self.shown);
    }
}

/// Has people log in by a program that is known to come `from` there: they type these lines.
fn all_log_in(home: &Home, from: &str, log_in: impl Fn(&str, &[&str]) -> Seen) {
    log_in("dora", &[PASSWORD]).is_let_in();
    log_in("dora", &["wrong"]).is_refused();
    home.login_says("dora", &format!("from {from}  refused: password-wrong"));

    let (code, _) = two_shown("alice", 0);
    let seen = log_in("alice", &[PASSWORD, &code]);
    seen.is_let_in();
    seen.was_asked("Please enter your token code");
    home.login_says("alice", &format!("client front  from {from}  accepted: "));
    log_in("alice", &[PASSWORD, &code]).is_refused();
    home.login_says("alice", "refused: code-replayed");

    // A challenge that is answered with another.
    let (first, next) = two_shown("bob", -20);
    let seen = log_in("bob", &[PASSWORD, &first, &next]);
    seen.is_let_in();
    seen.was_asked(&format!("FortiToken clock drift detected (code: {first})"));
    home.login_says("bob", "accepted: ");

    home.console("config user radius-client\nedit front\nset code-position after-password\nend")
        .ok();
    let (code, _) = two_shown("carol", 0);
    let seen = log_in("carol", &[&format!("{PASSWORD}{code}")]);
    seen.is_let_in();
    assert!(!seen.shown.contains("token code"), "{}", seen.shown);
    log_in("carol", &[PASSWORD]).is_refused();
}

/// A service of this machine whose users `pam_radius_auth` asks about.
struct Bastion {
    services: PathBuf,
}

impl Bastion {
    fn new(home: &Home) -> Self {
        let services = home.path("pam.d");
        fs::create_dir(&services).unwrap();
        let servers = home.path("pam_radius_auth.conf");
        fs::write(&servers, format!("{} {SECRET} 5\n", home.radius)).unwrap();
        fs::set_permissions(&servers, Permissions::from_mode(0o600)).unwrap();
        let service = format!(
            "auth required pam_radius_auth.so conf={} prompt_attribute\n",
            servers.display()
        );
        fs::write(services.join("bastion"), service).unwrap();
        Self { services }
    }

    /// Somebody logs in from `host`. Services have their place in `/etc`, so the module sees another one.
    fn log_in(&self, host: &str, user: &str, typed: &[&str]) -> Seen {
        tool("pamtester", "pamtester");
        let mut command = tool("unshare", "util-linux");
        command
            .args(["--map-root-user", "--mount", "sh", "-ec"])
            .arg("mount --bind \"$1\" /etc/pam.d; exec pamtester -I rhost=\"$2\" bastion \"$3\" authenticate")
            .arg("sh")
            .arg(&self.services)
            .args([host, user]);
        let said = run(&mut command, &lines(typed));
        let shown = said.out + &said.err;
        assert!(
            !shown.contains("Module is unknown"),
            "pam_radius_auth.so is missing: install the Debian package libpam-radius-auth (./check does)"
        );
        Seen {
            let_in: said.status.success() && shown.contains("successfully authenticated"),
            shown,
        }
    }
}

/// `ocserv` on this machine, which asks over RADIUS.
struct VpnServer {
    process: Child,
    certificate: PathBuf,
    port: u16,
}

impl VpnServer {
    fn start(home: &Home) -> Self {
        let files = home.path("ocserv");
        fs::create_dir(&files).unwrap();
        let at = |name: &str| files.join(name).display().to_string();
        let port = free_port();
        let mut openssl = tool("openssl", "openssl");
        openssl.current_dir(&files).args(
            "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 \
             -subj /CN=ocserv -addext subjectAltName=IP:127.0.0.1"
                .split_whitespace(),
        );
        run(&mut openssl, "").ok();
        let server = home.radius;
        let secrets = format!("{} {SECRET}\n", server.ip());
        fs::write(files.join("servers"), secrets).unwrap();
        let radius = format!(
            "authserver {server}\nacctserver {server}\nservers {}\ndictionary /etc/radcli/dictionary\n\
             default_realm\nradius_timeout 5\nradius_retries 1\nbindaddr *\n",
            at("servers")
        );
        fs::write(files.join("radius.conf"), radius).unwrap();
        let (radius, socket, pid) = (at("radius.conf"), at("socket"), at("pid"));
        let (certificate, key) = (at("certificate.pem"), at("key.pem"));
        let configuration = format!(
            "auth = \"radius[config={radius}]\"\nlisten-host = 127.0.0.1\ntcp-port = {port}\n\
             socket-file = {socket}\npid-file = {pid}\nuse-occtl = false\nisolate-workers = false\n\
             server-cert = {certificate}\nserver-key = {key}\nmax-clients = 16\nmax-ban-score = 0\n\
             device = vpns\nipv4-network = 192.0.2.0/24\n"
        );
        fs::write(files.join("ocserv.conf"), configuration).unwrap();
        let process = as_root("ocserv", "ocserv")
            .args(["--foreground", "--config", &at("ocserv.conf")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self {
            process,
            certificate: certificate.into(),
            port,
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        until("ocserv listens", || TcpStream::connect(address).is_ok());
        this
    }

    /// Somebody logs in with openconnect, up to the cookie that a tunnel begins with.
    fn log_in(&self, user: &str, typed: &[&str]) -> Seen {
        let mut command = tool("openconnect", "openconnect");
        command
            .args([
                "--protocol=anyconnect",
                "--authenticate",
                "--passwd-on-stdin",
            ])
            .args(["--user", user, "--no-system-trust", "--cafile"])
            .arg(&self.certificate)
            .arg(format!("https://127.0.0.1:{}/", self.port));
        let said = run(&mut command, &lines(typed));
        Seen {
            let_in: said.status.success() && said.out.contains("webvpn="),
            shown: said.out + &said.err,
        }
    }
}

impl Drop for VpnServer {
    fn drop(&mut self) {
        // Killed, it would leave its helpers behind.
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        self.process.wait().unwrap();
    }
}

/// A program that sees itself as root, whoever runs it. A namespace of users alone has no groups to leave, as `ocserv`
/// does: that is made to seem so.
fn as_root(name: &str, package: &str) -> Command {
    tool(name, package);
    let mut command = tool("unshare", "util-linux");
    command
        .args(["--map-root-user", "env", "LD_PRELOAD=libuid_wrapper.so"])
        .args(["UID_WRAPPER=1", "UID_WRAPPER_ROOT=1", name]);
    command
}

fn lines(typed: &[&str]) -> String {
    typed.join("\n") + "\n"
}

#[test]
fn over_pam_people_log_in_with_a_challenge_and_with_the_code_behind_the_password() {
    let (home, up) = system();
    let bastion = Bastion::new(&home);
    all_log_in(&home, "192.0.2.7", |user, typed| {
        bastion.log_in("192.0.2.7", user, typed)
    });
    up.stop();
}

#[test]
fn over_a_vpn_server_people_log_in_with_a_challenge_and_with_the_code_behind_the_password() {
    let (home, up) = system();
    let server = VpnServer::start(&home);
    all_log_in(&home, "127.0.0.1", |user, typed| server.log_in(user, typed));
    up.stop();
}
