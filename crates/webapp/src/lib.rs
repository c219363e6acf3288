//! The web app's files, built into the binary, and the headers under which they are served.
//!
//! Nothing is fetched from elsewhere and nothing is generated but [`INDEX_PATH`], the list by which the
//! service worker keeps the app for use without a network.

use std::fmt::Write;
use std::sync::LazyLock;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use sha2::{Digest, Sha256};

mod table;

/// Where the app stands at its server: all its paths begin with it.
pub const ROOT: &str = "/app/";

/// The list of files with their digests and the version that follows from them, as a script of the service worker.
pub const INDEX_PATH: &str = "files.js";

/// Only what comes from the app's own server runs or shows; nobody frames it. Asked are that server and
/// `others`: origins of the push relay, and of gateways that take answers. `blob:` and `data:` are pictures that
/// the person chose, and what was drawn from them.
pub fn content_security_policy(others: impl IntoIterator<Item = String>) -> String {
    let asked = others.into_iter().fold(String::new(), |mut asked, origin| {
        asked.push(' ');
        asked.push_str(&origin);
        asked
    });
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
         connect-src 'self'{asked}; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}

/// What pages of the app may use of the phone.
pub const PERMISSIONS_POLICY: &str = "camera=(self), clipboard-write=(self), \
    publickey-credentials-create=(self), publickey-credentials-get=(self), \
    geolocation=(), microphone=(), payment=(), usb=()";

/// A file of the app.
#[derive(Debug)]
pub struct File {
    /// Its path below [`ROOT`]; empty for the page itself.
    pub path: &'static str,
    /// What `Content-Type` says.
    pub content_type: &'static str,
    /// Its octets.
    pub bytes: &'static [u8],
    /// A strong entity tag (RFC 9110 section 8.8.3), in quotes.
    pub etag: String,
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let mut files: Vec<File> = table::EMBEDDED
        .iter()
        .map(|&(path, bytes)| File::new(path, bytes))
        .collect();
    let index = index(&files).into_bytes().leak();
    files.push(File::new(INDEX_PATH, index));
    files
});

/// The file at a path below [`ROOT`].
pub fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// All files, the list among them.
pub fn files() -> &'static [File] {
    &FILES
}

impl File {
    fn new(path: &'static str, bytes: &'static [u8]) -> Self {
        Self {
            path,
            content_type: content_type(path),
            bytes,
            etag: format!(
                "\"{}\"",
                BASE64URL_NOPAD.encode(&Sha256::digest(bytes)[..16])
            ),
        }
    }
}

/// A service worker is installed anew when this text changes. It takes no file but those of this digest
/// (Subresource Integrity, section 3.1).
fn index(files: &[File]) -> String {
    let mut all = Sha256::new();
    let mut listed = String::new();
    for file in files {
        let digest = Sha256::digest(file.bytes);
        all.update(digest);
        // A path here has no quote and no backslash: `table` is the proof, and a test.
        let (path, digest) = (file.path, BASE64.encode(&digest));
        let _ = write!(listed, "\"{path}\":\"sha256-{digest}\",");
    }
    let version = BASE64URL_NOPAD.encode(&all.finalize()[..16]);
    format!("self.symbolonFiles={{version:\"{version}\",files:{{{listed}}}}};\n")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        None if path.is_empty() => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::disallowed_methods,
        reason = "a test fails by panicking, and this one reads the folder of the app"
    )]

    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served_and_no_other() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let mut found = BTreeSet::new();
        let mut waiting = vec![folder.clone()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    let below = path.strip_prefix(&folder).unwrap();
                    found.insert(below.to_str().unwrap().to_owned());
                }
            }
        }
        // Types are for the check of the source alone.
        found.retain(|path| !path.ends_with(".d.ts"));
        found.remove("index.html");
        found.extend([String::new(), INDEX_PATH.to_owned()]);
        let served: BTreeSet<String> = files().iter().map(|file| file.path.to_owned()).collect();
        assert_eq!(served, found);
        assert!(served.iter().all(|path| !path.contains(['"', '\\'])));
    }

    #[test]
    fn the_page_may_ask_its_server_and_whom_it_is_told() {
        let policy = content_security_policy(["https://push.example.org".to_owned()]);
        let asked = policy.split("; ").find(|it| it.starts_with("connect-src"));
        assert_eq!(asked, Some("connect-src 'self' https://push.example.org"));
        assert!(content_security_policy([]).contains("; connect-src 'self'; "));
    }

    #[test]
    fn the_list_names_the_files_with_their_digests_and_a_version() {
        let list = std::str::from_utf8(file(INDEX_PATH).unwrap().bytes).unwrap();
        assert!(list.starts_with("self.symbolonFiles={version:\""), "{list}");
        for path in ["", "core/otp.js", "sw.js"] {
            let digest = BASE64.encode(&Sha256::digest(file(path).unwrap().bytes));
            let entry = format!("\"{path}\":\"sha256-{digest}\",");
            assert!(list.contains(&entry), "{list}");
        }
        assert!(!list.contains(r#""files.js""#), "{list}");
    }

    #[test]
    fn the_version_is_another_where_a_single_octet_is() {
        let version = |bytes: &'static [u8]| {
            let list = index(&[File::new("", b"page"), File::new("main.js", bytes)]);
            list.split('"').nth(1).unwrap().to_owned()
        };
        assert_eq!(version(b"one"), version(b"one"));
        assert_ne!(version(b"one"), version(b"onE"));
    }

    #[test]
    fn a_file_has_its_type_and_a_tag_that_follows_its_octets() {
        let page = file("").unwrap();
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert_eq!(
            file("core/otp.js").unwrap().content_type,
            "text/javascript; charset=utf-8"
        );
        assert_eq!(file("icon.svg").unwrap().content_type, "image/svg+xml");
        assert_eq!(page.etag.len(), 24);
        let tags: BTreeSet<&str> = files().iter().map(|file| file.etag.as_str()).collect();
        assert_eq!(tags.len(), files().len());
        assert!(file("../Cargo.toml").is_none());
    }
}
