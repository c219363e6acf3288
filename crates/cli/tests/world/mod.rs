//! A gateway in memory: what a shell does for a session, with a clock that stands still.

use std::collections::BTreeMap;

use cli::debug::{self, Application, Line, Source, Text};
use cli::render::{self, Activation, Listing, Outcome, Part, Qr, Request, Zone};
use cli::{Action, Command, Completion, Keys, Output, Session, Step, Synchronise, TestToken};
use domain::access::Authority;
use domain::admin::{
    self, AdminError, Change, Claim, Delivery, Entropy, Facts, Held, Holds, Message, Named,
    Neighbour, Operation, Owned, Owner, Phone, Plan, Polled, Reads, Remark, Supplied, Use, Uses,
    UsesOf,
};
use domain::advice::Advice;
use domain::audit::Event;
use domain::contact::Channel;
use domain::explain::Finding;
use domain::login::{Origin, Spend};
use domain::name::{CanonicalName, Realm};
use domain::query::{
    self, DeliveryRow, LoginRow, Logins, OutboxRow, Query, Refused, ServerReach, SystemStatus,
    TokenRow, TokenTotals, Verdict, Whose,
};
use domain::reason::Reason;
use domain::schema::{
    FORTITOKEN, GLOBAL, LOCAL, Object, PASSWORD_POLICY, Place, RADIUS_CLIENT, SETTING, Shape,
    Subnet, Table, VDOM, Value,
};
use domain::settings::{PushSettings, Settings, VdomMode};
use domain::source::LoginSource;
use domain::time::{Span, Timestamp};
use domain::token::{
    ActivationLink, ClockTest, GoodFor, Provisioned, Provisioning, ResyncError, Stage, Token,
};
use domain::unit::Ending;
use domain::user::User;
use domain::vdom::Vdom;
use ident::{ActivationCode, LicenceSerial, ProductSerial, RegistrationId, TokenSerial};
use otp::{Drift, Step as CodeStep};
use zeroize::Zeroizing;

pub(crate) use seen::Seen;

mod administrators;
mod authserver;
mod certificate;
mod hardware;
mod intake;
mod keeping;
mod log;
mod login_check;
mod login_test;
mod network;
mod radius;
mod recovery;
mod security;
mod seen;
mod unit;
mod verification;

/// 2024-07-15 18:10:19Z.
const START: Timestamp = Timestamp::from_secs(1_721_067_019);
const ACTIVATION: &str = "EEIOTCU3LENEDJMR";
const PHONE: &str = "fa0678e8f9e35f6a251cea691e4d56ed6fe9169ad03d2d26fe6dede6c8985a90";

pub(crate) struct World {
    session: Session,
    authority: Authority,
    now: Timestamp,
    users: Vec<User>,
    tokens: Vec<Token>,
    objects: Vec<Object>,
    logins: Vec<LoginRow>,
    outbox: Vec<OutboxRow>,
    events: Vec<Event>,
    store_is_down: bool,
    /// What was done so far.
    pub(crate) seen: Seen,
    /// Configurations that are kept, by the names of their files.
    files: BTreeMap<String, String>,
    tries: login_test::Tries,
}

/// What every secret of an entry is sealed as.
const SEALED: &str = "c2VhbGVkIHNlY3JldA==";

