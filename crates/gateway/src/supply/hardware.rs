//! Seeds of hardware tokens, sealed by the token server to this gateway.

use domain::admin::{HardwareAnswer, Operation};
use domain::token::ActivationFailure;
use ident::{ProductSerial, TokenSerial};
use softtoken::device::{SealContext, SealingPrivateKey, open_seed};
use softtoken::process::{HardwareActivationRequest, Request, Response};
use softtoken::{Echo, ServerError, WireError, process};
use store::gateway::Waiting;

use super::question::Asking;
use super::{AskError, Place, Report, SOURCE, Supply, text};

/// What became of one token, for the administrator.
pub(crate) type Activated = (TokenSerial, Result<(), WireError>);

impl Supply {
    pub(super) async fn activate_hardware(
        &self,
        waiting: &Waiting,
        tokens: &[TokenSerial],
    ) -> Result<Report, String> {
        let id = waiting.id;
        let product = self.server.product().await.map_err(text)?;
        let serial = product.serial_number;
        let request = || {
            Request::HardwareActivation(HardwareActivationRequest {
                product,
                sealing_key: self.sealing_key.public(),
                tokens: tokens.iter().map(|token| Echo::from(*token)).collect(),
            })
        };
        let answer = self.ask_once(Asking::of(waiting), request).await?;
        let Response::HardwareActivation(answer) = answer else {
            return Err(text(AskError::Mismatched));
        };
        let (mut answers, mut activated) = (Vec::new(), Vec::new());
        for told in answer.tokens {
            let Some((answer, outcome)) = read(told, serial, &self.sealing_key) else {
                continue;
            };
            if let Err(error) = &outcome {
                self.debug.at(SOURCE, Place::COMMAND, || {
                    format!("received error from forticare [{}]", error.gateway_code())
                });
            }
            activated.push((answer.token, outcome));
            answers.push(answer);
        }
        self.take_in(Operation::HardwareActivated(answers), [id])
            .await?;
        Ok(Report::Activated(activated))
    }
}

/// What the token server says of one token. A seed that was not sealed for this gateway and this token
/// is none.
fn read(
    told: process::HardwareAnswer,
    product: ProductSerial,
    key: &SealingPrivateKey,
) -> Option<(HardwareAnswer, Result<(), WireError>)> {
    let token = TokenSerial::parse(told.token.as_str()).ok()?;
    let opened = told.outcome.and_then(|sealed| {
        let parameters = sealed.parameters;
        let context = SealContext::gateway(&product, &token, parameters);
        let seed = open_seed(&sealed.sealed_seed, key, &context);
        seed.map(|seed| (seed, parameters))
            .map_err(|_| WireError::from(ServerError::WrongActivationData))
    });
    let (outcome, said, answer) = match opened {
        Ok(opened) => (Ok(opened), Ok(()), String::new()),
        Err(error) => (Err(failure(&error)), Err(error.clone()), error.to_string()),
    };
    let answer = HardwareAnswer {
        token,
        outcome,
        answer: answer.into(),
    };
    Some((answer, said))
}

/// Which of the two states that administrators know it is.
fn failure(error: &WireError) -> ActivationFailure {
    match error.known() {
        Some(ServerError::SeedAlreadyGiven) => ActivationFailure::AlreadyActivated,
        _ => ActivationFailure::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use otp::{Parameters, Seed};
    use softtoken::device::seal_seed;
    use softtoken::process::SealedHardwareToken;
    use zeroize::Zeroizing;

    use super::*;

    const TOKEN: &str = "FTK2000BHV1KRZCC";

    fn product(serial: &str) -> ProductSerial {
        ProductSerial::parse(serial).unwrap()
    }

    /// As a token server seals the seed to `product`.
    fn sealed(product: ProductSerial, key: &SealingPrivateKey) -> process::HardwareAnswer {
        let seed = Seed::from_bytes(Zeroizing::new(vec![7; 20])).unwrap();
        let parameters = Parameters::default();
        let token = TokenSerial::parse(TOKEN).unwrap();
        let context = SealContext::gateway(&product, &token, parameters);
        let sealed_seed = seal_seed(&seed, &key.public(), &context, &[3; 32]).unwrap();
        process::HardwareAnswer {
            token: Echo::from(token),
            outcome: Ok(SealedHardwareToken {
                sealed_seed,
                parameters,
            }),
        }
    }

    #[test]
    fn a_seed_opens_at_the_gateway_for_which_it_was_sealed() {
        let key = SealingPrivateKey::from_random(&[1; 32]);
        let here = product("SYMBVM0000000001");
        let (answer, said) = read(sealed(here, &key), here, &key).unwrap();
        let (seed, parameters) = answer.outcome.unwrap();
        assert_eq!(
            (seed.expose(), parameters),
            (&[7; 20][..], Parameters::default())
        );
        assert_eq!(said, Ok(()));
    }

    #[test]
    fn a_seed_for_another_gateway_or_key_is_none() {
        let key = SealingPrivateKey::from_random(&[1; 32]);
        let (here, there) = (product("SYMBVM0000000001"), product("SYMBVM0000000002"));
        let other = SealingPrivateKey::from_random(&[2; 32]);
        for (answer, key) in [(sealed(there, &key), &key), (sealed(here, &other), &key)] {
            let (answer, said) = read(answer, here, key).unwrap();
            assert_eq!(answer.outcome.unwrap_err(), ActivationFailure::Unknown);
            assert_eq!(
                said.unwrap_err().known(),
                Some(ServerError::WrongActivationData)
            );
        }
    }

    #[test]
    fn refusals_become_the_states_that_administrators_know() {
        for (error, failure) in [
            (
                ServerError::SeedAlreadyGiven,
                ActivationFailure::AlreadyActivated,
            ),
            (
                ServerError::HardwareTokenUnknown,
                ActivationFailure::Unknown,
            ),
        ] {
            let told = process::HardwareAnswer {
                token: Echo::from(TokenSerial::parse(TOKEN).unwrap()),
                outcome: Err(error.into()),
            };
            let key = SealingPrivateKey::from_random(&[1; 32]);
            let (answer, said) = read(told, product("SYMBVM0000000001"), &key).unwrap();
            assert_eq!(answer.outcome.unwrap_err(), failure);
            assert_eq!(said.unwrap_err().known(), Some(error));
        }
    }
}
