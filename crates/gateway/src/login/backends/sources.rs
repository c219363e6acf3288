//! Servers that may know somebody without a record, asked one after the other.

use std::time::Instant;

use domain::password::Presented;
use domain::reason::Reason;
use domain::remote::{RemoteCheck, RemoteVerified, Source, Told};
use store::gateway::GatewayStore;

use super::{Answer, Backends, Credentials, Said, by};

/// What the servers made of somebody without a record.
#[derive(Debug)]
pub(crate) enum CheckedSources {
    /// One knows the password, and vouches for groups.
    Vouched(RemoteVerified),
    /// One knows the password, and nobody is let in by it: why, and what each of them said.
    Known(Reason, String),
    /// None takes the password: why, and what each of them said.
    Wrong(Reason, String),
    /// One did not decide, and to another the password is wrong: what each of them did.
    WrongToSome(String),
    /// One did not decide, and to no other the password is wrong: what each of them did.
    Undecided(String),
}

impl Backends {
    /// Has the password of somebody without a record checked: by one server after the other, all within
    /// the one deadline, until one vouches. This is the one place where their yes becomes a proof.
    pub(crate) async fn check_sources(
        &self,
        check: &RemoteCheck,
        presented: &Presented,
    ) -> CheckedSources {
        let mut heard = Heard::default();
        let began = Instant::now();
        for (at, source) in check.sources().iter().enumerate() {
            let Some(credentials) = Credentials::new(check.login(), presented) else {
                break;
            };
            let left = self
                .patience(source.backend.vdom)
                .saturating_sub(began.elapsed());
            let others = u32::try_from(check.sources().len() - at).unwrap_or(1);
            let asked = source.asked();
            let credentials = credentials.with_groups(&asked);
            let answer = self.ask(&source.backend, &credentials, left / others).await;
            if let Some(verified) = heard.take(answer, check, source, &self.store) {
                return CheckedSources::Vouched(verified);
            }
        }
        heard.verdict()
    }
}

/// What the servers said so far of somebody whom none has vouched for.
#[derive(Default)]
struct Heard {
    refused: Option<Reason>,
    is_undecided: bool,
    said: Vec<String>,
}

impl Heard {
    fn take(
        &mut self,
        answer: Answer,
        check: &RemoteCheck,
        source: &Source,
        store: &GatewayStore,
    ) -> Option<RemoteVerified> {
        let name = &source.backend;
        let (said, server, took) = match answer {
            Answer::Said { said, server, took } => (said, server, took),
            Answer::None(why) => {
                self.is_undecided = true;
                self.said.push(format!("{name}: {why}"));
                return None;
            }
        };
        let (reason, words) = match said {
            Said::Right(told) => {
                match check.confirmed(source, &told, |name| store.has_record(name)) {
                    Ok(verified) => return Some(verified),
                    Err(reason) => (reason, vouched_for_nobody(&told).to_owned()),
                }
            }
            Said::Expired(words) | Said::Wrong(words) => (Reason::PasswordWrong, words),
            Said::Challenge => (Reason::BackendChallenge, "Access-Challenge".to_owned()),
        };
        let by = by(&server, took);
        self.said.push(format!("{name}, {by}: {words}"));
        if self.refused.is_none_or(|it| tells(reason) > tells(it)) {
            self.refused = Some(reason);
        }
        None
    }

    fn verdict(self) -> CheckedSources {
        let said = self.said.join("; ");
        match self.refused {
            Some(Reason::PasswordWrong) if self.is_undecided => CheckedSources::WrongToSome(said),
            _ if self.is_undecided => CheckedSources::Undecided(said),
            Some(reason @ (Reason::NameOfAnother | Reason::GroupMissing)) => {
                CheckedSources::Known(reason, said)
            }
            Some(reason) => CheckedSources::Wrong(reason, said),
            None => CheckedSources::Wrong(Reason::PasswordWrong, said),
        }
    }
}

/// How much a server's refusal tells of the password. What is known of one who has the right password says
/// more than that others do not know it, and a challenge nothing: some servers send one to whoever asks.
fn tells(reason: Reason) -> u8 {
    match reason {
        Reason::BackendChallenge => 0,
        Reason::PasswordWrong => 1,
        _ => 2,
    }
}

/// The evidence of a right password that lets nobody in.
pub(crate) fn vouched_for_nobody(told: &Told) -> &'static str {
    if told.names.is_empty() {
        "the password is right, but whose it is was not said: the server must send User-Name in its \
         Access-Accept"
    } else {
        "the password is right"
    }
}
