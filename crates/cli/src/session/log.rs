//! `execute log`: what a session wants to see of the event log.

use std::fmt;
use std::ops::RangeInclusive;

use domain::event_log::{Condition, Expression, Key, Search, Sense};
use domain::query::{LogPage, Query};
use domain::vdom::Vdom;

use super::{Action, Complaint, Context, Output, Session, Step, print, run_into};
use crate::session::Command;
use crate::tree::{Device, Log};

/// Lines that are shown if no number is set.
const VIEW_LINES: u32 = 10;
/// How many may be set: what FortiOS takes.
const VIEW_LINES_RANGE: RangeInclusive<u32> = 5..=1_000;
const CHECK_LINES_RANGE: RangeInclusive<u32> = 100..=1_000_000;
/// Events that are looked at if no number is set: a second of work.
const CHECK_LINES: u32 = 100_000;
/// Conditions of one filter: more than there are fields.
const CONDITIONS_MAX: usize = 32;

const DELETE: &str = "This operation will delete the event log!\n";
const DELETE_ALL: &str = "This operation will delete all local logs!\n";

/// What a session has set with `execute log filter`.
#[derive(Debug)]
pub(super) struct LogFilter {
    device: Device,
    start_line: u32,
    view_lines: u32,
    /// 0 as FortiOS shows it when nothing is set.
    check_lines: u32,
    search: Search,
    /// The free-style expression as it was typed.
    typed: String,
}

impl Default for LogFilter {
    fn default() -> Self {
        Self {
            device: Device::default(),
            start_line: 1,
            view_lines: VIEW_LINES,
            check_lines: 0,
            search: Search::default(),
            typed: String::new(),
        }
    }
}

impl Session {
    pub(super) fn log(
        &mut self,
        log: Log,
        words: &[String],
        output: Output,
    ) -> Result<Step, Complaint> {
        let word = words.first().map_or("", String::as_str);
        let vdom = match self.context() {
            Context::Vdom(vdom) | Context::OwnVdom(vdom) => Some(vdom),
            Context::Unit | Context::Global | Context::Top => None,
        };
        let filter = &mut self.log_filter;
        match log {
            // There is one kind of log.
            Log::Category => {}
            Log::Device(device) => filter.device = device,
            Log::Field(key) => filter.field(key, words)?,
            Log::FreeStyle => filter.free_style(word)?,
            Log::StartLine => filter.start_line = number(word, 1..=u32::MAX)?,
            Log::ViewLines => filter.view_lines = number(word, VIEW_LINES_RANGE)?,
            Log::MaxCheckLines if word == "0" => filter.check_lines = 0,
            Log::MaxCheckLines => filter.check_lines = number(word, CHECK_LINES_RANGE)?,
            Log::Reset => *filter = LogFilter::default(),
            Log::Dump => return Ok(print(&filter.to_string(), output)),
            Log::Display => {
                let page = filter.page(vdom);
                return Ok(run_into(Command::Ask(Query::Log(page)), output));
            }
            Log::Delete | Log::DeleteAll if vdom.is_some() => {
                let plain = "all VDOMs have one log: it is deleted in 'config global'";
                return Err(Complaint::denied(plain));
            }
            Log::Delete => return Ok(self.delete_log(DELETE, output)),
            Log::DeleteAll => return Ok(self.delete_log(DELETE_ALL, output)),
            Log::Verify => return Ok(run_into(Command::Act(Action::VerifyLog), output)),
        }
        Ok(Step::Nothing)
    }

    fn delete_log(&mut self, notice: &str, output: Output) -> Step {
        self.ask(notice, run_into(Command::Act(Action::DeleteLog), output))
    }
}

impl LogFilter {
    fn page(&self, vdom: Option<Vdom>) -> LogPage {
        LogPage {
            vdom,
            search: self.search.clone(),
            start_line: self.start_line,
            view_lines: self.view_lines,
            check_lines: match self.check_lines {
                0 => CHECK_LINES,
                lines => lines,
            },
        }
    }

    /// A field that is set again is set anew; without values it may be anything.
    fn field(&mut self, key: Key, words: &[String]) -> Result<(), Complaint> {
        let (sense, values) = match words {
            [not, values @ ..] if not == "not" => (Sense::IsNot, values),
            values => (Sense::Is, values),
        };
        if values.is_empty() && sense == Sense::IsNot {
            return Err(Complaint::incomplete("a value must follow 'not'"));
        }
        let conditions = &mut self.search.conditions;
        conditions.retain(|condition| condition.key != key);
        if values.is_empty() {
            return Ok(());
        }
        if conditions.len() == CONDITIONS_MAX {
            let plain = format!("a filter has at most {CONDITIONS_MAX} conditions");
            return Err(Complaint::denied(plain));
        }
        conditions.push(Condition {
            key,
            sense,
            values: values.iter().map(|value| value.as_str().into()).collect(),
        });
        Ok(())
    }

    fn free_style(&mut self, text: &str) -> Result<(), Complaint> {
        self.search.expression = if text.is_empty() {
            None
        } else {
            let parsed = Expression::parse(text);
            Some(parsed.map_err(|error| Complaint::value(text, error.to_string()))?)
        };
        text.clone_into(&mut self.typed);
        Ok(())
    }
}

/// As `execute log filter dump` shows it.
impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = match self.device {
            Device::Memory => "memory",
            Device::Disk => "disk",
        };
        writeln!(f, "category: event")?;
        writeln!(f, "device: {device}")?;
        writeln!(f, "start-line: {}", self.start_line)?;
        writeln!(f, "view-lines: {}", self.view_lines)?;
        writeln!(f, "max-checklines: {}", self.check_lines)?;
        writeln!(f, "Filter:")?;
        for condition in &self.search.conditions {
            let not = match condition.sense {
                Sense::Is => "",
                Sense::IsNot => "not ",
            };
            let key = condition.key.word();
            writeln!(f, "  {key} {not}{}", condition.values.join(" "))?;
        }
        if self.typed.is_empty() {
            return Ok(());
        }
        writeln!(f, "  free-style: {}", self.typed)
    }
}

fn number(word: &str, range: RangeInclusive<u32>) -> Result<u32, Complaint> {
    let number = word.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let plain = match *range.end() {
            u32::MAX => format!("a number from {} on", range.start()),
            end => format!("a number from {} to {end}", range.start()),
        };
        Complaint::value(word, plain)
    })
}
