//! Another organisation's RADIUS server: `FreeRADIUS` on a directory of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::directory::{ALIAS_OF_DORA, password_of};
use super::{Home, free_port, run, tool, until};

/// The secret that it knows the gateway by.
pub(crate) const SECRET: &str = "of-the-server-upstream";

/// The password of everybody whom it knows.
pub(crate) const PASSWORD: &str = "known-upstream";

/// A running server on 127.0.0.1. It knows `alice` and `bob`, `zoe` of the groups `staff` and `vpn`, and `yan`,
/// who is `alice` to it, and `xan`, whose name it keeps to itself; dora by the other name that she has in the
/// directory; asks `carol` for more than her password,
/// and answers about `mallory` without a Message-Authenticator.
pub(crate) struct Upstream {
    directory: PathBuf,
    process: Option<Child>,
    pub(crate) port: u16,
}

impl Upstream {
    pub(crate) fn start(home: &Home) -> Self {
        let directory = home.path("freeradius");
        fs::create_dir_all(&directory).unwrap();
        let mut this = Self {
            directory,
            process: None,
            port: free_port(),
        };
        this.configure();
        this.resume();
        this
    }

    pub(crate) fn resume(&mut self) {
        let child = tool("freeradius", "freeradius")
            .args(["-f", "-l", "stdout", "-n", "radiusd", "-d"])
            .arg(&self.directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(child);
        until("the RADIUS server answers", || self.knows("bob"));
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.process.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Whether it lets somebody in who asks directly.
    pub(crate) fn knows(&self, user: &str) -> bool {
        let said = run(
            tool("radclient", "freeradius-utils")
                .args(["-r", "1", "-t", "1"])
                .arg(format!("127.0.0.1:{}", self.port))
                .args(["auth", SECRET]),
            &format!("User-Name = \"{user}\", User-Password = \"{PASSWORD}\"\n"),
        );
        (said.out + &said.err).contains("Access-Accept")
    }

    fn configure(&self) {
        let (directory, port) = (self.directory.display(), self.port);
        let radiusd = format!(
            "prefix = /usr\n\
             logdir = {directory}\n\
             raddbdir = {directory}\n\
             run_dir = {directory}\n\
             libdir = /usr/lib/freeradius\n\
             pidfile = {directory}/pid\n\
             modules {{\n\
               pap {{\n}}\n\
               files {{\n filename = {directory}/users\n}}\n\
               always handled {{\n rcode = handled\n}}\n\
             }}\n\
             client gateway {{\n ipaddr = 127.0.0.1\n secret = {SECRET}\n}}\n\
             server default {{\n\
               listen {{\n type = auth\n ipaddr = 127.0.0.1\n port = {port}\n}}\n\
               authorize {{\n\
                 if (&User-Name != \"mallory\") {{\n\
                   update reply {{\n Message-Authenticator := 0x00\n}}\n\
                 }}\n\
                 if (&User-Name == \"carol\") {{\n\
                   update control {{\n Response-Packet-Type := Access-Challenge\n}}\n\
                   update reply {{\n Reply-Message := \"one more code\"\n State := 0x01\n}}\n\
                   handled\n\
                 }}\n\
                 files\n\
                 pap\n\
               }}\n\
               authenticate {{\n Auth-Type PAP {{\n pap\n}}\n}}\n\
               post-auth {{\n\
                 Post-Auth-Type REJECT {{\n\
                   update reply {{\n Reply-Message := \"not you\"\n}}\n\
                 }}\n\
               }}\n\
             }}\n"
        );
        fs::write(self.directory.join("radiusd.conf"), radiusd).unwrap();
        let users = ["alice", "bob", "carol", "mallory"].map(|user| {
            format!("{user} Cleartext-Password := \"{PASSWORD}\"\n\tUser-Name := \"{user}\"\n")
        });
        let known = "zoe Cleartext-Password := \"known-upstream\"\n\tUser-Name := \"zoe\",\n\
                     \tFortinet-Group-Name = \"staff\",\n\
                     \tFortinet-Group-Name += \"vpn\",\n\tFilter-Id = \"VPN\"\n\n\
                     xan Cleartext-Password := \"known-upstream\"\n\tFilter-Id = \"VPN\"\n\n\
                     yan Cleartext-Password := \"known-upstream\"\n\tUser-Name := \"alice\",\n\
                     \tFortinet-Group-Name = \"vpn\"\n";
        let (dora, password) = (ALIAS_OF_DORA, password_of("dora"));
        let dora =
            format!("\n{dora} Cleartext-Password := \"{password}\"\n\tUser-Name := \"{dora}\"\n");
        fs::write(self.directory.join("users"), users.concat() + known + &dora).unwrap();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop();
    }
}
