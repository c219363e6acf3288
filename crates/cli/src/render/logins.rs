//! `diagnose login show`.

use domain::login::Spend;
use domain::query::{LoginRow, Refused, Verdict};
use domain::reason::Reason;
use domain::recovery::Kind;

use super::printable;

/// A login: one line, and for a refusal what is wrong, how that is known and what to do. Times are
/// universal, as in the evidence.
pub fn login(row: &LoginRow) -> String {
    let LoginRow {
        number,
        at,
        person,
        origin,
        verdict,
    } = row;
    let person = printable(person.as_str());
    let (client, source) = (printable(&origin.client), printable(origin.source.as_str()));
    let verdict = match verdict {
        Verdict::Accepted(spend) => format!("accepted: {}\n", spent(spend)),
        Verdict::Vouched(by) => format!("accepted: password only, by {}\n", printable(by)),
        Verdict::Refused(refused) => refusal(refused),
        Verdict::Undecided { reason, evidence } => {
            explained("not decided", *reason, "", Some(evidence))
        }
    };
    format!("{number}  {at}  user {person}  client {client}  from {source}  {verdict}")
}

fn spent(spend: &Spend) -> String {
    match spend {
        Spend::Nothing => "first factor only".to_owned(),
        Spend::Push { token, .. } => format!("token {token}, approved on the phone"),
        Spend::Sent(channel) => format!("code sent by {channel}"),
        Spend::Recovery(Kind::Code) => "recovery code".to_owned(),
        Spend::Recovery(Kind::Pass) => "recovery pass".to_owned(),
        Spend::Step { token, step, .. } => format!("token {token}, step {}", step.0),
    }
}

fn refusal(refused: &Refused) -> String {
    let reason = refused.known_reason();
    let token = refused
        .token
        .map_or_else(String::new, |token| format!(", token {token}"));
    explained("refused", reason, &token, refused.known_evidence())
}

/// A verdict with its reason: what is wrong, how that is known and what to do.
pub(super) fn explained(
    verdict: &str,
    reason: Reason,
    token: &str,
    evidence: Option<&str>,
) -> String {
    let evidence = evidence.map_or_else(String::new, |evidence| {
        format!("    evidence: {}\n", printable(evidence))
    });
    format!(
        "{verdict}: {reason}{token}\n    cause: {}\n{evidence}    next step: {}\n",
        reason.cause(),
        reason.next_step()
    )
}
