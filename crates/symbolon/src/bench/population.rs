//! A gateway's store filled with users and tokens whose seeds the bench knows.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use data_encoding::{BASE64, HEXUPPER};
use domain::access::Authority;
use domain::admin::{Edit, Entropy, Operation, Supplied};
use domain::intake::{self, Way};
use domain::password::PasswordHash;
use domain::schema::{FORTITOKEN, LOCAL, Place, RADIUS_CLIENT, SETTING, Table, Value};
use domain::time::Span;
use domain::token::ActivationLink;
use domain::vdom::Vdom;
use gateway::clock;
use ident::{ActivationCode, LicenceSerial, Pace, TokenSerial};
use otp::{Code, Kind, Parameters, Seed, Step};
use store::gateway::{ClockTrust, GatewayStore, Location};
use store::sealing::RootKey;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// Everybody's password: what is measured is a login whose password is remembered.
pub(super) const PASSWORD: &str = "bench";

/// An Argon2id hash of [`PASSWORD`], as long as everybody's, at the least cost that there is: a hash of full cost for each of
/// 100,000 users would take half an hour before the measurement begins.
const CHEAP_HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c3ltYm9sb24gYmVuY2ggeA$S53+VwEEp81KO8TRfv3j98aJ+VBWCVITPyMKv5qtfqA";

/// Operations under way at once: they share syncs.
const TOGETHER: usize = 512;

/// Where a bench's gateway lies in its directory.
pub(super) fn location(directory: &Path) -> Location {
    Location {
        database: directory.join("gateway.db"),
        head: directory.join("head"),
        clock: ClockTrust::Records,
    }
}

/// The root key of a bench's gateway.
pub(super) fn root_key(directory: &Path) -> Result<RootKey> {
    Ok(RootKey::load_or_create(&directory.join("root.key"))?)
}

/// The name of a user.
pub(super) fn user(number: u32) -> String {
    format!("user{number}")
}

/// The code that a user's token shows at a step.
pub(super) fn code(number: u32, step: Step) -> Result<Code> {
    code_with(number, step, Parameters::default())
}

/// The same of a token with other parameters.
pub(super) fn code_with(number: u32, step: Step, parameters: Parameters) -> Result<Code> {
    let seed = Seed::from_bytes(Zeroizing::new(seed(number).to_vec()))?;
    Ok(otp::code_at(&seed, parameters, step))
}

/// The seed of a user's token.
pub(super) fn seed(number: u32) -> [u8; 20] {
    let mut seed = *b"bench bench bench 00";
    if let Some(end) = seed.last_chunk_mut::<4>() {
        *end = number.to_be_bytes();
    }
    seed
}

/// What is particular about a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Person {
    /// Their password costs next to nothing to check.
    Quick,
    /// Their password costs what everybody's does; they share one hash, which takes no time to give.
    Dear,
    /// Their password is hashed as everybody's.
    Ordinary,
    /// As ordinary, but they may not log in.
    Disabled,
    /// As ordinary, but their token is locked.
    Locked,
}

/// What a bench's store is filled with.
#[derive(Debug)]
pub(super) struct Filling<'f> {
    /// The users, numbered from 0, each with an activated token.
    pub(super) people: &'f [Person],
    /// What their tokens count.
    pub(super) tokens: Counted,
    /// Of `config user setting`.
    pub(super) settings: &'f [(&'f str, String)],
    /// Of the one client that may ask.
    pub(super) secret: &'f str,
    /// What that client asks to be checked.
    pub(super) checked: Checked,
}

/// What tokens count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counted {
    /// Minutes: mobile tokens of licences.
    Time,
    /// Their codes: hardware tokens of seed files.
    Codes,
}

impl Counted {
    /// How codes are made.
    pub(super) fn parameters(self) -> Parameters {
        match self {
            Self::Time => Parameters::default(),
            Self::Codes => Parameters {
                kind: Kind::Hotp,
                ..Parameters::default()
            },
        }
    }
}

/// The settings of a store whose logins are measured: refused at once, and passwords remembered longer than any bench
/// takes.
pub(super) fn quick_settings() -> [(&'static str, String); 2] {
    [("reject-delay", "0"), ("auth-password-memory", "3600")]
        .map(|(name, value)| (name, value.to_owned()))
}

/// Fills a store with `users` users whose passwords cost next to nothing.
pub(super) async fn fill(
    directory: &Path,
    users: u32,
    secret: &str,
    checked: Checked,
) -> Result<()> {
    let filling = Filling {
        people: &vec![Person::Quick; users as usize],
        tokens: Counted::Time,
        settings: &quick_settings(),
        secret,
        checked,
    };
    fill_with(directory, &filling).await
}

/// What the client asks to be checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Checked {
    /// The password with the code behind it.
    PasswordAndCode,
    /// The code alone.
    Code,
}

