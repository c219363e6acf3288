//! A customer sees at the desk what is its own, since it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod common;

use common::{World, account, actor, product};
use domain::licensing::{AccountName, LicenceSize, Remark, Sight, TicketNumber, TicketRequest};
use domain::time::Span;
use ident::TokenSerial;
use otp::Parameters;
use otp::seed_file::{csv, serials};
use registry::Desk;
use store::registry::{AccountPage, NewLicence, OWN_TICKETS_MAX, OnBadLine, POSSESSIONS_MAX};

const UNIT: &str = "FGT0000000000001";
const OTHERS: &str = "FGT0000000000002";
const HARDWARE: &str = "FTK2000BHV1KRZCC";

fn why() -> Remark {
    Remark::parse("a test").unwrap()
}

/// The desk as a customer sees it.
fn seen_by(world: &World, name: &str) -> Desk {
    world.desk.with_sight(Sight::Account(account(name)))
}

async fn issue(world: &World, owner: &str) -> (String, String) {
    let licence = NewLicence {
        account: account(owner),
        product: None,
        size: LicenceSize::new(2).unwrap(),
        redeem_until: world.now().after(Span::from_days(1)),
    };
    let issued = world.desk.issue_licence(actor(), licence).await.unwrap();
    (issued.serial.to_string(), issued.code.as_str().to_owned())
}

/// A licence of a gateway that is on a phone: its serial and that of the token.
async fn on_phone(
    world: &World,
    unit: &str,
    owner: &str,
    phone: &common::Phone,
) -> (String, TokenSerial) {
    let (_, code) = issue(world, owner).await;
    let gateway = world.gateway(unit);
    let (licence, tokens) = gateway.import(&code).await;
    let (code, _) = gateway.provision(tokens[0]).await;
    phone.activate(code.opaque(), None).await.unwrap();
    (licence, tokens[0])
}

