//! Why an operation is refused, with FortiOS's return code and the next step.

use std::net::SocketAddr;

use ident::{TokenKind, TokenSerial};

use super::{Holds, Named, NotMovedIn, Uses, VDOMS_MAX, clients};
use crate::access::{Area, SUPER_ADMIN};
use crate::advice::IN_ITS_PLACE;
use crate::name::{NameError, Realm, UserName};
use crate::password::PasswordError;
use crate::password_policy::Weakness;
use crate::schema::{ADMIN, LOCAL, Place, Table, VDOM};
use crate::transfer::NotMoved;
use crate::vdom::{Vdom, VdomError};

/// A refused operation. Nothing changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AdminError {
    /// The token does not go to another phone.
    #[error("no valid token found")]
    NotMoved(#[from] NotMoved),
    /// A token does not go to another gateway: its phone is not the one of the file any more.
    #[error("nothing was exported: the phone of {0} was changed at this moment")]
    ChangedMeanwhile(TokenSerial),
    /// A file of another gateway's tokens is not taken in.
    #[error(transparent)]
    NotMovedIn(#[from] NotMovedIn),
    /// The entry to delete or act on does not exist.
    #[error("entry not found in datasource")]
    NotFound {
        /// The table.
        table: &'static Table,
        /// The key.
        key: Box<str>,
    },
    /// The key cannot be an entry's.
    #[error("invalid name '{key}': {error}")]
    Name {
        /// What was typed.
        key: Box<str>,
        /// What is wrong with it.
        error: NameError,
    },
    /// The serial cannot be a token's.
    #[error("invalid serial number '{key}': {error}")]
    Serial {
        /// What was typed.
        key: Box<str>,
        /// What is wrong with it.
        error: Box<str>,
    },
    /// Another entry's name means the same person.
    #[error("'{key}' names the same person as '{existing}'")]
    SamePerson {
        /// What was typed.
        key: Box<str>,
        /// The entry that exists.
        existing: Box<str>,
    },
    /// The key has too many characters.
    #[error("the name has {got} characters, and {max} are allowed")]
    KeyTooLong {
        /// Characters allowed.
        max: u16,
        /// Characters typed.
        got: usize,
    },
    /// The key is no number of the table.
    #[error("'{key}' is no number from 1 to {max}")]
    KeyNumber {
        /// What was typed.
        key: Box<str>,
        /// The greatest.
        max: u32,
    },
    /// A field that the entry cannot be without.
    #[error("node_check_object fail! for {field}")]
    Incomplete {
        /// The field.
        field: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// The password cannot be stored.
    #[error("{0}")]
    Password(#[from] PasswordError),
    /// A password policy does not take the password.
    #[error("node_check_object fail! for passwd")]
    WeakPassword {
        /// The policy.
        policy: Box<str>,
        /// What is wrong.
        weaknesses: Vec<Weakness>,
    },
    /// The token is somebody else's.
    #[error("token {token} is assigned to {} '{owner}'", kind(owner))]
    TokenTaken {
        /// The token.
        token: TokenSerial,
        /// Who has it.
        owner: UserName,
    },
    /// The access profile does not go so far.
    #[error("no permission to change {}", table.path)]
    Denied {
        /// The profile of who wants to.
        profile: Box<str>,
        /// What is not to be changed.
        table: &'static Table,
    },
    /// The access profile lets no seed out of the unit.
    #[error("no permission to give the seeds of tokens to another unit")]
    SeedsStay(Box<str>),
    /// A profile that stays as it is.
    #[error("the access profile '{0}' cannot be changed or deleted")]
    FixedProfile(Box<str>),
    /// Somebody must be left who may do everything.
    #[error("'{0}' is the last administrator whose profile is super_admin")]
    LastSuperAdmin(Box<str>),
    /// Whoever has a token is not copied: a token belongs to one person, and without one the copy would
    /// be let in by the password alone.
    #[error("'{owner}' has token {token}, which cannot be cloned")]
    HasToken {
        /// The token.
        token: TokenSerial,
        /// Who has it.
        owner: Box<str>,
    },
    /// An entry that others name cannot be deleted.
    #[error("The entry is used by other {} entries", uses.total)]
    InUse {
        /// Its table.
        table: &'static Table,
        /// Who names it.
        uses: Uses,
    },
    /// A value names an entry that does not exist.
    #[error("entry not found in datasource")]
    NoReference {
        /// The field.
        field: &'static str,
        /// What it names.
        named: Named,
    },
    /// The key is another entry's.
    #[error("a duplicate entry already exists")]
    Exists {
        /// The table.
        table: &'static Table,
        /// The key.
        key: Box<str>,
    },
    /// The entries of this table can be neither renamed nor copied.
    #[error("entries of {} can be neither renamed nor cloned", _0.path)]
    FixedKey(&'static Table),
    /// There is no virtual domain of this name.
    #[error("entry not found in datasource")]
    NoVdom(Vdom),
    /// The name cannot be a virtual domain's.
    #[error("invalid name '{key}': {error}")]
    VdomName {
        /// What was typed.
        key: Box<str>,
        /// What is wrong with it.
        error: VdomError,
    },
    /// There are virtual domains in one mode only.
    #[error("virtual domains are disabled")]
    VdomsOff,
    /// No more virtual domains fit.
    #[error("the maximum number of entries has been reached")]
    TooManyVdoms,
    /// The root is always there.
    #[error("the root VDOM cannot be deleted")]
    RootVdom,
    /// A virtual domain that holds something cannot be deleted.
    #[error("The entry is used by other {} entries", holds.total)]
    VdomInUse {
        /// The virtual domain.
        vdom: Vdom,
        /// What it holds.
        holds: Holds,
    },
    /// The mode cannot go back while there are other virtual domains.
    #[error("there are VDOMs besides root, such as {0}")]
    VdomsExist(Vdom),
    /// A request must be one client's.
    #[error("{subnet} overlaps the network of another RADIUS client")]
    SameNetwork {
        /// The network.
        subnet: Box<str>,
        /// The other client, if it may be named to whoever asks.
        other: Option<Place>,
    },
    /// The unit itself has this name, or names that begin so.
    #[error("'{0}' is what the unit calls clients over HTTPS")]
    ReservedName(&'static str),
    /// A token belongs to one virtual domain.
    #[error("token {0} belongs to another VDOM")]
    TokenElsewhere(TokenSerial),
    /// The same, for somebody who has no part in that one.
    #[error("token {0} cannot be added")]
    TokenUnavailable(TokenSerial),
    /// Only mobile tokens are provisioned.
    #[error("{0} is a hardware token; only mobile tokens are provisioned")]
    NotMobile(TokenSerial),
    /// No activation code of the token is valid.
    #[error("token {0} waits for no activation: there is no code to send")]
    NoCode(TokenSerial),
    /// Nobody has the token, or there is no address of whoever has it.
    #[error("there is nowhere to send the code of token {0}")]
    NoAddress(TokenSerial),
    /// Only hardware tokens are activated from here.
    #[error("{0} is a mobile token; only hardware tokens are activated with the token server")]
    NotHardware(TokenSerial),
    /// There is nothing to fetch.
    #[error("token {0} is active: its seed is here")]
    HasSeed(TokenSerial),
    /// No code can be this token's.
    #[error("token {0} has no seed yet")]
    NoSeed(TokenSerial),
    /// The token's configuration was taken over from another unit.
    #[error("the seed of token {0} is another unit's")]
    SeedOfOther(TokenSerial),
    /// A mobile token comes with a licence.
    #[error("{0} is not among the tokens here; mobile tokens come with a licence")]
    MobileNotImported(TokenSerial),
    /// A mobile token that another unit had, of which it is not said with which licence it comes.
    #[error("{token} is not among the tokens here, and {}", no_licence(license.as_deref()))]
    NoLicence {
        /// The token.
        token: TokenSerial,
        /// What is said to be its licence.
        license: Option<Box<str>>,
    },
    /// A locked token is not provisioned.
    #[error("token {0} is locked")]
    Locked(TokenSerial),
    /// A token that came with another unit's backup and is still that unit's is not provisioned.
    #[error(
        "token {0} came with another unit's backup, and is that unit's by the token server's word"
    )]
    OfAnotherUnit(TokenSerial),
    /// The host has the interface, so its entry stays.
    #[error("'{0}' is an interface of the host")]
    HostInterface(Box<str>),
    /// The host has no such interface.
    #[error("entry not found in datasource")]
    NoInterface(Box<str>),
    /// Nothing can listen on the port.
    #[error("node_check_object fail! for {field}")]
    Unbindable {
        /// The field with the port.
        field: &'static str,
        /// Where it cannot be bound.
        address: SocketAddr,
        /// What the host says.
        why: Box<str>,
    },
    /// A field's text means nothing.
    #[error("{field}: {why}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong.
        why: Box<str>,
    },
}

fn no_licence(license: Option<&str>) -> String {
    match license {
        Some(license) => format!(
            "its license '{license}' is no licence's serial number, which is EFTM and 12 digits, or FTMTRIAL \
             and 8 digits or letters"
        ),
        None => "its entry names no license with which it comes".to_owned(),
    }
}

/// Who can grant the right that is missing, and how.
fn granted_by(profile: &str, area: Area) -> String {
    if area == Area::Administrators {
        return format!(
            "only administrators with the profile {SUPER_ADMIN} change it; yours is {profile}"
        );
    }
    format!(
        "your access profile is '{profile}'; who may change profiles grants it: config system accprofile / edit \"{profile}\" / set {} read-write",
        area.group()
    )
}

/// What the owner of a token is called.
fn kind(owner: &UserName) -> &'static str {
    match owner.canonical().realm() {
        Realm::Administrators => "administrator",
        Realm::Vdom(_) => "user",
    }
}

impl AdminError {
    /// The number in `Command fail. Return code -N`.
    pub fn return_code(&self) -> i32 {
        match self {
            Self::NotFound { .. }
            | Self::NoReference { .. }
            | Self::NoVdom(_)
            | Self::NoInterface(_)
            | Self::NoLicence { .. }
            | Self::MobileNotImported(_) => -3,
            Self::TooManyVdoms => -4,
            Self::SamePerson { .. }
            | Self::Exists { .. }
            | Self::SameNetwork { .. }
            | Self::ReservedName(_)
            | Self::TokenElsewhere(_)
            | Self::TokenUnavailable(_) => -5,
            Self::TokenTaken { .. }
            | Self::InUse { .. }
            | Self::LastSuperAdmin(_)
            | Self::VdomInUse { .. }
            | Self::VdomsExist(_) => -23,
            Self::Incomplete { .. } => -56,
            Self::Denied { .. } | Self::SeedsStay(_) | Self::FixedProfile(_) => -37,
            Self::NotMobile(_)
            | Self::NoCode(_)
            | Self::NoAddress(_)
            | Self::NotHardware(_)
            | Self::HasSeed(_)
            | Self::NoSeed(_)
            | Self::SeedOfOther(_)
            | Self::Locked(_)
            | Self::OfAnotherUnit(_)
            | Self::NotMoved(_)
            | Self::ChangedMeanwhile(_)
            | Self::NotMovedIn(_)
            | Self::FixedKey(_)
            | Self::HasToken { .. }
            | Self::HostInterface(_)
            | Self::VdomsOff
            | Self::RootVdom => -61,
            Self::Name { .. }
            | Self::Serial { .. }
            | Self::KeyTooLong { .. }
            | Self::KeyNumber { .. }
            | Self::VdomName { .. }
            | Self::Password(_)
            | Self::WeakPassword { .. }
            | Self::Unbindable { .. }
            | Self::Field { .. } => -651,
        }
    }

    /// What to do, in plain words.
    #[expect(clippy::too_many_lines, reason = "one sentence for each refusal")]
    pub fn next_step(&self) -> String {
        match self {
            Self::NotFound { table, key } => {
                format!(
                    "there is no '{key}' in {}; 'show {}' lists what there is",
                    table.path, table.path
                )
            }
            Self::Name { .. } | Self::KeyTooLong { .. } => {
                "choose a name of 1 to 64 characters without control characters".to_owned()
            }
            Self::KeyNumber { .. } => "type a number; 'edit 0' takes the next free one".to_owned(),
            Self::Serial { .. } => {
                "a serial number has 16 characters and begins with FTK, such as FTKMOB83712DC7FE"
                    .to_owned()
            }
            Self::SamePerson { existing, .. } => {
                format!("case, domain and realm do not matter: edit \"{existing}\"")
            }
            Self::Incomplete { field, why } => format!("set {field}: {why}"),
            Self::Password(PasswordError::Hash) => {
                "paste the whole word that 'show' printed after ENC, or set the password itself"
                    .to_owned()
            }
            Self::Password(_) => "choose another password of 1 to 128 octets".to_owned(),
            Self::WeakPassword { policy, weaknesses } => wanted(policy, weaknesses),
            Self::TokenTaken { owner, .. } => another_token(owner),
            Self::Denied { profile, table } => granted_by(profile, table.area),
            Self::SeedsStay(profile) => {
                format!("only administrators with the profile {SUPER_ADMIN} do; yours is {profile}")
            }
            Self::FixedProfile(_) => {
                "make one of your own: config system accprofile / edit NAME".to_owned()
            }
            Self::LastSuperAdmin(_) => {
                "first give another administrator this profile: config system admin / edit NAME / set accprofile super_admin".to_owned()
            }
            Self::HasToken { .. } => {
                "create the other entry with 'edit' and give it a token of its own".to_owned()
            }
            Self::InUse { table, uses } => {
                let (path, key) = (table.path, &uses.of);
                format!("{path} \"{key}\" is in use: {uses}; change that first")
            }
            Self::NoReference { field, named } => {
                let (key, tables) = (&named.key, named.tables.join(", "));
                format!("there is no '{key}' in {tables}, and {field} must name one that exists")
            }
            Self::Exists { table, key } => {
                format!("{} has '{key}' already: choose another name", table.path)
            }
            Self::FixedKey(table) if *table == &VDOM => {
                "its users and tokens go by the name of their VDOM".to_owned()
            }
            Self::FixedKey(_) => "a serial number is the token's name for good".to_owned(),
            Self::NoVdom(vdom) => {
                format!("there is no VDOM '{vdom}'; 'show' in 'config vdom' lists what there is")
            }
            Self::VdomName { .. } => "choose another name".to_owned(),
            Self::VdomsOff => {
                "first: config system global / set vdom-mode multi-vdom / end".to_owned()
            }
            Self::TooManyVdoms => {
                format!("delete a VDOM that nobody needs; there can be {VDOMS_MAX}")
            }
            Self::RootVdom => "delete what stands in it instead".to_owned(),
            Self::VdomInUse { vdom, holds } => {
                format!("vdom \"{vdom}\" holds {holds}: delete that first")
            }
            Self::VdomsExist(vdom) => {
                format!("first delete them: config vdom / delete {vdom}")
            }
            Self::SameNetwork { other, .. } => clients::next_step(other.as_ref()),
            Self::ReservedName(_) => "give the entry another name".to_owned(),
            Self::TokenElsewhere(token) => {
                format!("take another token, or first delete {token} in the VDOM that has it")
            }
            Self::TokenUnavailable(_) => {
                "take another token, or ask who administers the unit".to_owned()
            }
            Self::NotMobile(token) => {
                format!("for hardware tokens: execute fortitoken activate {token}")
            }
            Self::NoCode(token) => format!("execute fortitoken-mobile provision {token}"),
            Self::NoAddress(token) => no_address(*token),
            Self::NotHardware(token) => {
                format!("for mobile tokens: execute fortitoken-mobile provision {token}")
            }
            Self::HasSeed(token) => format!("nothing is to be done: diagnose fortitoken info {token}"),
            Self::NoSeed(token) => match token.kind() {
                TokenKind::Mobile => {
                    format!("it gets one for a phone: execute fortitoken-mobile provision {token}")
                }
                TokenKind::Hardware => format!("fetch it: execute fortitoken activate {token}"),
            },
            Self::SeedOfOther(token) => adding_again(*token),
            Self::NoLicence { .. } => {
                "write the serial number of its licence, as its unit or the licence's document has it, \
                 into 'set license', or import it here: execute fortitoken-mobile import CODE"
                    .to_owned()
            }
            Self::MobileNotImported(_) => {
                "import its licence: execute fortitoken-mobile import CODE".to_owned()
            }
            Self::Locked(token) => unlocking(*token),
            Self::OfAnotherUnit(_) => format!(
                "{IN_ITS_PLACE}. To give up its phone, take it from its user, or delete it"
            ),
            Self::NotMoved(why) => why.to_string(),
            Self::ChangedMeanwhile(_) => "type it again".to_owned(),
            Self::NotMovedIn(why) => why.next_step(),
            Self::HostInterface(name) => format!(
                "it can be neither deleted nor renamed; what may come to it says: edit {name} / set allowaccess"
            ),
            Self::NoInterface(name) => {
                format!("the host has no interface '{name}'; 'show system interface' lists what there is")
            }
            Self::Unbindable { address, why, .. } => {
                format!("nothing can listen on {address}: {why}; choose another port, or free that one")
            }
            Self::Field { field, .. } => {
                format!("correct {field}; '?' after 'set {field}' says what it takes")
            }
        }
    }
}

fn adding_again(token: TokenSerial) -> String {
    format!(
        "delete it and add it again, which activates it: config user fortitoken / \
                 delete {token} / edit {token} / end"
    )
}

fn unlocking(token: TokenSerial) -> String {
    let renew = match token.kind() {
        TokenKind::Mobile => format!("execute fortitoken-mobile renew {token}, or: "),
        TokenKind::Hardware => String::new(),
    };
    format!("{renew}config user fortitoken / edit {token} / set status active")
}

fn wanted(policy: &str, weaknesses: &[Weakness]) -> String {
    let wants: Vec<String> = weaknesses.iter().map(ToString::to_string).collect();
    format!(
        "user password-policy \"{policy}\" wants {}",
        wants.join("; ")
    )
}

/// How a token comes free.
fn another_token(owner: &UserName) -> String {
    let table = match owner.canonical().realm() {
        Realm::Administrators => ADMIN.path,
        Realm::Vdom(_) => LOCAL.path,
    };
    format!(
        "take another token, or first: config {table} / edit \"{owner}\" / unset two-factor / unset fortitoken"
    )
}

fn no_address(token: TokenSerial) -> String {
    format!(
        "config user local / edit NAME / set email-to ADDRESS, or: set sms-phone NUMBER; \
         the code itself: show user fortitoken {token}"
    )
}
