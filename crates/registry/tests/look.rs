//! The desk looks up whatever somebody holds in hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Gateway, World, actor, product};
use domain::licensing::Remark;
use domain::time::Span;
use ident::TokenSerial;
use store::registry::{Found, FoundBy, Note};

const SERIAL: &str = "FGT0000000000001";
const OTHER: &str = "FGT0000000000002";
const THIRD: &str = "FGT0000000000003";

struct Case {
    world: World,
    gateway: Gateway,
    code: String,
    licence: String,
    token: TokenSerial,
    activation_code: String,
    phone: String,
}

/// A licence that was bought, imported and brought onto a phone, and the gateway knows.
async fn case() -> Case {
    let world = World::new(&[SERIAL, OTHER]).await;
    let gateway = world.gateway(SERIAL);
    let issued = world.issue(2).await;
    let (licence, tokens) = gateway.import(issued.code.as_str()).await;
    let (code, _) = gateway.provision(tokens[0]).await;
    let phone = world.phone();
    phone.activate(code.opaque(), None).await.unwrap();
    for _ in 0..3 {
        gateway.poll(tokens[0]).await.unwrap();
    }
    Case {
        world,
        gateway,
        code: issued.code.as_str().to_owned(),
        licence,
        token: tokens[0],
        activation_code: code.as_str().to_owned(),
        phone: phone.keys.registration_id().to_string(),
    }
}

impl Case {
    async fn look(&self, text: &str) -> (Found, FoundBy, String) {
        let sheet = self.world.desk.look(text).await.unwrap();
        let told = sheet.to_string();
        (sheet.sighting.found, sheet.sighting.by, told)
    }

    /// The history of a text: who did what.
    async fn history(&self, text: &str) -> Vec<(String, String)> {
        let sheet = self.world.desk.look(text).await.unwrap();
        let events = sheet.sighting.events.into_iter();
        events
            .map(|event| (event.actor.name.into(), event.action.into()))
            .collect()
    }
}

#[tokio::test]
async fn whatever_is_in_hand_leads_to_what_it_belongs_to() {
    let case = case().await;
    let token = case.token.as_str();
    for (text, by) in [
        (token, FoundBy::Name),
        (&case.activation_code, FoundBy::ActivationCode),
        (
            &case.activation_code.to_lowercase(),
            FoundBy::ActivationCode,
        ),
    ] {
        let (found, found_by, told) = case.look(text).await;
        assert!(matches!(found, Found::Token(it) if it.token.serial == case.token));
        assert_eq!(found_by, by);
        for fact in [
            &case.licence,
            SERIAL,
            "Example Ltd",
            &case.phone,
            "5.4.2_IOS",
        ] {
            assert!(told.contains(fact), "no {fact} in:\n{told}");
        }
        assert!(!told.contains(&case.activation_code), "{told}");
    }
    for (text, by) in [
        (case.licence.as_str(), FoundBy::Name),
        (&case.code, FoundBy::LicenceCode),
    ] {
        let (found, found_by, told) = case.look(text).await;
        assert!(matches!(found, Found::Licence(_)), "{told}");
        assert_eq!(found_by, by);
        assert!(told.contains(token) && !told.contains(&case.code), "{told}");
    }
    let (found, _, told) = case.look(&case.phone).await;
    assert!(matches!(found, Found::Device(..)), "{told}");
    assert!(told.contains(token), "{told}");
    let (found, _, told) = case.look(SERIAL).await;
    assert!(matches!(found, Found::Product(_)) && told.contains(&case.licence));
    let (found, _, told) = case.look("Example Ltd").await;
    assert!(matches!(found, Found::Account(_)) && told.contains(&case.licence));
}

#[tokio::test]
async fn a_history_tells_who_did_what() {
    let case = case().await;
    let event = |who: &str, what: &str| (who.to_owned(), what.to_owned());
    let expected = [
        event("carol", "issue-licence"),
        event(SERIAL, "import"),
        event(SERIAL, "provision"),
        event(&case.phone, "activate"),
        // Three polls, of which one told something new.
        event(SERIAL, "poll"),
    ];
    assert_eq!(case.history(case.token.as_str()).await, expected);
    assert_eq!(case.history(&case.phone).await, expected[2..]);
    case.gateway.provision(case.token).await;
    case.world.pass(Span::from_days(4));
    case.gateway.poll(case.token).await.unwrap();
    let later = case.history(case.token.as_str()).await;
    let expected = [event(SERIAL, "provision"), event(SERIAL, "poll")];
    assert_eq!(later[5..], expected);
}

