//! `symbolon app push`: shows logins that wait, and takes the person's word.

use crate::args::Push;
use crate::contents::{Contents, Server};
use crate::error::AppError;
use crate::hearing::{Hearing, Line, News};
use crate::push::{PushFailure, Relay};
use crate::run::Surroundings;
use crate::screen;
use crate::vault::VaultError;
use ident::TokenSerial;
use softtoken::push::{Approval, Decision, LoginRequest, PushNumber, PushSession};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin};

/// How long a command that answers waits for the login.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Answers one login as the command line says, or every one as the person types.
pub(crate) async fn run(
    push: Push,
    contents: &Contents,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let decision = decided(&push)?;
    let token = push.token.as_deref().map(|name| issued(contents, name));
    let token = token.transpose()?;
    if decision.is_some() && token.is_none() {
        refuse_choice(contents)?;
    }
    let parts = match token {
        // Whether its logins are heard does not hang on other token servers.
        Some((_, server)) => contents.part_of(&server.url).map(|part| vec![part]),
        None => contents.parts(),
    };
    let mut logins = Logins {
        hearing: Hearing::begin(parts.map_err(VaultError::from)?, world.now_unix),
        token: token.map(|(serial, _)| serial),
        later: VecDeque::new(),
    };
    match decision {
        Some(decision) => {
            let waiting = tokio::time::timeout(ANSWER_WAIT, logins.next(world)).await;
            let (line, request) = waiting.map_err(|_| PushFailure::Nothing)??;
            show(&line.relay, &request, world)?;
            answer(&line, &request, decision, world).await
        }
        None => converse(&mut logins, push.once, world).await,
    }
}

/// The logins that wait, and what was heard while another was shown.
struct Logins<'a> {
    hearing: Hearing<'a>,
    /// For which token alone, if it was said.
    token: Option<TokenSerial>,
    later: VecDeque<News>,
}

impl Logins<'_> {
    /// The next login to show. What else is heard is told.
    async fn next(
        &mut self,
        world: &mut Surroundings<'_>,
    ) -> Result<(Line, LoginRequest), AppError> {
        loop {
            let news = match self.later.pop_front() {
                Some(news) => news,
                None => self.hearing.next().await,
            };
            match news {
                News::Login(line, request) if self.is_meant(&request) => {
                    return Ok((line, *request));
                }
                News::Login(_, request) => writeln!(
                    world.notes,
                    "A login for {} waits, too: it is passed over.",
                    request.token
                )?,
                News::Withdrawn(_) => {}
                News::Clock(wrong) => {
                    writeln!(world.out, "{wrong}. Set it, or your codes are refused.")?;
                }
                News::Lost(_, why) if self.hearing.is_in_vain() && self.later.is_empty() => {
                    return Err(why);
                }
                News::Lost(server, why) => writeln!(
                    world.notes,
                    "Logins of {server} are not heard: {why}. {}",
                    why.next_step()
                )?,
                News::Back(server) => writeln!(world.notes, "Logins of {server} are heard now.")?,
            }
        }
    }

    fn is_meant(&self, request: &LoginRequest) -> bool {
        self.token.is_none_or(|token| token == request.token)
    }

    /// Until a login needs no answer any more. Others that come wait for their turn.
    async fn withdrawn(&mut self, shown: PushSession) {
        loop {
            match self.hearing.next().await {
                News::Withdrawn(session) if session == shown => return,
                News::Withdrawn(session) => self.later.retain(
                    |news| !matches!(news, News::Login(_, request) if request.session == session),
                ),
                news => self.later.push_back(news),
            }
        }
    }
}

/// The token that is meant by a name or a serial, and its token server.
fn issued<'a>(contents: &'a Contents, name: &str) -> Result<(TokenSerial, &'a Server), AppError> {
    let token = contents.token(name)?;
    let not_issued = |_| PushFailure::NotIssued(token.name().clone());
    Ok(token.issued().map_err(not_issued)?)
}

