//! Logins that people approve on their phones: asked through the relay, answered at this unit's own address or
//! back through the relay, judged by `domain::login::pushed`.
//!
//! - [`Pushes`]: what is outstanding, from the question to the word that came.
//! - `relay`: the push relay.
//! - `listener`: this unit's own address (`config system ftm-push`).
//!
//! What is outstanding lives in memory: after a restart nobody's word is waited for, and the person logs in
//! again.

mod listener;
mod open;
mod relay;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use cli::debug::{Application, Source};
use domain::login::{Facts, Origin, Refusal};
use domain::name::CanonicalName;
use domain::push::{Allowances, NotAsked, Number, Outstanding, Said, Session, offered};
use domain::reason::Reason;
use domain::settings::PushSettings;
use domain::source::Network;
use domain::time::Timestamp;
use domain::token::Stage;
use domain::user::Switch;
use domain::vdom::Vdom;
use https::Chosen;
use ident::{RegistrationId, TokenSerial};
use softtoken::device::{DeviceKeys, SealingPrivateKey};
use softtoken::link::SpkiPin;
use softtoken::push::{
    Addressed, AnswerAddress, Approval, Decision, LoginAnswer, LoginRequest, MailboxSecret,
    PushAnswerRequest, PushError, PushKey, PushSession, SealedPush, ShownText,
};
use store::gateway::GatewayStore;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;
use zeroize::Zeroizing;

use crate::certificates::Certificates;
use crate::clock::{self, NoEntropy};
use crate::debug_log::DebugLog;
use crate::login::{Answered, Exchange, FirstProven, Standing, State, Undecided};
use crate::seldom::Seldom;
use crate::supply::Supply;
use crate::{StartError, stopped, web};
pub(crate) use open::{Joined, Word};
use open::{Open, Table};
use relay::{Relay, RelayError};

const DEBUG: Source = Source::Application(Application::FtmPush);

/// How often what nobody waits for any more is thrown away.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Asks people on their phones, and takes their word.
pub(crate) struct Pushes {
    store: Arc<GatewayStore>,
    supply: Arc<Supply>,
    relay: Arc<Relay>,
    /// Whoever withdraws a request does not wait for it, nor needs to be on a runtime.
    runtime: tokio::runtime::Handle,
    table: Mutex<Table>,
    allowances: Mutex<Allowances>,
    /// Of logins in which clients check the password.
    allowances_alone: Mutex<Allowances>,
    /// Of this process: answers to it are of no use after its end.
    key: SealingPrivateKey,
    mailbox: MailboxSecret,
    /// What phones are shown at this unit's own address, and else the key of its own making.
    chosen: Chosen,
    pin: SpkiPin,
    debug: DebugLog,
    failed: Seldom,
}

impl std::fmt::Debug for Pushes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pushes").finish_non_exhaustive()
    }
}

/// Why nobody is asked.
pub(crate) enum NotSent {
    /// The login is refused.
    Refused(Refusal),
    /// Nobody can tell now.
    Undecided(Undecided),
}

impl From<NoEntropy> for NotSent {
    fn from(error: NoEntropy) -> Self {
        Self::Undecided(error.into())
    }
}

impl From<store::Undecided> for NotSent {
    fn from(why: store::Undecided) -> Self {
        Self::Undecided(Undecided::Store(why))
    }
}

impl NotSent {
    fn because(reason: Reason, token: TokenSerial, evidence: String) -> Self {
        Self::Refused(Refusal {
            token: Some(token),
            evidence: Some(evidence.into()),
            ..Refusal::because(reason)
        })
    }
}

/// A login that is to be approved.
pub(crate) struct Question {
    pub(crate) first: FirstProven,
    pub(crate) origin: Origin,
    pub(crate) token: TokenSerial,
    /// The challenge whose answer asks for it.
    pub(crate) answered: Answered,
    /// Whether that goes on, or the next is another.
    pub(crate) exchange: Exchange,
}

/// Why nobody is asked, and what the challenge goes on with.
pub(crate) struct Unasked {
    pub(crate) why: NotSent,
    pub(crate) back: Option<(FirstProven, Answered)>,
}

/// Whom to ask how.
struct Request {
    session: Session,
    number: Option<Number>,
    expires: Timestamp,
    login: LoginRequest,
}

/// A request as it travels.
struct Sealed {
    device: RegistrationId,
    addressed: Addressed,
    message: SealedPush,
}

