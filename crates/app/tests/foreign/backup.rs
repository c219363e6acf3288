//! Backups: the vectors that the web app's own code is tested against, and what a bent file is worth.

use crate::common::{NOW, Phone, SmallRegistry};
use crate::phone_with_token;
use ident::PinLength;
use serde_json::Value;
use std::fs;

const PASSPHRASE: &str = "five little ducks";

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../vectors/backup.json")).unwrap()
}

/// The arguments that save or restore a backup.
fn backup<'a>(what: &'a str, file: &'a str, passphrase: &'a str) -> [&'a str; 5] {
    ["backup", what, file, "--passphrase-file", passphrase]
}

fn written(phone: &Phone, name: &str, text: &str) -> String {
    let path = phone.file(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Saves what a phone has; the file, and that of the passphrase.
pub(super) async fn saved(phone: &Phone) -> (String, String) {
    let passphrase = written(phone, "words", PASSPHRASE);
    let file = phone.file("backup").to_str().unwrap().to_owned();
    phone
        .run(&backup("save", &file, &passphrase))
        .await
        .unwrap();
    (file, passphrase)
}

#[tokio::test]
async fn backups_of_both_apps_are_read() {
    let makers: Vec<_> = vectors().iter().map(|it| it["made_by"].clone()).collect();
    assert_eq!(makers, ["web app", "terminal program"]);
    for vector in vectors() {
        let phone = Phone::new();
        let file = written(&phone, "backup", &vector["file"].to_string());
        let passphrase = written(&phone, "words", vector["passphrase"].as_str().unwrap());
        let restored = phone.run(&backup("restore", &file, &passphrase)).await;
        // What has to be moved needs its token server.
        let is_moved = vector["moves"] != Value::Array(Vec::new());
        assert_eq!(restored.is_err(), is_moved, "{restored:?}");
        // The same tokens under their own links are the same.
        for uri in vector["tokens"].as_array().unwrap() {
            let (error, _) = phone
                .refused(&["add", "--qr-text", uri.as_str().unwrap()])
                .await;
            assert!(error.starts_with("this token is here already"), "{error}");
        }
        let shown = phone.run(&["code", "ACME Co"]).await.unwrap();
        assert_eq!(shown.split(' ').next().unwrap(), "71430488", "at {NOW}");
        // RFC 4226 appendix D, count 5.
        assert_eq!(
            phone.run(&["code", "Bank"]).await.unwrap(),
            "254676  Bank\n"
        );
    }
}

#[tokio::test]
async fn what_is_saved_can_be_restored_elsewhere() {
    let phone = Phone::new();
    let passphrase = written(&phone, "words", PASSPHRASE);
    let path = phone.file("backup");
    let file = path.to_str().unwrap();
    for uri in vectors()[0]["tokens"].as_array().unwrap() {
        phone
            .run(&["add", "--qr-text", uri.as_str().unwrap()])
            .await
            .unwrap();
    }
    let code = phone.run(&["code", "Bank"]).await.unwrap();
    let said = phone.run(&backup("save", file, &passphrase)).await.unwrap();
    assert!(
        said.contains("2 of other issuers, and the right to move 0"),
        "{said}"
    );
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with(r#"{"format":"symbolon-backup-v1","argon2id":{"memoryKib":"#),
        "{text}"
    );
    let (error, _) = phone.refused(&backup("save", file, &passphrase)).await;
    assert!(error.ends_with("exists already"), "{error}");

    let other = Phone::new();
    other
        .run(&backup("restore", file, &passphrase))
        .await
        .unwrap();
    let shown = phone.run(&["code", "ACME Co"]).await.unwrap();
    assert_eq!(other.run(&["code", "ACME Co"]).await.unwrap(), shown);
    // The counter went along: what was shown there is not shown here.
    assert_ne!(other.run(&["code", "Bank"]).await.unwrap(), code);
}

#[tokio::test]
async fn bent_files_and_wrong_passphrases_bring_nothing() {
    let phone = Phone::new();
    let vector = &vectors()[0];
    let right = written(&phone, "right", vector["passphrase"].as_str().unwrap());
    let wrong = written(&phone, "wrong", "six little ducks");
    let short = written(&phone, "short", "five ducks");
    let bent = |part: &str, to: Value| {
        let mut file = vector["file"].clone();
        *file.pointer_mut(part).unwrap() = to;
        file.to_string()
    };
    let whole = vector["file"].to_string();
    let sealed = vector["file"]["sealed"].as_str().unwrap();
    for (text, passphrase, expected) in [
        (
            whole.clone(),
            &wrong,
            "the passphrase does not open this backup",
        ),
        (
            whole.clone(),
            &short,
            "a passphrase has at least 12 characters, not 10",
        ),
        (
            "[]".to_owned(),
            &right,
            "this file is no backup of this app, of Aegis or of 2FAS",
        ),
        (
            bent("/format", "other".into()),
            &right,
            "this file is no backup of this app, of Aegis or of 2FAS",
        ),
        (
            bent("/argon2id/memoryKib", (1 << 21).into()),
            &right,
            "this backup is damaged",
        ),
        (
            bent("/argon2id/passes", 17.into()),
            &right,
            "this backup is damaged",
        ),
        (
            bent("/argon2id/passes", 0.into()),
            &right,
            "this backup is damaged",
        ),
        (
            bent("/argon2id/salt", "!".into()),
            &right,
            "this backup is damaged",
        ),
        (
            bent("/sealed", "AAAA".into()),
            &right,
            "this backup is damaged",
        ),
        (
            bent("/sealed", sealed.replacen(&sealed[20..21], "/", 1).into()),
            &right,
            "the passphrase does not open this backup",
        ),
    ] {
        let file = written(&phone, "backup", &text);
        let (error, next) = phone.refused(&backup("restore", &file, passphrase)).await;
        assert_eq!(error, expected, "{text}");
        assert!(!next.is_empty());
    }
    assert!(
        phone
            .refused(&["list"])
            .await
            .0
            .contains("no token in this app")
    );
}

#[tokio::test]
async fn a_token_is_said_to_be_here_once_its_token_server_knows_so() {
    for (loses_receipts, told) in [
        (
            true,
            "work is stored here. The device that had it works until the token server knows so.\n",
        ),
        (
            false,
            "work moved here. The device that had it is out; save a new backup.\n",
        ),
    ] {
        let registry = SmallRegistry::start().await;
        let old = phone_with_token(&registry).await;
        let (file, passphrase) = saved(&old).await;
        let file = file.as_str();
        registry.stock().loses_receipts = loses_receipts;
        let new = Phone::new();
        let (said, notes) = new
            .run_noting(&backup("restore", file, &passphrase))
            .await
            .unwrap();
        assert!(said.ends_with(told), "{said}");
        assert_eq!(notes.contains("does not know yet"), loses_receipts);
    }
}

#[tokio::test]
async fn a_token_whose_code_was_replaced_meanwhile_stays_where_it_is() {
    let registry = SmallRegistry::start().await;
    let old = phone_with_token(&registry).await;
    let (file, passphrase) = saved(&old).await;
    let file = file.as_str();
    let new = Phone::new();
    registry.stock().refuses_receipts = true;
    let said = new
        .said_failing(&backup("restore", file, &passphrase))
        .await;
    assert!(
        said.ends_with(
            "work stays where it is: the token server refused it: it came too late, or another code was made for \
             it. Restore the backup again.\n"
        ),
        "{said}"
    );
    registry.stock().refuses_receipts = false;
    let said = new.run(&backup("restore", file, &passphrase)).await;
    assert_eq!(
        said.unwrap(),
        "work moved here. The device that had it is out; save a new backup.\n"
    );
}

#[tokio::test]
async fn whoever_restores_under_too_short_a_pin_is_told_once_to_choose_a_longer_one() {
    let registry = SmallRegistry::start().await;
    let old = phone_with_token(&registry).await;
    let (_, link) = registry.issue(2);
    let home = ["add", "--qr-text", &link, "--name", "home"];
    old.run(&home).await.unwrap();
    let (file, passphrase) = saved(&old).await;
    let file = file.as_str();
    for token in &mut registry.stock().tokens {
        token.pin_policy.length = PinLength::Six;
    }
    let new = Phone::new();
    let said = new
        .said_failing(&backup("restore", file, &passphrase))
        .await;
    assert!(
        said.ends_with(
            "work stays where it is: Exämple Ltd asks for a PIN of at least 6 digits. Choose a PIN of 6 digits with \
             `symbolon app pin`, then restore the backup again.\nhome is not tried under this PIN, and stays where it is.\n"
        ),
        "{said}"
    );
    let new_pin = written(&new, "new-pin", "135792\n");
    new.run(&["pin", "--new-pin-file", &new_pin]).await.unwrap();
    new.set_pin("135792");
    let said = new.run(&backup("restore", file, &passphrase)).await;
    let said = said.unwrap();
    assert!(said.contains("work moved here."), "{said}");
}

#[tokio::test]
async fn a_passphrase_that_is_no_text_is_not_called_a_pin() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    let file = phone.file("backup");
    let passphrase = phone.file("passphrase");
    fs::write(&passphrase, b"f\xfcnf kleine Enten\n").unwrap();
    let passphrase = passphrase.to_str().unwrap();
    let (error, next) = phone
        .refused(&backup("save", file.to_str().unwrap(), passphrase))
        .await;
    assert_eq!(error, format!("{passphrase} is no text in UTF-8"));
    assert_eq!(next, "Save the file in UTF-8.");
}

#[tokio::test]
async fn a_blank_at_the_end_is_part_of_a_passphrase_and_the_end_of_the_line_is_not() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    let [blank, bare] = [
        written(&phone, "blank", "five little ducks \r\n"),
        written(&phone, "bare", "five little ducks\n"),
    ];
    let file = phone.file("backup");
    let file = file.to_str().unwrap();
    phone.run(&backup("save", file, &blank)).await.unwrap();
    let (error, _) = phone.refused(&backup("restore", file, &bare)).await;
    assert_eq!(error, "the passphrase does not open this backup");
    let said = phone.run(&backup("restore", file, &blank)).await;
    assert_eq!(said.unwrap(), "work is here already.\n");
}

