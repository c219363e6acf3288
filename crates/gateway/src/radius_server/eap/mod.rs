//! EAP behind RADIUS: a thin driver around `eap`, whose logins take the same path as all others.
//!
//! A conversation lives here between two requests of its client, under a State that works once. TLS is
//! computed in the pool beside the hashes, so that no datagram waits for it.

mod open;
mod tls;

use std::sync::Arc;

use ::eap::{Conversation, Credentials, Error, Identity, Inner, Login, Proven, Setup, Step};
use domain::client::{Client, Method};
use domain::login::{CodePosition, Origin, Refusal};
use domain::name::Realm;
use domain::password::Presented;
use domain::reason::Reason;
use radius::mschapv2::Success;
use rustls::ServerConfig;
use store::gateway::Granted;

use super::answers::Answer;
use super::clients::RadiusClient;
use super::traffic::Counted;
use super::{Pending, Recorded, Shared};
use crate::clock::{self, NoEntropy};
use crate::login::{Attempt, Presentation, Response, State, told};
use crate::web::certificate::{self, CertificateError};
use open::Open;
use tls::TlsTunnel;

/// What every listener needs for EAP.
pub(crate) struct Eap {
    tls: Arc<ServerConfig>,
    open: Open,
}

/// An EAP packet of a device, and of whom its client says it is.
pub(super) struct Message {
    pub(super) packet: Vec<u8>,
    pub(super) state: Option<Vec<u8>>,
    pub(super) realm: Realm,
    pub(super) origin: Origin,
    /// What the link carries, in octets.
    pub(super) mtu: Option<usize>,
}

/// A conversation, and where its login stands.
pub(super) struct Talk {
    conversation: Conversation<TlsTunnel>,
    /// What the device calls itself outside of the tunnel.
    identity: Box<[u8]>,
    /// The challenge of the login path that the next answer belongs to.
    challenge: Option<State>,
    /// The proof that the login is on record; what is left is to tell the device.
    granted: Option<Granted>,
}

/// What is told next.
pub(super) enum Next {
    /// The conversation goes on with this request.
    Send(Box<Talk>, Vec<u8>),
    /// Everything was told to somebody who is let in.
    Accept(Granted, ::eap::Done),
}

/// Why a device is told nothing more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stuck {
    #[error(transparent)]
    Eap(#[from] Error),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error("a conversation ended without its login's record")]
    NotOnRecord,
}

impl Eap {
    /// With this certificate.
    pub(crate) fn new(identity: &certificate::Identity) -> Result<Self, CertificateError> {
        let (chain, key) = (identity.chain.clone(), identity.key.clone_key());
        let tls = tls::config(chain, key).map_err(CertificateError::Pair)?;
        Ok(Self {
            tls: Arc::new(tls),
            open: Open::default(),
        })
    }

    /// Keeps a conversation until its device answers; its State goes to the client.
    pub(super) fn keep(&self, talk: Box<Talk>, client: &RadiusClient) -> Result<State, NoEntropy> {
        self.open.keep(talk, client.name(), clock::now())
    }

    fn begin(
        &self,
        identity: &Identity,
        client: &RadiusClient,
        mtu: Option<usize>,
    ) -> Result<(Box<Talk>, Vec<u8>), Stuck> {
        let setup = Setup {
            tunnel: TlsTunnel::new(&self.tls)?,
            allowed: client.eap_methods.clone(),
            challenge: clock::random()?,
            nonce: clock::random()?,
            mtu,
        };
        let (conversation, request) = Conversation::offer(identity, setup)?;
        let talk = Talk {
            conversation,
            identity: identity.name().into(),
            challenge: None,
            granted: None,
        };
        Ok((Box::new(talk), request))
    }
}

impl Talk {
    /// The login is on record: what the device has yet to hear.
    pub(super) fn granted(
        mut self: Box<Self>,
        granted: Granted,
        success: Option<&Success>,
    ) -> Result<Next, Stuck> {
        let message = success.map(Success::message);
        let proven = success.zip(message.as_deref());
        let proven = proven.map(|(success, message)| Proven {
            message,
            keys: [success.receive_key(), success.send_key()],
        });
        match self.conversation.granted(proven.as_ref())? {
            Step::Send(request) => {
                self.granted = Some(granted);
                Ok(Next::Send(self, request))
            }
            Step::Done(done) => Ok(Next::Accept(granted, done)),
            Step::Judge(_) => Err(Stuck::NotOnRecord),
        }
    }

    /// Asks for the code that answers a challenge of the login path.
    pub(super) fn ask(
        mut self: Box<Self>,
        challenge: State,
        question: &str,
    ) -> Result<Next, ::eap::Unaskable> {
        let request = self.conversation.ask(question)?;
        self.challenge = Some(challenge);
        Ok(Next::Send(self, request))
    }
}

impl Shared {
    /// Has what a device said worked out in the pool.
    pub(super) fn hear(self: &Arc<Self>, pending: Pending, message: Message) {
        let shared = Arc::clone(self);
        let submitted = self
            .pool
            .submit_with((pending, message), move |(pending, message)| {
                shared.heard(pending, message);
            });
        if let Err((pending, _)) = submitted {
            pending.client.count(Counted::Overloaded);
            self.duplicates().forget(&pending.key);
        }
    }