/// Whoever answers without being asked cannot tell whose login comes first.
fn refuse_choice(contents: &Contents) -> Result<(), AppError> {
    if contents.is_of_several_servers() {
        let issued = contents.tokens().iter().filter(|it| it.serial().is_some());
        let names = issued.map(|token| token.name().clone()).collect();
        return Err(PushFailure::SeveralServers(names).into());
    }
    Ok(())
}

fn show(
    relay: &Relay,
    request: &LoginRequest,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let now_unix = relay.time_at_server((world.now_unix)());
    Ok(write!(world.out, "{}", screen::login(request, now_unix))?)
}

/// What the command line says, if it says anything.
fn decided(push: &Push) -> Result<Option<Decision>, AppError> {
    Ok(match &push.approve {
        Some(number) if number.is_empty() => Some(Decision::Approve(None)),
        Some(number) => {
            let number = PushNumber::parse(number).map_err(|_| AppError::PushNumber)?;
            Some(Decision::Approve(Some(number)))
        }
        None if push.deny => Some(Decision::Deny),
        None if push.not_me => Some(Decision::NotMe),
        None => None,
    })
}

async fn converse(
    logins: &mut Logins<'_>,
    once: bool,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let mut typed = BufReader::new(stdin()).lines();
    writeln!(world.out, "Waiting for logins. Ctrl-C ends.")?;
    loop {
        let (line, request) = logins.next(world).await?;
        show(&line.relay, &request, world)?;
        write!(world.out, "{}", screen::login_choices(request.approval))?;
        world.out.flush()?;
        let now_unix = line.relay.time_at_server((world.now_unix)());
        let left = request.expires_unix.saturating_sub(now_unix);
        let word = word(&mut typed, request.approval, world);
        let word = tokio::time::timeout(Duration::from_secs(left), word);
        let end = tokio::select! {
            word = word => match word {
                Ok(said) => match said? {
                    Some(decision) => End::Said(decision),
                    // Nobody types any more.
                    None => return Ok(()),
                },
                Err(_) => End::Over("The time for it is over."),
            },
            () = logins.withdrawn(request.session) => End::Over("It waits no longer."),
        };
        match end {
            End::Said(decision) => match answer(&line, &request, decision, world).await {
                Ok(()) => {}
                // It is asked again: the person may try once more.
                Err(AppError::Push(why)) if !once => {
                    let why = AppError::from(why);
                    writeln!(world.notes, "{why}. {}", why.next_step())?;
                    logins
                        .later
                        .push_front(News::Login(line, Box::new(request)));
                }
                Err(error) => return Err(error),
            },
            End::Over(why) => writeln!(world.out, "\n{why}")?,
        }
        if once {
            return Ok(());
        }
    }
}

/// What a login that is shown comes to.
enum End {
    Said(Decision),
    Over(&'static str),
}

/// What the person types, until it is an answer; nothing at the end of the input.
async fn word(
    typed: &mut Lines<BufReader<Stdin>>,
    approval: Approval,
    world: &mut Surroundings<'_>,
) -> Result<Option<Decision>, AppError> {
    while let Some(line) = typed.next_line().await? {
        let line = line.trim().to_lowercase();
        let decision = match (&*line, approval) {
            ("no" | "n" | "deny", _) => Some(Decision::Deny),
            ("not me" | "notme", _) => Some(Decision::NotMe),
            ("yes" | "y", Approval::Tap) => Some(Decision::Approve(None)),
            (number, Approval::Number) => PushNumber::parse(number)
                .ok()
                .map(|number| Decision::Approve(Some(number))),
            _ => None,
        };
        match decision {
            Some(decision) => return Ok(Some(decision)),
            None => {
                write!(world.out, "{}", screen::login_choices(approval))?;
                world.out.flush()?;
            }
        }
    }
    Ok(None)
}

async fn answer(
    line: &Line,
    request: &LoginRequest,
    decision: Decision,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let Line { contents, relay } = line;
    relay.answer(contents, request, decision).await?;
    let told = match decision {
        Decision::Approve(_) => "Approved. The login goes on if the number is right.",
        Decision::Deny => "Denied.",
        Decision::NotMe => "Denied and reported: the administrator is warned.",
    };
    Ok(writeln!(world.out, "{told}")?)
}
