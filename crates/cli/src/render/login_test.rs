//! `diagnose login test`.

use domain::login::trial::{FREE_TRIES, FREE_TRIES_SPAN, Keeper, Needed, Standing, Tried};
use domain::login::{Refusal, Spend};
use domain::name::{CanonicalName, Realm};
use domain::reason::Reason;
use domain::throttle::Throttled;
use domain::token::Usability;
use domain::user::Switch;

use super::logins::explained;
use super::printable;

/// What became of the password that was presented.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Password {
    /// It is right.
    Right,
    /// It is not, or nobody could tell: the verdict says which.
    NotProven,
    /// Nobody looked at it.
    NotLookedAt,
}

/// How many more tries are free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TriesLeft {
    /// So many.
    Free(usize),
    /// This one counted though it was free: its code is right for a later time.
    OfLaterTime,
    /// None: this one counted.
    None,
}

/// A login that was tried out.
#[derive(Debug)]
pub struct LoginTest<'a> {
    /// The name as it was typed.
    pub typed: &'a str,
    /// By which it was looked up.
    pub person: &'a CanonicalName,
    /// How the person stands; nothing for a name without a record.
    pub standing: Option<&'a Standing>,
    /// What became of the password.
    pub password: Password,
    /// What would become of the login.
    pub tried: &'a Tried,
    /// What is left of the tries that count nowhere.
    pub left: TriesLeft,
}

/// A line for each stage in the order of the decision, and the verdict as `diagnose login show` has it.
pub fn login_test(test: &LoginTest<'_>) -> String {
    let name = printable(test.person.bare());
    let mut text = looked_up(test.typed, test.person);
    let verdict = verdict(test.tried);
    match test.standing {
        Some(standing) => {
            text += &stages(&name, standing, test);
            text + &verdict + &tries(&name, test.left)
        }
        None => text + "record: none\n" + &verdict,
    }
}

/// As what a name is looked up, and where.
pub(super) fn looked_up(typed: &str, person: &CanonicalName) -> String {
    let place = match person.realm() {
        Realm::Vdom(vdom) => format!("VDOM {vdom}"),
        Realm::Administrators => "administrators".to_owned(),
    };
    format!(
        "name: '{}' is looked up as '{}' in {place}\n",
        printable(typed),
        printable(person.bare())
    )
}

fn stages(name: &str, standing: &Standing, test: &LoginTest<'_>) -> String {
    let status = status(standing.status);
    let keeper = keeper(&standing.keeper);
    let ends = standing
        .password_ends
        .map_or_else(String::new, |ends| format!(", good until {ends}"));
    let password = match test.password {
        Password::Right => "right",
        Password::NotProven => "not right",
        Password::NotLookedAt => "not looked at",
    };
    let looked_at = looked_at(standing.throttled);
    format!(
        "record: user local '{name}', {status}\n\
         wrong codes: {} in 31 days; {looked_at}\n\
         password: {keeper}{ends}; {password}\n\
         second factor: {}\n\
         code: {}\n",
        standing.wrong_codes,
        second_factor(standing),
        code(test.tried)
    )
}

pub(super) fn status(status: Switch) -> &'static str {
    match status {
        Switch::Enable => "enabled",
        Switch::Disable => "disabled",
    }
}

pub(super) fn keeper(keeper: &Keeper) -> String {
    match keeper {
        Keeper::Here => "kept here".to_owned(),
        Keeper::Backend(backend) => format!("known to {}", printable(&backend.to_string())),
        Keeper::Nobody => "not set".to_owned(),
    }
}

pub(super) fn looked_at(throttled: Option<Throttled>) -> String {
    match throttled {
        None => "codes are looked at".to_owned(),
        Some(Throttled::Until(moment)) => format!("none is looked at before {moment}"),
        Some(Throttled::Blocked) => "none is looked at any more".to_owned(),
    }
}

