//! Where commands are taken: what the caller may, whether another agent has to approve it, and that it is
//! done.

use std::fmt;

use anyhow::{Error, Result, bail, ensure};
use domain::audit::Actor;
use domain::licensing::{Agent, DualControl, RequestNumber, Role, RoleRefusal, Sight};
use gateway::clock;
use registry::{Desk, DeskError, Progress};
use store::Undecided;
use store::registry::{AgentMessage, NewRequest, WaitingRequest};
use zeroize::Zeroizing;

use super::answer::Answer;
use super::command::{Command, Input, Why};
use super::hardware::{self, HardwareCommand};
use super::parcel::{Content, Parcel};
use super::requests::{self, VerdictCommand};
use super::rights::{Approval, OwnUse, Right};
use super::{arguments, parsed, shown, work};

/// How audit events name what agents do.
const INTERFACE: &str = "api";

/// Octets of the arguments that wait for another agent: a list of ten thousand serials in base64. What has
/// no list comes in a shorter body.
const WAITING_MAX_BYTES: usize = 256 << 10;

/// Who has a command carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Caller {
    /// The owner of the data directory, who could change the database itself: bounds would bind nobody.
    Owner(Actor),
    /// An agent.
    Agent(Agent),
}

impl Caller {
    /// Demands that they may what takes `right`.
    fn demand_right(&self, right: Right) -> Result<(), RoleRefusal> {
        match (self, right.own_use) {
            (Self::Agent(Agent { post, .. }), OwnUse::Open) if post.account().is_some() => Ok(()),
            _ => self.demand(right.role),
        }
    }

    fn sight(&self) -> Sight {
        match self {
            Self::Owner(_) => Sight::Everything,
            Self::Agent(agent) => agent.post.sight(),
        }
    }

    fn demand(&self, role: Role) -> Result<(), RoleRefusal> {
        match self {
            Self::Owner(_) => Ok(()),
            Self::Agent(agent) => agent.demand(role),
        }
    }

    fn actor(&self) -> Actor {
        match self {
            Self::Owner(actor) => actor.clone(),
            Self::Agent(agent) => agent_actor(&agent.name),
        }
    }
}

fn agent_actor(name: impl fmt::Display) -> Actor {
    Actor {
        name: name.to_string().into(),
        interface: INTERFACE.into(),
    }
}

/// Takes a command or a verdict.
pub(super) async fn take(
    request: Parcel,
    caller: &Caller,
    desk: &Desk,
) -> Result<(Answer, Progress)> {
    let input = parsed(&request.words)?;
    let right = input.right();
    caller.demand_right(right)?;
    if let (Caller::Agent(agent), Approval::DualControl) = (caller, right.approval)
        && desk.dual_control().await? == DualControl::Enable
    {
        if let Input::Command(Command::Hardware(HardwareCommand::ImportHardware(_))) = &input {
            hardware::demand_serials(&request.files)?;
        }
        let (command, arguments) = arguments::object(&request)?;
        let length = arguments.len();
        ensure!(
            length <= WAITING_MAX_BYTES,
            "the arguments have {length} bytes, at most {WAITING_MAX_BYTES} wait for another agent; \
             split the file"
        );
        let asked = NewRequest {
            agent: agent.name.clone(),
            command: command.into(),
            arguments: arguments.as_str().into(),
            shown: shown::shown(&request, desk)?.to_string().into(),
        };
        let kept = desk.keep_request(caller.actor(), asked);
        return Ok((requests::kept(&kept.await?)?, Progress::Waiting));
    }
    let done = match input {
        Input::Verdict(VerdictCommand::Approve { request, .. }) => {
            approve(request, caller, desk).await?
        }
        Input::Verdict(VerdictCommand::Reject { request, why }) => {
            reject(request, why, caller, desk).await?
        }
        Input::Command(command) => {
            let (files, actor) = (request.files, caller.actor());
            let desk = desk.with_sight(caller.sight());
            work::carry_out(command, files, actor, &desk, clock::now()).await?
        }
    };
    Ok((done, Progress::Done))
}

/// Takes a command under a message id: if it comes again it is not done again, and gets the first answer.
/// Look-ups are simply looked up again.
pub(super) async fn take_once(
    request: Parcel,
    caller: &Caller,
    message: AgentMessage,
    desk: &Desk,
) -> Result<(Answer, Progress)> {
    let right = parsed(&request.words)?.right();
    if right.role == Role::Read {
        return take(request, caller, desk).await;
    }
    caller.demand_right(right)?;
    if let Some(first) = desk.begin_message(message.clone()).await? {
        return Ok(serde_json::from_str(&first)?);
    }
    let taken = take(request, caller, desk).await;
    let answer = match &taken {
        Ok(taken) => Some(Zeroizing::new(serde_json::to_string(taken)?)),
        // It stays begun: nobody knows whether it was done.
        Err(why) if is_unknown(why) => return taken,
        Err(_) => None,
    };
    // What was done is answered all the same: it may hold a code.
    if let Err(error) = desk.finish_message(message, answer).await {
        tracing::error!(%error, "an answer to an agent was not kept");
    }
    taken
}

fn is_unknown(why: &Error) -> bool {
    matches!(
        why.downcast_ref(),
        Some(DeskError::Undecided(
            Undecided::Unavailable(_) | Undecided::Stopped
        ))
    )
}

/// Does what another agent asked for. The command is read and decided anew; a crash between the two
/// transactions leaves it undone, and never done twice.
async fn approve(number: RequestNumber, caller: &Caller, desk: &Desk) -> Result<Answer> {
    let asked = desk.waiting_request(number).await?;
    let (command, files) = read(&asked)?;
    let terms = command.terms();
    caller.demand(terms.role)?;
    let approver = caller.actor();
    let both = agent_actor(format_args!(
        "{}, approved by {}",
        asked.request.agent, approver.name
    ));
    desk.approve_request(approver, number, terms).await?;
    let done = work::carry_out(command, files, both, desk, clock::now()).await;
    if let Err(refusal) = &done {
        desk.note_refusal(number, &crate::told(refusal)).await?;
    }
    done
}

async fn reject(number: RequestNumber, why: Why, caller: &Caller, desk: &Desk) -> Result<Answer> {
    let asked = desk.waiting_request(number).await?;
    let is_own = matches!(caller, Caller::Agent(agent) if agent.name == asked.request.agent);
    let terms = read(&asked)?.0.terms();
    if !is_own {
        caller.demand(terms.role)?;
    }
    requests::reject(caller.actor(), number, terms, why, desk).await
}

/// The command that was asked for, with its files.
fn read(asked: &WaitingRequest) -> Result<(Command, Vec<Content>)> {
    let request = arguments::parcel(&asked.request.command, asked.arguments.as_bytes())?;
    match parsed(&request.words)? {
        Input::Command(command) => Ok((command, request.files)),
        Input::Verdict(_) => bail!("request {} asks for a verdict", asked.request.number),
    }
}
