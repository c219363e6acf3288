//! Threads for what computes for long, hashes and TLS: few, behind a bounded queue, so that logins with remembered
//! passwords do not wait for it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use domain::source::Network;
use domain::vdom::Vdom;

/// Hashes that wait at most: with 20 ms each on two cores, the last is done after 3 s, which is when
/// clients ask again.
const WAITING_MAX: usize = 256;

/// Pieces of tunnels that wait at most: with 1 ms each on two cores, the last is done after half a second, of which
/// a device waits through four or more.
const TUNNELS_WAITING_MAX: usize = 1_024;

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
    pub(crate) client: (Vdom, Box<str>),
    pub(crate) source: Network,
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
    jobs: VecDeque<(Option<Whose>, Job)>,
    is_over: bool,
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
        Self::spawn("eap-tls", cores(), TUNNELS_WAITING_MAX)
    }

    /// Starts this many threads.
    pub(crate) fn with_threads(threads: usize) -> io::Result<Self> {
        Self::spawn("password-hash", threads, WAITING_MAX)
    }

    fn spawn(name: &str, threads: usize, waiting_max: usize) -> io::Result<Self> {
        let pool = Self(Arc::new(Queue {
            max: waiting_max,
            waiting: Mutex::default(),
            changed: Condvar::new(),
        }));
        for _ in 0..threads {
            let queue = Arc::clone(&pool.0);
            thread::Builder::new().name(name.into()).spawn(move || {
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
        self.put(None, thing, |thing, _| job(thing))
    }

    /// The same for somebody's login, which may give way to another's later.
    pub(crate) fn submit_for<T: Send + 'static>(
        &self,
        whose: Whose,
        thing: T,
        job: impl FnOnce(T, Turn) + Send + 'static,
    ) -> Result<(), T> {
        self.put(Some(whose), thing, job)
    }

    /// The same for a login that cannot come again: where it gives way it goes on in another pool, and its turn is
    /// lost if too many wait there as well.
    pub(crate) fn submit_lasting<T: Send + 'static>(
        &self,
        whose: Whose,
        other: &Arc<Self>,
        thing: T,
        job: impl FnOnce(T, Turn) + Send + 'static,
    ) -> Result<(), T> {
        let other = Arc::clone(other);
        let submitted = self.submit_for(whose, (thing, job), move |(thing, job), turn| {
            let taken = match turn {
                Turn::Come => return job(thing, Turn::Come),
                Turn::Lost => other.submit((thing, job), |(thing, job)| job(thing, Turn::Come)),
            };
            if let Err((thing, job)) = taken {
                job(thing, Turn::Lost);
            }
        });
        submitted.map_err(|(thing, _)| thing)
    }

    fn put<T: Send + 'static>(
        &self,
        whose: Option<Whose>,
        thing: T,
        job: impl FnOnce(T, Turn) + Send + 'static,
    ) -> Result<(), T> {
        let mut waiting = self.0.lock();
        let lost = if waiting.jobs.len() < self.0.max {
            None
        } else {
            let dispensable = whose.as_ref().and_then(|whose| waiting.dispensable(whose));
            let Some(lost) = dispensable.and_then(|at| waiting.jobs.remove(at)) else {
                return Err(thing);
            };
            Some(lost)
        };
        let job = Box::new(move |turn| job(thing, turn));
        waiting.jobs.push_back((whose, job));
        drop(waiting);
        self.0.changed.notify_one();
        if let Some((_, lost)) = lost {
            lost(Turn::Lost);
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
            if let Some((_, job)) = waiting.jobs.pop_front() {
                return Some(job);
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
    /// The place of the job that gives way to one more of `newcomer`: the latest of the source with the most, behind
    /// the client with the most. Nobody's gives way to somebody who has as many.
    fn dispensable(&self, newcomer: &Whose) -> Option<usize> {
        let (mut of_client, mut of_source) = (HashMap::new(), HashMap::new());
        for whose in self.jobs.iter().filter_map(|(whose, _)| whose.as_ref()) {
            *of_client.entry(&whose.client).or_insert(0) += 1;
            *of_source.entry(whose).or_insert(0) += 1;
        }
        let own = of_client.get(&newcomer.client).copied().unwrap_or(0);
        let (client, most) = of_client.into_iter().max_by_key(|(_, jobs)| *jobs)?;
        let (client, own) = if most > own + 1 {
            (client, 0)
        } else {
            let own = of_source.get(newcomer).copied().unwrap_or(0);
            (&newcomer.client, own + 1)
        };
        let sources = of_source.into_iter();
        let (loser, most) = sources
            .filter(|(whose, _)| whose.client == *client)
            .max_by_key(|(_, jobs)| *jobs)?;
        if most <= own {
            return None;
        }
        self.jobs
            .iter()
            .rposition(|(whose, _)| whose.as_ref() == Some(loser))
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
        let pool = Pool::spawn("busy", 1, waiting_max).unwrap();
        let ((begin, begun), (busy, is_busy)) = (channel::<()>(), channel());
        let submitted = pool.submit((), move |()| {
            busy.send(()).unwrap();
            begun.recv().unwrap();
        });
        assert_eq!(submitted, Ok(()));
        is_busy.recv().unwrap();
        (pool, begin)
    }

    fn whose(client: &str, source: &str) -> Whose {
        Whose {
            client: (Vdom::ROOT, client.into()),
            source: Network::of(source.parse().unwrap()),
        }
    }

    impl Bench {
        fn put(&self, client: &str, source: &str, number: u32) -> bool {
            let whose = whose(client, source);
            let tell = self.tell.clone();
            let submitted = self.pool.submit_for(whose, number, move |number, turn| {
                tell.send((number, turn)).unwrap();
            });
            submitted.is_ok()
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
        let max = u32::try_from(WAITING_MAX).unwrap();
        for number in 0..max {
            assert!(bench.put("vpn", "192.0.2.1", number));
        }
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
        let max = u32::try_from(WAITING_MAX).unwrap();
        for number in 0..max {
            assert!(bench.put("vpn", "192.0.2.3", number));
        }
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
    fn what_cannot_come_again_gives_way_and_goes_on_elsewhere() {
        let bench = bench();
        let (other, go_on) = busy(2);
        let other = Arc::new(other);
        let last = |number: u32| {
            let (whose, tell) = (whose("wifi", "192.0.2.1"), bench.tell.clone());
            let job = move |number, turn| tell.send((number, turn)).unwrap();
            bench.pool.submit_lasting(whose, &other, number, job)
        };
        let max = u32::try_from(WAITING_MAX).unwrap();
        for number in 0..max {
            assert_eq!(last(number), Ok(()));
        }
        assert_eq!(last(max), Err(max));
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
