//! The wall clock of the program under test, set at will while it runs. Its timers go on as ever.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use domain::time::{Span, Timestamp};
use otp::{Period, Step};

use super::{now, step_at};
use crate::common::{Home, at_offset};

/// A clock that is off by a number of seconds, which libfaketime reads from a file each time.
pub(crate) struct Clock {
    file: PathBuf,
    offset_s: i64,
}

impl Clock {
    pub(crate) fn new(home: &Home) -> Self {
        let clock = Self {
            file: home.path("clock"),
            offset_s: 0,
        };
        clock.write();
        clock
    }

    /// Has a command, not started yet, go by this clock.
    pub(crate) fn rules(&self, command: &mut Command) {
        at_offset(command, "+0");
        command
            .env_remove("FAKETIME")
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1");
    }

    pub(crate) fn now(&self) -> Timestamp {
        now().after(Span::from_secs(self.offset_s))
    }

    pub(crate) fn step(&self) -> Step {
        step_at(self.now())
    }

    /// Moves it, forward or back.
    pub(crate) fn turn(&mut self, seconds: i64) {
        self.offset_s += seconds;
        self.write();
    }

    /// Sets it to so many seconds after the beginning of a step.
    pub(crate) fn set(&mut self, step: Step, seconds: i64) {
        let begins = step.0 * u64::from(Period::SIXTY.secs());
        let begins = i64::try_from(begins).unwrap();
        self.turn(begins + seconds - self.now().secs());
    }

    /// Replaces the file whole: the program may read it at any moment.
    fn write(&self) {
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{:+}\n", self.offset_s)).unwrap();
        fs::rename(&next, &self.file).unwrap();
    }
}

/// What libfaketime leaves behind in shared memory when its process is killed.
pub(crate) fn sweep_after(pid: u32) {
    for name in ["faketime_shm_", "sem.faketime_sem_"] {
        let _ = fs::remove_file(format!("/dev/shm/{name}{pid}"));
    }
}