/// Whether the session goes on.
#[derive(PartialEq, Eq)]
pub(crate) enum Goes {
    On,
    Closed,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            session: Session::new(zone()),
            authority: administrators::unlimited(),
            now: START,
            users: Vec::new(),
            tokens: vec![
                Token {
                    has_seed: true,
                    stage: Stage::Activated,
                    ..Token::imported(Vdom::ROOT, serial("FTK2000BHV1KRZCC"), None)
                },
                Token::imported(
                    Vdom::ROOT,
                    serial("FTKMOB4BA4BE9B84"),
                    LicenceSerial::parse("EFTM000000001234").ok(),
                ),
            ],
            objects: vec![Object::new(&VDOM, "root")],
            logins: logins(),
            outbox: Vec::new(),
            events: log::events(START),
            store_is_down: false,
            seen: Seen::default(),
            files: BTreeMap::new(),
            tries: login_test::Tries::default(),
        }
    }

    fn vdom_mode(&self) -> VdomMode {
        Settings::from_objects(&self.global(), &Object::new(&SETTING, "")).vdom_mode
    }

    pub(crate) fn prompt(&self) -> String {
        self.session.prompt(self.global().text("hostname"))
    }

    /// A line, and all that is printed until the next prompt.
    pub(crate) fn line(&mut self, line: &str) -> (String, Goes) {
        let mut text = String::new();
        self.session.set_vdom_mode(self.vdom_mode());
        self.session.set_authority(&self.authority);
        let mut step = self.session.feed(line);
        loop {
            match step {
                Step::Ask(notice) => return (text + &notice, Goes::On),
                Step::Nothing => return (text, Goes::On),
                Step::Print(said) | Step::Remark(said) | Step::Refuse(said) => {
                    return (text + &said, Goes::On);
                }
                Step::Abandon(said) => return (text + &said, Goes::Closed),
                Step::Close => return (text, Goes::Closed),
                Step::Run { .. } if self.store_is_down => {
                    step = self.session.failed("the store does not answer: disk full");
                }
                Step::Run {
                    command: Command::Fetch(place),
                    ..
                } => {
                    step = self.session.fetched(self.object(&place));
                }
                Step::Run {
                    command: Command::Configure(operation),
                    ..
                } => {
                    let done = seen::of(&operation);
                    let (said, applied) = self.configure(operation);
                    if applied.is_ok() {
                        self.seen.extend(done);
                    }
                    text += &said;
                    step = self.session.applied(applied);
                }
                Step::Run { command, output } => {
                    if let Command::List(listing) = &command {
                        self.seen.extend(seen::shown(line, listing));
                    }
                    text += &self.run(command, output);
                    step = Step::Nothing;
                }
            }
        }
    }

    pub(crate) fn help(&self, line: &str) -> String {
        let listed = match self.session.complete(line) {
            Completion::Keys(keys) => keys.list(&self.keys(&keys)),
            _ => String::new(),
        };
        self.session.help(line) + &listed
    }

    fn keys(&self, keys: &Keys) -> Vec<Box<str>> {
        let tables = keys.tables().iter();
        let found = tables.flat_map(|table| self.objects(keys.vdom(), table));
        found.map(|object| object.key).collect()
    }

    /// What Tab makes of a line: the longer line, or what is shown.
    pub(crate) fn tab(&self, line: &str) -> String {
        let completion = match self.session.complete(line) {
            Completion::Keys(keys) => keys.complete(&self.keys(&keys)),
            other => other,
        };
        match completion {
            Completion::Nothing | Completion::Keys(_) => "(bell)\n".to_owned(),
            Completion::Insert(text) => format!("{line}{text}|\n"),
            Completion::Show(text) => text,
        }
    }

    /// What happens around the session.
    pub(crate) fn happen(&mut self, event: &str) -> String {
        match event.split_once(' ').unwrap_or((event, "")) {
            ("hours-pass", hours) => {
                self.now = self.now.after(Span::from_hours(hours.parse().unwrap()));
                String::new()
            }
            ("store-fails", _) => {
                self.store_is_down = true;
                String::new()
            }
            ("store-recovers", _) => {
                self.store_is_down = false;
                String::new()
            }
            ("interrupt", _) => {
                self.session.withdraw();
                String::new()
            }
            ("line-too-long", _) => match self.session.too_long() {
                Step::Abandon(said) => said,
                step => panic!("{step:?}"),
            },
            ("fill", count) => {
                let typed = |number: u32| [format!("edit {number}"), "next".to_owned()];
                let lines = (1..=count.parse().unwrap()).flat_map(typed);
                lines.for_each(|line| drop(self.line(&line)));
                String::new()
            }
            ("input-ends", _) => self.session.left_undone().unwrap_or_default(),
            ("debug", text) => self.debug(text),
            ("messages-leave", _) => {
                self.events.extend(log::messages(self.now));
                String::new()
            }
            ("profile", fields) => {
                self.authority = administrators::limited(fields);
                self.session.set_vdom_mode(self.vdom_mode());
                self.session.set_authority(&self.authority);
                String::new()
            }
            _ => panic!("nothing is known to happen as {event:?}"),
        }
    }

    fn debug(&self, text: &str) -> String {
        let (source, text) = text.split_once(' ').unwrap();
        let (source, text) = match source {
            "provision" => (
                Source::Fortitoken,
                Text::At(debug::Place::PROVISION, text.into()),
            ),
            "raw" => (
                Source::Fortitoken,
                Text::Raw(text.replace(" / ", "\n").into()),
            ),
            "cli" => (Source::Cli, Text::Raw(text.replace(" / ", "\n").into())),
            "fnbamd" => (
                Source::Application(Application::Fnbamd),
                Text::Raw(text.into()),
            ),
            other => panic!("no source {other}"),
        };
        let line = Line {
            at: self.now,
            source,
            text,
        };
        assert_eq!(
            self.session.debug_line(&line).is_some(),
            self.session.prints_debug() && self.session.asks_debug(source)
        );
        self.session.debug_line(&line).unwrap_or_default()
    }

    fn run(&mut self, command: Command, mut output: Output) -> String {
        let text = match command {
            Command::Fetch { .. } | Command::Configure(_) => {
                unreachable!("the session wants to know")
            }
            Command::Execute(operation) => self.execute(operation),
            Command::Poll(_) => self.poll(),
            Command::Synchronise(asked) => synchronised(&asked),
            Command::TestToken(asked) => tested(&asked),
            Command::TestLogin(asked) => {
                let exists = self
                    .users
                    .iter()
                    .any(|user| *user.name.canonical() == asked.person);
                let token = self.tokens[1].serial;
                login_test::tested(&asked, exists, token, &self.tries)
            }
            Command::CheckLogin(asked) => {
                let mut users = self.users.iter();
                let user = users.find(|user| *user.name.canonical() == asked.person);
                login_check::checked(&asked, user, &self.tokens, self.now)
            }
            Command::TestAuthserver(asked) => {
                let server = &asked.server;
                let place = Place::new(server.vdom, server.kind.table(), server.name.clone());
                authserver::tested(&asked, self.object(&place).is_some())
            }
            Command::List(mut listing) => listing.head("admin") + &self.listed(&mut listing),
            Command::Ask(query) => self.ask(&query),
            Command::Act(action) => self.act(&action),
            Command::TakeIn(asked) => self.take_in_tokens(&asked),
            Command::MoveTokens(asked) => self.move_tokens(&asked.step),
            command => self.keep(command),
        };
        output.push(&text) + &output.finish()
    }

    fn listed(&self, listing: &mut Listing) -> String {
        let mut text = String::new();
        for part in listing.parts(&self.vdoms()) {
            let (vdom, table) = match part {
                Part::Text(part) => {
                    text += &part;
                    continue;
                }
                Part::Table(vdom, table) => (vdom, table),
            };
            for object in self.rows(&listing.query(vdom, table)) {
                text += &listing.entry(&object);
            }
            text += &listing.end(table);
        }
        text
    }

    /// What a change of the configuration has to say, and what became of it.
    fn configure(&mut self, operation: Operation) -> (String, Result<(), AdminError>) {
        let operation = keeping::understood_operation(operation);
        let place = match &operation {
            Operation::Configure { place, .. } => Some(place.clone()),
            _ => None,
        };
        match self.plan(operation) {
            Ok(remarks) => {
                let lines = remarks
                    .iter()
                    .map(|it| render::remark(place.as_ref(), it) + "\n");
                (lines.collect(), Ok(()))
            }
            Err(error) => (String::new(), Err(error)),
        }
    }

    fn execute(&mut self, operation: Operation) -> String {
        let unlocked = match &operation {
            Operation::Unlock(person) => Some(person.clone()),
            _ => None,
        };
        let import = match &operation {
            Operation::Import { code, .. } => Some(code.as_str().to_owned()),
            _ => None,
        };
        let provisioned = match &operation {
            Operation::Provision { token, .. } | Operation::Renew { token, .. } => Some(*token),
            _ => None,
        };
        let hardware = match &operation {
            Operation::ActivateHardware { tokens, .. } => tokens.clone(),
            _ => Vec::new(),
        };
        let sent = match &operation {
            Operation::SendActivation { token, by, .. } => Some((*token, *by)),
            _ => None,
        };
        if let Err(error) = self.apply(operation) {
            return render::refusal(error);
        }
        if let Some((token, by)) = sent {
            return self.sent(token, by);
        }
        if !hardware.is_empty() {
            return self.activated(&hardware);
        }
        match (unlocked, import, provisioned) {
            (Some(person), ..) => said(&Outcome::Unlocked(&person)),
            (_, Some(code), _) => self.import(&code),
            (.., Some(token)) => self.provisioned(token),
            _ => String::new(),
        }
    }

    fn import(&mut self, code: &str) -> String {
        match code {
            "0000-0000-0000-0000-0000" => {
                let licence = LicenceSerial::parse("FTMTRIAL02062407").unwrap();
                let tokens = vec![serial("FTKMOB83712DC7FE"), serial("FTKMOB83F91CD33B")];
                let imported = Operation::Imported {
                    vdom: Vdom::ROOT,
                    licence,
                    tokens,
                };
                let remarks = self.plan(imported).unwrap();
                let is_here = |remark: &&Remark| matches!(remark, Remark::Here(_));
                let known = remarks.iter().filter(is_here).count();
                said(&Outcome::Imported {
                    licence,
                    tokens: 2 - known,
                    known,
                    elsewhere: &[],
                })
            }
            "DDDD-DDDD-DDDD-DDDD-DDDD" => said(&Outcome::Refused {
                request: Request::Import,
                number: -7564,
                cause: "The licence was not redeemed before the date on its certificate.",
                next_step: "Ask for a new code, register it and import it.",
            }),
            _ => {
                let why = "connection refused by registry.example:8443";
                self.outbox.push(OutboxRow {
                    number: 7,
                    about: query::about(&Message::ActivateLicence {
                        vdom: Vdom::ROOT,
                        code: ident::LicenceCode::parse(code).unwrap(),
                    })
                    .into(),
                    created: self.now,
                    attempts: 1,
                    last_error: Some(why.into()),
                });
                said(&Outcome::Waiting {
                    request: Request::Import,
                    delay: render::Delay::NoAnswer,
                    why,
                })
            }
        }
    }

    fn sent(&mut self, token: TokenSerial, by: Option<Channel>) -> String {
        let contact = self.owned(token).owner.unwrap().contact;
        let to = by.map_or_else(|| contact.for_activation(), |by| contact.at(by));
        let to = to.unwrap();
        let delivery = Delivery::Sent {
            to: to.as_str().into(),
        };
        self.apply(Operation::Delivered { token, delivery })
            .unwrap();
        said(&Outcome::Sent { to: to.as_str() })
    }

    fn provisioned(&self, token: TokenSerial) -> String {
        let owned = self.owned(token);
        let Stage::Provisioning(waiting) = &owned.token.stage else {
            return said(&Outcome::Renewed(token));
        };
        let expires = waiting.expires;
        match owned.owner.and_then(|owner| owner.contact.for_activation()) {
            Some(to) => said(&Outcome::Mailed {
                token,
                to: to.as_str(),
                expires,
            }),
            None => said(&Outcome::Shown(Activation {
                token,
                code: &waiting.code,
                expires,
                qr: Qr {
                    modules: &[true, false, false, true],
                    width: 2,
                },
            })),
        }
    }

    fn poll(&mut self) -> String {
        let waiting = self
            .tokens
            .iter()
            .filter(|token| matches!(token.stage, Stage::Provisioning(_)));
        let polled: Vec<Polled> = waiting
            .map(|token| Polled {
                token: token.serial,
                phone: Some(Phone {
                    registration: RegistrationId::parse(PHONE).unwrap(),
                    os_version: "5.4.2_IOS".into(),
                }),
            })
            .collect();
        let asked = polled.len();
        self.apply(Operation::Polled(polled)).unwrap();
        said(&Outcome::Polled {
            asked,
            activated: asked,
        })
    }

    fn ask(&self, query: &Query) -> String {
        match query {
            Query::TokenInfo { serial, .. } => {
                let tokens = self
                    .tokens
                    .iter()
                    .filter(|token| serial.is_none_or(|it| it == token.serial));
                if let Some(serial) = serial.filter(|_| tokens.clone().next().is_none()) {
                    let (table, key) = (&FORTITOKEN, serial.as_str().into());
                    return render::refusal(AdminError::NotFound { table, key });
                }
                let advice = tokens.clone().find_map(|token| Advice::of(token, self.now));
                let advice = advice.filter(|_| serial.is_some());
                let advice = advice.as_ref().map(render::token_advice);
                let rows = tokens.map(|token| render::token(&TokenRow::of(token, self.now)));
                let activated = self
                    .tokens
                    .iter()
                    .filter(|token| matches!(token.stage, Stage::Activated))
                    .count();
                let activated = u64::try_from(activated).unwrap();
                let totals = TokenTotals {
                    activated,
                    activated_global: activated,
                    server: ServerReach::Reachable,
                };
                render::token_head()
                    + &rows.collect::<String>()
                    + &render::token_totals(&totals)
                    + &advice.unwrap_or_default()
            }
            Query::Logins(logins) => {
                let rows: Vec<&LoginRow> = self
                    .logins
                    .iter()
                    .filter(|row| is_of(row, logins))
                    .collect();
                let from = rows.len().saturating_sub(logins.last as usize);
                rows[from..].iter().map(|row| render::login(row)).collect()
            }
            Query::Log(page) => {
                let zone = Zone::ahead_by(|_| Span::from_hours(2));
                log::show(page, &self.events, zone)
            }
            Query::SystemStatus(vdom) => {
                let status = SystemStatus {
                    vdom: *vdom,
                    serial: ProductSerial::parse("FGT3HD3915801656").unwrap(),
                    hostname: self.global().text("hostname").into(),
                    release: "0.1.0".into(),
                    now: self.now,
                    vdom_mode: self.vdom_mode(),
                    vdoms: self.vdoms().len(),
                    last_end: Some(Ending::Reboot),
                };
                render::system_status(&status, Zone::ahead_by(|_| Span::from_hours(2)))
            }
            Query::Deliveries { last, .. } => {
                let rows = (1..)
                    .zip(&self.events)
                    .filter_map(|(number, event)| DeliveryRow::of(number, event));
                let rows: Vec<DeliveryRow> = rows.collect();
                let shown = rows.len().saturating_sub(*last as usize);
                render::deliveries(&rows[shown..])
            }
            Query::Outbox { .. } => render::outbox(&self.outbox),
            Query::Entries { .. } => unreachable!("entries are listed"),
        }
    }

    fn act(&mut self, action: &Action) -> String {
        let zone = Zone::ahead_by(|_| Span::from_hours(2));
        match action {
            Action::Time => render::time(self.now, zone),
            Action::Date => render::date(self.now, zone),
            Action::Ping(ping) => network::ping(ping),
            Action::Telnet { host, port } => network::telnet(host, *port),
            Action::End { ending, .. } => render::ending(*ending).to_owned(),
            Action::Administrators => {
                render::administrators(&administrators::administrators(self.now), zone)
            }
            Action::Administrator => {
                let [session, ..] = administrators::administrators(self.now);
                render::administrator(&session, self.now, zone)
            }
            Action::Sessions => {
                render::sessions(&administrators::administrators(self.now), 7, zone)
            }
            Action::EndSession(number) => {
                let sessions = administrators::administrators(self.now);
                let session = sessions.iter().find(|session| session.number == *number);
                session.map_or_else(|| render::no_session(*number), render::session_ended)
            }
            Action::DeleteLog => {
                self.events = log::deleted(&self.events, self.now);
                render::log_deleted().to_owned()
            }
            Action::VerifyLog => render::log_verified(self.events.len() as u64, None),
            Action::RadiusClients(_) => radius::clients(self.now, zone),
            Action::ResetAuthenticator { address, .. } => radius::reset(*address),
            Action::RadiusName { presented, .. } => radius::name(presented),
            Action::VerificationGuesses(_) => verification::guesses(self.now, zone),
            Action::ForgetGuesses(address) => verification::forgotten(*address),
            Action::Recovery(asked) => recovery::answered(asked, self.now, zone),
            Action::Security => self.security(),
            Action::Certificate(asked) => certificate::answered(asked, self.now, zone),
            Action::Performance => render::performance(&unit::performance()),
            Action::TimeServers => render::time_servers(&unit::time_servers()),
            Action::TokenServer => render::token_server(&unit::token_server(self.now), zone),
        }
    }

    fn vdoms(&self) -> Vec<Vdom> {
        let made = self.objects(Vdom::ROOT, &VDOM);
        let mut made: Vec<Vdom> = made
            .iter()
            .filter_map(|object| Vdom::parse(&object.key).ok())
            .collect();
        made.sort_by_key(|vdom| !vdom.is_root());
        made
    }

    fn rows(&self, query: &Query) -> Vec<Object> {
        match query {
            Query::Entries {
                vdom,
                table,
                key: Some(key),
            } => {
                let place = Place::new(*vdom, table, key.clone());
                self.object(&place).into_iter().collect()
            }
            Query::Entries {
                vdom,
                table,
                key: None,
            } => self.objects(*vdom, table),
            _ => unreachable!("a listing asks for entries"),
        }
    }

    fn objects(&self, vdom: Vdom, table: &'static Table) -> Vec<Object> {
        if matches!(table.shape, Shape::Single) {
            let place = Place::new(vdom, table, "");
            return self.object(&place).into_iter().collect();
        }
        let users = self.users.iter().map(Object::from);
        let tokens = self
            .tokens
            .iter()
            .map(|token| token.to_object(sealed_seed(token)));
        users
            .chain(tokens)
            .chain(self.objects.iter().map(copy))
            .filter(|object| object.table == table && object.vdom == table.within(vdom))
            .collect()
    }

    fn object(&self, place: &Place) -> Option<Object> {
        let (vdom, table, key) = (place.vdom(), place.table(), place.key());
        if table == &LOCAL {
            let name = CanonicalName::within(Realm::Vdom(vdom), key).ok()?;
            return self
                .users
                .iter()
                .find(|user| user.name.canonical() == &name)
                .map(Object::from);
        }
        if table == &FORTITOKEN {
            let token = self
                .tokens
                .iter()
                .find(|token| token.vdom == vdom && token.serial.as_str() == key)?;
            return Some(token.to_object(sealed_seed(token)));
        }
        let stored = self.objects.iter().find(|object| object.place() == *place);
        let empty = || matches!(table.shape, Shape::Single).then(|| Object::at(place));
        stored.map(copy).or_else(empty)
    }

    fn global(&self) -> Object {
        self.object(&Place::new(Vdom::ROOT, &GLOBAL, "")).unwrap()
    }

    fn apply(&mut self, operation: Operation) -> Result<(), AdminError> {
        self.plan(operation).map(drop)
    }

    fn plan(&mut self, operation: Operation) -> Result<Vec<Remark>, AdminError> {
        let entropy = Entropy {
            seed: Zeroizing::new([7; 20]),
            salt: [7; 16],
        };
        let by = self.authority.clone();
        let facts = self.facts(&operation.reads());
        let Plan {
            changes,
            messages,
            remarks,
            ..
        } = admin::apply(operation, facts, &entropy, &by, self.now)
            .inspect_err(|error| self.seen.extend([seen::refused(error)]))?;
        for change in changes {
            self.change(change);
        }
        for message in messages {
            self.send(message);
        }
        Ok(remarks)
    }

    fn facts(&self, reads: &Reads) -> Facts {
        let is_among = |vdom: Vdom, table: &'static Table| reads.all == Some((vdom, table));
        let users = self.users.iter().filter(|user| {
            let name = user.name.canonical();
            is_among(name.realm().vdom(), &LOCAL) || reads.users.contains(name)
        });
        let users: Vec<User> = users.cloned().collect();
        let theirs = users.iter().filter_map(|user| user.token);
        let all = self
            .tokens
            .iter()
            .filter(|token| is_among(token.vdom, &FORTITOKEN));
        let mut serials: Vec<TokenSerial> = reads.tokens.iter().copied().chain(theirs).collect();
        serials.extend(all.map(|token| token.serial));
        serials.sort();
        serials.dedup();
        let exists = |serial: &TokenSerial| self.tokens.iter().any(|token| token.serial == *serial);
        let tokens = serials
            .into_iter()
            .filter(exists)
            .map(|serial| (serial, self.owned(serial)))
            .collect();
        Facts {
            users,
            tokens,
            object: reads.object.as_ref().and_then(|place| self.object(place)),
            all: reads
                .all
                .map(|(vdom, table)| self.objects(vdom, table))
                .unwrap_or_default(),
            uses: reads.uses.as_ref().and_then(|of| self.uses(of)),
            named: reads
                .named
                .iter()
                .filter_map(|named| Some((named.clone(), self.written(named)?)))
                .collect(),
            vdoms: self.vdoms(),
            holds: reads.holds.and_then(|vdom| self.holds(vdom)),
            is_licensed: reads.claim.as_ref().is_some_and(|it| self.is_licensed(it)),
            was_seeded: false,
            is_file_taken: false,
            neighbours: self.neighbours(reads.neighbours.as_ref()),
            vdom_mode: self.vdom_mode(),
            prepared: None,
            default_policy: self.default_policy(reads),
            code_lifetime: Settings::default().code_lifetime,
            profile: self.profile(),
            push: PushSettings::default().into(),
            transfers_begun: Vec::new(),
            counted: None,
        }
    }

    fn default_policy(&self, reads: &Reads) -> Option<Box<str>> {
        let (vdom, _) = reads.all?;
        let setting = self.object(&Place::new(vdom, &SETTING, ""))?;
        let name = setting.text("default-user-password-policy");
        Some(name).filter(|name| !name.is_empty()).map(Box::from)
    }

    fn is_licensed(&self, claim: &Claim) -> bool {
        let mut tokens = self.tokens.iter();
        tokens.any(|token| token.vdom == claim.vdom && token.licence == Some(claim.licence))
    }

    fn neighbours(&self, of: Option<&Subnet>) -> Vec<Neighbour> {
        let clients = self
            .objects
            .iter()
            .filter(|object| object.table == &RADIUS_CLIENT);
        let neighbours = clients.filter_map(|client| {
            let subnet = Subnet::parse(client.text("subnet"))?;
            let client = client.place();
            of?.overlaps(&subnet)
                .then_some(Neighbour { client, subnet })
        });
        neighbours.collect()
    }

    fn holds(&self, vdom: Vdom) -> Option<Holds> {
        let users = self.objects(vdom, &LOCAL);
        let first = users.first()?;
        Some(Holds {
            first: Held::Entry {
                table: first.table.path.into(),
                key: first.key.clone(),
            },
            total: users.len().try_into().unwrap(),
        })
    }

    /// Every value that names an entry: where it stands, and what it names.
    fn references(&self) -> Vec<(Use, Named)> {
        let users = self.users.iter().map(Object::from);
        let mut references = Vec::new();
        for object in users.chain(self.objects.iter().map(copy)) {
            for (field, value) in object.values() {
                let tables = field.kind.references();
                let names = value.texts().iter().filter(|_| !tables.is_empty());
                references.extend(names.map(|key| {
                    let one = Use {
                        vdom: object.vdom,
                        table: object.table.path.into(),
                        key: object.key.clone(),
                        field: field.name.into(),
                    };
                    (
                        one,
                        Named {
                            vdom: object.vdom,
                            tables,
                            key: key.clone(),
                        },
                    )
                }));
            }
        }
        references
    }

    fn written(&self, named: &Named) -> Option<Box<str>> {
        let tables = named.tables.iter().filter_map(|path| Table::at(path));
        let mut found = tables
            .filter_map(|table| self.object(&Place::new(named.vdom, table, named.key.clone())));
        found.next().map(|object| object.key)
    }

    fn uses(&self, of: &UsesOf) -> Option<Uses> {
        let (vdom, table, key) = match of {
            UsesOf::Entry(place) => {
                let key = self.object(place)?.key;
                (place.vdom(), place.table(), Some(key))
            }
            UsesOf::AnyEntry(vdom, table) => (*vdom, *table, None),
        };
        let names_it = |named: &Named| {
            named.tables.contains(&table.path)
                && table.within(named.vdom) == vdom
                && key.as_ref().is_none_or(|key| named.key == *key)
                && table != &FORTITOKEN
        };
        let mut uses: Vec<(Use, Named)> = self.references();
        uses.retain(|(_, named)| names_it(named));
        let of = uses.first()?.1.key.clone();
        uses.retain(|(_, named)| named.key == of);
        let total = uses.len().try_into().unwrap();
        let first = uses.into_iter().map(|(one, _)| one).take(Uses::SHOWN);
        Some(Uses {
            of,
            first: first.collect(),
            total,
        })
    }

    /// What names the entry names it by its new key.
    fn rename(&mut self, table: &Table, from: &str, to: &str) {
        for user in &mut self.users {
            if table == &PASSWORD_POLICY && user.policy.as_deref() == Some(from) {
                user.policy = Some(to.into());
            }
        }
        for object in &mut self.objects {
            *object = renaming(object, table, from, to);
        }
    }

    fn owned(&self, serial: TokenSerial) -> Owned {
        let token = self
            .tokens
            .iter()
            .find(|token| token.serial == serial)
            .unwrap();
        let owner = self.users.iter().find(|user| user.token == Some(serial));
        let owner = owner.map(|user| Owner {
            name: user.name.clone(),
            status: user.status,
            contact: user.contact.clone(),
        });
        Owned {
            token: copy_token(token),
            owner,
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::User(user) => {
                self.users.retain(|other| other.name != user.name);
                self.users.push(user);
                self.users
                    .sort_by(|a, b| a.name.canonical().cmp(b.name.canonical()));
            }
            Change::UserRemoved(name) => self.users.retain(|user| user.name.canonical() != &name),
            Change::Token(token) => {
                self.tokens.retain(|other| other.serial != token.serial);
                self.tokens.push(token);
                self.tokens.sort_by_key(|token| token.serial);
            }
            Change::TokenRemoved(serial) => self.tokens.retain(|token| token.serial != serial),
            Change::Object(object) => {
                self.objects.retain(|other| other.place() != object.place());
                self.objects.push(sealed(object));
                self.objects.sort_by(|a, b| a.key.cmp(&b.key));
            }
            Change::ObjectRemoved(place) => {
                self.objects.retain(|object| object.place() != place);
            }
            Change::VdomRemoved(vdom) => {
                self.objects.retain(|object| object.vdom != vdom);
                let place = Place::new(Vdom::ROOT, &VDOM, vdom.as_str());
                self.objects.retain(|object| object.place() != place);
            }
            Change::UserRenamed(from, to) => {
                self.rename(&LOCAL, from.as_str(), to.as_written());
                let user = self
                    .users
                    .iter_mut()
                    .find(|user| user.name.canonical() == &from);
                user.unwrap().name = to;
            }
            Change::ObjectRenamed { place, to } => {
                let at = self
                    .objects
                    .iter()
                    .position(|object| object.place() == place);
                self.objects[at.unwrap()].key = to.clone();
                self.rename(place.table(), place.key(), &to);
            }
            Change::ObjectCopied { place, to } => {
                let mut copied = self.object(&place).unwrap();
                copied.key = to;
                self.objects.push(copied);
            }
            Change::Seed(serial, seed) => {
                let mut tokens = self.tokens.iter_mut();
                let token = tokens.find(|token| token.serial == serial).unwrap();
                token.has_seed = seed.is_some();
            }
            Change::NextSeed(..)
            | Change::SeedTaken(_)
            | Change::FileGiven(..)
            | Change::FileTaken(_)
            | Change::Left(..)
            | Change::TransferBegun(..)
            | Change::Recovered(_)
            | Change::Spent(..)
            | Change::FailuresCleared(_)
            | Change::Recovery { .. } => {}
        }
    }

    /// The token server answers at once, but imports, which are answered where they are asked.
    fn send(&mut self, message: Message) {
        let answer = match message {
            Message::Provision { tokens, .. } => {
                let supply = |token: &TokenSerial| Supplied {
                    token: *token,
                    code: ActivationCode::parse(ACTIVATION).unwrap(),
                    link: ActivationLink::new("https://registry.example/a".to_owned()),
                    valid: Span::from_hours(72),
                };
                Operation::Provisioned(tokens.iter().map(supply).collect())
            }
            Message::ActivateHardware { tokens, .. } => hardware::answers(&tokens),
            Message::ActivateLicence { .. }
            | Message::ActivationCode { .. }
            | Message::TransferNotice { .. } => return,
        };
        self.apply(answer).unwrap();
    }
}

