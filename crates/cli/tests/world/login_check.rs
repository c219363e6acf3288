//! How the next login of somebody looks: nothing is counted of anybody, and tokens have no seed.

use cli::CheckLogin;
use cli::render::{self, LoginCheck, PushCheck, TokenCheck};
use domain::login::outlook::{Limits, Outlook, Surroundings};
use domain::login::trial::Standing;
use domain::login::{CodePosition, Factor, Facts, Person};
use domain::password::Credential;
use domain::throttle::CodeCounter;
use domain::time::Timestamp;
use domain::token::Token;
use domain::user::User;

pub(super) fn checked(
    asked: &CheckLogin,
    user: Option<&User>,
    tokens: &[Token],
    now: Timestamp,
) -> String {
    let limits = Limits {
        codes: CodeCounter::default(),
        codes_alone: CodeCounter::default(),
        waiting: Vec::new(),
        waiting_count: 0,
        strangers_wait: None,
        shut_out: Vec::new(),
    };
    let person = user.map(|user| Person {
        name: asked.person.clone(),
        status: user.status,
        validity: None,
        password: user.password.as_ref().map(Credential::from),
        former: None,
        keys: Box::default(),
        factor: user.token.map_or(Factor::None, Factor::TokenWithoutSeed),
        recovery: Box::default(),
    });
    let facts = Facts {
        name: asked.person.clone(),
        person,
        sources: Vec::new(),
        position: CodePosition::Challenge,
    };
    let standing = Standing::of(&facts, &limits.codes, now);
    let of_user = |token: &&Token| user.is_some_and(|user| user.token == Some(token.serial));
    let token = tokens.iter().find(of_user).map(|token| TokenCheck {
        token,
        spent: None,
        push: PushCheck::Off,
    });
    let outlook = Outlook::of(&facts, &limits, &Surroundings::default(), now);
    render::login_check(&LoginCheck {
        typed: &asked.typed,
        person: &asked.person,
        record: user.zip(standing.as_ref()),
        token,
        recovery: &[],
        limits: &limits,
        backends: &[],
        clients: &[],
        refusals: &[],
        outlook: &outlook,
        now,
    })
}
