//! Virtual domains: making and deleting them, and what keeps one's users and tokens from another's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::access::{Authority, Realms};
use domain::admin::{
    AdminError, Change, Edit, Entropy, Facts, Held, Holds, Message, Neighbour, Operation, Owned,
    Plan, Remark, VDOMS_MAX, apply,
};
use domain::audit::{Actor, What};
use domain::name::{CanonicalName, Realm};
use domain::password::{PasswordHash, SALT_LEN};
use domain::schema::{
    FORTITOKEN, GLOBAL, LOCAL, Object, Place, RADIUS_CLIENT, Subnet, Table, VDOM, Value,
};
use domain::settings::VdomMode;
use domain::time::{Span, Timestamp};
use domain::token::{Stage, Token};
use domain::vdom::Vdom;
use ident::{LicenceCode, LicenceSerial, TokenSerial};
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn sales() -> Vdom {
    Vdom::parse("sales").unwrap()
}

fn serial() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

fn hardware() -> TokenSerial {
    TokenSerial::parse("FTK2000000000001").unwrap()
}

/// In a unit with the VDOMs root and sales.
fn facts() -> Facts {
    Facts {
        vdoms: vec![Vdom::ROOT, sales()],
        vdom_mode: VdomMode::Multi,
        code_lifetime: Span::from_hours(72),
        ..Facts::default()
    }
}

/// With this token in the root.
fn with_token(serial: TokenSerial) -> Facts {
    let token = Token::imported(Vdom::ROOT, serial, LicenceSerial::purchased(1));
    Facts {
        tokens: [(serial, Owned { token, owner: None })].into(),
        ..facts()
    }
}

fn decide(operation: Operation, facts: Facts) -> Result<Plan, AdminError> {
    decide_for(Realms::All, operation, facts)
}

/// As an administrator of these virtual domains.
fn decide_for(realms: Realms, operation: Operation, facts: Facts) -> Result<Plan, AdminError> {
    let entropy = Entropy {
        seed: Zeroizing::new([1; 20]),
        salt: [1; SALT_LEN],
    };
    let actor = Actor {
        name: "admin".into(),
        interface: "console".into(),
    };
    let by = Authority {
        realms,
        ..Authority::unlimited(actor)
    };
    apply(operation, facts, &entropy, &by, NOW)
}

fn refused(operation: Operation, facts: Facts) -> AdminError {
    let error = decide(operation, facts).unwrap_err();
    assert!(error.next_step().len() > 10, "{error}: no next step");
    error
}

fn edit(vdom: Vdom, table: &'static Table, key: &str, edits: Vec<Edit>) -> Operation {
    let place = Place::new(vdom, table, key);
    Operation::Configure { place, edits }
}

fn create(name: &str) -> Operation {
    edit(Vdom::ROOT, &VDOM, name, Vec::new())
}

fn delete(vdom: Vdom, table: &'static Table, key: &str) -> Operation {
    let place = Place::new(vdom, table, key);
    Operation::Remove { place }
}

fn set(table: &'static Table, field: &str, value: &str) -> Edit {
    Edit::Set(table.field(field).unwrap(), Value::Text(value.into()))
}

#[test]
fn a_vdom_is_made_once_and_only_where_there_are_vdoms() {
    let made = decide(create("branch"), facts()).unwrap();
    let [Change::Object(object)] = &made.changes[..] else {
        panic!("{:?}", made.changes);
    };
    assert_eq!((object.table, &*object.key), (&VDOM, "branch"));
    let again = decide(create("sales"), facts()).unwrap();
    assert!(again.changes.is_empty(), "{:?}", again.changes);

    let off = Facts {
        vdoms: vec![Vdom::ROOT],
        vdom_mode: VdomMode::None,
        ..facts()
    };
    assert_eq!(refused(create("branch"), off), AdminError::VdomsOff);
    let full = Facts {
        vdoms: (0..VDOMS_MAX)
            .map(|number| Vdom::parse(&format!("v{number}")).unwrap())
            .collect(),
        ..facts()
    };
    let error = refused(create("branch"), full);
    assert_eq!(error.return_code(), -4, "{error}");
    let error = refused(create("a b"), facts());
    assert!(matches!(error, AdminError::VdomName { .. }), "{error}");
}

