//! The login decision.
//!
//! [`begin`] looks at who asks and hands out one hash to compute; [`second`], [`next`] for the code after one that
//! was right for another time, [`sent`] for a code that was sent, or [`pushed`] for a word from the phone, looks at
//! the second factor and ends in a refusal, a challenge or a [`Consume`]. A `Consume` is not yet a yes: only
//! `store::consume`, which makes the spent step durable, turns it into one.

mod codes;
pub mod outlook;
pub mod trial;

use ident::{RegistrationId, TokenSerial};
use otp::{Digits, Drift, Step};
use zeroize::Zeroizing;

use crate::code_only::Vouched;
use crate::contact::{Address, Channel};
use crate::name::CanonicalName;
use crate::one_time::{CodeKey, Issued, Tried};
use crate::password::{BackendCheck, Check, Credential, HashDigest, PasswordVerified, Presented};
use crate::password_policy::Validity;
use crate::public_key::{KeyVerified, PublicKey};
use crate::push::{Approved, Outstanding, Said, Session};
use crate::reason::Reason;
use crate::recovery::{self, Digest, Held, RecoveryCode};
use crate::remote::{RemoteCheck, RemoteVerified, Source};
use crate::source::LoginSource;
use crate::throttle::{CodeCounter, Throttled};
use crate::time::Timestamp;
use crate::token::{SeedVersion, Usability, Verifier};
use crate::user::Switch;
pub use codes::{Drifted, NEXT_CODE_SPAN, Waiting, next};
use codes::{Turn, Verdict};

/// Where password and code stand in a client's requests (`set code-position`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CodePosition {
    /// The password comes first, the code answers a challenge.
    #[default]
    Challenge,
    /// The code's digits follow the password in the same field.
    AfterPassword,
    /// The code's digits come before the password in the same field.
    BeforePassword,
    /// The code follows the last of these in the same field; without one it answers a challenge.
    Separator(char),
    /// The same where no challenge can be answered.
    SeparatorAlone(char),
    /// The code stands alone: the client has checked the first factor itself.
    CodeOnly,
    /// The code stands in a field of its own beside the password, and somebody has to look at it.
    Beside,
}

impl CodePosition {
    /// Whether a code that did not come with the password is asked for.
    pub const fn is_asked(self) -> bool {
        match self {
            Self::Challenge | Self::Separator(_) | Self::CodeOnly => true,
            Self::AfterPassword | Self::BeforePassword | Self::SeparatorAlone(_) | Self::Beside => {
                false
            }
        }
    }

    /// Whether a code may come that answers no challenge, and without its having been split off.
    const fn is_unasked(self) -> bool {
        matches!(self, Self::CodeOnly | Self::Beside)
    }

    /// The same for a method that cannot ask for a code: what would be asked for follows the password.
    #[must_use]
    pub const fn unasked(self) -> Self {
        match self {
            Self::Challenge => Self::AfterPassword,
            Self::Separator(separator) => Self::SeparatorAlone(separator),
            Self::AfterPassword
            | Self::BeforePassword
            | Self::SeparatorAlone(_)
            | Self::CodeOnly
            | Self::Beside => self,
        }
    }

    /// Takes password and code apart; `None` where no code can stand.
    fn parted(self, octets: &[u8], digits: Digits) -> Option<(&[u8], &[u8])> {
        let digits = usize::from(digits.count());
        match self {
            Self::Challenge | Self::CodeOnly | Self::Beside => None,
            Self::AfterPassword => octets.split_at_checked(octets.len().checked_sub(digits)?),
            Self::BeforePassword => {
                let (code, password) = octets.split_at_checked(digits)?;
                Some((password, code))
            }
            Self::Separator(separator) | Self::SeparatorAlone(separator) => {
                let mut buffer = [0; 4];
                let separator = separator.encode_utf8(&mut buffer).as_bytes();
                let mut windows = octets.windows(separator.len());
                let at = windows.rposition(|window| window == separator)?;
                Some((octets.get(..at)?, octets.get(at + separator.len()..)?))
            }
        }
    }
}

