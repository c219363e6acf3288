//! A poll of tokens that are in the reserve and of some that are not.

use softtoken::process::{PollAnswer, PollingRequest, PollingResponse, Response};
use softtoken::{Echo, ServerError};

/// All tokens of a question, and the question about those in the reserve.
pub(super) fn own(request: PollingRequest, held: &[bool]) -> (Vec<Echo>, PollingRequest) {
    let PollingRequest { product, tokens } = request;
    let own = tokens.iter().zip(held).filter(|(_, held)| **held);
    let own = PollingRequest {
        product,
        tokens: own.map(|(token, _)| token.clone()).collect(),
    };
    (tokens, own)
}

/// The answer to a poll in a body; none if it is another.
pub(super) fn response(body: &[u8]) -> Option<PollingResponse> {
    match Response::parse(body) {
        Ok(Response::Polling(response)) => Some(response),
        _ => None,
    }
}

/// Both answers in the order of the question: the token server was asked about all. Of tokens that it did not
/// tell of nothing is known.
pub(super) fn merge(
    tokens: Vec<Echo>,
    held: &[bool],
    here: PollingResponse,
    there: Option<PollingResponse>,
) -> PollingResponse {
    let mut own = here.tokens.into_iter();
    let mut all = there.into_iter().flat_map(|response| response.tokens);
    let answers = tokens.into_iter().zip(held).map(|(token, held)| {
        let other = all.next();
        let answer = if *held { own.next() } else { other };
        let is_its = |answer: &PollAnswer| answer.token == token;
        answer.filter(is_its).unwrap_or_else(|| PollAnswer {
            outcome: Err(ServerError::Unavailable.into()),
            token: token.clone(),
        })
    });
    let answers: Vec<_> = answers.collect();
    let is_nothing_told = answers.iter().all(|answer| answer.outcome.is_err());
    PollingResponse {
        product: here.product,
        tokens: answers,
        error: is_nothing_told.then(|| ServerError::NoValidToken.into()),
    }
}
