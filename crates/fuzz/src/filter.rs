//! `| grep`: any options and pattern, over any text.

use cli::render::Zone;
use cli::{Output, Session, Step};

/// The first line of the input is what follows `grep`, the rest is the output that goes through it.
pub(crate) fn run(input: &[u8]) {
    let input = String::from_utf8_lossy(input);
    let (options, text) = input.split_once('\n').unwrap_or((&input, CONFIGURATION));
    let Some(whole) = output(options).map(|output| pushed(output, [text])) else {
        return;
    };
    let half = text.char_indices().nth(text.chars().count() / 2);
    let (first, second) = text.split_at(half.map_or(0, |(at, _)| at));
    let parts = output(options).map(|output| pushed(output, [first, second]));
    assert_eq!(parts.as_ref(), Some(&whole), "cut in two: {options:?}");
    assert!(whole.is_empty() || whole.ends_with('\n'), "{whole:?}");
}

fn output(options: &str) -> Option<Output> {
    match Session::new(Zone::UTC).feed(&format!("show | grep {options}")) {
        Step::Run { output, .. } => Some(output),
        _ => None,
    }
}

fn pushed<'a>(mut output: Output, parts: impl IntoIterator<Item = &'a str>) -> String {
    let shown: String = parts.into_iter().map(|part| output.push(part)).collect();
    shown + &output.finish()
}

const CONFIGURATION: &str = "\
config user group
    edit \"vpn\"
        set member \"alice\"
        config match
            edit 1
                set server-name \"ldap\"
            next
        end
    next
end
";
