//! What is said to a line that is refused.

use std::net::SocketAddr;

use domain::admin::{AdminError, Held, Holds, Named, NotMovedIn, Obstacle, Serials, Use, Uses};
use domain::client::LOGINCHECK;
use domain::name::{NameError, Realm, UserName};
use domain::password::PasswordError;
use domain::password_policy::Weakness;
use domain::schema::{FORTITOKEN, GLOBAL, LOCAL, Object, Place, RADIUS_CLIENT};
use domain::transfer::NotMoved;
use domain::vdom::Vdom;
use ident::TokenSerial;

use super::ServerError;
use super::markdown::{code, prose};
use crate::complaint::{Complaint, Refused};
use crate::render::Zone;
use crate::session::{Session, Step};

pub(super) fn text(token_server: &[ServerError]) -> String {
    let mut text = INTRODUCTION.to_owned();
    text += &format!("```\n{}```\n", refused("config user lokal"));
    text += LINES;
    for complaint in complaints() {
        text += &row(&complaint, complaint.meaning());
    }
    for chapter in Chapter::ALL {
        text += chapter.heading();
        let refusals = refusals().into_iter();
        for error in refusals.filter(|error| Chapter::of(error) == *chapter) {
            let next_step = error.next_step();
            text += &row(&Complaint::change(error, Refused::Command), &next_step);
        }
    }
    text += &format!("{NOT_DONE}```\n{}```\n", not_done());
    text += TOKEN_SERVER;
    for error in token_server {
        let (cause, next_step) = (prose(error.cause), prose(error.next_step));
        text += &format!("| {} | {cause} | {next_step} |\n", error.number);
    }
    text
}

fn row(complaint: &Complaint, meaning: &str) -> String {
    let form = complaint.form();
    let lines = form.lines().filter(|line| !line.is_empty());
    let form: Vec<String> = lines.map(code).collect();
    let return_code = complaint.return_code();
    let return_code = return_code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    format!(
        "| {} | {return_code} | {} |\n",
        form.join("<br>"),
        prose(meaning)
    )
}

/// A line that is refused at the top, with all that is said to it.
fn refused(line: &str) -> String {
    let mut session = Session::new(Zone::UTC);
    let prompt = session.prompt("symbolon");
    format!("{prompt}{line}\n{}", said(session.feed(line)))
}

/// What is said when the store does not answer to a change.
fn not_done() -> String {
    let mut session = Session::new(Zone::UTC);
    let _ = session.feed("config system global");
    let _ = session.fetched(Some(Object::new(&GLOBAL, "")));
    let _ = session.feed("set hostname gate");
    let _ = session.feed("end");
    said(session.failed("the store does not answer"))
}

fn said(step: Step) -> String {
    match step {
        Step::Refuse(said) => said,
        _ => String::new(),
    }
}

/// One of each kind.
fn complaints() -> Vec<Complaint> {
    let incomplete = AdminError::Incomplete {
        field: "fortitoken",
        why: "two-factor fortitoken needs a token",
    };
    vec![
        Complaint::action(""),
        Complaint::command("x", ""),
        Complaint::ambiguous("x", ""),
        Complaint::incomplete(""),
        Complaint::value("x", ""),
        Complaint::field("comments", "x", ""),
        Complaint::reference("x", ""),
        Complaint::denied(""),
        Complaint::duplicate(""),
        Complaint::full(""),
        Complaint::spoilt("trusthost1"),
        Complaint::change(incomplete, Refused::Setting),
    ]
}

/// What refused changes are about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chapter {
    Entries,
    Values,
    Tokens,
}

impl Chapter {
    const ALL: &[Self] = &[Self::Entries, Self::Values, Self::Tokens];