/// Where a login comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Name of the client's entry in the configuration.
    pub client: Box<str>,
    /// The person's own address as the client reports it, else the client's.
    pub source: LoginSource,
}

/// What is known of the person behind a name.
#[derive(Debug)]
pub struct Person {
    /// The name by which the person is looked up.
    pub name: CanonicalName,
    /// Whether the person may log in.
    pub status: Switch,
    /// How long the password is good, if it is not for ever.
    pub validity: Option<Validity>,
    /// Who can tell whether the first factor is right, if anybody.
    pub password: Option<Credential>,
    /// The hash of the same password that gave way to it while logins may be under way that began with that.
    pub former: Option<HashDigest>,
    /// Keys that do as first factor too; only administrators have any.
    pub keys: Box<[PublicKey]>,
    /// The second factor.
    pub factor: Factor,
    /// What stands in the place of a token's code while the token is out of reach.
    pub recovery: Box<[Held]>,
}

impl Person {
    /// Why nobody is let in by this record, if so.
    fn closed(&self) -> Option<Reason> {
        (self.status == Switch::Disable).then_some(Reason::UserDisabled)
    }

    /// Why nobody is let in by its password any more, if so.
    fn outlived(&self, now: Timestamp) -> Option<Reason> {
        let is_over = |validity: Validity| validity.ends <= now;
        let is_over = self.validity.is_some_and(is_over);
        is_over.then_some(Reason::PasswordExpired)
    }

    /// Whether something could stand in the place of a token's code now.
    fn may_recover(&self, now: Timestamp) -> bool {
        self.factor.is_a_token() && self.recovery.iter().any(|held| held.is_open(now))
    }

    /// Whether a proof is worth anything with what the person has now, see [`Proof::holds`].
    fn is_proven_by(&self, proof: &Proof) -> bool {
        let former = self.former.map(Credential::Stored);
        proof.holds(self.password.as_ref(), &self.keys)
            || former.is_some_and(|former| proof.holds(Some(&former), &[]))
    }
}

/// The first factor, proven.
#[derive(Debug)]
pub enum Proof {
    /// By the password.
    Password(PasswordVerified),
    /// By a signature.
    Key(KeyVerified),
    /// By the word of a server, of somebody who has no record here.
    Remote(RemoteVerified),
    /// By a client that checks first factors itself.
    Client(Vouched),
}

impl Proof {
    /// Who proved it.
    pub fn person(&self) -> &CanonicalName {
        match self {
            Self::Password(verified) => verified.person(),
            Self::Key(verified) => verified.person(),
            Self::Remote(verified) => verified.person(),
            Self::Client(vouched) => vouched.person(),
        }
    }

    /// Whether it is worth anything with what the person has now: an administrator may have changed
    /// it since, to keep somebody out. Who has a record now needs more than a server's word. What a client
    /// checks itself is not kept here.
    pub fn holds(&self, password: Option<&Credential>, keys: &[PublicKey]) -> bool {
        match self {
            Self::Password(verified) => verified.is_of(password),
            Self::Key(verified) => verified.is_of(keys),
            Self::Remote(_) => false,
            Self::Client(_) => true,
        }
    }

    /// The client that checked the first factor itself, if one did.
    pub fn client(&self) -> Option<&Vouched> {
        match self {
            Self::Client(vouched) => Some(vouched),
            Self::Password(_) | Self::Key(_) | Self::Remote(_) => None,
        }
    }
}

impl From<PasswordVerified> for Proof {
    fn from(verified: PasswordVerified) -> Self {
        Self::Password(verified)
    }
}

