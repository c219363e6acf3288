//! Who is logged in: `get system admin list` and `status`, and sessions by number.

use domain::query::AdminSession;
use domain::time::Timestamp;

use super::{Zone, not_found, printable};

/// `get system admin list`. Columns are as wide as in FortiOS, or wider where a value is.
pub fn administrators(sessions: &[AdminSession], zone: Zone) -> String {
    let head = line([
        "username", "local", "device", "vdom", "profile", "remote", "started",
    ]);
    let rows = sessions.iter().map(|session| {
        line([
            &printable(&session.name),
            &session.protocol,
            &session.local,
            &session.vdom,
            &session.profile,
            &session.remote,
            &zone.date_time(session.since),
        ])
    });
    std::iter::once(head).chain(rows).collect()
}

/// `get system admin status`: the session that asks.
pub fn administrator(session: &AdminSession, now: Timestamp, zone: Zone) -> String {
    let AdminSession {
        name,
        protocol,
        local,
        remote,
        vdom,
        profile,
        since,
        ..
    } = session;
    let (name, since, now) = (printable(name), zone.date_time(*since), zone.date_time(now));
    format!(
        "username: {name}\n\
         login local: {protocol}\n\
         login device: {local}\n\
         login remote: {remote}\n\
         login vdom: {vdom}\n\
         login profile: {profile}\n\
         login started: {since}\n\
         current time: {now}\n"
    )
}

/// `diagnose sys admin-session list` and `execute disconnect-admin-session`: numbers to end them by.
pub fn sessions(sessions: &[AdminSession], own: u64, zone: Zone) -> String {
    let mut text = "INDEX USERNAME TYPE FROM TIME\n".to_owned();
    for session in sessions {
        let from = if session.remote.is_empty() {
            &session.local
        } else {
            &session.remote
        };
        let mark = if session.number == own {
            " (this one)"
        } else {
            ""
        };
        text += &format!(
            "{} {} {} {from} {}, idle {} s{mark}\n",
            session.number,
            printable(&session.name),
            session.protocol,
            zone.long(session.since),
            session.idle.micros() / 1_000_000
        );
    }
    text
}

/// What is said when another session was ended.
pub fn session_ended(session: &AdminSession) -> String {
    let name = printable(&session.name);
    format!("session {} of {name} is ended\n", session.number)
}

/// There is no such session.
pub fn no_session(number: u64) -> String {
    not_found(&format!(
        "nobody is logged in as session {number}; 'diagnose sys admin-session list' shows who is"
    ))
}

fn line(columns: [&str; 7]) -> String {
    let [name, local, device, vdom, profile, remote, started] = columns;
    format!("{name:<11} {local:<9} {device:<26} {vdom:<10} {profile:<16} {remote:<26} {started}\n")
}
