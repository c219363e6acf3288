#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one touches files"
)]

use app::contents::{
    Contents, ContentsError, NameError, NewToken, Origin, OwedReceipt, ReceiptState, Server,
    StoredError, TokenName, Trust,
};
use app::device::Device;
use ident::TokenSerial;
use otp::{Kind, Parameters, Seed, Step};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use serde_json::Value;
use softtoken::IssuerName;
use softtoken::address::ServerUrl;
use softtoken::device::AnswerHash;
use softtoken::link::SpkiPin;

fn name(text: &str) -> TokenName {
    TokenName::parse(text).unwrap()
}

fn token(number: u8, called: &str, parameters: Parameters) -> NewToken {
    NewToken {
        name: name(called),
        origin: Origin::Issued {
            serial: TokenSerial::mobile([number; 5]),
            server: server("https://tokens.example.org"),
        },
        issuer: IssuerName::parse("Example").unwrap(),
        seed: Seed::from_bytes(b"12345678901234567890".to_vec().into()).unwrap(),
        parameters,
        pin_policy: None,
        counter: 0,
        added_unix: 1_665_950_284,
    }
}

fn contents() -> Contents {
    let mut contents = Contents::new(Device::generate().unwrap());
    contents
        .put(token(1, "work", Parameters::default()))
        .unwrap();
    contents
        .put(token(2, "home", Parameters::default()))
        .unwrap();
    contents
}

fn server(url: &str) -> Server {
    Server {
        url: ServerUrl::parse(url).unwrap(),
        trust: Trust::Pin(SpkiPin::of_spki(url.as_bytes())),
    }
}

/// The same at another token server.
fn elsewhere(number: u8, called: &str) -> NewToken {
    NewToken {
        origin: Origin::Issued {
            serial: TokenSerial::mobile([number; 5]),
            server: server("https://other.example.net:8443"),
        },
        ..token(number, called, Parameters::default())
    }
}

fn receipt(number: u8) -> OwedReceipt {
    OwedReceipt {
        token: TokenSerial::mobile([number; 5]),
        answer_hash: AnswerHash::from_bytes([number; 32]),
        server: Server {
            url: ServerUrl::parse("https://tokens.example.org").unwrap(),
            trust: Trust::Authorities(Vec::new()),
        },
    }
}

#[test]
fn names_have_one_to_thirty_two_characters() {
    assert!(TokenName::parse(&"ä".repeat(32)).is_ok());
    assert_eq!(
        TokenName::parse(&"ä".repeat(33)),
        Err(NameError::TooLong(33))
    );
    assert_eq!(TokenName::parse("  "), Err(NameError::Empty));
    assert_eq!(
        TokenName::parse("a\x1bb"),
        Err(NameError::Character('\x1b'))
    );
    assert_eq!(name("  work "), name("work"));
}

#[test]
fn a_name_means_one_token() {
    let mut contents = contents();
    let taken = |text: &str| Err(ContentsError::NameTaken(name(text)));
    assert_eq!(contents.rename("work", name("home")), taken("home"));
    assert_eq!(
        contents.rename("work", name("FTKMOB0202020202")),
        taken("FTKMOB0202020202")
    );
    assert_eq!(
        contents.put(token(3, "work", Parameters::default())),
        taken("work")
    );
    assert_eq!(contents.rename("work", name("work")), Ok(()));
    assert_eq!(contents.rename("FTKMOB0101010101", name("office")), Ok(()));
    assert_eq!(
        contents.token("office").unwrap().serial(),
        Some(TokenSerial::mobile([1; 5]))
    );
    assert_eq!(
        contents.token("work").unwrap_err(),
        ContentsError::Unknown("work".to_owned())
    );
}

#[test]
fn a_token_that_comes_again_takes_the_place_of_its_entry() {
    let mut contents = contents();
    let before = contents.tokens().len();
    assert_eq!(
        contents.put(token(1, "again", Parameters::default())),
        Ok(())
    );
    assert_eq!(contents.tokens().len(), before);
    assert_eq!(contents.tokens()[0].name().as_str(), "again");
    let other = contents.tokens()[1].name().clone();
    assert_eq!(
        contents.put(token(1, other.as_str(), Parameters::default())),
        Err(ContentsError::NameTaken(other))
    );
}

