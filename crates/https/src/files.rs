//! The files that the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A process may have a listener of each kind (logins, the token server, the desk, SSH) and one to spare; the
/// rest is for the database, for administrators' sessions, and for what is asked of directories.
const LISTENER_SHARE: usize = 8;

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

/// Connections of one listener that may have `wanted`: an eighth of the files, if that is less. However many
/// strangers connect, the database can be opened and an administrator gets in by another listener.
pub fn listener_share(wanted: usize) -> usize {
    share_of(limit(), wanted)
}

fn share_of(files: usize, wanted: usize) -> usize {
    wanted.min(files / LISTENER_SHARE)
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

    #[test]
    fn no_listener_has_more_than_an_eighth() {
        assert_eq!(share_of(1_024, 1_024), 128);
        assert_eq!(share_of(8_192, 1_024), 1_024);
        assert_eq!(share_of(usize::MAX, 256), 256);
    }
}
