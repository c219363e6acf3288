//! How long a server may say nothing.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};

use crate::causes;

/// What a slow line carries in a second: 256 kbit/s.
const SLOW_LINE_BYTES_PER_S: u64 = 32 << 10;

/// Why a server did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// It was not reached, or broke off.
    #[error("{}", causes(.0))]
    Failed(reqwest::Error),
    /// It said nothing for so long.
    #[error("it has said nothing for {} s", .0.as_secs())]
    Silent(Duration),
}

impl Unanswered {
    /// Whether not even a connection was had.
    pub fn is_unsent(&self) -> bool {
        matches!(self, Self::Failed(error) if error.is_connect())
    }
}

/// What a server answers to `body`, as soon as it begins to. One that says nothing for longer than `patience` and
/// the time in which a slow line carries the body to it has stopped, and others may be asked.
pub async fn answer_to(
    post: RequestBuilder,
    body: Vec<u8>,
    patience: Duration,
) -> Result<Response, Unanswered> {
    let octets = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let patience = patience + Duration::from_secs(octets / SLOW_LINE_BYTES_PER_S);
    match tokio::time::timeout(patience, post.body(body).send()).await {
        Ok(answer) => answer.map_err(Unanswered::Failed),
        Err(_) => Err(Unanswered::Silent(patience)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that takes what it is sent and says nothing.
    async fn silence(body: usize) -> Unanswered {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = answer_to(http.post(url), vec![0; body], Duration::from_millis(100));
        answer.await.unwrap_err()
    }

    #[tokio::test]
    async fn a_silent_server_is_given_the_time_that_a_slow_line_takes() {
        for (body, patience) in [(0, 100), (40 << 10, 1_100)] {
            match silence(body).await {
                Unanswered::Silent(after) => assert_eq!(after, Duration::from_millis(patience)),
                Unanswered::Failed(error) => panic!("{error}"),
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_was_sent_nothing() {
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", gone.local_addr().unwrap());
        drop(gone);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = answer_to(http.post(url), vec![], Duration::from_mins(1)).await;
        assert!(answer.unwrap_err().is_unsent());
    }
}
