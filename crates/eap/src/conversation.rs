//! A conversation from the offer of a method to its end.

use zeroize::Zeroizing;

use crate::avp::{self, Attributes, Kind};
use crate::carrier::{Carried, Carrier};
use crate::inner::{Credentials, Login, Unaskable};
use crate::method::{Inner, Method, Outer};
use crate::packet::{self, GTC, IDENTITY, Identity, MSCHAPV2, NAK, Response, request};
use crate::peap::{Binding, Concluded, TUNNEL_KEY};
use crate::tunnel::{Broken, KEY_LENGTH, Key, Tunnel};
use crate::{Error, gtc, mschapv2, peap};

/// Messages of the peer in one conversation at most: a login with a code and a chain of certificates in the
/// smallest fragments stays below half of it.
pub const ROUNDS_MAX: usize = 64;

/// Octets of a peer without a certificate before the tunnel stands at most: a hello and a key, each some hundreds,
/// a hello with keys of the next generation below 4 KiB.
pub const HANDSHAKE_MAX: usize = 16 << 10;

/// Both halves of the master session key.
const MASTER_KEY: usize = 2 * KEY_LENGTH;

/// What a conversation begins with.
#[derive(Debug)]
pub struct Setup<T> {
    /// The server's end of a new TLS connection.
    pub tunnel: T,
    /// The methods that the RADIUS client may use.
    pub allowed: Box<[Method]>,
    /// Random octets: the challenge of EAP-MSCHAPv2.
    pub challenge: [u8; 16],
    /// Random octets: the nonce of PEAP's binding.
    pub nonce: [u8; 32],
    /// What the link to the peer carries, in octets, if its client says so.
    pub mtu: Option<usize>,
}

/// A conversation with one peer.
#[derive(Debug)]
pub struct Conversation<T> {
    tunnel: T,
    carrier: Carrier,
    allowed: Box<[Method]>,
    challenge: [u8; 16],
    nonce: [u8; 32],
    /// Of the last request within the tunnel.
    inner_identifier: u8,
    rounds: usize,
    /// Octets that came before the tunnel stood.
    handshake: usize,
    /// What the peer calls itself within the tunnel, once it does.
    name: Option<Box<[u8]>>,
    phase: Phase,
}

enum Phase {
    /// The peer may ask for another method.
    Offered,
    /// The tunnel is being made, or nothing came through it yet.
    Tunnel,
    /// PEAP asked who it is.
    Identity,
    /// A method within the tunnel waits for its answer.
    Asked(Asked),
    /// The login path decides.
    Judged(Judged),
    /// The server has proved itself by MS-CHAPv2, and the peer is to say that it believes it.
    Acknowledging(Judged, Zeroizing<[u8; 32]>),
    /// PEAP told the result.
    Concluding(Binding),
    /// MS-CHAPv2 told that it refuses.
    Refusing,
    /// PEAP told that it refuses.
    Refused,
    /// It has ended, or an error did end it.
    Over,
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phase")
    }
}

/// An EAP method within the tunnel.
struct Asked {
    name: Box<[u8]>,
    inner: Inner,
}

/// How the proof that is being judged came.
enum Judged {
    /// As attributes of EAP-TTLS.
    Attributes(Inner),
    /// By EAP.
    Packet(Asked),
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// This request, in an Access-Challenge.
    Send(Vec<u8>),
    /// The login path decides; then [`Conversation::granted`], [`Conversation::ask`] or [`Conversation::refused`].
    Judge(Login),
    /// The peer has heard all there is to hear, after [`Conversation::granted`].
    Done(Done),
    /// The same after [`Conversation::refused`]; [`Conversation::fail`] has the packet.
    Failed,
}

/// The end of a conversation with somebody who was let in.
#[derive(Debug)]
pub struct Done {
    /// EAP-Success.
    pub packet: Vec<u8>,
    /// MS-MPPE-Recv-Key (RFC 2548, 2.4.3).
    pub receive: Key,
    /// MS-MPPE-Send-Key (RFC 2548, 2.4.2).
    pub send: Key,
}

/// The server's half of MS-CHAPv2.
#[derive(Debug)]
pub struct Proven<'a> {
    /// The value of an MS-CHAP2-Success (RFC 2548, 2.3.3).
    pub message: &'a [u8],
    /// The key by which the server receives, and the one by which it sends.
    pub keys: [&'a [u8; 16]; 2],
}