#[test]
fn a_vdom_that_holds_something_stays() {
    let empty = decide(delete(Vdom::ROOT, &VDOM, "sales"), facts()).unwrap();
    assert!(
        matches!(empty.changes[..], [Change::VdomRemoved(gone)] if gone == sales()),
        "{:?}",
        empty.changes
    );
    let held = Facts {
        holds: Some(Holds {
            first: Held::Entry {
                table: "user local".into(),
                key: "alice".into(),
            },
            total: 3,
        }),
        ..facts()
    };
    let error = refused(delete(Vdom::ROOT, &VDOM, "sales"), held);
    assert_eq!(error.return_code(), -23);
    assert_eq!(
        error.next_step(),
        "vdom \"sales\" holds user local \"alice\" and 2 more: delete that first"
    );
    let waiting = Holds {
        first: Held::Message(7),
        total: 1,
    };
    assert_eq!(waiting.to_string(), "message 7 of the outbox");
    let root = refused(delete(Vdom::ROOT, &VDOM, "root"), facts());
    assert_eq!(root, AdminError::RootVdom);
    let error = refused(delete(Vdom::ROOT, &VDOM, "branch"), facts());
    assert_eq!(error.return_code(), -3, "{error}");
}

#[test]
fn vdoms_are_neither_renamed_nor_copied_nor_purged() {
    let object = || Facts {
        object: Some(Object::new(&VDOM, "sales")),
        ..facts()
    };
    let place = || Place::new(Vdom::ROOT, &VDOM, "sales");
    let to = || "branch".into();
    for operation in [
        Operation::Rename {
            place: place(),
            to: to(),
        },
        Operation::Clone {
            place: place(),
            to: to(),
        },
    ] {
        let error = refused(operation, object());
        assert_eq!(error, AdminError::FixedKey(&VDOM));
    }
    let purge = Operation::Purge {
        vdom: Vdom::ROOT,
        table: &VDOM,
    };
    assert_eq!(refused(purge, facts()), AdminError::RootVdom);
}

#[test]
fn the_mode_goes_back_once_root_is_alone() {
    let mode = |word| edit(sales(), &GLOBAL, "", vec![set(&GLOBAL, "vdom-mode", word)]);
    let error = refused(mode("no-vdom"), facts());
    assert_eq!(error.return_code(), -23);
    assert!(error.next_step().contains("delete sales"), "{error}");
    let unset = vec![Edit::Unset(GLOBAL.field("vdom-mode").unwrap())];
    let error = refused(edit(Vdom::ROOT, &GLOBAL, "", unset), facts());
    assert_eq!(error.return_code(), -23);
    let alone = || Facts {
        vdoms: vec![Vdom::ROOT],
        ..facts()
    };
    decide(mode("no-vdom"), alone()).unwrap();
    let plan = decide(mode("multi-vdom"), alone()).unwrap();
    let [Change::Object(global)] = &plan.changes[..] else {
        panic!("{:?}", plan.changes);
    };
    assert_eq!(global.vdom, Vdom::ROOT);
}

#[test]
fn nothing_happens_in_a_vdom_that_does_not_exist() {
    let gone = Vdom::parse("gone").unwrap();
    let code = LicenceCode::parse("A1B2-C3D4-E5F6-A7B8-C9D0").unwrap();
    let unlock = CanonicalName::within(Realm::Vdom(gone), "alice").unwrap();
    for operation in [
        edit(gone, &LOCAL, "alice", Vec::new()),
        delete(gone, &LOCAL, "alice"),
        Operation::Import { vdom: gone, code },
        Operation::Purge {
            vdom: gone,
            table: &LOCAL,
        },
        Operation::Unlock(unlock),
    ] {
        assert_eq!(refused(operation, facts()), AdminError::NoVdom(gone));
    }
}

