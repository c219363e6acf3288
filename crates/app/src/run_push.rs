//! `symbolon app push`: shows logins that wait, and takes the person's word.

use crate::args::Push;
use crate::contents::Contents;
use crate::error::AppError;
use crate::push::{Heard, PushFailure, Relay, Requests};
use crate::run::Surroundings;
use crate::screen;
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
    let relay = Relay::find(contents, (world.now_unix)()).await?;
    if let Some(error) = relay.clock_error() {
        writeln!(world.out, "{error}. Set it, or your codes are refused.")?;
    }
    match decided(&push)? {
        Some(decision) => {
            let waiting = waiting(&relay, contents, world);
            let request = tokio::time::timeout(ANSWER_WAIT, waiting).await;
            let request = request.map_err(|_| PushFailure::Nothing)??;
            show(&relay, &request, world)?;
            answer(&relay, contents, &request, decision, world).await
        }
        None => converse(&relay, contents, push.once, world).await,
    }
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

/// The first login that waits.
async fn waiting(
    relay: &Relay,
    contents: &Contents,
    world: &Surroundings<'_>,
) -> Result<LoginRequest, AppError> {
    loop {
        let mut requests = relay.listen(contents).await?;
        while let Some(heard) = requests.next(contents, world.now_unix).await? {
            if let Heard::Login(request) = heard {
                return Ok(*request);
            }
        }
    }
}

async fn converse(
    relay: &Relay,
    contents: &Contents,
    once: bool,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let mut typed = BufReader::new(stdin()).lines();
    let mut waiting = VecDeque::new();
    writeln!(world.out, "Waiting for logins. Ctrl-C ends.")?;
    loop {
        let mut requests = relay.listen(contents).await?;
        while let Some(request) = next(&mut requests, &mut waiting, contents, world).await? {
            show(relay, &request, world)?;
            write!(world.out, "{}", screen::login_choices(request.approval))?;
            world.out.flush()?;
            let now_unix = world.now_unix;
            let left = request
                .expires_unix
                .saturating_sub(relay.time_at_server(now_unix()));
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
                () = withdrawn(&mut requests, request.session, &mut waiting, contents, now_unix) => {
                    End::Over("It waits no longer.")
                }
            };
            match end {
                End::Said(decision) => answer(relay, contents, &request, decision, world).await?,
                End::Over(why) => writeln!(world.out, "\n{why}")?,
            }
            if once {
                return Ok(());
            }
        }
    }
}

/// What a login that is shown comes to.
enum End {
    Said(Decision),
    Over(&'static str),
}

/// The next login to show; nothing when the stream has ended.
async fn next(
    requests: &mut Requests,
    waiting: &mut VecDeque<LoginRequest>,
    contents: &Contents,
    world: &Surroundings<'_>,
) -> Result<Option<LoginRequest>, AppError> {
    if let Some(request) = waiting.pop_front() {
        return Ok(Some(request));
    }
    while let Some(heard) = requests.next(contents, world.now_unix).await? {
        if let Heard::Login(request) = heard {
            return Ok(Some(*request));
        }
    }
    Ok(None)
}

/// Until a login needs no answer any more. Others that come wait for their turn.
async fn withdrawn(
    requests: &mut Requests,
    shown: PushSession,
    waiting: &mut VecDeque<LoginRequest>,
    contents: &Contents,
    now_unix: &(dyn Fn() -> u64 + Sync),
) {
    while let Ok(Some(heard)) = requests.next(contents, now_unix).await {
        match heard {
            Heard::Login(request) => waiting.push_back(*request),
            Heard::Withdrawn(session) if session == shown => return,
            Heard::Withdrawn(session) => waiting.retain(|request| request.session != session),
        }
    }
    // The stream has ended: what is shown ends by its time.
    std::future::pending::<()>().await;
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
    relay: &Relay,
    contents: &Contents,
    request: &LoginRequest,
    decision: Decision,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    relay.answer(contents, request, decision).await?;
    let told = match decision {
        Decision::Approve(_) => "Approved. The login goes on if the number is right.",
        Decision::Deny => "Denied.",
        Decision::NotMe => "Denied and reported: the administrator is warned.",
    };
    Ok(writeln!(world.out, "{told}")?)
}
