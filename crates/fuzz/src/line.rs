//! One line as words: what a word means does not depend on how it is quoted.

use crate::gateway::{Changes, Gateway};

/// Takes the input for a comment that is typed as it is; what it became is shown and typed again.
pub(crate) fn run(input: &[u8]) {
    let typed = String::from_utf8_lossy(input);
    if typed.contains('\n') {
        return;
    }
    let first = comment_of(&format!("set comments {typed}"));
    let Some(shown) = first else { return };
    assert_eq!(comment_of(&shown), Some(shown.clone()), "{typed:?}");
}

/// The line by which `show` shows a comment after this line, if one was set.
fn comment_of(line: &str) -> Option<String> {
    let mut gateway = Gateway::new();
    for before in ["config user fortitoken", "edit FTK2000BHV1KRZCC"] {
        let _ = gateway.line(before, Changes::Saved);
    }
    let _ = gateway.line(line, Changes::Saved);
    let (shown, _) = gateway.line("show", Changes::Saved);
    let line = shown.lines().find(|line| line.contains("set comments"));
    line.map(|line| line.trim_start().to_owned())
}
