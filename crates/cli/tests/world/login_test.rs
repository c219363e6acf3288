//! Logins that are tried out: one user with a token, whose password is `right`.

use std::cell::Cell;

use cli::TestLogin;
use cli::render::{self, LoginTest, Password, TriesLeft};
use domain::login::trial::{Keeper, Needed, Standing, Tried};
use domain::login::{Refusal, Spend};
use domain::reason::Reason;
use domain::token::Usability;
use domain::user::Switch;
use ident::TokenSerial;
use otp::{Drift, Step};

const PASSWORD: &str = "right";

/// Tries that are left.
#[derive(Debug)]
pub(super) struct Tries(Cell<usize>);

impl Default for Tries {
    fn default() -> Self {
        Self(Cell::new(5))
    }
}

pub(super) fn tested(asked: &TestLogin, exists: bool, token: TokenSerial, tries: &Tries) -> String {
    let standing = Standing {
        status: Switch::Enable,
        keeper: Keeper::Here,
        password_ends: None,
        needed: Needed::Token(token, Usability::Usable),
        recovery: 0,
        wrong_codes: 0,
        throttled: None,
    };
    let left = tries.0.get().checked_sub(1);
    tries.0.set(left.unwrap_or(0));
    let because = |reason, evidence: Option<&str>| Refusal {
        token: Some(token),
        evidence: evidence.map(Into::into),
        ..Refusal::because(reason)
    };
    let (password, tried) = match (asked.password.as_str(), asked.code.as_ref()) {
        _ if !exists => {
            let refusal = Refusal::because(Reason::UserUnknown);
            (Password::NotLookedAt, Tried::Refused(refusal))
        }
        (PASSWORD, code) => {
            let tried = match code.map(|code| code.as_str()) {
                None => Tried::CodeAsked,
                Some("111111") => Tried::LetIn(Spend::Step {
                    token,
                    step: Step(28_684_450),
                    drift: Drift(0),
                }),
                Some("222222") => Tried::NextAsked(because(
                    Reason::ClockSlow,
                    Some("clock of this token is 14 steps slow"),
                )),
                Some(_) => Tried::Refused(because(
                    Reason::CodeWrong,
                    Some("no match among 163 candidates"),
                )),
            };
            (Password::Right, tried)
        }
        _ => {
            let refusal = Refusal::because(Reason::PasswordWrong);
            (Password::NotProven, Tried::Refused(refusal))
        }
    };
    render::login_test(&LoginTest {
        typed: &asked.typed,
        person: &asked.person,
        standing: exists.then_some(&standing),
        password,
        tried: &tried,
        left: left.map_or(TriesLeft::None, TriesLeft::Free),
    })
}
