//! Passwords that a directory knows, asked for with a bind (RFC 4511, 4513).
//!
//! One connection serves one check: to bind again on one that is shared would make one person's
//! operations another's. Referrals are not followed: a password goes to the configured servers only.

mod connection;
mod expiry;
mod found;
mod nested;

use domain::backend::{Bind, Directory, Membership, Nesting, Security};
use domain::remote::Told;
use domain::user::Switch;
use ldap3_proto::proto::{LdapFilter, LdapResult, LdapResultCode};

use super::tls::{self, Certificates};
use super::{Fault, Held, Question, Said};
use connection::{Connection, Entry, Scope};
use expiry::{Objection, Rule};

/// Characters of a directory's words that become evidence: Active Directory says in some 90 what it
/// holds against an account.
const WORDS_MAX: usize = 160;

/// Asks one server.
pub(super) async fn ask(
    directory: &Directory,
    question: &Question<'_>,
    certificates: &Certificates,
) -> Result<Said, Fault> {
    let Ok(password) = std::str::from_utf8(question.credentials.password) else {
        return Ok(Said::Wrong("the password is no text in UTF-8".to_owned()));
    };
    let mut connection = open(directory, question, certificates).await?;
    let said = match entry(&mut connection, directory, question).await? {
        Some(name) => match question.credentials.new_password {
            Some(new) => {
                renewed(&mut connection, directory, question, &name, [password, new]).await
            }
            None => checked(&mut connection, directory, question, &name, password).await,
        },
        None => Ok(Said::Nobody(format!(
            "no entry has {}={}",
            directory.attribute, question.credentials.login
        ))),
    };
    connection.close().await;
    said
}

/// Whether the password is that of an entry; then what the directory tells of the person, if that is asked.
async fn checked(
    connection: &mut Connection,
    directory: &Directory,
    question: &Question<'_>,
    name: &str,
    password: &str,
) -> Result<Said, Fault> {
    let (result, objection) = connection.bind_by_policy(name, password).await?;
    if let Some(objection) = objection {
        let words = format!("{}; {}", objection.why, words(&result));
        let is_renewed =
            directory.renewal == Switch::Enable && question.credentials.groups.is_none();
        return Ok(match objection.held {
            Held::PasswordExpired if is_renewed => Said::Expired(words),
            held => Said::Held(held, words),
        });
    }
    match (bound(&result)?, question.credentials.groups) {
        (Said::Right(_), Some(groups)) => {
            let told = told(connection, directory, question, name, groups).await?;
            Ok(Said::Right(told))
        }
        (said, _) => Ok(said),
    }
}

/// Has a password that has expired changed from the first to the second, and binds with that. Whoever binds with one
/// that has expired is nobody, so it takes somebody else who may set passwords.
async fn renewed(
    connection: &mut Connection,
    directory: &Directory,
    question: &Question<'_>,
    name: &str,
    [old, new]: [&str; 2],
) -> Result<Said, Fault> {
    let (result, objection) = connection.bind_by_policy(name, old).await?;
    let Some(Objection {
        held: Held::PasswordExpired,
        by,
        ..
    }) = objection
    else {
        return Ok(Said::Wrong(format!(
            "the password has not expired: {}",
            words(&result)
        )));
    };
    match &directory.bind {
        Bind::Regular { username, password } => {
            search_as(connection, username, password.expose()).await?;
        }
        // It has to be changed, and lets its owner do that and nothing else.
        Bind::Simple | Bind::Anonymous if result.code == LdapResultCode::Success => {}
        Bind::Simple | Bind::Anonymous => {
            let why = "it takes 'set type regular' with a username that may set passwords";
            return Ok(Said::Wrong(why.to_owned()));
        }
    }
    let changed = match by {
        Rule::Policy => connection.modify_password(name, old, new).await?,
        Rule::ActiveDirectory => connection.modify_unicode_password(name, old, new).await?,
    };
    question.steps.say(
        "fnbamd_ldap_passwd_renewal",
        format_args!("new password for {name}: {}", words(&changed)),
    );
    match changed.code {
        LdapResultCode::Success => bound(&connection.bind(name, new).await?),
        LdapResultCode::Busy | LdapResultCode::Unavailable => Err(Fault::Unwell(words(&changed))),
        _ => Ok(Said::Wrong(words(&changed))),
    }
}

