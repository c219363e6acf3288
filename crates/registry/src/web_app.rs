//! The web app, at the address to which it talks.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use webapp::File;

use crate::http::Problem;

/// The same for every file. `no-cache` lets a browser keep what it has and ask whether it is still right;
/// the service worker keeps the whole of it.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-cache"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("permissions-policy"),
        webapp::PERMISSIONS_POLICY,
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// What a person types leads there, with and without the slash. `policy` says whom the page may ask.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(policy: &HeaderValue) -> Router<S> {
    let to_app = || async { Redirect::permanent(webapp::ROOT) };
    let (of_page, of_file) = (policy.clone(), policy.clone());
    Router::new()
        .route("/", get(to_app))
        .route(webapp::ROOT.trim_end_matches('/'), get(to_app))
        .route(
            webapp::ROOT,
            get(|headers: HeaderMap| async move { answer("", &headers, of_page) }),
        )
        .route(
            "/app/{*path}",
            get(|Path(path): Path<String>, headers: HeaderMap| async move {
                answer(&path, &headers, of_file)
            }),
        )
}

fn answer(path: &str, headers: &HeaderMap, policy: HeaderValue) -> Response {
    let Some(file) = webapp::file(path) else {
        return Problem::Path.into_response();
    };
    let mut response = if has_it(headers, file) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = Body::from(Bytes::from_static(file.bytes));
        ([(header::CONTENT_TYPE, file.content_type)], body).into_response()
    };
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    if let Ok(etag) = HeaderValue::from_str(&file.etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// RFC 9110 section 13.1.2: tags are compared weakly, and a browser may send several.
fn has_it(headers: &HeaderMap, file: &File) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == file.etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'");

    fn asked_with(tag: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap());
        answer("", &headers, POLICY)
    }

    #[test]
    fn a_file_comes_with_the_policy_that_keeps_others_out() {
        let response = answer("", &HeaderMap::new(), POLICY);
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers();
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], POLICY);
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[test]
    fn who_has_a_file_is_not_sent_it_again() {
        let etag = &webapp::file("").unwrap().etag;
        for tag in [
            etag.clone(),
            format!("W/{etag}"),
            format!("\"other\", {etag}"),
        ] {
            assert_eq!(asked_with(&tag).status(), StatusCode::NOT_MODIFIED, "{tag}");
        }
        assert_eq!(asked_with("\"other\"").status(), StatusCode::OK);
    }

    #[test]
    fn what_is_no_file_of_the_app_is_nothing() {
        for path in ["index.html", "../http.rs", "core", "files.js/"] {
            assert_eq!(
                answer(path, &HeaderMap::new(), POLICY).status(),
                StatusCode::NOT_FOUND,
                "{path}"
            );
        }
    }
}
