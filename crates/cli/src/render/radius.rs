//! `diagnose radius`.

use std::net::IpAddr;

use domain::client::Requirement;
use domain::name::{NameError, Preview};
use domain::traffic::{ClientRow, Dropped, Stranger, Traffic};
use domain::user::{Switch, TwoFactor, User};

use super::{Zone, in_vdom, not_found, printable};

/// What stands above the clients.
pub fn radius_head() -> String {
    columns([
        "CLIENT",
        "NETWORK",
        "REQUESTS",
        "ACCEPTED",
        "REJECTED",
        "CHALLENGED",
        "REPEATED",
        "DROPPED",
    ])
}

/// A client's lines.
pub fn radius_client(row: &ClientRow, zone: Zone) -> String {
    let Traffic {
        requests,
        accepted,
        rejected,
        challenged,
        repeated,
        dropped,
        last,
    } = &row.traffic;
    let name = in_vdom(row.vdom, &row.name);
    let counts = [
        requests,
        accepted,
        rejected,
        challenged,
        repeated,
        &dropped.total(),
    ];
    let [
        requests,
        accepted,
        rejected,
        challenged,
        repeated,
        all_dropped,
    ] = counts.map(u64::to_string);
    let network = row.subnet.to_string();
    let mut text = columns([
        &name,
        &network,
        &requests,
        &accepted,
        &rejected,
        &challenged,
        &repeated,
        &all_dropped,
    ]);
    let last = last.map_or_else(|| "never".to_owned(), |last| zone.long(last));
    text += &format!("    last seen: {last}\n    {}\n", authenticator(row));
    text + &dropped_line(dropped)
}

fn authenticator(row: &ClientRow) -> String {
    let demanded = match row.requirement {
        Requirement::Enable => "demanded of every request".to_owned(),
        Requirement::Disable => "not demanded".to_owned(),
        Requirement::Auto if row.learned.is_empty() => {
            "demanded once an address has sent one; none has yet".to_owned()
        }
        Requirement::Auto => {
            let addresses: Vec<String> = row.learned.iter().map(IpAddr::to_string).collect();
            format!("demanded of {}, which have sent one", addresses.join(", "))
        }
    };
    format!("Message-Authenticator: {demanded}")
}

fn dropped_line(dropped: &Dropped) -> String {
    let causes = [
        (dropped.wrong_authenticator, "wrong Message-Authenticator"),
        (dropped.missing_authenticator, "no Message-Authenticator"),
        (dropped.malformed, "malformed"),
        (dropped.overloaded, "too many at once"),
        (dropped.undecided, "not decided"),
    ];
    let causes = causes.into_iter().filter(|(count, _)| *count > 0);
    let causes: Vec<String> = causes
        .map(|(count, cause)| format!("{count} {cause}"))
        .collect();
    if causes.is_empty() {
        return String::new();
    }
    format!("    dropped: {}\n", causes.join(", "))
}

/// What stands below the clients: who asks and is none.
pub fn radius_strangers(strangers: &[Stranger], zone: Zone) -> String {
    if strangers.is_empty() {
        return String::new();
    }
    let mut text = "\nAddresses that no client has, and that hear nothing \
                    (config user radius-client lets one in):\n"
        .to_owned();
    for stranger in strangers {
        let Stranger {
            address,
            datagrams,
            last,
        } = stranger;
        text += &format!(
            "    {address}  {datagrams} datagrams, last {}\n",
            zone.long(*last)
        );
    }
    text
}

/// What `diagnose radius clients reset-authenticator` did.
pub fn authenticator_reset(address: IpAddr) -> String {
    format!("{address}: the next request may come without a Message-Authenticator\n")
}

/// An address of which nothing was learned.
pub fn authenticator_unknown(address: IpAddr) -> String {
    not_found(&format!(
        "{address} has sent no Message-Authenticator; 'diagnose radius clients list' shows who has"
    ))
}

/// What becomes of a name that a client presents, and whose it is, if it is somebody's.
pub fn name_preview(presented: &str, preview: &Preview, user: Option<&User>) -> String {
    let mut text = format!("presented : {}\n", printable(presented));
    for (rule, name) in &preview.changes {
        text += &format!("          : {}    ({rule})\n", printable(name));
    }
    let realm = preview.canonical.realm();
    let bare = printable(preview.canonical.bare());
    text += &format!("looked up : {bare} in virtual domain {}\n", realm.vdom());
    text + &format!("user      : {}\n", user.map_or_else(nobody, whose))
}

fn nobody() -> String {
    "none of this name; only remote-groups of the client may let one in".to_owned()
}

fn whose(user: &User) -> String {
    let disabled = match user.status {
        Switch::Enable => "",
        Switch::Disable => ", disabled",
    };
    let factor = match (user.two_factor, &user.token) {
        (TwoFactor::Fortitoken, Some(token)) => format!("token {token}"),
        (factor, _) => format!("two-factor {}", factor.word()),
    };
    format!("{}, {factor}{disabled}", printable(user.name.as_written()))
}

/// A name that can be nobody's.
pub fn name_impossible(presented: &str, why: NameError) -> String {
    format!(
        "presented : {}\nlooked up : nothing: {why}\n",
        printable(presented)
    )
}

/// A RADIUS client that there is not.
pub fn client_unknown(client: &str) -> String {
    not_found(&format!(
        "{} is no RADIUS client here; 'show user radius-client' lists them",
        printable(client)
    ))
}

fn columns(words: [&str; 8]) -> String {
    let [
        client,
        network,
        requests,
        accepted,
        rejected,
        challenged,
        repeated,
        dropped,
    ] = words;
    format!(
        "{client:<20} {network:<20} {requests:>9} {accepted:>9} {rejected:>9} {challenged:>10} \
         {repeated:>9} {dropped:>8}\n"
    )
}
