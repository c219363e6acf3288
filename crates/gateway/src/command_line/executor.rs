//! Carries out what a session asks for. Every administrator's interface comes through here.

use std::sync::Arc;
use std::time::Duration;

use cli::debug::Source;
use cli::render::{self, Activation, Outcome, Request, Zone};
use cli::{Command, Synchronise};
use domain::admin::{AdminError, Operation, Owned};
use domain::audit::{Actor, Event, What};
use domain::name::{CanonicalName, Realm};
use domain::query::ServerReach;
use domain::schema::{FORTITOKEN, LOCAL, Object, Place, Shape};
use domain::settings::{ConsoleOutput, VdomMode};
use domain::token::{Resync, ResyncError, Stage, Verifier};
use domain::vdom::Vdom;
use ident::TokenSerial;
use softtoken::WireError;
use store::gateway::{Decision, Done, GatewayStore};
use store::{Failure, Undecided};
use tokio::sync::{mpsc, oneshot};

use super::change::Followed;
use super::host::Agreed;
use super::interrupt::{Applied, Interrupted};
use super::sessions::{LoggedIn, Sessions};
use super::unit::Unit;
use crate::certificates::Certificates;
use crate::clock;
use crate::debug_log::{DebugLog, Watch};
use crate::event_log::Retention;
use crate::interfaces;
use crate::login::{Backends, OneTimeCodes, Trials};
use crate::network::{Endpoint, Hosts, UnitResolver};
use crate::qr::Qr;
use crate::ssh::Ports;
use crate::supply::{PollError, Report, Supply};

/// How long a command waits for what it asked of the token server; then the outbox goes on alone.
const PATIENCE: Duration = Duration::from_secs(35);

/// What the session has to be told, once all output is printed.
#[derive(Debug)]
pub(super) enum Ran {
    /// Nothing.
    Printed,
    /// What was asked for did not happen, and the output says why.
    Failed,
    /// The entry that was asked for.
    Fetched(Option<Object>),
    /// A change of the configuration, and the messages that it put into the outbox.
    Applied(Result<Vec<i64>, AdminError>),
    /// The store does not know.
    Undecided(String),
}

impl From<Undecided> for Ran {
    fn from(why: Undecided) -> Self {
        Self::Undecided(why.to_string())
    }
}

/// The client went away while output was on its way.
#[derive(Debug)]
pub(super) struct Gone;

/// Where a command's output goes, and from where the administrator interrupts it.
pub(super) struct Printer {
    chunks: mpsc::Sender<String>,
    interrupted: Interrupted,
}

impl Printer {
    pub(super) fn new(chunks: mpsc::Sender<String>, interrupted: Interrupted) -> Self {
        Self {
            chunks,
            interrupted,
        }
    }

    pub(super) async fn print(&self, text: impl Into<String>) -> Result<(), Gone> {
        self.chunks.send(text.into()).await.map_err(|_| Gone)
    }

    /// Begins a change that is made whole: it ends, and the administrator is told how, also after Ctrl-C.
    pub(super) fn apply(&self) -> Applied<'_> {
        self.interrupted.apply()
    }

    /// Waits until the administrator wants no more.
    pub(super) async fn interrupted(&self) {
        tokio::select! {
            () = self.interrupted.wait() => {}
            () = self.chunks.closed() => {}
        }
    }
}

/// What commands work on.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(super) store: Arc<GatewayStore>,
    pub(super) supply: Arc<Supply>,
    pub(super) backends: Arc<Backends>,
    pub(super) codes: Arc<OneTimeCodes>,
    pub(super) trials: Trials,
    pub(super) unit: Unit,
    debug: DebugLog,
    sessions: Arc<Sessions>,
    pub(super) retention: Arc<Retention>,
    pub(super) hosts: Hosts,
    pub(super) resolver: Arc<UnitResolver>,
    pub(super) zone: Zone,
}

impl Executor {
    pub(crate) fn new(
        store: Arc<GatewayStore>,
        supply: Arc<Supply>,
        (backends, codes): (Arc<Backends>, Arc<OneTimeCodes>),
        unit: Unit,
        debug: DebugLog,
        retention: Arc<Retention>,
        resolver: Arc<UnitResolver>,
    ) -> Self {
        let token_server = Endpoint::of(supply.server().url());
        Self {
            store,
            supply,
            backends,
            codes,
            trials: Trials::default(),
            unit,
            debug,
            sessions: Arc::default(),
            retention,
            hosts: Hosts::new(Arc::clone(&resolver), token_server),
            resolver,
            zone: clock::zone(),
        }
    }

