//! From an activation code to a token: nonce, proof, sealed seed, receipt.
//!
//! The device's keys are in the saved vault before the first message, and the token is before the
//! receipt: whenever this process dies, the same device can ask again.

use crate::contents::{
    Authority, Contents, NewToken, Origin, OwedReceipt, ReceiptState, Server, TokenName,
};
use crate::error::AppError;
use crate::registry::{Answer, Registry, RegistryError};
use crate::vault::OpenVault;
use ident::{OpaqueCode, TokenSerial};
use softtoken::device::{AnswerHash, Nonce, SealContext, open_seed};
use softtoken::link::LinkSecret;
use softtoken::mobile::{MobileNonceRequest, MobileRequest, MobileResponse, SealedToken};
use softtoken::{MobileVersion, ServerError, TextError, WireError};
use std::time::Duration;
use tokio::time::sleep;

/// A step of a 60-second token. A clock that is further off shows codes that a gateway, which looks
/// one step either way, refuses.
pub(crate) const MAX_CLOCK_OFFSET_S: u64 = 60;

/// What is to be activated.
#[derive(Debug)]
pub struct Order {
    /// The random part of the activation code.
    pub code: OpaqueCode,
    /// The link's secret, if the code came by QR code.
    pub link_secret: Option<LinkSecret>,
    /// What the token shall be called; its serial if nothing is said.
    pub name: Option<TokenName>,
    /// Which authority the registry's certificate may come from.
    pub authority: Authority,
}

/// A token that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activated {
    /// Its serial.
    pub serial: TokenSerial,
    /// Its name here.
    pub name: TokenName,
}

/// Takes over a token and saves the vault. Nothing is saved when it fails but the fact that it was
/// tried: the registry keeps the sealed seed for this device until the
/// receipt, and for a day after the code.
pub async fn activate(
    vault: &mut OpenVault,
    registry: &Registry,
    order: Order,
    now_unix: impl Fn() -> u64,
) -> Result<Activated, AppError> {
    let token = claim(&vault.contents, registry, &order, &now_unix).await?;
    let Order {
        name, authority, ..
    } = order;
    let activated = take_in(vault, registry, name, authority, &token, now_unix())?;
    settle_receipts(vault).await?;
    Ok(activated)
}

/// The token server that a typed code is for.
pub(crate) fn typed_codes_server(contents: &Contents) -> Result<Server, AppError> {
    let server = contents.only_server().cloned();
    server.ok_or_else(|| match contents.server() {
        Some(_) => AppError::SeveralServers,
        None => AppError::NoServer,
    })
}

/// Has a registry seal a token to this device, which has to be in a saved vault. One that names another authority than
/// its tokens here know is not even asked: a code is of use to whoever hears it.
pub(crate) async fn claim(
    contents: &Contents,
    registry: &Registry,
    order: &Order,
    now_unix: impl Fn() -> u64,
) -> Result<SealedToken, AppError> {
    match order.authority {
        Authority::Known => drop(contents.known(registry.server())?),
        Authority::New => {}
    }
    let version = app_version()?;
    let nonce = fresh_nonce(registry, &version, now_unix).await?;
    let server = registry.server().url.name().clone();
    let secret = order.link_secret.as_ref();
    let request = contents
        .device
        .claim(server, nonce, &order.code, secret, version)?;
    sealed_token(registry, &MobileRequest::Provision(request)).await
}

/// Sends the receipts that registries still wait for. Those that cannot be sent now stay.
pub async fn settle_receipts(vault: &mut OpenVault) -> Result<(), AppError> {
    for owed in vault.contents.owed_receipts().to_vec() {
        let state = send_receipt(&vault.contents, &owed).await;
        if state != ReceiptState::Owed {
            vault.contents.settle_receipt(&owed.answer_hash, state);
            vault.save()?;
        }
    }
    Ok(())
}

/// Receipts that are owed, sent again later and later until each is settled.
#[derive(Debug)]
pub struct Receipts {
    owed: Vec<OwedReceipt>,
    pause: Duration,
}

impl Receipts {
    /// How soon one that was not heard is sent again: where the token moved, its new codes are good from then on.
    const FIRST_PAUSE: Duration = Duration::from_secs(5);
    const LONGEST_PAUSE: Duration = Duration::from_mins(1);

    /// Those that contents owe.
    pub fn owed_by(contents: &Contents) -> Self {
        Self {
            owed: contents.owed_receipts().to_vec(),
            pause: Self::FIRST_PAUSE,
        }
    }

    /// Sends all of them once, for the device that has these contents, and tells which were settled.
    pub async fn send(&mut self, contents: &Contents) -> Vec<(AnswerHash, ReceiptState)> {
        let mut settled = Vec::new();
        for owed in std::mem::take(&mut self.owed) {
            match send_receipt(contents, &owed).await {
                ReceiptState::Owed => self.owed.push(owed),
                state => settled.push((owed.answer_hash, state)),
            }
        }
        settled
    }

