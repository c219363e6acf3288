//! Backups in memory, and files to restore.

use cli::render::{self, Kept, OpenedBy};
use cli::text::{self, Header, Origin, PasswordKey, Stamp};
use cli::{Backup, BackupPassword, Command, Destination, Extent, Restore, RestoreSource};
use domain::admin::{self, Coverage, Edit, Entropy, Operation, Restoring};
use domain::password::PasswordHash;
use domain::schema::{FORTITOKEN, LOCAL, Place, Value};
use zeroize::Zeroizing;

use super::{SEALED, World, copy, copy_token, hardware};

/// A configuration of a FortiGate, made up.
const FORTIGATE: &str = include_str!("../text/fortigate.conf");

/// What opens any sealed file: a password of today, and one from when more was taken for one.
const OPENING: [&str; 2] = ["correct horse", "--old password"];

impl World {
    pub(super) fn keep(&mut self, command: Command) -> String {
        match command {
            Command::Backup(asked) => render::WAIT.to_owned() + &self.backup(asked),
            Command::Restore(asked) => render::WAIT.to_owned() + &self.restore(&asked),
            Command::Revisions => {
                let revisions = self.files.iter().filter(|(name, _)| is_revision(name));
                let lines = revisions.zip(1..).map(|((_, text), number)| {
                    render::revision(number, &Header::of(text).unwrap(), super::zone())
                });
                render::revision_head() + &lines.collect::<String>()
            }
            Command::RemoveRevision(number) => match self.files.remove(&revision(number)) {
                Some(_) => String::new(),
                None => missing_revision(number),
            },
            other => unreachable!("{other:?} keeps nothing"),
        }
    }

    fn backup(&mut self, asked: Backup) -> String {
        let Backup {
            mut listing,
            to,
            password,
        } = asked;
        let password = password
            .as_ref()
            .map(|password| password.expose().to_owned());
        if password.as_ref().is_some_and(|it| it.chars().count() < 8) {
            return render::not_kept(
                "a backup's password has at least 8 characters: whoever has the file can guess at it \
                 undisturbed",
            );
        }
        let body = self.listed(&mut listing);
        let head = listing.head("admin");
        let comment = match &to {
            Destination::Flash(comment) => comment.clone(),
            _ => Box::default(),
        };
        let mut header = Header {
            origin: Origin::Symbolon,
            stamp: Some(Stamp {
                release: "0.1.0".into(),
                at: self.now,
                lines: 0,
            }),
            key: password.as_ref().map(|_| PasswordKey {
                memory: 65_536,
                passes: 3,
                salt: [7; text::SALT_LEN],
                id: 7,
            }),
            comment,
            ..Header::default()
        };
        let whole = |header: &Header| format!("{head}{}{body}", header.lines());
        let lines = u32::try_from(whole(&header).lines().count()).unwrap();
        header.stamp.as_mut().unwrap().lines = lines;
        let text = whole(&header);
        let octets = text.len() as u64;
        let by = match password {
            Some(_) => OpenedBy::Password,
            None => OpenedBy::ThisUnit,
        };
        match to {
            Destination::File(name) => {
                let name = name.as_str();
                self.files.insert(name.to_owned(), text);
                render::kept(
                    &Kept::File {
                        name,
                        lines,
                        octets,
                    },
                    by,
                )
            }
            Destination::Flash(_) => {
                let number = self.files.keys().filter(|name| is_revision(name)).count() + 1;
                let number = u32::try_from(number).unwrap();
                self.files.insert(revision(number), text);
                render::kept(&Kept::Revision(number), by)
            }
            Destination::Tftp(remote) => {
                let done = match remote.server.as_str() {
                    "192.0.2.69" => render::kept(&Kept::Tftp, by),
                    _ => render::not_kept("the transfer failed: no answer within 10 s"),
                };
                render::connecting(&remote.server) + &done
            }
        }
    }

