//! Who is logged in: `get system admin list` and `status`.

use domain::query::AdminSession;
use domain::time::Timestamp;

use super::{Zone, printable};

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

fn line(columns: [&str; 7]) -> String {
    let [name, local, device, vdom, profile, remote, started] = columns;
    format!("{name:<11} {local:<9} {device:<26} {vdom:<10} {profile:<16} {remote:<26} {started}\n")
}
