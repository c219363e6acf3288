//! Debug lines on their way from those who work to the consoles that watch.

use std::collections::VecDeque;
use std::future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cli::Session;
use cli::debug::{Line, Place, Source, Text};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::clock;

/// Lines that a slow console may be behind before it misses some; it is told how many.
const BACKLOG: usize = 1_024;

/// Lines that are kept for a console which has asked for them and does not print yet: what an import
/// exchanges with the token server is some ten, and each may be as long as a message.
const KEPT_MAX: usize = 128;

/// Where debug lines go. A line that nobody asked for costs one comparison and is not made.
#[derive(Clone, Debug)]
pub(crate) struct DebugLog {
    lines: broadcast::Sender<Arc<Line>>,
    wanted: Arc<Wanted>,
}

/// How many consoles want the lines of each source.
#[derive(Debug, Default)]
struct Wanted([AtomicUsize; Source::COUNT]);

/// A console's view of the lines.
#[derive(Debug)]
pub(crate) struct Watch {
    lines: broadcast::Receiver<Arc<Line>>,
    wanted: Arc<Wanted>,
    wants: [bool; Source::COUNT],
    kept: VecDeque<Arc<Line>>,
}

impl Default for DebugLog {
    fn default() -> Self {
        Self {
            lines: broadcast::channel(BACKLOG).0,
            wanted: Arc::default(),
        }
    }
}

impl DebugLog {
    /// The lines from now on; none until something is asked for, see [`Watch::follow`].
    pub(crate) fn watch(&self) -> Watch {
        Watch {
            lines: self.lines.subscribe(),
            wanted: Arc::clone(&self.wanted),
            wants: [false; Source::COUNT],
            kept: VecDeque::new(),
        }
    }

    /// A line of a function.
    pub(crate) fn at(&self, source: Source, place: Place, message: impl FnOnce() -> String) {
        self.line(source, || Text::At(place, message().into()));
    }

    /// A line as it is.
    pub(crate) fn raw(&self, source: Source, text: impl FnOnce() -> String) {
        self.line(source, || Text::Raw(text().into()));
    }

    fn line(&self, source: Source, text: impl FnOnce() -> Text) {
        if self.wanted.0[source.index()].load(Ordering::Relaxed) > 0 {
            let line = Line {
                at: clock::now(),
                source,
                text: text(),
            };
            // A console that left meanwhile misses nothing.
            let _ = self.lines.send(Arc::new(line));
        }
    }
}

impl Watch {
    /// Takes over what the session asks for by now. Nothing is kept of what it no longer asks for.
    pub(crate) fn follow(&mut self, session: &Session) {
        for source in Source::all() {
            let (at, wants) = (source.index(), session.asks_debug(source));
            match (self.wants[at], wants) {
                (false, true) => self.wanted.0[at].fetch_add(1, Ordering::Relaxed),
                (true, false) => {
                    self.kept.retain(|line| line.source != source);
                    self.wanted.0[at].fetch_sub(1, Ordering::Relaxed)
                }
                _ => continue,
            };
            self.wants[at] = wants;
        }
    }

    /// The next line as the session shows it; a session that was too slow is told what it missed. Lines
    /// that it has asked for while it does not print are kept.
    pub(crate) async fn next(&mut self, session: &Session) -> String {
        loop {
            match self.lines.recv().await {
                Ok(line) if !session.prints_debug() => self.keep(line),
                Ok(line) => {
                    if let Some(text) = session.debug_line(&line) {
                        return text;
                    }
                }
                Err(RecvError::Lagged(missed)) if session.prints_debug() => {
                    return format!("({missed} debug lines were missed)\n");
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => future::pending().await,
            }
        }
    }

    /// The last lines that were kept, as soon as the session prints.
    pub(crate) fn released(&mut self, session: &Session) -> String {
        if !session.prints_debug() {
            return String::new();
        }
        let kept = self.kept.drain(..);
        kept.filter_map(|line| session.debug_line(&line)).collect()
    }

    fn keep(&mut self, line: Arc<Line>) {
        if !self.wants[line.source.index()] {
            return;
        }
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(line);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for (wanted, wants) in self.wanted.0.iter().zip(self.wants) {
            wanted.fetch_sub(usize::from(wants), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use cli::debug::Application;
    use cli::render::Zone;

    use super::*;

    const FNBAMD: Source = Source::Application(Application::Fnbamd);

    fn typed(session: &mut Session, watch: &mut Watch, line: &str) -> String {
        session.feed(line);
        watch.follow(session);
        watch.released(session)
    }

    /// Lets the watch take in what was said.
    async fn nothing_is_shown(watch: &mut Watch, session: &Session) {
        tokio::select! {
            biased;
            text = watch.next(session) => panic!("{text}"),
            () = tokio::task::yield_now() => {}
        }
    }

    #[tokio::test]
    async fn a_line_is_made_while_somebody_wants_it() {
        let (log, mut session) = (DebugLog::default(), Session::new(Zone::UTC));
        let mut watch = log.watch();
        log.raw(FNBAMD, || panic!("nobody wants it"));
        for line in [
            "diagnose debug application fnbamd -1",
            "diagnose debug enable",
        ] {
            typed(&mut session, &mut watch, line);
        }
        log.raw(FNBAMD, || "alice".to_owned());
        assert_eq!(watch.next(&session).await, "alice\n");
        log.raw(Source::Fortitoken, || panic!("nobody wants it"));
        drop(watch);
        log.raw(FNBAMD, || panic!("nobody is there"));
    }

    #[tokio::test]
    async fn the_last_lines_of_what_was_asked_for_come_when_output_is_enabled() {
        let (log, mut session) = (DebugLog::default(), Session::new(Zone::UTC));
        let mut watch = log.watch();
        for line in [
            "diagnose fortitoken debug enable",
            "diagnose debug application fnbamd -1",
        ] {
            assert_eq!(typed(&mut session, &mut watch, line), "");
        }
        for number in 0..=KEPT_MAX {
            log.raw(Source::Fortitoken, || number.to_string());
        }
        log.raw(FNBAMD, || "alice".to_owned());
        nothing_is_shown(&mut watch, &session).await;
        typed(
            &mut session,
            &mut watch,
            "diagnose debug application fnbamd 0",
        );
        let shown = typed(&mut session, &mut watch, "diagnose debug enable");
        let last: Vec<String> = (2..=KEPT_MAX).map(|number| number.to_string()).collect();
        assert_eq!(shown, last.join("\n") + "\n");
        assert_eq!(typed(&mut session, &mut watch, "diagnose debug enable"), "");
    }

    #[tokio::test]
    async fn nothing_is_kept_over_a_reset() {
        let (log, mut session) = (DebugLog::default(), Session::new(Zone::UTC));
        let mut watch = log.watch();
        typed(&mut session, &mut watch, "diagnose fortitoken debug enable");
        log.raw(Source::Fortitoken, || "old".to_owned());
        nothing_is_shown(&mut watch, &session).await;
        for line in [
            "diagnose debug reset",
            "diagnose fortitoken debug enable",
            "diagnose debug enable",
        ] {
            assert_eq!(typed(&mut session, &mut watch, line), "");
        }
    }
}
