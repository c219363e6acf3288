//! Changes of the configuration as debug lines.

use domain::admin::{Edit, Operation};
use domain::schema::Value;

use crate::words::quoted;

/// What `diagnose debug cli` shows of an operation, in lines that could be typed but for their mark and
/// for secrets; nothing for what no table holds.
pub fn change(operation: &Operation) -> String {
    let mut lines = match operation {
        Operation::Configure { place, edits } => {
            let mut lines = vec![format!("config {}", place.table().path)];
            if !place.key().is_empty() {
                lines.push(format!("edit {}", quoted(place.key())));
            }
            lines.extend(edits.iter().map(edited));
            lines
        }
        Operation::Remove { place } => vec![
            format!("config {}", place.table().path),
            format!("delete {}", quoted(place.key())),
        ],
        _ => return String::new(),
    };
    lines.push("end".to_owned());
    let marked: Vec<String> = lines.iter().map(|line| format!("0: {line}")).collect();
    marked.join("\n")
}

fn edited(edit: &Edit) -> String {
    match edit {
        Edit::Set(field, Value::Secret(_) | Value::Sealed(_) | Value::Foreign(_)) => {
            format!("set {} ENC *", field.name)
        }
        Edit::Set(field, value) => {
            let texts: Vec<String> = value.texts().iter().map(|text| quoted(text)).collect();
            format!("set {} {}", field.name, texts.join(" "))
        }
        Edit::Unset(field) => format!("unset {}", field.name),
        Edit::Children(table, entries) => {
            format!("config {}: {} entries", table.path, entries.len())
        }
    }
}