impl<T: Tunnel> Conversation<T> {
    /// Begins by offering the first of the allowed methods; the request that does.
    pub fn offer(identity: &Identity, setup: Setup<T>) -> Result<(Self, Vec<u8>), Error> {
        let Setup {
            tunnel,
            allowed,
            challenge,
            nonce,
            mtu,
        } = setup;
        let Some(first) = Method::ALL.into_iter().find(|it| allowed.contains(it)) else {
            return Err(Error::NoMethod);
        };
        let mut conversation = Self {
            tunnel,
            carrier: Carrier::new(first.outer(), identity.identifier, mtu),
            allowed,
            challenge,
            nonce,
            inner_identifier: 0,
            rounds: 0,
            handshake: 0,
            name: None,
            phase: Phase::Offered,
        };
        let start = conversation.carrier.start(first.outer());
        Ok((conversation, start))
    }

    /// Whether a response with this identifier answers the last request; any other is discarded (RFC 3748, 4.1).
    pub const fn awaits(&self, identifier: u8) -> bool {
        self.carrier.identifier() == identifier
    }

    /// What the peer calls itself within the tunnel, once it does.
    pub fn name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// Takes what the peer sent. After an error the conversation is over.
    pub fn receive(&mut self, octets: &[u8]) -> Result<Step, Error> {
        self.rounds += 1;
        if self.rounds > ROUNDS_MAX {
            return Err(Error::TooManyRounds);
        }
        let response = Response::parse(octets)?;
        let expected = self.carrier.identifier();
        if response.identifier != expected {
            let got = response.identifier;
            return Err(Error::Identifier { expected, got });
        }
        if matches!(self.phase, Phase::Offered) && response.kind == NAK {
            return self.offer_another(response.data).map(Step::Send);
        }
        if response.kind != self.carrier.outer().kind() {
            return Err(Error::Packet("of another method"));
        }
        match self.carrier.receive(&response)? {
            Carried::Send(packet) => Ok(Step::Send(packet)),
            Carried::Message(message) => self.take(&message),
        }
    }

    /// The login path let somebody in, and it is on record. `proven` is what MS-CHAPv2 has to tell the peer.
    pub fn granted(&mut self, proven: Option<&Proven<'_>>) -> Result<Step, Error> {
        let Phase::Judged(judged) = self.now() else {
            return Err(Error::Inner("nobody waits to be let in"));
        };
        let Some(Proven { message, keys }) = proven else {
            return self.conclude(&judged, &[0; 32]);
        };
        let mut login = Zeroizing::new([0; 32]);
        login
            .iter_mut()
            .zip(keys.iter().flat_map(|key| key.iter()))
            .for_each(|(slot, octet)| *slot = *octet);
        let said = match &judged {
            Judged::Attributes(_) => self.say(&avp::encode(Kind::MS_CHAP2_SUCCESS, message)),
            Judged::Packet(_) => self.ask_inner(MSCHAPV2, &mschapv2::success(message)),
        };
        self.phase = Phase::Acknowledging(judged, login);
        said.map(Step::Send)
    }

    /// The login path refused. The request that says so within the tunnel, if the method has one: a device that hears
    /// nothing there may take the end for a broken link, and begin again with the same password.
    pub fn refused(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.now() {
            Phase::Judged(Judged::Packet(asked)) if asked.inner == Inner::MsChapV2 => {
                self.phase = Phase::Refusing;
                let failure = mschapv2::failure(self.inner_identifier, &self.challenge);
                self.ask_inner(MSCHAPV2, &failure).map(Some)
            }
            Phase::Judged(_) => self.conclude_refused(),
            _ => Ok(None),
        }
    }

    /// Asks for more, if the method can. Else the conversation is over.
    pub fn ask(&mut self, question: &str) -> Result<Vec<u8>, Unaskable> {
        match self.now() {
            Phase::Judged(Judged::Packet(asked)) if asked.inner == Inner::Gtc => {
                self.phase = Phase::Asked(asked);
                let question = question.as_bytes();
                self.ask_inner(GTC, question).map_err(|_| Unaskable)
            }
            _ => Err(Unaskable),
        }
    }