impl Checked {
    fn code_position(self) -> &'static str {
        match self {
            Self::PasswordAndCode => "after-password",
            Self::Code => "code-only",
        }
    }

    /// What a user sends.
    pub(super) fn presented(self, code: &Code) -> String {
        match self {
            Self::PasswordAndCode => format!("{PASSWORD}{}", code.as_str()),
            Self::Code => code.as_str().to_owned(),
        }
    }
}

/// Fills a store.
pub(super) async fn fill_with(directory: &Path, filling: &Filling<'_>) -> Result<()> {
    fs::create_dir_all(directory)?;
    let root = root_key(directory)?;
    let store = Arc::new(GatewayStore::open(&location(directory), &root, clock::now()).await?);
    let settings = filling.settings.iter();
    let settings: Vec<(&str, &str)> = settings
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    set(&store, &SETTING, "", &settings).await?;
    let client = [
        ("subnet", "127.0.0.1/32"),
        ("secret", filling.secret),
        ("code-position", filling.checked.code_position()),
    ];
    set(&store, &RADIUS_CLIENT, "bench", &client).await?;
    let dear = PasswordHash::new(PASSWORD, [0; 16])?;
    let mut numbers = 0_u32..;
    for people in filling.people.chunks(TOGETHER) {
        let people: Vec<(u32, Person)> = numbers.by_ref().zip(people.iter().copied()).collect();
        let numbers: Vec<u32> = people.iter().map(|(number, _)| *number).collect();
        administer(&store, tokens(&numbers, filling.tokens)?, 0, None).await?;
        let mut together = JoinSet::new();
        for (number, person) in people {
            let password = password(person, &dear);
            let user = assign(Arc::clone(&store), number, person, password, filling.tokens);
            together.spawn(user);
        }
        while let Some(assigned) = together.join_next().await {
            assigned??;
        }
    }
    store.checkpoint().await?;
    tokio::task::spawn_blocking(move || store.shutdown()).await?;
    Ok(())
}

/// What brings the tokens of these users in.
fn tokens(numbers: &[u32], counted: Counted) -> Result<Operation> {
    let first = numbers.first().copied().unwrap_or_default();
    Ok(match counted {
        Counted::Time => Operation::Imported {
            vdom: Vdom::ROOT,
            licence: LicenceSerial::purchased(u64::from(first)).context("a licence number")?,
            tokens: numbers.iter().map(|number| serial(*number)).collect(),
        },
        Counted::Codes => {
            let text = seed_file(numbers.iter().copied(), counted);
            Operation::ImportHardware {
                vdom: Vdom::ROOT,
                tokens: intake::seed_file(text.as_bytes(), None, Way::Local)?,
                origin: "from the bench".into(),
            }
        }
    })
}

/// A table of hardware tokens as makers deliver it.
pub(super) fn seed_file(numbers: impl Iterator<Item = u32>, counted: Counted) -> String {
    let kind = match counted {
        Counted::Time => "totp",
        Counted::Codes => "hotp",
    };
    let lines = numbers.map(|number| {
        let seed = HEXUPPER.encode(&seed(number));
        format!("{},{seed},{kind}\n", device(number))
    });
    lines.collect()
}

/// The serial number of a user's hardware token.
fn device(number: u32) -> String {
    format!("FTK{number:013}")
}

/// The serial number of a user's token.
pub(super) fn serial(number: u32) -> TokenSerial {
    let mut random = [0; 5];
    if let Some(end) = random.last_chunk_mut::<4>() {
        *end = number.to_be_bytes();
    }
    TokenSerial::mobile(random)
}

/// The serial number of a token that a licence brings: one after the other in no order, as a token server draws them,
/// and none that a user has.
fn drawn_serial(number: u32) -> TokenSerial {
    // An odd factor, here that of Fibonacci hashing, maps no two numbers to one.
    let [a, b, c, d] = number.wrapping_mul(0x9e37_79b1).to_be_bytes();
    TokenSerial::mobile([1, a, b, c, d])
}

