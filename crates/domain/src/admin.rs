//! What an administrator may do, and what the token server's answers change.
//!
//! The shell fetches [`Facts`] for an [`Operation`], [`apply`] decides, and the store commits the
//! [`Plan`] in one transaction: state, audit events and messages to send, or nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ident::{ActivationCode, LicenceCode, LicenceSerial, RegistrationId, TokenSerial};
use otp::{Parameters, Seed, Step};
use zeroize::Zeroizing;

use crate::access::{Authority, Realms};
use crate::audit::{Actor, Event};
use crate::contact::{Address, Channel, Contact};
use crate::intake::NewHardware;
use crate::name::{CanonicalName, UserName};
use crate::recovery;
use crate::schema::{Field, Object, Place, Subnet, Table, VDOM, Value};
use crate::security::Profile;
use crate::settings::{PushSettings, VdomMode};
use crate::time::{Span, Timestamp};
use crate::token::{ActivationFailure, ActivationLink, Token};
use crate::transfer::{Asker, Handing};
use crate::user::{Switch, User};
use crate::vdom::Vdom;

mod administrators;
mod authserver;
mod clients;
mod configure;
mod contacts;
mod conveyed;
mod discretion;
mod entries;
mod error;
mod form;
mod groups;
mod hardware;
mod moves;
mod prepared;
mod recovery_codes;
mod references;
mod restore;
mod rights;
mod supply;
mod token_entry;
mod transfers;
mod users;
mod vdoms;

pub use clients::Neighbour;
pub use error::AdminError;
pub use form::misfit;
pub use moves::{
    Arriving, FileGiven, MOVE_REQUEST_DAYS, MoveIn, MoveOut, NotMovedIn, Obstacle, Serials,
    Untimely, timely,
};
pub use prepared::{NewPassword, Prepared};
pub use references::{Named, Use, Uses, UsesOf};
pub use restore::{About, Coverage, Incoming, Remark, Report, Restore, Restoring, Understood};
pub use token_entry::Claim;
pub use transfers::CodeNews;
pub use vdoms::{Held, Holds, VDOMS_MAX};

