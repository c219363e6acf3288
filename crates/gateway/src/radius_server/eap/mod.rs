//! EAP behind RADIUS: a thin driver around `eap`, whose logins take the same path as all others.
//!
//! A conversation lives here between two requests of its client, under a State that works once. TLS is
//! computed in a pool of its own, so that neither a datagram nor a hash waits for it.

mod open;
mod tls;

use std::sync::Arc;

use ::eap::{
    Conversation, Credentials, Error, Identity, Inner, Login, Proven, Setup, Step, identifier_of,
};
use domain::client::{Client, Method};
use domain::login::{CodePosition, Origin, Refusal};
use domain::name::Realm;
use domain::password::Presented;
use domain::reason::Reason;
use domain::time::Span;
use radius::mschapv2::Success;
use rustls::ServerConfig;
use store::gateway::Granted;

use super::answers::Answer;
use super::clients::RadiusClient;
use super::traffic::Counted;
use super::{Pending, Recorded, Shared};
use crate::clock::{self, NoEntropy};
use crate::login::{Attempt, Claim, Exchange, Presentation, Response, State, Turn, Whose, told};
use crate::web::certificate::{self, CertificateError};
use open::{Found, Kept, Open, Owner};
use tls::TlsTunnel;

/// What every listener needs for EAP.
pub(crate) struct Eap {
    tls: Arc<ServerConfig>,
    open: Open<Box<Talk>>,
}

/// An EAP packet of a device, and of whom its client says it is.
pub(super) struct Message {
    pub(super) packet: Vec<u8>,
    pub(super) state: Option<Vec<u8>>,
    /// The User-Name beside it: what the device calls itself outside of the tunnel.
    pub(super) name: Vec<u8>,
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
    /// What the next answer belongs to.
    challenge: Option<Challenge>,
    /// The proof that the login is on record; what is left is to tell the device.
    granted: Option<Granted>,
    /// Whether the refusal is on record, and what is left is to tell the device.
    is_refused: bool,
}

/// A challenge of the login path.
struct Challenge {
    state: State,
    /// How long it is open.
    lifetime: Span,
}

/// What is told next.
pub(super) enum Next {
    /// The conversation goes on with this request.
    Send(Box<Talk>, Vec<u8>),
    /// Who it is, is asked: a client began without asking.
    Identify,
    /// Everything was told to somebody who is let in.
    Accept(Granted, ::eap::Done),
    /// The same to somebody who is refused; that is on record.
    Reject,
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
        self.open.keep(talk, client.into(), clock::now())
    }

    fn begin(
        &self,
        identity: &Identity,
        client: &RadiusClient,
        mtu: Option<usize>,
    ) -> Result<(Box<Talk>, Vec<u8>), Stuck> {
        let setup = Setup {
            tunnel: TlsTunnel::new(&self.tls),
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
            is_refused: false,
        };
        Ok((Box::new(talk), request))
    }
}

impl Kept for Box<Talk> {
    fn awaits(&self, identifier: u8) -> bool {
        self.conversation.awaits(identifier)
    }

    fn is_proven(&self) -> bool {
        self.challenge.is_some() || self.granted.is_some()
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
            Step::Judge(_) | Step::Failed => Err(Stuck::NotOnRecord),
        }
    }

    /// The login is refused, which is on record: what the device has yet to hear.
    pub(super) fn refused(mut self: Box<Self>) -> Next {
        match self.conversation.refused() {
            Ok(Some(request)) => {
                self.is_refused = true;
                Next::Send(self, request)
            }
            Ok(None) | Err(_) => Next::Reject,
        }
    }

    /// Asks for the code that answers a challenge of the login path.
    pub(super) fn ask(
        mut self: Box<Self>,
        state: State,
        question: &str,
        lifetime: Span,
    ) -> Result<Next, ::eap::Unaskable> {
        let request = self.conversation.ask(question)?;
        self.challenge = Some(Challenge { state, lifetime });
        Ok(Next::Send(self, request))
    }

    fn reason(&self, error: &Error) -> Reason {
        match self.granted {
            Some(_) => Reason::EapUnfinished,
            None => reason(error),
        }
    }

    /// How long somebody may look for the code that is asked for.
    pub(super) fn patience(&self) -> Option<Span> {
        let challenge = self.challenge.as_ref()?;
        Some(challenge.lifetime.min(open::WAIT))
    }
}

