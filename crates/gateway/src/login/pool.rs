//! Threads for what computes for long, hashes and TLS: few, behind a bounded queue, so that logins with remembered
//! passwords do not wait for it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use domain::login::Origin;
use domain::name::Realm;
use domain::source::Network;
use domain::vdom::Vdom;

/// Hashes that wait at most: with 20 ms each on two cores, the last is done after 3 s, which is when
/// clients ask again.
const WAITING_MAX: usize = 256;

/// Pieces of tunnels that wait at most: with 1 ms each on two cores, the last is done after half a second, of which
/// a device waits through four or more.
const TUNNELS_WAITING_MAX: usize = 1_024;

/// How far threads that hash stand back (nice(2)): with as many of them as there are cores, a login that needs no hash
/// would wait for a slice of theirs to end.
const STEPS_BACK: i32 = 10;

/// As many of them as take the time of one hash.
const PIECES_OF_HASH: usize = 20;

/// Has the calling thread give way to others: on Linux each has a nice value of its own.
fn stand_back() {
    if let Err(error) = rustix::process::nice(STEPS_BACK) {
        tracing::debug!(%error, "a thread that hashes does not stand back");
    }
}

type Job = Box<dyn FnOnce(Turn) + Send>;

/// Whether a job that waited is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// It is.
    Come,
    /// The queue is full, and it gave way to somebody with fewer in it.
    Lost,
}

/// Whose login a job is of. What waits is shared out among clients, and within each among the sources behind it:
/// whoever guesses through one keeps the people of no other waiting in vain.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Whose {
    client: Client,
    source: Network,
}

type Client = (Vdom, Box<str>);

impl Whose {
    pub(crate) fn of(realm: Realm, origin: &Origin) -> Self {
        Self {
            client: (realm.vdom(), origin.client.clone()),
            source: origin.source.network(),
        }
    }
}

/// What a job takes of a queue.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// Out of whose share.
    pub(crate) whose: Whose,
    /// Places: one for each hash, or for each piece of a tunnel. What takes more than there are takes all.
    pub(crate) places: usize,
}

/// The pool. Dropping it lets its threads finish what waits, and end.
pub(crate) struct Pool(Arc<Queue>);

struct Queue {
    max: usize,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Waiter>,
    taken: Taken,
    is_over: bool,
}

struct Waiter {
    /// None for what is nobody's login.
    whose: Option<Whose>,
    places: usize,
    job: Job,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    /// Starts one thread per core.
    pub(crate) fn start() -> io::Result<Self> {
        Self::with_threads(cores())
    }

    /// Starts one thread per core for TLS.
    pub(crate) fn for_tunnels() -> io::Result<Self> {
        Self::spawn("eap-tls", cores(), TUNNELS_WAITING_MAX, || {})
    }

    /// Starts this many threads.
    pub(crate) fn with_threads(threads: usize) -> io::Result<Self> {
        Self::spawn("password-hash", threads, WAITING_MAX, stand_back)
    }

    fn spawn(name: &str, threads: usize, waiting_max: usize, first: fn()) -> io::Result<Self> {
        let pool = Self(Arc::new(Queue {
            max: waiting_max,
            waiting: Mutex::default(),
            changed: Condvar::new(),
        }));
        for _ in 0..threads {
            let queue = Arc::clone(&pool.0);
            thread::Builder::new().name(name.into()).spawn(move || {
                first();
                while let Some(job) = queue.next() {
                    job(Turn::Come);
                }
            })?;
        }
        Ok(pool)
    }