fn said(outcome: &Outcome<'_>) -> String {
    outcome.render(Zone::ahead_by(|_| Span::from_hours(2)))
}

fn tested(asked: &TestToken) -> String {
    let (token, screen) = (asked.codes.serial, asked.screen);
    let found = |drift, good_for| ClockTest {
        drift: Drift(drift),
        good_for,
    };
    let found = match asked.codes.first.as_str() {
        "111111" if screen >= 14 => Some(found(-14, GoodFor::Resync)),
        "333333" => Some(found(0, GoodFor::Nothing)),
        "444444" => Some(found(300, GoodFor::Diagnosis)),
        _ => None,
    };
    said(&Outcome::Tested {
        token,
        screen,
        found,
    })
}

fn synchronised(asked: &Synchronise) -> String {
    let token = asked.serial;
    match (asked.first.as_str(), asked.second.as_str()) {
        ("111111", "222222") => said(&Outcome::Resynchronised {
            token,
            drift: Drift(-14),
        }),
        _ => said(&Outcome::NotResynchronised {
            token,
            error: ResyncError::NotFound,
        }),
    }
}

fn is_of(row: &LoginRow, logins: &Logins) -> bool {
    match &logins.of {
        Whose::Anyone => true,
        Whose::Person(name) => row.person == *name,
        Whose::Client(client) => row.origin.client == *client,
    }
}