    /// A refusal that is not among [`refusals`] yet does not compile until it is named here: give it a
    /// sample there.
    fn of(error: &AdminError) -> Self {
        match error {
            AdminError::NotFound { .. }
            | AdminError::Name { .. }
            | AdminError::SamePerson { .. }
            | AdminError::KeyTooLong { .. }
            | AdminError::KeyNumber { .. }
            | AdminError::Serial { .. }
            | AdminError::Exists { .. }
            | AdminError::FixedKey(_)
            | AdminError::LastSuperAdmin(_)
            | AdminError::Denied { .. }
            | AdminError::SeedsStay(_)
            | AdminError::FixedProfile(_)
            | AdminError::InUse { .. }
            | AdminError::SameNetwork { .. }
            | AdminError::ReservedName(_)
            | AdminError::NoVdom(_)
            | AdminError::VdomName { .. }
            | AdminError::VdomsOff
            | AdminError::TooManyVdoms
            | AdminError::RootVdom
            | AdminError::HostInterface(_)
            | AdminError::NoInterface(_)
            | AdminError::VdomInUse { .. }
            | AdminError::VdomsExist(_) => Self::Entries,
            AdminError::Incomplete { .. }
            | AdminError::NoReference { .. }
            | AdminError::Password(_)
            | AdminError::WeakPassword { .. }
            | AdminError::Unbindable { .. }
            | AdminError::Field { .. } => Self::Values,
            AdminError::TokenTaken { .. }
            | AdminError::HasToken { .. }
            | AdminError::TokenElsewhere(_)
            | AdminError::TokenUnavailable(_)
            | AdminError::NotMobile(_)
            | AdminError::NoCode(_)
            | AdminError::NoAddress(_)
            | AdminError::NotHardware(_)
            | AdminError::HasSeed(_)
            | AdminError::NoSeed(_)
            | AdminError::SeedOfOther(_)
            | AdminError::NoLicence { .. }
            | AdminError::MobileNotImported(_)
            | AdminError::NotMoved(_)
            | AdminError::ChangedMeanwhile(_)
            | AdminError::NotMovedIn(_)
            | AdminError::Locked(_)
            | AdminError::OfAnotherUnit(_) => Self::Tokens,
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Entries => ENTRIES,
            Self::Values => VALUES,
            Self::Tokens => TOKENS,
        }
    }
}

/// One of each kind.
fn refusals() -> Vec<AdminError> {
    let mut refusals = of_entries();
    refusals.extend(of_vdoms());
    refusals.extend(of_values());
    refusals.extend(of_tokens());
    refusals
}

fn of_entries() -> Vec<AdminError> {
    vec![
        AdminError::NotFound {
            table: &FORTITOKEN,
            key: "FTKMOB83712DC7FE".into(),
        },
        AdminError::Exists {
            table: &RADIUS_CLIENT,
            key: "vpn".into(),
        },
        AdminError::InUse {
            table: &FORTITOKEN,
            uses: Uses {
                of: "FTKMOB83712DC7FE".into(),
                first: vec![Use {
                    vdom: Vdom::ROOT,
                    table: LOCAL.path.into(),
                    key: "alice".into(),
                    field: "fortitoken".into(),
                }],
                total: 1,
            },
        },
        AdminError::SamePerson {
            key: "Alice".into(),
            existing: "alice".into(),
        },
        AdminError::Name {
            key: "".into(),
            error: NameError::Empty,
        },
        AdminError::KeyTooLong { max: 64, got: 65 },
        AdminError::KeyNumber {
            key: "x".into(),
            max: 255,
        },
        AdminError::SameNetwork {
            subnet: "192.0.2.0/24".into(),
            other: Some(Place::new(Vdom::ROOT, &RADIUS_CLIENT, "vpn1")),
        },
        AdminError::ReservedName(LOGINCHECK),
        AdminError::FixedKey(&FORTITOKEN),
        AdminError::LastSuperAdmin("admin".into()),
        AdminError::Denied {
            profile: "helpdesk".into(),
            table: &LOCAL,
        },
        AdminError::SeedsStay("helpdesk".into()),
        AdminError::FixedProfile("super_admin".into()),
        AdminError::HostInterface("eth0".into()),
        AdminError::NoInterface("eth7".into()),
    ]
}

fn of_vdoms() -> Vec<AdminError> {
    let mut refusals = vec![
        AdminError::VdomsOff,
        AdminError::TooManyVdoms,
        AdminError::RootVdom,
    ];
    if let Ok(sales) = Vdom::parse("sales") {
        refusals.extend([
            AdminError::NoVdom(sales),
            AdminError::VdomInUse {
                vdom: sales,
                holds: Holds {
                    first: Held::Entry {
                        table: LOCAL.path.into(),
                        key: "alice".into(),
                    },
                    total: 13,
                },
            },
            AdminError::VdomsExist(sales),
        ]);
    }
    refusals.extend(Vdom::parse("a b").err().map(|error| AdminError::VdomName {
        key: "a b".into(),
        error,
    }));
    refusals
}