    fn restore(&mut self, asked: &Restore) -> String {
        let (said, text) = match &asked.from {
            RestoreSource::File(name) if name.as_str() == "branch-7.conf" => {
                (String::new(), FORTIGATE.to_owned())
            }
            RestoreSource::File(name) => match self.files.get(name.as_str()) {
                Some(text) => (String::new(), text.clone()),
                None => {
                    let why = format!("there is no file '{}' in this unit", name.as_str());
                    return render::not_kept(&why);
                }
            },
            RestoreSource::Flash(number) => match self.files.get(&revision(*number)) {
                Some(text) => (String::new(), text.clone()),
                None => return missing_revision(*number),
            },
            RestoreSource::Tftp(remote) => {
                let connecting = render::connecting(&remote.server);
                match &*remote.file {
                    "half.conf" => {
                        let half = "config user local\n    edit \"anna\"\n".to_owned();
                        (connecting + render::FETCHED, half)
                    }
                    _ => {
                        let why = "the transfer failed: the server says: file not found";
                        return connecting + &render::not_kept(why);
                    }
                }
            }
        };
        said + &self.restored(asked, &text)
    }

    fn restored(&mut self, asked: &Restore, text: &str) -> String {
        let mut document = match text::read(text.as_bytes(), asked.vdom) {
            Ok(document) => document,
            Err(error) => {
                return render::not_kept(&format!("the file cannot be restored: {error}"));
            }
        };
        let password = asked.password.as_ref().map(BackupPassword::expose);
        match (&document.header.key, password) {
            (Some(_), None) => {
                return render::not_kept(
                    "the secrets of this backup are sealed under a password: type it behind the name",
                );
            }
            (Some(_), Some(password)) if !OPENING.contains(&password) => {
                return render::not_kept("the password is wrong");
            }
            (None, Some(_)) => {
                return render::not_kept(
                    "this file is under no password: behind its name only 'dry-run' may stand",
                );
            }
            _ => {}
        }
        let coverage = match document.header.stamp {
            Some(_) => Coverage::Whole,
            None => Coverage::Part,
        };
        let entries = document.take_entries().into_iter().map(|mut entry| {
            entry.edits = understood(&entry.place, entry.edits);
            entry
        });
        let restore = admin::Restore {
            origin: "file".into(),
            coverage,
            entries: entries.collect(),
        };
        let restoring = Restoring::new(restore, self.authority.clone());
        let report = match asked.extent {
            Extent::Apply => self.take_in(restoring),
            Extent::DryRun => self.copied().take_in(restoring),
        };
        let findings = render::findings(&document, &report);
        let findings: String = findings.iter().map(ToString::to_string).collect();
        findings + &render::restored(&document, &report, coverage, asked.extent)
    }

    fn take_in(&mut self, mut restoring: Restoring) -> admin::Report {
        let entropy = Entropy {
            seed: Zeroizing::new([7; 20]),
            salt: [7; 16],
        };
        while let Some(reads) = restoring.reads() {
            let plan = restoring.decide(self.facts(&reads), &entropy, self.now);
            assert!(plan.messages.is_empty() && plan.events.is_empty());
            for change in plan.changes {
                self.change(change);
            }
        }
        restoring.finish(self.now).1
    }

    /// Users, tokens and configuration, to be tried on.
    fn copied(&self) -> Self {
        Self {
            now: self.now,
            users: self.users.clone(),
            tokens: self.tokens.iter().map(copy_token).collect(),
            objects: self.objects.iter().map(copy).collect(),
            ..Self::new()
        }
    }
}

fn is_revision(name: &str) -> bool {
    name.starts_with("flash/")
}

fn revision(number: u32) -> String {
    format!("flash/{number:04}")
}

fn missing_revision(number: u32) -> String {
    let why = format!("there is no revision {number}; 'execute revision list config' lists them");
    render::not_kept(&why)
}

/// What another unit sealed opens nothing here.
pub(super) fn understood(place: &Place, edits: Vec<Edit>) -> Vec<Edit> {
    let is_own = |text: &str| {
        text == SEALED || (place.table() == &LOCAL && PasswordHash::from_enc(text).is_ok())
    };
    let understand = |edit| match edit {
        Edit::Set(field, Value::Sealed(text))
            if place.table() == &FORTITOKEN && *text == *hardware::OWN =>
        {
            Edit::Set(field, Value::Secret(hardware::key_uri()))
        }
        Edit::Set(field, Value::Sealed(text)) if !is_own(&text) => {
            Edit::Set(field, Value::Foreign(text))
        }
        edit => edit,
    };
    edits.into_iter().map(understand).collect()
}

pub(super) fn understood_operation(operation: Operation) -> Operation {
    match operation {
        Operation::Configure { place, edits } => Operation::Configure {
            edits: understood(&place, edits),
            place,
        },
        operation => operation,
    }
}