/// The names of an entry, and which of these groups it is in. The directory compares: it knows which
/// spellings are one name, and which groups are within others.
async fn told(
    connection: &mut Connection,
    directory: &Directory,
    question: &Question<'_>,
    name: &str,
    groups: &[&str],
) -> Result<Told, Fault> {
    if let Bind::Regular { username, password } = &directory.bind {
        search_as(connection, username, password.expose()).await?;
    }
    let own = [directory.attribute.to_string()];
    let names = values(connection, name, &own).await?;
    if names.is_empty() {
        let attribute = &directory.attribute;
        let why = format!("{attribute} of {name} may not be read");
        return Err(Fault::Unclear(why));
    }
    let mut others = question.login_attributes.clone();
    others.retain(|attribute| !attribute.eq_ignore_ascii_case(&directory.attribute));
    let other_names = match others.as_slice() {
        [] => Vec::new(),
        others => values(connection, name, others).await?,
    };
    let mut told = Told {
        names,
        other_names,
        groups: Vec::new(),
        unread: None,
    };
    let mut others = Vec::new();
    for group in groups {
        if is_direct(connection, directory, question, name, group).await? {
            told.groups.push(Box::from(*group));
        } else {
            others.push(*group);
        }
    }
    if directory.nesting == Nesting::Recursive {
        let membership = &directory.membership;
        let around = nested::around(connection, membership, name, others, question.steps).await?;
        told.groups.extend(around.groups.into_iter().map(Box::from));
        told.unread = around.unread;
    }
    for group in &told.groups {
        question.steps.say(
            "__fnbamd_ldap_read",
            format_args!("Group membership: {group}"),
        );
    }
    Ok(told)
}

/// Whether an entry itself is in a group.
async fn is_direct(
    connection: &mut Connection,
    directory: &Directory,
    question: &Question<'_>,
    name: &str,
    group: &str,
) -> Result<bool, Fault> {
    let (entry, filter) = match &directory.membership {
        Membership::OfPerson(attribute) => (name, is(attribute, group)),
        Membership::OfGroup => {
            let of_both = ["member", "uniqueMember"].map(|attribute| is(attribute, name));
            (group, LdapFilter::Or(of_both.into()))
        }
        Membership::OfPosixGroup => (group, is("memberUid", question.credentials.login)),
        Membership::Found { by, .. } => {
            let text = by.text_of(name);
            question.steps.say(
                "__fnbamd_ldap_read",
                format_args!("group filter is: {text}, group {group}"),
            );
            (group, found::filter(by, name))
        }
    };
    let entry = Entry::named(entry);
    let (found, result) = connection.search(&entry, Scope::Entry, filter).await?;
    match result.code {
        LdapResultCode::Success => Ok(!found.is_empty()),
        // There is no such group, or none that can be one.
        LdapResultCode::NoSuchObject | LdapResultCode::InvalidDNSyntax => Ok(false),
        _ => Err(unclear(
            &format!("membership of {group} is not told"),
            &result,
        )),
    }
}

/// The values of these attributes of an entry, as far as they may be read.
async fn values(
    connection: &mut Connection,
    name: &str,
    attributes: &[String],
) -> Result<Vec<String>, Fault> {
    let entry = Entry::with(name, attributes);
    let person = LdapFilter::Present("objectClass".to_owned());
    let (found, result) = connection.search(&entry, Scope::Entry, person).await?;
    match (&result.code, found.into_iter().next()) {
        (LdapResultCode::Success, Some(entry)) => Ok(entry.values),
        _ => {
            let attributes = attributes.join(", ");
            Err(unclear(
                &format!("{attributes} of {name} may not be read"),
                &result,
            ))
        }
    }
}

fn is(attribute: &str, value: &str) -> LdapFilter {
    LdapFilter::Equality(attribute.to_owned(), value.to_owned())
}

async fn open(
    directory: &Directory,
    question: &Question<'_>,
    certificates: &Certificates,
) -> Result<Connection, Fault> {
    let host = &question.server.host;
    let stream = question
        .target(directory.port)
        .tcp(question.resolver)
        .await?;
    let to = stream
        .peer_addr()
        .map_or_else(|_| String::new(), |it| it.to_string());
    let secured = match &directory.security {
        Security::Disable => Connection::new(stream),
        Security::Ldaps(trust) => {
            let config = certificates.config(trust).await?;
            Connection::new(tls::begin(stream, host, config).await?)
        }
        Security::StartTls(trust) => {
            let config = certificates.config(trust).await?;
            let stream = Connection::on(stream).start_tls().await?;
            Connection::new(tls::begin(stream, host, config).await?)
        }
    };
    question.steps.say(
        "__ldap_connect",
        format_args!("tcps_connect({host}) is established: {to}"),
    );
    Ok(secured)
}