/// The second factor that the person needs.
#[derive(Debug)]
pub enum Factor {
    /// None: the password is enough.
    None,
    /// None is set, and nobody may do without one.
    Required,
    /// A token, and none is assigned.
    TokenMissing,
    /// A token without a seed.
    TokenWithoutSeed(TokenSerial),
    /// A code of this token.
    Token {
        /// What checks its codes.
        verifier: Verifier,
        /// Whether they are looked at.
        usability: Usability,
    },
    /// A code that is sent there.
    Sent(Address),
    /// A code that is to be sent, and nobody says where to.
    AddressMissing,
    /// A code that would be sent, if the security profile took it.
    SentCodesRefused,
}

impl Factor {
    /// Whether codes of a token are asked for, if there were one that is usable.
    const fn is_a_token(&self) -> bool {
        matches!(
            self,
            Self::TokenMissing | Self::TokenWithoutSeed(_) | Self::Token { .. }
        )
    }

    /// What is asked for, or why nothing that could be presented would do.
    fn asked(&self) -> Result<Asked<'_>, Refusal> {
        match self {
            Self::None => Ok(Asked::Nothing),
            Self::Required => Err(Refusal::because(Reason::SecondFactorRequired)),
            Self::TokenMissing => Err(Refusal::because(Reason::TokenMissing)),
            Self::TokenWithoutSeed(token) => {
                Err(Refusal::because(Reason::TokenWithoutSeed).of_token(*token))
            }
            Self::Token {
                verifier,
                usability,
            } => match unusable(*usability) {
                Some(reason) => Err(Refusal::because(reason).of_token(verifier.serial)),
                None => Ok(Asked::Token(verifier)),
            },
            Self::Sent(to) => Ok(Asked::Sent(to)),
            Self::AddressMissing => Err(Refusal::because(Reason::AddressMissing)),
            Self::SentCodesRefused => Err(Refusal::because(Reason::SentCodesRefused)),
        }
    }
}

/// What is asked for besides the first factor, where something would do.
enum Asked<'a> {
    Nothing,
    Token(&'a Verifier),
    Sent(&'a Address),
}

/// All that the decision reads, taken at one moment.
#[derive(Debug)]
pub struct Facts {
    /// The canonical form of the name that was presented.
    pub name: CanonicalName,
    /// The person, if there is one.
    pub person: Option<Person>,
    /// The servers that may know a person without a record; none for a name that has one.
    pub sources: Vec<Source>,
    /// How the client combines password and code.
    pub position: CodePosition,
}

/// What has to be done before anything else is decided.
#[derive(Debug)]
pub struct FirstFactor {
    /// How the password is checked.
    pub check: Verification,
    /// The password alone.
    pub password: Presented,
    /// What stood where the code belongs.
    pub code: Option<Submitted>,
    /// Why a failed check fails: for the administrator.
    pub refusal: Reason,
}

/// How a password is checked.
#[derive(Debug)]
pub enum Verification {
    /// One hash, to be computed in the pool.
    Hash(Check),
    /// One question to a directory or RADIUS server.
    Ask(BackendCheck),
    /// The same question to one server after the other, about somebody without a record.
    AskSources(RemoteCheck),
}

/// A code as somebody typed it; not yet known to be one.
pub struct Submitted(Zeroizing<String>);

impl Submitted {
    /// Takes the octets of a request. What is no text can be no code, and is judged as one that is
    /// malformed.
    pub fn new(octets: &[u8]) -> Self {
        Self(Zeroizing::new(String::from_utf8_lossy(octets).into_owned()))
    }

    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Submitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Submitted(<sealed>)")
    }
}

/// Splits what was presented and says how the password is checked. The person's own record rules: one with
/// a hash is asked of nobody but this unit, and a name without a record of those servers alone whose people
/// the client lets in without one. Other unknown names, and known ones without a password, cost one hash like
/// everybody else.
pub fn begin(facts: &Facts, presented: Presented) -> FirstFactor {
    let (password, code) = match &facts.person {
        Some(person) => split(presented, facts.position, &person.factor),
        None => (presented, None),
    };
    first_factor(facts, password, code)
}

