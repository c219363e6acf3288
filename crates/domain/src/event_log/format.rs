//! Entries as text.

use std::borrow::Cow;

use super::key::Form;
use super::{Entry, Key, Level};
use crate::text;
use crate::time::Span;

/// The unit that tells of an event to others.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// `devname`.
    pub hostname: &'a str,
    /// `devid`.
    pub serial: &'a str,
    /// The version in a CEF header.
    pub version: &'a str,
}

/// How a line for a syslog server is written: `set format`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `<PRI>date=… time=…`.
    Default,
    /// The same with commas.
    Csv,
    /// The Common Event Format, revision 0, with FortiOS's names for what it has no key for.
    Cef,
    /// RFC 5424, the pairs as its message.
    Rfc5424,
}

impl Format {
    /// The format that a word names.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "default" => Some(Self::Default),
            "csv" => Some(Self::Csv),
            "cef" => Some(Self::Cef),
            "rfc5424" => Some(Self::Rfc5424),
            _ => None,
        }
    }
}

/// A syslog facility, RFC 5424 section 6.2.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facility(u8);

/// The facilities by FortiOS's words, in the order of their numbers.
const FACILITIES: [&str; 24] = [
    "kernel", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
    "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3",
    "local4", "local5", "local6", "local7",
];

impl Facility {
    /// The facility that a word names.
    pub fn named(word: &str) -> Option<Self> {
        let number = FACILITIES.iter().position(|name| *name == word)?;
        u8::try_from(number).ok().map(Self)
    }

    /// `PRIVAL` of RFC 5424.
    fn priority(self, level: Level) -> u8 {
        self.0 * 8 + level as u8
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The highest severity that CEF's scale of 0 to 10 gets here: `emergency`.
const CEF_HIGHEST: u8 = 8;

impl Entry<'_> {
    /// The line of `execute log display`. `offset` is how far local time is ahead of universal time.
    pub fn line(&self, offset: Span) -> String {
        joined(&self.pairs(None, offset), " ")
    }

    /// The line for a syslog server, without what its transport frames it with.
    pub fn syslog(
        &self,
        unit: Unit<'_>,
        facility: Facility,
        format: Format,
        offset: Span,
    ) -> String {
        let priority = facility.priority(self.message.level);
        let pairs = self.pairs(Some(unit), offset);
        match format {
            Format::Default => format!("<{priority}>{}", joined(&pairs, " ")),
            Format::Csv => format!("<{priority}>{}", joined(&pairs, ",")),
            Format::Rfc5424 => format!(
                "<{priority}>1 {} {} symbolon - {} - {}",
                self.rfc3339(offset),
                unit.hostname,
                self.message.log_id(),
                joined(&pairs, " ")
            ),
            Format::Cef => format!(
                "<{priority}>{} {} {}",
                self.bsd_time(offset),
                unit.hostname,
                self.cef(unit, &pairs)
            ),
        }
    }

    /// The value of any field as it is shown; none if the entry does not have it.
    pub fn shown(&self, key: Key, offset: Span) -> Option<Cow<'_, str>> {
        let local = || self.at.after(offset).to_string();
        let shown = match key {
            Key::Date => local().split(' ').next().map(str::to_owned)?.into(),
            Key::Time => local()
                .trim_end_matches('Z')
                .split(' ')
                .nth(1)
                .map(str::to_owned)?
                .into(),
            Key::EventTime => format!("{}000", self.at.micros()).into(),
            Key::Tz => zone(offset).into(),
            Key::LogId => self.message.log_id().into(),
            Key::Type => "event".into(),
            Key::Subtype => self.message.subtype.word().into(),
            Key::Level => self.message.level.word().into(),
            Key::Vd => self.vdom.as_str().to_owned().into(),
            Key::LogDesc => self.message.description.into(),
            key => safe(self.value(key)?, key.max()),
        };
        Some(shown)
    }

