//! Logins that wait for the person's word: fetched at the push relay, shown, answered.

use crate::activation::{MAX_CLOCK_OFFSET_S, app_version};
use crate::contents::{Contents, Server, Token, TokenName, Trust};
use crate::error::AppError;
use crate::registry::{Registry, RegistryError};
use aws_lc_rs::rand;
use ident::TokenSerial;
use softtoken::mobile::{MobileRelayRequest, MobileRequest, MobileResponse};
use softtoken::push::{
    Answer, Decision, LoginRequest, PushAnswerRequest, PushError, PushKey, PushListenRequest,
    PushLoginRequest, PushNonceRequest, PushRequest, PushResponse, PushSession, listen_transcript,
};
use softtoken::{PUSH_PATH, ServerError, WireError};
use std::collections::VecDeque;
use std::time::Duration;
use zeroize::Zeroizing;

/// A person waits; a relay answers in milliseconds, a slow network in seconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Above the life of a stream, which the relay ends.
const STREAM_TIMEOUT: Duration = Duration::from_mins(11);
/// How often an answer is left at the relay, and how long after the time before: a gateway that is away comes
/// back within this.
const TRIES: usize = 4;
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// A line of a stream: one message, and what stands before it.
const MAX_LINE_BYTES: usize = PushRequest::MAX_BYTES + 16;
/// Requests that were shown already are known by so many of the last sessions: more than a relay keeps.
const SHOWN_MAX: usize = 64;