/// The same for [`CodePosition::Beside`]: nothing is to be split, whoever checks the password.
pub fn begin_with_code(facts: &Facts, password: Presented, code: Submitted) -> FirstFactor {
    first_factor(facts, password, Some(code))
}

fn first_factor(facts: &Facts, password: Presented, code: Option<Submitted>) -> FirstFactor {
    let (check, refusal) = match &facts.person {
        Some(person) => (verification(person, &password), Reason::PasswordWrong),
        None => (without_record(facts, &password), Reason::UserUnknown),
    };
    FirstFactor {
        check,
        password,
        code,
        refusal,
    }
}

fn without_record(facts: &Facts, password: &Presented) -> Verification {
    let name = facts.name.clone();
    if facts.sources.is_empty() || password.as_bytes().is_empty() {
        return Verification::Hash(Check::decoy(name));
    }
    Verification::AskSources(RemoteCheck::new(name, facts.sources.clone()))
}

/// To a directory an empty password is no wrong one: a bind with it succeeds as nobody's (RFC 4513,
/// 5.1.2). It goes to no backend.
fn verification(person: &Person, password: &Presented) -> Verification {
    let name = person.name.clone();
    match &person.password {
        Some(Credential::Stored(digest)) => Verification::Hash(Check::stored(name, *digest)),
        Some(Credential::Backend(account)) if !password.as_bytes().is_empty() => {
            Verification::Ask(BackendCheck::new(name, account.clone()))
        }
        Some(Credential::Backend(_)) | None => Verification::Hash(Check::decoy(name)),
    }
}

/// Takes the code off the password, where the client sends both in one.
fn split(
    presented: Presented,
    position: CodePosition,
    factor: &Factor,
) -> (Presented, Option<Submitted>) {
    let Factor::Token { verifier, .. } = factor else {
        return (presented, None);
    };
    match position.parted(presented.as_bytes(), verifier.parameters.digits) {
        Some((password, code)) => {
            let password = Presented::new(Zeroizing::new(password.to_vec()));
            (password, Some(Submitted::new(code)))
        }
        None => (presented, None),
    }
}

/// The end of the decision, but for the store's word.
#[derive(Debug)]
pub enum Second {
    /// No; with what another try needs, where nothing but the code was in the way.
    Refuse(Refusal, Option<Box<Retry>>),
    /// The first factor was right; a code is asked for. The proof goes with the open challenge.
    Challenge(Proof),
    /// The first factor was right; a code is sent there and asked for.
    Send(Proof, Address),
    /// The code is right for another time, or was to follow one that is: on record as this refusal, and the next
    /// one is asked for.
    AskNext(Refusal, Box<Drifted>),
    /// Yes, if the store can spend it.
    Consume(Consume),
}

/// What another try at the same challenge needs. Nobody has it twice: a try has used up what it was made with.
#[derive(Debug)]
pub struct Retry {
    /// The first factor, as it was proven.
    pub proof: Proof,
    /// The code that was sent, if one was.
    pub issued: Option<Issued>,
}

/// A refusal, as far as it is known when the reply is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The token whose code was looked at.
    pub token: Option<TokenSerial>,
    /// The step that the code belongs to, if it is spent or asks for the next.
    pub step: Option<Step>,
    /// More than the reason says: until when, or what is wrong with the shape.
    pub evidence: Option<Box<str>>,
}

impl Refusal {
    /// A refusal for which the reason says it all.
    pub fn because(reason: Reason) -> Self {
        Self {
            reason,
            token: None,
            step: None,
            evidence: None,
        }
    }

    /// A refusal before evaluation.
    pub fn throttled(throttled: Throttled, until: Reason) -> Self {
        match throttled {
            Throttled::Until(moment) => Self {
                evidence: Some(format!("not looked at before {moment}").into()),
                ..Self::because(until)
            },
            Throttled::Blocked => Self::because(Reason::CodeBlocked),
        }
    }

