//! `diagnose login check`.

use domain::advice::Advice;
use domain::client::Client;
use domain::explain::FirstUse;
use domain::login::outlook::{KnownBackend, KnownServer, Limits, Outlook};
use domain::login::trial::Standing;
use domain::login::{CodePosition, Refusal};
use domain::name::CanonicalName;
use domain::query::{LoginRow, TokenRow};
use domain::recovery::{Held, Kind};
use domain::source::Network;
use domain::throttle::CodeCounter;
use domain::time::Timestamp;
use domain::token::{Stage, Token};
use domain::user::User;
use otp::Step;

use super::login_test::{keeper, looked_at, second_factor, status};
use super::logins::{explained, login};
use super::printable;

/// Clients that are named; of more it is said how many.
const CLIENTS_TOLD_MAX: usize = 20;

/// With this begins the line that says whether anything stands in the way.
pub const CHECK_VERDICT: &str = "verdict: ";

/// How a person's next login looks.
#[derive(Debug)]
pub struct LoginCheck<'a> {
    /// The name as it was typed.
    pub typed: &'a str,
    /// By which it was looked up.
    pub person: &'a CanonicalName,
    /// The entry and how the person stands; nothing for a name without a record.
    pub record: Option<(&'a User, &'a Standing)>,
    /// The token, if one is assigned.
    pub token: Option<TokenCheck<'a>>,
    /// Recovery codes and passes.
    pub recovery: &'a [Held],
    /// What is counted of the name.
    pub limits: &'a Limits,
    /// The servers that know the password.
    pub backends: &'a [KnownBackend],
    /// The RADIUS clients through which the person may come.
    pub clients: &'a [&'a Client],
    /// The latest logins that were refused or not decided, the latest last.
    pub refusals: &'a [LoginRow],
    /// What stands in the way.
    pub outlook: &'a Outlook,
    /// When.
    pub now: Timestamp,
}

/// The token of whom is looked at.
#[derive(Debug)]
pub struct TokenCheck<'a> {
    /// The token.
    pub token: &'a Token,
    /// The latest step that is spent, and by which login, as far as that is known.
    pub spent: Option<(Step, Option<FirstUse>)>,
    /// Whether its user can be asked on the phone.
    pub push: PushCheck,
}

/// Whether somebody can be asked on the phone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushCheck {
    /// As far as this unit knows.
    Offered,
    /// Nobody is: it is switched off.
    Off,
    /// Not by this token, as it is.
    NotByToken,
}

/// A line for each thing that a login depends on, the latest refusals, and the verdict.
pub fn login_check(check: &LoginCheck<'_>) -> String {
    let mut text = super::login_test::looked_up(check.typed, check.person);
    match check.record {
        Some((user, standing)) => text += &record(user, standing),
        None => text += "record: none\n",
    }
    for backend in check.backends {
        text += &servers(backend);
    }
    if let Some(token) = &check.token {
        text += &of_token(token, check.now);
    }
    if check.record.is_some() {
        text += &recovery(check.recovery, check.now);
    }
    text += &limits(check.limits, check.now);
    text += &clients(check.clients);
    text + &refusals(check.refusals) + &verdict(check.outlook)
}

fn record(user: &User, standing: &Standing) -> String {
    let ends = standing
        .password_ends
        .map_or_else(String::new, |ends| format!(", good until {ends}"));
    format!(
        "record: user local '{}', {}\npassword: {}{ends}\nsecond factor: {}\n",
        printable(user.name.as_written()),
        status(standing.status),
        keeper(&standing.keeper),
        second_factor(standing)
    )
}

fn servers(backend: &KnownBackend) -> String {
    let server = |server: &KnownServer| {
        let known = match server.silent {
            Some(left) => format!(
                "silent when asked last, asked after the others for {} s more",
                left.secs_rounded_up()
            ),
            None => "not known to be silent".to_owned(),
        };
        let (rank, host) = (server.rank.word(), printable(&server.host));
        format!("{rank} server {host}, {known}")
    };
    let servers: Vec<String> = backend.servers.iter().map(server).collect();
    let servers = match servers.as_slice() {
        [] => "no such entry".to_owned(),
        servers => servers.join("; "),
    };
    format!("{}: {servers}\n", printable(&backend.name.to_string()))
}

fn of_token(check: &TokenCheck<'_>, now: Timestamp) -> String {
    let TokenCheck { token, spent, push } = check;
    let TokenRow {
        serial,
        drift,
        status,
    } = TokenRow::of(token, now);
    let used = match spent {
        None => "not used yet".to_owned(),
        Some((step, Some(by))) => format!("step {} {}", step.0, printable(&by.to_string())),
        Some((step, None)) => format!(
            "step {} and all before it are spent, by whom is not known",
            step.0
        ),
    };
    let mut text = format!("token: {serial}, {status}, drift {}; {used}\n", drift.0);
    if token.is_mobile() {
        text += &format!("phone: {}; {}\n", phone(token), pushed(*push));
    }
    if let Some(Advice { cause, next_step }) = Advice::of(token, now) {
        text += &format!("    cause: {cause}\n    next step: {next_step}\n");
    }
    text
}

