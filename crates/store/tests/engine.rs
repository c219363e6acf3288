//! The writer, the readers and the lock, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and it needs processes and files to fail"
)]

use std::convert::Infallible;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use store::engine::{Durability, Effect, Job, SqliteTx, Tx};
use store::{
    Database, Failure, Health, Hooks, Migration, OpenError, SqlError, Undecided, Work, vals,
};

const ONE: &[Migration] = &[Migration {
    name: "items",
    sql: "CREATE TABLE item (id INTEGER PRIMARY KEY, a TEXT, b TEXT, body BLOB) STRICT",
}];
const TWO: &[Migration] = &[
    ONE[0],
    Migration {
        name: "marks",
        sql: "ALTER TABLE item ADD COLUMN mark INTEGER",
    },
];

fn open(dir: &Path) -> Arc<Database> {
    Arc::new(Database::open(&dir.join("test.db"), ONE, ()).unwrap())
}

fn unavailable<T, E>(outcome: &Result<T, Failure<E>>) -> bool {
    matches!(outcome, Err(Failure::Undecided(Undecided::Unavailable(_))))
}

struct Insert(i64);
impl Work for Insert {
    type Out = i64;
    type Err = Infallible;
    async fn run<T: Tx>(self, tx: &mut T) -> Result<i64, Failure<Infallible>> {
        tx.exec_one("INSERT INTO item (id) VALUES ($1)", &vals![self.0])
            .await?;
        Ok(self.0)
    }
}

/// Writes, then the domain refuses.
struct InsertAndRefuse(i64);
impl Work for InsertAndRefuse {
    type Out = ();
    type Err = &'static str;
    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<&'static str>> {
        tx.exec("INSERT INTO item (id) VALUES ($1)", &vals![self.0])
            .await?;
        Err(Failure::Refused("no"))
    }
}

