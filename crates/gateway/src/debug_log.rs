//! Debug lines on their way from those who work to the consoles that watch.

use std::sync::Arc;

use cli::debug::{Line, Place, Source, Text};
use tokio::sync::broadcast;

use crate::clock;

/// Lines that a slow console may be behind before it misses some; it is told how many.
const BACKLOG: usize = 1_024;

/// Where debug lines go. Nobody watching costs one comparison a line.
#[derive(Clone, Debug)]
pub(crate) struct DebugLog(broadcast::Sender<Arc<Line>>);

impl Default for DebugLog {
    fn default() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }
}

impl DebugLog {
    /// The lines from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Line>> {
        self.0.subscribe()
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
        if self.0.receiver_count() > 0 {
            let line = Line {
                at: clock::now(),
                source,
                text: text(),
            };
            // A console that left meanwhile misses nothing.
            let _ = self.0.send(Arc::new(line));
        }
    }
}
