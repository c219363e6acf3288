//! The approvals that were spent: each lets in once.
//!
//! An approval answers a request that waits in this process's memory, and both end with it: none that was
//! spent before a start can come after it. So memory is the authority here; that it was spent is on record in
//! the audit chain like every step.

use std::collections::HashMap;

use domain::push::Session;
use domain::time::{Span, Timestamp};

/// Longer than any request can be answered (a client's 300 s).
const KEPT_FOR: Span = Span::from_hours(1);
/// When what is older is thrown away; far above what people approve in an hour.
const SWEPT_AT: usize = 65_536;

/// Requests whose approval was spent, with the moment.
#[derive(Debug, Default)]
pub(super) struct Approvals(HashMap<Session, Timestamp>);

impl Approvals {
    /// Whether it was not spent before; from now on it is, whatever becomes of the transaction: an approval
    /// whose record is in doubt is not tried again.
    pub(super) fn spend(&mut self, session: Session, now: Timestamp) -> bool {
        if self.0.len() >= SWEPT_AT {
            self.0.retain(|_, spent| spent.after(KEPT_FOR) > now);
        }
        self.0.insert(session, now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_is_spent_once() {
        let mut approvals = Approvals::default();
        let now = Timestamp::from_secs(1_800_000_000);
        let [one, two] = [1, 2].map(|octet| Session::new([octet; 16]));
        assert!(approvals.spend(one, now) && approvals.spend(two, now));
        assert!(!approvals.spend(one, now) && !approvals.spend(two, now));
    }
}