fn serial(text: &str) -> TokenSerial {
    TokenSerial::parse(text).unwrap()
}

fn sealed_seed(token: &Token) -> Option<Box<str>> {
    token.has_seed.then(|| Box::from(hardware::OWN))
}

/// The store seals secrets.
fn sealed(object: Object) -> Object {
    let mut kept = Object::at(&object.place());
    for table in object.table.children {
        kept.set_children(table, object.children(table).map(copy).collect());
    }
    for (field, value) in object.into_parts().0 {
        let value = match value {
            Value::Secret(_) => Value::Sealed(SEALED.into()),
            other => other,
        };
        kept.set(field, value);
    }
    kept
}

fn zone() -> Zone {
    Zone::ahead_by(|_| Span::from_hours(2))
}

/// The same, naming the entry by its new key.
fn renaming(object: &Object, table: &Table, from: &str, to: &str) -> Object {
    let mut renamed = copy(object);
    for children in object.table.children {
        let children_renamed = object.children(children);
        let children_renamed = children_renamed.map(|child| renaming(child, table, from, to));
        renamed.set_children(children, children_renamed.collect());
    }
    for (field, value) in object.values() {
        if !field.kind.references().contains(&table.path) {
            continue;
        }
        let rename = |key: &str| Box::from(if key == from { to } else { key });
        let value = match value {
            Value::Text(key) => Value::Text(rename(key)),
            keys => Value::List(keys.texts().iter().map(|key| rename(key)).collect()),
        };
        renamed.set(field, value);
    }
    renamed
}

