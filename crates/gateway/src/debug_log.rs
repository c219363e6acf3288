//! Debug lines on their way from those who work to the consoles that watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cli::Session;
use cli::debug::{Line, Place, Source, Text};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::clock;

/// Lines that a slow console may be behind before it misses some; it is told how many.
const BACKLOG: usize = 1_024;

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
    /// Takes over what the session asks for by now.
    pub(crate) fn follow(&mut self, session: &Session) {
        for source in Source::all() {
            let (at, wants) = (source.index(), session.wants_debug(source));
            match (self.wants[at], wants) {
                (false, true) => self.wanted.0[at].fetch_add(1, Ordering::Relaxed),
                (true, false) => self.wanted.0[at].fetch_sub(1, Ordering::Relaxed),
                _ => continue,
            };
            self.wants[at] = wants;
        }
    }

    /// The next line.
    pub(crate) async fn recv(&mut self) -> Result<Arc<Line>, RecvError> {
        self.lines.recv().await
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

    #[tokio::test]
    async fn a_line_is_made_while_somebody_wants_it() {
        let (log, mut session) = (DebugLog::default(), Session::new(Zone::UTC));
        let mut watch = log.watch();
        log.raw(FNBAMD, || panic!("nobody wants it"));
        for line in [
            "diagnose debug application fnbamd -1",
            "diagnose debug enable",
        ] {
            session.feed(line);
        }
        watch.follow(&session);
        log.raw(FNBAMD, || "alice".to_owned());
        assert_eq!(watch.recv().await.unwrap().text, Text::Raw("alice".into()));
        log.raw(Source::Fortitoken, || panic!("nobody wants it"));
        drop(watch);
        log.raw(FNBAMD, || panic!("nobody is there"));
    }
}
