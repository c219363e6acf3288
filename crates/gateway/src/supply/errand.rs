//! Messages that go together.
//!
//! After an outage thousands of tokens may wait for their activation codes; one by one each would cost a
//! sync here and one at the token server.

use std::collections::{HashSet, VecDeque};

use aws_lc_rs::digest::{Context, SHA256};
use domain::admin::Message;
use domain::query::ServerReach;
use ident::{LicenceSerial, TokenSerial};
use store::Undecided;
use store::gateway::{Lane, Waiting};

use super::question::Asking;
use super::{Report, Supply};

/// What is sent at once.
#[derive(Debug)]
pub(super) enum Errand {
    /// One message.
    One(Waiting),
    /// Tokens of one licence that are made ready for phones, each by a message that was held up before.
    Provisions(Together),
}

/// Messages that one request is for.
#[derive(Debug)]
pub(super) struct Together {
    run: Vec<Waiting>,
    /// The identity under which they left before; none if they have not.
    sent: Option<String>,
}

impl Errand {
    pub(super) fn messages(&self) -> &[Waiting] {
        match self {
            Self::One(waiting) => std::slice::from_ref(waiting),
            Self::Provisions(Together { run, .. }) => run,
        }
    }
}

impl Supply {
    /// Due messages in their order, with those together that may be. What is sent for the first time goes
    /// alone: somebody waits for its answer, and for the letter that follows. So does all while the token
    /// server is away: the first that is answered tells that it is back.
    pub(super) async fn errands(
        &self,
        lane: Lane,
        due: Vec<Waiting>,
    ) -> Result<VecDeque<Errand>, Undecided> {
        let is_away = self.server.reach() == ServerReach::Unreachable;
        let mut errands = VecDeque::with_capacity(due.len());
        let mut taken = HashSet::new();
        let mut licence = None;
        for mut waiting in due {
            if let Some(request) = shared_request(&waiting) {
                if taken.contains(request) {
                    continue;
                }
                if let Some(again) = self.again(request).await? {
                    taken.insert(request.to_owned());
                    errands.push_back(Errand::Provisions(again));
                    licence = None;
                    continue;
                }
                waiting.request = None;
            }
            let its = match lane {
                Lane::Codes if !is_away => self.held_up_licence(&waiting).await?,
                _ => None,
            };
            let goes_on = its.is_some() && its == licence;
            licence = its;
            match errands.back_mut() {
                Some(Errand::Provisions(together)) if goes_on => together.run.push(waiting),
                _ if licence.is_some() => errands.push_back(Errand::Provisions(Together {
                    run: vec![waiting],
                    sent: None,
                })),
                _ => errands.push_back(Errand::One(waiting)),
            }
        }
        Ok(errands)
    }

    /// What left for several messages, if it is still for all of them. Else its answer is not waited for: it
    /// would be for a seed that is gone.
    async fn again(&self, request: &str) -> Result<Option<Together>, Undecided> {
        let Some(sent) = self.store.sent(request).await? else {
            return Ok(None);
        };
        if let Some(run) = sent.messages {
            let sent = Some(request.to_owned());
            return Ok(Some(Together { run, sent }));
        }
        self.store.undone(request).await?;
        Ok(None)
    }

    /// The licence of the token that a message, held up before, makes ready. A manager has some licences in
    /// its reserve, and others not: they are asked for apart. One that left alone is repeated alone.
    async fn held_up_licence(&self, waiting: &Waiting) -> Result<Option<LicenceSerial>, Undecided> {
        let (Message::Provision { tokens, .. }, Some(_), None) =
            (&waiting.message, &waiting.last_error, &waiting.request)
        else {
            return Ok(None);
        };
        let [token] = tokens.as_slice() else {
            return Ok(None);
        };
        let owned = self.store.token(*token).await?;
        Ok(owned.and_then(|owned| owned.token.licence))
    }

    /// What became of each message; else why all of them are tried again.
    pub(super) async fn run_errand(&self, errand: &Errand) -> Result<Vec<(i64, Report)>, String> {
        let Together { run, sent } = match errand {
            Errand::One(waiting) => {
                let report = self.deliver(waiting).await?;
                return Ok(vec![(waiting.id, report)]);
            }
            Errand::Provisions(together) => together,
        };
        if let ([waiting], None) = (run.as_slice(), sent) {
            let report = self.deliver(waiting).await?;
            return Ok(vec![(waiting.id, report)]);
        }
        let tokens: Vec<(i64, TokenSerial)> = run.iter().filter_map(numbered).collect();
        let id = sent.clone().unwrap_or_else(|| common_id(run));
        let asking = Asking {
            id: &id,
            messages: run.iter().map(|waiting| waiting.id).collect(),
            is_again: sent.is_some(),
        };
        self.provision_all(asking, &tokens).await
    }

    /// The messages of an errand that was heard and not served, each alone: one of them is at fault, and the
    /// others are not to wait for it. None if it was one.
    pub(super) async fn apart(&self, errand: Errand) -> Result<Vec<Errand>, Undecided> {
        let Errand::Provisions(Together { run, sent }) = errand else {
            return Ok(Vec::new());
        };
        let request = sent.unwrap_or_else(|| common_id(&run));
        self.store.undone(&request).await?;
        let alone = run.into_iter().map(|waiting| {
            let request = None;
            Errand::One(Waiting { request, ..waiting })
        });
        Ok(alone.collect())
    }
}

/// The request that left for a message and others.
fn shared_request(waiting: &Waiting) -> Option<&str> {
    let request = waiting.request.as_deref()?;
    (request != waiting.message_id).then_some(request)
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