fn copy(object: &Object) -> Object {
    let mut copied = Object::at(&object.place());
    for table in object.table.children {
        copied.set_children(table, object.children(table).map(copy).collect());
    }
    for (field, value) in object.values() {
        let value = match value {
            Value::Text(text) => Value::Text(text.clone()),
            Value::List(texts) => Value::List(texts.clone()),
            Value::Sealed(text) | Value::Foreign(text) => Value::Sealed(text.clone()),
            Value::Secret(_) => unreachable!("nothing open is stored"),
        };
        copied.set(field, value);
    }
    copied
}

fn copy_token(token: &Token) -> Token {
    let code = |code: &ActivationCode| ActivationCode::parse(code.as_str()).unwrap();
    let copied = |phone: &Provisioned| Provisioned {
        code: code(&phone.code),
        expires: phone.expires,
        registration: phone.registration,
        os_version: phone.os_version.clone(),
        transfer: None,
        known_by: phone.known_by,
    };
    let stage = match &token.stage {
        Stage::New => Stage::New,
        Stage::Requested => Stage::Requested,
        Stage::Activated => Stage::Activated,
        Stage::Failed(failure) => Stage::Failed(failure.clone()),
        Stage::Provisioning(waiting) => Stage::Provisioning(Provisioning {
            code: code(&waiting.code),
            link: ActivationLink::new(waiting.link.as_str().to_owned()),
            expires: waiting.expires,
        }),
        Stage::Provisioned(phone) => Stage::Provisioned(copied(phone)),
        Stage::Withheld(phone) => Stage::Withheld(copied(phone)),
    };
    Token {
        serial: token.serial,
        vdom: token.vdom,
        status: token.status,
        comments: token.comments.clone(),
        licence: token.licence,
        parameters: token.parameters,
        has_seed: token.has_seed,
        stage,
        drift: token.drift,
    }
}

