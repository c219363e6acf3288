//! Where phones are woken: one subscription each, the newest.
//!
//! Those of devices that a gateway has asked for are kept in a file of lines, appended and synced: a device with
//! its subscription, or a device and `-` once it has none. What is no longer true is left out when the file is
//! written anew. Those of other devices are in memory for as long as the device is.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ident::RegistrationId;
use softtoken::push::{AuthSecret, Endpoint, Subscription, UserAgentKey};

use crate::lines::LineFile;
use crate::subscriptions::DEVICES_MAX;

/// 200,000 lines of the longest, and as many that are no longer true.
const FILE_MAX: u64 = 512 << 20;
/// Lines that are no longer true, beyond as many as are: then the file is written anew.
const STALE_LINES: usize = 1_024;
const NONE: &str = "-";

/// Why the subscriptions are not known.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The file.
    #[error("the Web Push subscriptions of the push relay, {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line that holds no subscription.
    #[error(
        "{} is no list of subscriptions in line {line}; put a copy back, or remove the line: its phone \
         subscribes again when its app is opened",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// Whether a subscription outlives the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keeping {
    /// On disk.
    File,
    /// In memory, until a gateway asks for its device.
    Memory,
}

#[derive(Debug)]
struct Entry {
    subscription: Arc<Subscription>,
    keeping: Keeping,
    /// Nothing is sent before, in seconds after the epoch.
    quiet_until: u64,
}

/// Subscriptions by their devices.
#[derive(Debug)]
pub(super) struct Book {
    entries: Mutex<HashMap<RegistrationId, Entry>>,
    file: Mutex<Lines>,
}

#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: LineFile,
    count: usize,
}

impl Book {
    /// Reads the file; the first time, makes it. A last line without its end was never acknowledged.
    pub(super) fn open(path: &Path) -> Result<Self, BookError> {
        let failed = |source| BookError::File {
            path: path.to_owned(),
            source,
        };
        let (file, text) = LineFile::open(path, FILE_MAX).map_err(failed)?;
        let mut entries = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let (device, subscription) = parsed(line).ok_or_else(|| BookError::Damaged {
                path: path.to_owned(),
                line: index + 1,
            })?;
            match subscription {
                Some(subscription) => {
                    entries.insert(device, Entry::new(subscription, Keeping::File))
                }
                None => entries.remove(&device),
            };
        }
        let mut lines = Lines {
            path: path.to_owned(),
            file,
            count: text.lines().count(),
        };
        lines.tidy(&entries).map_err(failed)?;
        Ok(Self {
            entries: Mutex::new(entries),
            file: Mutex::new(lines),
        })
    }

    /// Where a device is woken, and the second from which it may be.
    pub(super) fn find(&self, device: &RegistrationId) -> Option<(Arc<Subscription>, u64)> {
        let entries = self.entries();
        let entry = entries.get(device)?;
        Some((Arc::clone(&entry.subscription), entry.quiet_until))
    }

    /// A device's new subscription. Blocks until it is on disk, if it goes there.
    pub(super) fn put(
        &self,
        device: RegistrationId,
        subscription: Subscription,
        keeping: Keeping,
    ) -> io::Result<()> {
        let mut lines = self.lines();
        let is_known = self
            .find(&device)
            .is_some_and(|(known, _)| *known == subscription);
        if is_known {
            return Ok(());
        }
        if keeping == Keeping::File {
            lines.append(&line(&device, Some(&subscription)))?;
        }
        let mut entries = self.entries();
        entries.insert(device, Entry::new(subscription, keeping));
        lines.tidy(&entries)
    }

    /// A gateway has asked for the device: its subscription is kept from now on.
    pub(super) fn keep(&self, device: &RegistrationId) -> io::Result<()> {
        let mut lines = self.lines();
        let Some((subscription, _)) = self.find(device).filter(|_| self.is_in_memory(device))
        else {
            return Ok(());
        };
        lines.append(&line(device, Some(&subscription)))?;
        if let Some(entry) = self.entries().get_mut(device) {
            entry.keeping = Keeping::File;
        }
        Ok(())
    }

    /// Whether the device has a subscription that would not outlive the process.
    pub(super) fn is_in_memory(&self, device: &RegistrationId) -> bool {
        let entries = self.entries();
        let entry = entries.get(device);
        entry.is_some_and(|entry| entry.keeping == Keeping::Memory)
    }

    /// Forgets the subscription of a device; with `only`, if it is still that one.
    pub(super) fn forget(
        &self,
        device: &RegistrationId,
        only: Option<&Arc<Subscription>>,
    ) -> io::Result<()> {
        let mut lines = self.lines();
        let known = self.find(device).map(|(known, _)| known);
        let is_meant = known.is_some_and(|it| only.is_none_or(|only| Arc::ptr_eq(only, &it)));
        if !is_meant {
            return Ok(());
        }
        if !self.is_in_memory(device) {
            lines.append(&line(device, None))?;
        }
        let mut entries = self.entries();
        entries.remove(device);
        lines.tidy(&entries)
    }

    /// Nothing is sent to the device before this second.
    pub(super) fn quiet(&self, device: &RegistrationId, until: u64) {
        if let Some(entry) = self.entries().get_mut(device) {
            entry.quiet_until = until;
        }
    }

    /// Forgets what is in memory of devices that are forgotten too.
    pub(super) fn sweep(&self, is_known: impl Fn(&RegistrationId) -> bool) {
        self.entries()
            .retain(|device, entry| entry.keeping == Keeping::File || is_known(device));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<RegistrationId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Taken before the entries: what is on disk changes first.
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(subscription: Subscription, keeping: Keeping) -> Self {
        Self {
            subscription: Arc::new(subscription),
            keeping,
            quiet_until: 0,
        }
    }
}

