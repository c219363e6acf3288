#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]
//! A failing property prints its seed; `PROPTEST_RNG_SEED`, or the line that proptest writes under
//! `proptest-regressions/`, replays it.

use ident::{
    ActivationCode, LicenceSerial, Pace, PinLength, PinPolicy, PinRequirement, ProductSerial,
    RegistrationId, TokenSerial,
};
use otp::{Digits, Kind, Parameters, Period, Seed};
use proptest::prelude::*;
use softtoken::address::ServerUrl;
use softtoken::link::{ActivationLink, LinkSecret, SpkiPin};
use softtoken::mobile::{MobileRequest, MobileResponse};
use softtoken::process::{
    PollAnswer, PolledToken, PollingResponse, Product, ProvisionAnswer, ProvisionRequest,
    ProvisionResponse, ProvisionedToken, Registration, Request, Response, TokenState,
    TokenToProvision,
};
use softtoken::{Echo, MobileVersion, ServerError};
use zeroize::Zeroizing;

fn serial() -> impl Strategy<Value = ProductSerial> {
    "[A-Z0-9]{16}".prop_map(|text| ProductSerial::parse(&text).unwrap())
}

fn echo() -> impl Strategy<Value = Echo> {
    "[ -~]{0,40}".prop_map(|text| Echo::parse(&text).unwrap())
}

fn product() -> impl Strategy<Value = Product> {
    (
        serial(),
        echo(),
        echo(),
        prop::collection::vec(serial(), 0..5),
    )
        .prop_map(
            |(serial_number, device_version, device_build, cluster)| Product {
                serial_number,
                device_version,
                device_build,
                cluster,
            },
        )
}

fn parameters() -> impl Strategy<Value = Parameters> {
    (1..=86_400u32, 6..=10u8, any::<bool>()).prop_map(|(period_s, digits, is_timed)| Parameters {
        kind: if is_timed {
            Kind::Totp(Period::new(period_s).unwrap())
        } else {
            Kind::Hotp
        },
        digits: Digits::new(digits).unwrap(),
        ..Parameters::default()
    })
}

fn seed() -> impl Strategy<Value = Seed> {
    prop::collection::vec(any::<u8>(), 10..=64)
        .prop_map(|bytes| Seed::from_bytes(Zeroizing::new(bytes)).unwrap())
}

fn error() -> impl Strategy<Value = ServerError> {
    prop::sample::select(ServerError::all().collect::<Vec<_>>())
}

fn licence() -> impl Strategy<Value = LicenceSerial> {
    (0..LicenceSerial::PURCHASED_END).prop_map(|n| LicenceSerial::purchased(n).unwrap())
}

fn server() -> impl Strategy<Value = ServerUrl> {
    ("[a-z0-9]{1,20}(\\.[a-z]{2,5}){0,3}", 1..=65_535u16)
        .prop_map(|(host, port)| ServerUrl::parse(&format!("https://{host}:{port}")).unwrap())
}

fn link() -> impl Strategy<Value = ActivationLink> {
    (
        any::<[u8; 8]>(),
        any::<[u8; 16]>(),
        server(),
        any::<[u8; 8]>(),
    )
        .prop_map(|(code, secret, server, spki)| ActivationLink {
            code: ActivationCode::from_random(code, Pace::Sixty),
            secret: LinkSecret::from_random(secret),
            server,
            pin: SpkiPin::of_spki(&spki),
        })
}

fn polled() -> impl Strategy<Value = PolledToken> {
    let registration =
        (any::<[u8; 32]>(), "[A-Za-z0-9._-]{1,15}").prop_map(|(id, version)| Registration {
            id: RegistrationId::from_bytes(id),
            version: MobileVersion::parse(&version).unwrap(),
        });
    let state = prop::sample::select(vec![TokenState::New, TokenState::ProvisionTimeout]);
    (licence(), state, prop::option::of(registration)).prop_map(|(licence, state, registration)| {
        PolledToken {
            licence,
            state,
            registration,
        }
    })
}

fn request_round_trips(request: &Request) -> Result<(), TestCaseError> {
    let text = request.to_json();
    let again = Request::parse(text.as_bytes()).unwrap();
    prop_assert_eq!(again.to_json(), text);
    Ok(())
}

