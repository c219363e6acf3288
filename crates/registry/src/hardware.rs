//! What gateways ask of hardware tokens: their seeds, each once.

use aws_lc_rs::rand;
use domain::licensing::{Asking, HardwareRefusal};
use ident::{ProductSerial, TokenSerial};
use otp::{Parameters, Seed};
use softtoken::device::{SealContext, SealedSeed, SealingPublicKey, seal_seed};
use softtoken::process::{
    HardwareActivationRequest, HardwareActivationResponse, HardwareAnswer, Product,
    SealedHardwareToken,
};
use softtoken::{Echo, WireError};
use store::registry::{GatewaySealing, HardwareActivated, HardwareDenied, Message, SealedHardware};
use zeroize::Zeroizing;

use crate::answer;
use crate::http::Problem;
use crate::process::{done, echo, logged};
use crate::registry::Service;

impl Service {
    /// Gives out seeds to the gateway whose certificate vouches for the request.
    pub(crate) async fn activate_hardware(
        &self,
        asking: Asking,
        request: HardwareActivationRequest,
        message: Option<Message>,
    ) -> Result<Zeroizing<String>, Problem> {
        let HardwareActivationRequest {
            product,
            sealing_key,
            tokens,
        } = request;
        let serials = tokens
            .iter()
            .map(|token| TokenSerial::parse(token.as_str()).ok())
            .collect();
        let seal = SealToGateway {
            product: product.serial_number,
            key: sealing_key,
        };
        let now = self.clock.now();
        let render = move |outcome| render(&product, tokens, outcome);
        done(
            self.store
                .activate_hardware(asking, serials, seal, now, message, render)
                .await,
        )
    }
}

/// Seals to the key of the request, for its product alone.
struct SealToGateway {
    product: ProductSerial,
    key: SealingPublicKey,
}

impl GatewaySealing for SealToGateway {
    type Sealed = SealedSeed;

    fn seal(
        &self,
        seed: &Seed,
        token: TokenSerial,
        parameters: Parameters,
    ) -> Result<SealedSeed, String> {
        let mut random = Zeroizing::new([0; 32]);
        rand::fill(random.as_mut()).map_err(|_| "the system's random source failed")?;
        let context = SealContext::gateway(&self.product, &token, parameters);
        seal_seed(seed, &self.key, &context, &random).map_err(|error| error.to_string())
    }
}

fn render(
    product: &Product,
    named: Vec<Echo>,
    outcome: Result<HardwareActivated<SealedSeed>, HardwareDenied>,
) -> Zeroizing<String> {
    let (tokens, unregistered, error) = match outcome {
        Ok(HardwareActivated {
            tokens,
            unregistered,
        }) => (tokens, unregistered, None),
        Err(HardwareDenied {
            why,
            tokens,
            unregistered,
        }) => (
            tokens.into_iter().map(Err).collect(),
            unregistered,
            Some(answer::stock(why).into()),
        ),
    };
    let answers = named.into_iter().zip(tokens);
    let response = HardwareActivationResponse {
        product: echo(product, &unregistered),
        tokens: answers
            .map(|(token, outcome)| HardwareAnswer {
                token,
                outcome: given(outcome),
            })
            .collect(),
        error,
    };
    logged(&response.into())
}

fn given(
    outcome: Result<SealedHardware<SealedSeed>, HardwareRefusal>,
) -> Result<SealedHardwareToken, WireError> {
    outcome
        .map(|given| SealedHardwareToken {
            sealed_seed: given.sealed,
            parameters: given.parameters,
        })
        .map_err(|why| answer::hardware(why).into())
}
