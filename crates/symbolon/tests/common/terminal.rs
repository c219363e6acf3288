//! A person at a terminal: a command on a pseudo-terminal, and what its screen says.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::{PATIENCE, until};

/// A command on a terminal of 80 columns.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// Everything that was drawn so far.
    drawn: String,
    /// How much of it was waited for.
    seen: usize,
    /// The other end, held open: its modes tell what the command left behind.
    line: OwnedFd,
}

fn winsize(rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

impl Terminal {
    pub(crate) fn open(command: &mut Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let line = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        tcsetwinsize(&line, winsize(24)).unwrap();
        let end = || line.try_clone().unwrap();
        let child = command
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let keyboard = File::from(master);
        let screen = watch(keyboard.try_clone().unwrap());
        Self {
            child,
            keyboard,
            screen,
            drawn: String::new(),
            seen: 0,
            line,
        }
    }

    /// Whether lines are edited and echoed by the terminal itself, as a shell expects it.
    pub(crate) fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// The person gives the terminal another height. The command is told as by a terminal that is its own.
    pub(crate) fn resize(&self, rows: u16) {
        tcsetwinsize(&self.line, winsize(rows)).unwrap();
        self.send(Signal::WINCH);
    }

    /// Sends the command a signal.
    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen shows `expected` after what was waited for before; all that was drawn
    /// up to its end.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let news = &self.drawn[self.seen..];
            if let Some(at) = news.find(expected) {
                let shown = news[..at + expected.len()].to_owned();
                self.seen += shown.len();
                return shown;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(octets) => self.drawn += &String::from_utf8_lossy(&octets),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("'{expected}' is not shown, but:\n{news:?}")
                }
            }
        }
    }

    /// What is drawn within a moment and was not waited for.
    pub(crate) fn rest(&mut self) -> String {
        while let Ok(octets) = self.screen.recv_timeout(Duration::from_millis(300)) {
            self.drawn += &String::from_utf8_lossy(&octets);
        }
        let rest = self.drawn[self.seen..].to_owned();
        self.seen = self.drawn.len();
        rest
    }

    /// Waits for the end of the command.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the command ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn watch(mut screen: File) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 4_096];
        loop {
            match screen.read(&mut buffer) {
                Ok(0) => return,
                Ok(got) => {
                    if sender.send(buffer[..got].to_vec()).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    receiver
}
