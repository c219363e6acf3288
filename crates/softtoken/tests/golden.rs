#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]
//! Recorded exchanges of the described system (`tests/golden`) and examples of the messages that are
//! Symbolon's own (`tests/messages`): what is read and written again has the same bytes.

use softtoken::mobile::{MobileRequest, MobileResponse};
use softtoken::process::{Request, Response};
use softtoken::push::{PushMessage, PushRequest, PushResponse, SealedAnswer, SealedLogin};

/// The line of a file that holds one message.
macro_rules! message {
    ($path:literal) => {
        include_str!($path).trim_end_matches('\n')
    };
}

macro_rules! written_as_read {
    ($($test:ident: $type:ident from $path:literal;)+) => {$(
        #[test]
        fn $test() {
            let text = message!($path);
            let message = $type::parse(text.as_bytes()).unwrap();
            assert_eq!(message.to_json().as_str(), text);
        }
    )+};
}

written_as_read! {
    activate_license_request: Request from "golden/activate-license.request.json";
    activate_license_already: Response from "golden/activate-license.already-activated.response.json";
    activate_license_not_found: Response from "golden/activate-license.card-not-found.response.json";
    activate_license_expired: Response from "golden/activate-license.expired.response.json";
    activate_license_unknown: Response from "golden/activate-license.unknown-error.response.json";
    polling_request: Request from "golden/polling.request.json";
    polling_provisioned: Response from "golden/polling.provisioned.response.json";
    provision_request: Request from "golden/provision.request.json";
    provision_wrong_product: Response from "golden/provision.wrong-product.response.json";

    activate_trial_request: Request from "messages/activate-license.trial.request.json";
    activate_license_done: Response from "messages/activate-license.response.json";
    provision_pin_policy: Request from "messages/provision.pin-policy.request.json";
    provision_done: Response from "messages/provision.response.json";
    polling_provisioning: Response from "messages/polling.provisioning.response.json";
    transfer_address_request: Request from "messages/transfer-address.request.json";
    transfer_address_response: Response from "messages/transfer-address.response.json";
    transfer_polling_request: Request from "messages/transfer-polling.request.json";
    transfer_polling_response: Response from "messages/transfer-polling.response.json";
    hardware_request: Request from "messages/hardware-activation.request.json";
    hardware_response: Response from "messages/hardware-activation.response.json";
    mobile_nonce_request: MobileRequest from "messages/mobile-nonce.request.json";
    mobile_nonce_response: MobileResponse from "messages/mobile-nonce.response.json";
    mobile_provision_request: MobileRequest from "messages/mobile-provision.request.json";
    mobile_provision_link: MobileRequest from "messages/mobile-provision.link.request.json";
    mobile_provision_response: MobileResponse from "messages/mobile-provision.response.json";
    mobile_provision_used: MobileResponse from "messages/mobile-provision.used.response.json";
    mobile_receipt_request: MobileRequest from "messages/mobile-receipt.request.json";
    mobile_receipt_response: MobileResponse from "messages/mobile-receipt.response.json";
    mobile_relay_request: MobileRequest from "messages/mobile-relay.request.json";
    mobile_relay_response: MobileResponse from "messages/mobile-relay.response.json";

    push_nonce_request: PushRequest from "messages/push-nonce.request.json";
    push_nonce_response: PushResponse from "messages/push-nonce.response.json";
    push_listen_request: PushRequest from "messages/push-listen.request.json";
    push_device_request: PushRequest from "messages/push-device.request.json";
    push_device_response: PushResponse from "messages/push-device.response.json";
    push_device_unknown: PushResponse from "messages/push-device.unknown.response.json";
    push_login_request: PushRequest from "messages/push-login.request.json";
    push_withdraw_request: PushRequest from "messages/push-withdraw.request.json";
    push_answer_request: PushRequest from "messages/push-answer.request.json";
    push_collect_request: PushRequest from "messages/push-collect.request.json";
    push_web_key_request: PushRequest from "messages/push-web-key.request.json";
    push_web_key_response: PushResponse from "messages/push-web-key.response.json";
    push_web_key_none: PushResponse from "messages/push-web-key.none.response.json";
    push_subscribe_request: PushRequest from "messages/push-subscribe.request.json";
    push_unsubscribe_request: PushRequest from "messages/push-unsubscribe.request.json";
    push_wake_up: PushMessage from "messages/push-wake-up.json";
    push_accepted_response: PushResponse from "messages/push-accepted.response.json";
    push_sealed_login: SealedLogin from "messages/push-sealed-login.json";
    push_sealed_answer: SealedAnswer from "messages/push-sealed-answer.json";
}

