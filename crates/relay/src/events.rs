//! A stream of server-sent events as the body of an answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval_at, sleep};

use crate::switchboard::Stream;

/// Something passes at least this often: networks forget connections that are silent for a minute, and
/// whose other end is gone is noticed.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Below the life of a connection, so that streams end between two events and not in one.
const LIFE: Duration = Duration::from_mins(9);
const PING: &[u8] = b":\n\n";

/// Events until the stream's life is over, its end comes before that, or nobody sends any more.
pub(crate) struct Events {
    stream: Stream,
    ping: Interval,
    life: Pin<Box<Sleep>>,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Events {
    pub(crate) fn of(stream: Stream, end: impl Future<Output = ()> + Send + 'static) -> Self {
        // The first at once: a client learns that it listens.
        let mut ping = interval_at(tokio::time::Instant::now(), PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            stream,
            ping,
            life: Box::pin(sleep(LIFE)),
            end: Box::pin(end),
        }
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let over = self.life.as_mut().poll(context).is_ready()
            || self.end.as_mut().poll(context).is_ready();
        if over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(event) = self.stream.poll_next(context) {
            let frame = event.map(|event| Bytes::copy_from_slice(event.as_bytes()));
            return Poll::Ready(frame.map(|bytes| Ok(Frame::data(bytes))));
        }
        self.ping
            .poll_tick(context)
            .map(|_| Some(Ok(Frame::data(Bytes::from_static(PING)))))
    }
}