    /// Who is logged in.
    pub(crate) fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// What the HTTPS listeners show.
    pub(crate) fn certificates(&self) -> &Arc<Certificates> {
        &self.unit.certificates
    }

    /// Where administrators come to over SSH.
    pub(crate) fn ssh_ports(&self) -> &Arc<Ports> {
        &self.unit.ssh_ports
    }

    pub(super) fn console_output(&self) -> ConsoleOutput {
        self.store.settings(Vdom::ROOT).console_output
    }

    pub(super) fn vdom_mode(&self) -> VdomMode {
        self.store.settings(Vdom::ROOT).vdom_mode
    }

    pub(super) fn hostname(&self) -> String {
        self.store.settings(Vdom::ROOT).hostname.to_string()
    }

    pub(super) fn debug_lines(&self) -> Watch {
        self.debug.watch()
    }

    /// Carries out a command; output goes to `chunks` as it comes.
    pub(super) async fn run(
        &self,
        command: Command,
        who: &LoggedIn,
        chunks: mpsc::Sender<String>,
        interrupted: Interrupted,
    ) -> Ran {
        let printer = Printer::new(chunks, interrupted);
        let actor = who.actor();
        let ran = match command {
            Command::Fetch(place) => Ok(self.fetch(place).await),
            Command::Configure(operation) => self.configure(operation, who, &printer).await,
            Command::Execute(operation) => self.execute(operation, who, &printer).await,
            Command::Poll(vdom) => self.poll(vdom, &printer).await,
            Command::Synchronise(asked) => self.synchronise(&asked, actor, &printer).await,
            Command::TestAuthserver(asked) => self.test_authserver(asked, &printer).await,
            Command::TestLogin(asked) => self.test_login(asked, actor, &printer).await,
            Command::CheckLogin(asked) => self.check_login(&asked, &printer).await,
            Command::TestToken(asked) => self.test_token(&asked, &printer).await,
            Command::List(listing) => self.list(listing, actor, &printer).await,
            Command::Ask(query) => self.ask(query, &printer).await,
            Command::Act(action) => self.act(action, who, &printer).await,
            Command::TakeIn(asked) => self.take_in(asked, who, &printer).await,
            Command::MoveTokens(asked) => self.move_tokens(asked, who, &printer).await,
            Command::Backup(asked) => self.put_away(asked, actor, &printer).await,
            Command::Restore(asked) => self.take_back(asked, who, &printer).await,
            Command::Revisions => self.revisions(&printer).await,
            Command::RemoveRevision(number) => self.remove_revision(number, &printer).await,
        };
        ran.unwrap_or(Ran::Printed)
    }

    async fn fetch(&self, place: Place) -> Ran {
        match self.entry(place).await {
            Ok(entry) => Ran::Fetched(entry),
            Err(why) => why.into(),
        }
    }

    /// An entry as configuration text has it.
    async fn entry(&self, place: Place) -> Result<Option<Object>, Undecided> {
        let entry = self.kept(place).await?;
        let text = entry.map(|entry| self.store.as_text(entry, None));
        text.transpose()
    }

    /// An entry of any table. A single object is always there.
    pub(super) async fn kept(&self, place: Place) -> Result<Option<Object>, Undecided> {
        let (vdom, table) = (place.vdom(), place.table());
        if table == &FORTITOKEN {
            let Ok(serial) = TokenSerial::parse(place.key()) else {
                return Ok(None);
            };
            let owned = self.token_of(vdom, serial).await?;
            return Ok(owned.map(|owned| owned.token.to_object(None)));
        }
        if table == &LOCAL {
            let Ok(name) = CanonicalName::within(Realm::Vdom(vdom), place.key()) else {
                return Ok(None);
            };
            return Ok(self
                .store
                .person(name)
                .await?
                .map(|user| Object::from(&user)));
        }
        let object = self.store.object(place.clone()).await?;
        Ok(match table.shape {
            Shape::Single => Some(object.unwrap_or_else(|| Object::at(&place))),
            Shape::Keyed(_) => object.map(interfaces::shown),
        })
    }