fn logins() -> Vec<LoginRow> {
    let token = serial("FTKMOB4BA4BE9B84");
    let row = |number, person: &str, client: &str, source: &str, verdict| LoginRow {
        number,
        at: START.before(Span::from_mins(60 - number)),
        person: CanonicalName::of(person).unwrap(),
        origin: Origin {
            client: client.into(),
            source: LoginSource::recorded(source.into()),
        },
        verdict,
    };
    let spend = Spend::Step {
        token,
        step: CodeStep(28_684_450),
        drift: Drift(0),
    };
    let refused = |reason, token, evidence: Option<&str>, explained| {
        let evidence = evidence.map(Box::from);
        Verdict::Refused(Refused {
            reason,
            token,
            evidence,
            explained,
        })
    };
    let slow = Finding {
        reason: Reason::ClockSlow,
        evidence: "clock of this token (FTKMOB4BA4BE9B84) is 15 steps slow (121 candidates tried)"
            .into(),
    };
    vec![
        row(
            40,
            "alice",
            "vpn1",
            "198.51.100.7",
            Verdict::Accepted(spend),
        ),
        row(
            41,
            "alice",
            "vpn1",
            "198.51.100.7",
            refused(
                Reason::CodeReplayed,
                Some(token),
                Some("already used at 2024-07-15 17:50:19Z through client vpn1"),
                None,
            ),
        ),
        row(
            42,
            "mallory",
            "ssh",
            "\u{1b}[31m203.0.113.9",
            refused(Reason::UserUnknown, None, None, None),
        ),
        row(
            43,
            "alice",
            "ssh",
            "192.0.2.4",
            refused(Reason::CodeWrong, Some(token), None, Some(slow)),
        ),
        row(
            44,
            "robot",
            "ssh",
            "192.0.2.5",
            Verdict::Accepted(Spend::Nothing),
        ),
        row(
            45,
            "zoe",
            "vpn1",
            "192.0.2.6",
            Verdict::Vouched("ldap 'corp', groups: vpn".into()),
        ),
    ]
}