fn passwd() -> Edit {
    let hash = PasswordHash::new("correct horse", [7; SALT_LEN]).unwrap();
    let field = LOCAL.field("passwd").unwrap();
    Edit::Set(field, Value::Sealed(hash.to_enc().into()))
}

#[test]
fn a_token_of_another_vdom_is_not_there() {
    let assign = |vdom| {
        let edits = vec![
            passwd(),
            set(&LOCAL, "two-factor", "fortitoken"),
            set(&LOCAL, "fortitoken", serial().as_str()),
        ];
        edit(vdom, &LOCAL, "alice", edits)
    };
    let token = serial();
    for operation in [
        assign(sales()),
        delete(sales(), &FORTITOKEN, token.as_str()),
        Operation::Provision {
            vdom: sales(),
            token,
        },
        Operation::Renew {
            vdom: sales(),
            token,
        },
    ] {
        let error = refused(operation, with_token(token));
        assert_eq!(error.return_code(), -3, "{error}");
    }
    decide(assign(Vdom::ROOT), with_token(token)).unwrap();
    let elsewhere = edit(sales(), &FORTITOKEN, hardware().as_str(), Vec::new());
    let error = refused(elsewhere, with_token(hardware()));
    assert_eq!(error, AdminError::TokenElsewhere(hardware()));
}

#[test]
fn a_virtual_domain_hears_nothing_of_another() {
    let of_sales = |operation, facts| {
        let realms = Realms::These(Box::new([sales()]));
        let error = decide_for(realms, operation, facts).unwrap_err();
        assert!(!error.next_step().contains("root"), "{error}");
        error
    };
    let elsewhere = |serial: TokenSerial| edit(sales(), &FORTITOKEN, serial.as_str(), Vec::new());
    assert_eq!(
        of_sales(elsewhere(serial()), with_token(serial())),
        of_sales(elsewhere(serial()), facts()),
    );
    let error = of_sales(elsewhere(hardware()), with_token(hardware()));
    assert_eq!(error, AdminError::TokenUnavailable(hardware()));

    let neighbour = Facts {
        neighbours: vec![Neighbour {
            client: Place::new(Vdom::ROOT, &RADIUS_CLIENT, "vpn-of-root"),
            subnet: Subnet::parse("192.0.2.0/24").unwrap(),
        }],
        ..facts()
    };
    let field = RADIUS_CLIENT.field("secret").unwrap();
    let secret = Value::Secret(Zeroizing::new("xyzzy5461".to_owned()));
    let edits = vec![
        set(&RADIUS_CLIENT, "subnet", "192.0.2.7"),
        Edit::Set(field, secret),
    ];
    of_sales(edit(sales(), &RADIUS_CLIENT, "vpn2", edits), neighbour);
}