    /// Waits until it is time to send them again; not at all, and nothing, where none is owed any more.
    pub async fn are_due(&mut self) -> Option<()> {
        if self.owed.is_empty() {
            return None;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Self::LONGEST_PAUSE);
        Some(())
    }
}

/// Sends one. Refused or confirmed, the registry has decided; only silence is worth another try.
async fn send_receipt(contents: &Contents, owed: &OwedReceipt) -> ReceiptState {
    match answer_to_receipt(contents, owed).await {
        Ok(None) => ReceiptState::Confirmed,
        Ok(Some(error)) if error.known() == Some(ServerError::ProofWrong) => ReceiptState::Refused,
        Ok(Some(_)) | Err(_) => ReceiptState::Owed,
    }
}

async fn answer_to_receipt(
    contents: &Contents,
    owed: &OwedReceipt,
) -> Result<Option<WireError>, AppError> {
    let registry = Registry::new(owed.server.clone())?;
    let server = owed.server.url.name().clone();
    let request = contents
        .device
        .receipt(server, owed.token, owed.answer_hash)?;
    match registry.ask(&request.into()).await?.message {
        MobileResponse::Receipt(response) => Ok(response.error),
        _ => Err(other_answer(&registry)),
    }
}

/// Version and platform as registries show them, such as `0.1.0_LNX`.
pub fn app_version() -> Result<MobileVersion, TextError> {
    let platform = match std::env::consts::OS {
        "linux" => "LNX",
        "macos" => "MAC",
        "windows" => "WIN",
        _ => "UNX",
    };
    MobileVersion::parse(&format!("{}_{platform}", env!("CARGO_PKG_VERSION")))
}

/// A clock that is wrong is found here, before a code is spent on it.
async fn fresh_nonce(
    registry: &Registry,
    version: &MobileVersion,
    now_unix: impl Fn() -> u64,
) -> Result<Nonce, AppError> {
    let request = MobileNonceRequest {
        version: version.clone(),
    };
    let answer = registry
        .ask(&request.into())
        .await
        .map_err(AppError::Activation)?;
    check_clock(&answer, now_unix())?;
    match answer.message {
        MobileResponse::Nonce(response) => response.outcome.map_err(AppError::Refused),
        _ => Err(other_answer(registry)),
    }
}

fn check_clock(answer: &Answer, now_unix: u64) -> Result<(), AppError> {
    let Some(server_unix) = answer.date_unix else {
        return Ok(());
    };
    if now_unix.abs_diff(server_unix) > MAX_CLOCK_OFFSET_S {
        return Err(AppError::Clock {
            here_unix: now_unix,
            server_unix,
        });
    }
    Ok(())
}

async fn sealed_token(
    registry: &Registry,
    request: &MobileRequest,
) -> Result<SealedToken, AppError> {
    match registry
        .ask(request)
        .await
        .map_err(AppError::Activation)?
        .message
    {
        MobileResponse::Provision(response) => response.outcome.map_err(AppError::Refused),
        _ => Err(other_answer(registry)),
    }
}

fn other_answer(registry: &Registry) -> AppError {
    AppError::Activation(RegistryError::OtherAnswer(registry.server().url.clone()))
}

/// Opens the seed and keeps it, with the receipt that is now owed.
pub(crate) fn take_in(
    vault: &mut OpenVault,
    registry: &Registry,
    name: Option<TokenName>,
    authority: Authority,
    token: &SealedToken,
    now_unix: u64,
) -> Result<Activated, AppError> {
    check_pin_policy(vault, token)?;
    let server = registry.server();
    let registration_id = vault.contents.device.registration_id();
    let context = SealContext::phone(
        server.url.name(),
        &registration_id,
        &token.token,
        token.parameters,
    );
    let seed = open_seed(
        &token.sealed_seed,
        vault.contents.device.sealing(),
        &context,
    )?;
    let before = vault.contents.token(token.token.as_str()).ok();
    let name = name
        .or_else(|| before.map(|known| known.name().clone()))
        .unwrap_or_else(|| token.token.into());
    let new = NewToken {
        name: name.clone(),
        origin: Origin::Issued {
            serial: token.token,
            server: server.clone(),
        },
        issuer: token.issuer.clone(),
        seed,
        parameters: token.parameters,
        pin_policy: Some(token.pin_policy),
        counter: 0,
        added_unix: now_unix,
    };
    match authority {
        Authority::Known => vault.contents.put(new)?,
        // It has proven by now that the new authority is its own.
        Authority::New => vault.contents.put_believed(new)?,
    }
    let server = vault.contents.known(server)?;
    vault.contents.owe_receipt(OwedReceipt {
        token: token.token,
        answer_hash: token.sealed_seed.hash(),
        server: server.clone(),
    });
    vault.contents.remember_server(server);
    vault.save()?;
    Ok(Activated {
        serial: token.token,
        name,
    })
}

fn check_pin_policy(vault: &OpenVault, token: &SealedToken) -> Result<(), AppError> {
    let needed = usize::from(token.pin_policy.least_digits());
    if vault.pin_digits() >= needed {
        return Ok(());
    }
    Err(AppError::PinTooShort {
        issuer: token.issuer.clone(),
        needed,
    })
}
