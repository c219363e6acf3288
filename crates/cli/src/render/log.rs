//! `execute log display` and `diagnose log verify`.

use domain::audit::Event;
use domain::event_log::Entry;
use domain::query::LogPage;

use super::Zone;

/// A search through the event log, newest first.
#[derive(Debug)]
pub struct LogLines {
    page: LogPage,
    zone: Zone,
    looked_at: u64,
    found: u64,
    lines: Vec<String>,
}

impl LogLines {
    /// Nothing was looked at yet.
    pub fn new(page: LogPage, zone: Zone) -> Self {
        Self {
            page,
            zone,
            looked_at: 0,
            found: 0,
            lines: Vec::new(),
        }
    }

    /// Whether every event is wanted, and none has to be looked at to know it.
    pub fn is_everything(&self) -> bool {
        self.page.vdom.is_none() && self.page.search.is_everything()
    }

    /// Whether the search has looked at as many events as it may.
    pub fn is_over(&self) -> bool {
        self.looked_at >= u64::from(self.page.check_lines)
    }

    /// Looks at the event with this number.
    pub fn look_at(&mut self, number: i64, event: &Event) {
        self.looked_at += 1;
        let entry = Entry::of(number, event);
        let offset = self.zone.ahead(entry.at);
        let is_here = self.page.vdom.is_none_or(|vdom| vdom == entry.vdom);
        if !is_here || !self.page.search.wants(&entry, offset) {
            return;
        }
        self.found += 1;
        let first = u64::from(self.page.start_line);
        let shown = first..first.saturating_add(self.page.view_lines.into());
        if shown.contains(&self.found) {
            self.lines.push(entry.line(offset));
        }
    }

    /// Takes the events to show when every one is wanted: the log has so many.
    pub fn show_unsearched<'a>(&mut self, all: u64, shown: impl Iterator<Item = (i64, &'a Event)>) {
        (self.found, self.looked_at) = (all, all);
        self.lines = shown
            .map(|(number, event)| {
                let entry = Entry::of(number, event);
                entry.line(self.zone.ahead(entry.at))
            })
            .collect();
    }

    /// The text, when the log has so many events.
    pub fn render(&self, all: u64) -> String {
        let (found, returned) = (self.found, self.lines.len());
        let mut text = format!("{found} logs found.\n{returned} logs returned.\n");
        if self.looked_at < all {
            // In tenths of a percent, rounded down: 100.0% would be a lie.
            let tenths = self.looked_at * 1_000 / all;
            text += &format!(
                "{}.{}% of logs has been searched.\n",
                tenths / 10,
                tenths % 10
            );
        }
        for (number, line) in (u64::from(self.page.start_line)..).zip(&self.lines) {
            text += &format!("\n{number}: {line}\n");
        }
        text
    }
}

/// What the hash chain shows: how many events follow one another, and the first that does not.
pub fn log_verified(events: u64, broken: Option<i64>) -> String {
    match broken {
        None => format!("Events verified: {events}. The chain is whole.\n"),
        Some(event) => format!(
            "Events verified: {events}. Event {event} does not follow the one before it: it was changed, or \
             one before it was removed.\nKeep a copy of the database for whoever looks into it; \
             a backup from before has the log as it was.\n"
        ),
    }
}

/// What `execute log delete` says when it is done.
pub fn log_deleted() -> &'static str {
    "The event log begins anew. What logins still need is kept out of sight until they do not.\n"
}
