//! What apps ask.

use std::net::IpAddr;

use https::NotOurs;
use ident::{OpaqueCode, TokenSerial};
use otp::{Parameters, Seed};
use softtoken::address::ServerName;
use softtoken::device::{
    self, DeviceKeys, OpenAnswer, ProvenDevice, SealContext, SealedSeed, SealingPublicKey,
    SigningPublicKey, seal_seed, verify_activation, verify_receipt,
};
use softtoken::mobile::{
    MobileNonceResponse, MobileProvisionRequest, MobileProvisionResponse, MobileReceiptRequest,
    MobileReceiptResponse, MobileRelayResponse, MobileRequest, MobileResponse, SealedToken,
};
use softtoken::{IssuerName, ServerError};
use store::registry::{self, ClaimRequest, Claimed, Confirmed, DeviceKeyBytes, Given, Sealing};
use store::{SqlError, Undecided};
use zeroize::Zeroizing;

use crate::answer;
use crate::http::Problem;
use crate::process::known;
use crate::registry::Service;

impl Service {
    /// Answers an app that connects from `source`.
    pub(crate) async fn mobile(
        &self,
        source: IpAddr,
        body: &[u8],
    ) -> Result<Zeroizing<String>, Problem> {
        let response: MobileResponse = match MobileRequest::parse(body)? {
            MobileRequest::Nonce(_) => MobileNonceResponse {
                outcome: Ok(self.nonce()?),
            }
            .into(),
            MobileRequest::Provision(request) => {
                let outcome = self.take_over(source, request).await?;
                MobileProvisionResponse {
                    outcome: outcome.map_err(Into::into),
                }
                .into()
            }
            MobileRequest::Receipt(request) => {
                let outcome = self.confirm(request).await?;
                MobileReceiptResponse {
                    error: outcome.err().map(Into::into),
                }
                .into()
            }
            MobileRequest::Relay(_) => MobileRelayResponse {
                outcome: Ok(self.relay.clone()),
            }
            .into(),
        };
        tracing::debug!(%source, answer = response.debug_text(), "answered an app");
        Ok(response.to_json())
    }

    fn nonce(&self) -> Result<device::Nonce, Problem> {
        self.nonces.issue().map_err(|error| {
            tracing::error!(%error, "no nonce");
            Problem::Unavailable
        })
    }

    async fn take_over(
        &self,
        source: IpAddr,
        request: MobileProvisionRequest,
    ) -> Result<Result<SealedToken, ServerError>, Undecided> {
        let Some(tried) = self.tries.begin(source).await else {
            return Ok(Err(ServerError::TooManyTries));
        };
        let outcome = self.judge(source, request).await;
        if !matches!(outcome, Ok(Err(ServerError::ActivationCodeUnknown))) {
            tried.forgive();
        }
        outcome
    }

    async fn judge(
        &self,
        source: IpAddr,
        request: MobileProvisionRequest,
    ) -> Result<Result<SealedToken, ServerError>, Undecided> {
        if let Err(NotOurs) = self.nonces.take(&request.nonce) {
            return Ok(Err(ServerError::NonceUnknown));
        }
        let device = match verify_activation(&request, &self.own_names) {
            Ok(device) => device,
            Err(error) => {
                tracing::info!(%source, %error, "activation refused");
                return Ok(Err(ServerError::ProofWrong));
            }
        };
        let registration_id = device.registration_id();
        match self.claim(request, device).await? {
            Claimed::Given(given) => sealed_token(given, registration_id)
                .map(Ok)
                .map_err(Into::into),
            Claimed::Refused(why) => {
                tracing::info!(%source, %why, "activation refused");
                Ok(Err(answer::device(why)))
            }
        }
    }