impl Lines {
    fn append(&mut self, line: &str) -> io::Result<()> {
        self.file.append(line)?;
        self.count += 1;
        Ok(())
    }

    fn is_stale(&self, live: usize) -> bool {
        self.count > 2 * live + STALE_LINES
    }

    fn tidy(&mut self, entries: &HashMap<RegistrationId, Entry>) -> io::Result<()> {
        if self.is_stale(entries.len()) {
            self.write_anew(entries)?;
        }
        Ok(())
    }

    /// A crash leaves the old file or the new one, whole.
    fn write_anew(&mut self, entries: &HashMap<RegistrationId, Entry>) -> io::Result<()> {
        let kept = entries.iter().filter(|(_, it)| it.keeping == Keeping::File);
        let lines: Vec<String> = kept
            .take(DEVICES_MAX)
            .map(|(device, entry)| line(device, Some(&entry.subscription)))
            .collect();
        let unnamed = self.path.with_added_extension("new");
        // What a crash left of it is nothing.
        let _ = fs::remove_file(&unnamed);
        let file = LineFile::create(&unnamed, &lines.concat())?;
        fs::rename(&unnamed, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        self.count = lines.len();
        self.file = file;
        Ok(())
    }
}

fn line(device: &RegistrationId, subscription: Option<&Subscription>) -> String {
    let device = device.as_str();
    let Some(it) = subscription else {
        return format!("{device} {NONE}\n");
    };
    let (key, auth) = (it.user_agent.to_base64url(), it.auth.to_base64url());
    format!("{device} {} {key} {auth}\n", it.endpoint.as_str())
}

fn parsed(line: &str) -> Option<(RegistrationId, Option<Subscription>)> {
    let mut words = line.split(' ');
    let device = RegistrationId::parse(words.next()?).ok()?;
    let subscription = match words.next()? {
        NONE => None,
        endpoint => Some(Subscription {
            endpoint: Endpoint::parse(endpoint).ok()?,
            user_agent: UserAgentKey::parse(words.next()?).ok()?,
            auth: AuthSecret::parse(words.next()?).ok()?,
        }),
    };
    words.next().is_none().then_some((device, subscription))
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::subscription;
    use super::*;

    fn device(number: u8) -> RegistrationId {
        RegistrationId::from_bytes([number; 32])
    }

    fn at(number: usize) -> Subscription {
        subscription(&format!("https://push.example.net/{number}"))
    }

    #[test]
    fn what_a_gateway_asked_for_outlives_the_process_and_the_newest_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("web-push");
        let book = Book::open(&path).unwrap();
        book.put(device(1), at(1), Keeping::Memory).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        book.keep(&device(1)).unwrap();
        book.keep(&device(1)).unwrap();
        book.put(device(1), at(2), Keeping::File).unwrap();
        book.put(device(1), at(2), Keeping::File).unwrap();
        book.put(device(2), at(3), Keeping::File).unwrap();
        book.forget(&device(2), None).unwrap();
        book.put(device(3), at(4), Keeping::Memory).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");

        fs::write(&path, format!("{text}{} https://pu", device(4).as_str())).unwrap();
        let again = Book::open(&path).unwrap();
        assert_eq!(*again.find(&device(1)).unwrap().0, at(2));
        for gone in 2..=4 {
            assert!(again.find(&device(gone)).is_none(), "{gone}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        again.put(device(5), at(5), Keeping::File).unwrap();
        assert!(Book::open(&path).unwrap().find(&device(5)).is_some());

        fs::write(&path, format!("{text}{} nonsense\n", device(1).as_str())).unwrap();
        let damaged = Book::open(&path).unwrap_err().to_string();
        assert!(damaged.contains("in line 5"), "{damaged}");
    }

    #[test]
    fn an_end_counts_for_the_subscription_that_has_ended() {
        let directory = tempfile::tempdir().unwrap();
        let book = Book::open(&directory.path().join("web-push")).unwrap();
        book.put(device(1), at(1), Keeping::File).unwrap();
        let (old, _) = book.find(&device(1)).unwrap();
        book.put(device(1), at(2), Keeping::File).unwrap();
        book.forget(&device(1), Some(&old)).unwrap();
        let (new, quiet_until) = book.find(&device(1)).unwrap();
        assert_eq!((&*new, quiet_until), (&at(2), 0));
        book.quiet(&device(1), 100);
        assert_eq!(book.find(&device(1)).unwrap().1, 100);
        book.forget(&device(1), Some(&new)).unwrap();
        assert!(book.find(&device(1)).is_none());
    }

    #[test]
    fn a_phone_that_subscribes_again_and_again_fills_no_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("web-push");
        let line = |number: usize| line(&device(1), Some(&at(number)));
        let text: String = (0..STALE_LINES + 2).map(line).collect();
        fs::write(&path, text).unwrap();
        let book = Book::open(&path).unwrap();
        book.put(device(1), at(STALE_LINES + 2), Keeping::File)
            .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), line(STALE_LINES + 2));
        book.put(device(1), at(0), Keeping::File).unwrap();
        assert_eq!(
            *Book::open(&path).unwrap().find(&device(1)).unwrap().0,
            at(0)
        );
    }

    #[test]
    fn what_is_in_memory_goes_with_its_device() {
        let directory = tempfile::tempdir().unwrap();
        let book = Book::open(&directory.path().join("web-push")).unwrap();
        book.put(device(1), at(1), Keeping::File).unwrap();
        book.put(device(2), at(2), Keeping::Memory).unwrap();
        book.put(device(3), at(3), Keeping::Memory).unwrap();
        book.sweep(|known| *known == device(3));
        let left = [1, 2, 3].map(|number| book.find(&device(number)).is_some());
        assert_eq!(left, [true, false, true]);
    }
}