fn of_values() -> Vec<AdminError> {
    vec![
        AdminError::Incomplete {
            field: "fortitoken",
            why: "two-factor fortitoken needs a token",
        },
        AdminError::NoReference {
            field: "fortitoken",
            named: Named {
                vdom: Vdom::ROOT,
                tables: &["user fortitoken"],
                key: "FTKMOB83712DC7FE".into(),
            },
        },
        AdminError::WeakPassword {
            policy: "staff".into(),
            weaknesses: vec![Weakness::Short { min: 12, got: 9 }],
        },
        AdminError::Password(PasswordError::Empty),
        AdminError::Unbindable {
            field: "admin-ssh-port",
            address: SocketAddr::from(([192, 0, 2, 1], 8443)),
            why: "Address already in use".into(),
        },
        AdminError::Field {
            field: "trusthost1",
            why: "no network".into(),
        },
    ]
}

fn of_tokens() -> Vec<AdminError> {
    let mut refusals = Vec::new();
    if let (Ok(hardware), Ok(mobile), Ok(owner)) = (
        TokenSerial::parse("FTK2000BHV1KRZCC"),
        TokenSerial::parse("FTKMOB83712DC7FE"),
        UserName::within(Realm::ROOT, "alice"),
    ) {
        let waiting = |obstacle| NotMovedIn::Obstructed(obstacle, Serials([mobile].into())).into();
        refusals.extend([
            AdminError::TokenTaken {
                token: mobile,
                owner: owner.clone(),
            },
            AdminError::HasToken {
                token: mobile,
                owner: owner.as_written().into(),
            },
            AdminError::TokenElsewhere(hardware),
            AdminError::TokenUnavailable(hardware),
            AdminError::NotMobile(hardware),
            AdminError::NoCode(mobile),
            AdminError::NoAddress(mobile),
            AdminError::NotHardware(mobile),
            AdminError::HasSeed(hardware),
            AdminError::NoSeed(mobile),
            AdminError::SeedOfOther(hardware),
            AdminError::MobileNotImported(mobile),
            AdminError::NoLicence {
                token: mobile,
                license: Some("FTMTRIAL0012ABC".into()),
            },
            AdminError::Locked(mobile),
            AdminError::OfAnotherUnit(mobile),
            AdminError::NotMoved(NotMoved::Trial),
            AdminError::ChangedMeanwhile(mobile),
            AdminError::NotMovedIn(NotMovedIn::Again),
            waiting(Obstacle::Elsewhere(Some(Vdom::ROOT))),
            waiting(Obstacle::Elsewhere(None)),
            waiting(Obstacle::Awaited),
            waiting(Obstacle::Ownerless),
            waiting(Obstacle::OtherHolder),
            waiting(Obstacle::OtherPhones),
        ]);
    }
    refusals.extend(
        TokenSerial::parse("FTKX")
            .err()
            .map(|error| AdminError::Serial {
                key: "FTKX".into(),
                error: error.to_string().into(),
            }),
    );
    refusals
}

const INTRODUCTION: &str = "\
# Errors

A line that is refused changes nothing. What is said to it has FortiOS's text, then `Command fail. Return code`
with a number for scripts, then one line in plain words that names the thing and the next step:

";

const LINES: &str = "
## Lines that are not understood

| text | return code | when |
| --- | --- | --- |
";

const ENTRIES: &str = "
## Entries and their names

After `next` and `end` the text is followed by `object set operator error, -N discard the setting`: what was set
since `edit` is given up, so that lines pasted behind it do not end up in the wrong entry.

| text | return code | what to do |
| --- | --- | --- |
";

const VALUES: &str = "
## Values

| text | return code | what to do |
| --- | --- | --- |
";

const TOKENS: &str = "
## Tokens

| text | return code | what to do |
| --- | --- | --- |
";

const NOT_DONE: &str = "
## Commands that were not carried out

When the disk is full or the store does not answer, it is not known whether a change was saved:

";

const TOKEN_SERVER: &str = "
## Numbers of the token server

What the token server refuses is shown with a number, such as `import fortitoken license error: -7564`, and with
the two sentences beside it here.

| number | what is wrong | what to do |
| --- | --- | --- |
";
