//! A connection's gate: it can be shut from outside, and it stops reading while what was read waits.
//!
//! The SSH library grants a channel's window anew as soon as data arrive, and handles input and output
//! of a connection in one loop. Back-pressure is therefore made below it, on the socket: the loop goes
//! on sending while nothing is read, so a command whose output is on its way is never stuck behind the
//! lines that were sent after it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

/// Unread input beyond which the socket is not read: some thousand lines.
const PAUSE_AT: usize = 256 * 1_024;

/// Unread input beyond which the connection ends. More than [`PAUSE_AT`] is read only while output is
/// stuck, since the client's permission to go on comes behind what it has sent.
const UNREAD_MAX: usize = 4 * 1_024 * 1_024;

/// What a message in a queue costs besides its octets.
const MESSAGE_COST: usize = 64;

/// The client sent too much without reading what it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the client sends and does not read")]
pub(super) struct Flooded;

/// The gate of one connection.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_shut: bool,
    unread: usize,
    /// Channels whose output waits for the client.
    stuck: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl State {
    fn is_paused(&self) -> bool {
        self.unread > PAUSE_AT && self.stuck == 0
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Gate {
    /// Ends the connection, whatever it is doing.
    pub(super) fn shut(&self) {
        let mut state = self.lock();
        state.is_shut = true;
        state.wake_reader();
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }

    #[cfg(test)]
    pub(super) fn is_shut(&self) -> bool {
        self.lock().is_shut
    }

    fn arrived(&self, octets: usize) -> Result<(), Flooded> {
        let mut state = self.lock();
        state.unread += octets + MESSAGE_COST;
        if state.unread > UNREAD_MAX {
            return Err(Flooded);
        }
        Ok(())
    }

    fn taken(&self, octets: usize) {
        let mut state = self.lock();
        state.unread = state.unread.saturating_sub(octets + MESSAGE_COST);
        if !state.is_paused() {
            state.wake_reader();
        }
    }

    fn stick(&self) {
        let mut state = self.lock();
        state.stuck += 1;
        state.wake_reader();
    }

    fn free(&self) {
        let mut state = self.lock();
        state.stuck = state.stuck.saturating_sub(1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shut() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the connection was ended here",
    )
}

/// A stream with its gate.
pub(super) struct Gated<S> {
    stream: S,
    gate: Arc<Gate>,
}

impl<S> Gated<S> {
    pub(super) fn new(stream: S, gate: Arc<Gate>) -> Self {
        Self { stream, gate }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gated<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        {
            let mut state = self.gate.lock();
            if state.is_shut {
                return Poll::Ready(Err(shut()));
            }
            state.reader = Some(cx.waker().clone());
            if state.is_paused() {
                return Poll::Pending;
            }
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gated<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        {
            let mut state = self.gate.lock();
            if state.is_shut {
                return Poll::Ready(Err(shut()));
            }
            state.writer = Some(cx.waker().clone());
        }
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What arrives on one channel, on its way to the conversation.
pub(super) fn inbox(gate: &Arc<Gate>) -> (Inbox, Unread) {
    let (chunks, waiting) = mpsc::unbounded_channel();
    let inbox = Inbox {
        chunks,
        gate: Arc::clone(gate),
    };
    let unread = Unread {
        waiting,
        begun: Vec::new(),
        at: 0,
        gate: Arc::clone(gate),
    };
    (inbox, unread)
}

/// The end that is filled. Its size is bounded by the gate; dropping it is the end of the input.
#[derive(Debug)]
pub(super) struct Inbox {
    chunks: mpsc::UnboundedSender<Vec<u8>>,
    gate: Arc<Gate>,
}

impl Inbox {
    /// Takes what arrived. A conversation that has ended reads nothing more.
    pub(super) fn put(&self, octets: &[u8]) -> Result<(), Flooded> {
        if self.chunks.is_closed() {
            return Ok(());
        }
        self.gate.arrived(octets.len())?;
        // Closed meanwhile: nobody is left to read it.
        let _ = self.chunks.send(octets.to_vec());
        Ok(())
    }
}

/// The end that is read.
#[derive(Debug)]
pub(super) struct Unread {
    waiting: mpsc::UnboundedReceiver<Vec<u8>>,
    begun: Vec<u8>,
    at: usize,
    gate: Arc<Gate>,
}

impl AsyncRead for Unread {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at == self.begun.len() {
            let Some(chunk) = ready!(self.waiting.poll_recv(cx)) else {
                return Poll::Ready(Ok(()));
            };
            self.gate.taken(chunk.len());
            (self.begun, self.at) = (chunk, 0);
        }
        let left = self.begun.get(self.at..).unwrap_or_default();
        let taken = left.len().min(buffer.remaining());
        buffer.put_slice(left.get(..taken).unwrap_or_default());
        self.at += taken;
        Poll::Ready(Ok(()))
    }
}

/// A channel's output, which tells the gate when it is stuck, and that it is so no more when it goes.
pub(super) struct Outgoing<W> {
    writer: W,
    gate: Arc<Gate>,
    is_stuck: bool,
}

impl<W> Outgoing<W> {
    pub(super) fn new(writer: W, gate: Arc<Gate>) -> Self {
        Self {
            writer,
            gate,
            is_stuck: false,
        }
    }

    fn tell(&mut self, is_stuck: bool) {
        if self.is_stuck == is_stuck {
            return;
        }
        self.is_stuck = is_stuck;
        if is_stuck {
            self.gate.stick();
        } else {
            self.gate.free();
        }
    }
}

impl<W> Drop for Outgoing<W> {
    fn drop(&mut self) {
        self.tell(false);
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Outgoing<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.writer).poll_write(cx, octets);
        self.tell(written.is_pending());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_waits_unread_stops_the_reading_until_it_is_read() {
        let (mut client, server) = tokio::io::duplex(64);
        let gate = Arc::new(Gate::default());
        let mut stream = Gated::new(server, Arc::clone(&gate));
        let (inbox, mut unread) = inbox(&gate);
        inbox.put(&vec![b'x'; PAUSE_AT + 1]).unwrap();
        client.write_all(b"more").await.unwrap();

        let mut got = [0; 4];
        let paused = std::future::poll_fn(|cx| {
            let mut buffer = ReadBuf::new(&mut got);
            Poll::Ready(
                Pin::new(&mut stream)
                    .poll_read(cx, &mut buffer)
                    .is_pending(),
            )
        });
        assert!(paused.await);
        let mut begun = [0; 1];
        unread.read_exact(&mut begun).await.unwrap();
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"more");
    }

    #[tokio::test]
    async fn output_that_is_stuck_lets_input_in_up_to_the_limit() {
        let (mut client, server) = tokio::io::duplex(64);
        let gate = Arc::new(Gate::default());
        let mut stream = Gated::new(server, Arc::clone(&gate));
        let (inbox, _unread) = inbox(&gate);
        inbox.put(&vec![b'x'; PAUSE_AT + 1]).unwrap();
        gate.stick();
        client.write_all(b"more").await.unwrap();
        let mut got = [0; 4];
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(inbox.put(&vec![b'x'; UNREAD_MAX]), Err(Flooded));
    }

    #[tokio::test]
    async fn the_output_of_one_channel_that_flows_does_not_free_that_of_another() {
        let gate = Arc::new(Gate::default());
        let outgoing = |room| {
            let (client, server) = tokio::io::duplex(room);
            (client, Outgoing::new(server, Arc::clone(&gate)))
        };
        let (_client, mut stuck) = outgoing(1);
        let full = stuck.write_all(b"two");
        assert!(tokio::time::timeout(Duration::ZERO, full).await.is_err());
        let (inbox, _unread) = inbox(&gate);
        inbox.put(&vec![b'x'; PAUSE_AT + 1]).unwrap();
        let (_other, mut flowing) = outgoing(64);
        flowing.write_all(b"more").await.unwrap();
        assert!(!gate.lock().is_paused());
        drop(flowing);
        assert!(!gate.lock().is_paused());
        drop(stuck);
        assert!(gate.lock().is_paused());
    }

    #[tokio::test]
    async fn a_shut_gate_ends_reads_and_writes() {
        let (_client, server) = tokio::io::duplex(64);
        let gate = Arc::new(Gate::default());
        let mut stream = Gated::new(server, Arc::clone(&gate));
        let mut reading = tokio::spawn(async move {
            let read = stream.read_u8().await.map_err(|error| error.kind());
            let written = stream.write_u8(0).await.map_err(|error| error.kind());
            (read, written)
        });
        tokio::select! {
            _ = &mut reading => panic!("nothing was sent"),
            () = tokio::task::yield_now() => gate.shut(),
        }
        let aborted = io::ErrorKind::ConnectionAborted;
        assert_eq!(reading.await.unwrap(), (Err(aborted), Err(aborted)));
    }
}