    /// A token of this virtual domain; another's is as if it did not exist.
    pub(super) async fn token_of(
        &self,
        vdom: Vdom,
        serial: TokenSerial,
    ) -> Result<Option<Owned>, Undecided> {
        let owned = self.store.token(serial).await?;
        Ok(owned.filter(|owned| owned.token.vdom == vdom))
    }

    /// What checks a token's codes, or why nothing does.
    pub(super) async fn verifier(
        &self,
        vdom: Vdom,
        serial: TokenSerial,
    ) -> Result<Result<Verifier, AdminError>, Undecided> {
        if self.token_of(vdom, serial).await?.is_none() {
            return Ok(Err(no_token(serial)));
        }
        let verifier = self.store.verifier(serial)?;
        Ok(verifier.ok_or(AdminError::NoSeed(serial)))
    }

    async fn configure(
        &self,
        operation: Operation,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        self.debug.raw(Source::Cli, || render::change(&operation));
        let place = match &operation {
            Operation::Configure { place, .. } => Some(place.clone()),
            _ => None,
        };
        let agreed = match self.host_agrees(&operation).await {
            Ok(agreed) => agreed,
            Err(error) => return Ok(Ran::Applied(Err(error))),
        };
        match self.change(operation, agreed, who).await {
            Ok(done) => {
                for remark in &done.remarks {
                    let text = render::remark(place.as_ref(), remark);
                    printer.print(text + "\n").await?;
                }
                Ok(Ran::Applied(Ok(done.messages)))
            }
            Err(Failure::Refused(error)) => Ok(Ran::Applied(Err(error))),
            Err(Failure::Undecided(why)) => Ok(why.into()),
        }
    }

    pub(super) async fn administer(
        &self,
        operation: Operation,
        who: &LoggedIn,
    ) -> Result<Done, Failure<AdminError>> {
        self.change(operation, Agreed::default(), who).await
    }

    async fn change(
        &self,
        operation: Operation,
        agreed: Agreed,
        who: &LoggedIn,
    ) -> Result<Done, Failure<AdminError>> {
        let by = who.authority().as_ref().clone();
        self.followed().administer(operation, agreed, by).await
    }

    /// The configuration, with what of the host follows it.
    pub(super) fn followed(&self) -> Followed {
        Followed {
            store: Arc::clone(&self.store),
            ports: Arc::clone(&self.unit.ssh_ports),
            certificates: Arc::clone(&self.unit.certificates),
        }
    }

    async fn execute(
        &self,
        operation: Operation,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let finished = finished(&operation);
        match self.administer(operation, who).await {
            Ok(done) if done.messages.is_empty() => {
                if let Some(finished) = finished {
                    printer.print(finished.outcome().render(self.zone)).await?;
                }
                Ok(Ran::Printed)
            }
            Ok(done) => {
                let mut failed = false;
                for message in done.messages {
                    let (text, bad) = self.follow(message).await;
                    failed |= bad;
                    printer.print(text).await?;
                }
                Ok(if failed { Ran::Failed } else { Ran::Printed })
            }
            Err(Failure::Refused(error)) => refused(error, printer).await,
            Err(Failure::Undecided(why)) => Ok(why.into()),
        }
    }

    /// Waits for what becomes of a message; the text for the administrator, and whether it is bad
    /// news.
    pub(super) async fn follow(&self, message: i64) -> (String, bool) {
        match self.report(message).await {
            Some(report) => self.tell(report).await,
            None => (
                "No answer yet: the message stays in the outbox and is sent again.\n\
                 'diagnose outbox list' shows what waits and why.\n"
                    .to_owned(),
                true,
            ),
        }
    }

    pub(super) async fn report(&self, message: i64) -> Option<Report> {
        let waiting: oneshot::Receiver<Report> = self.supply.follow(message);
        tokio::time::timeout(PATIENCE, waiting).await.ok()?.ok()
    }

