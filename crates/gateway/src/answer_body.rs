//! The body of an answer, which knows when it has been sent.

use crate::connection::{Connection, Unsent};
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Marks an answer whose bytes are not its own: they are there whether the client takes them or not.
#[derive(Clone, Copy)]
pub struct Shared;

/// A body whose bytes count as not sent until the socket has taken them: each frame owns what counts it.
pub struct AnswerBody {
    body: Body,
    connection: Arc<Connection>,
    /// For the first frame, which most often is the only one.
    unsent: Option<Unsent>,
    merchant: bool,
}

impl AnswerBody {
    /// `head_bytes` are held until the body's first frame was sent, for a merchant or not.
    pub fn new(connection: Arc<Connection>, merchant: bool, body: Body, head_bytes: usize, shared: bool) -> Self {
        let bytes = if shared { 0 } else { usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) };
        let unsent = Some(connection.answer(bytes.saturating_add(head_bytes), merchant));
        AnswerBody { body, connection, unsent, merchant }
    }
}

/// The bytes of a frame.
struct Counted {
    bytes: Bytes,
    _unsent: Unsent,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let unsent = self.unsent.take();
        let counted = |bytes: Bytes| {
            let unsent = unsent.unwrap_or_else(|| self.connection.answer(bytes.len(), self.merchant));
            Bytes::from_owner(Counted { bytes, _unsent: unsent })
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(counted))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