/// Where a token is.
enum Phone {
    /// On this phone, which the relay knows.
    Found(RegistrationId, DeviceKeys),
    /// On this phone, which never listened at the relay.
    NotAtRelay(RegistrationId),
    /// On no phone that is known here.
    None,
}

impl Phone {
    fn found(self) -> Option<(RegistrationId, DeviceKeys)> {
        match self {
            Self::Found(device, keys) => Some((device, keys)),
            Self::NotAtRelay(_) | Self::None => None,
        }
    }
}

/// Pushes, and what phones are shown that answer them. Must be called within a tokio runtime.
pub(crate) fn prepare(
    web: &web::WebConfig,
    certificates: &Certificates,
    store: &Arc<GatewayStore>,
    supply: &Arc<Supply>,
    debug: &DebugLog,
) -> Result<(Arc<Pushes>, web::Identity), StartError> {
    let shown = web::push_identity(web)?;
    let (chosen, pin) = (certificates.of_pushes(), shown.pin.as_spki());
    let pushes = Pushes::new(store, supply, debug, chosen, pin)?;
    Ok((Arc::new(pushes), shown))
}

impl Pushes {
    /// Nobody's word is heard before [`Self::start`].
    fn new(
        store: &Arc<GatewayStore>,
        supply: &Arc<Supply>,
        debug: &DebugLog,
        chosen: Chosen,
        pin: SpkiPin,
    ) -> Result<Self, NoEntropy> {
        let mailbox = MailboxSecret::from_random(Zeroizing::new(clock::random()?));
        Ok(Self {
            relay: Arc::new(Relay::new(Arc::clone(supply), debug.clone())),
            runtime: tokio::runtime::Handle::current(),
            store: Arc::clone(store),
            supply: Arc::clone(supply),
            table: Mutex::default(),
            allowances: Mutex::default(),
            allowances_alone: Mutex::new(Allowances::of_codes_alone()),
            key: SealingPrivateKey::from_random(&Zeroizing::new(clock::random()?)),
            mailbox,
            chosen,
            pin,
            debug: debug.clone(),
            failed: Seldom::default(),
        })
    }

    /// Listens for answers until `stopping` says otherwise, while pushes are switched on, and for what `beside`
    /// takes.
    pub(crate) fn start(
        self: &Arc<Self>,
        identity: web::Identity,
        beside: Router,
        stopping: &watch::Receiver<bool>,
    ) -> Vec<JoinHandle<()>> {
        let (collecting, sweeping) = (Arc::clone(self), Arc::clone(self));
        let (to_collect, mut to_sweep) = (stopping.clone(), stopping.clone());
        let listening = listener::run(Arc::clone(self), beside, identity, stopping.clone());
        vec![
            tokio::spawn(listening),
            tokio::spawn(async move { collecting.collect(to_collect).await }),
            tokio::spawn(async move {
                loop {
                    tokio::select! {
                        () = tokio::time::sleep(SWEEP_EVERY) => sweeping.sweep().await,
                        () = stopped(&mut to_sweep) => return,
                    }
                }
            }),
        ]
    }

    /// The token by which a person can be asked, if pushes are on and it is on a phone.
    pub(crate) fn offered(&self, facts: &Facts) -> Option<TokenSerial> {
        offered(facts, &self.settings())
    }

    /// Asks a person on the phone. What comes back is the state of the challenge that the answer is waited for
    /// under, and the number that it shows.
    pub(crate) async fn ask(
        &self,
        question: Question,
        now: Timestamp,
    ) -> Result<(State, Option<Number>), Unasked> {
        let Question {
            first,
            origin,
            token,
            answered,
            exchange,
        } = question;
        let unasked = |why, first: Option<FirstProven>, answered| Unasked {
            why,
            back: first.map(|first| (first, answered)),
        };
        let (person, counted) = (first.person().clone(), self.allowances(&first));
        let request = match self.reserved(&first, &origin, token, now) {
            Ok(request) => request,
            Err(why) => return Err(unasked(why, Some(first), answered)),
        };
        let (session, number) = (request.session, request.number);
        let sealed = match self.seal(&request.login).await {
            Ok(sealed) => sealed,
            Err(why) => {
                self.table().remove(session);
                locked(counted).give_back(&person, now);
                return Err(unasked(why, Some(first), answered));
            }
        };
        let transaction = (exchange == Exchange::Transaction).then_some(&answered);
        let sent = self.send(first, origin, request, sealed, transaction);
        match sent.await {
            Ok(state) => Ok((state, number)),
            Err(why) => {
                let first = self.table().remove(session).map(|open| open.first);
                locked(counted).give_back(&person, now);
                Err(unasked(why, first, answered))
            }
        }
    }