/// Takes in licences of so many tokens each, numbered from `first`, as the token server's answers to imports, and says
/// how long the transaction of each took.
pub(super) async fn import(
    directory: &Path,
    first: u32,
    tokens: u32,
    licences: u32,
) -> Result<Vec<Duration>> {
    let root = root_key(directory)?;
    let store = GatewayStore::open(&location(directory), &root, clock::now()).await?;
    let mut took = Vec::new();
    for licence in 0..licences {
        let first = first.saturating_add(licence.saturating_mul(tokens));
        let imported = Operation::Imported {
            vdom: Vdom::ROOT,
            licence: LicenceSerial::purchased(u64::from(first)).context("a licence number")?,
            tokens: (first..first.saturating_add(tokens))
                .map(drawn_serial)
                .collect(),
        };
        let began = Instant::now();
        administer(&store, imported, 0, None).await?;
        took.push(began.elapsed());
    }
    tokio::task::spawn_blocking(move || store.shutdown()).await?;
    Ok(took)
}

/// A user with a token; a mobile one waits for its phone: its codes are looked at.
async fn assign(
    store: Arc<GatewayStore>,
    number: u32,
    person: Person,
    password: Option<Edit>,
    counted: Counted,
) -> Result<()> {
    let token = match counted {
        Counted::Time => serial(number),
        Counted::Codes => TokenSerial::parse(&device(number))?,
    };
    let edits = edits(
        &LOCAL,
        &[("two-factor", "fortitoken"), ("fortitoken", token.as_str())],
    );
    let edits = edits.into_iter().chain(password).collect();
    let operation = Operation::Configure {
        place: Place::new(Vdom::ROOT, &LOCAL, user(number)),
        edits,
    };
    let messages = administer(&store, operation, number, None).await?;
    if counted == Counted::Time {
        let supplied = Supplied {
            token,
            code: ActivationCode::from_random(u64::from(number).to_be_bytes(), Pace::Sixty),
            link: ActivationLink::new(String::new()),
            valid: Span::from_hours(72),
        };
        let provisioned = Operation::Provisioned(vec![supplied]);
        administer(&store, provisioned, number, messages.first().copied()).await?;
    }
    match person {
        Person::Quick | Person::Dear | Person::Ordinary => Ok(()),
        Person::Disabled => set(&store, &LOCAL, &user(number), &[("status", "disable")]).await,
        Person::Locked => set(&store, &FORTITOKEN, token.as_str(), &[("status", "lock")]).await,
    }
}

fn password(person: Person, dear: &PasswordHash) -> Option<Edit> {
    let field = LOCAL.field("passwd")?;
    let value = match person {
        Person::Quick => Value::Sealed(BASE64.encode(CHEAP_HASH.as_bytes()).into()),
        Person::Dear => Value::Sealed(dear.to_enc().into()),
        Person::Ordinary | Person::Disabled | Person::Locked => {
            field.parse(&[PASSWORD.to_owned()]).ok()?
        }
    };
    Some(Edit::Set(field, value))
}

async fn set(
    store: &GatewayStore,
    table: &'static Table,
    key: &str,
    values: &[(&str, &str)],
) -> Result<()> {
    let operation = Operation::Configure {
        place: Place::new(Vdom::ROOT, table, key),
        edits: edits(table, values),
    };
    administer(store, operation, 0, None).await.map(drop)
}

fn edits(table: &'static Table, values: &[(&str, &str)]) -> Vec<Edit> {
    let edit = |(name, text): &(&str, &str)| {
        let field = table.field(name)?;
        let value = field.parse(&[(*text).to_owned()]).ok()?;
        Some(Edit::Set(field, value))
    };
    values.iter().filter_map(edit).collect()
}

async fn administer(
    store: &GatewayStore,
    operation: Operation,
    number: u32,
    settles: Option<i64>,
) -> Result<Vec<i64>> {
    let entropy = Entropy {
        seed: Zeroizing::new(seed(number)),
        salt: [0; 16],
    };
    let (by, now) = (Authority::system("bench"), clock::now());
    let done = store.administer(operation, entropy, by, now, settles).await;
    Ok(done
        .map_err(|failure| anyhow::anyhow!("{failure}"))?
        .messages)
}

#[cfg(test)]
mod tests {
    use domain::name::CanonicalName;
    use domain::password::{Evaluation, PasswordHash, Presented};

    use super::*;

    #[test]
    fn the_cheap_hash_is_of_the_password() {
        let hash = PasswordHash::from_phc(CHEAP_HASH).unwrap();
        let check = Evaluation::of(CanonicalName::of("user0").unwrap(), hash);
        let presented = Presented::new(Zeroizing::new(PASSWORD.as_bytes().to_vec()));
        assert!(check.verify(&presented).is_some());
    }
}