fn pin_policy() -> impl Strategy<Value = PinPolicy> {
    let requirement = prop::sample::select(vec![
        PinRequirement::Require,
        PinRequirement::NotRequired,
        PinRequirement::Enforce,
    ]);
    let length = prop::sample::select(vec![PinLength::Four, PinLength::Six, PinLength::Eight]);
    (requirement, length).prop_map(|(requirement, length)| PinPolicy {
        requirement,
        length,
    })
}

fn response_round_trips(response: &Response) -> Result<(), TestCaseError> {
    let text = response.to_json();
    let again = Response::parse(text.as_bytes()).unwrap();
    prop_assert_eq!(again.to_json(), text);
    Ok(())
}

proptest! {
    #[test]
    fn provision_requests_round_trip(
        product in product(),
        tokens in prop::collection::vec(
            (echo(), seed(), 1..=10_080u32, parameters(), pin_policy()), 0..20
        ),
    ) {
        let tokens = tokens.into_iter().map(|(token, seed, code_expire_min, parameters, pin_policy)| {
            TokenToProvision { token, seed, code_expire_min, parameters, pin_policy }
        });
        request_round_trips(&ProvisionRequest { product, tokens: tokens.collect() }.into())?;
    }

    #[test]
    fn provision_responses_round_trip(
        product in product(),
        member_error in prop::option::of(echo()),
        token in echo(),
        licence in licence(),
        link in link(),
        failure in prop::option::of(error()),
    ) {
        let code = ActivationCode::parse(link.code.as_str()).unwrap();
        let outcome = match failure {
            None => Ok(ProvisionedToken { licence, code, link, code_expire_min: 4320 }),
            Some(error) => Err(error.into()),
        };
        let response = ProvisionResponse {
            product: product.echo(|_| member_error.clone()),
            tokens: vec![ProvisionAnswer { token, outcome }],
            error: failure.map(Into::into),
        };
        response_round_trips(&response.into())?;
    }

    #[test]
    fn polls_round_trip(
        product in product(),
        tokens in prop::collection::vec((echo(), polled(), prop::option::of(error())), 0..20),
    ) {
        let answers = tokens.into_iter().map(|(token, polled, failure)| PollAnswer {
            token,
            outcome: failure.map_or(Ok(polled), |error| Err(error.into())),
        });
        let response = PollingResponse {
            product: product.echo(|_| None),
            tokens: answers.collect(),
            error: None,
        };
        response_round_trips(&response.into())?;
    }

    #[test]
    fn links_round_trip(link in link()) {
        let text = link.render();
        let again = ActivationLink::parse(&text).unwrap();
        prop_assert_eq!(again.render(), text);
        prop_assert!(again.code == link.code && again.secret == link.secret && again.pin == link.pin);
        prop_assert_eq!(again.server, link.server);
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Request::parse(&bytes).is_err());
        prop_assert!(MobileResponse::parse(&bytes).is_err());
    }

    #[test]
    fn a_message_with_one_byte_changed_is_refused_or_written_in_one_form(
        place: prop::sample::Index,
        byte: u8,
    ) {
        let mut bytes = include_bytes!("messages/mobile-provision.link.request.json").to_vec();
        *place.get_mut(&mut bytes[..]) = byte;
        if let Ok(request) = MobileRequest::parse(&bytes) {
            let text = request.to_json();
            prop_assert_eq!(MobileRequest::parse(text.as_bytes()).unwrap().to_json(), text);
        }
    }

    #[test]
    fn any_text_gets_an_answer_as_link_or_address(text in "\\PC{0,80}") {
        prop_assert!(ActivationLink::parse(&text).is_err());
        let _ = ActivationLink::parse(&format!("symbolon://activate?{text}"));
        if let Ok(url) = ServerUrl::parse(&format!("https://{text}")) {
            prop_assert_eq!(ServerUrl::parse(&url.to_string()).unwrap(), url);
        }
    }

    #[test]
    fn serials_in_requests_are_read_late(text in "[A-Z0-9]{16}") {
        let poll = include_str!("golden/polling.request.json").replace("FTKMOB83F91CD33B", &text);
        let Request::Polling(request) = Request::parse(poll.as_bytes()).unwrap() else {
            panic!("another message");
        };
        prop_assert_eq!(
            TokenSerial::parse(request.tokens[0].as_str()).is_ok(),
            text.starts_with("FTK")
        );
    }
}