    /// Has a job done with a thing, or gives the thing back if too many wait. Once it waits, it is done.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        thing: T,
        job: impl FnOnce(T) + Send + 'static,
    ) -> Result<(), T> {
        self.put(None, 1, thing, |thing, _| job(thing))
    }

    /// The same for somebody's login, which may give way to another's later.
    pub(crate) fn submit_for<T: Send + 'static>(
        &self,
        claim: Claim,
        thing: T,
        job: impl FnOnce(T, Turn) + Send + 'static,
    ) -> Result<(), T> {
        self.put(Some(claim.whose), claim.places, thing, job)
    }

    /// The same for hashes of a login that cannot come again: where it gives way, or finds only others waiting, it goes
    /// on among the pieces of tunnels. It does not where its own source has as much waiting as anybody.
    pub(crate) fn submit_lasting<T, J>(
        &self,
        claim: Claim,
        tunnels: &Arc<Self>,
        thing: T,
        job: J,
    ) -> Result<(), T>
    where
        T: Send + 'static,
        J: FnOnce(T, Turn) + Send + 'static,
    {
        let whose = claim.whose.clone();
        let there = Claim {
            whose: claim.whose.clone(),
            places: claim.places.saturating_mul(PIECES_OF_HASH),
        };
        let go_on = |(thing, job): (T, J), turn| job(thing, turn);
        let (other, claimed) = (Arc::clone(tunnels), there.clone());
        let submitted = self.submit_for(claim, (thing, job), move |lasting, turn| {
            let refused = match turn {
                Turn::Come => return go_on(lasting, Turn::Come),
                Turn::Lost => other.submit_for(claimed, lasting, go_on),
            };
            if let Err(lasting) = refused {
                go_on(lasting, Turn::Lost);
            }
        });
        let submitted = match submitted {
            Err(lasting) if self.0.lock().taken.by(&whose) == 0 => {
                tunnels.submit_for(there, lasting, go_on)
            }
            submitted => submitted,
        };
        submitted.map_err(|(thing, _)| thing)
    }

    fn put<T: Send + 'static>(
        &self,
        whose: Option<Whose>,
        places: usize,
        thing: T,
        job: impl FnOnce(T, Turn) + Send + 'static,
    ) -> Result<(), T> {
        let places = places.min(self.0.max);
        let mut waiting = self.0.lock();
        let Some(lost) = waiting.make_room(self.0.max, whose.as_ref(), places) else {
            return Err(thing);
        };
        let job = Box::new(move |turn| job(thing, turn));
        let at = waiting.jobs.len();
        waiting.insert(at, Waiter { whose, places, job });
        drop(waiting);
        self.0.changed.notify_one();
        for waiter in lost {
            (waiter.job)(Turn::Lost);
        }
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_all();
    }
}

impl Queue {
    /// The job that has waited longest; nothing once the pool is gone and none waits.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if let Some(waiter) = waiting.remove(0) {
                return Some(waiter.job);
            }
            if waiting.is_over {
                return None;
            }
            let woken = self.changed.wait(waiting);
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Takes out what gives way to a newcomer, the latest first. Where there is no room even so, there is nothing and
    /// all stay.
    fn make_room(
        &mut self,
        max: usize,
        newcomer: Option<&Whose>,
        places: usize,
    ) -> Option<Vec<Waiter>> {
        let mut out = Vec::new();
        while self.taken.places.saturating_add(places) > max {
            let Some(lost) = newcomer.and_then(|newcomer| self.give_way(newcomer, places)) else {
                for (at, waiter) in out.into_iter().rev() {
                    self.insert(at, waiter);
                }
                return None;
            };
            out.push(lost);
        }
        Some(out.into_iter().map(|(_, waiter)| waiter).collect())
    }

    fn give_way(&mut self, newcomer: &Whose, places: usize) -> Option<(usize, Waiter)> {
        let loser = self.taken.dispensable(newcomer, places)?;
        let mut jobs = self.jobs.iter();
        let at = jobs.rposition(|waiter| waiter.whose.as_ref() == Some(&loser))?;
        self.remove(at).map(|waiter| (at, waiter))
    }

    fn insert(&mut self, at: usize, waiter: Waiter) {
        self.taken.add(waiter.whose.as_ref(), waiter.places);
        self.jobs.insert(at, waiter);
    }

    fn remove(&mut self, at: usize) -> Option<Waiter> {
        let waiter = self.jobs.remove(at)?;
        self.taken.remove(waiter.whose.as_ref(), waiter.places);
        Some(waiter)
    }
}

/// How many places are taken in all, and by whom.
#[derive(Default)]
struct Taken {
    places: usize,
    of_client: HashMap<Client, OfClient>,
}