/// One thing to do.
#[derive(Debug)]
pub enum Operation {
    /// `config … / edit KEY / set … / next`: creates or changes an entry.
    Configure {
        /// The entry.
        place: Place,
        /// What to change, in the order typed.
        edits: Vec<Edit>,
    },
    /// `execute vpn certificate local generate`: an entry with a new key. No other loses its own.
    AddCertificate {
        /// The entry, of `config certificate local`.
        place: Place,
        /// What it holds.
        edits: Vec<Edit>,
    },
    /// `delete KEY`.
    Remove {
        /// The entry.
        place: Place,
    },
    /// `rename FROM to TO`: whatever names the entry goes on naming it.
    Rename {
        /// The entry.
        place: Place,
        /// Its new key.
        to: Box<str>,
    },
    /// `clone FROM to TO`.
    Clone {
        /// The entry to copy.
        place: Place,
        /// The key of the copy.
        to: Box<str>,
    },
    /// `purge`: all entries of a table, or none.
    Purge {
        /// Where the administrator stands.
        vdom: Vdom,
        /// The table.
        table: &'static Table,
    },
    /// `execute fortitoken-mobile import`.
    Import {
        /// Where its tokens go.
        vdom: Vdom,
        /// What lets its bearer have them.
        code: LicenceCode,
    },
    /// `execute fortitoken-mobile provision`: a new code; the old one and the old phone die.
    Provision {
        /// Where the administrator stands.
        vdom: Vdom,
        /// The token.
        token: TokenSerial,
    },
    /// `execute fortitoken-mobile renew`: unlocks a mobile token, and provisions it if a user has it.
    Renew {
        /// Where the administrator stands.
        vdom: Vdom,
        /// The token.
        token: TokenSerial,
    },
    /// `execute fortitoken-mobile send-activation`: the code that waits goes to the person again.
    SendActivation {
        /// Where the administrator stands.
        vdom: Vdom,
        /// The token.
        token: TokenSerial,
        /// By this way; by the person's own for `None`.
        by: Option<Channel>,
    },
    /// `execute fortitoken activate`: the seeds of hardware tokens are fetched.
    ActivateHardware {
        /// Where the administrator stands.
        vdom: Vdom,
        /// The tokens.
        tokens: Vec<TokenSerial>,
    },
    /// `execute fortitoken import-sn-file`: hardware tokens that are not here are added, and their seeds
    /// fetched.
    AddHardware {
        /// Where the administrator stands.
        vdom: Vdom,
        /// The tokens.
        tokens: Vec<TokenSerial>,
    },
    /// `execute fortitoken import`: hardware tokens with the seeds that their maker tells.
    ImportHardware {
        /// Where the administrator stands.
        vdom: Vdom,
        /// The tokens.
        tokens: Vec<NewHardware>,
        /// The file from which they come.
        origin: Box<str>,
    },
    /// The token server's answer to an activation.
    HardwareActivated(Vec<HardwareAnswer>),
    /// `execute fortitoken-mobile move export`: tokens are another gateway's from now on.
    MoveOut(MoveOut),
    /// `execute fortitoken-mobile move import`: tokens are this gateway's from now on.
    MoveIn(MoveIn),
    /// `diagnose login unlock`.
    Unlock(CanonicalName),
    /// `execute recovery-code` and `recovery-pass`: what a person has of a kind from now on.
    Recovery {
        /// The person.
        person: CanonicalName,
        /// Of which kind.
        kind: recovery::Kind,
        /// Nothing takes back what there was.
        held: Vec<recovery::Held>,
    },
    /// The token server's answer to an import.
    Imported {
        /// Where it was asked for.
        vdom: Vdom,
        /// The licence.
        licence: LicenceSerial,
        /// Its tokens.
        tokens: Vec<TokenSerial>,
    },
    /// The token server's answer to a provisioning.
    Provisioned(Vec<Supplied>),
    /// The token server's answer to a poll.
    Polled(Vec<Polled>),
    /// The token server says that these tokens are another unit's.
    Disowned(Vec<TokenSerial>),
    /// The token server says that these tokens are this unit's, and heard of no phone that has them.
    PhonesUnheard(Vec<TokenSerial>),
    /// A token is to go to another phone: its phone wants it, or its person lost that.
    BeginTransfer {
        /// The token.
        token: TokenSerial,
        /// Who asks.
        asker: Asker,
        /// How the code gets there.
        handing: Handing,
        /// The phone of which this was judged: another that has the token by now wants nothing.
        holder: RegistrationId,
    },
    /// A phone wants to keep its token after all.
    CancelTransfer {
        /// The token.
        token: TokenSerial,
        /// The phone.
        holder: RegistrationId,
    },
    /// A transfer ends if it may not go on: its user, the policy or an address is another than when it was begun.
    ReviewTransfer {
        /// The token.
        token: TokenSerial,
    },
    /// The token server's answer about the code of a transfer.
    TransferPolled {
        /// The token.
        token: TokenSerial,
        /// The code that was asked about.
        code: ActivationCode,
        /// What became of it.
        news: CodeNews,
    },
    /// Another phone than the one that has a token answers with its seed.
    TwoPhones {
        /// The token.
        token: TokenSerial,
        /// The other phone.
        other: RegistrationId,
    },
    /// The token server refused an import for good: the message is not sent again.
    ImportRefused {
        /// Where it was asked for.
        vdom: Vdom,
        /// Its number and text.
        answer: Box<str>,
    },
    /// The token server refused a provisioning for good: the token goes back to `new`.
    ProvisionRefused {
        /// The token that waited for it.
        token: TokenSerial,
        /// The server's number and text.
        answer: Box<str>,
    },
    /// What became of the message with an activation code.
    Delivered {
        /// The token that it was about.
        token: TokenSerial,
        /// Sent or not.
        delivery: Delivery,
    },
}

/// What became of the message with an activation code.
#[derive(Debug)]
pub enum Delivery {
    /// The mail or SMS server took it.
    Sent {
        /// For whom.
        to: Box<str>,
    },
    /// It is not sent again.
    Failed {
        /// Why.
        why: Box<str>,
    },
}