impl Shared {
    /// Has what a device said worked out in a pool, unless too much of others, or of its own client, waits there.
    pub(super) fn hear(self: &Arc<Self>, pending: Pending, message: Message) {
        let shared = Arc::clone(self);
        let claim = Claim {
            whose: Whose::of(message.realm, &message.origin),
            places: 1,
        };
        let submitted = self.core.tunnels.submit_for(
            claim,
            (pending, message),
            move |(pending, message), turn| match turn {
                Turn::Come => shared.heard(pending, message),
                Turn::Lost => shared.unheard(&pending),
            },
        );
        if let Err((pending, _)) = submitted {
            self.unheard(&pending);
        }
    }

    fn heard(self: &Arc<Self>, pending: Pending, message: Message) {
        if message.packet.is_empty() {
            return self.answer(Answer::Told(pending, Next::Identify));
        }
        if let Ok(identity) = Identity::parse(&message.packet) {
            return self.begin_with(pending, &identity, message);
        }
        let owner = Owner::from(&*pending.client);
        let (state, identifier) = (message.state.as_deref(), identifier_of(&message.packet));
        let found = state.map_or(Found::Unknown, |state| {
            self.core
                .eap
                .open
                .take(state, &owner, identifier, clock::now())
        });
        match found {
            Found::Open(talk) => self.go_on_with(pending, talk, message),
            Found::Waits => pending.client.count(Counted::Repeated),
            Found::Unknown => self.lost(pending, message),
        }
    }

    /// A device that tells its name again has forgotten what it said before.
    fn begin_with(self: &Arc<Self>, pending: Pending, identity: &Identity, message: Message) {
        if let Some(state) = &message.state {
            self.core
                .eap
                .open
                .forget(state, &Owner::from(&*pending.client));
        }
        match self.core.eap.begin(identity, &pending.client, message.mtu) {
            Ok((talk, request)) => self.answer(Answer::Told(pending, Next::Send(talk, request))),
            Err(Stuck::Eap(error)) => {
                self.failed(pending, identity.name(), refusal(&error), message);
            }
            Err(why) => self.undecided(&pending, &why),
        }
    }

    /// A packet that belongs to no conversation: it came late, or after a restart.
    fn lost(self: &Arc<Self>, pending: Pending, message: Message) {
        let refusal = Refusal {
            evidence: Some("the conversation is not known any more".into()),
            ..Refusal::because(Reason::EapFailed)
        };
        let name = message.name.clone();
        self.failed(pending, &name, refusal, message);
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
            Ok(Step::Failed) => self.answer(Answer::Told(pending, Next::Reject)),
            Err(_) if talk.is_refused => self.answer(Answer::Told(pending, Next::Reject)),
            Err(error) => {
                let name = talk.conversation.name().unwrap_or(&talk.identity);
                let refusal = Refusal {
                    reason: talk.reason(&error),
                    ..refusal(&error)
                };
                self.failed(pending, name, refusal, message);
            }
        }
    }

    /// What went wrong is on record like any refusal, with the name that was told within the tunnel if one was.
    fn failed(self: &Arc<Self>, pending: Pending, name: &[u8], refusal: Refusal, message: Message) {
        let attempt = Attempt {
            realm: message.realm,
            name: name.to_vec(),
            presented: Presentation::Refused(refusal),
            state: None,
            origin: message.origin,
            position: pending.client.position,
            exchange: Exchange::Challenge,
        };
        self.judge(pending, attempt);
    }

    fn judge(self: &Arc<Self>, pending: Pending, attempt: Attempt) {
        self.debug.received(pending.peer, &pending.client, &attempt);
        let mut recorded = Recorded::default();
        let progress = self.core.logins.start(attempt, clock::now());
        self.go_on(pending, progress, &mut recorded);
        self.record(recorded);
    }
}

fn attempt(
    login: Login,
    client: &RadiusClient,
    challenge: Option<Challenge>,
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
            Presentation::Response(Response::MsChapV2(response, counterpart(login.method)))
        }
    };
    Attempt {
        realm: message.realm,
        name: login.name.into(),
        presented,
        state: challenge.map(|challenge| challenge.state.into_bytes()),
        origin: message.origin,
        position,
        exchange: Exchange::Challenge,
    }
}

fn refusal(error: &Error) -> Refusal {
    Refusal {
        evidence: Some(error.to_string().into()),
        ..Refusal::because(reason(error))
    }
}

const fn reason(error: &Error) -> Reason {
    match error {
        Error::NoMethod | Error::NoCommonMethod { .. } | Error::NotAllowed { .. } => {
            Reason::MethodNotAllowed
        }
        _ => Reason::EapFailed,
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