/// The name of the entry whose password is asked for; none if nobody has this login.
async fn entry(
    connection: &mut Connection,
    directory: &Directory,
    question: &Question<'_>,
) -> Result<Option<String>, Fault> {
    let (attribute, base) = (&directory.attribute, &directory.base);
    let login = question.credentials.login;
    match &directory.bind {
        Bind::Simple => return Ok(Some(format!("{attribute}={},{base}", escaped(login)))),
        Bind::Anonymous => {}
        Bind::Regular { username, password } => {
            search_as(connection, username, password.expose()).await?;
        }
    }
    let steps = question.steps;
    let function = "fnbamd_ldap_init";
    steps.say(
        function,
        format_args!("search filter is: {attribute}={login}"),
    );
    steps.say(function, format_args!("search base is: {base}"));
    // Attribute and value are sent apart: no character of a name is part of a filter's syntax.
    let filter = is(attribute, login);
    let below = Entry::named(base);
    let (mut found, result) = connection.search(&below, Scope::Below, filter).await?;
    match (result.code.clone(), found.len()) {
        (LdapResultCode::Success, 0) => Ok(None),
        (LdapResultCode::Success, 1) => {
            let name = found.pop().map(|entry| entry.name);
            if let Some(name) = &name {
                steps.say("get_all_dn", format_args!("Found DN 1:{name}"));
            }
            Ok(name)
        }
        (LdapResultCode::Success | LdapResultCode::SizeLimitExceeded, _) => Err(Fault::Unclear(
            format!("more than one entry has {attribute}={login}"),
        )),
        _ => Err(unclear("the search failed", &result)),
    }
}

/// Goes on as the one who searches.
async fn search_as(
    connection: &mut Connection,
    username: &str,
    password: &[u8],
) -> Result<(), Fault> {
    let Ok(password) = std::str::from_utf8(password) else {
        return Err(Fault::Unclear(
            "the configured password is no text".to_owned(),
        ));
    };
    let result = connection.bind(username, password).await?;
    match bound(&result)? {
        Said::Right(_) => Ok(()),
        _ => Err(unclear(
            &format!("'set username {username}' may not bind"),
            &result,
        )),
    }
}

/// What the answer to a bind says. Only what is said of the account is a no.
fn bound(result: &LdapResult) -> Result<Said, Fault> {
    use LdapResultCode as Code;
    match result.code {
        Code::Success => Ok(Said::Right(Told::default())),
        Code::InvalidCredentials | Code::NoSuchObject | Code::InappropriateAuthentication => {
            Ok(match held_against(result) {
                Some((Some(held), _)) => Said::Held(held, why(result)),
                Some((None, _)) => Said::Nobody(why(result)),
                _ => Said::Wrong(why(result)),
            })
        }
        // Directories tell with these that an account is locked or switched off.
        Code::ConstraintViolation | Code::InsufficentAccessRights | Code::UnwillingToPerform => {
            let held = held_against(result).and_then(|(held, _)| held);
            Ok(Said::Held(held.unwrap_or(Held::Locked), why(result)))
        }
        Code::Busy | Code::Unavailable | Code::OperationsError | Code::Other => {
            Err(Fault::Unwell(words(result)))
        }
        _ => Err(unclear("the bind failed", result)),
    }
}

fn unclear(what: &str, result: &LdapResult) -> Fault {
    Fault::Unclear(format!("{what}: {}", words(result)))
}

/// What Active Directory holds against an account, which it says by the number of a Windows error, in hexadecimal
/// digits: in words, and nothing where no account has the name.
fn held_against(result: &LdapResult) -> Option<(Option<Held>, &'static str)> {
    use Held::{Locked, PasswordExpired};
    Some(match expiry::windows_error(result)? {
        "525" => (None, "there is no such account"),
        "530" => (Some(Locked), "the account may not log on at this time"),
        "531" => (Some(Locked), "the account may not log on from here"),
        "532" => (Some(PasswordExpired), "the password has expired"),
        "533" => (Some(Locked), "the account is disabled"),
        "701" => (Some(Locked), "the account has expired"),
        "773" => (Some(PasswordExpired), "the password has to be changed"),
        "775" => (Some(Locked), "the account is locked out"),
        _ => return None,
    })
}

