//! What the desk does, as the gateways see it over HTTPS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Gateway, World, account, actor, product};
use domain::licensing::{
    Change, CodeInHand, Generation, Lock, Remark, Term, TicketNumber, TicketRequest,
};
use domain::time::Span;
use ident::{LicenceSerial, TokenSerial};
use registry::TicketTable;
use softtoken::PROCESS_PATH;
use softtoken::process::TokenState;
use store::registry::{AccountPage, Note, TICKETS_MAX, TicketFilter};

const OLD: &str = "FGT0000000000001";
const NEW: &str = "FGT0000000000002";
const OTHERS: &str = "FGT0000000000003";
const TRIAL: &str = "0000-0000-0000-0000-0000";

fn why() -> Remark {
    Remark::parse("RMA 4711").unwrap()
}

fn note() -> Note {
    Note {
        reason: why(),
        ticket: None,
    }
}

fn serial(text: &str) -> LicenceSerial {
    text.parse().unwrap()
}

/// `OLD` and `NEW` of one account, `OTHERS` of another.
async fn world() -> World {
    let world = World::new(&[OLD, NEW]).await;
    world
        .desk
        .register_account(actor(), account("Others"))
        .await
        .unwrap();
    world.register(OTHERS, "Others").await;
    world
}

/// Imports a licence at `OLD` and brings its first token onto a phone.
async fn on_a_phone(world: &World, code: &str) -> (LicenceSerial, Vec<TokenSerial>) {
    let gateway = world.gateway(OLD);
    let (licence, tokens) = gateway.import(code).await;
    let (code, _) = gateway.provision(tokens[0]).await;
    world.phone().activate(code.opaque(), None).await.unwrap();
    (serial(&licence), tokens)
}

async fn is_on_a_phone(gateway: &Gateway, token: TokenSerial) -> bool {
    let polled = gateway.poll(token).await.unwrap();
    polled.state == TokenState::Provisioned && polled.registration.is_some()
}

/// A token that is not this gateway's, in the words of the recordings.
async fn is_refused(gateway: &Gateway, token: TokenSerial) {
    let answer = gateway
        .process(&gateway.provision_body(token.as_str()))
        .await;
    let refusal = format!(
        r#""tokens":[{{"token":"{token}","license":null,"token_activation_code":null,"qr_code":null,"code_expire":null,"error":{{"error_code":31,"error_message":"token does not belong to product"}}}}],"result":0,"error":{{"error_code":17,"error_message":"no valid token found"}}}}}}"#
    );
    assert!(answer.ends_with(&refusal), "{answer}");
    assert_eq!(gateway.poll(token).await.unwrap_err().code, 31);
}