    /// Ends it; the packet that says so.
    pub fn fail(self) -> Vec<u8> {
        packet::failure(self.carrier.identifier())
    }

    fn now(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Over)
    }

    fn offer_another(&mut self, wanted: &[u8]) -> Result<Vec<u8>, Error> {
        let (refused, allowed) = (self.carrier.outer(), &self.allowed);
        let outers = allowed.iter().map(|method| method.outer());
        let mut others = outers.filter(|outer| *outer != refused);
        self.phase = Phase::Tunnel;
        match others.find(|outer| wanted.contains(&outer.kind())) {
            Some(outer) => Ok(self.carrier.start(outer)),
            None => Err(self.nothing_in_common(wanted)),
        }
    }

    fn nothing_in_common(&self, wanted: &[u8]) -> Error {
        Error::NoCommonMethod {
            wanted: wanted.to_vec(),
            allowed: self.allowed.to_vec(),
        }
    }

    fn take(&mut self, message: &[u8]) -> Result<Step, Error> {
        if !self.tunnel.is_established() {
            self.handshake += message.len();
            if self.handshake > HANDSHAKE_MAX {
                return Err(Error::HandshakeTooLong);
            }
        }
        let clear = self.tunnel.receive(message)?;
        let outgoing = self.tunnel.outgoing()?;
        if self.tunnel.is_established() && outgoing.is_empty() {
            return self.hear(&clear);
        }
        if !clear.is_empty() {
            return Err(Error::Inner("a login before the end of the handshake"));
        }
        if matches!(self.phase, Phase::Offered) {
            self.phase = Phase::Tunnel;
        }
        Ok(Step::Send(self.carrier.send(outgoing)))
    }

    fn hear(&mut self, clear: &[u8]) -> Result<Step, Error> {
        match (self.now(), self.carrier.outer()) {
            (Phase::Tunnel, _) if clear.is_empty() => self.begin().map(Step::Send),
            (Phase::Tunnel, Outer::Ttls) => self.read_attributes(clear),
            (Phase::Identity, _) => {
                let (kind, data) = self.inner_response(clear)?;
                match kind {
                    IDENTITY => self.propose(data.as_slice().into(), self.first_inner()?),
                    _ => Err(Error::Inner("no name where one was asked for")),
                }
            }
            (Phase::Asked(asked), _) => self.answered(asked, clear),
            (Phase::Acknowledging(judged, login), _) => {
                self.acknowledged(&judged, clear)?;
                self.conclude(&judged, &login)
            }
            (Phase::Concluding(binding), _) => match binding.concluded(clear) {
                Some(Concluded::Bound) => Ok(self.done(&binding.key())),
                Some(Concluded::Unbound) => {
                    let master = self.master_key()?;
                    Ok(self.done(&master))
                }
                None => Err(Error::Inner("the device does not take the result")),
            },
            // Whatever it says to that.
            (Phase::Refusing, _) => Ok(self.conclude_refused()?.map_or(Step::Failed, Step::Send)),
            (Phase::Refused, _) => Ok(Step::Failed),
            (Phase::Offered | Phase::Tunnel | Phase::Judged(_) | Phase::Over, _) => {
                Err(Error::Inner("octets that nobody asked for"))
            }
        }
    }

    /// The tunnel stands. PEAP asks for a name, the peer of EAP-TTLS speaks first (RFC 5281, 7.3).
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        match self.carrier.outer() {
            Outer::Ttls => {
                self.phase = Phase::Tunnel;
                Ok(self.carrier.send(Vec::new()))
            }
            Outer::Peap => {
                self.phase = Phase::Identity;
                self.ask_inner(IDENTITY, &[])
            }
        }
    }

    fn read_attributes(&mut self, clear: &[u8]) -> Result<Step, Error> {
        let attributes = Attributes::parse(clear)?;
        let packet = attributes.joined(Kind::EAP_MESSAGE);
        if !packet.is_empty() {
            let identity = Identity::parse(&packet)?;
            return self.propose(identity.name().into(), self.first_inner()?);
        }
        let name = attributes.only(Kind::USER_NAME)?;
        let name = name.ok_or(Error::Inner("no User-Name"))?;
        let response = (
            attributes.only(Kind::MS_CHAP_CHALLENGE)?,
            attributes.only(Kind::MS_CHAP2_RESPONSE)?,
        );
        match (attributes.only(Kind::USER_PASSWORD)?, response) {
            (Some(typed), (None, None)) => {
                let credentials = Credentials::Password(gtc::password(typed)?);
                self.judge(Judged::Attributes(Inner::Pap), name.into(), credentials)
            }
            (None, (Some(challenge), Some(response))) => {
                let response = self.response_in(challenge, response, name)?;
                let credentials = Credentials::MsChapV2(Box::new(response));
                self.judge(
                    Judged::Attributes(Inner::MsChapV2),
                    name.into(),
                    credentials,
                )
            }
            _ => Err(Error::Inner("neither PAP nor MS-CHAPv2 nor EAP")),
        }
    }

    /// Both ends take the challenge from the tunnel, so that no other login's response fits (RFC 5281, 11.1).
    fn response_in(
        &self,
        challenge: &[u8],
        response: &[u8],
        name: &[u8],
    ) -> Result<mschapv2::Response, Error> {
        let mut implicit = [0; 17];
        self.tunnel.export("ttls challenge", &mut implicit)?;
        let [expected @ .., identifier] = implicit;
        let value: [u8; 50] = response
            .try_into()
            .map_err(|_| Error::Inner("an MS-CHAPv2 response that is cut"))?;
        if challenge != expected || value.first() != Some(&identifier) {
            return Err(Error::Inner("an MS-CHAPv2 response to another challenge"));
        }
        Ok(mschapv2::Response {
            value,
            challenge: expected,
            user: name.into(),
        })
    }

    fn first_inner(&self) -> Result<Inner, Error> {
        let outer = self.carrier.outer();
        [Inner::Gtc, Inner::MsChapV2]
            .into_iter()
            .find(|inner| self.allows(outer, *inner))
            .ok_or_else(|| self.nothing_in_common(&[GTC, MSCHAPV2]))
    }

    fn allows(&self, outer: Outer, inner: Inner) -> bool {
        Method::of(outer, inner).is_some_and(|method| self.allowed.contains(&method))
    }

    fn propose(&mut self, name: Box<[u8]>, inner: Inner) -> Result<Step, Error> {
        self.name = Some(name.clone());
        self.phase = Phase::Asked(Asked { name, inner });
        let packet = match inner {
            Inner::MsChapV2 => {
                let identifier = self.carrier.identifier().wrapping_add(1);
                let challenge = mschapv2::challenge(identifier, &self.challenge);
                self.ask_inner(MSCHAPV2, &challenge)
            }
            Inner::Gtc | Inner::Pap => self.ask_inner(GTC, gtc::QUESTION.as_bytes()),
        };
        packet.map(Step::Send)
    }

    fn answered(&mut self, asked: Asked, clear: &[u8]) -> Result<Step, Error> {
        let (kind, data) = self.inner_response(clear)?;
        let credentials = match (kind, asked.inner) {
            (NAK, Inner::Gtc) if data.contains(&MSCHAPV2) && self.allows_now(Inner::MsChapV2) => {
                return self.propose(asked.name, Inner::MsChapV2);
            }
            (NAK, _) => return Err(self.nothing_in_common(&data)),
            (GTC, Inner::Gtc) => Credentials::Password(gtc::password(&data)?),
            (MSCHAPV2, Inner::MsChapV2) => {
                Credentials::MsChapV2(Box::new(mschapv2::response(&data, self.challenge)?))
            }
            _ => return Err(Error::Inner("the answer of another method")),
        };
        let name = asked.name.clone();
        self.judge(Judged::Packet(asked), name, credentials)
    }

    fn allows_now(&self, inner: Inner) -> bool {
        self.allows(self.carrier.outer(), inner)
    }

    fn judge(
        &mut self,
        judged: Judged,
        name: Box<[u8]>,
        credentials: Credentials,
    ) -> Result<Step, Error> {
        self.name = Some(name.clone());
        let inner = match &judged {
            Judged::Attributes(inner) => *inner,
            Judged::Packet(asked) => asked.inner,
        };
        let method = Method::of(self.carrier.outer(), inner);
        let method = method.filter(|method| self.allowed.contains(method));
        let Some(method) = method else {
            return Err(Error::NotAllowed {
                inner,
                allowed: self.allowed.to_vec(),
            });
        };
        self.phase = Phase::Judged(judged);
        Ok(Step::Judge(Login {
            name,
            credentials,
            method,
        }))
    }

    fn acknowledged(&self, judged: &Judged, clear: &[u8]) -> Result<(), Error> {
        let is_said = match judged {
            // RFC 5281, 11.2.4: a packet without data.
            Judged::Attributes(_) => clear.is_empty(),
            Judged::Packet(_) => {
                let (kind, data) = self.inner_response(clear)?;
                kind == MSCHAPV2 && mschapv2::is_success(&data)
            }
        };
        if is_said {
            return Ok(());
        }
        Err(Error::Inner("the device does not believe this server"))
    }

    /// PEAP tells the result within the tunnel, EAP-TTLS ends.
    fn conclude(&mut self, judged: &Judged, login: &[u8; 32]) -> Result<Step, Error> {
        let master = self.master_key()?;
        if matches!(judged, Judged::Attributes(_)) || self.carrier.outer() == Outer::Ttls {
            return Ok(self.done(&master));
        }
        let tunnel = master.first_chunk().unwrap_or(&[0; TUNNEL_KEY]);
        let binding = Binding::new(tunnel, login, self.nonce);
        let packet = binding.result(self.carrier.identifier().wrapping_add(1));
        self.phase = Phase::Concluding(binding);
        self.say(&packet).map(Step::Send)
    }

    /// PEAP tells the result within the tunnel, EAP-TTLS ends.
    fn conclude_refused(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.carrier.outer() {
            Outer::Ttls => Ok(None),
            Outer::Peap => {
                self.phase = Phase::Refused;
                let packet = peap::refused(self.carrier.identifier().wrapping_add(1));
                self.say(&packet).map(Some)
            }
        }
    }

    fn master_key(&self) -> Result<Zeroizing<[u8; MASTER_KEY]>, Broken> {
        let mut key = Zeroizing::new([0; MASTER_KEY]);
        let label = self.carrier.outer().key_label();
        self.tunnel.export(label, &mut *key)?;
        Ok(key)
    }

    fn done(&self, master: &[u8; MASTER_KEY]) -> Step {
        let half =
            |octets: Option<&[u8; KEY_LENGTH]>| Zeroizing::new(*octets.unwrap_or(&[0; KEY_LENGTH]));
        Step::Done(Done {
            packet: packet::success(self.carrier.identifier()),
            receive: half(master.first_chunk()),
            send: half(master.last_chunk()),
        })
    }

    /// Sends a request within the tunnel. PEAP leaves its header away (draft-kamath-pppext-peapv0, 1.1).
    fn ask_inner(&mut self, kind: u8, data: &[u8]) -> Result<Vec<u8>, Error> {
        self.inner_identifier = self.carrier.identifier().wrapping_add(1);
        let clear = match self.carrier.outer() {
            Outer::Peap => [&[kind], data].concat(),
            Outer::Ttls => {
                let packet = request(self.inner_identifier, kind, data);
                avp::encode(Kind::EAP_MESSAGE, &packet)
            }
        };
        self.say(&clear)
    }

    fn say(&mut self, clear: &[u8]) -> Result<Vec<u8>, Error> {
        self.tunnel.say(clear)?;
        Ok(self.carrier.send(self.tunnel.outgoing()?))
    }

    /// The type and data of a response within the tunnel.
    fn inner_response(&self, clear: &[u8]) -> Result<(u8, Zeroizing<Vec<u8>>), Error> {
        if self.carrier.outer() == Outer::Peap {
            let (kind, data) = clear.split_first().ok_or(Error::Inner("no answer"))?;
            return Ok((*kind, Zeroizing::new(data.to_vec())));
        }
        let attributes = Attributes::parse(clear)?;
        let packet = attributes.joined(Kind::EAP_MESSAGE);
        let response = Response::parse(&packet)?;
        if response.identifier != self.inner_identifier {
            return Err(Error::Inner("the answer to another request"));
        }
        Ok((response.kind, Zeroizing::new(response.data.to_vec())))
    }
}
