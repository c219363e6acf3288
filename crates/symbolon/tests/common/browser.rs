//! The web app in a real Chromium, as the tests in `crates/webapp/test/browser` use it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Home, PASSWORD, SYMBOLON, run, tool};

/// The checkout.
pub(crate) fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// Runs one of these tests with what it has to know of the system; `more` adds to what all are told, or takes
/// its place.
#[track_caller]
pub(crate) fn plays(home: &Home, test: &str, more: Value) {
    let folder = workspace().join("crates/webapp");
    assert!(
        folder.join("node_modules").is_dir(),
        "{}/node_modules is missing: run ./check once, which makes it",
        folder.display()
    );
    let mut told = json!({
        "origin": format!("https://{}", home.https),
        "certificates": [home.authority()],
        "codes": [],
        "links": [],
        "pictures": [],
        "login": [],
        "console": [SYMBOLON, "console", "--data", home.data()],
        "password": PASSWORD,
        "artefacts": workspace().join("target/web-app"),
    });
    let Value::Object(more) = more else {
        panic!("more is an object");
    };
    told.as_object_mut().unwrap().extend(more);
    let scene = home.path("scene.json");
    fs::write(&scene, told.to_string()).unwrap();
    tool("chromium", "chromium");
    let said = run(
        tool("node", "nodejs")
            .args(["--test", "--test-force-exit"])
            .arg(format!("test/browser/{test}.test.js"))
            .current_dir(folder)
            .env("SYMBOLON_SCENE", &scene),
        "",
    );
    assert!(said.status.success(), "{}\n{}", said.out, said.err);
}