    /// A request, with its place among those that are outstanding.
    fn reserved(
        &self,
        first: &FirstProven,
        origin: &Origin,
        token: TokenSerial,
        now: Timestamp,
    ) -> Result<Request, NotSent> {
        let request = self.request(first.person(), origin, token, now)?;
        let reserved = self.reserve(first, origin.source.network(), &request, now);
        reserved.map_err(|why| {
            let (reason, evidence) = why.explained();
            NotSent::because(reason, token, evidence)
        })?;
        Ok(request)
    }

    fn request(
        &self,
        person: &CanonicalName,
        origin: &Origin,
        token: TokenSerial,
        now: Timestamp,
    ) -> Result<Request, NoEntropy> {
        let settings = self.settings();
        let session = Session::new(clock::random()?);
        let number = match settings.number_entry {
            Switch::Enable => Some(Number::draw(clock::random()?)),
            Switch::Disable => None,
        };
        let expires = now.after(self.store.settings(Vdom::ROOT).challenge_lifetime);
        let login = LoginRequest {
            gateway: self.supply.server().serial(),
            session: PushSession::from_bytes(*session.octets()),
            token,
            user: ShownText::fitting(person.bare()),
            service: ShownText::fitting(&origin.client),
            source: ShownText::fitting(origin.source.as_str()),
            at_unix: now.unix(),
            expires_unix: expires.unix(),
            approval: number.map_or(Approval::Tap, |_| Approval::Number),
            answer_to: self.own_address(&settings),
            mailbox: self.mailbox.mailbox(),
            answer_key: self.key.public(),
        };
        Ok(Request {
            session,
            number,
            expires,
            login,
        })
    }

    /// Where phones reach this unit, if a name or address is set.
    pub(crate) fn own_address(&self, settings: &PushSettings) -> Option<AnswerAddress> {
        let server = settings.server.as_deref()?;
        let url = softtoken::address::ServerUrl::parse(&format!("https://{server}")).ok()?;
        let pin = self.shown_pin();
        Some(AnswerAddress { url, pin })
    }

    /// The key of the certificate that a phone is shown that answers now.
    fn shown_pin(&self) -> SpkiPin {
        let chosen = self.chosen.chosen();
        let own = chosen.as_ref().and_then(|it| it.cert.first());
        own.and_then(web::pin_of)
            .map_or(self.pin, web::Pin::as_spki)
    }

    /// Takes the person's place among those who are asked.
    fn reserve(
        &self,
        first: &FirstProven,
        source: Network,
        request: &Request,
        now: Timestamp,
    ) -> Result<(), NotAsked> {
        let (person, proven_by) = (first.person(), first.proven_by());
        let mut table = self.table();
        let mut allowances = locked(self.allowances(first));
        let outstanding = table.outstanding(person, proven_by);
        allowances.take(person, source, &outstanding, now)?;
        drop(allowances);
        let (session, expires) = (request.session, request.expires);
        let gave_way = table.reserve(person.clone(), proven_by, session, expires)?;
        drop(table);
        if let Some((device, before)) = gave_way {
            self.withdraw(device, PushSession::from_bytes(*before.octets()));
        }
        Ok(())
    }

    /// The request as the relay carries it to the phone.
    async fn seal(&self, login: &LoginRequest) -> Result<Sealed, NotSent> {
        let token = login.token;
        let (device, keys) = self.device(token).await?;
        let facts = self.store.verifier(token)?.ok_or_else(|| {
            NotSent::Refused(Refusal {
                token: Some(token),
                ..Refusal::because(Reason::TokenWithoutSeed)
            })
        })?;
        let key = PushKey::of(&facts.seed, &token);
        let random = Zeroizing::new(clock::random()?);
        let sealed = login
            .seal(&key, device, &keys.sealing, &random)
            .map_err(|error| unavailable(&RelayError::Sealing(error), token))?;
        Ok(Sealed {
            device,
            addressed: login.addressed(device),
            message: sealed,
        })
    }