#[derive(Default)]
struct OfClient {
    places: usize,
    of_source: HashMap<Network, usize>,
}

impl Taken {
    fn add(&mut self, whose: Option<&Whose>, places: usize) {
        self.places += places;
        if let Some(Whose { client, source }) = whose {
            let share = self.of_client.entry(client.clone()).or_default();
            share.places += places;
            *share.of_source.entry(*source).or_default() += places;
        }
    }

    /// Nothing is kept of who has none left.
    fn remove(&mut self, whose: Option<&Whose>, places: usize) {
        self.places -= places;
        let Some(Whose { client, source }) = whose else {
            return;
        };
        let Some(share) = self.of_client.get_mut(client) else {
            return;
        };
        share.places -= places;
        if let Some(of_source) = share.of_source.get_mut(source) {
            *of_source -= places;
            if *of_source == 0 {
                share.of_source.remove(source);
            }
        }
        if share.of_source.is_empty() {
            self.of_client.remove(client);
        }
    }

    fn by(&self, whose: &Whose) -> usize {
        let share = self.of_client.get(&whose.client);
        let places = share.and_then(|share| share.of_source.get(&whose.source));
        places.copied().unwrap_or(0)
    }

    /// Whose latest gives way to so many places of a newcomer: the source with the most, behind the client with the
    /// most. Nobody's gives way to somebody who would then have more.
    fn dispensable(&self, newcomer: &Whose, places: usize) -> Option<Whose> {
        let own = self.of_client.get(&newcomer.client);
        let would_have = own.map_or(0, |share| share.places).saturating_add(places);
        let clients = self.of_client.iter();
        let (client, share) = clients.max_by_key(|(_, share)| share.places)?;
        let (client, share, would_have) = if share.places > would_have {
            (client, share, 0)
        } else {
            let would_have = self.by(newcomer).saturating_add(places);
            (&newcomer.client, own?, would_have)
        };
        let sources = share.of_source.iter();
        let (source, most) = sources.max_by_key(|(_, places)| **places)?;
        (*most > would_have).then(|| Whose {
            client: client.clone(),
            source: *source,
        })
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// What became of a job: its number, and whether its turn came.
    type Became = (u32, Turn);

    struct Bench {
        pool: Pool,
        tell: Sender<Became>,
        told: Receiver<Became>,
        begin: Sender<()>,
    }

    #[test]
    fn threads_that_hash_stand_back() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let (tell, told) = channel();
        let pool = Pool::with_threads(1).unwrap();
        let job = move |()| tell.send(niceness()).unwrap();
        assert!(pool.submit((), job).is_ok());
        let least = 19;
        assert_eq!(told.recv().unwrap(), (niceness() + STEPS_BACK).min(least));
    }

    /// A pool of one thread, which is busy until told to begin.
    fn bench() -> Bench {
        let (tell, told) = channel();
        let (pool, begin) = busy(WAITING_MAX);
        Bench {
            pool,
            tell,
            told,
            begin,
        }
    }

    fn busy(waiting_max: usize) -> (Pool, Sender<()>) {
        let pool = Pool::spawn("busy", 1, waiting_max, || {}).unwrap();
        let ((begin, begun), (busy, is_busy)) = (channel::<()>(), channel());
        let submitted = pool.submit((), move |()| {
            busy.send(()).unwrap();
            begun.recv().unwrap();
        });
        assert_eq!(submitted, Ok(()));
        is_busy.recv().unwrap();
        (pool, begin)
    }

    fn claim(client: &str, source: &str, places: usize) -> Claim {
        let whose = Whose {
            client: (Vdom::ROOT, client.into()),
            source: Network::of(source.parse().unwrap()),
        };
        Claim { whose, places }
    }

    impl Bench {
        fn put(&self, client: &str, source: &str, number: u32) -> bool {
            self.put_of(1, (client, source), number)
        }

        fn put_of(&self, places: usize, (client, source): (&str, &str), number: u32) -> bool {
            let claim = claim(client, source, places);
            let tell = self.tell.clone();
            let submitted = self.pool.submit_for(claim, number, move |number, turn| {
                tell.send((number, turn)).unwrap();
            });
            submitted.is_ok()
        }

