//! What one agent asks and another one approves.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use domain::audit::Actor;
use domain::licensing::{
    AgentName, DeskRequest, DualControl, RequestNumber, RequestState, RequestTerms,
};
use domain::time::Timestamp;
use otp::seed_file::MakerSerial;
use registry::Desk;
use serde::Serialize;
use serde_json::{Value, json};
use store::registry::RequestFilter;

use super::answer::{Answer, is_made, moment};
use super::command::Why;
use super::{arguments, shown};

/// What is said of what another agent asked.
#[derive(Debug, Subcommand)]
pub(super) enum VerdictCommand {
    /// Have done what another agent asked for
    Approve {
        /// Its number
        #[arg(value_parser = request_number)]
        request: RequestNumber,
        /// Where the certificate of a licence's code goes: a .pdf or .txt file that is not there yet
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
    },
    /// Close a request that is not to be done
    Reject {
        /// Its number
        #[arg(value_parser = request_number)]
        request: RequestNumber,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RequestCommand {
    /// List the requests that wait for another agent
    ListRequests {
        /// Also those that are closed
        #[arg(long)]
        all: bool,
        /// Those behind this number, a hundred at a time; else the latest
        #[arg(long, value_name = "NUMBER", value_parser = request_number)]
        after: Option<RequestNumber>,
    },
    /// Show a request with all that would be done
    Request {
        /// Its number
        #[arg(value_parser = request_number)]
        request: RequestNumber,
    },
    /// Change a setting of the desk
    Set {
        /// Which
        #[arg(value_enum)]
        setting: Setting,
        /// Enable or disable
        value: DualControl,
    },
    /// Show the settings of the desk
    Settings,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Setting {
    /// Whether what gives something away needs two agents
    DualControl,
}

impl VerdictCommand {
    /// The file for a redemption certificate.
    pub(super) fn certificate(&self) -> Option<&Path> {
        match self {
            Self::Approve { certificate, .. } => certificate.as_deref(),
            Self::Reject { .. } => None,
        }
    }
}

impl RequestCommand {
    pub(super) async fn carry_out(self, actor: Actor, desk: &Desk) -> Result<Answer> {
        match self {
            Self::ListRequests { all, after } => {
                let filter = if all {
                    RequestFilter::All
                } else {
                    RequestFilter::Waiting
                };
                list(filter, after, desk).await
            }
            Self::Request { request } => show(request, desk).await,
            Self::Set { setting, value } => set(actor, setting, value, desk).await,
            Self::Settings => settings(desk).await,
        }
    }
}

/// Closes a request that is not to be done.
pub(super) async fn reject(
    actor: Actor,
    request: RequestNumber,
    terms: RequestTerms,
    why: Why,
    desk: &Desk,
) -> Result<Answer> {
    desk.reject_request(actor, request, terms, why.reason)
        .await?;
    let text = format!("request {request} is rejected\n");
    Ok(Answer::new(
        text,
        &json!({ "request": request.0, "state": "rejected" }),
    )?)
}

async fn set(
    actor: Actor,
    Setting::DualControl: Setting,
    value: DualControl,
    desk: &Desk,
) -> Result<Answer> {
    let change = desk.set_dual_control(actor, value).await?;
    let data = json!({ "dual_control": value.id(), "changed": is_made(change) });
    Ok(Answer::new(format!("dual-control is {value}d\n"), &data)?)
}

async fn settings(desk: &Desk) -> Result<Answer> {
    let value = desk.dual_control().await?;
    let data = json!({ "dual_control": value.id() });
    Ok(Answer::new(format!("set dual-control {value}\n"), &data)?)
}

async fn list(filter: RequestFilter, after: Option<RequestNumber>, desk: &Desk) -> Result<Answer> {
    let (requests, now) = desk.requests(filter, after).await?;
    let width = AgentName::MAX_CHARS;
    let mut text = format!(
        "REQUEST  {:<width$}  UNTIL                 STATE\n",
        "AGENT"
    );
    for request in &requests {
        let DeskRequest {
            number,
            agent,
            command,
            arguments,
            ..
        } = request;
        let (expires, state) = (request.expires(), word(request, now));
        writeln!(text, "{number:>7}  {agent:<width$}  {expires}  {state}")?;
        writeln!(text, "         {command} {arguments}")?;
        text += &fate(request, state)?;
    }
    let views: Vec<_> = requests.iter().map(|it| RequestView::of(it, now)).collect();
    Ok(Answer::new(text, &json!({ "requests": views }))?)
}

async fn show(number: RequestNumber, desk: &Desk) -> Result<Answer> {
    let (request, now) = desk.request(number).await?;
    let serials = match request.state(now) {
        RequestState::Waiting => {
            let waiting = desk.waiting_request(number).await?;
            let came = arguments::parcel(&request.command, waiting.arguments.as_bytes())?;
            shown::serials(&request.command, &came.files)?
        }
        RequestState::Expired | RequestState::Closed(_) => Vec::new(),
    };
    let view = RequestView::of(&request, now);
    let mut text = format!(
        "Request:  {number}\nAgent:    {}\nAsked:    {}\nUntil:    {}\nState:    {}\nCommand:  {}\n",
        request.agent,
        request.asked,
        request.expires(),
        view.state,
        request.command
    );
    for (name, value) in view.arguments.as_object().into_iter().flatten() {
        writeln!(text, "  {name}: {value}")?;
    }
    for serial in &serials {
        writeln!(text, "    {serial}", serial = serial.as_str())?;
    }
    text += &fate(&request, view.state)?;
    let serials: Vec<_> = serials.iter().map(MakerSerial::as_str).collect();
    let mut data = serde_json::to_value(view)?;
    data["serials"] = json!(serials);
    Ok(Answer::new(text, &data)?)
}

/// What became of it.
fn fate(request: &DeskRequest, state: &str) -> Result<String> {
    let mut text = String::new();
    if let Some(closed) = &request.closed {
        writeln!(text, "         {state} at {} by {}", closed.at, closed.by)?;
        if let Some(why) = &closed.refusal {
            writeln!(text, "         not done: {why}")?;
        }
    }
    Ok(text)
}

/// What is answered to who asked.
pub(super) fn kept(request: &DeskRequest) -> Result<Answer> {
    let number = request.number;
    let text = format!(
        "request {number} waits until {} for another agent: symbolon desk approve {number}\n",
        request.expires()
    );
    Ok(Answer::new(text, &RequestView::of(request, request.asked))?)
}

#[derive(Serialize)]
struct RequestView {
    request: u32,
    agent: String,
    command: String,
    arguments: Value,
    asked: String,
    expires: String,
    state: &'static str,
    closed: Option<String>,
    closed_by: Option<String>,
    refusal: Option<String>,
}

impl RequestView {
    fn of(request: &DeskRequest, now: Timestamp) -> Self {
        let closed = request.closed.as_ref();
        Self {
            request: request.number.0,
            agent: request.agent.to_string(),
            command: request.command.to_string(),
            // It was an object when it came.
            arguments: serde_json::from_str(&request.arguments).unwrap_or_default(),
            asked: moment(request.asked),
            expires: moment(request.expires()),
            state: word(request, now),
            closed: closed.map(|it| moment(it.at)),
            closed_by: closed.map(|it| it.by.to_string()),
            refusal: closed.and_then(|it| it.refusal.as_deref().map(str::to_owned)),
        }
    }
}

fn word(request: &DeskRequest, now: Timestamp) -> &'static str {
    match request.state(now) {
        RequestState::Waiting => WAITING,
        RequestState::Expired => "expired",
        RequestState::Closed(verdict) => verdict.id(),
    }
}

const WAITING: &str = "waiting";

/// Whether an answer says that another agent has to approve first.
pub(super) fn is_waiting(answer: &Value) -> bool {
    answer.get("state").is_some_and(|state| state == WAITING)
}

fn request_number(text: &str) -> Result<RequestNumber, String> {
    let number = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    Ok(RequestNumber(number))
}
