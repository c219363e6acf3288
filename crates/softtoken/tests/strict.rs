#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use softtoken::address::{AddressError, ServerName, ServerUrl};
use softtoken::limits::{MAX_HARDWARE_TOKENS, MAX_PROVISION_TOKENS, MAX_REQUEST_BYTES};
use softtoken::link::{ActivationLink, LinkError};
use softtoken::mobile::MobileRequest;
use softtoken::process::{Request, Response};
use softtoken::{FieldProblem, MessageError, ServerError};

const POLL: &str = include_str!("golden/polling.request.json");
const PROVISION: &str = include_str!("golden/provision.request.json");

fn refused(text: &str) -> MessageError {
    Request::parse(text.as_bytes()).unwrap_err()
}

fn field(text: &str) -> (String, FieldProblem) {
    match refused(text) {
        MessageError::Field { path, problem } => (path, problem),
        other => panic!("{other}"),
    }
}

#[test]
fn a_message_may_have_blanks_and_any_order() {
    let text = POLL
        .replace(r#""__version":"4","#, "")
        .replace(r#""d":{"#, r#""d" : { "__version" : "4", "#);
    let request = Request::parse(text.as_bytes()).unwrap();
    assert_eq!(request.to_json().as_str(), POLL.trim_end());
}

#[test]
fn torn_messages_are_refused_at_every_byte() {
    let whole = POLL.trim_end();
    for end in 0..whole.len() {
        assert!(
            matches!(refused(&whole[..end]), MessageError::Json(_)),
            "{end}"
        );
    }
}

#[test]
fn left_overs_are_refused() {
    assert!(matches!(
        refused(&format!("{}x", POLL.trim_end())),
        MessageError::Json(_)
    ));
    let text = POLL.trim_end().strip_suffix('}').unwrap();
    assert_eq!(
        field(&format!("{text},\"e\":1}}")),
        ("e".to_owned(), FieldProblem::Unknown)
    );
}

#[test]
fn a_key_twice_is_refused_at_every_level() {
    for (level, key) in [
        ("{\"d\":", "\"d\":1,"),
        ("\"d\":{", "\"__version\":\"4\","),
        ("\"__clustered_sns\":[{", "\"sn\":\"FGT3HD3915801656\","),
        ("\"tokens\":[{", "\"token\":\"FTKMOB83F91CD33B\","),
    ] {
        let at = if level.starts_with('{') {
            1
        } else {
            POLL.find(level).unwrap() + level.len()
        };
        let text = format!("{}{key}{}", &POLL[..at], &POLL[at..]);
        let error = refused(&text).to_string();
        assert!(error.contains("stands twice"), "{level}: {error}");
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(
        refused(&deep)
            .to_string()
            .contains("nested deeper than 8 levels")
    );
    let nine = format!("{}1{}", "[".repeat(9), "]".repeat(9));
    assert!(
        refused(&nine)
            .to_string()
            .contains("nested deeper than 8 levels")
    );
    let limit = MAX_REQUEST_BYTES;
    assert_eq!(
        refused(&" ".repeat(limit + 1)),
        MessageError::TooLarge {
            got: limit + 1,
            limit
        }
    );
    let wide: Vec<_> = (0..40).map(|n| format!("\"k{n}\":1")).collect();
    assert!(
        refused(&format!("{{{}}}", wide.join(",")))
            .to_string()
            .contains("more than 32 fields")
    );
    let long = format!("[{}1]", "1,".repeat(10_000));
    assert!(refused(&long).to_string().contains("more than 10000 items"));
}

#[test]
fn a_batch_of_a_thousand_tokens_fits_and_one_more_does_not() {
    let item = r#"{"token":"FTKMOB947FDC1754","seed":"A84E2CAAD3BCEA970E05DC1A9B7BD2D562622F4A","code_expire":4320,"type":"totp","period":60,"digits":6}"#;
    let batch = |count: usize| PROVISION.replace(item, &vec![item; count].join(","));
    assert!(Request::parse(batch(MAX_PROVISION_TOKENS).as_bytes()).is_ok());
    let (path, problem) = field(&batch(MAX_PROVISION_TOKENS + 1));
    assert_eq!(path, "d.tokens");
    assert_eq!(problem.to_string(), "has 1001 items; the limit is 1000");
}

#[test]
fn a_poll_of_ten_thousand_tokens_and_its_answer_fit() {
    let item = r#"{"token":"FTKMOB83F91CD33B"}"#;
    let text = POLL.replace(item, &vec![item; 10_000].join(","));
    assert!(Request::parse(text.as_bytes()).is_ok());
    let answer = include_str!("golden/polling.provisioned.response.json");
    let start = answer.find(r#"{"token""#).unwrap();
    let end = answer.find("],\"result\"").unwrap();
    let item = &answer[start..end];
    let text = answer.replace(item, &vec![item; 10_000].join(","));
    assert!(Response::parse(text.as_bytes()).is_ok());
}

#[test]
fn unknown_types_and_versions_have_errors_of_their_own() {
    assert_eq!(
        refused(&POLL.replace("SoftToken.PollingRequest", "SoftToken.TeaRequest")),
        MessageError::UnknownType("SoftToken.TeaRequest".to_owned())
    );
    assert_eq!(
        MobileRequest::parse(POLL.as_bytes()).unwrap_err(),
        MessageError::UnknownType("SoftToken.PollingRequest".to_owned())
    );
    assert_eq!(
        refused(&POLL.replace(r#""__version":"4""#, r#""__version":"5""#)),
        MessageError::Version("5".to_owned())
    );
}

#[test]
fn wrong_fields_are_named_by_their_path() {
    let problem = |from: &str, to: &str| {
        let (path, problem) = field(&PROVISION.replace(from, to));
        format!("{path}: {problem}")
    };
    assert_eq!(
        problem("\"digits\":6", "\"digits\":\"6\""),
        "d.tokens[0].digits: should be a whole number, not text"
    );
    assert_eq!(
        problem("\"digits\":6", "\"digits\":5"),
        "d.tokens[0].digits: a code has 6 to 10 digits, not 5"
    );
    assert_eq!(
        problem("\"digits\":6", "\"digits\":600"),
        "d.tokens[0].digits: is out of range"
    );
    assert_eq!(
        problem(",\"digits\":6", ""),
        "d.tokens[0].digits: is missing"
    );
    assert_eq!(
        problem("\"digits\":6", "\"digits\":6,\"hat\":1"),
        "d.tokens[0].hat: is not a field of this message"
    );
    assert_eq!(
        problem("totp", "cotp"),
        "d.tokens[0].type: must be totp or hotp"
    );
    assert_eq!(
        problem("\"period\":60", "\"period\":0"),
        "d.tokens[0].period: a period lasts at least one second"
    );
    assert_eq!(
        problem("4320", "0"),
        "d.tokens[0].code_expire: should be 1 to 10080 minutes"
    );
    assert_eq!(
        problem("4320", "10081"),
        "d.tokens[0].code_expire: should be 1 to 10080 minutes"
    );
    assert_eq!(
        problem("A84E2C", "A84E2G"),
        "d.tokens[0].seed: the seed is not hexadecimal"
    );
    assert_eq!(
        problem("[{\"token\"", "[1,{\"token\""),
        "d.tokens[0]: should be an object, not a number"
    );
    assert_eq!(
        problem("\"FG140E4Q17000494\",\"__c", "\"FG140E4Q1700049\",\"__c"),
        "d.serial_number: the gateway's serial number is wrong: it has 15 characters, not 16; it \
         should be 16 capital letters and digits, such as FGT3HD3915801656"
    );
    assert_eq!(
        problem("\"7.0\"", "\"7\\u0007\""),
        "d.__device_version: has a character that cannot stand there: '\\u{7}'"
    );
}

#[test]
fn fractions_and_truth_values_are_not_json_of_this_protocol() {
    for value in ["6.0", "6e0", "true", "99999999999999999999"] {
        let text = PROVISION.replace("\"digits\":6", &format!("\"digits\":{value}"));
        assert!(matches!(refused(&text), MessageError::Json(_)), "{value}");
    }
}

#[test]
fn a_code_that_is_none_can_be_answered() {
    let text = include_str!("golden/activate-license.request.json");
    let Request::ActivationLicense(request) = Request::parse(text.as_bytes()).unwrap() else {
        panic!("another message");
    };
    assert_eq!(
        request.code.code().unwrap_err().to_string(),
        "the licence code is wrong: 'X' cannot stand at position 1; it should be 20 hexadecimal \
         digits in five groups of four, XXXX-XXXX-XXXX-XXXX-XXXX"
    );
}

#[test]
fn an_answer_cannot_contradict_itself() {
    let good = include_str!("golden/polling.provisioned.response.json");
    for (from, to, path) in [
        ("\"result\":2", "\"result\":0", "d.result"),
        ("\"result\":2", "\"result\":1", "d.result"),
        (
            r#""registration_id":"fa0678e8f9e35f6a251cea691e4d56ed6fe9169ad03d2d26fe6dede6c8985a90""#,
            r#""registration_id":null"#,
            "d.tokens[0].registration_id",
        ),
    ] {
        match Response::parse(good.replace(from, to).as_bytes()).unwrap_err() {
            MessageError::Field { path: found, .. } => assert_eq!(found, path),
            other => panic!("{other}"),
        }
    }
    let failed = include_str!("golden/provision.wrong-product.response.json");
    let text = failed.replace(r#""license":null"#, r#""license":"EFTM000000000123""#);
    assert_eq!(
        Response::parse(text.as_bytes()).unwrap_err().to_string(),
        "d.tokens[0].license: should be null, not text"
    );
}

#[test]
fn hardware_tokens_come_in_twenties() {
    let text = include_str!("messages/hardware-activation.request.json");
    let item = r#"{"token":"FTK2000BHV1KRZCC"}"#;
    let text = text.replace(item, &vec![item; MAX_HARDWARE_TOKENS].join(","));
    assert!(Request::parse(text.as_bytes()).is_err());
}

#[test]
fn members_with_an_error_come_first() {
    let Request::Provision(request) = Request::parse(PROVISION.as_bytes()).unwrap() else {
        panic!("another message");
    };
    let unregistered = ident::ProductSerial::parse("FG140E4Q17000407").unwrap();
    let echo = request.product.echo(|member| {
        (member == unregistered).then(|| ServerError::ProductNotRegistered.message().into())
    });
    let order: Vec<_> = echo
        .cluster
        .iter()
        .map(|m| (m.serial_number.as_str(), m.error.is_some()))
        .collect();
    assert_eq!(
        order,
        [("FG140E4Q17000407", true), ("FG140E4Q17000494", false)]
    );
}

#[test]
fn error_numbers_are_those_of_the_table() {
    for (code, gateway_code) in [
        (-1, -7549),
        (10, -7560),
        (11, -7561),
        (14, -7564),
        (16, -7566),
        (17, -7567),
        (21, -7571),
        (31, -7581),
    ] {
        let error = ServerError::from_code(code).unwrap();
        assert_eq!((error.code(), error.gateway_code()), (code, gateway_code));
    }
    assert_eq!(ServerError::from_code(12), None);
}

#[test]
fn every_error_says_why_and_what_next() {
    let all: Vec<_> = ServerError::all().collect();
    for &error in &all {
        assert_eq!(ServerError::from_code(error.code()), Some(error));
        assert!(
            error.cause().ends_with('.') && error.next_step().ends_with('.'),
            "{error:?}"
        );
        assert!(!error.message().is_empty());
    }
    assert!(all.is_sorted_by_key(|error| error.code()));
}

fn link() -> String {
    let text = include_str!("messages/provision.response.json");
    let start = text.find("symbolon://").unwrap();
    text[start..].split('"').next().unwrap().to_owned()
}

#[test]
fn links_are_read_in_any_order_and_written_in_one() {
    let text = link();
    let (head, query) = text.split_once('?').unwrap();
    let mut parts: Vec<_> = query.split('&').collect();
    parts.reverse();
    let turned = format!("{head}?{}", parts.join("&")).replace("https://", "https%3A%2f%2F");
    assert_eq!(*ActivationLink::parse(&turned).unwrap().render(), text);
    assert!(!format!("{:?}", ActivationLink::parse(&text).unwrap()).contains("EEIM"));
}

#[test]
fn wrong_links_are_named() {
    let text = link();
    let refused = |text: &str| ActivationLink::parse(text).unwrap_err();
    assert_eq!(refused("otpauth://totp/x?secret=AAAA"), LinkError::NotALink);
    assert_eq!(
        refused(&text.replace("v=1", "v=2")),
        LinkError::Version("2".to_owned())
    );
    assert_eq!(refused(&format!("{text}&v=1")), LinkError::Duplicate('v'));
    assert_eq!(refused(&format!("{text}&z=1")), LinkError::Unknown);
    assert_eq!(refused(&format!("{text}&")), LinkError::Unknown);
    assert_eq!(
        refused(text.split("&p=").next().unwrap()),
        LinkError::Missing('p')
    );
    assert_eq!(refused(&" ".repeat(513)), LinkError::TooLong);
    for (from, to, part) in [
        ("c=EEI", "c=AAA", 'c'),
        ("k=", "k=A", 'k'),
        ("https://", "http://", 's'),
        ("https://", "https://%zz", 's'),
        ("https://", "https://%0a", 's'),
        ("https://", "https://é", 's'),
        ("&p=", "&p=A", 'p'),
    ] {
        assert!(
            matches!(refused(&text.replace(from, to)), LinkError::Value(found, _) if found == part),
            "{from}"
        );
    }
}

#[test]
fn a_link_to_an_ipv6_address_is_escaped() {
    let link = ActivationLink::parse(&link().replace("tokens.example.org", "%5B::1%5d")).unwrap();
    assert_eq!(link.server.to_string(), "https://[::1]:8443");
    assert!(link.render().contains("&s=https://%5B::1%5D:8443&"));
}

#[test]
fn server_names_are_canonical() {
    let name = |text: &str| ServerUrl::parse(text).map(|url| url.name().to_string());
    assert_eq!(
        name("https://Tokens.Example.org:443/"),
        Ok("tokens.example.org".to_owned())
    );
    assert_eq!(
        name("https://127.0.0.1:8443"),
        Ok("127.0.0.1:8443".to_owned())
    );
    assert_eq!(
        name("https://[2001:DB8::0:1]"),
        Ok("[2001:db8::1]".to_owned())
    );
    assert_eq!(name("http://a"), Err(AddressError::Scheme));
    for text in ["https://a/b", "https://a?b", "https://u@a", "https://a#b"] {
        assert_eq!(name(text), Err(AddressError::Rest), "{text}");
    }
    for text in [
        "https://",
        "https://a..b",
        "https://-a",
        "https://a_b",
        "https://[::1",
        "https://[::1]x",
        "https://[::1]x:1",
        "https://ä",
    ] {
        assert_eq!(name(text), Err(AddressError::Host), "{text}");
    }
    for text in [
        "https://a:0",
        "https://a:65536",
        "https://a:",
        "https://a:+1",
        "https://a:1:2",
    ] {
        assert_eq!(name(text), Err(AddressError::Port), "{text}");
    }
    assert_eq!(ServerName::parse("A:444").unwrap().as_str(), "a:444");
}
