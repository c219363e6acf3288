//! The workspace's files, and its crates as Cargo sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::HOUSE;
use crate::rust_text::{blank, blank_out, line_of, test_items};

pub(crate) struct Package {
    /// What the crate's normal and build dependencies name.
    pub(crate) linked: BTreeSet<String>,
}

pub(crate) struct Source {
    pub(crate) krate: String,
    pub(crate) path: String,
    pub(crate) text: String,
    /// Comments, literals and (under `src/`) test items are blanks; offsets are those of `text`.
    pub(crate) code: String,
    /// As `code`, with the literals left in.
    pub(crate) with_literals: String,
}

impl Source {
    fn read(krate: &str, path: String) -> Self {
        let text = read(&path);
        let (mut code, mut with_literals) = blank_out(&text);
        if path.contains("/src/") {
            for (from, to) in test_items(&code) {
                blank(&mut code, from, to);
                blank(&mut with_literals, from, to);
            }
        }
        let code = String::from_utf8(code).expect("blanks replace whole characters");
        let with_literals =
            String::from_utf8(with_literals).expect("blanks replace whole characters");
        Self {
            krate: krate.to_owned(),
            path,
            text,
            code,
            with_literals,
        }
    }

    pub(crate) fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, line_of(&self.text, at))
    }
}

/// Production code: `crates/*/src`, without files that are tests as a whole.
pub(crate) fn sources() -> Vec<Source> {
    let mut sources = all_rust();
    sources.retain(|source| {
        let path = &source.path;
        path.contains("/src/") && !path.ends_with("/tests.rs") && !path.contains("/tests/")
    });
    sources
}

pub(crate) fn all_rust() -> Vec<Source> {
    HOUSE
        .iter()
        .flat_map(|(name, _)| {
            let files = files_under(&root().join("crates").join(name));
            files
                .into_iter()
                .filter(|path| extension(path) == Some("rs"))
                .map(|path| Source::read(name, path))
        })
        .collect()
}

/// Everything that a person wrote, as paths.
pub(crate) fn texts() -> Vec<String> {
    const EXTENSIONS: &[&str] = &[
        "rs", "md", "toml", "txt", "json", "conf", "log", "py", "sql", "html", "js", "css",
    ];
    const SCRIPTS: &[&str] = &["check", "soak", ".ci/run"];
    let mut texts = files_under(&root());
    texts.retain(|path| {
        SCRIPTS.contains(&path.as_str())
            || extension(path).is_some_and(|extension| EXTENSIONS.contains(&extension))
    });
    texts
}

fn extension(path: &str) -> Option<&str> {
    Path::new(path).extension()?.to_str()
}

pub(crate) fn workspace_packages() -> BTreeMap<String, Package> {
    let metadata: serde_json::Value =
        serde_json::from_str(&cargo("metadata --no-deps --format-version 1")).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            (
                package["name"].as_str().unwrap().to_owned(),
                linked_by(package),
            )
        })
        .collect()
}

fn linked_by(package: &serde_json::Value) -> Package {
    let dependencies = package["dependencies"].as_array().unwrap();
    let linked = dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev");
    Package {
        linked: linked
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect(),
    }
}

/// Runs Cargo as it stands: without the network, without touching the lock file.
pub(crate) fn cargo(arguments: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(arguments.split(' '))
        .args(["--locked", "--offline"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Paths from the workspace's root, without what is built, fetched or under version control's own.
fn files_under(directory: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !matches!(name, "target" | "node_modules" | ".git") {
                waiting.push(path);
            } else if path.is_file() {
                files.push(
                    path.strip_prefix(root())
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    files.sort();
    files
}