#[test]
fn a_receipt_is_settled_for_the_seed_that_it_was_owed_for() {
    let mut contents = contents();
    let serial = TokenSerial::mobile([1; 5]);
    let refuse = |contents: &mut Contents| {
        contents.settle_receipt(&receipt(1).answer_hash, ReceiptState::Refused);
        contents.receipt_of(&serial)
    };
    contents.owe_receipt(receipt(1));
    let later = OwedReceipt {
        answer_hash: AnswerHash::from_bytes([9; 32]),
        ..receipt(1)
    };
    contents.owe_receipt(later.clone());
    assert_eq!(contents.owed_receipts(), [later]);
    assert_eq!(refuse(&mut contents), ReceiptState::Owed);
    contents.owe_receipt(receipt(1));
    assert_eq!(refuse(&mut contents), ReceiptState::Refused);
    contents.remove("work").unwrap();
    assert_eq!(contents.receipt_of(&serial), ReceiptState::Confirmed);
}

#[test]
fn contents_survive_storage() {
    let mut contents = contents();
    let hotp = Parameters {
        kind: Kind::Hotp,
        ..Parameters::default()
    };
    contents.put(token(3, "button", hotp)).unwrap();
    for (number, state) in [(1, ReceiptState::Owed), (2, ReceiptState::Refused)] {
        let receipt = receipt(number);
        contents.owe_receipt(receipt.clone());
        contents.settle_receipt(&receipt.answer_hash, state);
    }
    assert_eq!(contents.advance("button"), Ok(Step(0)));
    let mut again = Contents::from_json(&contents.to_json().unwrap()).unwrap();
    assert_eq!(
        again.device.registration_id(),
        contents.device.registration_id()
    );
    assert_eq!(again.to_json().unwrap(), contents.to_json().unwrap());
    let states = [1, 2, 3].map(|number| again.receipt_of(&TokenSerial::mobile([number; 5])));
    let expected = [
        ReceiptState::Owed,
        ReceiptState::Refused,
        ReceiptState::Confirmed,
    ];
    assert_eq!(states, expected);
    assert_eq!(again.advance("button"), Ok(Step(1)));
    // RFC 4226 appendix D, count 1.
    assert_eq!(
        again.token("button").unwrap().code(Step(1)).as_str(),
        "287082"
    );
}

#[test]
fn unreadable_contents_are_an_error() {
    let json = contents().to_json().unwrap();
    let text = std::str::from_utf8(&json).unwrap();
    for (from, to) in [
        ("\"tokens\"", "\"tokenz\""),
        ("\"digits\":6", "\"digits\":5"),
        ("SHA1", "MD5"),
        ("FTKMOB", "XXXMOB"),
        ("\"signing_key\":\"", "\"signing_key\":\"AAAA"),
    ] {
        assert!(text.contains(from));
        assert!(
            Contents::from_json(text.replacen(from, to, 1).as_bytes()).is_err(),
            "{from}"
        );
    }
}

/// A vault's plaintext whose last export says so.
fn with_export(export: &str) -> Result<Contents, StoredError> {
    let json = contents().to_json().unwrap();
    let text = std::str::from_utf8(&json).unwrap();
    let text = text.replace(
        "\"refused\":[]",
        &format!("\"refused\":[],\"export\":{export}"),
    );
    Contents::from_json(text.as_bytes())
}

#[test]
fn an_export_that_is_read_in_part_survives_storage() {
    let export = r#"{"id":18446744073709551615,"size":3,"read":[0,2]}"#;
    let json = with_export(export).unwrap().to_json().unwrap();
    assert!(std::str::from_utf8(&json).unwrap().contains(export));
    for wrong in [
        r#"{"id":1,"size":3,"read":[3]}"#,
        r#"{"id":1,"size":255,"read":[1]}"#,
        r#"{"id":1,"size":1,"read":[0]}"#,
    ] {
        assert!(
            matches!(with_export(wrong), Err(StoredError::Value(_))),
            "{wrong}"
        );
    }
}

