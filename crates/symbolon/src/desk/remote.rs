//! The desk on another machine, asked over HTTPS.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use data_encoding::HEXLOWER;
use gateway::clock;
use registry::{DESK_PATH, MESSAGE_ID_HEADER, WITH_TEXT};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::Value;
use softtoken::address::ServerUrl;

use super::answer::Answer;
use super::arguments;
use super::parcel::Parcel;
use crate::https_client;

/// A customer with the most products and licences that one answer has takes some 10 MiB.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Where it is, whom it is trusted by, and who asks.
#[derive(Debug)]
pub(super) struct Remote<'a> {
    pub(super) server: &'a ServerUrl,
    pub(super) ca: &'a Path,
    pub(super) identity: &'a Path,
}

impl Remote<'_> {
    /// Has it carry out a command.
    pub(super) fn ask(&self, request: &Parcel) -> Result<Answer> {
        let (command, arguments) = arguments::object(request)?;
        crate::runtime()?.block_on(self.post(&command, arguments.to_string()))
    }

    async fn post(&self, command: &str, arguments: String) -> Result<Answer> {
        let client = https_client::client(self.ca, Some(self.identity))?;
        let request = client
            .post(format!("{}{DESK_PATH}{command}", self.server))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, WITH_TEXT)
            .header(MESSAGE_ID_HEADER, HEXLOWER.encode(&clock::random::<16>()?))
            .body(arguments);
        let (status, answer) = https_client::send(request, self.server, MAX_ANSWER_BYTES).await?;
        if status.is_success() {
            return serde_json::from_slice(&answer).context("no answer of a desk");
        }
        match refusal(&answer) {
            Some(message) => bail!(message),
            None => Err(no_desk(status)),
        }
    }
}

/// The text in `{"error":{"message":…}}`.
fn refusal(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let message = answer.pointer("/error/message")?.as_str()?;
    Some(message.to_owned())
}

fn no_desk(status: StatusCode) -> anyhow::Error {
    anyhow!(
        "{status}: this is not the desk; its address is `desk` under [registry] in the token server's symbolon.toml"
    )
}