#[tokio::test]
async fn a_token_that_was_deleted_comes_back_to_the_same_device() {
    let registry = SmallRegistry::start().await;
    let phone = phone_with_token(&registry).await;
    let (file, passphrase) = saved(&phone).await;
    let file = file.as_str();
    let before = phone.run(&["code", "work"]).await.unwrap();
    phone.run(&["remove", "work"]).await.unwrap();
    for told in [
        "work is back, with a new secret; save a new backup.\n",
        "work is here already.\n",
    ] {
        let said = phone.run(&backup("restore", file, &passphrase)).await;
        assert_eq!(said.unwrap(), told);
        assert_ne!(phone.run(&["code", "work"]).await.unwrap(), before);
    }
}

#[tokio::test]
async fn another_token_servers_token_with_the_same_serial_is_not_the_one_of_a_backup() {
    let (own, other) = (SmallRegistry::start().await, SmallRegistry::start().await);
    let old = phone_with_token(&own).await;
    let (file, passphrase) = saved(&old).await;
    let new = Phone::new();
    let (_, link) = other.issue(1);
    let club = ["add", "--qr-text", &link, "--name", "club"];
    new.run(&club).await.unwrap();
    let restore = backup("restore", &file, &passphrase);
    let said = new.said_failing(&restore).await;
    let expected = format!(
        "work stays where it is: club has this serial and is of another token server, {}: it stays as it is.",
        other.url
    );
    assert!(said.starts_with(&expected), "{said}");
    assert!(!said.contains("is here already"), "{said}");
    let (error, _) = new.refused(&restore).await;
    assert_eq!(error, "1 of the backup's tokens was not restored");
}