/// Why a login was not answered.
#[derive(Debug, thiserror::Error)]
pub enum PushFailure {
    /// No token was ever activated with a server that is remembered.
    #[error("no token server is known here")]
    NoServer,
    /// The token server names none.
    #[error("the token server names no push relay")]
    NoRelay,
    /// An answer without a question, and tokens of several token servers: the names of all tokens that it may mean.
    #[error("tokens of several token servers are here, and nothing says whose login is meant")]
    SeveralServers(Vec<TokenName>),
    /// A token of another issuer.
    #[error("{0} is not a token server's: no login asks for it")]
    NotIssued(TokenName),
    /// The relay or the gateway cannot be reached, or answers something else.
    #[error("pushes: {0}")]
    Connection(#[from] RegistryError),
    /// The relay or the gateway said no.
    #[error("{}", .0.message)]
    Refused(WireError),
    /// The answer cannot be made.
    #[error(transparent)]
    Answer(#[from] PushError),
    /// The random source.
    #[error("the system's random source failed")]
    Random,
    /// Nothing came in the time that was given.
    #[error("no login waits for an answer")]
    Nothing,
}

/// The relay of an installation.
#[derive(Debug)]
pub struct Relay {
    connection: Registry,
    clock: Clock,
}

/// This computer's clock beside the token server's, both in seconds after the epoch: the same where they hardly
/// differ, or it did not tell.
#[derive(Clone, Copy, Debug)]
struct Clock {
    here_unix: u64,
    server_unix: u64,
}

impl Clock {
    fn of(here_unix: u64, server_unix: Option<u64>) -> Self {
        let server_unix = server_unix.filter(|it| here_unix.abs_diff(*it) > MAX_CLOCK_OFFSET_S);
        Self {
            here_unix,
            server_unix: server_unix.unwrap_or(here_unix),
        }
    }

    /// What the token server's clock shows when this one shows `now_unix`.
    fn at_server(self, now_unix: u64) -> u64 {
        (now_unix + self.server_unix).saturating_sub(self.here_unix)
    }
}

/// What a relay says to a device.
#[derive(Debug)]
pub enum Heard {
    /// A login waits for the person's word.
    Login(Box<LoginRequest>),
    /// A login needs no answer any more.
    Withdrawn(PushSession),
}

/// Login requests as they come.
#[derive(Debug)]
pub struct Requests {
    stream: reqwest::Response,
    rest: Vec<u8>,
    shown: VecDeque<PushSession>,
    clock: Clock,
}

impl Relay {
    /// Asks the token server of contents, or of a [part](Contents::parts), for the relay, and for the time: what a login says of it is by that clock.
    pub async fn find(contents: &Contents, now_unix: u64) -> Result<Self, AppError> {
        let server = contents.server().cloned().ok_or(PushFailure::NoServer)?;
        let trust = server.trust.clone();
        let registry = Registry::new(server)?;
        let version = app_version()?;
        let request = MobileRequest::from(MobileRelayRequest { version });
        let answer = registry.ask(&request).await?;
        let clock = Clock::of(now_unix, answer.date_unix);
        let relay = match answer.message {
            MobileResponse::Relay(answer) => answer.outcome.map_err(AppError::Refused)?,
            _ => return Err(RegistryError::OtherAnswer(registry.server().url.clone()).into()),
        };
        let url = relay.ok_or(PushFailure::NoRelay)?;
        Ok(Self {
            connection: Registry::new(Server { url, trust })?,
            clock,
        })
    }

    /// That this computer's clock is wrong, if it is.
    pub fn clock_error(&self) -> Option<AppError> {
        let Clock {
            here_unix,
            server_unix,
        } = self.clock;
        (here_unix != server_unix).then_some(AppError::Clock {
            here_unix,
            server_unix,
        })
    }

    /// What the token server's clock shows when this computer's shows `now_unix`.
    pub fn time_at_server(&self, now_unix: u64) -> u64 {
        self.clock.at_server(now_unix)
    }

    /// Opens the stream of this device's requests, with the proof that it is this device. The first time
    /// makes the device known to the relay.
    pub async fn listen(&self, contents: &Contents) -> Result<Requests, AppError> {
        let connection = &self.connection;
        let nonce = PushRequest::from(PushNonceRequest);
        let nonce = match ask(connection, &nonce).await? {
            PushResponse::Nonce(answer) => answer.outcome.map_err(PushFailure::Refused)?,
            _ => return Err(other_answer(connection).into()),
        };
        let device = &contents.device;
        let server = connection.server().url.name().clone();
        let signed = listen_transcript(&server, &nonce, device.keys());
        let request = PushRequest::from(PushListenRequest {
            signature: device.sign(&signed)?,
            server,
            nonce,
            keys: *device.keys(),
        });
        let mut stream = connection
            .post(PUSH_PATH, &request.to_json(), STREAM_TIMEOUT)
            .await
            .map_err(PushFailure::from)?;
        if is_json(&stream) {
            return Err(refused(connection, &mut stream).await.into());
        }
        Ok(Requests {
            stream,
            rest: Vec::new(),
            shown: VecDeque::new(),
            clock: self.clock,
        })
    }

    /// Sends what the person said: to the gateway itself if it takes answers, else back through the relay.
    pub async fn answer(
        &self,
        contents: &Contents,
        request: &LoginRequest,
        decision: Decision,
    ) -> Result<(), AppError> {
        let device = &contents.device;
        let key = push_key(contents, &request.token).ok_or(PushFailure::Nothing)?;
        let draft = Answer::new(request, decision, &key);
        let signature = device.sign(&draft.signed_bytes())?;
        let mut random = Zeroizing::new([0; 32]);
        rand::fill(&mut *random).map_err(|_| PushFailure::Random)?;
        let sealed = draft
            .signed(*device.keys(), signature)
            .seal(&request.answer_key, &random)
            .map_err(PushFailure::from)?;
        let message = PushRequest::from(PushAnswerRequest {
            mailbox: request.mailbox,
            session: request.session,
            sealed,
        });
        if let Some(address) = &request.answer_to {
            let gateway = Registry::new(Server {
                url: address.url.clone(),
                trust: Trust::Key(address.pin),
            })?;
            if matches!(ask(&gateway, &message).await, Ok(PushResponse::Accepted(it)) if it.error.is_none())
            {
                return Ok(());
            }
        }
        // The gateway collects again within seconds when its stream ended or it has just begun to ask.
        for _ in 1..TRIES {
            match self.leave(&message).await {
                Err(AppError::Push(PushFailure::Refused(error)))
                    if error.known() == Some(ServerError::PushMailboxUnknown) =>
                {
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
                left => return left,
            }
        }
        self.leave(&message).await
    }

    /// Leaves an answer at the relay.
    async fn leave(&self, message: &PushRequest) -> Result<(), AppError> {
        match ask(&self.connection, message).await? {
            PushResponse::Accepted(taken) => match taken.error {
                None => Ok(()),
                Some(error) => Err(PushFailure::Refused(error).into()),
            },
            _ => Err(other_answer(&self.connection).into()),
        }
    }
}

impl Requests {
    /// The next request that is for a token here, proven and in time, or that one is withdrawn; nothing when the
    /// stream ends.
    pub async fn next(
        &mut self,
        contents: &Contents,
        now_unix: &(dyn Fn() -> u64 + Sync),
    ) -> Result<Option<Heard>, AppError> {
        loop {
            while let Some(line) = self.line() {
                if let Some(heard) = self.read(&line, contents, now_unix()) {
                    return Ok(Some(heard));
                }
            }
            // A stream that breaks off is one that has ended.
            let Ok(Some(chunk)) = self.stream.chunk().await else {
                return Ok(None);
            };
            self.rest.extend_from_slice(&chunk);
            if self.rest.len() > 2 * MAX_LINE_BYTES && !self.rest.contains(&b'\n') {
                self.rest.clear();
            }
        }
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        Some(self.rest.drain(..=end).collect())
    }

    /// What is not for this device, not by the token's gateway, late or shown before, is passed over.
    fn read(&mut self, line: &[u8], contents: &Contents, now_unix: u64) -> Option<Heard> {
        let data = line.strip_prefix(b"data: ")?.trim_ascii_end();
        match PushRequest::parse(data) {
            Ok(PushRequest::Login(request)) => self
                .opened(request, contents, now_unix)
                .map(|request| Heard::Login(Box::new(request))),
            Ok(PushRequest::Withdraw(request)) => Some(Heard::Withdrawn(request.session)),
            _ => None,
        }
    }

    fn opened(
        &mut self,
        request: PushLoginRequest,
        contents: &Contents,
        now_unix: u64,
    ) -> Option<LoginRequest> {
        let PushLoginRequest { addressed, sealed } = request;
        let device = &contents.device;
        let is_here = addressed.device == device.registration_id();
        if !is_here || self.shown.contains(&addressed.session) {
            return None;
        }
        let key = |token: &TokenSerial| push_key(contents, token);
        let now = self.clock.at_server(now_unix);
        let opened = LoginRequest::open(&sealed, &addressed, device.sealing(), key, now);
        let request = opened.ok()?;
        if self.shown.len() == SHOWN_MAX {
            self.shown.pop_front();
        }
        self.shown.push_back(addressed.session);
        Some(request)
    }
}

/// Makes this device known to the relay of each token server of these tokens, so that the first push arrives. Codes
/// work without; `symbolon app push` tells what is wrong.
pub(crate) async fn introduce(contents: &Contents, tokens: &[TokenSerial], now_unix: u64) {
    let is_one = |token: &Token| token.serial().is_some_and(|it| tokens.contains(&it));
    for part in contents.parts().unwrap_or_default() {
        if part.tokens().iter().any(is_one) {
            // A relay that answers with no stream would hold the command up for as long as a stream may last.
            let _ = tokio::time::timeout(TIMEOUT, introduce_part(&part, now_unix)).await;
        }
    }
}

async fn introduce_part(part: &Contents, now_unix: u64) -> Result<(), AppError> {
    let relay = Relay::find(part, now_unix).await?;
    relay.listen(part).await.map(drop)
}

fn push_key(contents: &Contents, token: &TokenSerial) -> Option<PushKey> {
    let token = contents.token(token.as_str()).ok()?;
    token.serial().map(|serial| token.push_key(&serial))
}

async fn ask(connection: &Registry, request: &PushRequest) -> Result<PushResponse, PushFailure> {
    let mut response = connection
        .post(PUSH_PATH, &request.to_json(), TIMEOUT)
        .await?;
    let body = connection.bounded_body(&mut response).await?;
    Ok(
        PushResponse::parse(&body).map_err(|reason| RegistryError::Message {
            url: connection.server().url.clone(),
            reason,
        })?,
    )
}

fn is_json(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind == "application/json")
}

async fn refused(connection: &Registry, response: &mut reqwest::Response) -> PushFailure {
    let body = match connection.bounded_body(response).await {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    match PushResponse::parse(&body) {
        Ok(PushResponse::Accepted(answer)) => answer
            .error
            .map_or_else(|| other_answer(connection), PushFailure::Refused),
        _ => other_answer(connection),
    }
}

fn other_answer(connection: &Registry) -> PushFailure {
    RegistryError::OtherAnswer(connection.server().url.clone()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_read_as_the_servers_and_a_slow_network_is_no_wrong_clock() {
        for (here, server, expected) in [
            (1_000_900, Some(1_000_000), 1_000_005),
            (999_100, Some(1_000_000), 1_000_005),
            (1_000_030, Some(1_000_000), 1_000_035),
            (1_000_000, None, 1_000_005),
        ] {
            assert_eq!(Clock::of(here, server).at_server(here + 5), expected);
        }
    }
}
