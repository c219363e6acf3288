//! Servers that know one password.

use cli::TestAuthserver;
use cli::render::{self, Remote, Tested};
use domain::backend::{Rank, Server};

const PASSWORD: &str = "right";

/// What the primary server says, if the entry exists.
pub(super) fn tested(asked: &TestAuthserver, exists: bool) -> String {
    let by = &Server {
        rank: Rank::Primary,
        host: "192.0.2.1".into(),
    };
    let tested = match (exists, asked.password.as_str()) {
        (false, _) => Tested::Undecided("there is no such entry"),
        (true, PASSWORD) => Tested::Taken {
            by,
            took_ms: 4,
            remote: Remote::Unasked,
        },
        (true, _) => Tested::Refused {
            by,
            took_ms: 4,
            why: "49 InvalidCredentials",
        },
    };
    render::authserver(&asked.server, &asked.user, &tested)
}
