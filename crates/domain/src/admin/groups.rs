//! User groups: a match that says less than it should would let in more than it should.

use super::AdminError;
use super::configure::required;
use crate::schema::{GROUP_MATCH, Object};

/// Every entry of `config match` says of which server it is, and which group.
pub(super) fn complete(group: &Object) -> Result<(), AdminError> {
    for one in group.children(&GROUP_MATCH) {
        required(
            one,
            "server-name",
            "the server whose users the match is about",
        )?;
        required(one, "group-name", "the group as that server calls it")?;
    }
    Ok(())
}