/// Why a bind was refused: what is held against the account, and what the directory says.
fn why(result: &LdapResult) -> String {
    let said = words(result);
    held_against(result).map_or(said.clone(), |(_, why)| format!("{why}; {said}"))
}

/// Number and name of the result, and what the directory says of it.
fn words(result: &LdapResult) -> String {
    let (number, name) = (result.code.clone() as i64, &result.code);
    let message: String = result.message.chars().take(WORDS_MAX).collect();
    match message.trim() {
        "" => format!("{number} {name:?}"),
        message => format!("{number} {name:?} ({message})"),
    }
}

/// A value as part of a distinguished name (RFC 4514, 2.4). A blank is escaped wherever it stands,
/// which is allowed and needs no look at the ends.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' | '#' | ' ' => escaped.extend(['\\', c]),
            '\0' => escaped.push_str("\\00"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(code: LdapResultCode) -> LdapResult {
        LdapResult {
            code,
            matcheddn: String::new(),
            message: String::new(),
            referral: Vec::new(),
        }
    }

    #[test]
    fn no_name_leaves_its_place_in_a_distinguished_name() {
        for (name, expected) in [
            ("alice", "alice"),
            ("Alice Liddell", "Alice\\ Liddell"),
            ("admin,dc=example", "admin\\,dc\\=example"),
            ("#1 \"+;<>\\", "\\#1\\ \\\"\\+\\;\\<\\>\\\\"),
            ("a\0b", "a\\00b"),
            ("Zoë", "Zoë"),
        ] {
            assert_eq!(escaped(name), expected);
        }
    }

    #[test]
    fn what_active_directory_holds_against_an_account_is_no_wrong_password() {
        let said = |data: &str| {
            let message = format!(
                "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {data}, v4563"
            );
            let code = LdapResultCode::InvalidCredentials;
            bound(&LdapResult {
                message,
                ..result(code)
            })
            .unwrap()
        };
        for (data, expected, why) in [
            ("532", Held::PasswordExpired, "the password has expired; 49"),
            (
                "773",
                Held::PasswordExpired,
                "the password has to be changed; ",
            ),
            ("533", Held::Locked, "the account is disabled; 49"),
            ("775", Held::Locked, "the account is locked out; 49"),
        ] {
            match said(data) {
                Said::Held(held, words) => {
                    assert_eq!(held, expected, "{data}");
                    assert!(words.starts_with(why), "{words}");
                }
                other => panic!("{data}: {other:?}"),
            }
        }
        let nobody = said("525");
        assert!(
            matches!(&nobody, Said::Nobody(words) if words.starts_with("there is no such account; 49"))
        );
        for (data, why) in [
            ("52e", "49 InvalidCredentials ("),
            ("", "49 InvalidCredentials ("),
            ("999", "49 InvalidCredentials ("),
        ] {
            match said(data) {
                Said::Wrong(words) => assert!(words.starts_with(why), "{words}"),
                other => panic!("{data}: {other:?}"),
            }
        }
    }

    #[test]
    fn only_what_is_said_of_the_account_is_a_no() {
        use LdapResultCode as Code;
        assert!(matches!(bound(&result(Code::Success)), Ok(Said::Right(_))));
        for code in [Code::InvalidCredentials, Code::NoSuchObject] {
            assert!(matches!(bound(&result(code)), Ok(Said::Wrong(_))));
        }
        for code in [Code::UnwillingToPerform, Code::ConstraintViolation] {
            let said = bound(&result(code));
            assert!(matches!(said, Ok(Said::Held(Held::Locked, _))));
        }
        for code in [Code::Busy, Code::Unavailable] {
            assert!(matches!(bound(&result(code)), Err(Fault::Unwell(_))));
        }
        for code in [
            Code::Referral,
            Code::ConfidentialityRequired,
            Code::SaslBindInProgress,
        ] {
            assert!(matches!(bound(&result(code)), Err(Fault::Unclear(_))));
        }
    }
}