#[test]
fn no_other_token_server_puts_its_token_in_the_place_of_one() {
    let mut contents = contents();
    let before = contents.to_json().unwrap();
    let error = contents.put(elsewhere(1, "work")).unwrap_err();
    let own = ServerUrl::parse("https://tokens.example.org").unwrap();
    assert_eq!(error, ContentsError::OtherServer(name("work"), own));
    assert_eq!(contents.to_json().unwrap(), before);

    // Its own does.
    let mut again = token(1, "work", Parameters::default());
    again.counter = 7;
    contents.put(again).unwrap();
    assert_eq!(contents.advance("work"), Ok(Step(7)));
}

/// The certificate of an authority.
fn certificate(key: &KeyPair) -> Vec<u8> {
    let parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.self_signed(key).unwrap().der().to_vec()
}

#[test]
fn a_token_may_be_here_under_another_name_of_its_server_and_nobody_is_believed_for_that() {
    let [own, other] = [0; 2].map(|_| KeyPair::generate().unwrap());
    let pin = Trust::Pin(SpkiPin::of_spki(&own.subject_public_key_info()));
    // The authority's certificate is made anew for a new name, for the same key.
    let file = Trust::Authorities(vec![certificate(&own), certificate(&own)]);
    let both = Trust::Authorities(vec![certificate(&own), certificate(&other)]);
    let stranger = Trust::Pin(SpkiPin::of_spki(&other.subject_public_key_info()));
    let unsaid = Trust::Authorities(Vec::new());
    let at = |url: &str, trust: &Trust| Server {
        trust: trust.clone(),
        ..server(url)
    };
    let [before, renamed] = ["https://tokens.example.org", "https://new.example.org"];
    for (known, named, is_same) in [
        (&pin, &pin, true),
        (&pin, &file, true),
        (&file, &pin, true),
        (&file, &file, true),
        (&pin, &stranger, false),
        // Each of several authorities may be another token server's.
        (&both, &both, false),
        (&both, &pin, false),
        (&pin, &both, false),
        (&pin, &unsaid, false),
        (&unsaid, &unsaid, false),
    ] {
        let mut contents = Contents::new(Device::generate().unwrap());
        contents.put(believed(known.clone())).unwrap();
        let (serial, renamed) = (TokenSerial::mobile([1; 5]), at(renamed, named));
        let found = contents.token_of(&renamed, &serial);
        assert_eq!(found.is_ok(), is_same, "{known:?} {named:?}");
        let found = contents.token_of(&at(before, named), &serial);
        assert!(found.unwrap().is_some());

        let another = NewToken {
            origin: Origin::Issued {
                serial: TokenSerial::mobile([2; 5]),
                server: renamed.clone(),
            },
            ..token(2, "home", Parameters::default())
        };
        contents.put(another).unwrap();
        contents.remember_server(renamed.clone());
        assert!(contents.is_of_several_servers());
        assert_eq!(contents.only_server(), None);

        let again = NewToken {
            origin: Origin::Issued {
                serial,
                server: renamed.clone(),
            },
            ..believed(known.clone())
        };
        contents.put(again).unwrap_err();
        let url = &contents.token("work").unwrap().server().unwrap().url;
        assert_eq!(url.to_string(), before);
    }
}

/// Token 1 once more, from a token server that is believed for this reason.
fn believed(trust: Trust) -> NewToken {
    let own = server("https://tokens.example.org");
    NewToken {
        origin: Origin::Issued {
            serial: TokenSerial::mobile([1; 5]),
            server: Server { trust, ..own },
        },
        ..token(1, "work", Parameters::default())
    }
}