    /// An answer to the question for this, which was open until then.
    pub fn too_late(reason: Reason, asked: &str, until: Timestamp) -> Self {
        Self {
            evidence: Some(format!("the question for {asked} was open until {until}").into()),
            ..Self::because(reason)
        }
    }

    /// No code is sent any more before then.
    pub fn too_many_sent(next: Timestamp) -> Self {
        Self {
            evidence: Some(format!("no other is sent before {next}").into()),
            ..Self::because(Reason::SentCodesTooMany)
        }
    }

    fn of_token(self, token: TokenSerial) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }
}

/// A decision that becomes an Accept once its step is spent. Only [`second`], [`next`], [`sent`], [`pushed`] and
/// [`remote`] make one.
#[derive(Debug)]
pub struct Consume {
    proof: Proof,
    spend: Spend,
    bound: Bound,
    at: Timestamp,
}

/// What a decision rests on besides, and has to be so still when it is recorded.
#[derive(Debug)]
enum Bound {
    /// Nothing.
    Free,
    /// The step before its own: the code of that one asked for this one's.
    Pair(SeedVersion),
    /// Where its code was sent.
    SentTo(Box<Address>),
    /// The recovery code or pass that was presented.
    Recovery(Box<Digest>),
    /// The phone that approved it.
    Phone(Box<RegistrationId>),
    /// The seed that made its code.
    Seed(SeedVersion),
}

/// What a login uses up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spend {
    /// Nothing: the person needs no second factor.
    Nothing,
    /// This step of this token, and with it all earlier ones.
    Step {
        /// The token.
        token: TokenSerial,
        /// The step.
        step: Step,
        /// The clock difference that the match teaches.
        drift: Drift,
    },
    /// The code that was sent for this very login.
    Sent(Channel),
    /// A recovery code or a pass: [`Consume::recovery`].
    Recovery(recovery::Kind),
    /// The approval of this very login on the phone that has the token.
    Push {
        /// The token whose seed proved it.
        token: TokenSerial,
        /// The request.
        session: Session,
    },
}

impl Consume {
    /// Whose login it is.
    pub fn person(&self) -> &CanonicalName {
        self.proof.person()
    }

    /// Whether its first factor still holds, see [`Proof::holds`].
    pub fn began_with(&self, password: Option<&Credential>, keys: &[PublicKey]) -> bool {
        self.proof.holds(password, keys)
    }

    /// What it uses up.
    pub fn spend(&self) -> Spend {
        self.spend
    }

    /// The first of the steps that it uses up together, where it uses up a token's: none of them may be spent.
    pub fn first_step(&self) -> Option<(TokenSerial, Step)> {
        match (self.spend, &self.bound) {
            (Spend::Step { token, step, .. }, Bound::Pair(_)) => {
                Some((token, Step(step.0.saturating_sub(1))))
            }
            (Spend::Step { token, step, .. }, _) => Some((token, step)),
            _ => None,
        }
    }

    /// The word of a server that it rests on, if the person has no record here.
    pub fn remote(&self) -> Option<&RemoteVerified> {
        match &self.proof {
            Proof::Remote(verified) => Some(verified),
            Proof::Password(_) | Proof::Key(_) | Proof::Client(_) => None,
        }
    }

    /// The client that checked its first factor itself, if one did.
    pub fn client(&self) -> Option<&Vouched> {
        self.proof.client()
    }

    /// Where the code was sent that it uses up, if one was.
    pub fn sent_to(&self) -> Option<&Address> {
        match &self.bound {
            Bound::SentTo(to) => Some(to),
            Bound::Free
            | Bound::Pair(_)
            | Bound::Recovery(_)
            | Bound::Phone(_)
            | Bound::Seed(_) => None,
        }
    }

    /// The recovery code or pass that it uses up, if it is one.
    pub fn recovery(&self) -> Option<&Digest> {
        match &self.bound {
            Bound::Recovery(digest) => Some(digest),
            Bound::Free | Bound::Pair(_) | Bound::SentTo(_) | Bound::Phone(_) | Bound::Seed(_) => {
                None
            }
        }
    }