struct Ids;
impl Work for Ids {
    type Out = Vec<i64>;
    type Err = Infallible;
    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<i64>, Failure<Infallible>> {
        let rows = tx
            .rows::<(i64,)>("SELECT id FROM item ORDER BY id", &[])
            .await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}

/// Holds the writer thread until the test lets go, so that others queue up behind it.
struct Hold(mpsc::Receiver<()>);
impl Work for Hold {
    type Out = ();
    type Err = Infallible;
    async fn run<T: Tx>(self, _: &mut T) -> Result<(), Failure<Infallible>> {
        self.0.recv().unwrap();
        Ok(())
    }
}

/// Starts a task that occupies the writer; dropping or using the sender frees it.
async fn hold(database: &Arc<Database>) -> mpsc::Sender<()> {
    let (release, wait) = mpsc::channel();
    let database = Arc::clone(database);
    tokio::spawn(async move { database.write(Hold(wait)).await });
    tokio::task::yield_now().await;
    release
}

#[tokio::test]
async fn sixty_four_that_wait_share_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let release = hold(&database).await;
    let tasks: Vec<_> = (0..64)
        .map(|id| {
            let database = Arc::clone(&database);
            tokio::spawn(async move { database.write(Insert(id)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    for (id, task) in (0..).zip(tasks) {
        assert_eq!(task.await.unwrap(), Ok(id));
    }
    let shared = database.statistics();
    assert_eq!(shared.jobs, 65);
    assert!(shared.commits <= 2, "{shared:?}");
    assert_eq!(database.read(Ids).await.unwrap().len(), 64);
}

/// A row of which nobody has to know after a power failure.
struct Note {
    id: i64,
    /// Until when it holds the writer.
    until: Option<mpsc::Receiver<()>>,
    told: mpsc::Sender<i64>,
}

impl Job for Note {
    fn durability(&self) -> Durability {
        Durability::Soon
    }

    fn run(&mut self, tx: &mut SqliteTx<'_>) -> Result<Effect, Undecided> {
        if let Some(until) = &self.until {
            until.recv().unwrap();
        }
        tx.execute("INSERT INTO item (id) VALUES ($1)", &vals![self.id])?;
        Ok(Effect::Keep)
    }

    fn complete(self: Box<Self>, outcome: Result<(), Undecided>) {
        outcome.unwrap();
        self.told.send(self.id).unwrap();
    }
}

#[tokio::test]
async fn what_nothing_rests_on_waits_for_no_sync_and_has_one_soon() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let (told, heard) = mpsc::channel();
    let note = |id, until| {
        let told = told.clone();
        let note = Note { id, until, told };
        database.submit(Box::new(note)).unwrap();
    };
    let (release, held) = mpsc::channel();
    note(0, Some(held));
    note(1, None);
    let (writing, then) = (Arc::clone(&database), told.clone());
    tokio::spawn(async move {
        let then = move |id: &i64| then.send(*id).unwrap();
        writing.write_then(Insert(2), then).await
    });
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    // In their order, whoever needs a sync.
    let order: Vec<_> = heard.iter().take(3).collect();
    assert_eq!(order, [0, 1, 2]);
    let before = database.statistics();
    assert!(before.syncs < before.commits, "{before:?}");

    note(3, None);
    assert_eq!(heard.recv(), Ok(3));
    assert_eq!(database.read(Ids).await, Ok(vec![0, 1, 2, 3]));
    until(|| database.statistics().syncs > before.syncs).await;
    assert_eq!(database.health(), Health::Healthy);
    assert_eq!(database.statistics().commits, before.commits + 1);
}

/// Waits for what comes sooner or later.
async fn until(mut has_come: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !has_come() {
        assert!(Instant::now() < patience, "it does not come");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_has_read_of_it_waits_for_a_sync_although_it_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let (told, heard) = mpsc::channel();
    let note = Note {
        id: 0,
        until: None,
        told,
    };
    let before = database.statistics().syncs;
    database.submit(Box::new(note)).unwrap();
    assert_eq!(database.write(Ids).await, Ok(vec![0]));
    assert_eq!(heard.recv(), Ok(0));
    assert_eq!(database.statistics().syncs, before + 1);
    // And where nothing is to be synced, nothing is.
    assert_eq!(database.write(Ids).await, Ok(vec![0]));
    assert_eq!(database.statistics().syncs, before + 1);
}

#[tokio::test]
async fn a_stream_without_a_pause_is_synced_too() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let (told, heard) = mpsc::channel();
    let mut id = 0..;
    until(|| {
        for _ in 0..100 {
            let note = Note {
                id: id.next().unwrap(),
                until: None,
                told: told.clone(),
            };
            // A full queue is as good: the stream has no pause.
            let _ = database.submit(Box::new(note));
        }
        database.statistics().syncs >= 2
    })
    .await;
    drop(told);
    database.shutdown();
    assert_eq!(heard.iter().count() as u64, database.statistics().jobs);
}

/// Writes ten pages.
struct Pages;
impl Work for Pages {
    type Out = ();
    type Err = Infallible;
    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Infallible>> {
        tx.exec_one("INSERT INTO item (body) VALUES (zeroblob(40000))", &[])
            .await?;
        Ok(())
    }
}

#[tokio::test]
async fn under_a_load_without_a_pause_the_log_does_not_grow_without_end() {
    const TASKS: usize = 8;
    const EACH: usize = 250;
    const PAGE: u64 = 4_096;
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let write = || {
        let database = Arc::clone(&database);
        tokio::spawn(async move {
            for _ in 0..EACH {
                database.write(Pages).await.unwrap();
            }
        })
    };
    for task in (0..TASKS).map(|_| write()).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let octets = |name: &str| fs::metadata(dir.path().join(name)).unwrap().len();
    assert!(octets("test.db") > 10_000 * PAGE, "written back meanwhile");
    assert!(octets("test.db-wal") < 8_000 * PAGE, "and not much is left");
    assert_eq!(database.read(Ids).await.unwrap().len(), TASKS * EACH);
}

#[tokio::test]
async fn what_was_not_synced_outlives_a_shutdown() {
    let dir = tempfile::tempdir().unwrap();
    let (told, heard) = mpsc::channel();
    let database = open(dir.path());
    let note = Note {
        id: 7,
        until: None,
        told,
    };
    database.submit(Box::new(note)).unwrap();
    assert_eq!(heard.recv(), Ok(7));
    database.shutdown();
    drop(database);
    assert_eq!(open(dir.path()).read(Ids).await, Ok(vec![7]));
}

#[tokio::test]
async fn a_job_that_fails_takes_back_its_own_writes_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let release = hold(&database).await;
    let (one, refused, duplicate, two) = tokio::join!(
        database.write(Insert(1)),
        database.write(InsertAndRefuse(7)),
        database.write(Insert(1)),
        async {
            release.send(()).unwrap();
            database.write(Insert(2)).await
        }
    );
    assert_eq!(
        (one, refused, two),
        (Ok(1), Err(Failure::Refused("no")), Ok(2))
    );
    let Err(Failure::Undecided(Undecided::Statement(error))) = duplicate else {
        panic!("{duplicate:?}")
    };
    assert!(error.is_duplicate(), "{error}");
    assert_eq!(database.read(Ids).await, Ok(vec![1, 2]));
    assert_eq!(database.health(), Health::Healthy);
}

/// Takes the parameters in another order than they appear, one of them twice.
struct Shuffled;
impl Work for Shuffled {
    type Out = (i64, String, String);
    type Err = Infallible;
    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Infallible>> {
        tx.exec(
            "INSERT INTO item (a, b, id) VALUES ($3, $2 || $3, $1)",
            &vals![5, "b", "a"],
        )
        .await?;
        let found = tx
            .row("SELECT id, a, b FROM item WHERE b = $1", &vals!["ba"])
            .await?;
        Ok(found.expect("the row just written"))
    }
}

#[tokio::test]
async fn parameters_go_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    assert_eq!(
        database.write(Shuffled).await,
        Ok((5, "a".into(), "ba".into()))
    );
}

struct Statement(&'static str);
impl Work for Statement {
    type Out = u64;
    type Err = Infallible;
    async fn run<T: Tx>(self, tx: &mut T) -> Result<u64, Failure<Infallible>> {
        Ok(tx.exec(self.0, &vals![1]).await?)
    }
}

#[tokio::test]
async fn a_parameter_that_does_not_fit_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    for sql in [
        "INSERT INTO item (id) VALUES ($2)",
        "INSERT INTO item (id) VALUES ($0)",
        "INSERT INTO item (id) VALUES (:id)",
        "INSERT INTO item (id) VALUES (?)",
        "INSERT INTO item (id) VALUES (3)",
        "INSERT INTO item (id, a) VALUES ($1, $2)",
    ] {
        let outcome = database.write(Statement(sql)).await;
        let Err(Failure::Undecided(Undecided::Statement(error))) = outcome else {
            panic!("{sql}: {outcome:?}")
        };
        assert!(
            matches!(*error, SqlError::Parameters { given: 1, .. }),
            "{error}"
        );
    }
    assert_eq!(database.read(Ids).await, Ok(vec![]));
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let outcome = database.read(Insert(1)).await;
    assert!(
        matches!(outcome, Err(Failure::Undecided(Undecided::Statement(_)))),
        "{outcome:?}"
    );
    assert_eq!(database.read(Ids).await, Ok(vec![]));
}

/// Reads nothing, and not before it is told to end.
struct Long(Arc<Mutex<mpsc::Receiver<()>>>);
impl Work for Long {
    type Out = ();
    type Err = Infallible;
    async fn run<T: Tx>(self, _: &mut T) -> Result<(), Failure<Infallible>> {
        self.0.lock().unwrap().recv().unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn a_thread_that_waits_for_its_read_waits_for_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    database.write(Insert(1)).await.unwrap();
    let (end, told) = mpsc::channel();
    let told = Arc::new(Mutex::new(told));
    let long: Vec<_> = (0..8)
        .map(|_| {
            let (database, told) = (Arc::clone(&database), Arc::clone(&told));
            tokio::spawn(async move { database.read(Long(told)).await })
        })
        .collect();
    // They are asked: all readers of such are taken.
    tokio::task::yield_now().await;
    let waits = Arc::clone(&database);
    let read = tokio::task::spawn_blocking(move || waits.read_blocking(Ids));
    assert_eq!(read.await.unwrap(), Ok(vec![1]));
    for _ in &long {
        end.send(()).unwrap();
    }
    for read in long {
        assert_eq!(read.await.unwrap(), Ok(()));
    }
}

struct Panics;
impl Work for Panics {
    type Out = ();
    type Err = Infallible;
    async fn run<T: Tx>(self, _: &mut T) -> Result<(), Failure<Infallible>> {
        panic!("a use case panics")
    }
}

#[tokio::test]
async fn a_read_that_panics_ends_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    for _ in 0..8 {
        assert!(unavailable(&database.read(Panics).await));
    }
    assert_eq!(database.read(Ids).await, Ok(vec![]));
}

#[tokio::test]
async fn what_follows_a_commit_comes_before_the_next_batch() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let seen = Arc::new(Mutex::new(Vec::new()));
    for id in 1..=3 {
        let log = Arc::clone(&seen);
        database
            .write_then(Insert(id), move |id| log.lock().unwrap().push(*id))
            .await
            .unwrap();
        assert_eq!(seen.lock().unwrap().len(), usize::try_from(id).unwrap());
    }
    let log = Arc::clone(&seen);
    let refused = database.write_then(InsertAndRefuse(4), move |()| log.lock().unwrap().push(4));
    assert_eq!(refused.await, Err(Failure::Refused("no")));
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn a_full_queue_says_so_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let release = hold(&database).await;
    let mut accepted = Vec::new();
    let busy = loop {
        let database = Arc::clone(&database);
        let id = i64::try_from(accepted.len()).unwrap();
        let task = tokio::spawn(async move { database.write(Insert(id)).await });
        tokio::task::yield_now().await;
        if task.is_finished() {
            break task.await.unwrap();
        }
        accepted.push(task);
        assert!(accepted.len() < 100_000, "the queue has no bound");
    };
    assert_eq!(busy, Err(Failure::Undecided(Undecided::Busy)));
    release.send(()).unwrap();
    for task in accepted {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn shutdown_finishes_what_waits_and_leaves_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let release = hold(&database).await;
    let tasks: Vec<_> = (0..8)
        .map(|id| {
            let database = Arc::clone(&database);
            tokio::spawn(async move { database.write(Insert(id)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    let closing = Arc::clone(&database);
    tokio::task::spawn_blocking(move || closing.shutdown())
        .await
        .unwrap();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(
        database.write(Insert(9)).await,
        Err(Failure::Undecided(Undecided::Stopped))
    );
    assert_eq!(
        database.read(Ids).await,
        Err(Failure::Undecided(Undecided::Stopped))
    );
    assert!(!dir.path().join("test.db-wal").exists());
    drop(database);
    assert_eq!(open(dir.path()).read(Ids).await.unwrap().len(), 8);
}

#[test]
fn a_schema_grows_once_and_never_shrinks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.db");
    for migrations in [ONE, ONE, TWO, TWO] {
        Database::open(&path, migrations, ()).unwrap();
    }
    let error = Database::open(&path, ONE, ()).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("newer version"), "{error}");
}

/// Counts its calls and the rows it saw.
struct Rebuilt {
    calls: Arc<AtomicUsize>,
    rows: Arc<AtomicUsize>,
}

impl Hooks for Rebuilt {
    fn rebuild(&mut self, tx: &mut SqliteTx<'_>) -> Result<(), SqlError> {
        let rows = tx.query::<(i64,)>("SELECT id FROM item", &[])?;
        self.rows.store(rows.len(), Ordering::SeqCst);
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Lets the database grow no further; the limit dies with the connection.
struct Fill;
impl Work for Fill {
    type Out = ();
    type Err = Infallible;
    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Infallible>> {
        tx.rows::<(i64,)>("PRAGMA max_page_count = 1", &[]).await?;
        Ok(())
    }
}

struct Large(i64);
impl Work for Large {
    type Out = ();
    type Err = Infallible;
    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Infallible>> {
        let body = vec![1_u8; 100_000];
        tx.exec(
            "INSERT INTO item (id, body) VALUES ($1, $2)",
            &vals![self.0, body],
        )
        .await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_failed_write_acknowledges_nothing_of_its_batch_and_rebuilds() {
    let dir = tempfile::tempdir().unwrap();
    let (calls, rows) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let hooks = Rebuilt {
        calls: Arc::clone(&calls),
        rows: Arc::clone(&rows),
    };
    let database = Arc::new(Database::open(&dir.path().join("test.db"), ONE, hooks).unwrap());
    database.write(Insert(1)).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1);

    let release = hold(&database).await;
    let (before, full, large, ()) = tokio::join!(
        database.write(Insert(2)),
        database.write(Fill),
        database.write(Large(3)),
        async { release.send(()).unwrap() }
    );
    assert!(unavailable(&before), "{before:?}");
    assert!(unavailable(&full), "{full:?}");
    assert!(unavailable(&large), "{large:?}");

    database.write(Large(4)).await.unwrap();
    assert_eq!(database.read(Ids).await, Ok(vec![1, 4]));
    assert_eq!(
        (calls.load(Ordering::SeqCst), rows.load(Ordering::SeqCst)),
        (2, 1)
    );
    assert_eq!(database.health(), Health::Healthy);
}

struct Panic;
impl Work for Panic {
    type Out = ();
    type Err = Infallible;
    async fn run<T: Tx>(self, _: &mut T) -> Result<(), Failure<Infallible>> {
        panic!("expected by the test")
    }
}

#[tokio::test]
async fn a_panic_in_a_use_case_leaves_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(dir.path());
    let release = hold(&database).await;
    let (panicked, behind, ()) =
        tokio::join!(database.write(Panic), database.write(Insert(1)), async {
            release.send(()).unwrap();
        });
    let stopped = Err(Failure::Undecided(Undecided::Stopped));
    assert_eq!(panicked, stopped);
    assert_eq!(behind.map(drop), stopped);
    assert!(matches!(database.health(), Health::Failed { .. }));
}

/// Runs one of the `#[ignore]`d tests of this file in a process of its own.
fn in_another_process(test: &str, dir: &Path) -> Command {
    // A process that ignores SIGXFSZ gets an error for a write past its limit, like one on a full disk.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env("STORE_TEST_DIR", dir);
    command
}

fn dir_of_the_parent() -> std::path::PathBuf {
    std::env::var_os("STORE_TEST_DIR")
        .expect("started by another test")
        .into()
}

#[test]
fn a_second_process_is_told_who_holds_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let mut holder = in_another_process("child_holds_the_lock", dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(holder.stdout.take().unwrap());
    output
        .lines()
        .map(Result::unwrap)
        .find(|line| line.ends_with("held"))
        .unwrap();

    let error = Database::open(&dir.path().join("test.db"), ONE, ()).unwrap_err();
    assert!(matches!(error, OpenError::Lock(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("process {}", holder.id())),
        "{error}"
    );

    holder.kill().unwrap();
    holder.wait().unwrap();
    Database::open(&dir.path().join("test.db"), ONE, ()).unwrap();
}

#[test]
#[ignore = "a process that another test starts"]
fn child_holds_the_lock() {
    let _database = open(&dir_of_the_parent());
    println!("held");
    std::io::stdin().lines().next();
}

#[test]
fn a_full_disk_is_survived_without_a_lost_or_invented_answer() {
    let dir = tempfile::tempdir().unwrap();
    let output = in_another_process("child_fills_the_disk", dir.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

fn limit_file_sizes(octets: Option<u64>) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: octets.or(maximum),
            maximum,
        },
    )
    .unwrap();
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn child_fills_the_disk() {
    let database = open(&dir_of_the_parent());
    database.write(Insert(1)).await.unwrap();

    // Nothing is written before COMMIT, so it is the commit that fails, and the log has no room to
    // be written back, so the database stays closed.
    limit_file_sizes(Some(1));
    let release = hold(&database).await;
    let (two, three, ()) = tokio::join!(
        database.write(Insert(2)),
        database.write(Insert(3)),
        async {
            release.send(()).unwrap();
        }
    );
    assert!(unavailable(&two), "{two:?}");
    assert!(unavailable(&three), "{three:?}");
    let asked = Instant::now();
    assert!(unavailable(&database.write(Insert(4)).await));
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "jobs are turned away at once"
    );
    let Health::Failed { reason, .. } = database.health() else {
        panic!("not healthy")
    };
    assert!(
        reason.contains("I/O") || reason.contains("full"),
        "{reason}"
    );
    assert_eq!(database.read(Ids).await, Ok(vec![1]), "readers go on");

    limit_file_sizes(None);
    let deadline = Instant::now() + Duration::from_secs(20);
    while database.health() != Health::Healthy {
        assert!(
            Instant::now() < deadline,
            "not opened again: {}",
            database.health()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    database.write(Insert(5)).await.unwrap();
    assert_eq!(database.read(Ids).await, Ok(vec![1, 5]));
}
