//! Changes of the configuration as debug lines.

use domain::admin::{Edit, Operation};

use crate::words::quoted;

/// What `diagnose debug cli` shows of an operation, in lines that could be typed but for their mark and
/// for secrets; nothing for what no table holds.
pub fn change(operation: &Operation) -> String {
    let mut lines = match operation {
        Operation::Configure { table, key, edits } => {
            let mut lines = vec![format!("config {}", table.path)];
            if !key.is_empty() {
                lines.push(format!("edit {}", quoted(key)));
            }
            lines.extend(edits.iter().map(edited));
            lines
        }
        Operation::Remove { table, key } => vec![
            format!("config {}", table.path),
            format!("delete {}", quoted(key)),
        ],
        _ => return String::new(),
    };
    lines.push("end".to_owned());
    let marked: Vec<String> = lines.iter().map(|line| format!("0: {line}")).collect();
    marked.join("\n")
}

fn edited(edit: &Edit) -> String {
    match edit {
        Edit::Set(field, value) => match value.as_text() {
            Some(text) => format!("set {} {}", field.name, quoted(text)),
            None => format!("set {} ENC *", field.name),
        },
        Edit::Unset(field) => format!("unset {}", field.name),
    }
}
