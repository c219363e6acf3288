//! What a person does whose phone does not trust the server: a page to be sent to, and the authority's
//! certificate for the phone.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::http::header;
use axum::response::Html;
use axum::routing::get;

use crate::pki::Pki;

const PAGE: &str = include_str!("phone.html");

/// Nothing but the page itself.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What phones offer to install (RFC 5280 in DER).
const CERTIFICATE: &str = "application/x-x509-ca-cert";

/// The page, and the certificate to which it leads.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(pki: &Pki) -> Router<S> {
    let authority: Arc<[u8]> = pki.authority().to_vec().into();
    let page: Arc<str> = PAGE
        .replace("{fingerprint}", &fingerprint(&authority))
        .into();
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Router::new()
        .route(
            "/phone",
            get(move || async move { (headers, Html(page.to_string())) }),
        )
        .route(
            "/phone/ca.crt",
            get(move || async move { ([(header::CONTENT_TYPE, CERTIFICATE)], authority.to_vec()) }),
        )
}

fn fingerprint(certificate: &[u8]) -> String {
    let digest = digest(&SHA256, certificate);
    let octets = digest.as_ref().iter().map(|octet| format!("{octet:02X}"));
    octets.collect::<Vec<_>>().join(":")
}