    pub(super) async fn tell(&self, report: Report) -> (String, bool) {
        let rendered = |outcome: Outcome<'_>| (outcome.render(self.zone), outcome.is_failure());
        match report {
            Report::Imported {
                licence,
                tokens,
                known,
                elsewhere,
            } => rendered(Outcome::Imported {
                licence,
                tokens,
                known,
                elsewhere: &elsewhere,
            }),
            Report::ServerRefused { token, error } => {
                let known = error.known();
                let request = if token.is_some() {
                    Request::Provision
                } else {
                    Request::Import
                };
                let unknown = error.to_string();
                rendered(Outcome::Refused {
                    request,
                    number: error.gateway_code(),
                    cause: known.map_or(&unknown, |known| known.cause()),
                    next_step: known
                        .map_or("Update this gateway: its token server is newer.", |known| {
                            known.next_step()
                        }),
                })
            }
            Report::Provisioned {
                token,
                letter: Some(letter),
            } => {
                let report = self.report(letter).await;
                self.handed_over(token, report).await
            }
            Report::Provisioned {
                token,
                letter: None,
            } => (self.shown(token).await, false),
            Report::Sent { to } => rendered(Outcome::Sent { to: to.as_str() }),
            Report::NotSent { token, why } => self.not_sent(token, &why).await,
            Report::Activated(activated) => {
                let told = activated.into_iter().map(|(token, outcome)| match outcome {
                    Ok(()) => rendered(Outcome::Activated(token)),
                    Err(error) => rendered(not_activated(token, &error, &error.to_string())),
                });
                let (texts, failed): (Vec<String>, Vec<bool>) = told.unzip();
                (texts.concat(), failed.contains(&true))
            }
            Report::Postponed { asked, delay, why } => rendered(Outcome::Waiting {
                request: asked,
                delay,
                why: &why,
            }),
        }
    }

    async fn handed_over(&self, token: TokenSerial, report: Option<Report>) -> (String, bool) {
        match report {
            Some(Report::Sent { to }) => {
                let expires = match self.stage(token).await {
                    Some(Stage::Provisioning(waiting)) => waiting.expires,
                    _ => clock::now(),
                };
                (
                    Outcome::Mailed {
                        token,
                        to: to.as_str(),
                        expires,
                    }
                    .render(self.zone),
                    false,
                )
            }
            Some(Report::NotSent { why, .. }) => self.not_sent(token, &why).await,
            Some(Report::Postponed { why, .. }) => (
                format!(
                    "The activation code for {token} was not sent yet: {why}\n\
                     It is tried again. Check 'show system email-server' and 'show system sms-server'; \
                     'diagnose debug application alertmail -1' shows each attempt.\n"
                ),
                true,
            ),
            _ => (
                format!("The activation code for {token} waits in the outbox.\n"),
                true,
            ),
        }
    }

    /// Without a message, the administrator hands the code over.
    async fn not_sent(&self, token: TokenSerial, why: &str) -> (String, bool) {
        (
            format!("No activation code was sent: {why}.\n") + &self.shown(token).await,
            false,
        )
    }

    async fn shown(&self, token: TokenSerial) -> String {
        let Some(Stage::Provisioning(waiting)) = self.stage(token).await else {
            return format!("Token {token} waits for no activation any more.\n");
        };
        let qr = Qr::of(waiting.link.as_str());
        let modules = qr.as_ref().map_or(&[][..], |qr| &qr.modules);
        let width = qr.as_ref().map_or(0, |qr| qr.width);
        let activation = Activation {
            token,
            code: &waiting.code,
            expires: waiting.expires,
            qr: render::Qr { modules, width },
        };
        Outcome::Shown(activation).render(self.zone)
    }

    async fn stage(&self, token: TokenSerial) -> Option<Stage> {
        Some(self.store.token(token).await.ok()??.token.stage)
    }

    async fn poll(&self, vdom: Vdom, printer: &Printer) -> Result<Ran, Gone> {
        let outcome = match self.supply.poll(Some(vdom)).await {
            Ok(polled) => {
                let (asked, activated) = (polled.asked, polled.activated);
                Outcome::Polled { asked, activated }.render(self.zone)
            }
            Err(PollError::Undecided(why)) => return Ok(why.into()),
            Err(PollError::Refused(error)) => {
                let known = error.known();
                let unknown = error.to_string();
                let outcome = Outcome::Refused {
                    request: Request::Poll,
                    number: error.gateway_code(),
                    cause: known.map_or(&unknown, |known| known.cause()),
                    next_step: known.map_or("Try again.", |known| known.next_step()),
                };
                printer.print(outcome.render(self.zone)).await?;
                return Ok(Ran::Failed);
            }
            Err(error) => {
                let why = error.to_string();
                let outcome = Outcome::Waiting {
                    request: Request::Poll,
                    delay: render::Delay::NoAnswer,
                    why: &why,
                };
                printer.print(outcome.render(self.zone)).await?;
                return Ok(Ran::Failed);
            }
        };
        printer.print(outcome).await?;
        Ok(Ran::Printed)
    }

