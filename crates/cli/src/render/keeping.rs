//! What became of a backup or a restore.

use domain::admin::{About, Coverage, Remark, Report};
use domain::schema::{FORTITOKEN, LOCAL, Place};

use super::{Zone, printable};
use crate::session::{Extent, Host};
use crate::text::{Document, Entry, Finding, Header};

/// What is printed before anything else.
pub const WAIT: &str = "Please wait...\n";

/// Where a configuration went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept<'a> {
    /// Into a file of this unit.
    File {
        /// Its name.
        name: &'a str,
        /// Lines.
        lines: u32,
        /// Octets.
        octets: u64,
    },
    /// Among the revisions.
    Revision(u32),
    /// To a TFTP server.
    Tftp,
}

/// Who opens the secrets of a backup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenedBy {
    /// This installation alone.
    ThisUnit,
    /// Whoever knows the password.
    Password,
}

/// Before a server is asked.
pub fn connecting(server: &Host) -> String {
    format!("\nConnect to tftp server {server} ...\n")
}

/// A server has sent the file.
pub const FETCHED: &str = "\nGet config file from tftp server OK.\n";

/// A backup is made.
pub fn kept(kept: &Kept<'_>, by: OpenedBy) -> String {
    let done = match kept {
        Kept::File {
            name,
            lines,
            octets,
        } => format!("Backup of config file '{name}' OK: {lines} lines, {octets} octets.\n"),
        Kept::Revision(number) => format!("Backup of config file as revision {number} OK.\n"),
        Kept::Tftp => "Send config file to tftp server OK.\n".to_owned(),
    };
    let hint = match (by, kept) {
        (OpenedBy::Password, _) => {
            "Its secrets open with the password, on any unit; the seeds of mobile tokens on phones are among them.\n"
        }
        (OpenedBy::ThisUnit, Kept::Revision(_)) => "",
        (OpenedBy::ThisUnit, _) => {
            "Its secrets open on this unit alone, and it has no seeds of mobile tokens; with a password behind the \
             name it has them, and opens on others.\n"
        }
    };
    format!("\n{done}{hint}")
}

/// What was asked for did not happen. Nothing has changed.
pub fn not_kept(why: &str) -> String {
    let why = printable(why);
    format!("{why}\nCommand fail. Return code -1\nNothing was changed.\n")
}

/// A line of `execute revision list config`, by the first lines of its file.
pub fn revision(number: u32, header: &Header, zone: Zone) -> String {
    let at = header.stamp.as_ref().map(|stamp| zone.date_time(stamp.at));
    let at = at.unwrap_or_else(|| "-".to_owned());
    let comment = printable(&header.comment);
    let administrator = printable(&header.administrator);
    format!("{number:<5}{at:<21}{administrator:<17}{comment}\n")
}

/// What stands above them.
pub fn revision_head() -> String {
    format!("{:<5}{:<21}{:<17}COMMENT\n", "ID", "TIME", "ADMIN")
}

/// All that cannot be taken over, in the order of the file.
pub fn findings(document: &Document, report: &Report) -> Vec<Finding> {
    let mut findings = document.findings.clone();
    let remarks = report.remarks.iter();
    let told = remarks.filter(|(_, remark)| !matches!(remark, Remark::Unseen));
    findings.extend(told.map(|(about, remark)| match about {
        About::Incoming(place) => match document.entries.get(*place) {
            Some(entry) => found(document, entry, remark),
            None => Finding::nowhere(self::remark(None, remark)),
        },
        About::Here(place) => Finding::nowhere(self::remark(Some(place), remark)),
    }));
    findings.sort_by_key(|finding| finding.lines.unwrap_or((u32::MAX, u32::MAX)));
    findings
}

fn found(document: &Document, entry: &Entry, remark: &Remark) -> Finding {
    let text = self::remark(Some(&entry.incoming.place), remark);
    match remark {
        Remark::Twice(other) => {
            let other = document.entries.get(*other).map_or(0, |other| other.line);
            Finding::at(
                entry.line,
                format!("{text}; the other begins in line {other}"),
            )
        }
        Remark::LeftOut(_)
        | Remark::Unseen
        | Remark::Deleted
        | Remark::Stays(_)
        | Remark::Elsewhere(_)
        | Remark::Here(_)
        | Remark::OtherPhone(_) => Finding::at(entry.line, text),
        Remark::New(_) => Finding {
            lines: Some((entry.line, entry.last_line())),
            text,
        },
        Remark::Unprovisioned(_) => Finding::at(entry.line_of("fortitoken"), text),
        Remark::NotNamed(field, _)
        | Remark::System(field)
        | Remark::Foreign(field)
        | Remark::Kept(field) => Finding::at(entry.line_of(field.name), text),
    }
}