/// All that a desk tells of a text.
async fn told(desk: &Desk, text: &str) -> String {
    let looked = desk.look(text).await.unwrap().to_string();
    let events = desk.history(text).await.unwrap();
    let events = events.iter().map(|event| format!("{event:?}\n"));
    looked + &events.collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn a_phone_shows_a_customer_its_own_tokens() {
    let world = World::new(&[UNIT]).await;
    world
        .desk
        .register_account(actor(), account("Others"))
        .await
        .unwrap();
    world.register(OTHERS, "Others").await;
    let phone = world.phone();
    let (own, own_token) = on_phone(&world, UNIT, "Example Ltd", &phone).await;
    let (foreign, foreign_token) = on_phone(&world, OTHERS, "Others", &phone).await;
    let id = phone.keys.registration_id().to_string();
    for (customer, own, foreign) in [
        (
            "Example Ltd",
            [&own, own_token.as_str()],
            [&foreign, foreign_token.as_str()],
        ),
        (
            "Others",
            [&foreign, foreign_token.as_str()],
            [&own, own_token.as_str()],
        ),
    ] {
        let said = told(&seen_by(&world, customer), &id).await;
        assert!(own.iter().all(|text| said.contains(*text)), "{said}");
        assert!(!foreign.iter().any(|text| said.contains(*text)), "{said}");
    }
    world
        .desk
        .register_account(actor(), account("Third"))
        .await
        .unwrap();
    let third = seen_by(&world, "Third");
    let refused = third.look(&id).await.unwrap_err().to_string();
    let unknown = third.look(&"0a".repeat(32)).await.unwrap_err().to_string();
    assert_eq!(refused, unknown);
}

#[tokio::test]
async fn many_tokens_of_others_on_a_phone_hide_none_of_ones_own() {
    let world = World::new(&[UNIT]).await;
    let others = world.desk.register_account(actor(), account("Others"));
    others.await.unwrap();
    world.register(OTHERS, "Others").await;
    let phone = world.phone();
    let licence = NewLicence {
        account: account("Others"),
        product: None,
        size: LicenceSize::new(100).unwrap(),
        redeem_until: world.now().after(Span::from_days(1)),
    };
    let licence = world.desk.issue_licence(actor(), licence).await.unwrap();
    let gateway = world.gateway(OTHERS);
    let (_, tokens) = gateway.import(licence.code.as_str()).await;
    assert_eq!(tokens.len(), 100);
    for token in tokens {
        let (code, _) = gateway.provision(token).await;
        phone.activate(code.opaque(), None).await.unwrap();
    }
    world.pass(Span::from_secs(1));
    let (_, own) = on_phone(&world, UNIT, "Example Ltd", &phone).await;
    let id = phone.keys.registration_id().to_string();
    let said = told(&seen_by(&world, "Example Ltd"), &id).await;
    assert!(said.contains(own.as_str()), "{said}");
}

#[tokio::test]
async fn what_changed_hands_has_the_history_since() {
    for between in [Span::from_secs(1), Span::ZERO] {
        changes_hands(between).await;
    }
}

/// In one second, if nothing is between.
async fn changes_hands(between: Span) {
    let world = World::new(&[UNIT]).await;
    let desk = &world.desk;
    for name in ["First", "Second"] {
        desk.register_account(actor(), account(name)).await.unwrap();
    }
    world.register(OTHERS, "First").await;
    let (_, code) = issue(&world, "First").await;
    let (licence, _) = world.gateway(OTHERS).import(&code).await;
    world.pass(between);
    let revoked = desk.revoke_licence(actor(), licence.parse().unwrap(), why());
    revoked.await.unwrap();
    let left = desk.unregister_product(actor(), product(OTHERS), why());
    left.await.unwrap();
    let seeds = format!("{HARDWARE},3132333435363738393031323334353637383930\n");
    let seeds = csv::read(&seeds, Parameters::default()).unwrap();
    let stock = desk.import_hardware(actor(), seeds, Some(account("First")), OnBadLine::Refuse);
    stock.await.unwrap();
    assert!(
        told(&seen_by(&world, "First"), HARDWARE)
            .await
            .contains("import-hardware")
    );
    world.pass(between);
    world.register(OTHERS, "Second").await;
    let list = serials::read(HARDWARE).unwrap();
    let (to, from) = (account("Second"), Some(account("First")));
    let given = desk.assign_hardware(actor(), list, to, from, OnBadLine::Refuse);
    given.await.unwrap();

    let second = seen_by(&world, "Second");
    for text in [OTHERS, HARDWARE, "Second"] {
        let said = told(&second, text).await;
        assert!(said.contains("Second") || said.contains(OTHERS), "{said}");
        for former in [
            "First",
            licence.as_str(),
            "revoke",
            "unregister",
            "import-hardware",
        ] {
            assert!(!said.contains(former), "{text}: {former} in:\n{said}");
        }
    }
    let shown = second.product(product(OTHERS)).await.unwrap().to_string();
    assert!(!shown.contains(&licence), "{shown}");
    let first = seen_by(&world, "First");
    for text in [OTHERS, HARDWARE] {
        first.look(text).await.unwrap_err();
        first.history(text).await.unwrap_err();
    }
    // What was its own stays its own.
    assert!(told(&first, &licence).await.contains("revoke-licence"));
}

#[tokio::test]
async fn a_list_that_comes_again_keeps_the_history() {
    let world = World::new(&[UNIT]).await;
    let desk = &world.desk;
    let seeds = format!("{HARDWARE},3132333435363738393031323334353637383930\n");
    let seeds = csv::read(&seeds, Parameters::default()).unwrap();
    let stock = desk.import_hardware(actor(), seeds, None, OnBadLine::Refuse);
    stock.await.unwrap();
    let began = world.now();
    for _ in 0..2 {
        let list = serials::read(HARDWARE).unwrap();
        let to = account("Example Ltd");
        let given = desk.assign_hardware(actor(), list, to, None, OnBadLine::Refuse);
        assert_eq!(given.await.unwrap().tokens.len(), 1);
        world.pass(Span::from_secs(1));
    }
    let own = seen_by(&world, "Example Ltd");
    let events = own.history(HARDWARE).await.unwrap();
    let told: Vec<_> = events.iter().map(|it| (&*it.action, it.at)).collect();
    assert_eq!(told, [("assign-hardware", began)]);
}

#[tokio::test]
async fn a_name_that_was_anothers_tells_nothing_of_them() {
    let world = World::new(&[UNIT]).await;
    let desk = &world.desk;
    desk.register_account(actor(), account("Elder"))
        .await
        .unwrap();
    for (from, to) in [("Example Ltd", "Moved On"), ("Elder", "Example Ltd")] {
        world.pass(Span::from_secs(1));
        desk.rename_account(actor(), account(from), account(to))
            .await
            .unwrap();
    }
    let said = told(&seen_by(&world, "Example Ltd"), "Example Ltd").await;
    assert!(
        said.contains("from \"Elder\"") || said.contains("from \\\"Elder"),
        "{said}"
    );
    assert!(!said.contains("Moved On"), "{said}");
    seen_by(&world, "Moved On")
        .history("Elder")
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_name_that_is_a_serial_tells_nothing_of_the_unit() {
    let world = World::new(&[OTHERS]).await;
    // Such a name was given before it was refused.
    let named = AccountName::given(OTHERS).unwrap();
    let registered = world.desk.register_account(actor(), named.clone());
    registered.await.unwrap();
    world.register(UNIT, "Example Ltd").await;
    let left = world
        .desk
        .unregister_product(actor(), product(OTHERS), why());
    left.await.unwrap();
    let own = world.desk.with_sight(Sight::Account(named));
    let said = told(&own, OTHERS).await;
    assert!(said.contains("register-account"), "{said}");
    assert!(!said.contains("unregister-product"), "{said}");
}

#[tokio::test]
async fn what_was_bought_last_is_on_a_later_page() {
    let world = World::new(&[UNIT]).await;
    let own = seen_by(&world, "Example Ltd");
    for number in 0..POSSESSIONS_MAX {
        world
            .register(&format!("FGT1{number:012}"), "Example Ltd")
            .await;
        issue(&world, "Example Ltd").await;
    }
    world.pass(Span::from_secs(1));
    let (latest, _) = issue(&world, "Example Ltd").await;
    let first = own.account(account("Example Ltd"), AccountPage::default());
    let first = first.await.unwrap();
    let said = first.to_string();
    assert!(!said.contains(&latest));
    let (products_after, licences_after) = (
        first.record.products_after().unwrap(),
        first.record.licences_after().unwrap(),
    );
    for next in [
        format!("--products-after {products_after}"),
        format!("--licences-after {licences_after}"),
    ] {
        assert!(said.contains(&next), "{next}");
    }
    let page = AccountPage {
        products_after: Some(products_after),
        licences_after: Some(licences_after),
    };
    let second = own.account(account("Example Ltd"), page).await.unwrap();
    let licences: Vec<String> = second
        .record
        .licences
        .iter()
        .map(|(licence, _)| licence.serial.to_string())
        .collect();
    assert_eq!(licences, [latest]);
    assert_eq!(second.record.products.len(), 1);
    assert_eq!(second.record.products_after(), None);
    // A page of one's own begins behind nothing of another's.
    let others = account("Others");
    let registered = world.desk.register_account(actor(), others.clone());
    registered.await.unwrap();
    let foreign = seen_by(&world, "Others");
    let refused = foreign.account(others, page).await.unwrap_err().to_string();
    assert!(refused.contains(products_after.as_str()), "{refused}");
}

#[tokio::test]
async fn a_customer_is_told_what_it_can_do_itself() {
    let world = World::new(&[UNIT]).await;
    let own = seen_by(&world, "Example Ltd");
    let said = told(&own, UNIT).await;
    assert!(said.contains("issue-licence --product"), "{said}");
    assert!(said.contains("ask the desk for"), "{said}");
    for (unknown, desks) in [
        ("agent erin", "list-agents"),
        ("request 3", "list-requests"),
        ("Somebody", "list-accounts"),
        (OTHERS, "register-product"),
        (HARDWARE, "import-hardware"),
    ] {
        for refused in [
            own.look(unknown).await.unwrap_err(),
            own.history(unknown).await.unwrap_err(),
        ] {
            let refused = refused.to_string();
            assert!(!refused.contains(desks), "{refused}");
        }
        let refused = world.desk.look(unknown).await.unwrap_err().to_string();
        assert!(refused.contains(desks), "{refused}");
    }
}

#[tokio::test]
async fn a_customer_opens_no_more_tickets_than_a_desk_reads() {
    let world = World::new(&[UNIT]).await;
    let own = seen_by(&world, "Example Ltd");
    let wish = |number| TicketRequest {
        account: account("Example Ltd"),
        old: product(UNIT),
        new: product(OTHERS),
        licence: None,
        reason: Remark::parse(&format!("wish {number}")).unwrap(),
    };
    for number in 0..OWN_TICKETS_MAX {
        own.open_ticket(actor(), wish(number)).await.unwrap();
    }
    let more = wish(OWN_TICKETS_MAX);
    let refused = own.open_ticket(actor(), more.clone()).await.unwrap_err();
    assert!(
        refused.to_string().contains("have the desk answer"),
        "{refused}"
    );
    let same = own.open_ticket(actor(), wish(7)).await.unwrap();
    assert_eq!(same.number, TicketNumber(8));
    world.desk.open_ticket(actor(), more).await.unwrap();
}
