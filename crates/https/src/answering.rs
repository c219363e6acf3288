//! An answer on its way: it may be a stream that goes on for minutes.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Error;
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

use crate::connections::UnderWay;

/// The body of an answer, until whose end the request is under way.
pub(crate) struct Answering {
    body: Body,
    _under_way: Option<UnderWay>,
}

impl Answering {
    pub(crate) fn new(body: Body, under_way: UnderWay) -> Self {
        Self {
            body,
            _under_way: Some(under_way),
        }
    }

    /// A body of which no request is told.
    pub(crate) fn apart(body: Body) -> Self {
        Self {
            body,
            _under_way: None,
        }
    }
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