#[test]
fn no_message_changes_by_itself_why_a_token_server_is_believed() {
    let mut contents = contents();
    contents.put(elsewhere(9, "club")).unwrap();
    contents.owe_receipt(OwedReceipt {
        server: server("https://tokens.example.org"),
        ..receipt(2)
    });
    contents.remember_server(server("https://tokens.example.org"));
    let before = contents.to_json().unwrap();
    let own = ServerUrl::parse("https://tokens.example.org").unwrap();
    let other_pin = Trust::Pin(SpkiPin::of_spki(b"another authority"));
    let other_file = Trust::Authorities(vec![b"another".to_vec()]);
    for trust in [&other_pin, &other_file] {
        assert_eq!(
            contents.put(believed(trust.clone())),
            Err(ContentsError::OtherAuthority(own.clone()))
        );
    }
    assert_eq!(contents.to_json().unwrap(), before);

    // Whoever has it believed anew has all that is its.
    let renewed = Server {
        trust: other_pin.clone(),
        ..server("https://tokens.example.org")
    };
    let misplaced = NewToken {
        name: name("club"),
        origin: Origin::Issued {
            serial: TokenSerial::mobile([9; 5]),
            server: renewed.clone(),
        },
        ..believed(other_pin.clone())
    };
    let taken = NewToken {
        name: name("home"),
        ..believed(other_pin.clone())
    };
    let club = server("https://other.example.net:8443");
    let other_server = ContentsError::OtherServer(name("club"), club.url.clone());
    let name_taken = ContentsError::NameTaken(name("home"));
    for (refused, why) in [(misplaced, other_server), (taken, name_taken)] {
        assert_eq!(contents.put_believed(refused), Err(why));
        assert_eq!(contents.to_json().unwrap(), before);
    }
    contents.put_believed(believed(other_pin)).unwrap();
    for name in ["work", "home"] {
        assert_eq!(contents.token(name).unwrap().server(), Some(&renewed));
    }
    assert_eq!(contents.server(), Some(&renewed));
    assert_eq!(contents.owed_receipts()[0].server, renewed);
    assert_eq!(contents.token("club").unwrap().server(), Some(&club));
}

#[test]
fn a_part_has_what_its_token_server_knows_of_and_nothing_else() {
    let mut contents = contents();
    contents.put(elsewhere(9, "club")).unwrap();
    contents.remember_server(server("https://other.example.net:8443"));
    contents.owe_receipt(receipt(1));
    assert_eq!(contents.only_server(), None);

    let parts = contents.parts().unwrap();
    let told = parts.iter().map(|part| {
        let names = part.tokens().iter().map(|token| token.name().as_str());
        let server = part.server().unwrap().url.to_string();
        (
            server,
            names.collect::<Vec<_>>(),
            part.owed_receipts().len(),
        )
    });
    let told: Vec<_> = told.collect();
    let own = "https://tokens.example.org".to_owned();
    let other = "https://other.example.net:8443".to_owned();
    assert_eq!(
        told,
        [(own, vec!["work", "home"], 1), (other, vec!["club"], 0)]
    );
    for part in &parts {
        let device = &part.device;
        assert_eq!(device.registration_id(), contents.device.registration_id());
        assert_eq!(part.only_server(), part.server());
    }

    // One token server that a vault of before believes for two reasons is one all the same.
    let mut stored: Value = serde_json::from_slice(&contents.to_json().unwrap()).unwrap();
    let home = &mut stored["tokens"][1]["server"];
    (home["pin"], home["authorities"]) = (Value::Null, Value::Array(Vec::new()));
    let contents = Contents::from_json(stored.to_string().as_bytes()).unwrap();
    let part = &contents.parts().unwrap()[0];
    assert_eq!(part.tokens().len(), 2);
    assert_eq!(part.server(), Some(&receipt(2).server));
    assert_eq!(contents.servers().len(), 3);
}

#[test]
fn a_vault_of_before_says_once_where_its_tokens_come_from() {
    let mut contents = contents();
    contents.remember_server(server("https://other.example.net:8443"));
    contents.owe_receipt(receipt(1));
    let mut stored: Value = serde_json::from_slice(&contents.to_json().unwrap()).unwrap();
    for token in stored["tokens"].as_array_mut().unwrap() {
        token.as_object_mut().unwrap().remove("server").unwrap();
    }
    let read = Contents::from_json(stored.to_string().as_bytes()).unwrap();
    let url = |name| read.token(name).unwrap().server().unwrap().url.to_string();
    assert_eq!(url("work"), "https://tokens.example.org");
    assert_eq!(url("home"), "https://other.example.net:8443");

    stored["server"] = Value::Null;
    stored["receipts"] = Value::Array(Vec::new());
    assert!(Contents::from_json(stored.to_string().as_bytes()).is_err());
}