        /// As many as there are places, of one source.
        fn fill(&self, client: &str, source: &str) -> u32 {
            let max = u32::try_from(WAITING_MAX).unwrap();
            for number in 0..max {
                assert!(self.put(client, source, number));
            }
            max
        }

        /// What was done, in order, once the thread goes on.
        fn done(self) -> Vec<u32> {
            self.begin.send(()).unwrap();
            drop((self.pool, self.tell));
            self.told.iter().map(|(number, _)| number).collect()
        }
    }

    #[test]
    fn one_client_may_have_all_of_it_until_another_comes() {
        let bench = bench();
        let max = bench.fill("vpn", "192.0.2.1");
        assert!(!bench.put("vpn", "192.0.2.1", max));
        // The latest give way, until both have as many.
        for number in 0..max / 2 {
            assert!(bench.put("wifi", "192.0.2.2", 1_000 + number), "{number}");
            assert_eq!(bench.told.try_recv(), Ok((max - 1 - number, Turn::Lost)));
        }
        assert!(!bench.put("wifi", "192.0.2.2", 2_000) && !bench.put("vpn", "192.0.2.1", 2_000));
        let done = bench.done();
        let expected = (0..max / 2).chain(1_000..1_000 + max / 2);
        assert_eq!(done, expected.collect::<Vec<u32>>());
    }

    #[test]
    fn the_sources_behind_a_client_share_what_it_has() {
        let bench = bench();
        let max = bench.fill("vpn", "192.0.2.3");
        assert!(bench.put("vpn", "192.0.2.4", 1_000));
        assert_eq!(bench.told.try_recv(), Ok((max - 1, Turn::Lost)));
        // Of the client with the most it is the source with the most that gives way.
        assert!(bench.put("wifi", "192.0.2.5", 1_001));
        assert_eq!(bench.told.try_recv(), Ok((max - 2, Turn::Lost)));
        assert!(!bench.put("vpn", "192.0.2.3", max));
        let done = bench.done();
        assert!(done.ends_with(&[max - 3, 1_000, 1_001]));
    }

    #[test]
    fn a_job_takes_a_place_for_each_of_its_hashes() {
        let bench = bench();
        let [vpn, wifi] = [("vpn", "192.0.2.1"), ("wifi", "192.0.2.2")];
        let jobs = u32::try_from(WAITING_MAX / 6).unwrap();
        for number in 0..jobs {
            assert!(bench.put_of(6, vpn, number));
        }
        assert!(!bench.put_of(6, vpn, jobs) && bench.put_of(4, vpn, jobs));
        // Of small ones as many give way as it takes.
        assert!(bench.put_of(6, wifi, 1_000));
        let lost = [jobs, jobs - 1].map(|number| Ok((number, Turn::Lost)));
        assert_eq!([bench.told.try_recv(), bench.told.try_recv()], lost);
        assert!(bench.told.try_recv().is_err());
        assert!(bench.put_of(4, wifi, 1_001));
        assert_eq!(bench.done().len(), WAITING_MAX / 6 + 1);
    }

    #[test]
    fn nobody_gives_way_where_there_is_no_room_even_so() {
        let bench = bench();
        let max = bench.fill("vpn", "192.0.2.1");
        for number in max..max + 124 {
            assert!(bench.put("wifi", "192.0.2.2", number));
            assert!(bench.told.try_recv().is_ok());
        }
        // Two of the 132 could go; with a third one the newcomer had more.
        assert!(!bench.put_of(6, ("wifi", "192.0.2.2"), 1_000));
        assert!(bench.told.try_recv().is_err());
        let expected = (0..132).chain(max..max + 124);
        assert_eq!(bench.done(), expected.collect::<Vec<u32>>());
    }