    fn heard(self: &Arc<Self>, pending: Pending, message: Message) {
        let now = clock::now();
        let resumed = message.state.as_deref();
        let resumed = resumed.and_then(|state| {
            let client = pending.client.name();
            self.eap.open.take(state, client, now)
        });
        match resumed {
            Some(talk) => self.go_on_with(pending, talk, message),
            None => self.begin_with(pending, message),
        }
    }

    /// Whoever is nobody's conversation begins one with its identity, or hears that it is over.
    fn begin_with(self: &Arc<Self>, pending: Pending, message: Message) {
        let Ok(identity) = Identity::parse(&message.packet) else {
            return self.answer(Answer::Lost(pending));
        };
        match self.eap.begin(&identity, &pending.client, message.mtu) {
            Ok((talk, request)) => self.answer(Answer::Told(pending, Next::Send(talk, request))),
            Err(Stuck::Eap(error)) => self.failed(pending, identity.name(), &error, message),
            Err(why) => self.undecided(&pending, &why),
        }
    }

    fn go_on_with(self: &Arc<Self>, mut pending: Pending, mut talk: Box<Talk>, message: Message) {
        match talk.conversation.receive(&message.packet) {
            Ok(Step::Send(request)) => {
                self.answer(Answer::Told(pending, Next::Send(talk, request)));
            }
            Ok(Step::Judge(login)) => {
                let attempt = attempt(login, &pending.client, talk.challenge.take(), message);
                pending.talk = Some(talk);
                self.judge(pending, attempt);
            }
            Ok(Step::Done(done)) => match talk.granted.take() {
                Some(granted) => self.answer(Answer::Told(pending, Next::Accept(granted, done))),
                None => self.undecided(&pending, &Stuck::NotOnRecord),
            },
            Err(error) => self.failed(pending, &talk.identity, &error, message),
        }
    }

    /// What went wrong is on record like any refusal, with the name that was told outside of the tunnel.
    fn failed(self: &Arc<Self>, pending: Pending, name: &[u8], error: &Error, message: Message) {
        let attempt = Attempt {
            realm: message.realm,
            name: name.to_vec(),
            presented: Presentation::Refused(refusal(error)),
            state: None,
            origin: message.origin,
            position: pending.client.position,
        };
        self.judge(pending, attempt);
    }

    fn judge(self: &Arc<Self>, pending: Pending, attempt: Attempt) {
        self.debug.received(pending.peer, &pending.client, &attempt);
        let mut recorded = Recorded::default();
        let progress = self.logins.start(attempt, clock::now());
        self.go_on(pending, progress, &mut recorded);
        self.record(recorded);
    }
}

fn attempt(
    login: Login,
    client: &RadiusClient,
    challenge: Option<State>,
    message: Message,
) -> Attempt {
    let position = match login.method.inner() {
        Inner::Gtc => client.position,
        Inner::Pap | Inner::MsChapV2 => client.position.unasked(),
    };
    let presented = match login.credentials {
        // The client was configured anew while its device talked.
        _ if position == CodePosition::CodeOnly => {
            Presentation::Refused(told(counterpart(login.method), Reason::MethodNotAllowed))
        }
        Credentials::Password(password) => Presentation::Password(Presented::new(password)),
        Credentials::MsChapV2(response) => {
            let ::eap::Response {
                value,
                challenge,
                user,
            } = *response;
            let response = radius::mschapv2::Response::new(&value, challenge, &user);
            Presentation::Response(Response::MsChapV2(response))
        }
    };
    Attempt {
        realm: message.realm,
        name: login.name.into(),
        presented,
        state: challenge.map(String::into_bytes),
        origin: message.origin,
        position,
    }
}

fn refusal(error: &Error) -> Refusal {
    let reason = match error {
        Error::NoMethod | Error::NoCommonMethod { .. } | Error::NotAllowed { .. } => {
            Reason::MethodNotAllowed
        }
        _ => Reason::EapFailed,
    };
    Refusal {
        evidence: Some(error.to_string().into()),
        ..Refusal::because(reason)
    }
}

/// The EAP methods among those that a client may use. One that checks the first factor itself may use none: the
/// tunnel hides from it what a device types, so that nobody would check a password.
pub(super) fn methods(client: &Client) -> Box<[::eap::Method]> {
    if client.position == CodePosition::CodeOnly {
        return Box::default();
    }
    let all = ::eap::Method::ALL.into_iter();
    all.filter(|method| client.methods.allow(counterpart(*method)))
        .collect()
}

const fn counterpart(method: ::eap::Method) -> Method {
    match method {
        ::eap::Method::TtlsPap => Method::TtlsPap,
        ::eap::Method::TtlsGtc => Method::TtlsGtc,
        ::eap::Method::TtlsMsChapV2 => Method::TtlsMsChapV2,
        ::eap::Method::PeapGtc => Method::PeapGtc,
        ::eap::Method::PeapMsChapV2 => Method::PeapMsChapV2,
    }
}