async fn import_error(gateway: &Gateway, code: &str) -> String {
    let answer = gateway.process(&gateway.import_body(code)).await;
    let at = answer.find(r#""result":"#).unwrap();
    answer[at..].trim_end_matches('}').to_owned()
}

#[tokio::test]
async fn symptom_31_a_licence_moves_with_its_tokens_and_their_phones() {
    let world = world().await;
    let issued = world.issue(3).await;
    let (licence, tokens) = on_a_phone(&world, issued.code.as_str()).await;
    let (old, new) = (world.gateway(OLD), world.gateway(NEW));
    is_refused(&new, tokens[0]).await;

    let move_it = || {
        world
            .desk
            .move_licence(actor(), licence, product(NEW), note())
    };
    let moved = move_it().await.unwrap();
    assert_eq!(
        (moved.from, moved.tokens, moved.change),
        (Some(product(OLD)), 3, Change::Made)
    );
    assert_eq!(move_it().await.unwrap().change, Change::Already);

    for token in &tokens {
        is_refused(&old, *token).await;
    }
    assert!(is_on_a_phone(&new, tokens[0]).await);
    // Symptom 12 at the old gateway, its cure at the new one; once.
    let spent = r#""result":0,"error":{"error_code":11,"error_message":"forticare license already activated"#;
    let code = issued.code.as_str();
    assert_eq!(import_error(&old, code).await, spent.to_owned() + "\"");
    assert_eq!(
        new.import(code).await,
        (licence.to_string(), tokens.clone())
    );
    assert_eq!(import_error(&new, code).await, spent.to_owned() + "\"");
    assert!(is_on_a_phone(&new, tokens[0]).await);
    new.provision(tokens[0]).await;

    let events = world.desk.history(licence.as_str()).await.unwrap();
    let moves: Vec<_> = events
        .iter()
        .filter(|event| event.action.as_ref() == "move-licence")
        .collect();
    assert_eq!(moves.len(), 1);
    assert_eq!(moves[0].actor, actor());
    assert_eq!(*moves[0].detail, *format!("{OLD} to {NEW}: RMA 4711"));
}

#[tokio::test]
async fn a_licence_moves_neither_to_strangers_nor_to_other_accounts() {
    let world = world().await;
    let licence = world.issue(1).await.serial;
    let to = |serial| {
        world
            .desk
            .move_licence(actor(), licence, product(serial), note())
    };
    let refused = to("FGT0000000000009").await.unwrap_err().to_string();
    assert!(refused.contains("register it first"), "{refused}");
    let refused = to(OTHERS).await.unwrap_err().to_string();
    assert!(
        refused.contains("belongs to account \"Others\""),
        "{refused}"
    );
    let (trial, _) = world.gateway(OLD).import(TRIAL).await;
    let stays = world
        .desk
        .move_licence(actor(), serial(&trial), product(NEW), note())
        .await;
    let refused = stays.unwrap_err().to_string();
    assert!(refused.contains(TRIAL), "{refused}");
}

#[tokio::test]
async fn a_unit_is_replaced_in_one_step_and_users_notice_nothing() {
    let world = world().await;
    let issued = world.issue(2).await;
    let (_, tokens) = on_a_phone(&world, issued.code.as_str()).await;
    let (old, next) = (world.gateway(OLD), world.gateway("FGT0000000000004"));
    let (_, trial) = old.import(TRIAL).await;
    let (open, _) = old.provision(trial[0]).await;

    let replace = || {
        world
            .desk
            .replace_unit(actor(), product(OLD), product(&next.serial), note())
    };
    let replaced = replace().await.unwrap();
    assert_eq!(
        (replaced.licences.len(), replaced.change),
        (2, Change::Made)
    );
    assert_eq!(replaced.account, account("Example Ltd"));
    assert!(is_on_a_phone(&next, tokens[0]).await);
    assert_eq!(next.import(TRIAL).await.1, trial);
    // A code that was on its way arrives.
    world.phone().activate(open.opaque(), None).await.unwrap();
    assert!(is_on_a_phone(&next, trial[0]).await);
    assert_eq!(old.poll(tokens[0]).await.unwrap_err().code, 21);

    let again = replace().await.unwrap();
    assert_eq!((again.licences.len(), again.change), (2, Change::Already));
    let events = world.desk.history(OLD).await.unwrap();
    assert_eq!(events.len(), 2, "registered, and replaced once: {events:?}");
    let sheet = world.desk.product(product(OLD)).await.unwrap();
    let successor = sheet.record.retired.unwrap().successor;
    assert_eq!(successor, Some(product(&next.serial)));
    // And back, when the old one is repaired; whoever had it before speaks for it no more.
    world
        .desk
        .replace_unit(actor(), product(&next.serial), product(OLD), note())
        .await
        .unwrap();
    let status = old.post(PROCESS_PATH, old.import_body(TRIAL)).await.0;
    assert_eq!(status, 403);
    let repaired = world.gateway_of(OLD, Generation(1));
    assert!(is_on_a_phone(&repaired, tokens[0]).await);
}

#[tokio::test]
async fn a_unit_with_trial_tokens_takes_no_other_trial() {
    let world = world().await;
    world.gateway(OLD).import(TRIAL).await;
    let (trial, tokens) = world.gateway(NEW).import(TRIAL).await;
    let replace = || {
        world
            .desk
            .replace_unit(actor(), product(OLD), product(NEW), note())
    };
    let refused = replace().await.unwrap_err().to_string();
    assert!(
        refused.contains(&trial) && refused.contains("revoke"),
        "{refused}"
    );
    let events = world.desk.history(OLD).await.unwrap();
    assert_eq!(events.len(), 1, "only registered: {events:?}");
    world
        .desk
        .revoke_licence(actor(), serial(&trial), why())
        .await
        .unwrap();
    replace().await.unwrap();
    is_refused(&world.gateway(NEW), tokens[0]).await;
}

#[tokio::test]
async fn a_trial_is_had_again_whatever_the_desk_takes_of_it() {
    let world = world().await;
    let gateway = world.gateway(OLD);
    let (trial, tokens) = on_a_phone(&world, TRIAL).await;
    let lock = Lock::Locked;
    let locked = world.desk.set_lock(actor(), tokens[0], lock, "lost");
    locked.await.unwrap();
    let code = world.issue(1).await.code;
    let refused = import_error(&gateway, code.as_str()).await;
    assert!(refused.contains(r#""error_code":-1"#), "{refused}");
    // The same pair, and the phone that had the locked one has it no more.
    assert_eq!(gateway.import(TRIAL).await.1, tokens);
    assert!(!is_on_a_phone(&gateway, tokens[0]).await);
    let revoked = world.desk.revoke_licence(actor(), trial, why());
    revoked.await.unwrap();
    let (again, others) = gateway.import(TRIAL).await;
    assert_ne!(again, trial.as_str());
    assert!(others.iter().all(|token| !tokens.contains(token)));
    is_refused(&gateway, tokens[1]).await;
}

#[tokio::test]
async fn a_revoked_licence_serves_nobody() {
    let world = world().await;
    let issued = world.issue(2).await;
    let (licence, tokens) = on_a_phone(&world, issued.code.as_str()).await;
    let gateway = world.gateway(OLD);
    let (open, _) = gateway.provision(tokens[1]).await;
    let revoke = || world.desk.revoke_licence(actor(), licence, why());
    let revoked = revoke().await.unwrap();
    assert_eq!(
        (revoked.tokens, revoked.on_phones, revoked.change),
        (2, Some(1), Change::Made)
    );
    assert_eq!(revoke().await.unwrap().change, Change::Already);
    for token in tokens {
        is_refused(&gateway, token).await;
    }
    let refused = world
        .phone()
        .activate(open.opaque(), None)
        .await
        .unwrap_err();
    assert_eq!(refused.code, 101);
    let unknown = import_error(&gateway, issued.code.as_str()).await;
    assert!(unknown.contains("license card not found"), "{unknown}");
    let refused = world
        .desk
        .move_licence(actor(), licence, product(NEW), note())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("issue another"), "{refused}");
}

#[tokio::test]
async fn symptom_09_an_expired_licence_gets_a_new_code() {
    let world = world().await;
    let issued = world.issue(2).await;
    let gateway = world.gateway(OLD);
    world.pass(Span::from_days(2));
    let expired = import_error(&gateway, issued.code.as_str()).await;
    assert!(expired.contains(r#""error_code":14"#), "{expired}");

    let until = world.now().after(Span::from_days(30));
    let renew = |code| {
        world
            .desk
            .renew_licence(actor(), issued.serial, Term::Said(until), code)
    };
    let renewed = renew(CodeInHand::Held).await.unwrap();
    let fresh = renewed.code.unwrap();
    assert_eq!(renewed.licence.redeem_until, Some(until));
    let gone = import_error(&gateway, issued.code.as_str()).await;
    assert!(gone.contains(r#""error_code":10"#), "{gone}");
    let (licence, tokens) = gateway.import(fresh.as_str()).await;
    assert_eq!((licence, tokens.len()), (issued.serial.to_string(), 2));
    let refused = renew(CodeInHand::Lost).await.unwrap_err().to_string();
    assert!(refused.contains("move it"), "{refused}");
    // It moved, and the certificate is lost.
    world
        .desk
        .move_licence(actor(), issued.serial, product(NEW), note())
        .await
        .unwrap();
    let code = renew(CodeInHand::Lost).await.unwrap().code.unwrap();
    world.gateway(NEW).import(code.as_str()).await;
}

#[tokio::test]
async fn symptom_02_a_product_leaves_the_register_and_comes_back() {
    let world = world().await;
    let issued = world.issue(1).await;
    let gateway = world.gateway(OLD);
    let (licence, tokens) = gateway.import(issued.code.as_str()).await;
    let leave = || world.desk.unregister_product(actor(), product(OLD), why());
    let refused = leave().await.unwrap_err().to_string();
    assert!(
        refused.contains(&licence) && refused.contains("move or revoke"),
        "{refused}"
    );
    world
        .desk
        .move_licence(actor(), serial(&licence), product(NEW), note())
        .await
        .unwrap();
    assert_eq!(leave().await.unwrap(), Change::Made);
    assert_eq!(leave().await.unwrap(), Change::Already);
    let answer = gateway
        .process(&gateway.provision_body(tokens[0].as_str()))
        .await;
    let member = format!(r#"[{{"sn":"{OLD}","error":"Product is not registered"}}]"#);
    assert!(answer.contains(&member), "{answer}");
    world.register(OLD, "Example Ltd").await;
    is_refused(&gateway, tokens[0]).await;
}

#[tokio::test]
async fn an_account_keeps_what_it_has_under_another_name() {
    let world = world().await;
    let issued = world.issue(2).await;
    let rename = |to: &str| {
        world
            .desk
            .rename_account(actor(), account("Example Ltd"), account(to))
    };
    let taken = rename("Others").await.unwrap_err().to_string();
    assert!(taken.contains("registered already"), "{taken}");
    assert_eq!(rename("Example GmbH").await.unwrap(), Change::Made);
    assert_eq!(rename("Example GmbH").await.unwrap(), Change::Already);
    let listed = world.desk.accounts(None).await.unwrap();
    let lines: Vec<_> = listed
        .iter()
        .map(|line| {
            (
                line.name.as_str(),
                line.products,
                line.licences,
                line.tokens,
            )
        })
        .collect();
    assert_eq!(lines, [("Example GmbH", 2, 1, 2), ("Others", 1, 0, 0)]);
    let rest = world
        .desk
        .accounts(Some(account("Example GmbH")))
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    world.gateway(OLD).import(issued.code.as_str()).await;
    let events = world.desk.history("Example GmbH").await.unwrap();
    let actions: Vec<_> = events.iter().map(|event| event.action.as_ref()).collect();
    assert_eq!(actions, ["register-account", "rename-account"]);
    assert_eq!(*events[1].detail, *"from \"Example Ltd\"");
}

#[tokio::test]
async fn a_ticket_is_closed_by_the_deed_that_answers_it() {
    let world = world().await;
    let licence = world.issue(2).await.serial;
    let request = TicketRequest {
        account: account("Example Ltd"),
        old: product(OLD),
        new: product(NEW),
        licence: Some(licence),
        reason: why(),
    };
    let open = || world.desk.open_ticket(actor(), request.clone());
    let ticket = open().await.unwrap();
    assert_eq!(ticket.number, TicketNumber(1));
    assert_eq!(open().await.unwrap(), ticket, "the same is open");
    let answering = |number| Note {
        reason: why(),
        ticket: Some(TicketNumber(number)),
    };
    let move_to = |serial, note| {
        world
            .desk
            .move_licence(actor(), licence, product(serial), note)
    };
    // It asks for what the old unit has, and that has nothing yet.
    let refused = move_to(NEW, answering(1)).await.unwrap_err().to_string();
    let asked = format!("move-licence {licence} --to {NEW} from {OLD}");
    assert!(refused.contains(&asked), "{refused}");
    let untouched = world.desk.licence(licence).await.unwrap();
    assert_eq!(untouched.record.licence.product, None);
    move_to(OLD, note()).await.unwrap();
    let refused = move_to(NEW, answering(2)).await.unwrap_err().to_string();
    assert!(refused.contains("no ticket 2"), "{refused}");

    move_to(NEW, answering(1)).await.unwrap();
    let again = move_to(NEW, answering(1)).await.unwrap();
    assert_eq!(again.change, Change::Already);
    let closed = world.desk.ticket(TicketNumber(1)).await.unwrap().closed;
    let (_, by) = closed.unwrap();
    assert_eq!(*by, *format!("move-licence {licence} --to {NEW}"));
    let open_ones = world
        .desk
        .tickets(None, TicketFilter::Open, None)
        .await
        .unwrap();
    assert!(open_ones.is_empty(), "{open_ones:?}");
    let sheet = world
        .desk
        .account(account("Example Ltd"), AccountPage::default())
        .await
        .unwrap();
    assert_eq!(sheet.record.tickets.len(), 1);
    assert!(sheet.to_string().contains(&*by), "{sheet}");

    let next = open().await.unwrap().number;
    assert_eq!(next, TicketNumber(2));
    let close = || world.desk.close_ticket(actor(), next, why());
    assert_eq!(close().await.unwrap(), Change::Made);
    assert_eq!(close().await.unwrap(), Change::Already);
    let others = TicketRequest {
        account: account("Others"),
        ..request.clone()
    };
    let refused = world.desk.open_ticket(actor(), others).await.unwrap_err();
    assert!(
        refused.to_string().contains("for that account"),
        "{refused}"
    );
    for (old, new) in [(OLD, OTHERS), (OTHERS, NEW)] {
        let foreign = TicketRequest {
            old: product(old),
            new: product(new),
            ..request.clone()
        };
        let refused = world.desk.open_ticket(actor(), foreign).await.unwrap_err();
        let expected = format!("product {OTHERS} belongs to account \"Others\"; name that account");
        assert!(refused.to_string().contains(&expected), "{refused}");
    }
    // What nobody has registered yet is as the customer names it.
    let coming = TicketRequest {
        new: product("FGT0000000000099"),
        ..request
    };
    world.desk.open_ticket(actor(), coming).await.unwrap();
}

#[tokio::test]
async fn a_lock_that_comes_again_is_recorded_once() {
    let world = world().await;
    let (_, tokens) = world.gateway(OLD).import(TRIAL).await;
    for lock in [Lock::Locked, Lock::Locked, Lock::Open, Lock::Open] {
        world
            .desk
            .set_lock(actor(), tokens[0], lock, "lost")
            .await
            .unwrap();
    }
    let events = world.desk.history(tokens[0].as_str()).await.unwrap();
    let actions: Vec<_> = events.iter().map(|event| &*event.action).collect();
    assert_eq!(actions, ["lock-token", "unlock-token"]);
}

#[tokio::test]
async fn a_page_of_tickets_leads_to_those_in_front() {
    let world = world().await;
    let max = usize::try_from(TICKETS_MAX).unwrap();
    for number in 0..=max {
        let ticket = TicketRequest {
            account: account("Example Ltd"),
            old: format!("FGT1{number:012}").parse().unwrap(),
            new: product(NEW),
            licence: None,
            reason: why(),
        };
        world.desk.open_ticket(actor(), ticket).await.unwrap();
    }
    let page = world.desk.tickets(None, TicketFilter::Open, None).await;
    let page = page.unwrap();
    assert_eq!((page.len(), page[0].number), (max, TicketNumber(2)));
    let shown = TicketTable(&page).to_string();
    assert!(shown.contains("--before 2`"), "{}", &shown[..200]);
    let before = Some(page[0].number);
    let first = world.desk.tickets(None, TicketFilter::Open, before).await;
    let first = first.unwrap();
    assert_eq!((first.len(), first[0].number), (1, TicketNumber(1)));
    assert!(!TicketTable(&first).to_string().contains("--before"));
}
