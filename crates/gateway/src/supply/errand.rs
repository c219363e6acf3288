//! Messages that go together.
//!
//! After an outage thousands of tokens may wait for their activation codes; one by one each would cost a
//! sync here and one at the token server.

use std::sync::PoisonError;

use aws_lc_rs::digest::{Context, SHA256};
use domain::admin::Message;
use domain::query::ServerReach;
use ident::{LicenceSerial, TokenSerial};
use store::gateway::Waiting;

use super::{Report, Supply};

/// What is sent at once.
#[derive(Debug)]
pub(super) enum Errand {
    /// One message.
    One(Waiting),
    /// Tokens of one licence that are made ready for phones, each by a message that was held up before.
    Provisions(Vec<Waiting>),
}

impl Errand {
    pub(super) fn messages(&self) -> &[Waiting] {
        match self {
            Self::One(waiting) => std::slice::from_ref(waiting),
            Self::Provisions(waiting) => waiting,
        }
    }
}

impl Supply {
    /// Due messages in their order, with those together that may be. What is sent for the first time goes
    /// alone: somebody waits for its answer, and for the letter that follows. So does all while the token
    /// server is away: the first that is answered tells that it is back.
    pub(super) async fn errands(&self, due: Vec<Waiting>) -> Vec<Errand> {
        if self.server.reach() == ServerReach::Unreachable {
            return due.into_iter().map(Errand::One).collect();
        }
        let together = self.together().clone();
        let mut errands: Vec<Errand> = Vec::with_capacity(due.len());
        let mut licence = None;
        for waiting in due {
            let its = self.held_up_licence(&waiting).await;
            let goes_on = its.is_some() && its == licence;
            licence = its;
            match errands.last_mut() {
                Some(Errand::Provisions(run)) if goes_on && is_of(&together, run, &waiting) => {
                    run.push(waiting);
                }
                _ if licence.is_some() => errands.push(Errand::Provisions(vec![waiting])),
                _ => errands.push(Errand::One(waiting)),
            }
        }
        errands
    }

    /// The licence of the token that a message, held up before, makes ready. A manager has some licences in
    /// its reserve, and others not: they are asked for apart.
    async fn held_up_licence(&self, waiting: &Waiting) -> Option<Option<LicenceSerial>> {
        let (Message::Provision { tokens, .. }, Some(_)) = (&waiting.message, &waiting.last_error)
        else {
            return None;
        };
        let [token] = tokens.as_slice() else {
            return None;
        };
        let owned = self.store.token(*token).await.ok()??;
        Some(owned.token.licence)
    }

    /// What became of each message; else why all of them are tried again.
    pub(super) async fn run_errand(&self, errand: Errand) -> Result<Vec<(i64, Report)>, String> {
        let run = match errand {
            Errand::Provisions(run) if run.len() > 1 => run,
            Errand::Provisions(run) => return self.each(run).await,
            Errand::One(waiting) => return self.each(vec![waiting]).await,
        };
        *self.together() = run.iter().map(|waiting| waiting.id).collect();
        let tokens: Vec<(i64, TokenSerial)> = run.iter().filter_map(numbered).collect();
        let provisioned = self.provision_all(&common_id(&run), &tokens).await;
        if provisioned.is_ok() {
            self.together().clear();
        } else if self.server.reach() == ServerReach::Reachable {
            // It was heard and not served: one of them is at fault, and the others are not to wait for it.
            return self.each(run).await;
        }
        provisioned
    }

    async fn each(&self, waiting: Vec<Waiting>) -> Result<Vec<(i64, Report)>, String> {
        let mut reports = Vec::with_capacity(waiting.len());
        for waiting in waiting {
            reports.push((waiting.id, self.deliver(waiting).await?));
        }
        Ok(reports)
    }

    fn together(&self) -> std::sync::MutexGuard<'_, Vec<i64>> {
        self.together.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a message goes with those before it: where they went together before, with nobody else.
fn is_of(together: &[i64], run: &[Waiting], waiting: &Waiting) -> bool {
    let went = |waiting: &Waiting| together.contains(&waiting.id);
    let is_repeated = run.first().is_some_and(went);
    is_repeated == went(waiting)
}

fn numbered(waiting: &Waiting) -> Option<(i64, TokenSerial)> {
    match &waiting.message {
        Message::Provision { tokens, .. } => tokens.first().map(|token| (waiting.id, *token)),
        _ => None,
    }
}

/// The identity of messages that go together: the same for the same messages, and for no others.
fn common_id(run: &[Waiting]) -> String {
    let mut hash = Context::new(&SHA256);
    for waiting in run {
        hash.update(waiting.message_id.as_bytes());
        hash.update(b"\n");
    }
    data_encoding::HEXLOWER.encode(hash.finish().as_ref())
}
