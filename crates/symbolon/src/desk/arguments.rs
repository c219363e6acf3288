//! A command's arguments as a JSON object, and as the words that mean the same. Both are read off the
//! command's one declaration: a field of the object is the name of an argument, files are their content
//! in base64.

use anyhow::{Context, Result, bail, ensure};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Subcommand, ValueHint};
use data_encoding::BASE64;
use registry::Content as Body;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::DeskArgs;
use super::command::Input;
use super::parcel::{Content, Parcel};

/// Where whoever asks writes what was answered. No server writes it.
const OUTPUT: &str = "certificate";

/// What takes the place of [`OUTPUT`] where the file is for a key. It is no longer than words are.
pub(super) const REQUEST: &str = "request";

/// What the arguments of a command may have, if there is this command.
pub(super) fn content(command: &str) -> Option<Body> {
    let declared = declaration(command)?;
    let mut arguments = declared.get_arguments();
    let has_files = arguments.any(|it| is_file(it) && it.get_id() != REQUEST);
    Some(if has_files { Body::Files } else { Body::Words })
}

/// The words and files of a command, from its name and the object of its arguments.
pub(super) fn parcel(command: &str, arguments: &[u8]) -> Result<Parcel> {
    let declared = declaration(command).with_context(|| format!("no command '{command}'"))?;
    let mut arguments: Map<String, Value> = match arguments.trim_ascii() {
        b"" => Map::new(),
        body => serde_json::from_slice(body).context("the arguments are no JSON object")?,
    };
    let mut options = vec!["desk".to_owned(), command.to_owned()];
    let mut positionals = Vec::new();
    let mut files = Vec::new();
    for argument in declared.get_arguments().filter(|it| it.get_id() != OUTPUT) {
        let name = argument.get_id().as_str();
        let Some(value) = arguments.remove(name).filter(|value| !value.is_null()) else {
            continue;
        };
        let value = if is_file(argument) {
            files.push(decoded(name, &value)?);
            Value::String(name.to_owned())
        } else {
            value
        };
        match word(argument, &value)? {
            Word::Option(word) => options.push(word),
            Word::Positional(word) => positionals.push(word),
            Word::Absent => {}
        }
    }
    if let Some(unknown) = arguments.keys().next() {
        bail!(
            "'{unknown}' is no argument of {command}: {}",
            names(&declared)
        );
    }
    options.push("--".to_owned());
    options.append(&mut positionals);
    Ok(Parcel {
        words: options,
        files,
    })
}

/// The name of a command and the object of its arguments, from its words and files.
pub(super) fn object(parcel: &Parcel) -> Result<(String, Zeroizing<String>)> {
    let (command, object) = object_with(parcel, |_, content| Ok(BASE64.encode(content).into()))?;
    Ok((command, Zeroizing::new(object.to_string())))
}

/// The same, with what `file` makes of each file by its name.
pub(super) fn object_with(
    parcel: &Parcel,
    mut file: impl FnMut(&str, &[u8]) -> Result<Value>,
) -> Result<(String, Value)> {
    let parser = DeskArgs::augment_args(clap::Command::new("desk"));
    let matches = parser.try_get_matches_from(&parcel.words)?;
    let (command, given) = matches.subcommand().context("no command")?;
    let declared = declaration(command).context("no such command")?;
    let mut files = parcel.files.iter();
    let mut object = Map::new();
    for argument in declared.get_arguments() {
        let name = argument.get_id().as_str();
        if given.value_source(name) != Some(ValueSource::CommandLine) {
            continue;
        }
        let is_key = name == OUTPUT && takes_request(&declared);
        if is_file(argument) || is_key {
            let name = if is_key { REQUEST } else { name };
            let content = files.next().context("the content of a file is missing")?;
            object.insert(name.to_owned(), file(name, content)?);
        } else if name != OUTPUT {
            object.insert(name.to_owned(), value(argument, given)?);
        }
    }
    Ok((command.to_owned(), Value::Object(object)))
}

/// A command as it is declared.
fn declaration(command: &str) -> Option<clap::Command> {
    let desk = Input::augment_subcommands(clap::Command::new("desk"));
    desk.find_subcommand(command).cloned()
}

fn takes_request(declared: &clap::Command) -> bool {
    let mut arguments = declared.get_arguments();
    arguments.any(|it| it.get_id() == REQUEST && is_file(it))
}

fn is_file(argument: &Arg) -> bool {
    let is_path = argument.get_value_hint() == ValueHint::AnyPath;
    is_path && argument.get_id() != OUTPUT
}

fn is_flag(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue)
}

fn names(declared: &clap::Command) -> String {
    let names = declared.get_arguments().map(|it| it.get_id().as_str());
    let names: Vec<_> = names.filter(|name| *name != OUTPUT).collect();
    match names.as_slice() {
        [] => "it has none".to_owned(),
        names => format!("it has {}", names.join(", ")),
    }
}

/// A value among the words.
enum Word {
    Option(String),
    Positional(String),
    Absent,
}

