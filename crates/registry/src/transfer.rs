//! Phones that want to move their tokens: what they ask is passed on to the gateway that issued the token, at the
//! address that it told. A phone needs no way to the gateway of its own, and trusts this server's certificate.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::licensing::{Asking, TokenRefusal};
use ident::{OpaqueCode, TokenSerial};
use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig};
use softtoken::limits::{MAX_MOBILE_BYTES, MAX_SERVER_NAMES};
use softtoken::link::SpkiPin;
use softtoken::process::{
    CodeState, MovingToken, TransferAddress, TransferAddressRequest, TransferAddressResponse,
    TransferPollAnswer, TransferPollingRequest, TransferPollingResponse,
};
use softtoken::transfer::{TransferRefusal, TransferRequest, TransferResponse};
use softtoken::{Echo, ServerError, TRANSFER_PATH};
use store::registry::{GatewayAddress, MovingCode, PolledCode};
use store::{SqlError, Undecided};
use zeroize::Zeroizing;

use crate::answer;
use crate::http::Problem;
use crate::process::{echo, known, logged, registration};
use crate::registry::Service;
use crate::transfer_hosts::Callable;

/// A person waits; the gateway may have to ask this server for a code first.
const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Wishes of one source, within a quarter of an hour, that their gateways find to be nobody's. An app with an older
/// seed of its token, or of one that is another's by now, has a few.
pub(crate) const MAX_UNPROVEN: u32 = 30;

impl Service {
    /// Remembers where a registered gateway is reached.
    pub(crate) async fn take_address(
        &self,
        asking: Asking,
        source: Option<IpAddr>,
        request: TransferAddressRequest,
    ) -> Result<Zeroizing<String>, Problem> {
        let TransferAddressRequest { product, address } = request;
        let address = address.map(|TransferAddress { url, pin }| GatewayAddress {
            url: url.to_string().into(),
            pin: pin.to_string().into(),
            source,
        });
        let told = known(self.store.put_gateway_address(asking, address).await)?;
        let names = self.own_names.iter().take(MAX_SERVER_NAMES).cloned();
        let response = TransferAddressResponse {
            product: echo(&product, &told.unregistered),
            servers: names.filter(|_| told.refusal.is_none()).collect(),
            error: told.refusal.map(|why| answer::stock(why).into()),
        };
        Ok(logged(&response.into()))
    }

    /// How far the codes have got by which tokens go to other phones.
    pub(crate) async fn poll_codes(
        &self,
        asking: Asking,
        request: TransferPollingRequest,
    ) -> Result<Zeroizing<String>, Problem> {
        let TransferPollingRequest { product, tokens } = request;
        let moving = tokens.iter().map(|MovingToken { token, code }| MovingCode {
            token: TokenSerial::parse(token.as_str()).ok(),
            code: OpaqueCode::from_bytes(*code.opaque().as_bytes()),
        });
        let moving = moving.collect();
        let polled = self.store.poll_codes(asking, moving, self.clock.now());
        let polled = known(polled.await)?;
        let answers = tokens.into_iter().zip(polled.codes);
        let answers = answers.map(|(moving, outcome)| code_answer(moving.token, outcome));
        let response = TransferPollingResponse {
            product: echo(&product, &polled.unregistered),
            tokens: answers.collect::<Result<_, _>>()?,
            error: polled.refusal.map(|why| answer::stock(why).into()),
        };
        Ok(logged(&response.into()))
    }

    /// Passes on what a phone at `source` asks of its token's gateway, and the answer back.
    pub(crate) async fn transfer(
        &self,
        source: IpAddr,
        body: &[u8],
    ) -> Result<Zeroizing<String>, Problem> {
        let request = TransferRequest::parse(body)?;
        let Some(tried) = self.wish_tries.begin(source).await else {
            return Ok(request.refused(ServerError::TooManyTries.into()).to_json());
        };
        // A wish for another token server, which whoever stands there hands on.
        if request
            .server()
            .is_some_and(|it| !self.own_names.contains(it))
        {
            return Ok(request.refused(ServerError::ProofWrong.into()).to_json());
        }
        let passed_on = self.pass_on(source, &request).await;
        if !matches!(&passed_on, Ok(Ok(response)) if is_unproven(response)) {
            tried.forgive();
        }
        let response = passed_on?.unwrap_or_else(|refusal| request.refused(refusal));
        Ok(response.to_json())
    }

