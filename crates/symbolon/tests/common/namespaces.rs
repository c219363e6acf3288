//! Networks and file systems of a test's own.

use std::fs;

use super::{Home, Running, run, tool};

/// `symbolon up` in namespaces of its own, after a preparation in the words of a shell. The data
/// directory is `$1`, the configuration to put into it `$2`.
pub(crate) fn apart(home: &Home, namespaces: &str, preparation: &str) -> Running {
    let configuration = home.path("symbolon.toml");
    fs::write(&configuration, home.configuration()).unwrap();
    let possible = run(tool("unshare", "util-linux").args([namespaces, "true"]), "");
    assert!(
        possible.status.success(),
        "this test needs user namespaces (or root): {}",
        possible.err
    );
    let mut command = tool("unshare", "util-linux");
    command
        .args([namespaces, "sh", "-ec"])
        .arg(format!("{preparation}; exec \"$3\" up --data \"$1\""))
        .arg("sh")
        .arg(home.data())
        .arg(configuration)
        .arg(super::SYMBOLON)
        .env("TZ", "UTC");
    Running::start(&mut command, home)
}