/// An option has its value behind `=`, so that none is taken for another option.
fn word(argument: &Arg, value: &Value) -> Result<Word> {
    let name = argument.get_id().as_str();
    let long = argument.get_long();
    if is_flag(argument) {
        let set = value.as_bool();
        let set = set.with_context(|| format!("'{name}' is true or false"))?;
        return Ok(match long {
            Some(long) if set => Word::Option(format!("--{long}")),
            _ => Word::Absent,
        });
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => bail!("'{name}' is a text or a number"),
    };
    ensure!(!text.contains('\0'), "'{name}' holds a zero octet");
    Ok(match long {
        Some(long) => Word::Option(format!("--{long}={text}")),
        None => Word::Positional(text),
    })
}

fn decoded(name: &str, value: &Value) -> Result<Content> {
    let text = value.as_str().map(str::as_bytes);
    let content = text.and_then(|text| BASE64.decode(text).ok());
    let content = content.with_context(|| format!("'{name}' is the file's content in base64"))?;
    Ok(Zeroizing::new(content))
}

fn value(argument: &Arg, given: &ArgMatches) -> Result<Value> {
    if is_flag(argument) {
        return Ok(true.into());
    }
    let name = argument.get_id().as_str();
    let words = given.get_raw(name).and_then(|mut words| words.next());
    let word = words.and_then(|word| word.to_str());
    Ok(word.with_context(|| format!("'{name}' is no text"))?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel_of(words: &[&str], files: &[&[u8]]) -> Parcel {
        Parcel {
            words: words.iter().map(|&word| word.to_owned()).collect(),
            files: files
                .iter()
                .map(|file| Zeroizing::new(file.to_vec()))
                .collect(),
        }
    }

    /// The object of some words, and the words and files of that object.
    #[track_caller]
    fn there_and_back(words: &[&str], files: &[&[u8]]) -> (String, Parcel) {
        let (command, arguments) = object(&parcel_of(words, files)).unwrap();
        let back = parcel(&command, arguments.as_bytes()).unwrap();
        let parser = DeskArgs::augment_args(clap::Command::new("desk"));
        parser.try_get_matches_from(&back.words).unwrap();
        (arguments.to_string(), back)
    }

    #[test]
    fn words_and_objects_mean_the_same() {
        let (object, back) = there_and_back(
            &[
                "desk",
                "--json",
                "move-licence",
                "EFTM000000000001",
                "--reason=--to=x",
                "--to",
                "FGT0000000000001",
            ],
            &[],
        );
        assert_eq!(
            object,
            r#"{"licence":"EFTM000000000001","reason":"--to=x","to":"FGT0000000000001"}"#
        );
        assert_eq!(
            back.words,
            [
                "desk",
                "move-licence",
                "--to=FGT0000000000001",
                "--reason=--to=x",
                "--",
                "EFTM000000000001"
            ]
        );
        let (object, back) = there_and_back(&["desk", "look", "--", "--help"], &[]);
        assert_eq!(object, r#"{"what":"--help"}"#);
        assert_eq!(back.words, ["desk", "look", "--", "--help"]);
    }

    #[test]
    fn files_go_along_as_their_content() {
        let words = [
            "desk",
            "import-hardware",
            "a.xml",
            "--key-file",
            "b",
            "--skip-bad",
        ];
        let (object, back) = there_and_back(&words, &[b"<xml/>", b"\xff\x00"]);
        assert_eq!(
            object,
            r#"{"file":"PHhtbC8+","key_file":"/wA=","skip_bad":true}"#
        );
        let files: Vec<_> = back.files.iter().map(|file| file.to_vec()).collect();
        assert_eq!(files, [b"<xml/>".to_vec(), b"\xff\x00".to_vec()]);
        let words = [
            "desk",
            "add-agent",
            "carol",
            "--role",
            "read",
            "--certificate",
            "carol.pem",
        ];
        let (object, back) = there_and_back(&words, &[b"PEM"]);
        assert_eq!(object, r#"{"name":"carol","request":"UEVN","role":"read"}"#);
        assert_eq!(back.files.len(), 1);
        let words = ["desk", "issue-licence", "--certificate", "licence.pdf"];
        assert_eq!(there_and_back(&words, &[]).0, "{}");
        assert_eq!(content("import-hardware"), Some(Body::Files));
        for command in ["issue-licence", "add-agent", "certify-agent"] {
            assert_eq!(content(command), Some(Body::Words), "{command}");
        }
        assert_eq!(content("help"), None);
    }

    #[test]
    fn what_is_no_argument_is_named() {
        for (command, arguments, says) in [
            ("look", "[]", "no JSON object"),
            ("look", r#"{"what":["a"]}"#, "'what' is a text"),
            (
                "look",
                r#"{"who":"a"}"#,
                "'who' is no argument of look: it has what",
            ),
            ("list-agents", r#"{"all":true}"#, "it has none"),
            ("list-tickets", r#"{"all":1}"#, "'all' is true or false"),
            (
                "issue-licence",
                r#"{"certificate":"/etc/x.pdf"}"#,
                "'certificate' is no argument",
            ),
            ("issue-licence", r#"{"data":"/x"}"#, "'data' is no argument"),
            (
                "import-hardware",
                r#"{"file":"/etc/passwd"}"#,
                "content in base64",
            ),
        ] {
            let refused = parcel(command, arguments.as_bytes()).err().unwrap();
            let refused = refused.to_string();
            assert!(refused.contains(says), "{says} is not in {refused}");
        }
    }
}
