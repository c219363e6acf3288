//! The lines above a configuration: what wrote it, whether all of it is there, what opens its secrets.

use data_encoding::HEXLOWER;
use domain::time::Timestamp;

use super::TextError;
use crate::render::MODEL;

/// How the line begins that only a backup has.
pub(super) const MARK: &str = "#backup=";
const KEY_MARK: &str = "#backup-key=";
const COMMENT_MARK: &str = "#backup-comment=";
const VERSION_MARK: &str = "#config-version=";

/// The form of backups that this version writes, and the latest that it reads.
const FORM: u32 = 1;

/// Octets of salt in [`PasswordKey`] (RFC 9106, 3.1 recommends 16).
pub const SALT_LEN: usize = 16;

/// The longest name of a version in octets: `MAJOR.MINOR.PATCH-LABEL+BUILD` with room for long labels.
const VERSION_MAX: usize = 64;

/// What the first lines of a file say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// What wrote it.
    pub origin: Origin,
    /// For whom.
    pub administrator: Box<str>,
    /// For a backup: when, and how much it is.
    pub stamp: Option<Stamp>,
    /// For a backup under a password: what makes the key of it.
    pub key: Option<PasswordKey>,
    /// For a backup: why it was made, in the administrator's words.
    pub comment: Box<str>,
}

/// What wrote a configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Origin {
    /// Nobody says.
    #[default]
    Unknown,
    /// This product.
    Symbolon,
    /// Something else, by its model.
    Other(Box<str>),
}

/// When a backup was written, by what, and how much it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The version of this program.
    pub release: Box<str>,
    /// When.
    pub at: Timestamp,
    /// Lines of the whole file.
    pub lines: u32,
}

/// How a key is made of a password: Argon2id (RFC 9106).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PasswordKey {
    /// In KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Of this file alone.
    pub salt: [u8; SALT_LEN],
    /// The name of the key, which tells nothing of it: a wrong password has another.
    pub id: u32,
}

impl Header {
    /// The header of a file that begins like this.
    pub fn of(beginning: &str) -> Result<Self, TextError> {
        let mut header = Self::default();
        let lines = beginning.lines().take_while(|line| line.starts_with('#'));
        for (line, number) in lines.zip(1..) {
            header.take(number, line)?;
        }
        Ok(header)
    }

    /// The lines of a backup that stand behind those of `show`. They have the same length whatever
    /// `lines` is, so that it can be written once it is known.
    pub fn lines(&self) -> String {
        let mut text = String::new();
        if let Some(Stamp { release, at, lines }) = &self.stamp {
            let at = at.unix();
            text += &format!("{MARK}{FORM}:release={release}:at={at}:lines={lines:010}\n");
        }
        if let Some(PasswordKey {
            memory,
            passes,
            salt,
            id,
        }) = &self.key
        {
            let salt = HEXLOWER.encode(salt);
            text += &format!(
                "{KEY_MARK}argon2id:memory={memory}:passes={passes}:salt={salt}:id={id:08x}\n"
            );
        }
        if !self.comment.is_empty() {
            text += &format!("{COMMENT_MARK}{}\n", self.comment);
        }
        text
    }

    /// Takes a line that begins with `#`.
    pub(super) fn take(&mut self, number: u32, line: &str) -> Result<(), TextError> {
        let damaged = || TextError::Header { line: number };
        if line.starts_with("#FGBK") {
            return Err(TextError::Encrypted);
        }
        if let Some(version) = line.strip_prefix(VERSION_MARK) {
            self.origin = match version.split('-').next() {
                Some(model) if model == MODEL => Origin::Symbolon,
                Some(model) => Origin::Other(model.into()),
                None => Origin::Unknown,
            };
            let user = version.split_once(":user=").map(|(_, user)| user);
            self.administrator = user.unwrap_or_default().into();
        } else if let Some(stamp) = line.strip_prefix(MARK) {
            self.stamp = Some(parsed_stamp(stamp).ok_or_else(damaged)??);
        } else if let Some(key) = line.strip_prefix(KEY_MARK) {
            self.key = Some(parsed_key(key).ok_or_else(damaged)?);
        } else if let Some(comment) = line.strip_prefix(COMMENT_MARK) {
            self.comment = comment.into();
        }
        Ok(())
    }
}

/// None for a damaged line.
fn parsed_stamp(text: &str) -> Option<Result<Stamp, TextError>> {
    let (form, rest) = text.split_once(':')?;
    let form: u32 = form.parse().ok()?;
    let release = value(rest, "release").filter(|release| is_version(release))?;
    if form > FORM {
        let release = release.to_owned();
        return Some(Err(TextError::Newer { release }));
    }
    Some(Ok(Stamp {
        release: release.into(),
        at: Timestamp::from_secs(value(rest, "at")?.parse().ok()?),
        lines: value(rest, "lines")?.parse().ok()?,
    }))
}

/// Whether it may be shown as one: what a file says of itself is a stranger's text.
fn is_version(text: &str) -> bool {
    let is_of_versions = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    (1..=VERSION_MAX).contains(&text.len()) && text.chars().all(is_of_versions)
}

fn parsed_key(text: &str) -> Option<PasswordKey> {
    let values = text.strip_prefix("argon2id:")?;
    let salt = HEXLOWER.decode(value(values, "salt")?.as_bytes()).ok()?;
    Some(PasswordKey {
        memory: value(values, "memory")?.parse().ok()?,
        passes: value(values, "passes")?.parse().ok()?,
        salt: salt.try_into().ok()?,
        id: u32::from_str_radix(value(values, "id")?, 16).ok()?,
    })
}

/// The value of this name among `name=value:name=value`.
fn value<'a>(values: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = values.split(':').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_backup_say_what_was_written() {
        let header = Header {
            origin: Origin::Unknown,
            stamp: Some(Stamp {
                release: "0.1.0".into(),
                at: Timestamp::from_secs(1_763_800_000),
                lines: 77,
            }),
            key: Some(PasswordKey {
                memory: 65_536,
                passes: 3,
                salt: [0xa5; SALT_LEN],
                id: 0x0bad_cafe,
            }),
            comment: "before: the move".into(),
            administrator: Box::default(),
        };
        assert_eq!(Header::of(&header.lines()), Ok(header));
    }

    #[test]
    fn who_wrote_it_is_told_by_the_model() {
        let of = |line: &str| Header::of(line).unwrap().origin;
        assert_eq!(
            of("#config-version=SYMBVM-7.6.0-FW-build3401-240724:opmode=0:vdom=0:user=admin"),
            Origin::Symbolon
        );
        assert_eq!(
            of("#config-version=FGVM64-7.2.5-FW-build1517-230606:opmode=0:vdom=0:user=admin"),
            Origin::Other("FGVM64".into())
        );
        assert_eq!(of("# a remark"), Origin::Unknown);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(
            Header::of("#backup=2:release=9.0.0:new=1"),
            Err(TextError::Newer {
                release: "9.0.0".to_owned()
            })
        );
        assert_eq!(Header::of("#FGBK|3|FGVM64|7|02"), Err(TextError::Encrypted));
        for damaged in [
            "#backup=",
            "#backup=1:release=0.1.0:at=1",
            "#backup=2:release=9.0\u{1b}[2J:new=1",
            "#backup=2:release=:new=1",
            "#backup-key=argon2id:memory=1:passes=1:salt=00:id=00000000",
            "#backup-key=scrypt:n=1",
        ] {
            assert_eq!(
                Header::of(damaged),
                Err(TextError::Header { line: 1 }),
                "{damaged}"
            );
        }
    }
}