/// The line of a recorded log that begins a message, with or without the blanks of its time.
fn logged(log: &'static str, name: &str) -> &'static str {
    log.lines()
        .find(|line| line.starts_with('{') && line.contains(name))
        .unwrap()
}

/// The recordings were read from pictures, which put blanks between a response's tokens.
fn without_blanks_between_tokens(text: &str) -> String {
    let mut is_inside = false;
    text.chars()
        .filter(|&c| {
            is_inside ^= c == '"';
            is_inside || c != ' '
        })
        .collect()
}

macro_rules! requests_logged {
    ($($test:ident: $log:literal, $message:literal, $name:literal;)+) => {$(
        #[test]
        fn $test() {
            let seed = "A84E2CAAD3BCEA970E05DC1A9B7BD2D562622F4A";
            let expected = logged(include_str!($log), $name).replace(seed, "<sealed>");
            let request = Request::parse(message!($message).as_bytes()).unwrap();
            assert_eq!(request.debug_text(), expected);
        }
    )+};
}

requests_logged! {
    log_of_activation_request: "golden/import-license-expired.log",
        "golden/activate-license.request.json", "ActivationLicenseRequest";
    log_of_polling_request: "golden/poll-provisioned.log",
        "golden/polling.request.json", "PollingRequest";
    log_of_provision_request: "golden/provision-wrong-product.log",
        "golden/provision.request.json", "ProvisionRequest";
}

macro_rules! responses_logged {
    ($($test:ident: $log:literal, $message:literal, $name:literal;)+) => {$(
        #[test]
        fn $test() {
            // A recording that shows a whole code: the log shows its first group only.
            let line = logged(include_str!($log), $name)
                .replace("AAAA-BBBB-CCCC-DDDD-EEEE", "AAAA-XXXX-XXXX-XXXX-XXXX");
            let response = Response::parse(message!($message).as_bytes()).unwrap();
            assert_eq!(response.debug_text(), without_blanks_between_tokens(&line));
        }
    )+};
}

responses_logged! {
    log_of_already_activated: "golden/import-license-already-activated.log",
        "golden/activate-license.already-activated.response.json", "ActivationLicenseResponse";
    log_of_expired: "golden/import-license-expired.log",
        "golden/activate-license.expired.response.json", "ActivationLicenseResponse";
    log_of_unknown_error: "golden/import-license-unknown-error.log",
        "golden/activate-license.unknown-error.response.json", "ActivationLicenseResponse";
    log_of_poll: "golden/poll-provisioned.log",
        "golden/polling.provisioned.response.json", "PollingResponse";
    log_of_wrong_product: "golden/provision-wrong-product.log",
        "golden/provision.wrong-product.response.json", "ProvisionResponse";
}

#[test]
fn no_secret_reaches_the_debug_log() {
    let provision = Response::parse(message!("messages/provision.response.json").as_bytes());
    let text = provision.unwrap().debug_text();
    assert!(
        text.contains(r#""token_activation_code":"<sealed>","qr_code":"<sealed>""#),
        "{text}"
    );
    assert!(!text.contains("EEIMCUO6X6DF4BL3"), "{text}");

    let licence = Response::parse(message!("messages/activate-license.response.json").as_bytes());
    let text = licence.unwrap().debug_text();
    assert!(
        text.contains(r#""license_activation_code":"01AB-XXXX-XXXX-XXXX-XXXX""#),
        "{text}"
    );

    let trial = Request::parse(message!("messages/activate-license.trial.request.json").as_bytes());
    let text = trial.unwrap().debug_text();
    assert!(
        text.contains(r#""license_activation_code": "0000-0000-0000-0000-0000""#),
        "{text}"
    );

    let phone =
        MobileRequest::parse(message!("messages/mobile-provision.link.request.json").as_bytes());
    let text = phone.unwrap().debug_text();
    assert!(
        text.contains(r#""token_activation_code": "<sealed>", "link_secret": "<sealed>""#),
        "{text}"
    );

    let answer =
        MobileResponse::parse(message!("messages/mobile-provision.response.json").as_bytes());
    let text = answer.unwrap().debug_text();
    assert!(text.contains(r#""sealed_seed":"<sealed>""#), "{text}");
}

#[test]
fn no_secret_reaches_debug_formatting() {
    let request = Request::parse(message!("golden/provision.request.json").as_bytes()).unwrap();
    assert!(!format!("{request:?}").to_uppercase().contains("A84E2CAA"));
    let response =
        Response::parse(message!("messages/provision.response.json").as_bytes()).unwrap();
    assert!(!format!("{response:?}").contains("EEIMCUO6X6DF4BL3"));
    let request =
        MobileRequest::parse(message!("messages/mobile-provision.request.json").as_bytes());
    assert!(!format!("{:?}", request.unwrap()).contains("c151debf865e057b"));
}
