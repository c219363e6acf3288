//! What other authenticator apps export, by the vectors that the web app's own code is tested against.

use super::backup::saved;
use crate::common::{NOW, Phone};
use crate::picture::{Paper, draw};
use serde_json::Value;
use std::fs;
use std::process::Command;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/foreign.json")).unwrap()
}

/// What `symbolon app` shows of the tokens that these links bring, one by one.
async fn shown_of_links(links: &Value) -> String {
    let phone = Phone::new();
    for link in links.as_array().unwrap() {
        let link = link.as_str().unwrap();
        phone.run(&["add", "--qr-text", link]).await.unwrap();
    }
    shown(&phone).await
}

/// All tokens, with their codes.
async fn shown(phone: &Phone) -> String {
    let mut all = phone.run(&["list"]).await.unwrap();
    for name in ["Acme", "Bank", "bob", "Plain"] {
        all += &phone.run(&["code", name]).await.unwrap_or_default();
    }
    all
}

/// The arguments that bring a file's tokens here.
fn restore(phone: &Phone, file: &str, password: &str) -> Vec<String> {
    let written = |name: &str, text: &str| {
        let path = phone.file(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (file, words) = (written("export", file), written("words", password));
    let words = ["--passphrase-file".to_owned(), words];
    let all = ["backup".to_owned(), "restore".to_owned(), file];
    all.into_iter().chain(words).collect()
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn files_of_aegis_and_2fas_bring_their_tokens_and_say_what_they_do_not_bring() {
    for vector in vectors()["files"].as_array().unwrap() {
        let phone = Phone::new();
        let text = vector["file"].to_string();
        let arguments = restore(&phone, &text, vector["password"].as_str().unwrap_or(""));
        let said = phone.said_failing(&borrowed(&arguments)).await;
        let unread = vector["unread"].as_u64().unwrap();
        let told = format!("Of other issuers' tokens {unread} cannot be used here");
        assert!(said.contains(&told), "{said}");
        assert_eq!(
            shown(&phone).await,
            shown_of_links(&vector["tokens"]).await,
            "{}",
            vector["made_by"]
        );
        let said = phone.said_failing(&borrowed(&arguments)).await;
        assert_eq!(said.matches("is here already").count(), 2, "{said}");
    }
}

#[tokio::test]
async fn an_export_code_brings_all_its_tokens_as_text_and_as_a_picture() {
    let vector = &vectors()["export_code"];
    let text = vector["text"].as_str().unwrap();
    let phone = Phone::new();
    let named = ["add", "--qr-text", text, "--name", "mine"];
    let (error, next) = phone.refused(&named).await;
    assert_eq!(error, "the code brings 2 tokens, and one name");
    assert!(next.contains("symbolon app rename"), "{next}");
    let path = phone.file("code.png");
    fs::write(&path, draw(text, Paper::Rgb)).unwrap();
    let path = path.to_str().unwrap();
    let said = phone.run(&["add", "--qr", path]).await.unwrap();
    assert_eq!(said.matches("is ready. Its codes").count(), 2, "{said}");
    assert_eq!(shown(&phone).await, shown_of_links(&vector["tokens"]).await);
    let (error, _) = phone.refused(&["add", "--qr-text", text]).await;
    assert!(error.starts_with("this token is here already"), "{error}");
}

#[tokio::test]
async fn a_secret_has_the_length_that_its_issuer_chose() {
    let vectors = vectors();
    let links = vectors["links"].as_array().unwrap();
    let phone = Phone::new();
    for (number, link) in links.iter().enumerate() {
        let [text, seed] = ["text", "seed"].map(|part| link[part].as_str().unwrap());
        let name = number.to_string();
        let added = phone
            .run(&["add", "--qr-text", text, "--name", &name])
            .await;
        added.unwrap();
        let shown = phone.run(&["code", &name]).await.unwrap();
        let oathtool = Command::new("oathtool")
            .args(["--totp", seed, &format!("--now=@{NOW}")])
            .output()
            .unwrap();
        let expected = String::from_utf8(oathtool.stdout).unwrap();
        assert_eq!(
            shown.split(' ').next().unwrap(),
            expected.trim_end(),
            "{text}"
        );
    }
    let other = Phone::new();
    let (file, passphrase) = saved(&phone).await;
    other
        .run(&["backup", "restore", &file, "--passphrase-file", &passphrase])
        .await
        .unwrap();
    let listed = other.run(&["list"]).await.unwrap();
    assert_eq!(
        listed.lines().count(),
        phone.run(&["list"]).await.unwrap().lines().count()
    );
    for text in vectors["no_links"].as_array().unwrap() {
        let (error, _) = phone
            .refused(&["add", "--qr-text", text.as_str().unwrap()])
            .await;
        assert_eq!(error, "the secret of the key URI is unusable");
    }
}

#[tokio::test]
async fn codes_of_one_export_say_which_are_missing() {
    let vectors = vectors();
    let [first, second, third] = vectors["export_batch"].as_array().unwrap().as_slice() else {
        panic!("three codes");
    };
    let phone = Phone::new();
    let others = "This was code 3 of 3, and the others were read before.\n";
    for (code, is_new, told) in [
        (
            second,
            true,
            "This was code 2 of 3: add codes 1 and 3 too, whose tokens are not here yet.\n",
        ),
        // Who shows the same code again is told the same, and nothing comes twice.
        (
            second,
            false,
            "This was code 2 of 3: add codes 1 and 3 too, whose tokens are not here yet.\n",
        ),
        (
            first,
            true,
            "This was code 1 of 3: add code 3 too, whose tokens are not here yet.\n",
        ),
        (third, true, others),
        (third, false, others),
    ] {
        let text = code["text"].as_str().unwrap();
        let (said, noted) = phone.run_noting(&["add", "--qr-text", text]).await.unwrap();
        assert_eq!(
            said.matches("is ready. Its codes").count(),
            usize::from(is_new),
            "{said}"
        );
        assert!(noted.ends_with(told), "{noted}");
    }
    let links: Vec<&Value> = [second, first, third].map(|code| &code["tokens"][0]).into();
    assert_eq!(
        shown(&phone).await,
        shown_of_links(&links.into_iter().cloned().collect()).await
    );
    // Another export begins anew.
    let size = |text: &str| text.replace("GAMg", "GAQg");
    let other = size(third["text"].as_str().unwrap());
    assert_ne!(other, third["text"].as_str().unwrap());
    let (_, noted) = phone
        .run_noting(&["add", "--qr-text", &other])
        .await
        .unwrap();
    assert!(
        noted.ends_with("code 3 of 4: add codes 1, 2 and 4 too, whose tokens are not here yet.\n"),
        "{noted}"
    );
}

#[tokio::test]
async fn bent_files_of_other_apps_bring_nothing() {
    let vectors = vectors();
    let [_, aegis, _, two_fas] = vectors["files"].as_array().unwrap().as_slice() else {
        panic!("four files");
    };
    let bent = |vector: &Value, part: &str, to: Value| {
        let mut file = vector["file"].clone();
        *file.pointer_mut(part).unwrap() = to;
        file.to_string()
    };
    let slots_of = |vector: &Value, count: usize, n: u64| {
        let mut slot = vector["file"]["header"]["slots"][1].clone();
        slot["n"] = n.into();
        bent(vector, "/header/slots", vec![slot; count].into())
    };
    let damaged = "this backup is damaged";
    let wrong = "the passphrase does not open this backup";
    let unknown = "this file is no backup of this app, of Aegis or of 2FAS";
    let empty = "there is no token in this file";
    let [right, other] = ["correct horse", "battery staple"];
    let plain = r#"{"schemaVersion":4,"services":[]}"#;
    let not_json = r#"{"version":1,"header":{},"db":{"entries":7}}"#;
    for (text, password, expected) in [
        (aegis["file"].to_string(), other, wrong),
        (two_fas["file"].to_string(), other, wrong),
        (bent(aegis, "/db", "AAAA".into()), right, wrong),
        (bent(aegis, "/db", "?".into()), right, damaged),
        (bent(aegis, "/header/params", Value::Null), right, damaged),
        (
            bent(aegis, "/header/params/nonce", "00".into()),
            right,
            damaged,
        ),
        (bent(aegis, "/header/slots/1/n", 0.into()), right, damaged),
        (
            bent(aegis, "/header/slots/1/n", 1000.into()),
            right,
            damaged,
        ),
        (
            bent(aegis, "/header/slots/1/n", (1 << 24).into()),
            right,
            damaged,
        ),
        (
            bent(aegis, "/header/slots/1/r", (1 << 30).into()),
            right,
            damaged,
        ),
        (bent(aegis, "/header/slots/1/r", 0.into()), right, damaged),
        (bent(aegis, "/header/slots/1/p", 5.into()), right, damaged),
        (bent(aegis, "/header/slots/1/p", 0.into()), right, damaged),
        (bent(aegis, "/header/slots/1/r", 33.into()), right, damaged),
        (
            bent(aegis, "/header/slots/1/n", (1 << 19).into()),
            right,
            damaged,
        ),
        (slots_of(aegis, 33, 1 << 15), other, damaged),
        (slots_of(aegis, 9, 1 << 10), other, wrong),
        (
            bent(aegis, "/header/slots/1/salt", "xy".into()),
            right,
            damaged,
        ),
        (bent(aegis, "/header/slots/1/type", 3.into()), right, wrong),
        (
            bent(two_fas, "/servicesEncrypted", "?:?".into()),
            right,
            damaged,
        ),
        (
            bent(two_fas, "/servicesEncrypted", "AA==:AA==".into()),
            right,
            damaged,
        ),
        (not_json.to_owned(), right, damaged),
        (plain.to_owned(), right, empty),
        ("{}".to_owned(), right, unknown),
    ] {
        let phone = Phone::new();
        let arguments = restore(&phone, &text, password);
        let (error, next) = phone.refused(&borrowed(&arguments)).await;
        assert_eq!(error, expected, "{text}");
        assert!(!next.is_empty());
        let (error, _) = phone.refused(&["list"]).await;
        assert_eq!(error, "there is no token in this app yet");
    }
}
