//! Phones with the app open at the push relay, and what they say to logins.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use app::device::Device;
use ident::TokenSerial;
use otp::Seed;
use reqwest::{Certificate, Client, Identity, Response};
use softtoken::address::ServerName;
use softtoken::push::{
    Answer, Decision, LoginAnswer, LoginRequest, PushAnswerRequest, PushKey, PushListenRequest,
    PushLoginRequest, PushNonceRequest, PushRequest, PushResponse, listen_transcript,
};
use softtoken::{PUSH_PATH, ServerError};

use super::now;
use super::people::Person;
use crate::common::PATIENCE;

/// A gateway collects within seconds after it was told to.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A phone whose app is open.
pub(crate) struct Phone {
    pub(crate) device: Device,
    http: Client,
    url: String,
    stream: Response,
    text: Vec<u8>,
}

impl Phone {
    pub(crate) async fn listen(device: Device, http: Client, relay: SocketAddr) -> Self {
        let server = ServerName::parse(&relay.to_string()).unwrap();
        let url = format!("https://{server}{PUSH_PATH}");
        let nonce = post(&http, &url, &PushNonceRequest.into()).await;
        let PushResponse::Nonce(nonce) = response(nonce).await else {
            panic!("no nonce");
        };
        let nonce = nonce.outcome.unwrap();
        let signed = listen_transcript(&server, &nonce, device.keys());
        let request = PushListenRequest {
            signature: device.sign(&signed).unwrap(),
            server,
            nonce,
            keys: *device.keys(),
        };
        let mut stream = post(&http, &url, &request.into()).await;
        let hears = stream.chunk().await.unwrap().expect("a sign of life");
        assert!(hears.starts_with(b":"), "{hears:?}");
        Self {
            device,
            http,
            url,
            stream,
            text: Vec::new(),
        }
    }

    /// The next login that comes.
    pub(crate) async fn next(&mut self) -> PushLoginRequest {
        loop {
            while let Some(end) = self.text.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                if let Some(data) = line.strip_prefix(b"data: ")
                    && let Ok(PushRequest::Login(request)) = PushRequest::parse(data.trim_ascii())
                {
                    return request;
                }
            }
            let chunk = self.stream.chunk().await.unwrap().expect("a stream");
            self.text.extend_from_slice(&chunk);
        }
    }

    /// A login that came, as the person reads it.
    pub(crate) fn opened(&self, request: &PushLoginRequest, person: &Person) -> LoginRequest {
        let PushLoginRequest { addressed, sealed } = request;
        let key = |token: &TokenSerial| {
            (*token == person.token).then(|| PushKey::of(&person.seed(), token))
        };
        let now = now().unix();
        LoginRequest::open(sealed, addressed, self.device.sealing(), key, now).unwrap()
    }

    pub(crate) async fn deny(&self, request: &PushLoginRequest, person: &Person) {
        let login = self.opened(request, person);
        self.says(&login, Decision::Deny, person).await;
    }

    /// Leaves an answer at the relay, once the gateway collects there.
    pub(crate) async fn says(&self, login: &LoginRequest, decision: Decision, person: &Person) {
        let answer = answer(login, decision, &self.device, &person.seed());
        let request = PushRequest::from(posted(login, answer, &[9; 32]));
        let began = Instant::now();
        loop {
            let PushResponse::Accepted(taken) =
                response(post(&self.http, &self.url, &request).await).await
            else {
                panic!("another answer");
            };
            match taken.error.map(|error| error.known()) {
                None => return,
                Some(Some(ServerError::PushMailboxUnknown)) if began.elapsed() < PATIENCE => {
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
                Some(error) => panic!("{error:?}"),
            }
        }
    }
}

/// What a device with a seed says to a login.
pub(crate) fn answer(
    login: &LoginRequest,
    decision: Decision,
    device: &Device,
    seed: &Seed,
) -> LoginAnswer {
    let key = PushKey::of(seed, &login.token);
    let draft = Answer::new(login, decision, &key);
    let signature = device.sign(&draft.signed_bytes()).unwrap();
    draft.signed(*device.keys(), signature)
}

/// An answer on its way, sealed as the login asks for it.
pub(crate) fn posted(
    login: &LoginRequest,
    answer: LoginAnswer,
    random: &[u8; 32],
) -> PushAnswerRequest {
    PushAnswerRequest {
        mailbox: login.mailbox,
        session: login.session,
        sealed: answer.seal(&login.answer_key, random).unwrap(),
    }
}

pub(crate) fn devices(count: usize) -> Vec<Device> {
    (0..count).map(|_| Device::generate().unwrap()).collect()
}

/// The loopback network has plenty of addresses.
pub(crate) fn source(number: usize) -> Ipv4Addr {
    let [_, _, high, low] = u32::try_from(number + 1).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 200, high, low)
}

/// Connections of a phone, or of a gateway with its certificate and key.
pub(crate) fn line(authority: &str, identity: Option<&str>, source: Ipv4Addr) -> Client {
    let mut builder = Client::builder()
        .tls_certs_only([Certificate::from_pem(authority.as_bytes()).unwrap()])
        .local_address(IpAddr::from(source))
        .timeout(Duration::from_mins(9))
        .no_proxy();
    if let Some(identity) = identity {
        builder = builder.identity(Identity::from_pem(identity.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

pub(crate) async fn post(http: &Client, url: &str, request: &PushRequest) -> Response {
    let sent = http
        .post(url)
        .header("Content-Type", "application/json")
        .body(request.to_json().as_str().to_owned());
    sent.send().await.unwrap().error_for_status().unwrap()
}

pub(crate) async fn response(answer: Response) -> PushResponse {
    PushResponse::parse(&answer.bytes().await.unwrap()).unwrap()
}
