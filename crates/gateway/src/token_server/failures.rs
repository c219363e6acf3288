//! Servers that were asked in vain, and what is known then of the request.

use super::AskError;

/// Who is asked after a server that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// The next in turn.
    Server,
    /// Nobody: another would say the same.
    Nobody,
}

/// The servers that were asked in vain, in their turn.
#[derive(Default)]
pub(super) struct Failures(Vec<(Box<str>, AskError)>);

impl Failures {
    pub(super) fn add(&mut self, url: &str, error: AskError) -> Next {
        let next = if error.is_away() || error.is_elsewhere() {
            Next::Server
        } else {
            Next::Nobody
        };
        self.0.push((url.into(), error));
        next
    }

    pub(super) fn last(&self) -> Option<Box<str>> {
        self.0.last().map(|(url, _)| url.clone())
    }

    /// Why none of the servers answered, each with its reason. What one of them refused, one before may have
    /// done though its answer was lost.
    pub(super) fn conclude(mut self) -> AskError {
        match self.0.len() {
            0 => AskError::NoServer,
            1 => self.0.remove(0).1,
            _ => {
                let told = self.0.iter().map(|(_, error)| error.to_string());
                let errors = || self.0.iter().map(|(_, error)| error);
                let is_settled = |error: &AskError| error.is_undone() || error.is_id_taken();
                AskError::Several {
                    told: told.collect::<Vec<_>>().join("; "),
                    is_away: errors().all(AskError::is_away),
                    is_undone: errors().all(AskError::is_undone),
                    is_id_taken: errors().any(AskError::is_id_taken) && errors().all(is_settled),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn refused(status: StatusCode) -> AskError {
        crate::token_server::refused("https://second", status, b"no")
    }

    fn lost(is_unsent: bool) -> AskError {
        AskError::Unreachable {
            url: "https://first".to_owned(),
            why: "timed out".to_owned(),
            is_unsent,
        }
    }

    #[test]
    fn a_refusal_undoes_nothing_that_a_server_before_may_have_done() {
        for (is_unsent, is_undone) in [(true, true), (false, false)] {
            let mut failures = Failures::default();
            let next = failures.add("https://first", lost(is_unsent));
            assert_eq!(next, Next::Server);
            let next = failures.add("https://second", refused(StatusCode::FORBIDDEN));
            assert_eq!(next, Next::Nobody);
            assert_eq!(failures.last().as_deref(), Some("https://second"));
            let error = failures.conclude();
            assert_eq!(error.is_undone(), is_undone, "{error}");
            assert!(!error.is_away(), "{error}");
        }
    }

    #[test]
    fn an_id_that_was_used_stands_for_something_that_may_have_been_done() {
        assert!(refused(StatusCode::FORBIDDEN).is_undone());
        assert!(!refused(StatusCode::FORBIDDEN).is_id_taken());
        assert!(!refused(StatusCode::CONFLICT).is_undone());
        assert!(refused(StatusCode::CONFLICT).is_id_taken());
        // What a server before was asked under the id may have been done there.
        for (is_unsent, is_id_taken) in [(true, true), (false, false)] {
            let mut failures = Failures::default();
            failures.add("https://first", lost(is_unsent));
            failures.add("https://second", refused(StatusCode::CONFLICT));
            assert_eq!(failures.conclude().is_id_taken(), is_id_taken);
        }
    }
}