#[test]
fn an_import_brings_new_tokens_into_its_vdom_and_leaves_known_ones_in_theirs() {
    let other = TokenSerial::mobile([2; 5]);
    let imported = Operation::Imported {
        vdom: sales(),
        licence: LicenceSerial::purchased(1).unwrap(),
        tokens: vec![serial(), other],
    };
    let plan = decide(imported, with_token(serial())).unwrap();
    let vdoms: Vec<(TokenSerial, Vdom)> = plan
        .changes
        .iter()
        .map(|change| match change {
            Change::Token(token) => (token.serial, token.vdom),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(vdoms, [(other, sales())]);
    let [Remark::Elsewhere(stays)] = plan.remarks[..] else {
        panic!("{:?}", plan.remarks);
    };
    assert_eq!(stays, serial());
}

#[test]
fn a_virtual_domain_names_no_token_into_it_without_its_licence() {
    let licence = set(&FORTITOKEN, "license", "EFTM000000000001");
    let named = || {
        let edits = vec![licence.clone()];
        edit(sales(), &FORTITOKEN, serial().as_str(), edits)
    };
    let claim = named().reads().claim.unwrap();
    assert_eq!((claim.vdom, claim.token), (sales(), serial()));
    assert_eq!(Some(claim.licence), LicenceSerial::purchased(1));
    let of_sales = || Realms::These(Box::new([sales()]));
    let error = decide_for(of_sales(), named(), facts()).unwrap_err();
    assert_eq!(error, AdminError::MobileNotImported(serial()));
    let licensed = Facts {
        is_licensed: true,
        ..facts()
    };
    decide_for(of_sales(), named(), licensed).unwrap();
    decide(named(), facts()).unwrap();
}

#[test]
fn events_and_messages_say_the_vdom() {
    let mut facts = with_token(serial());
    let token = &mut facts.tokens.get_mut(&serial()).unwrap().token;
    token.vdom = sales();
    token.stage = Stage::New;
    let provision = Operation::Provision {
        vdom: sales(),
        token: serial(),
    };
    let plan = decide(provision, facts).unwrap();
    let vdoms = plan.events.iter().map(|event| match &event.what {
        What::Changed { vdom, .. } | What::Activation { vdom, .. } => *vdom,
        other => panic!("{other:?}"),
    });
    assert_eq!(vdoms.collect::<Vec<_>>(), [sales()]);
    assert!(matches!(plan.messages[..], [Message::Provision { .. }]));
    assert_eq!(plan.messages[0].vdom(), sales());
}

#[test]
fn two_clients_have_no_network_in_common() {
    let secret = || {
        let field = RADIUS_CLIENT.field("secret").unwrap();
        Edit::Set(field, Value::Secret(Zeroizing::new("xyzzy5461".to_owned())))
    };
    let configure = |vdom, key| {
        let edits = vec![set(&RADIUS_CLIENT, "subnet", "192.0.2.0/24"), secret()];
        edit(vdom, &RADIUS_CLIENT, key, edits)
    };
    let neighbour = |subnet| Facts {
        neighbours: vec![Neighbour {
            client: Place::new(sales(), &RADIUS_CLIENT, "vpn1"),
            subnet: Subnet::parse(subnet).unwrap(),
        }],
        ..facts()
    };
    let asked = configure(Vdom::ROOT, "vpn2").reads().neighbours;
    assert_eq!(asked, Subnet::parse("192.0.2.0/24"));
    for subnet in ["192.0.2.0/24", "0.0.0.0/0", "192.0.2.7"] {
        let error = refused(configure(Vdom::ROOT, "vpn2"), neighbour(subnet));
        assert_eq!(error.return_code(), -5);
        assert_eq!(
            error.next_step(),
            "it is that of user radius-client \"vpn1\" in vdom \"sales\": give each client a network of its own"
        );
        refused(configure(Vdom::ROOT, "vpn1"), neighbour(subnet));
    }
    decide(configure(sales(), "vpn1"), neighbour("192.0.2.0/24")).unwrap();
    refused(configure(sales(), "vpn2"), neighbour("192.0.2.0/24"));
    decide(configure(sales(), "vpn2"), neighbour("192.0.2.7")).unwrap();
    decide(configure(sales(), "vpn2"), neighbour("0.0.0.0/0")).unwrap();

    let mut client = Object::new(&RADIUS_CLIENT, "vpn1");
    let field = RADIUS_CLIENT.field("subnet").unwrap();
    client.set(field, Value::Text("192.0.2.0/24".into()));
    let copied = Operation::Clone {
        place: client.place(),
        to: "vpn2".into(),
    };
    let held = Facts {
        object: Some(client),
        ..facts()
    };
    let error = refused(copied, held);
    assert!(error.next_step().contains("of user radius-client \"vpn1\""));
}