#[tokio::test]
async fn a_history_is_of_what_look_finds_and_of_nothing_else() {
    let case = case().await;
    let actions = async |text: &str| -> Vec<String> {
        let events = case.world.desk.history(text).await.unwrap().into_iter();
        events.map(|event| event.action.into()).collect()
    };
    let own = ["provision", "activate", "poll"];
    assert_eq!(actions(case.token.as_str()).await, own);
    assert_eq!(actions(&case.activation_code).await, own);
    assert_eq!(actions(&case.token.as_str().to_lowercase()).await, own);
    assert_eq!(actions(&case.phone).await, own);
    assert_eq!(actions(&case.code).await, ["issue-licence", "import"]);
    assert_eq!(actions("  Example Ltd ").await, ["register-account"]);
    for (text, help) in [
        ("fgt0000000000099", "register-product"),
        ("EFTM999999999999", "redemption certificate"),
        ("2600124809787", "no account has this name"),
        ("agent dave", "list-agents"),
    ] {
        let error = case.world.desk.history(text).await.unwrap_err().to_string();
        assert!(error.contains(help) && !error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn a_gateway_keeps_the_history_of_licences_that_left_it() {
    let case = case().await;
    let note = || Note {
        reason: Remark::parse("RMA").unwrap(),
        ticket: None,
    };
    let (licence, actions) = (case.licence.parse().unwrap(), async |text: &str| {
        let events = case.history(text).await.into_iter();
        events.map(|(_, action)| action).collect::<Vec<_>>()
    });
    let moved = case
        .world
        .desk
        .move_licence(actor(), licence, product(OTHER), note());
    moved.await.unwrap();
    let own = actions(SERIAL).await;
    assert_eq!(own, ["register-product", "import", "move-licence"]);
    let sheet = case.world.desk.look(SERIAL).await.unwrap();
    let cause = sheet.standing().unwrap().cause;
    assert!(
        cause.contains(&case.licence) && cause.contains(OTHER),
        "{cause}"
    );
    let replaced = case
        .world
        .desk
        .replace_unit(actor(), product(OTHER), product(THIRD), note());
    replaced.await.unwrap();
    let gone = actions(OTHER).await;
    assert_eq!(gone, ["register-product", "move-licence", "replace-unit"]);
    let all = ["issue-licence", "import", "move-licence", "replace-unit"];
    assert_eq!(actions(&case.licence).await, all);
    assert_eq!(
        actions(THIRD).await,
        ["issue-licence", "import", "move-licence", "replace-unit"]
    );
}

#[tokio::test]
async fn the_next_step_fits_how_things_stand() {
    let case = case().await;
    let helps = async |text: &str, by: &str| {
        let sheet = case.world.desk.look(text).await.unwrap();
        let standing = sheet.standing().unwrap();
        assert!(standing.next_step.contains(by), "{standing:?}");
    };
    helps(case.token.as_str(), "None.").await;
    helps(&case.licence, "move-licence").await;
    let waiting = case.world.issue(1).await;
    helps(waiting.code.as_str(), "import CODE").await;
    case.world.pass(Span::from_days(2));
    helps(waiting.code.as_str(), "renew-licence").await;
    case.world
        .desk
        .replace_unit(
            actor(),
            product(SERIAL),
            product(OTHER),
            Note {
                reason: Remark::parse("RMA").unwrap(),
                ticket: None,
            },
        )
        .await
        .unwrap();
    helps(SERIAL, OTHER).await;
    helps(&case.licence, "import CODE").await;
    let (code, _) = case.world.gateway(OTHER).provision(case.token).await;
    helps(case.token.as_str(), "QR code").await;
    let phone = case.world.phone();
    phone.activate(code.opaque(), None).await.unwrap();
    helps(case.token.as_str(), "fortitoken-mobile poll").await;
}

#[tokio::test]
async fn what_is_not_known_is_not_repeated() {
    let case = case().await;
    for (text, help) in [
        ("FTKMOB0000000000", "look up the licence"),
        ("EFTM999999999999", "redemption certificate"),
        ("0123-4567-89AB-CDEF-0123", "character by character"),
        ("FGT0000000000099", "register-product"),
        ("EEIOHIDHBXN5QLXV", "newer code"),
        (&"0a".repeat(32), "registration id"),
        ("Nobody", "list-accounts"),
    ] {
        let refused = case.world.desk.look(text).await.unwrap_err().to_string();
        assert!(refused.contains(help), "{refused}");
        assert!(!refused.contains(text), "{refused}");
    }
}