    async fn send(
        &self,
        first: FirstProven,
        origin: Origin,
        request: Request,
        sealed: Sealed,
        transaction: Option<&Answered>,
    ) -> Result<State, NotSent> {
        let Request {
            session,
            number,
            expires,
            login,
        } = request;
        let Sealed {
            device,
            addressed,
            message,
        } = sealed;
        let (person, token) = (first.person().clone(), login.token);
        // Before it is sent: the answer may come before the relay says that it took the request.
        let state = self.table().open(
            session,
            transaction,
            Open {
                first,
                client: origin.client.clone(),
                source: origin.source,
                login,
                outstanding: Outstanding {
                    session,
                    person: person.clone(),
                    token,
                    device,
                    number,
                    expires,
                },
            },
        )?;
        let carried = self.relay.carry(addressed, message).await;
        carried.map_err(|why| unavailable(&why, token))?;
        self.debug.raw(DEBUG, || {
            format!("ftm-push: Sending push message[{session}] to User[{person}] at {device}")
        });
        Ok(state)
    }

    /// The phone that has a token, with its keys. Where none is known here, or the relay does not know it, the
    /// token may be on another by now: the token server is asked at once, and the relay once more.
    async fn device(&self, token: TokenSerial) -> Result<(RegistrationId, DeviceKeys), NotSent> {
        if let Some(found) = self.known_device(token).await?.found() {
            return Ok(found);
        }
        self.debug.raw(DEBUG, || {
            format!("ftm-push: no phone of {token} at the relay, polling")
        });
        if let Err(error) = self.supply.poll_tokens(&[token]).await {
            self.debug
                .raw(DEBUG, || format!("ftm-push: the poll failed: {error}"));
        }
        match self.known_device(token).await? {
            Phone::Found(device, keys) => Ok((device, keys)),
            Phone::NotAtRelay(device) => Err(NotSent::because(
                Reason::PushDeviceUnknown,
                token,
                format!("phone {device}"),
            )),
            Phone::None => Err(NotSent::Refused(Refusal {
                token: Some(token),
                ..Refusal::because(Reason::TokenNotActivated)
            })),
        }
    }

    async fn known_device(&self, token: TokenSerial) -> Result<Phone, NotSent> {
        let owned = self.store.token(token).await?;
        let Some(Stage::Provisioned(phone)) = owned.map(|owned| owned.token.stage) else {
            return Ok(Phone::None);
        };
        let device = phone.registration;
        let keys = self
            .relay
            .keys(device)
            .await
            .map_err(|why| NotSent::because(Reason::PushUnavailable, token, why.to_string()))?;
        Ok(keys.map_or(Phone::NotAtRelay(device), |keys| Phone::Found(device, keys)))
    }

    /// The request that is waited for under a state, if the same client asks for the same person. Whoever
    /// waited for it before waits no more: a client that asks anew has given up on its first question.
    pub(crate) fn join(
        &self,
        state: &[u8],
        person: &CanonicalName,
        client: &str,
        now: Timestamp,
    ) -> Option<Joined> {
        self.table().join(state, person, client, now)
    }

    /// How the request under a client's state stands; nothing if there is none.
    pub(crate) fn standing(&self, state: &[u8], client: &str, now: Timestamp) -> Option<Standing> {
        self.table().standing(state, client, now)
    }

    /// Waits for the person's word. It holds no thread.
    pub(crate) async fn wait(&self, joined: &mut Joined) -> Word {
        let left = joined.expires.micros() - clock::now().micros();
        let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
        match tokio::time::timeout(left, joined.word()).await {
            Ok(word) => word,
            Err(_) => Word::Said(None),
        }
    }

    /// What was asked and waited for, to be judged; nothing if somebody else took it.
    pub(crate) fn take(&self, session: Session) -> Option<(FirstProven, Outstanding)> {
        let mut table = self.table();
        let unanswered = table.unanswered(session);
        let open = table.remove(session)?;
        drop(table);
        if let Some(device) = unanswered {
            self.withdraw(device, open.login.session);
        }
        Some((open.first, open.outstanding))
    }

    /// Nobody has to answer it any more.
    fn withdraw(&self, device: RegistrationId, session: PushSession) {
        let relay = Arc::clone(&self.relay);
        self.runtime
            .spawn(async move { relay.withdraw(device, session).await });
    }

    /// A login of the person was granted.
    pub(crate) fn succeeded(&self, person: &CanonicalName) {
        locked(&self.allowances).succeeded(person);
        locked(&self.allowances_alone).succeeded(person);
    }

