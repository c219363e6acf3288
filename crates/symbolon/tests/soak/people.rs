//! People with tokens whose seeds the test knows, put into the gateway's store before the program runs.

use std::fmt;
use std::sync::Arc;

use data_encoding::BASE64;
use domain::access::Authority;
use domain::admin::{Edit, Entropy, Operation, Phone, Polled, Supplied};
use domain::schema::{LOCAL, Place, RADIUS_CLIENT, SETTING, Table, VERIFICATION_CLIENT, Value};
use domain::time::Span;
use domain::token::ActivationLink;
use domain::vdom::Vdom;
use ident::{ActivationCode, LicenceSerial, Pace, RegistrationId, TokenSerial};
use otp::{Parameters, Seed, Step, code_at};
use store::gateway::GatewayStore;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::client::{PORTAL, VPN};
use super::web::APPLICATION;
use super::{Chance, block_on, chain, now};
use crate::common::{Home, Running, SECRET};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "soak";

/// [`PASSWORD`] as an Argon2id hash of the least cost that there is: each user's first login hashes it.
pub(crate) const CHEAP_HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c3ltYm9sb24gc29hayAxNg$tW893sq4jRXVVV9KCFOs+cFv+3eUbct62tGEtKBGMsM";

/// Operations under way at once: they share syncs.
const TOGETHER: usize = 256;

/// Neighbours within which a code must be one step's alone: what two clocks and a window can reach.
const REACH: i32 = 4;

/// Somebody with a token on a phone.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) token: TokenSerial,
    phone: RegistrationId,
    seed: [u8; 20],
}

impl Person {
    fn new(number: usize, phone: RegistrationId, chance: &mut Chance) -> Self {
        let [first, second, third, fourth] = u32::try_from(number).unwrap().to_be_bytes();
        Self {
            name: format!("person{number}"),
            token: TokenSerial::mobile([0x50, first, second, third, fourth]),
            phone,
            seed: chance.octets(),
        }
    }

    pub(crate) fn seed(&self) -> Seed {
        Seed::from_bytes(Zeroizing::new(self.seed.to_vec())).unwrap()
    }

    /// What the phone shows at a step.
    pub(crate) fn code(&self, step: Step) -> String {
        code_at(&self.seed(), Parameters::default(), step)
            .as_str()
            .to_owned()
    }

    /// Whether no step near shows the same code: a server may rightly take such a code twice, once for
    /// each step.
    pub(crate) fn is_distinct(&self, step: Step) -> bool {
        let code = self.code(step);
        let mut neighbours = (-REACH..=REACH).filter(|offset| *offset != 0);
        neighbours.all(|offset| self.code(step.offset(offset).unwrap()) != code)
    }

    /// Password and code in one field, as the client [`VPN`] combines them.
    pub(crate) fn combined(&self, step: Step) -> String {
        PASSWORD.to_owned() + &self.code(step)
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Makes the installation of `home` and puts `count` people, both RADIUS clients and an application into it.
pub(crate) fn populate(home: &Home, count: usize, chance: &mut Chance) -> Arc<[Person]> {
    let phones = vec![RegistrationId::from_bytes([7; 32]); count];
    populate_phones(home, &phones, chance)
}

/// The same with a person for each of these phones.
pub(crate) fn populate_phones(
    home: &Home,
    phones: &[RegistrationId],
    chance: &mut Chance,
) -> Arc<[Person]> {
    Running::up(home).stop();
    let count = phones.len();
    let people: Arc<[Person]> = phones
        .iter()
        .enumerate()
        .map(|(number, phone)| Person::new(number, *phone, chance))
        .collect();
    block_on(async {
        let store = Arc::new(chain::open(home, now()).await);
        for (client, position) in [(VPN, "after-password"), (PORTAL, "challenge")] {
            let subnet = format!("{}/32", client.address());
            let values = [
                ("subnet", &*subnet),
                ("secret", SECRET),
                ("code-position", position),
            ];
            set(&store, &RADIUS_CLIENT, client.name(), &values).await;
        }
        let values = [("subnet", "127.0.0.1/32"), ("secret", SECRET)];
        set(&store, &VERIFICATION_CLIENT, APPLICATION, &values).await;
        set(&store, &SETTING, "", &[("reject-delay", "0")]).await;
        for first in (0..count).step_by(TOGETHER) {
            let last = count.min(first + TOGETHER);
            supply(&store, &people, first, last).await;
        }
        store.checkpoint().await.unwrap();
        store.shutdown();
    });
    people
}

/// Tokens are imported, assigned, and activated on phones.
async fn supply(store: &Arc<GatewayStore>, people: &Arc<[Person]>, first: usize, last: usize) {
    let tokens = || people[first..last].iter().map(|person| person.token);
    let licence = LicenceSerial::purchased(u64::try_from(first).unwrap()).unwrap();
    let imported = Operation::Imported {
        vdom: Vdom::ROOT,
        licence,
        tokens: tokens().collect(),
    };
    administer(store, imported, [0; 20], None).await;
    let mut together = JoinSet::new();
    for number in first..last {
        let (store, people) = (Arc::clone(store), Arc::clone(people));
        together.spawn(async move { assign(&store, &people[number]).await });
    }
    together.join_all().await;
    let polled = |person: &Person| Polled {
        token: person.token,
        phone: Some(Phone {
            registration: person.phone,
            os_version: "1.0_TEST".into(),
        }),
    };
    let polled = Operation::Polled(people[first..last].iter().map(polled).collect());
    administer(store, polled, [0; 20], None).await;
}

async fn assign(store: &GatewayStore, person: &Person) {
    let hash = BASE64.encode(CHEAP_HASH.as_bytes());
    let passwd = LOCAL.field("passwd").unwrap();
    let mut edits = vec![Edit::Set(passwd, Value::Sealed(hash.into()))];
    let token = person.token.as_str();
    edits.extend(edits_of(
        &LOCAL,
        &[("two-factor", "fortitoken"), ("fortitoken", token)],
    ));
    let operation = Operation::Configure {
        place: Place::new(Vdom::ROOT, &LOCAL, person.name.as_str()),
        edits,
    };
    let messages = administer(store, operation, person.seed, None).await;
    let supplied = Supplied {
        token: person.token,
        code: ActivationCode::from_random([1; 8], Pace::Sixty),
        link: ActivationLink::new(String::new()),
        valid: Span::from_hours(1),
    };
    let provisioned = Operation::Provisioned(vec![supplied]);
    administer(store, provisioned, [0; 20], messages.first().copied()).await;
}

async fn set(store: &GatewayStore, table: &'static Table, key: &str, values: &[(&str, &str)]) {
    let operation = Operation::Configure {
        place: Place::new(Vdom::ROOT, table, key),
        edits: edits_of(table, values),
    };
    administer(store, operation, [0; 20], None).await;
}

fn edits_of(table: &'static Table, values: &[(&str, &str)]) -> Vec<Edit> {
    let edit = |(name, text): &(&str, &str)| {
        let field = table.field(name).unwrap();
        Edit::Set(field, field.parse(&[(*text).to_owned()]).unwrap())
    };
    values.iter().map(edit).collect()
}

async fn administer(
    store: &GatewayStore,
    operation: Operation,
    seed: [u8; 20],
    settles: Option<i64>,
) -> Vec<i64> {
    let entropy = Entropy {
        seed: Zeroizing::new(seed),
        salt: [0; 16],
    };
    let by = Authority::system("soak");
    let done = store.administer(operation, entropy, by, now(), settles);
    done.await.unwrap().messages
}
