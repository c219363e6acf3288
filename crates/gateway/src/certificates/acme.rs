//! Certificates from an authority that asks by itself whether a name is ours: ACME (RFC 8555), with TLS-ALPN-01
//! (RFC 8737), which the HTTPS listeners answer on the port that they have anyway.

mod failure;
mod http;

use std::sync::Arc;
use std::time::Duration;

use https::Chosen;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub(super) use failure::Failure;
pub(super) use http::Http;

/// An authority looks from several places, and asks again where it hears nothing.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(90));

/// What is asked for.
pub(super) struct Asked {
    /// Address of the authority's directory.
    pub(super) directory: String,
    /// The names.
    pub(super) domains: Vec<String>,
    /// Where the authority writes to.
    pub(super) email: String,
    /// The account there, as it was kept.
    pub(super) account: Option<Zeroizing<String>>,
}

/// What came of it.
pub(super) struct Enrolled {
    /// The certificate with its authorities, in PEM.
    pub(super) chain: String,
    /// Its key (PKCS #8), in PEM.
    pub(super) key: Zeroizing<String>,
}

/// An account at the authority.
pub(super) struct Registered {
    account: Account,
    /// To be kept before anything is ordered: an authority counts the accounts of an address, and an order may
    /// fail for weeks.
    pub(super) kept: Zeroizing<String>,
}

/// An account of one authority: its address there, and its key.
#[derive(Serialize, Deserialize)]
struct Kept {
    directory: String,
    email: String,
    credentials: AccountCredentials,
}

/// The account that is kept, if it is the same authority's, or a new one.
pub(super) async fn register(asked: &Asked, http: Http) -> Result<Registered, Failure> {
    let builder = Account::builder_with_http(Box::new(http));
    if let Some(text) = &asked.account
        && let Ok(kept) = serde_json::from_str::<Kept>(text)
        && kept.directory == asked.directory
        && kept.email == asked.email
    {
        let account = builder.from_credentials(kept.credentials).await?;
        let kept = text.clone();
        return Ok(Registered { account, kept });
    }
    let contact = format!("mailto:{}", asked.email);
    let contacts = [contact.as_str()];
    let new = NewAccount {
        contact: if asked.email.is_empty() {
            &[]
        } else {
            &contacts
        },
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, credentials) = builder.create(&new, asked.directory.clone(), None).await?;
    let kept = Kept {
        directory: asked.directory.clone(),
        email: asked.email.clone(),
        credentials,
    };
    let text = serde_json::to_string(&kept).map_err(instant_acme::Error::from)?;
    let kept = Zeroizing::new(text);
    Ok(Registered { account, kept })
}

/// Has a new key certified.
pub(super) async fn enrol(
    registered: &Registered,
    asked: &Asked,
    chosen: &Chosen,
) -> Result<Enrolled, Failure> {
    let names: Vec<Identifier> = asked.domains.iter().cloned().map(Identifier::Dns).collect();
    let order = NewOrder::new(&names);
    let mut order = registered.account.new_order(&order).await?;
    let proven = prove(&mut order, chosen).await;
    for domain in &asked.domains {
        chosen.fall_silent(domain);
    }
    proven?;
    let key = KeyPair::generate().map_err(Failure::made)?;
    let mut params = CertificateParams::new(asked.domains.clone()).map_err(Failure::made)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(Failure::made)?;
    order.finalize_csr(request.der()).await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(Enrolled {
        chain,
        key: Zeroizing::new(key.serialize_pem()),
    })
}

/// Has the listeners answer for every name, until the authority has seen it.
async fn prove(order: &mut Order, chosen: &Chosen) -> Result<(), Failure> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.ok_or(Failure::NoChallenge)?;
        let name = challenge.identifier().to_string();
        let digest = challenge.key_authorization().digest();
        chosen.answer(&name, Arc::new(answer(&name, digest.as_ref())?));
        challenge.set_ready().await?;
    }
    match order.poll_ready(&PATIENCE).await? {
        OrderStatus::Ready | OrderStatus::Valid => Ok(()),
        _ => Err(seen(order).await),
    }
}

/// What the authority saw in place of the answer.
async fn seen(order: &mut Order) -> Failure {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let problem = state.challenges.iter().find_map(|it| it.error.clone());
        if let Some(problem) = problem {
            return Failure::NotProven(name.into(), Box::new(problem));
        }
    }
    Failure::Invalid
}

/// RFC 8737, section 3.
fn answer(name: &str, digest: &[u8]) -> Result<CertifiedKey, Failure> {
    let key = KeyPair::generate().map_err(Failure::made)?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(Failure::made)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key).map_err(Failure::made)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let chain = vec![certificate.der().clone()];
    let key = default_provider().key_provider.load_private_key(key.into());
    // No client knows the extension, which is critical: what is compared elsewhere is not looked at here.
    Ok(CertifiedKey::new(chain, key.map_err(Failure::made)?))
}