fn phone(token: &Token) -> String {
    match &token.stage {
        Stage::Provisioned(phone) | Stage::Withheld(phone) => {
            let on = if phone.transfer.is_some() {
                ", on its way to another"
            } else {
                ""
            };
            format!(
                "registration {} ({}){on}",
                phone.registration,
                printable(&phone.os_version)
            )
        }
        Stage::Provisioning(waiting) => {
            format!("none; an activation code ends at {}", waiting.expires)
        }
        Stage::New | Stage::Requested | Stage::Activated | Stage::Failed(_) => "none".to_owned(),
    }
}

fn pushed(push: PushCheck) -> &'static str {
    match push {
        PushCheck::Offered => "push is offered",
        PushCheck::Off => "push is off (config system ftm-push / set status enable)",
        PushCheck::NotByToken => "push is not offered",
    }
}

fn recovery(held: &[Held], now: Timestamp) -> String {
    let open = |kind| {
        let of_kind = held.iter().filter(move |held| held.kind == kind);
        of_kind.filter(|held| held.is_open(now))
    };
    let codes = open(Kind::Code).count();
    let pass = open(Kind::Pass).find_map(|pass| pass.ends);
    let pass = pass.map_or_else(
        || "no pass".to_owned(),
        |ends| format!("a pass until {ends}"),
    );
    format!("recovery: {codes} codes left, {pass}\n")
}

fn limits(limits: &Limits, now: Timestamp) -> String {
    let Limits {
        codes,
        codes_alone,
        waiting,
        waiting_count,
        strangers_wait,
        shut_out,
    } = limits;
    let mut text = format!("wrong codes: {}\n", counted(codes, now));
    if !codes_alone.is_clear(now) {
        text += "wrong codes at clients that check passwords: ";
        text += &format!("{}\n", counted(codes_alone, now));
    }
    text += "wrong passwords: ";
    text += &match (waiting.as_slice(), waiting_count - waiting.len()) {
        ([], _) => "no source waits".to_owned(),
        (some, 0) => format!("these sources wait: {}", until(some)),
        (some, others) => format!("these sources wait: {}, and {others} more", until(some)),
    };
    if let Some(until) = strangers_wait {
        text += &format!("; all from where the user never logged in wait until {until}");
    }
    text += "\nsources of the latest logins: ";
    text += &match shut_out.as_slice() {
        [] => "none is shut out".to_owned(),
        some => format!("shut out: {}", until(some)),
    };
    text + "\n"
}

fn counted(codes: &CodeCounter, now: Timestamp) -> String {
    let looked_at = looked_at(codes.admit(now).err());
    format!("{} in 31 days; {looked_at}", codes.failures(now))
}

fn until(sources: &[(Network, Timestamp)]) -> String {
    let sources = sources.iter();
    let sources = sources.map(|(source, until)| format!("{} until {until}", source.address()));
    sources.collect::<Vec<_>>().join(", ")
}

fn clients(clients: &[&Client]) -> String {
    let named = |client: &&Client| {
        format!(
            "{} ({}, {})",
            printable(&client.name),
            client.subnet,
            position(client.position)
        )
    };
    let told = clients.iter().take(CLIENTS_TOLD_MAX).map(named);
    let told: Vec<String> = told.collect();
    let others = clients.len() - told.len();
    match (told.as_slice(), others) {
        ([], _) => "radius clients: none takes this user\n".to_owned(),
        (told, 0) => format!("radius clients: {}\n", told.join(", ")),
        (told, others) => format!("radius clients: {}, and {others} more\n", told.join(", ")),
    }
}

fn position(position: CodePosition) -> &'static str {
    match position {
        CodePosition::Challenge => "code in answer to a challenge",
        CodePosition::AfterPassword => "code after the password",
        CodePosition::BeforePassword => "code before the password",
        CodePosition::Separator(_) | CodePosition::SeparatorAlone(_) => "code behind a separator",
        CodePosition::CodeOnly => "code alone",
        CodePosition::Beside => "code beside the password",
    }
}

fn refusals(rows: &[LoginRow]) -> String {
    if rows.is_empty() {
        return "latest refusals: none\n".to_owned();
    }
    let rows: String = rows.iter().map(login).collect();
    format!("latest refusals:\n{rows}")
}

fn verdict(outlook: &Outlook) -> String {
    let mut text = String::new();
    for refusal in &outlook.partial {
        text += &told("in the way at one place", refusal);
    }
    for refusal in &outlook.obstacles {
        text += &told("in the way", refusal);
    }
    let verdict = match (outlook.obstacles.len(), &outlook.recoverable) {
        (0, None) if outlook.partial.is_empty() => "nothing stands in the way".to_owned(),
        (0, None) => "could log in, but not from everywhere".to_owned(),
        (0, Some(refusal)) => {
            text += &told("in the way of the token's codes", refusal);
            "could log in, by a recovery code or pass alone".to_owned()
        }
        (1, _) => "could not log in: one thing stands in the way".to_owned(),
        (some, _) => format!("could not log in: {some} things stand in the way"),
    };
    format!("{text}{CHECK_VERDICT}{verdict}\n")
}

fn told(how: &str, refusal: &Refusal) -> String {
    let token = refusal
        .token
        .map_or_else(String::new, |token| format!(", token {token}"));
    explained(how, refusal.reason, &token, refusal.evidence.as_deref())
}
