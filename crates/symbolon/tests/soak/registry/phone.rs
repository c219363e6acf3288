//! Phones that ask for tokens.

use app::activation::app_version;
use app::device::Device;
use ident::OpaqueCode;
use otp::Seed;
use softtoken::address::ServerName;
use softtoken::device::{SealContext, open_seed};
use softtoken::link::LinkSecret;
use softtoken::mobile::{MobileNonceRequest, MobileResponse, SealedToken};

use super::line::{Cut, Line};

/// Has a phone ask for the token of a code: the token, or the number of the refusal.
pub(crate) async fn claim(
    line: &Line,
    phone: &Device,
    server: &ServerName,
    code: &OpaqueCode,
    secret: Option<&LinkSecret>,
) -> Result<Result<SealedToken, i32>, Cut> {
    let version = app_version().unwrap();
    let asked = MobileNonceRequest {
        version: version.clone(),
    };
    let nonce = match line.ask(asked).await? {
        MobileResponse::Nonce(response) => response.outcome.unwrap(),
        other => panic!("{other:?}"),
    };
    let request = phone.claim(server.clone(), nonce, code, secret, version);
    match line.ask(request.unwrap()).await? {
        MobileResponse::Provision(response) => Ok(response.outcome.map_err(|error| error.code)),
        other => panic!("{other:?}"),
    }
}

/// The seed that came sealed to a phone.
pub(crate) fn opened(phone: &Device, server: &ServerName, token: &SealedToken) -> Seed {
    let context = SealContext::phone(
        server,
        &phone.registration_id(),
        &token.token,
        token.parameters,
    );
    open_seed(&token.sealed_seed, phone.sealing(), &context).unwrap()
}

/// Tells the token server that a token has arrived.
pub(crate) async fn confirm(
    line: &Line,
    phone: &Device,
    server: &ServerName,
    token: &SealedToken,
) -> Result<(), Cut> {
    let hash = token.sealed_seed.hash();
    let receipt = phone.receipt(server.clone(), token.token, hash).unwrap();
    match line.ask(receipt).await? {
        MobileResponse::Receipt(response) => assert_eq!(response.error, None),
        other => panic!("{other:?}"),
    }
    Ok(())
}