    async fn synchronise(
        &self,
        asked: &Synchronise,
        actor: &Actor,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let (vdom, token) = (asked.vdom, asked.serial);
        let now = clock::now();
        let verifier = match self.verifier(vdom, token).await {
            Ok(Ok(verifier)) => verifier,
            Ok(Err(error)) => return refused(error, printer).await,
            Err(why) => return Ok(why.into()),
        };
        let resync = match Resync::find(&verifier, &asked.first, &asked.second, now) {
            Ok(resync) => resync,
            Err(error) => return self.not_synchronised(asked, error, actor, printer).await,
        };
        let drift = resync.drift();
        let (answer, outcome) = oneshot::channel();
        let decision = Decision::Resync {
            resync,
            vdom,
            actor: actor.clone(),
            at: now,
        };
        self.store.consume(vec![decision], move |mut outcomes| {
            // The administrator may have left; the codes are burnt all the same.
            let _ = answer.send(outcomes.pop());
        });
        match outcome.await.ok().flatten() {
            Some(store::gateway::Outcome::Resynchronised) => {
                printer
                    .print(Outcome::Resynchronised { token, drift }.render(self.zone))
                    .await?;
                Ok(Ran::Printed)
            }
            Some(store::gateway::Outcome::Undecided(why, _)) => Ok(why.into()),
            _ => {
                self.not_synchronised(asked, ResyncError::NotFound, actor, printer)
                    .await
            }
        }
    }

    async fn not_synchronised(
        &self,
        asked: &Synchronise,
        error: ResyncError,
        actor: &Actor,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let (vdom, token) = (asked.vdom, asked.serial);
        let what = What::NotResynchronised {
            actor: actor.clone(),
            vdom,
            token,
            cause: error.to_string().into(),
        };
        let at = clock::now();
        if let Err(why) = self.store.record(Event { at, what }).await {
            return Ok(why.into());
        }
        let outcome = Outcome::NotResynchronised { token, error };
        printer.print(outcome.render(self.zone)).await?;
        Ok(Ran::Failed)
    }

    /// Whether the token server answers.
    pub(super) fn reach(&self) -> ServerReach {
        self.supply.server().reach()
    }
}

fn not_activated<'a>(token: TokenSerial, error: &WireError, unknown: &'a str) -> Outcome<'a> {
    let known = error.known();
    Outcome::NotActivated {
        token,
        number: error.gateway_code(),
        cause: known.map_or(unknown, |known| known.cause()),
        next_step: known.map_or("Update this gateway: its token server is newer.", |known| {
            known.next_step()
        }),
    }
}

/// What an operation that sends nothing has done, once it is committed.
enum Finished {
    Renewed(TokenSerial),
    Unlocked(CanonicalName),
}

impl Finished {
    fn outcome(&self) -> Outcome<'_> {
        match self {
            Self::Renewed(token) => Outcome::Renewed(*token),
            Self::Unlocked(name) => Outcome::Unlocked(name),
        }
    }
}

fn finished(operation: &Operation) -> Option<Finished> {
    match operation {
        Operation::Renew { token, .. } => Some(Finished::Renewed(*token)),
        Operation::Unlock(name) => Some(Finished::Unlocked(name.clone())),
        _ => None,
    }
}

pub(super) fn no_token(serial: TokenSerial) -> AdminError {
    AdminError::NotFound {
        table: &FORTITOKEN,
        key: serial.as_str().into(),
    }
}

/// Prints what a command came to.
pub(super) async fn printed(
    done: Result<String, Failure<AdminError>>,
    printer: &Printer,
) -> Result<Ran, Gone> {
    match done {
        Ok(text) => {
            printer.print(text).await?;
            Ok(Ran::Printed)
        }
        Err(Failure::Refused(error)) => refused(error, printer).await,
        Err(Failure::Undecided(why)) => Ok(why.into()),
    }
}

pub(super) async fn refused(error: AdminError, printer: &Printer) -> Result<Ran, Gone> {
    printer.print(render::refusal(error)).await?;
    Ok(Ran::Failed)
}
