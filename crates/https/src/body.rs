//! Bodies of requests, bounded in length and time.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How long a body may be and take.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// In octets.
    pub bytes: usize,
    /// From the first octet to the last.
    pub time: Duration,
}

/// What is read and thrown away of a body that nobody wants: as much as any request here may have.
const DRAINED: Limit = Limit {
    bytes: 1 << 20,
    time: Duration::from_secs(30),
};

/// Why there is no body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// Longer than the limit, in octets.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// Slower than the limit.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection ended before it did.
    #[error("the body broke off")]
    BrokenOff,
}

impl BodyError {
    /// What an answer says of it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenOff => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads a body to its end.
pub async fn read(mut body: Body, limit: Limit) -> Result<Zeroizing<Vec<u8>>, BodyError> {
    let collect = Limited::new(&mut body, limit.bytes).collect();
    let collected = timeout(limit.time, collect)
        .await
        .map_err(|_| BodyError::TooSlow)?;
    match collected {
        Ok(collected) => Ok(Zeroizing::new(collected.to_bytes().to_vec())),
        Err(error) if error.is::<LengthLimitError>() => {
            drain(body).await;
            Err(BodyError::TooLong(limit.bytes))
        }
        Err(_) => Err(BodyError::BrokenOff),
    }
}

/// Reads a body to its end and throws it away, as far as one may be long: a client that is answered
/// while it still sends may take the end of its stream for a failure and never look at the answer.
pub async fn drain(body: Body) {
    let mut body = Limited::new(body, DRAINED.bytes);
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    // Whether it came to its end or not, the answer leaves.
    let _ = timeout(DRAINED.time, rest).await;
}
