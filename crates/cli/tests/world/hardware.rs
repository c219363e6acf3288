//! A token server that gave one seed away before, does not know another token, and gives all others.

use cli::render::Outcome;
use domain::admin::{HardwareAnswer, Operation};
use domain::token::{ActivationFailure, Stage};
use ident::TokenSerial;
use otp::{KeyUri, Parameters, Seed};
use zeroize::Zeroizing;

use super::{World, said};

const GIVEN: &str = "FTK2000000000111";
const UNKNOWN: &str = "FTK2000000000112";

/// What stands after `ENC` of a seed that opens in this world.
pub(super) const OWN: &str = "c2VhbGVkIHNlZWQ=";

pub(super) fn seed() -> Seed {
    Seed::from_bytes(Zeroizing::new(vec![7; 20])).unwrap()
}

/// The same, opened.
pub(super) fn key_uri() -> Zeroizing<String> {
    let uri = KeyUri {
        issuer: None,
        account: otp::key_uri::Name::new("seed").unwrap(),
        seed: seed(),
        parameters: Parameters::default(),
        counter: None,
    };
    uri.render()
}

pub(super) fn answers(tokens: &[TokenSerial]) -> Operation {
    let answer = |token: &TokenSerial| HardwareAnswer {
        token: *token,
        outcome: match token.as_str() {
            GIVEN => Err(ActivationFailure::AlreadyActivated),
            UNKNOWN => Err(ActivationFailure::Unknown),
            _ => Ok((seed(), Parameters::default())),
        },
        answer: "no".into(),
    };
    Operation::HardwareActivated(tokens.iter().map(answer).collect())
}

impl World {
    pub(super) fn activated(&self, tokens: &[TokenSerial]) -> String {
        let told = tokens.iter().map(|token| {
            let not = |number, cause, next_step| Outcome::NotActivated {
                token: *token,
                number,
                cause,
                next_step,
            };
            said(&match self.owned(*token).token.stage {
                Stage::Failed(ActivationFailure::AlreadyActivated) => not(
                    -7661,
                    "This hardware token's seed was given out before; it is given once.",
                    "Have customer service reset the token's activation flag, then activate it again.",
                ),
                Stage::Failed(_) => not(
                    -7662,
                    "The token server has no hardware token with this serial.",
                    "Compare the serial with the token's back.",
                ),
                _ => Outcome::Activated(*token),
            })
        });
        told.collect()
    }
}
