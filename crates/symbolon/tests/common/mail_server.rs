//! A foreign mail server.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::{Home, python, script, until};

/// A running aiosmtpd.
pub(crate) struct MailServer {
    child: Child,
    mails: PathBuf,
}

impl MailServer {
    pub(crate) fn start(home: &Home, port: u16, options: &[&str]) -> Self {
        let mails = home.path("mails");
        std::fs::create_dir_all(&mails).unwrap();
        let mut child = python()
            .arg(script("smtp_server.py"))
            .args(["--port", &port.to_string(), "--mails"])
            .arg(&mails)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(File::create(home.path("mail server's log")).unwrap())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        assert_eq!(ready, "ready\n", "the mail server does not start");
        Self { child, mails }
    }

    /// The first mail, once it has arrived.
    pub(crate) fn mail(&self) -> Vec<u8> {
        self.nth(1)
    }

    /// The mail of this number, once it has arrived.
    pub(crate) fn nth(&self, number: usize) -> Vec<u8> {
        let mail = self.file(number);
        until("the mail arrives", || mail.exists());
        std::fs::read(mail).unwrap()
    }

    /// Where the mail of this number will be.
    pub(crate) fn file(&self, number: usize) -> PathBuf {
        self.mails.join(format!("{number}.eml"))
    }

    /// From where the first mail came, and to whom it went.
    pub(crate) fn session(&self) -> String {
        self.mail();
        std::fs::read_to_string(self.mails.join("1.session")).unwrap()
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.mails.join("1.eml").exists()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
