//! Logins over HTTPS, and the states by which answers find their challenges.

use domain::name::CanonicalName;
use domain::time::{Span, Timestamp};
use gateway::inbound::{OpenStates, logincheck_again};

/// What is taken can be written, and is read as the same.
pub(crate) fn logincheck(input: &[u8]) {
    if let Some(written) = logincheck_again(input) {
        assert_eq!(
            logincheck_again(written.as_bytes()).as_ref(),
            Some(&written)
        );
    }
}

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];
const CLIENTS: [&str; 2] = ["vpn", "door"];
const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A challenge, as it has to be.
struct Model {
    state: String,
    number: u32,
    person: usize,
    client: usize,
    expires: Timestamp,
    is_open: bool,
}

/// Four octets are one thing that is done: what, by whom, about which challenge, and how.
///
/// A state lets in its person through its client in time and once; a late try spends it too. One of others, and what
/// is no state, changes nothing.
pub(crate) fn states(input: &[u8]) {
    let states = OpenStates::default();
    assert_eq!(states.take(input, &person(0), CLIENTS[0], START), None);
    let mut models: Vec<Model> = Vec::new();
    let mut now = START;
    for (number, step) in (0..).zip(input.chunks_exact(4)) {
        let &[what, who, at, by] = step else {
            return;
        };
        let (of, through) = (usize::from(who) % 3, usize::from(who) / 3 % 2);
        let client = CLIENTS[through];
        let model = models.len().checked_sub(1);
        let model = model.and_then(|last| models.get_mut(usize::from(at).min(last)));
        match (what % 4, model) {
            (0, _) => {
                give_way(&mut models, of);
                let expires = now.after(Span::from_secs(by.into()));
                let Some(state) = states.open(number, person(of), client, expires, now) else {
                    panic!("no room among {} challenges", models.len());
                };
                models.push(Model {
                    state,
                    number,
                    person: of,
                    client: through,
                    expires,
                    is_open: true,
                });
            }
            (1, Some(model)) if by == 0 => {
                let taken = states.take(model.state.as_bytes(), &person(of), client, now);
                let is_theirs = (model.person, model.client) == (of, through);
                let fits = model.is_open && is_theirs && model.expires > now;
                assert_eq!(taken, fits.then_some(model.number));
                model.is_open &= !is_theirs;
            }
            (1, Some(model)) => {
                let mut mistyped = model.state.clone().into_bytes();
                let place = usize::from(by) % mistyped.len();
                mistyped[place] ^= by;
                assert_eq!(states.take(&mistyped, &person(of), client, now), None);
            }
            (2, _) => now = now.after(Span::from_secs(by.into())),
            (3, Some(model)) => {
                let is_open = states.is_open(model.state.as_bytes(), client, now);
                let fits = model.is_open && model.client == through && model.expires > now;
                assert_eq!(is_open, fits);
            }
            _ => {}
        }
    }
}

/// The oldest challenge of a person who has too many is none any more.
fn give_way(models: &mut [Model], person: usize) {
    let is_own = |model: &Model| model.is_open && model.person == person;
    let own = models.iter().filter(|model| is_own(model)).count();
    let oldest = models.iter_mut().find(|model| is_own(model));
    if let Some(oldest) = oldest
        && own >= OpenStates::OF_PERSON_MAX
    {
        oldest.is_open = false;
    }
}

fn person(number: usize) -> CanonicalName {
    CanonicalName::from_stored(PEOPLE[number])
}