    fn pairs(&self, unit: Option<Unit<'_>>, offset: Span) -> Vec<(Key, String)> {
        let device = |key| match (key, unit) {
            (Key::DevName, Some(unit)) => Some(unit.hostname.to_owned()),
            (Key::DevId, Some(unit)) => Some(unit.serial.to_owned()),
            _ => None,
        };
        Key::ALL
            .iter()
            .filter_map(|key| {
                let value = device(*key).or_else(|| self.shown(*key, offset).map(Cow::into_owned));
                value.map(|value| (*key, value))
            })
            .collect()
    }

    /// `Nov 22 08:00:00`, RFC 3164 section 4.1.2.
    fn bsd_time(&self, offset: Span) -> String {
        let local = self.at.after(offset).to_string();
        let mut parts = local.trim_end_matches('Z').split(['-', ' ']);
        let mut next = || parts.next().unwrap_or("");
        let (_, month, day, time) = (next(), next(), next(), next());
        let month = month
            .parse::<usize>()
            .ok()
            .and_then(|month| MONTHS.get(month.checked_sub(1)?))
            .copied()
            .unwrap_or("Jan");
        let day = day.trim_start_matches('0');
        format!("{month} {day:>2} {time}")
    }

    /// `2026-11-22T08:00:00.123456+01:00`.
    fn rfc3339(&self, offset: Span) -> String {
        let local = self.at.after(offset).to_string();
        let local = local.trim_end_matches('Z').replace(' ', "T");
        let micros = self.at.micros().rem_euclid(1_000_000);
        let zone = zone(offset);
        let (hours, minutes) = zone.split_at(3);
        format!("{local}.{micros:06}{hours}:{minutes}")
    }

    fn cef(&self, unit: Unit<'_>, pairs: &[(Key, String)]) -> String {
        let (subtype, level) = (self.message.subtype.word(), self.message.level as u8);
        let mut name = format!("event:{subtype}");
        for key in [Key::Action, Key::Status] {
            if let Some(value) = self.value(key) {
                name += &format!(" {}", safe(value, key.max()));
            }
        }
        let header = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|");
        let mut text = format!(
            "CEF:0|Symbolon|Symbolon-VM|v{}|{}|{}|{}|deviceExternalId={} cat=event:{subtype}",
            header(unit.version),
            self.message.number,
            header(&name),
            CEF_HIGHEST - level,
            unit.serial
        );
        for (key, value) in pairs {
            // The header and the two fields before have said these.
            if !matches!(
                key,
                Key::Date | Key::Time | Key::DevName | Key::DevId | Key::Type
            ) {
                let value = value.replace('=', "\\=");
                text += &format!(" {}={value}", cef_key(*key));
            }
        }
        text
    }
}

/// The keys that CEF has, as FortiOS fills them; else FortiOS's own.
fn cef_key(key: Key) -> String {
    match key {
        Key::SrcIp => "src".into(),
        Key::User => "duser".into(),
        Key::Ui => "sproc".into(),
        Key::Action => "act".into(),
        Key::Status => "outcome".into(),
        Key::Reason => "reason".into(),
        Key::Msg => "msg".into(),
        other => format!("FTNTFGT{}", other.word()),
    }
}

fn joined(pairs: &[(Key, String)], separator: &str) -> String {
    let texts: Vec<String> = pairs
        .iter()
        .map(|(key, value)| match key.form() {
            Form::Bare => format!("{}={value}", key.word()),
            Form::Quoted => format!("{}=\"{value}\"", key.word()),
        })
        .collect();
    texts.join(separator)
}

/// A value that cannot end its quotes early, whether or not the reader knows escapes: a double quote
/// becomes a single one, and a backslash is doubled.
fn safe(value: &str, max: usize) -> Cow<'_, str> {
    let is_plain = |c: char| text::shown(c) == c && !matches!(c, '"' | '\\');
    if value.len() <= max && value.chars().all(is_plain) {
        return value.into();
    }
    let mut safe = String::with_capacity(value.len());
    for c in value.chars().take(max) {
        match text::shown(c) {
            '"' => safe.push('\''),
            '\\' => safe.push_str("\\\\"),
            shown => safe.push(shown),
        }
    }
    safe.into()
}

/// `+0100`.
fn zone(offset: Span) -> String {
    let minutes = offset.mins();
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}
