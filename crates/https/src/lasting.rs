//! An answer that goes on for minutes, such as events for somebody who waits.
//!
//! Over HTTP/1.1 nothing is asked on its connection any more, and what HTTP keeps for the next request (two buffers
//! of 8 KiB above all) would be most of what it takes. So HTTP ends with the head, and the body alone goes on.

use std::convert::Infallible;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::{Response, Version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::answering::Answering;

/// In the extensions of a response: its body goes on for minutes, and ends by itself within the 10 of a connection.
///
/// Over HTTP/1.1 the connection ends with it, which is how its length is told (RFC 9112, section 6.3): the answer
/// says HTTP/1.0, which has no other way.
#[derive(Clone, Copy, Debug)]
pub struct Lasting;

/// Where a body that lasts waits until its head has left.
#[derive(Clone, Default)]
pub(crate) struct Remainder(Arc<Mutex<Option<Answering>>>);

impl Remainder {
    /// The answer itself, or the head of one that lasts.
    pub(crate) fn split_off(&self, mut answer: Response<Answering>) -> Response<Answering> {
        if answer.extensions_mut().remove::<Lasting>().is_some() {
            *answer.version_mut() = Version::HTTP_10;
            let nothing = Answering::apart(Body::new(Nothing));
            let body = mem::replace(answer.body_mut(), nothing);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
        answer
    }

    /// The body of the last answer, if it lasts.
    pub(crate) fn take(&self) -> Option<Answering> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Sends what is left of an answer, until its end or until the other end goes or says anything.
pub(crate) async fn pour(
    mut body: Answering,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut heard = [0];
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            heard = stream.read(&mut heard) => return heard.map(drop),
        };
        let Some(frame) = frame else { return Ok(()) };
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            stream.write_all(&data).await?;
            stream.flush().await?;
        }
    }
}

/// No octets; that is not said beforehand, so that the head gives no length.
struct Nothing;

impl http_body::Body for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::VecDeque;

    use super::*;

    /// These words, and then nothing for ever.
    struct Words(VecDeque<&'static str>);

    impl http_body::Body for Words {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.pop_front() {
                Some("") => Poll::Ready(None),
                Some(word) => Poll::Ready(Some(Ok(Frame::data(word.into())))),
                None => Poll::Pending,
            }
        }
    }

    fn saying<const N: usize>(words: [&'static str; N]) -> Answering {
        Answering::apart(Body::new(Words(words.into())))
    }

    #[tokio::test]
    async fn what_is_left_goes_out_until_its_end() {
        let (mut here, mut there) = tokio::io::duplex(64);
        pour(saying(["one ", "two", ""]), &mut here).await.unwrap();
        drop(here);
        let mut heard = String::new();
        there.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "one two");
    }

    #[tokio::test]
    async fn nothing_goes_on_for_somebody_who_is_gone_or_says_something() {
        let (mut here, there) = tokio::io::duplex(64);
        drop(there);
        pour(saying([]), &mut here).await.unwrap();
        let (mut here, mut there) = tokio::io::duplex(64);
        there.write_all(b"GET").await.unwrap();
        pour(saying([]), &mut here).await.unwrap();
    }

    #[tokio::test]
    async fn only_an_answer_that_lasts_is_split() {
        let remainder = Remainder::default();
        let answer = remainder.split_off(Response::new(saying(["all", ""])));
        assert_eq!(answer.version(), Version::HTTP_11);
        assert!(remainder.take().is_none());
        let mut answer = answer;
        answer.extensions_mut().insert(Lasting);
        let head = remainder.split_off(answer);
        assert_eq!(head.version(), Version::HTTP_10);
        assert!(head.into_body().frame().await.is_none());
        let mut body = remainder.take().unwrap();
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "all");
    }
}
