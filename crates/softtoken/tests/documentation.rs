#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]
//! `docs/protocol.md` says what the code does: its examples are messages, its error table is ours.

use softtoken::ServerError;
use softtoken::link::ActivationLink;
use softtoken::mobile::{MobileRequest, MobileResponse};
use softtoken::process::{Request, Response};

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");

#[test]
fn every_example_is_a_message() {
    let examples: Vec<_> = PROTOCOL.split("```json\n").skip(1).collect();
    assert!(examples.len() >= 10);
    for example in examples {
        let bytes = example.split("\n```").next().unwrap().as_bytes();
        let is_message = Request::parse(bytes).is_ok()
            || Response::parse(bytes).is_ok()
            || MobileRequest::parse(bytes).is_ok()
            || MobileResponse::parse(bytes).is_ok();
        assert!(is_message, "{}", example.split("\n```").next().unwrap());
    }
}

#[test]
fn the_examples_of_curl_are_messages() {
    let bodies = PROTOCOL.split("--data '").skip(1);
    let bodies: Vec<&str> = bodies
        .map(|rest| rest.split('\'').next().unwrap())
        .collect();
    assert_eq!(bodies.len(), 3);
    for body in bodies {
        assert!(Request::parse(body.as_bytes()).is_ok(), "{body}");
    }
}

#[test]
fn the_example_of_a_link_is_one() {
    let link = PROTOCOL
        .lines()
        .find(|line| line.starts_with("symbolon://"))
        .unwrap();
    assert_eq!(*ActivationLink::parse(link).unwrap().render(), link);
}

#[test]
fn the_error_table_is_complete() {
    for error in ServerError::all() {
        let row = format!(
            "| {} | {} | `{}` | {} | {} |",
            error.code(),
            error.gateway_code(),
            error.message(),
            error.cause(),
            error.next_step()
        );
        assert!(PROTOCOL.contains(&row), "{row}");
    }
}
