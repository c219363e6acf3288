//! `symbolon app push`: shows logins that wait, and takes the person's word.

use crate::args::Push;
use crate::contents::Contents;
use crate::error::AppError;
use crate::push::{PushFailure, Relay};
use crate::run::Surroundings;
use crate::screen;
use softtoken::push::{Approval, Decision, LoginRequest, PushNumber};
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
    let relay = Relay::find(contents).await?;
    match decided(&push)? {
        Some(decision) => {
            let waiting = waiting(&relay, contents, world);
            let request = tokio::time::timeout(ANSWER_WAIT, waiting).await;
            let request = request.map_err(|_| PushFailure::Nothing)??;
            write!(world.out, "{}", screen::login(&request, (world.now_unix)()))?;
            answer(&relay, contents, &request, decision, world).await
        }
        None => converse(&relay, contents, push.once, world).await,
    }
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
        if let Some(request) = requests.next(contents, world.now_unix).await? {
            return Ok(request);
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
    writeln!(world.out, "Waiting for logins. Ctrl-C ends.")?;
    loop {
        let mut requests = relay.listen(contents).await?;
        while let Some(request) = requests.next(contents, world.now_unix).await? {
            write!(world.out, "{}", screen::login(&request, (world.now_unix)()))?;
            write!(world.out, "{}", screen::login_choices(request.approval))?;
            world.out.flush()?;
            let left = request.expires_unix.saturating_sub((world.now_unix)());
            let word = word(&mut typed, request.approval, world);
            match tokio::time::timeout(Duration::from_secs(left), word).await {
                Ok(Ok(Some(decision))) => {
                    answer(relay, contents, &request, decision, world).await?;
                }
                // Nobody types any more.
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_) => writeln!(world.out, "\nThe time for it is over.")?,
            }
            if once {
                return Ok(());
            }
        }
    }
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