/// One change of an entry.
#[derive(Clone, Debug)]
pub enum Edit {
    /// `set FIELD VALUE`.
    Set(&'static Field, Value),
    /// `unset FIELD`.
    Unset(&'static Field),
    /// The entries of a child table, all of them.
    Children(&'static Table, Vec<Object>),
}

/// What became of a hardware token's activation.
#[derive(Debug)]
pub struct HardwareAnswer {
    /// The token.
    pub token: TokenSerial,
    /// Its seed and how its codes are made, or why there is none.
    pub outcome: Result<(Seed, Parameters), ActivationFailure>,
    /// The token server's number and text, where it refused.
    pub answer: Box<str>,
}

/// A provisioned token, as the token server answered.
#[derive(Debug)]
pub struct Supplied {
    /// The token.
    pub token: TokenSerial,
    /// What the person types.
    pub code: ActivationCode,
    /// What the person scans.
    pub link: ActivationLink,
    /// How long the code is valid.
    pub valid: Span,
}

/// A token's state at the token server.
#[derive(Debug)]
pub struct Polled {
    /// The token.
    pub token: TokenSerial,
    /// Its phone, once one activated it.
    pub phone: Option<Phone>,
}

/// A phone, as a poll tells of it.
#[derive(Debug)]
pub struct Phone {
    /// Its registration.
    pub registration: RegistrationId,
    /// `<app version>_<platform>`.
    pub os_version: Box<str>,
}

/// What the token server says of the phone of a token that came from another unit.
#[derive(Debug)]
pub enum ItsPhone {
    /// This one has it.
    Named(Phone),
    /// None has it: the token was provisioned again, and no phone took the code.
    None,
    /// It heard of no phone. A manager that gave the licence out had phones take its tokens, and told the token
    /// server of the licence alone.
    Unheard,
}

impl ItsPhone {
    /// The phone that is named.
    pub(crate) fn named(&self) -> Option<&Phone> {
        match self {
            Self::Named(phone) => Some(phone),
            Self::None | Self::Unheard => None,
        }
    }
}

/// What an operation needs to know before it can be decided.
#[derive(Debug, Default)]
pub struct Reads {
    /// Users by name; with a user comes its token.
    pub users: Vec<CanonicalName>,
    /// Tokens by serial; with a token comes its owner's name.
    pub tokens: Vec<TokenSerial>,
    /// An entry of one of the other tables.
    pub object: Option<Place>,
    /// All entries of a table in a virtual domain; with users come their tokens.
    pub all: Option<(Vdom, &'static Table)>,
    /// Who names entries that are to go.
    pub uses: Option<UsesOf>,
    /// Entries that values name.
    pub named: Vec<Named>,
    /// The token of which it is asked when its latest transfers were begun.
    pub transfers_begun: Option<TokenSerial>,
    /// What a virtual domain holds that is to go.
    pub holds: Option<Vdom>,
    /// Whether a virtual domain may have a token by its licence.
    pub claim: Option<Claim>,
    /// Whether a token ever had a seed here.
    pub seeded: Option<TokenSerial>,
    /// Whether a file of another gateway's tokens was taken in.
    pub file: Option<Box<str>>,
    /// The RADIUS clients that share addresses with this network.
    pub neighbours: Option<Subnet>,
}

/// What is known when an operation is decided.
#[derive(Debug, Default)]
pub struct Facts {
    /// The users asked for that exist.
    pub users: Vec<User>,
    /// The tokens asked for that exist, and those of the users. An import names as many as a licence has.
    pub tokens: BTreeMap<TokenSerial, Owned>,
    /// The entry asked for, if it exists.
    pub object: Option<Object>,
    /// All entries of a table of which all were asked for.
    pub all: Vec<Object>,
    /// Who names an entry that is to go; nothing if nobody does.
    pub uses: Option<Uses>,
    /// Those of the named entries that exist, by their keys as written.
    pub named: HashMap<Named, Box<str>>,
    /// All virtual domains.
    pub vdoms: Vec<Vdom>,
    /// What the virtual domain holds that is to go; nothing if it is empty.
    pub holds: Option<Holds>,
    /// Whether the virtual domain that claims a token has tokens of the licence that it names, and the
    /// token was not here under another.
    pub is_licensed: bool,
    /// Whether the token asked for ever had a seed here. It may have been taken from its person since.
    pub was_seeded: bool,
    /// Whether the file asked for was taken in.
    pub is_file_taken: bool,
    /// The RADIUS clients that share addresses with the network asked for, in all virtual domains.
    pub neighbours: Vec<Neighbour>,
    /// `vdom-mode`.
    pub vdom_mode: VdomMode,
    /// What was computed of a new password before.
    pub prepared: Option<Prepared>,
    /// The password policy of users who have none of their own: `default-user-password-policy`.
    pub default_policy: Option<Box<str>>,
    /// How long activation codes are valid: `two-factor-ftm-expiry`.
    pub code_lifetime: Span,
    /// `system security`.
    pub profile: Profile,
    /// `system ftm-push`.
    pub push: Arc<PushSettings>,
    /// When the latest transfers of the token asked for were begun.
    pub transfers_begun: Vec<Timestamp>,
    /// The name that is to be unlocked, if anything is counted of it. It may be of somebody without an entry, whom a
    /// server knows.
    pub counted: Option<CanonicalName>,
}

/// A token with its owner.
#[derive(Debug)]
pub struct Owned {
    /// The token.
    pub token: Token,
    /// The user to whom it is assigned, and where codes for that user go.
    pub owner: Option<Owner>,
}

/// The user to whom a token is assigned.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The name.
    pub name: UserName,
    /// Whether the person may log in at all; administrators always may.
    pub status: Switch,
    /// Where codes go.
    pub contact: Contact,
}

impl Facts {
    fn user(&self, name: &CanonicalName) -> Option<&User> {
        self.users.iter().find(|user| user.name.canonical() == name)
    }

    fn token(&self, serial: TokenSerial) -> Option<&Owned> {
        self.tokens.get(&serial)
    }

    /// Takes a token out, to be changed and put into the plan.
    fn take_token(&mut self, serial: TokenSerial) -> Option<Owned> {
        self.tokens.remove(&serial)
    }

    /// Takes a token out that belongs to this virtual domain. Another's is as if it did not exist.
    fn take_token_of(&mut self, vdom: Vdom, serial: TokenSerial) -> Option<Owned> {
        self.token(serial)
            .is_some_and(|owned| owned.token.vdom == vdom)
            .then(|| self.take_token(serial))
            .flatten()
    }

    fn take_user(&mut self, name: &CanonicalName) -> Option<User> {
        let at = self
            .users
            .iter()
            .position(|user| user.name.canonical() == name)?;
        Some(self.users.swap_remove(at))
    }
}

/// Random octets for one operation: they come in, they are not drawn here.
pub struct Entropy {
    /// For a new seed; 160 bits as RFC 4226 R6 recommends.
    pub seed: Zeroizing<[u8; 20]>,
    /// For a password hash.
    pub salt: [u8; crate::password::SALT_LEN],
}

impl Entropy {
    fn seed(&self) -> Option<Seed> {
        Seed::from_bytes(Zeroizing::new(self.seed.to_vec())).ok()
    }
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(<sealed>)")
    }
}

/// What the store writes, in one transaction.
#[derive(Debug, Default)]
pub struct Plan {
    /// Changes of state, in order.
    pub changes: Vec<Change>,
    /// What the audit log says of it.
    pub events: Vec<Event>,
    /// What has to be sent.
    pub messages: Vec<Message>,
    /// What whoever asked for it is told besides.
    pub remarks: Vec<Remark>,
}

/// One change of state.
#[derive(Debug)]
pub enum Change {
    /// A user was created or changed.
    User(User),
    /// A user is gone.
    UserRemoved(CanonicalName),
    /// A token was created or changed; its seed and its spent steps stay.
    Token(Token),
    /// A token is gone; what was spent stays spent.
    TokenRemoved(TokenSerial),
    /// A token has a new seed, or none. Codes of the old one are dead.
    Seed(TokenSerial, Option<Seed>),
    /// A token has a seed that waits for another phone, or none waits any more.
    NextSeed(TokenSerial, Option<Seed>),
    /// The seed that waits takes the place of the other, whose codes are dead; nobody had it before, so nothing of
    /// it is spent.
    SeedTaken(TokenSerial),
    /// A phone has a token no more, and is told so when it asks.
    Left(TokenSerial, RegistrationId),
    /// A transfer of a token was begun at this time; so many within an hour are the most.
    TransferBegun(TokenSerial, Timestamp),
    /// For a person who logged in with a recovery code or pass a transfer is begun: that login asks for nothing more.
    Recovered(CanonicalName),
    /// Steps of a token up to this one are spent: another unit may have accepted them.
    Spent(TokenSerial, Step),
    /// Another gateway gets tokens of a licence that a virtual domain had.
    FileGiven(Vdom, LicenceSerial, FileGiven),
    /// A file of another gateway's tokens is not taken in again.
    FileTaken(Box<str>),
    /// An entry of another table was created or changed.
    Object(Object),
    /// An entry of another table is gone.
    ObjectRemoved(Place),
    /// A virtual domain is gone, with its settings.
    VdomRemoved(Vdom),
    /// A user has another name; token, counters and what names the user go along.
    UserRenamed(CanonicalName, UserName),
    /// An entry of another table has another key; its secrets and what names it go along.
    ObjectRenamed {
        /// The entry, with its key so far.
        place: Place,
        /// The new key.
        to: Box<str>,
    },
    /// An entry of another table was copied, with its secrets.
    ObjectCopied {
        /// The entry that was copied.
        place: Place,
        /// The key of the copy.
        to: Box<str>,
    },
    /// A person's failures are forgotten.
    FailuresCleared(CanonicalName),
    /// What a person has of recovery codes or passes.
    Recovery {
        /// The person.
        person: CanonicalName,
        /// Of which kind.
        kind: recovery::Kind,
        /// All of them.
        held: Vec<recovery::Held>,
    },
}

/// Something to send; kept in the outbox until it is answered.
#[derive(Debug)]
pub enum Message {
    /// Activate a licence at the token server.
    ActivateLicence {
        /// Where its tokens go.
        vdom: Vdom,
        /// What lets its bearer have them.
        code: LicenceCode,
    },
    /// Provision these tokens at the token server.
    Provision {
        /// The virtual domain to which they belong.
        vdom: Vdom,
        /// The tokens.
        tokens: Vec<TokenSerial>,
    },
    /// Fetch the seeds of these hardware tokens from the token server.
    ActivateHardware {
        /// The virtual domain to which they belong.
        vdom: Vdom,
        /// The tokens.
        tokens: Vec<TokenSerial>,
    },
    /// Tell a person how to activate a token.
    ActivationCode {
        /// The virtual domain to which both belong.
        vdom: Vdom,
        /// The token.
        token: TokenSerial,
        /// Whose it is.
        user: Box<str>,
        /// Where it goes.
        to: Address,
    },
    /// Tell a person that a token is on another phone now.
    TransferNotice {
        /// The virtual domain to which both belong.
        vdom: Vdom,
        /// The token.
        token: TokenSerial,
        /// Whose it is.
        user: Box<str>,
        /// Where it goes.
        to: Address,
    },
}

impl Message {
    /// Whose it is.
    pub fn vdom(&self) -> Vdom {
        match self {
            Self::ActivateLicence { vdom, .. }
            | Self::Provision { vdom, .. }
            | Self::ActivateHardware { vdom, .. }
            | Self::ActivationCode { vdom, .. }
            | Self::TransferNotice { vdom, .. } => *vdom,
        }
    }
}

impl Operation {
    /// The virtual domain in which it is carried out; none for what the token server answers, since its
    /// tokens know theirs.
    fn vdom(&self) -> Option<Vdom> {
        match self {
            Self::Configure { place, .. }
            | Self::AddCertificate { place, .. }
            | Self::Remove { place }
            | Self::Rename { place, .. }
            | Self::Clone { place, .. } => Some(place.vdom()),
            Self::Purge { vdom, .. }
            | Self::Import { vdom, .. }
            | Self::Provision { vdom, .. }
            | Self::Renew { vdom, .. }
            | Self::SendActivation { vdom, .. }
            | Self::ActivateHardware { vdom, .. }
            | Self::AddHardware { vdom, .. }
            | Self::ImportHardware { vdom, .. }
            | Self::Imported { vdom, .. }
            | Self::ImportRefused { vdom, .. } => Some(*vdom),
            Self::MoveOut(moved) => Some(moved.vdom),
            Self::MoveIn(moved) => Some(moved.vdom),
            Self::Unlock(name) | Self::Recovery { person: name, .. } => Some(name.realm().vdom()),
            Self::Provisioned(_)
            | Self::HardwareActivated(_)
            | Self::Polled(_)
            | Self::Disowned(_)
            | Self::PhonesUnheard(_)
            | Self::BeginTransfer { .. }
            | Self::CancelTransfer { .. }
            | Self::ReviewTransfer { .. }
            | Self::TransferPolled { .. }
            | Self::TwoPhones { .. }
            | Self::ProvisionRefused { .. }
            | Self::Delivered { .. } => None,
        }
    }

    /// What has to be fetched before [`apply`].
    pub fn reads(&self) -> Reads {
        match self {
            Self::Configure { place, edits } | Self::AddCertificate { place, edits } => {
                configure::reads(place, edits)
            }
            Self::Remove { place } => Reads {
                uses: Some(UsesOf::Entry(place.clone())),
                holds: Vdom::parse(place.key())
                    .ok()
                    .filter(|_| place.table() == &VDOM),
                ..configure::reads(place, &[])
            },
            Self::Rename { place, to } | Self::Clone { place, to } => entries::reads(place, to),
            Self::Purge { vdom, table } => {
                let vdom = table.within(*vdom);
                Reads {
                    uses: Some(UsesOf::AnyEntry(vdom, table)),
                    all: Some((vdom, table)),
                    ..Reads::default()
                }
            }
            Self::Unlock(name) | Self::Recovery { person: name, .. } => Reads {
                users: vec![name.clone()],
                ..Reads::default()
            },
            Self::Imported { tokens, .. }
            | Self::ActivateHardware { tokens, .. }
            | Self::AddHardware { tokens, .. }
            | Self::Disowned(tokens)
            | Self::PhonesUnheard(tokens) => Reads::tokens(tokens.iter().copied()),
            Self::ImportHardware { tokens, .. } => Reads::tokens(tokens.iter().map(|it| it.serial)),
            Self::MoveOut(moved) => Reads::tokens(moved.tokens.iter().map(|(token, _)| *token)),
            Self::MoveIn(moved) => Reads {
                file: Some(moved.file.clone()),
                ..Reads::tokens(moved.tokens.iter().map(|it| it.token.serial))
            },
            Self::HardwareActivated(answers) => Reads::tokens(answers.iter().map(|it| it.token)),
            Self::Provisioned(supplied) => Reads::tokens(supplied.iter().map(|it| it.token)),
            Self::Polled(polled) => Reads::tokens(polled.iter().map(|it| it.token)),
            Self::Provision { token, .. }
            | Self::Renew { token, .. }
            | Self::SendActivation { token, .. }
            | Self::CancelTransfer { token, .. }
            | Self::ReviewTransfer { token }
            | Self::TransferPolled { token, .. }
            | Self::TwoPhones { token, .. }
            | Self::ProvisionRefused { token, .. }
            | Self::Delivered { token, .. } => Reads::tokens([*token]),
            Self::BeginTransfer { token, .. } => Reads {
                transfers_begun: Some(*token),
                ..Reads::tokens([*token])
            },
            Self::Import { .. } | Self::ImportRefused { .. } => Reads::default(),
        }
    }
}

impl Reads {
    fn tokens(serials: impl IntoIterator<Item = TokenSerial>) -> Self {
        Self {
            tokens: serials.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// Decides an operation. An error changes nothing.
pub fn apply(
    operation: Operation,
    facts: Facts,
    entropy: &Entropy,
    by: &Authority,
    now: Timestamp,
) -> Result<Plan, AdminError> {
    rights::permit(&operation, &facts, by)?;
    vdoms::exists(&operation, &facts)?;
    let context = Context::new(&facts, entropy, by, now, Manner::Typed);
    decided(operation, facts, &context).map_err(|error| error.told_to(by))
}

fn decided(operation: Operation, facts: Facts, context: &Context<'_>) -> Result<Plan, AdminError> {
    match operation {
        Operation::Configure { place, edits } => {
            configure::configure(&place, edits, facts, context)
        }
        Operation::AddCertificate { place, edits } => {
            entries::absent(&place, facts.object.as_ref())?;
            configure::configure(&place, edits, facts, context)
        }
        Operation::Remove { place } => configure::remove(&place, facts, context),
        Operation::Rename { place, to } => entries::rename(place, to, facts, context),
        Operation::Clone { place, to } => entries::copy(place, to, facts, context),
        Operation::Purge { vdom, table } => entries::purge(vdom, table, facts, context),
        Operation::Import { vdom, code } => Ok(supply::import(vdom, code, context)),
        Operation::Provision { vdom, token } => supply::provision(vdom, token, facts, context),
        Operation::Renew { vdom, token } => supply::renew(vdom, token, facts, context),
        Operation::SendActivation { vdom, token, by } => {
            supply::send_activation(vdom, token, by, facts, context)
        }
        Operation::ActivateHardware { vdom, tokens } => {
            hardware::activate(vdom, tokens, facts, context)
        }
        Operation::AddHardware { vdom, tokens } => hardware::add(vdom, tokens, facts, context),
        Operation::ImportHardware {
            vdom,
            tokens,
            origin,
        } => hardware::import(vdom, tokens, &origin, facts, context),
        Operation::HardwareActivated(answers) => Ok(hardware::activated(answers, facts, context)),
        Operation::MoveOut(moved) => moves::out(moved, facts, context),
        Operation::MoveIn(moved) => moves::taken(moved, facts, context),
        Operation::Unlock(name) => configure::unlock(&name, &facts, context),
        Operation::Recovery { person, kind, held } => {
            recovery_codes::replace(person, kind, held, &facts, context)
        }
        Operation::Imported {
            vdom,
            licence,
            tokens,
        } => Ok(supply::imported(vdom, licence, tokens, facts, context)),
        Operation::Provisioned(supplied) => Ok(supply::provisioned(supplied, facts, context)),
        Operation::Polled(polled) => Ok(supply::polled(polled, facts, context)),
        Operation::Disowned(tokens) => Ok(supply::disowned(tokens, facts, context)),
        Operation::PhonesUnheard(tokens) => Ok(supply::phones_unheard(tokens, facts, context)),
        Operation::BeginTransfer {
            token,
            asker,
            handing,
            holder,
        } => transfers::begin(token, asker, handing, holder, facts, context),
        Operation::CancelTransfer { token, holder } => {
            transfers::cancel(token, holder, facts, context)
        }
        Operation::ReviewTransfer { token } => transfers::review(token, facts, context),
        Operation::TransferPolled { token, code, news } => {
            transfers::polled(token, &code, &news, facts, context)
        }
        Operation::TwoPhones { token, other } => {
            Ok(supply::two_phones(token, other, facts, context))
        }
        Operation::ImportRefused { vdom, answer } => Ok(Plan::noted(context.changed(
            vdom,
            "fortitoken-mobile.import",
            "licence",
            &answer,
        ))),
        Operation::ProvisionRefused { token, answer } => {
            Ok(supply::refused(token, &answer, facts, context))
        }
        Operation::Delivered { token, delivery } => {
            Ok(supply::delivered(token, &delivery, facts, context))
        }
    }
}

/// What every decision needs besides its facts.
struct Context<'a> {
    entropy: &'a Entropy,
    actor: &'a Actor,
    realms: &'a Realms,
    now: Timestamp,
    code_lifetime: Span,
    profile: Profile,
    manner: Manner,
}

/// How a change comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    /// Somebody types it, and waits for what comes of it.
    Typed,
    /// It is one of many, taken from a configuration.
    Restored,
}

impl<'a> Context<'a> {
    fn new(
        facts: &Facts,
        entropy: &'a Entropy,
        by: &'a Authority,
        now: Timestamp,
        manner: Manner,
    ) -> Self {
        Self {
            entropy,
            actor: &by.actor,
            realms: &by.realms,
            now,
            code_lifetime: facts.code_lifetime,
            profile: facts.profile,
            manner,
        }
    }

    fn changed(&self, vdom: Vdom, action: &str, object: &str, detail: &str) -> Event {
        Event::changed(self.actor, vdom, action, object, detail, self.now)
    }

    /// `user.local` is the action on a table.
    fn changed_at(&self, place: &Place, detail: &str) -> Event {
        let action = place.table().path.replace(' ', ".");
        self.changed(place.vdom(), &action, place.key(), detail)
    }
}

impl Plan {
    fn of(change: Change) -> Self {
        Self {
            changes: vec![change],
            ..Self::default()
        }
    }

    fn noted(event: Event) -> Self {
        Self {
            events: vec![event],
            ..Self::default()
        }
    }

    fn remarked(remarks: impl IntoIterator<Item = Remark>) -> Self {
        Self {
            remarks: remarks.into_iter().collect(),
            ..Self::default()
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.changes.extend(other.changes);
        self.events.extend(other.events);
        self.messages.extend(other.messages);
        self.remarks.extend(other.remarks);
        self
    }
}