/// A remark in words, without a line end.
pub fn remark(place: Option<&Place>, remark: &Remark) -> String {
    let entry = place.map_or_else(String::new, named);
    match remark {
        Remark::LeftOut(error) => {
            format!("{entry} is left out: {error}; {}", error.next_step())
        }
        Remark::Twice(_) => {
            format!("{entry} is left out: the file has two entries of it, and neither is taken")
        }
        Remark::Unseen => "an entry is left out that you may not see".to_owned(),
        Remark::Deleted => format!("{entry} is not in the file: deleted"),
        Remark::Stays(error) => {
            format!(
                "{entry} is not in the file and stays: {error}; {}",
                error.next_step()
            )
        }
        Remark::NotNamed(field, named) => format!(
            "{entry}: set {}: there is no '{}' in {} here; it is left out of the list",
            field.name,
            named.key,
            named.tables.join(", ")
        ),
        Remark::System(field) => format!(
            "{entry}: set {}: the system sets it; it stays as it is",
            field.name
        ),
        Remark::Foreign(field) => format!(
            "{entry}: set {}: another unit sealed it, and it opens nothing here; {}",
            field.name,
            without(place)
        ),
        Remark::Kept(field) => format!(
            "{entry}: set {}: another unit sealed it, and it opens nothing here; the one that is here stays",
            field.name
        ),
        Remark::New(token) => format!(
            "token {token} comes in as new: its activation belongs to the unit and phone that had it; \
             once its license is this unit's: execute fortitoken-mobile provision {token}"
        ),
        Remark::Elsewhere(token) => format!("token {token} stays in another VDOM"),
        Remark::Here(token) => format!("token {token} is here already"),
        Remark::OtherPhone(token) => format!(
            "token {token} has another phone by now, and is new: \
             execute fortitoken-mobile provision {token}"
        ),
        Remark::Unprovisioned(token) => format!(
            "{entry}: no phone has token {token} for this user: \
             execute fortitoken-mobile provision {token}"
        ),
    }
}

/// What does not work for as long as a secret is missing.
fn without(place: Option<&Place>) -> &'static str {
    match place.map(Place::table) {
        Some(table) if table == &LOCAL => "the user cannot log in until it is set again",
        Some(table) if table == &FORTITOKEN => {
            "delete the token and add it again, without activating it"
        }
        _ => "set it again",
    }
}

/// `config user local / edit anna`.
pub(crate) fn named(place: &Place) -> String {
    let path = place.table().path;
    let within = match place.vdom() {
        vdom if vdom.is_root() => String::new(),
        vdom => format!("config vdom / edit {vdom} / "),
    };
    match place.key() {
        "" => format!("{within}config {path}"),
        key => format!("{within}config {path} / edit {key}"),
    }
}

/// What became of a restore, behind its findings.
pub fn restored(
    document: &Document,
    report: &Report,
    coverage: Coverage,
    extent: Extent,
) -> String {
    let Report {
        added,
        changed,
        unchanged,
        conveyed,
        deleted,
        foreign,
        remarks,
    } = report;
    let left_out = remarks.iter();
    let left_out = left_out.filter(|(_, remark)| remark.leaves_out());
    let left_out = left_out.count() + document.left_out;
    let deleted = match coverage {
        Coverage::Whole => format!(", {deleted} deleted"),
        Coverage::Part => String::new(),
    };
    let counts = format!(
        "{added} entries added, {changed} changed{deleted}, {unchanged} as they were, {left_out} left out"
    );
    let stay = match foreign.len() {
        0 => String::new(),
        1 => "1 table is not yours to change and stays.\n".to_owned(),
        tables => format!("{tables} tables are not yours to change and stay.\n"),
    };
    let done = match extent {
        Extent::Apply => "Restore config file OK.",
        Extent::DryRun => "This is what would be done; nothing was changed.",
    };
    let phones = match conveyed {
        0 => String::new(),
        1 => format!("1 mobile token goes on with its phone. {SPENT}"),
        tokens => format!("{tokens} mobile tokens go on with their phones. {SPENT}"),
    };
    format!("\nFile check OK.\n{counts}.\n{stay}{phones}{done}\n")
}

const SPENT: &str =
    "Codes that may have been used are refused: the one shown at the restore and the next.\n";

/// The token server says that no token that came in is this unit's.
pub const PHONES_ELSEWHERE: &str = "The token server says that mobile tokens of the backup are another unit's: nobody logs in with them here.\n\
     Put this unit in its place with 'symbolon desk replace-unit': they go on with their phones from the next poll, \
     within five minutes or at once with 'execute fortitoken-mobile poll'.\n";

/// The token server could not be asked which phones have the tokens that came in.
pub fn phones_unasked(why: &str) -> String {
    let why = printable(why);
    format!(
        "Whether the phones still have their tokens is not known yet: {why}\n\
         The token server is asked again every five minutes; 'execute fortitoken-mobile poll' asks at once.\n"
    )
}
