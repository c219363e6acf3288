//! Servers that may know somebody without a record, asked one after the other.

use std::cell::OnceCell;
use std::time::Instant;

use domain::backend::BackendName;
use domain::name::CanonicalName;
use domain::password::Presented;
use domain::reason::Reason;
use domain::remote::{RemoteCheck, RemoteVerified, Source, Told};
use store::gateway::GatewayStore;

use super::{Answer, Backends, Credentials, Held, Said, by};

/// What the servers made of somebody without a record.
#[derive(Debug)]
pub(crate) enum CheckedSources {
    /// One knows the password, and vouches for groups.
    Vouched(RemoteVerified),
    /// One knows the password, and nobody is let in by it: why, and what each of them said.
    Known(Reason, String),
    /// One lets the account not log in, whatever the password, and none has judged that: why, and what each of them
    /// said.
    Held(Held, String),
    /// None takes the password: why, and what each of them said.
    Wrong(Reason, String),
    /// One did not decide, and to another the password is wrong: what each of them did.
    WrongToSome(String),
    /// One did not decide, and to no other the password is wrong: what each of them did.
    Undecided(String),
}

impl Backends {
    /// Has the password of somebody without a record checked: by one server after the other, all within
    /// the one deadline, until one vouches or knows that the name leads around a record. This is the one place
    /// where their yes becomes a proof.
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
            if let Some(checked) = heard.take(answer, check, source, &self.store) {
                return checked;
            }
        }
        heard.verdict()
    }
}

/// What the servers said so far of somebody whom none has vouched for.
#[derive(Default)]
struct Heard {
    refused: Option<(Tells, Reason)>,
    silent: Vec<BackendName>,
    said: Vec<String>,
}

impl Heard {
    /// What is decided by this answer, whatever the others would say.
    fn take(
        &mut self,
        answer: Answer,
        check: &RemoteCheck,
        source: &Source,
        store: &GatewayStore,
    ) -> Option<CheckedSources> {
        let name = &source.backend;
        let (said, server, took) = match answer {
            Answer::Said { said, server, took } => (said, server, took),
            Answer::None(why) => {
                self.said.push(format!("{name}: {why}"));
                self.silent.push(name.clone());
                return None;
            }
        };
        let by = format!("{name}, {}", by(&server, took));
        let (tells, reason, words) = match said {
            Said::Right(told) => {
                let unknown = OnceCell::new();
                let has_record = |name: &CanonicalName| {
                    store.has_record(name).unwrap_or_else(|why| {
                        unknown.get_or_init(|| why);
                        true
                    })
                };
                let confirmed = check.confirmed(source, &told, has_record);
                if let Some(why) = unknown.get() {
                    return Some(CheckedSources::Undecided(format!("{by}: {why}")));
                }
                match confirmed {
                    Ok(verified) => return Some(self.vouched(verified, &by, name, store)),
                    Err(reason) => (Tells::Right, reason, in_none(&told)),
                }
            }
            Said::Wrong(words) => (Tells::Wrong, Reason::PasswordWrong, words),
            Said::Nobody(words) => (Tells::Nobody, Reason::PasswordWrong, words),
            Said::Expired(words) => (Tells::Right, Reason::PasswordExpired, words),
            Said::Held(Held::PasswordExpired, words) => {
                (Tells::Right, Reason::PasswordExpired, words)
            }
            Said::Held(held @ Held::Locked, words) => (Tells::Locked, held.reason(), words),
            Said::Challenge => {
                let words = "Access-Challenge".to_owned();
                (Tells::Nothing, Reason::BackendChallenge, words)
            }
        };
        self.said.push(format!("{by}: {words}"));
        // What one server knows of a name is not undone by another that does not know it.
        if reason == Reason::NameOfAnother {
            return Some(CheckedSources::Known(reason, self.said.join("; ")));
        }
        if self.refused.is_none_or(|(most, _)| tells > most) {
            self.refused = Some((tells, reason));
        }
        None
    }

    /// A server that was silent may know by which other name the person has a record; whoever takes it away takes
    /// that away with it. Only another entry of the same directory would have said the same.
    fn vouched(
        &mut self,
        verified: RemoteVerified,
        by: &str,
        name: &BackendName,
        store: &GatewayStore,
    ) -> CheckedSources {
        let backend = store.backend(name);
        let speaks_for = |silent: &&BackendName| {
            let pair = backend.as_ref().zip(store.backend(silent));
            pair.is_some_and(|(backend, silent)| backend.is_one_directory_with(&silent))
        };
        let Some(silent) = self.silent.iter().find(|silent| !speaks_for(silent)) else {
            return CheckedSources::Vouched(verified);
        };
        self.said.push(format!(
            "{by}: the password is right, but {silent} may know the user by a name that has an entry here"
        ));
        CheckedSources::Undecided(self.said.join("; "))
    }

    fn verdict(self) -> CheckedSources {
        let said = self.said.join("; ");
        match self.refused.map(|(_, reason)| reason) {
            Some(Reason::PasswordWrong) if !self.silent.is_empty() => {
                CheckedSources::WrongToSome(said)
            }
            _ if !self.silent.is_empty() => CheckedSources::Undecided(said),
            Some(Reason::AccountLockedElsewhere) => CheckedSources::Held(Held::Locked, said),
            Some(reason @ (Reason::GroupMissing | Reason::PasswordExpired)) => {
                CheckedSources::Known(reason, said)
            }
            Some(reason) => CheckedSources::Wrong(reason, said),
            None => CheckedSources::Wrong(Reason::PasswordWrong, said),
        }
    }
}

/// How much a server's refusal tells of the password, least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Tells {
    /// Some servers send a challenge to whoever asks.
    Nothing,
    /// Whoever has the name is somewhere else.
    Nobody,
    /// The account is there, and whose word it would be is not asked.
    Locked,
    /// A server has judged it. That another holds something against the account makes it no less of a guess.
    Wrong,
    /// What is known of one who has the right password says more than that others do not know it.
    Right,
}

/// The same, and what was not looked at.
fn in_none(told: &Told) -> String {
    let known = vouched_for_nobody(told);
    match &told.unread {
        Some(unread) => format!("{known}; {unread}"),
        None => known.to_owned(),
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