    #[test]
    fn what_cannot_come_again_gives_way_and_goes_on_among_pieces_of_tunnels() {
        let bench = bench();
        let (tunnels, go_on) = busy(2 * PIECES_OF_HASH);
        let tunnels = Arc::new(tunnels);
        let last = |source: &str, number: u32| {
            let (claim, tell) = (claim("wifi", source, 1), bench.tell.clone());
            let job = move |number, turn| tell.send((number, turn)).unwrap();
            bench.pool.submit_lasting(claim, &tunnels, number, job)
        };
        let max = u32::try_from(WAITING_MAX).unwrap();
        for number in 0..max {
            assert_eq!(last("192.0.2.1", number), Ok(()));
        }
        // What its own source keeps waiting is not done elsewhere.
        assert_eq!(last("192.0.2.1", max), Err(max));
        // It is as much in the way of others as what can come again.
        for number in 1_000..1_003 {
            assert!(bench.put("vpn", "192.0.2.2", number));
        }
        assert_eq!(bench.told.try_recv(), Ok((max - 3, Turn::Lost)));
        assert!(bench.told.try_recv().is_err());
        go_on.send(()).unwrap();
        for number in [max - 1, max - 2] {
            assert_eq!(bench.told.recv(), Ok((number, Turn::Come)));
        }
        let done = bench.done();
        assert!(done.ends_with(&[max - 4, 1_000, 1_001, 1_002]));
    }

    #[test]
    fn what_cannot_come_again_and_finds_others_waiting_goes_on_among_pieces_of_tunnels() {
        let (pool, _begin) = busy(2);
        let (tunnels, _go_on) = busy(2 * PIECES_OF_HASH);
        let tunnels = Arc::new(tunnels);
        let last = |source: &str| {
            let claim = claim("wifi", source, 1);
            pool.submit_lasting(claim, &tunnels, (), |(), _| ()).is_ok()
        };
        assert!(last("192.0.2.1") && last("192.0.2.2"));
        assert!(!last("192.0.2.1"));
        assert!(last("192.0.2.3") && last("192.0.2.4"));
        // It has its share there too.
        assert!(!last("192.0.2.3") && !last("192.0.2.5"));
        let piece = claim("lan", "192.0.2.6", 1);
        assert!(tunnels.submit_for(piece, (), |(), _| ()).is_ok());
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(32))]

        /// However many sources there are behind one controller, whatever they send and however little of it is done
        /// meanwhile.
        #[test]
        fn nobody_behind_one_controller_keeps_those_of_another_waiting_in_vain(
            steps in proptest::collection::vec((0_u8..=255, proptest::bool::ANY, 0_usize..3), 1..400),
        ) {
            let pool = Pool::spawn("none", 0, TUNNELS_WAITING_MAX, || {}).unwrap();
            let guess = |source: u8, is_hash: bool| {
                let places = if is_hash { PIECES_OF_HASH } else { 1 };
                let claim = claim("wifi-1", &format!("192.0.2.{source}"), places);
                pool.submit_for(claim, (), |(), _| ()).is_ok()
            };
            let (tell, told) = channel();
            let pieces = steps.len();
            for (source, is_hash, done) in steps {
                while guess(source, is_hash) || guess(!source, false) {}
                let (tell, claim) = (tell.clone(), claim("wifi-2", "198.51.100.1", 1));
                let put = pool.submit_for(claim, (), move |(), turn| tell.send(turn).unwrap());
                proptest::prop_assert!(put.is_ok());
                for _ in 0..done {
                    pool.0.next().unwrap()(Turn::Come);
                }
            }
            pool.0.lock().is_over = true;
            while let Some(job) = pool.0.next() {
                job(Turn::Come);
            }
            proptest::prop_assert_eq!(told.try_iter().collect::<Vec<Turn>>(), vec![Turn::Come; pieces]);
        }
    }

    #[test]
    fn what_is_nobodys_gives_way_to_nobody_and_nobody_to_it() {
        let bench = bench();
        let max = u32::try_from(WAITING_MAX).unwrap();
        for number in 0..max {
            let tell = bench.tell.clone();
            let submitted = bench.pool.submit(number, move |number| {
                tell.send((number, Turn::Come)).unwrap();
            });
            assert_eq!(submitted, Ok(()));
        }
        assert_eq!(bench.pool.submit(max, |_| ()), Err(max));
        assert!(!bench.put("vpn", "192.0.2.1", max));
        assert_eq!(bench.done().len(), WAITING_MAX);
    }
}