    async fn pass_on(
        &self,
        source: IpAddr,
        request: &TransferRequest,
    ) -> Result<Result<TransferResponse, TransferRefusal>, Problem> {
        let found = known(self.store.gateway_address(request.token()).await)?;
        let Some(address) = found else {
            return Ok(Err(refused(
                "transfer is switched off at the gateway, or it has no public address: config system \
                 ftm-push / set token-transfer enable / set server ADDRESS",
            )));
        };
        let Some(_place) = self.ways.enter(source, &address.url) else {
            return Err(Problem::Unavailable);
        };
        let callable = self.transfer_hosts.resolve(&address.url, address.source);
        let callable = match callable.await {
            Ok(callable) => callable,
            Err(why) => {
                tracing::warn!(url = %address.url, %why, "a gateway is not called");
                let cause = format!("the gateway was not reached at {}: {why}", address.url);
                return Ok(Err(refused(&cause)));
            }
        };
        let answer = ask(&address, callable, request).await;
        Ok(answer.map_err(|why| {
            tracing::info!(url = %address.url, why, "a transfer is not passed on");
            refused(&format!(
                "the gateway was not reached at {}; is that its public address and port, and 'allowaccess ftm' \
                 set on its interface?",
                address.url
            ))
        }))
    }
}

fn code_answer(
    token: Echo,
    outcome: Result<PolledCode, TokenRefusal>,
) -> Result<TransferPollAnswer, Undecided> {
    let serial = TokenSerial::parse(token.as_str());
    let device = |device| match &serial {
        Ok(serial) => registration(*serial, &device),
        Err(_) => Err(SqlError::damaged("provision", token.as_str(), "token").into()),
    };
    let outcome = match outcome {
        Ok(PolledCode::Waiting) => Ok(CodeState::Waiting),
        Ok(PolledCode::Taken(by)) => Ok(CodeState::Taken(device(by)?)),
        Ok(PolledCode::Confirmed(by)) => Ok(CodeState::Confirmed(device(by)?)),
        Ok(PolledCode::Ended) => Ok(CodeState::Ended),
        Err(why) => Err(answer::token(why).into()),
    };
    Ok(TransferPollAnswer { token, outcome })
}

/// Whether a gateway knows nothing by which the wish is that of a phone of the token.
fn is_unproven(response: &TransferResponse) -> bool {
    match response {
        TransferResponse::Action(answer) => matches!(
            &answer.outcome,
            Err(refusal) if refusal.error.known() == Some(ServerError::ProofWrong)
        ),
        TransferResponse::Nonce(_) => false,
    }
}

fn refused(cause: &str) -> TransferRefusal {
    TransferRefusal::new(ServerError::NoValidToken, cause)
}

async fn ask(
    address: &GatewayAddress,
    callable: Callable,
    request: &TransferRequest,
) -> Result<TransferResponse, String> {
    let pin = SpkiPin::parse(&address.pin).map_err(|error| error.to_string())?;
    let post = client(pin, &callable)?.post(format!("{}{TRANSFER_PATH}", address.url));
    let answer = post.body(request.to_json().as_bytes().to_vec()).send();
    let answer = answer.await.map_err(|error| identity::causes(&error))?;
    if !answer.status().is_success() {
        return Err(answer.status().to_string());
    }
    let body = identity::body_within(answer, MAX_MOBILE_BYTES).await;
    let body = body.map_err(|error| identity::causes(&error))?;
    TransferResponse::parse(&body).map_err(|error| error.to_string())
}

/// A connection to whoever holds the key behind `pin` at these addresses, and to nobody else.
fn client(pin: SpkiPin, callable: &Callable) -> Result<Client, String> {
    let provider = Arc::new(default_provider());
    let verifier = identity::judging(&provider, move |shown, _, _| {
        let shown = ParsedCertificate::try_from(shown)?;
        if SpkiPin::of_spki(&shown.subject_public_key_info()) == pin {
            Ok(())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    });
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .no_proxy()
        .resolve_to_addrs(&callable.host, &callable.addresses)
        .redirect(Policy::none())
        .build()
        .map_err(|error| error.to_string())
}
