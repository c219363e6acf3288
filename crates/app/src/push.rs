//! Logins that wait for the person's word: fetched at the push relay, shown, answered.

use crate::activation::app_version;
use crate::contents::{Contents, Server, Trust};
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
}

/// Login requests as they come.
#[derive(Debug)]
pub struct Requests {
    stream: reqwest::Response,
    rest: Vec<u8>,
    shown: VecDeque<PushSession>,
}

impl Relay {
    /// Asks the token server for the relay.
    pub async fn find(contents: &Contents) -> Result<Self, AppError> {
        let server = contents.server().cloned().ok_or(PushFailure::NoServer)?;
        let trust = server.trust.clone();
        let registry = Registry::new(server)?;
        let version = app_version()?;
        let request = MobileRequest::from(MobileRelayRequest { version });
        let relay = match registry.ask(&request).await?.message {
            MobileResponse::Relay(answer) => answer.outcome.map_err(AppError::Refused)?,
            _ => return Err(RegistryError::OtherAnswer(registry.server().url.clone()).into()),
        };
        let url = relay.ok_or(PushFailure::NoRelay)?;
        Ok(Self {
            connection: Registry::new(Server { url, trust })?,
        })
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
    /// The next request that is for a token here, proven and in time; nothing when the stream ends.
    pub async fn next(
        &mut self,
        contents: &Contents,
        now_unix: &(dyn Fn() -> u64 + Sync),
    ) -> Result<Option<LoginRequest>, AppError> {
        loop {
            while let Some(line) = self.line() {
                if let Some(request) = self.read(&line, contents, now_unix()) {
                    return Ok(Some(request));
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
    fn read(&mut self, line: &[u8], contents: &Contents, now_unix: u64) -> Option<LoginRequest> {
        let data = line.strip_prefix(b"data: ")?.trim_ascii_end();
        let Ok(PushRequest::Login(PushLoginRequest { addressed, sealed })) =
            PushRequest::parse(data)
        else {
            return None;
        };
        let device = &contents.device;
        let is_here = addressed.device == device.registration_id();
        if !is_here || self.shown.contains(&addressed.session) {
            return None;
        }
        let key = |token: &TokenSerial| push_key(contents, token);
        let opened = LoginRequest::open(&sealed, &addressed, device.sealing(), key, now_unix);
        let request = opened.ok()?;
        if self.shown.len() == SHOWN_MAX {
            self.shown.pop_front();
        }
        self.shown.push_back(addressed.session);
        Some(request)
    }
}

/// Makes this device known to the relay, so that the first push arrives.
pub async fn introduce(contents: &Contents) -> Result<(), AppError> {
    let relay = Relay::find(contents).await?;
    relay.listen(contents).await.map(drop)
}

fn push_key(contents: &Contents, token: &TokenSerial) -> Option<PushKey> {
    let token = contents.token(token.as_str()).ok()?;
    Some(token.push_key())
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
