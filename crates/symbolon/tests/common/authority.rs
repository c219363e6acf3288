//! A certificate authority that is not the installation's, made by openssl.

use std::fs;
use std::path::{Path, PathBuf};

use super::{run, tool};

const EC: [&str; 5] = [
    "genpkey",
    "-algorithm",
    "EC",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
];

pub(crate) struct Authority(PathBuf);

impl Authority {
    /// Its files are `company.key` and `company.pem` in the directory.
    pub(crate) fn new(directory: &Path) -> Self {
        let authority = Self(directory.to_owned());
        authority.key("company");
        authority.openssl(&[
            "req",
            "-x509",
            "-key",
            "company.key",
            "-subj",
            "/CN=Company authority",
            "-out",
            "company.pem",
        ]);
        authority
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn openssl(&self, words: &[&str]) -> String {
        let mut command = tool("openssl", "openssl");
        command.current_dir(&self.0).args(words);
        run(&mut command, "").ok()
    }

    /// A key, in `NAME.key`.
    pub(crate) fn key(&self, name: &str) {
        let file = format!("{name}.key");
        self.openssl(&[&EC[..], &["-out", &file]].concat());
    }

    /// A key, and a certificate for these names, such as `DNS:localhost`, in `NAME.key` and `NAME.pem`.
    pub(crate) fn certify(&self, name: &str, names: &str, days: &str) {
        self.key(name);
        let (key, request) = (format!("{name}.key"), format!("{name}.csr"));
        let subject = ["-subj", "/CN=phones", "-key", &key, "-out", &request];
        self.openssl(&[&["req", "-new"], &subject[..]].concat());
        self.sign(name, names, days);
    }

    /// What `NAME.csr` asks for, in `NAME.pem`.
    pub(crate) fn sign(&self, name: &str, names: &str, days: &str) {
        let (request, certificate) = (format!("{name}.csr"), format!("{name}.pem"));
        fs::write(self.path("names"), format!("subjectAltName={names}\n")).unwrap();
        self.openssl(&[
            "x509",
            "-req",
            "-CA",
            "company.pem",
            "-CAkey",
            "company.key",
            "-extfile",
            "names",
            "-days",
            days,
            "-in",
            &request,
            "-out",
            &certificate,
        ]);
    }
}