pub(super) fn second_factor(standing: &Standing) -> String {
    let needed = match &standing.needed {
        Needed::Nothing => "none".to_owned(),
        Needed::Anything => "none, and one is required".to_owned(),
        Needed::UnknownToken => "a token, and none is assigned".to_owned(),
        Needed::SeedlessToken(token) => format!("token {token}, without a seed here"),
        Needed::Token(token, usability) => format!("token {token}, {}", usable(*usability)),
        Needed::Sent(channel) => format!("a code by {channel}"),
        Needed::Unaddressed => "a code that is sent, and no address or number for it".to_owned(),
        Needed::SentRefused => "a code that is sent, which is not taken here".to_owned(),
    };
    match standing.recovery {
        0 => needed,
        1 => needed + ", or the one recovery code or pass that is left",
        some => format!("{needed}, or one of {some} recovery codes and passes"),
    }
}

fn usable(usability: Usability) -> &'static str {
    match usability {
        Usability::Usable => "in use",
        Usability::Locked => "locked",
        Usability::NotActivated => "not activated",
        Usability::ProvisionTimeout => "its activation code expired unused",
        Usability::OfAnotherUnit => "another unit's, as the token server says",
    }
}

fn code(tried: &Tried) -> String {
    match tried {
        Tried::LetIn(Spend::Step { step, drift, .. }) => {
            format!("right, of step {}; drift {}", step.0, drift.0)
        }
        Tried::LetIn(Spend::Recovery(kind)) => format!("right: a {}", kind.word()),
        Tried::LetIn(Spend::Nothing) => "not needed".to_owned(),
        Tried::LetIn(Spend::Sent(_) | Spend::Push { .. }) => "right".to_owned(),
        Tried::CodeAsked => "none; it would be asked for".to_owned(),
        Tried::CodeSent(channel) => {
            format!("it would be sent by {channel}; none was, and none that is typed here is it")
        }
        Tried::NextAsked(_) => "right for another time; the next one would be asked for".to_owned(),
        Tried::Refused(refusal) if is_of_the_code(refusal.reason) => "not right".to_owned(),
        Tried::Refused(_) | Tried::Undecided(_) => "not looked at".to_owned(),
    }
}

/// Whether a code was looked at and found to be none that lets in.
fn is_of_the_code(reason: Reason) -> bool {
    reason.is_wrong_code()
        || matches!(
            reason,
            Reason::CodeReplayed
                | Reason::OtherToken
                | Reason::OtherParameters
                | Reason::RecoveryCodeUsed
                | Reason::RecoveryPassEnded
        )
}

fn verdict(tried: &Tried) -> String {
    let granted = |how: &str| format!("verdict: {how}\n");
    match tried {
        Tried::LetIn(_) => granted("would be granted; nothing was spent"),
        Tried::CodeAsked => granted("would go on: give a code too"),
        Tried::CodeSent(_) => granted("would go on with the code that is sent"),
        Tried::NextAsked(refusal) => refused("would be asked for the next code", refusal),
        Tried::Refused(refusal) => refused("would be refused", refusal),
        Tried::Undecided(evidence) => explained(
            "verdict: could not be decided",
            Reason::BackendUnreachable,
            "",
            Some(evidence),
        ),
    }
}

fn refused(how: &str, refusal: &Refusal) -> String {
    let token = refusal
        .token
        .map_or_else(String::new, |token| format!(", token {token}"));
    let evidence = refusal.evidence.as_deref();
    explained(&format!("verdict: {how}"), refusal.reason, &token, evidence)
}

fn tries(name: &str, left: TriesLeft) -> String {
    let minutes = FREE_TRIES_SPAN.secs_rounded_up() / 60;
    match left {
        TriesLeft::Free(left) => format!(
            "tries: {left} of {FREE_TRIES} in {minutes} minutes are left; further ones count as wrong codes of '{name}'\n"
        ),
        TriesLeft::OfLaterTime => format!(
            "tries: a code that is right for a later time counts as a wrong one of '{name}', and lets nobody in when \
             that time comes\n"
        ),
        TriesLeft::None => format!(
            "tries: more than {FREE_TRIES} in {minutes} minutes count as wrong codes of '{name}'; \
             'diagnose login unlock {name}' forgets them\n"
        ),
    }
}
