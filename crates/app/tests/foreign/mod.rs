//! Tokens of other issuers, in the program and in backups.

use crate::common::{NOW, Phone};
use crate::picture::{Paper, draw};
use std::fs;
use std::process::Command;

mod backup;
mod import;

const KEY: &str = "JBSWY3DPEHPK3PXP";

fn uri(rest: &str) -> String {
    format!("otpauth://totp/ACME%20Co:ada@example.org?secret={KEY}&issuer=ACME%20Co{rest}")
}

#[tokio::test]
async fn a_link_or_a_picture_of_another_issuer_brings_its_token() {
    let phone = Phone::new();
    let odd = uri("&algorithm=SHA256&digits=8&period=45");
    let said = phone.run(&["add", "--qr-text", &odd]).await.unwrap();
    assert!(
        said.ends_with("ACME Co is ready. Its codes: symbolon app code \"ACME Co\"\n"),
        "{said}"
    );
    let shown = phone.run(&["code", "ACME Co"]).await.unwrap();
    let oathtool = Command::new("oathtool")
        .args([
            "--totp=sha256",
            "--time-step-size=45s",
            "--digits=8",
            "--base32",
            KEY,
        ])
        .arg(format!("--now=@{NOW}"))
        .output()
        .unwrap();
    let expected = String::from_utf8(oathtool.stdout).unwrap();
    assert_eq!(shown.split(' ').next().unwrap(), expected.trim_end());
    let listed = phone.run(&["list"]).await.unwrap();
    assert!(listed.contains("ada@example.org"), "{listed}");

    let path = phone.file("code.png");
    let bob = "otpauth://hotp/Bank:bob?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=5";
    fs::write(&path, draw(bob, Paper::Rgb)).unwrap();
    phone
        .run(&["add", "--qr", path.to_str().unwrap()])
        .await
        .unwrap();
    // RFC 4226 appendix D, counts 5 and 6.
    for code in ["254676", "287922"] {
        assert_eq!(
            phone.run(&["code", "Bank"]).await.unwrap(),
            format!("{code}  Bank\n")
        );
    }
}

#[tokio::test]
async fn names_are_free_ones_and_the_same_token_is_not_taken_twice() {
    let phone = Phone::new();
    let other = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for (uri, name) in [
        (uri(""), "ACME Co"),
        (uri("").replace(KEY, other), "ACME Co ada@example.org"),
        (
            uri("").replace(KEY, "MZXW6YTBMZXW6YTBMZXW6YTB"),
            "ACME Co 2",
        ),
    ] {
        let said = phone.run(&["add", "--qr-text", &uri]).await.unwrap();
        assert!(said.contains(&format!("{name} is ready")), "{said}");
    }
    let (error, _) = phone
        .refused(&["add", "--qr-text", &uri("&digits=8")])
        .await;
    assert_eq!(error, "this token is here already, as ACME Co");
    let (error, next) = phone.refused(&["transfer", "start", "ACME Co"]).await;
    assert_eq!(error, "ACME Co is not a token server's: nobody can move it");
    assert!(next.contains("symbolon app backup save"), "{next}");
    let (error, next) = phone
        .refused(&["add", "--qr-text", &uri("&digits=5")])
        .await;
    assert_eq!(error, "the digits of the key URI are unusable");
    assert!(next.contains("whole and unchanged"), "{next}");
}