    async fn claim(
        &self,
        request: MobileProvisionRequest,
        device: ProvenDevice,
    ) -> Result<Claimed, Undecided> {
        let mut random = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(random.as_mut())
            .map_err(|_| Undecided::Unavailable("the system's random source failed".into()))?;
        let claim = ClaimRequest {
            code: OpaqueCode::from_bytes(*request.code.as_bytes()),
            link: request.link_secret.as_ref().map(|secret| *secret.expose()),
            device: device.registration_id(),
            keys: key_bytes(device.keys()),
            version: request.version.as_str().into(),
        };
        let seal = SealToDevice {
            server: request.server,
            device,
            random,
        };
        known(self.store.claim(claim, seal, self.clock.now()).await)
    }

    async fn confirm(
        &self,
        request: MobileReceiptRequest,
    ) -> Result<Result<(), ServerError>, Undecided> {
        let Some(open) = known(self.store.answer(request.token).await)? else {
            return Ok(Err(ServerError::ProofWrong));
        };
        let Some(answer) = open.answer else {
            // Saying so again changes nothing.
            let is_again = open.device == request.registration_id && open.confirmed.is_some();
            return Ok(if is_again {
                Ok(())
            } else {
                Err(ServerError::ProofWrong)
            });
        };
        let damaged = |field| SqlError::damaged("provision", request.token.as_str(), field);
        let keys = keys_of(&open.keys).ok_or_else(|| damaged("device_keys"))?;
        let sealed_seed = SealedSeed::from_bytes(answer).map_err(|_| damaged("answer"))?;
        let given = OpenAnswer {
            keys: &keys,
            token: &request.token,
            sealed_seed: &sealed_seed,
        };
        if let Err(error) = verify_receipt(&request, &self.own_names, given) {
            tracing::info!(token = %request.token, %error, "receipt refused");
            return Ok(Err(ServerError::ProofWrong));
        }
        let (token, now) = (request.token, self.clock.now());
        Ok(
            match known(self.store.confirm(token, open.version, now).await)? {
                Confirmed::Now => Ok(()),
                Confirmed::TooLate => Err(ServerError::ProofWrong),
            },
        )
    }
}

fn sealed_token(
    given: Given,
    registration_id: ident::RegistrationId,
) -> Result<SealedToken, SqlError> {
    let Given {
        token,
        answer,
        parameters,
        pin_policy,
        issuer,
    } = given;
    let damaged = |field| SqlError::damaged("provision", token.as_str(), field);
    Ok(SealedToken {
        token,
        registration_id,
        sealed_seed: SealedSeed::from_bytes(answer).map_err(|_| damaged("answer"))?,
        parameters,
        issuer: IssuerName::parse(issuer.as_str()).map_err(|_| damaged("issuer"))?,
        pin_policy,
    })
}

/// Seals the seed to the device that proved itself.
struct SealToDevice {
    server: ServerName,
    device: ProvenDevice,
    random: Zeroizing<[u8; 32]>,
}

impl Sealing for SealToDevice {
    fn seal(
        self,
        seed: &Seed,
        token: TokenSerial,
        parameters: Parameters,
    ) -> Result<Vec<u8>, String> {
        let context = SealContext::phone(
            &self.server,
            &self.device.registration_id(),
            &token,
            parameters,
        );
        seal_seed(seed, &self.device.keys().sealing, &context, &self.random)
            .map(|sealed| sealed.as_bytes().to_vec())
            .map_err(|error| error.to_string())
    }
}

const POINT_LEN: usize = size_of::<DeviceKeyBytes>() / 2;

fn key_bytes(keys: &DeviceKeys) -> DeviceKeyBytes {
    let mut bytes: registry::DeviceKeyBytes = [0; 2 * POINT_LEN];
    bytes[..POINT_LEN].copy_from_slice(keys.signing.as_bytes());
    bytes[POINT_LEN..].copy_from_slice(keys.sealing.as_bytes());
    bytes
}

fn keys_of(bytes: &DeviceKeyBytes) -> Option<DeviceKeys> {
    let (signing, sealing) = bytes.split_at(POINT_LEN);
    Some(DeviceKeys {
        signing: SigningPublicKey::from_sec1(signing).ok()?,
        sealing: SealingPublicKey::from_sec1(sealing).ok()?,
    })
}