    /// The phone that approved it, if one did.
    pub fn phone(&self) -> Option<&RegistrationId> {
        match &self.bound {
            Bound::Phone(device) => Some(device),
            Bound::Free
            | Bound::Pair(_)
            | Bound::SentTo(_)
            | Bound::Recovery(_)
            | Bound::Seed(_) => None,
        }
    }

    /// The seed that made the code that it uses up, if one did.
    pub fn seed(&self) -> Option<SeedVersion> {
        match &self.bound {
            Bound::Seed(version) | Bound::Pair(version) => Some(*version),
            Bound::Free | Bound::SentTo(_) | Bound::Recovery(_) | Bound::Phone(_) => None,
        }
    }

    /// The first factor, where nobody could say whether the rest can be spent: another try needs it. A code that was
    /// sent and a word from the phone are no more, since they are what the try was made with.
    pub fn undone(self) -> Option<Proof> {
        match self.bound {
            Bound::Free | Bound::Pair(_) | Bound::Recovery(_) | Bound::Seed(_) => Some(self.proof),
            Bound::SentTo(_) | Bound::Phone(_) => None,
        }
    }

    /// When it was decided.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// Judges the second factor of a person whose first was right.
///
/// A wrong code is counted in the same step that finds it wrong, so that no number of parallel
/// guesses gets past the counter.
pub fn second(
    facts: &Facts,
    proof: Proof,
    submitted: Option<&Submitted>,
    counter: &mut CodeCounter,
    now: Timestamp,
) -> Second {
    let turn = if facts.position.is_asked() && proof.client().is_none() {
        Turn::First
    } else {
        Turn::Only
    };
    judged(facts, proof, submitted, turn, counter, now)
}

fn judged(
    facts: &Facts,
    proof: Proof,
    submitted: Option<&Submitted>,
    turn: Turn,
    counter: &mut CodeCounter,
    now: Timestamp,
) -> Second {
    let person = match admitted(facts, &proof, now) {
        Ok(person) => person,
        Err(reason) => return refuse(Refusal::because(reason)),
    };
    if person.factor.is_a_token()
        && let Some(code) = submitted.and_then(RecoveryCode::parse)
    {
        return recovered(person, proof, &code, counter, now);
    }
    if submitted.is_none() && person.may_recover(now) && facts.position.is_asked() {
        return Second::Challenge(proof);
    }
    let verifier = match person.factor.asked() {
        Err(refusal) => return refuse(refusal),
        Ok(Asked::Token(verifier)) => verifier,
        Ok(Asked::Nothing) if proof.client().is_some() => {
            return refuse(Refusal::because(Reason::SecondFactorMissing));
        }
        Ok(Asked::Nothing) if facts.position == CodePosition::Beside => {
            return refuse(Refusal::because(Reason::CodeUnneeded));
        }
        Ok(Asked::Nothing) => {
            return consume(proof, Spend::Nothing, now);
        }
        Ok(Asked::Sent(to)) => {
            return match (submitted, facts.position.is_asked()) {
                (Some(_), _) if facts.position.is_unasked() => {
                    refuse(Refusal::because(Reason::SentCodeUnasked))
                }
                // The code of a token, or none, was asked for when this login began.
                (Some(_), _) => refuse(Refusal::because(Reason::ChangedMeanwhile)),
                (None, true) => send(proof, to, counter, now),
                (None, false) => refuse(Refusal::because(Reason::SentCodeUnasked)),
            };
        }
    };
    let Some(submitted) = submitted else {
        return if facts.position.is_asked() {
            Second::Challenge(proof)
        } else {
            refuse(Refusal::because(Reason::CodeMissing).of_token(verifier.serial))
        };
    };
    match codes::judge(verifier, submitted, turn, counter, now) {
        Verdict::Right(spend, bound) => Second::Consume(Consume {
            proof,
            spend,
            bound,
            at: now,
        }),
        Verdict::Wrong(refusal) => again(refusal.of_token(verifier.serial), proof, None),
        Verdict::Next(refusal, waiting) => {
            let refusal = refusal.of_token(verifier.serial);
            Second::AskNext(refusal, Box::new(Drifted { proof, waiting }))
        }
    }
}

/// Judges what stands in the place of a token's code.
fn recovered(
    person: &Person,
    proof: Proof,
    code: &RecoveryCode,
    counter: &mut CodeCounter,
    now: Timestamp,
) -> Second {
    let digest = code.digest();
    match recovery::judge(&person.recovery, &digest, counter, now) {
        Ok(held) => Second::Consume(Consume {
            proof,
            spend: Spend::Recovery(held.kind),
            bound: Bound::Recovery(Box::new(digest)),
            at: now,
        }),
        Err(refusal) => again(refusal, proof, None),
    }
}

/// Judges the code of a person to whom one was sent for this login. It is used up, but for another
/// try where the challenge outlives a wrong one.
pub fn sent(
    facts: &Facts,
    proof: Proof,
    issued: Issued,
    submitted: &Submitted,
    key: &CodeKey,
    counter: &mut CodeCounter,
    now: Timestamp,
) -> Second {
    if let Err(reason) = still_sent(facts, &proof, &issued, now) {
        return refuse(Refusal::because(reason));
    }
    if let Err(refusal) = looked_at(counter, now) {
        return again(refusal, proof, Some(issued));
    }
    match issued.take(key, submitted.as_str(), now) {
        Tried::Right(to) => Second::Consume(Consume {
            proof,
            spend: Spend::Sent(to.channel()),
            bound: Bound::SentTo(Box::new(to)),
            at: now,
        }),
        Tried::Expired => refuse(Refusal::because(Reason::SentCodeExpired)),
        Tried::Wrong(issued) => {
            counter.failed(now);
            let refusal = Refusal::because(Reason::SentCodeWrong);
            again(refusal, proof, Some(issued))
        }
    }
}

/// Whether codes are still sent where this one went.
fn still_sent(facts: &Facts, proof: &Proof, issued: &Issued, now: Timestamp) -> Result<(), Reason> {
    let person = admitted(facts, proof, now)?;
    match &person.factor {
        Factor::Sent(to) if to == issued.to() && issued.person() == proof.person() => Ok(()),
        Factor::SentCodesRefused => Err(Reason::SentCodesRefused),
        _ => Err(Reason::ChangedMeanwhile),
    }
}

/// Whether a person to whom a code was sent may be sent another in its place. Who may not have a code looked at is
/// sent none.
pub fn may_be_sent(
    facts: &Facts,
    proof: &Proof,
    issued: &Issued,
    counter: &CodeCounter,
    now: Timestamp,
) -> Result<(), Refusal> {
    still_sent(facts, proof, issued, now).map_err(Refusal::because)?;
    looked_at(counter, now)
}

/// Whether a person whose first factor was right may be asked on the phone. Who may not have a code looked at
/// is not asked: an approval is no way around the delays.
pub fn may_be_asked(
    facts: &Facts,
    proof: &Proof,
    counter: &CodeCounter,
    now: Timestamp,
) -> Result<(), Refusal> {
    admitted(facts, proof, now).map_err(Refusal::because)?;
    looked_at(counter, now)
}

/// Judges what a person said to a push, or that nothing was said in time. Whatever comes of it, the request is
/// used up: one try.
pub fn pushed(
    facts: &Facts,
    proof: Proof,
    outstanding: Outstanding,
    said: Option<Said>,
    counter: &mut CodeCounter,
    now: Timestamp,
) -> Second {
    let token = outstanding.token;
    match approved(facts, &proof, outstanding, said, counter, now) {
        Ok(Approved {
            session,
            token,
            device,
        }) => Second::Consume(Consume {
            proof,
            spend: Spend::Push { token, session },
            bound: Bound::Phone(Box::new(device)),
            at: now,
        }),
        Err(refusal) => {
            if refusal.reason.is_wrong_code() {
                counter.failed(now);
            }
            refuse(refusal.of_token(token))
        }
    }
}

fn approved(
    facts: &Facts,
    proof: &Proof,
    outstanding: Outstanding,
    said: Option<Said>,
    counter: &CodeCounter,
    now: Timestamp,
) -> Result<Approved, Refusal> {
    let person = admitted(facts, proof, now).map_err(Refusal::because)?;
    match &person.factor {
        Factor::Token {
            verifier,
            usability,
        } if verifier.serial == outstanding.token && person.name == outstanding.person => {
            unusable(*usability).map_or(Ok(()), |reason| Err(Refusal::because(reason)))?;
        }
        _ => return Err(Refusal::because(Reason::ChangedMeanwhile)),
    }
    // A denial lets nobody in, and is on record as what it is.
    if matches!(said, Some(Said::Approve(_))) {
        looked_at(counter, now)?;
    }
    outstanding.judge(said, now).map_err(Refusal::because)
}

fn looked_at(counter: &CodeCounter, now: Timestamp) -> Result<(), Refusal> {
    counter
        .admit(now)
        .map_err(|throttled| Refusal::throttled(throttled, Reason::CodeThrottled))
}

/// Judges somebody without a record whose password a server knows. There is no second factor of theirs here;
/// that the client lets them in without one is what [`Facts::sources`] says.
pub fn remote(facts: &Facts, verified: RemoteVerified, now: Timestamp) -> Result<Consume, Refusal> {
    let stands = facts.person.is_none()
        && &facts.name == verified.person()
        && verified.holds(&facts.sources);
    if !stands {
        return Err(Refusal::because(Reason::ChangedMeanwhile));
    }
    if facts.position == CodePosition::Beside {
        return Err(Refusal::because(Reason::CodeUnneeded));
    }
    Ok(Consume {
        proof: Proof::Remote(verified),
        spend: Spend::Nothing,
        bound: Bound::Free,
        at: now,
    })
}

/// The person, if the first factor lets anybody go on.
fn admitted<'a>(facts: &'a Facts, proof: &Proof, now: Timestamp) -> Result<&'a Person, Reason> {
    let person = facts.person.as_ref();
    let person = person
        .filter(|person| &person.name == proof.person())
        .ok_or(Reason::UserUnknown)?;
    if let Some(reason) = person.closed() {
        return Err(reason);
    }
    if !person.is_proven_by(proof) {
        return Err(Reason::ChangedMeanwhile);
    }
    match person.outlived(now) {
        Some(reason) if proof.client().is_none() => Err(reason),
        _ => Ok(person),
    }
}

fn refuse(refusal: Refusal) -> Second {
    Second::Refuse(refusal, None)
}

fn again(refusal: Refusal, proof: Proof, issued: Option<Issued>) -> Second {
    Second::Refuse(refusal, Some(Box::new(Retry { proof, issued })))
}

/// Who may not have a code looked at is not sent one.
fn send(proof: Proof, to: &Address, counter: &CodeCounter, now: Timestamp) -> Second {
    match looked_at(counter, now) {
        Ok(()) => Second::Send(proof, to.clone()),
        Err(refusal) => refuse(refusal),
    }
}

fn consume(proof: Proof, spend: Spend, now: Timestamp) -> Second {
    Second::Consume(Consume {
        proof,
        spend,
        bound: Bound::Free,
        at: now,
    })
}

fn unusable(usability: Usability) -> Option<Reason> {
    match usability {
        Usability::Usable => None,
        Usability::Locked => Some(Reason::TokenLocked),
        Usability::NotActivated => Some(Reason::TokenNotActivated),
        Usability::OfAnotherUnit => Some(Reason::TokenOfAnotherUnit),
        Usability::ProvisionTimeout => Some(Reason::TokenProvisionTimeout),
    }
}