    /// The person says that a login is somebody else's.
    pub(crate) fn reported(&self, person: &CanonicalName, origin: &Origin, now: Timestamp) {
        let (client, source) = (&*origin.client, &origin.source);
        warn!(
            user = %person, client, %source,
            "a user answered a push with: this is not me. Somebody else knows the password; change it"
        );
        locked(&self.allowances).reported(person, source.network(), now);
        locked(&self.allowances_alone).reported(person, source.network(), now);
    }

    /// Whether this unit asked, and has no end of it yet.
    pub(crate) fn waits_for(&self, session: PushSession) -> bool {
        self.table().is_open(Session::new(*session.as_bytes()))
    }

    /// Takes an answer in. Only one that proves itself counts, and only the first.
    pub(crate) async fn answered(&self, answer: PushAnswerRequest) {
        let session = Session::new(*answer.session.as_bytes());
        match self.proven(&answer) {
            Ok(said) => {
                self.debug.raw(DEBUG, || {
                    format!("ftm-push: message[{session}] was answered")
                });
                let unanswered = self.table().unanswered(session);
                if let Some(device) = unanswered {
                    self.withdraw(device, answer.session);
                }
                let unheard = self.table().say(session, said);
                if let Some(open) = unheard {
                    self.record(*open, Some(said)).await;
                }
            }
            Err(why) => {
                let asked = self.table().asked(session);
                if let (PushError::SecondDevice(other), Some((login, _))) = (&why, asked) {
                    self.supply.report_two_phones(login.token, *other).await;
                }
                self.debug.raw(DEBUG, || {
                    format!("ftm-push: an answer to message[{session}] is not taken: {why}")
                });
                if let Some(left_out) = self.failed.due(clock::now()) {
                    warn!(%session, %why, left_out, "an answer to a push is not taken");
                }
            }
        }
    }

    fn proven(&self, answer: &PushAnswerRequest) -> Result<Said, PushError> {
        let session = Session::new(*answer.session.as_bytes());
        let (login, device) = self.table().asked(session).ok_or(PushError::Expired)?;
        let opened = LoginAnswer::open(&answer.sealed, &answer.session, &self.key)?;
        let verifier = self.store.verifier(login.token).ok().flatten();
        let verifier = verifier.ok_or(PushError::Other)?;
        let key = PushKey::of(&verifier.seed, &login.token);
        let now = clock::now().unix();
        let proven = opened.prove(&login, device, &key, now)?;
        Ok(match proven.decision() {
            Decision::Approve(number) => {
                Said::Approve(number.and_then(|number| Number::parse(number.as_str())))
            }
            Decision::Deny => Said::Deny,
            Decision::NotMe => Said::NotMe,
        })
    }

    /// What no client waits for counts all the same, and is on record at once.
    async fn record(&self, open: Open, said: Option<Said>) {
        let now = clock::now();
        let origin = Origin {
            client: open.client,
            source: open.source,
        };
        crate::login::unclaimed(
            self,
            &self.store,
            open.first,
            open.outstanding,
            origin,
            said,
            now,
        )
        .await;
    }

    /// Reads answers off the relay for as long as pushes are switched on.
    async fn collect(&self, mut stop: watch::Receiver<bool>) {
        const LOOK_EVERY: Duration = Duration::from_secs(1);
        const AGAIN_AFTER: Duration = Duration::from_secs(3);
        loop {
            let is_on = self.settings().is_enabled();
            let work = async {
                if !is_on {
                    tokio::time::sleep(LOOK_EVERY).await;
                } else if let Err(why) = self.relay.collect(self, &self.mailbox).await {
                    self.debug.raw(DEBUG, || {
                        format!("ftm-push: no answers are collected: {why}")
                    });
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            };
            tokio::select! {
                () = work => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// What nobody came for in time is on record as that.
    async fn sweep(&self) {
        let late = self.table().late(clock::now());
        for open in late {
            self.record(open, None).await;
        }
    }

    fn settings(&self) -> Arc<PushSettings> {
        Arc::clone(&self.store.settings(Vdom::ROOT).push)
    }

    fn allowances(&self, first: &FirstProven) -> &Mutex<Allowances> {
        match first.client() {
            Some(_) => &self.allowances_alone,
            None => &self.allowances,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        locked(&self.table)
    }
}

fn unavailable(why: &RelayError, token: TokenSerial) -> NotSent {
    NotSent::because(Reason::PushUnavailable, token, why.to_string())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
