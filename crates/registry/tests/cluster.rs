//! Clusters: what belongs to one member serves all, and each is answered on its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Gateway, World, account, actor, product};
use domain::licensing::LicenceSize;
use domain::time::Span;
use softtoken::process::Response;
use store::registry::NewLicence;

const FIRST: &str = "FGT0000000000001";
const SECOND: &str = "FGT0000000000002";
const FOREIGN: &str = "FGT0000000000003";
const NOBODY: &str = "FGT0000000000009";
const TRIAL: &str = "0000-0000-0000-0000-0000";

/// `FIRST` and `SECOND` of one account, `FOREIGN` of another.
async fn world() -> World {
    let world = World::new(&[FIRST, SECOND]).await;
    world
        .desk
        .register_account(actor(), account("Others"))
        .await
        .unwrap();
    world.register(FOREIGN, "Others").await;
    world
}

/// A request of this gateway that names these members of its cluster.
fn naming(gateway: &Gateway, body: &str, members: &[&str]) -> String {
    let alone = format!(r#""__clustered_sns":[{{"sn":"{}"}}]"#, gateway.serial);
    assert!(body.contains(&alone), "{body}");
    let members: Vec<_> = members
        .iter()
        .map(|member| format!(r#"{{"sn":"{member}"}}"#))
        .collect();
    let named = format!(r#""__clustered_sns":[{}]"#, members.join(","));
    body.replacen(&alone, &named, 1)
}

/// The tokens of an import that names these members.
async fn import(gateway: &Gateway, code: &str, members: &[&str]) -> Vec<String> {
    let body = naming(gateway, &gateway.import_body(code), members);
    let answer = gateway.process(&body).await;
    let Response::ActivationLicense(response) = Response::parse(answer.as_bytes()).unwrap() else {
        panic!("{answer}")
    };
    let licence = response.outcome.unwrap_or_else(|error| panic!("{error}"));
    licence.tokens.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn each_member_is_answered_on_its_own_in_every_message() {
    let world = world().await;
    let gateway = world.gateway(FIRST);
    let token = &import(&gateway, TRIAL, &[FIRST]).await[0];
    let members = [FIRST, NOBODY, SECOND, FOREIGN];
    let answered = format!(
        r#""__clustered_sns":[{{"sn":"{NOBODY}","error":"Product is not registered"}},{{"sn":"{FOREIGN}","error":"Product is not registered"}},{{"sn":"{FIRST}","error":null}},{{"sn":"{SECOND}","error":null}}]"#
    );
    for body in [
        gateway.import_body(TRIAL),
        gateway.provision_body(token),
        gateway.poll_body(token),
        gateway.hardware_body("FTK2000BHV1KRZCC"),
        gateway.address_body(),
    ] {
        let answer = gateway.process(&naming(&gateway, &body, &members)).await;
        assert!(answer.contains(&answered), "{answer}");
    }
}

#[tokio::test]
async fn a_unit_that_nobody_registered_tells_no_address() {
    let world = world().await;
    let gateway = world.gateway(NOBODY);
    let answer = gateway.process(&gateway.address_body()).await;
    let refused =
        r#""result":0,"error":{"error_code":21,"error_message":"Product is not registered"}"#;
    assert!(answer.contains(refused), "{answer}");
}

#[tokio::test]
async fn a_licence_of_any_member_serves_the_cluster() {
    let world = world().await;
    let both = [FIRST, SECOND];
    let licence = NewLicence {
        account: account("Example Ltd"),
        product: Some(product(SECOND)),
        size: LicenceSize::new(2).unwrap(),
        redeem_until: world.now().after(Span::from_days(1)),
    };
    let issued = world.desk.issue_licence(actor(), licence).await.unwrap();
    let (first, second) = (world.gateway(FIRST), world.gateway(SECOND));
    let tokens = import(&first, issued.code.as_str(), &both).await;
    assert_eq!(tokens.len(), 2);
    let sheet = world.desk.licence(issued.serial).await.unwrap();
    assert_eq!(sheet.record.licence.product, Some(product(SECOND)));

    let served = r#""result":2,"error":null"#;
    for member in [&first, &second] {
        for body in [
            member.provision_body(&tokens[0]),
            member.poll_body(&tokens[0]),
        ] {
            let answer = member.process(&naming(member, &body, &both)).await;
            assert!(answer.contains(served), "{answer}");
        }
    }
    // The other unit alone is another product.
    let answer = first.process(&first.poll_body(&tokens[0])).await;
    assert!(answer.contains(r#""error_code":31"#), "{answer}");
    // A stranger who names the cluster's members is not one.
    let stranger = world.gateway(FOREIGN);
    let named = [FOREIGN, FIRST, SECOND];
    let body = naming(&stranger, &stranger.poll_body(&tokens[0]), &named);
    let answer = stranger.process(&body).await;
    assert!(answer.contains(r#""error_code":31"#), "{answer}");
}

#[tokio::test]
async fn a_cluster_has_two_trial_tokens_whoever_asks() {
    let world = world().await;
    let (first, second) = (world.gateway(FIRST), world.gateway(SECOND));
    let trial = import(&first, TRIAL, &[FIRST, SECOND]).await;
    assert_eq!(trial.len(), 2);
    assert_eq!(import(&second, TRIAL, &[SECOND, FIRST]).await, trial);
    assert_eq!(import(&second, TRIAL, &[FIRST, SECOND]).await, trial);
    assert_ne!(import(&second, TRIAL, &[SECOND]).await, trial);
    // Each had a pair before they became a cluster: both serve, and an import names one.
    let joint = import(&second, TRIAL, &[FIRST, SECOND]).await;
    assert_ne!(joint, trial);
    for token in trial.iter().chain(&joint) {
        let body = naming(&second, &second.poll_body(token), &[FIRST, SECOND]);
        let answer = second.process(&body).await;
        assert!(answer.contains(r#""state":"new""#), "{answer}");
    }
}
