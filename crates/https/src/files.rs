//! The files that the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Who takes connections. A process has one of each at most, and all of them together five eighths of its
/// files: the rest is for the database, for administrators' sessions, and for what is asked of directories.
/// However many strangers connect, the database can be opened and an administrator gets in by another listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listener {
    /// Logins and their verification over HTTPS.
    Logins,
    /// What phones answer to pushes.
    PushAnswers,
    /// The token server, or a manager before it.
    TokenServer,
    /// Customer service.
    Desk,
    /// The push relay: a phone with the app open has a connection there all the time.
    Relay,
    /// The push relay in a process of its own, which opens one file beside its connections.
    RelayAlone,
    /// Administrators over SSH who are not in yet.
    Ssh,
    /// RADIUS over TCP and TLS.
    Radius,
}

impl Listener {
    /// Connections that it may have at all its addresses: `wanted`, or its share of the files that this process
    /// may open, if that is less.
    pub fn share(self, wanted: usize) -> usize {
        self.share_of(limit(), wanted)
    }

    fn share_of(self, files: usize, wanted: usize) -> usize {
        let part = match self {
            Self::RelayAlone => return wanted.min(files - files / 8),
            Self::Relay => 4,
            Self::Logins
            | Self::PushAnswers
            | Self::TokenServer
            | Self::Desk
            | Self::Ssh
            | Self::Radius => 16,
        };
        wanted.min(files / part)
    }
}

/// Raises the limit as far as the process may; what it is then. Systems begin with 1,024 for the sake of
/// programs that use select(2), and let each program raise it to some 100,000.
pub fn raise_limit() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Where even that is denied, the limit stays what it was.
    let _ = setrlimit(Resource::Nofile, raised);
    limit()
}

fn limit() -> usize {
    let current = getrlimit(Resource::Nofile).current;
    current.map_or(usize::MAX, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use Listener::{Desk, Logins, PushAnswers, Radius, Relay, Ssh, TokenServer};

    const ALL: [Listener; 7] = [Logins, PushAnswers, TokenServer, Desk, Relay, Ssh, Radius];

    #[test]
    fn all_listeners_of_a_process_together_leave_files_to_the_rest() {
        for files in [512, 1_024, 4_096, 65_536] {
            let all = ALL.map(|listener| listener.share_of(files, usize::MAX));
            let taken: usize = all.into_iter().sum();
            assert_eq!(taken, files / 8 * 5);
        }
    }

    #[test]
    fn no_listener_has_more_than_it_wants() {
        assert_eq!(Logins.share_of(1_024, 1_024), 64);
        assert_eq!(Logins.share_of(16_384, 1_024), 1_024);
        assert_eq!(Relay.share_of(16_384, 12_000), 4_096);
        assert_eq!(Desk.share_of(usize::MAX, 256), 256);
    }
}
