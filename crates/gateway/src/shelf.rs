//! The configurations that this unit keeps: files in one directory, which only their owner reads. Each
//! gets its name once it is whole and on the disk.

use std::io::{self, ErrorKind, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cli::FileName;
use cli::text::{Header, TEXT_MAX};
use store::private_file;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufWriter};
use tokio::sync::Mutex;

use crate::network::reason;

/// Revisions that are kept: a year of weekly ones, and as many of other reasons.
const REVISIONS_MAX: usize = 100;

/// Octets at the beginning of a file in which its header lines stand.
const HEADER_MAX: u64 = 4_096;

/// Where revisions lie.
const FLASH: &str = "flash";

/// How the name of a file begins that is being written. Names that administrators choose begin with no
/// dot.
const DRAFT: &str = ".draft-";

/// How the name of a file begins whose tokens are not known to have left this unit.
const UNDECIDED: &str = ".moving-";

/// Why a configuration could not be put on the shelf or taken from it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShelfError {
    #[error("there is no file '{0}' in this unit")]
    NoFile(String),
    #[error("there is a file '{0}' in this unit already, and it stays: type another name")]
    Exists(String),
    #[error("there is no revision {0}; 'execute revision list config' lists them")]
    NoRevision(u32),
    #[error("'{name}' has {size} octets, and at most {TEXT_MAX} are read")]
    TooLarge { name: String, size: u64 },
    #[error(
        "there are {REVISIONS_MAX} revisions; delete one: execute revision delete config NUMBER"
    )]
    Full,
    #[error("{}: {}", .path.display(), reason(.source))]
    Io { path: PathBuf, source: io::Error },
}

/// The directory.
#[derive(Debug)]
pub(crate) struct Shelf {
    directory: PathBuf,
    drafts: AtomicU64,
    /// Held while a revision gets its number, so that no two count the same revisions.
    numbering: Mutex<()>,
}

/// A file of the shelf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Item {
    File(FileName),
    Revision(u32),
}

impl Item {
    fn path(&self, directory: &Path) -> PathBuf {
        match self {
            Self::File(name) => directory.join(name.as_str()),
            Self::Revision(number) => directory.join(FLASH).join(format!("{number:04}.conf")),
        }
    }

    fn missing(&self) -> ShelfError {
        match self {
            Self::File(name) => ShelfError::NoFile(name.as_str().to_owned()),
            Self::Revision(number) => ShelfError::NoRevision(*number),
        }
    }
}

impl Shelf {
    /// The shelf in this directory, without what an earlier process could not finish.
    pub(crate) fn at(directory: PathBuf) -> Self {
        for entry in std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry.file_name().to_string_lossy().starts_with(DRAFT) {
                // What cannot be removed is a file that nothing reads.
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Self {
            directory,
            drafts: AtomicU64::new(0),
            numbering: Mutex::new(()),
        }
    }

    /// Begins a file; it has no name before it is finished.
    pub(crate) async fn draft(&self) -> Result<Draft, ShelfError> {
        let flash = self.directory.join(FLASH);
        private_file::create_directory(&flash).map_err(at(&flash))?;
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let name = format!("{DRAFT}{}-{number}", std::process::id());
        let path = self.directory.join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.mode(0o600).open(&path).await.map_err(at(&path))?;
        Ok(Draft {
            directory: self.directory.clone(),
            path,
            file: BufWriter::new(file),
            lines: 0,
            octets: 0,
            header: None,
        })
    }

    /// Makes a file the next revision: its number.
    pub(crate) async fn add_revision(&self, closed: Closed) -> Result<u32, ShelfError> {
        let _numbering = self.numbering.lock().await;
        let mut number = self.next_revision().await?;
        while !closed.becomes_new(&Item::Revision(number)).await? {
            number = number.checked_add(1).ok_or(ShelfError::Full)?;
        }
        Ok(number)
    }

    /// The number that the next revision would have.
    ///
    /// # Errors
    ///
    /// [`ShelfError::Full`] if there is no room for one.
    pub(crate) async fn next_revision(&self) -> Result<u32, ShelfError> {
        let numbers = self.revisions().await?;
        if numbers.len() >= REVISIONS_MAX {
            return Err(ShelfError::Full);
        }
        Ok(numbers.last().map_or(1, |last| last.saturating_add(1)))
    }

    /// The numbers of all revisions, in their order.
    pub(crate) async fn revisions(&self) -> Result<Vec<u32>, ShelfError> {
        let flash = self.directory.join(FLASH);
        let mut entries = match fs::read_dir(&flash).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(&flash)(error)),
        };
        let mut numbers = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(at(&flash))? {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".conf"));
            numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The first lines of a file, as far as they are whole.
    pub(crate) async fn head(&self, item: &Item) -> Result<String, ShelfError> {
        let (file, path, _) = self.open(item).await?;
        let mut octets = Vec::new();
        let mut beginning = file.take(HEADER_MAX);
        beginning
            .read_to_end(&mut octets)
            .await
            .map_err(at(&path))?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }

    /// All of a file.
    pub(crate) async fn read(&self, item: &Item) -> Result<Vec<u8>, ShelfError> {
        let (mut file, path, size) = self.open(item).await?;
        if size > TEXT_MAX as u64 {
            let name = path.file_name().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            return Err(ShelfError::TooLarge { name, size });
        }
        let mut octets = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        file.read_to_end(&mut octets).await.map_err(at(&path))?;
        Ok(octets)
    }

    async fn open(&self, item: &Item) -> Result<(File, PathBuf, u64), ShelfError> {
        let path = item.path(&self.directory);
        let file = match File::open(&path).await {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(item.missing()),
            Err(error) => return Err(at(&path)(error)),
        };
        let size = file.metadata().await.map_err(at(&path))?.len();
        Ok((file, path, size))
    }

    /// Whether another file may have this name.
    pub(crate) async fn must_be_free(&self, name: &FileName) -> Result<(), ShelfError> {
        let path = self.directory.join(name.as_str());
        match fs::try_exists(&path).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(ShelfError::Exists(name.as_str().to_owned())),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// The ids of the files that [`Closed::undecided`] put here.
    pub(crate) async fn undecided(&self) -> Result<Vec<String>, ShelfError> {
        let directory = &self.directory;
        let mut entries = match fs::read_dir(directory).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(directory)(error)),
        };
        let mut ids = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(at(directory))? {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_prefix(UNDECIDED));
            ids.extend(id.map(str::to_owned));
        }
        Ok(ids)
    }

    /// Gives an undecided file its name, or one that no other file can have if another took that meanwhile: what
    /// it is called. One that has its name already keeps it.
    pub(crate) async fn decide(&self, id: &str, name: &FileName) -> Result<FileName, ShelfError> {
        let unique = FileName::parse(&format!("{id}.move")).unwrap_or_else(|| name.clone());
        let from = self.directory.join(format!("{UNDECIDED}{id}"));
        for name in [name, &unique] {
            let path = self.directory.join(name.as_str());
            match fs::hard_link(&from, &path).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if !is_same(&from, &path).await? {
                        continue;
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(error) => return Err(at(&path)(error)),
            }
            synced(&self.directory).await?;
            fs::remove_file(&from).await.map_err(at(&from))?;
            return Ok(name.clone());
        }
        let is_unique = fs::try_exists(self.directory.join(unique.as_str())).await;
        Ok(if is_unique.unwrap_or(false) {
            unique
        } else {
            name.clone()
        })
    }

    /// Removes an undecided file: its tokens are here.
    pub(crate) async fn discard(&self, id: &str) -> Result<(), ShelfError> {
        let path = self.directory.join(format!("{UNDECIDED}{id}"));
        fs::remove_file(&path).await.map_err(at(&path))
    }

    pub(crate) async fn remove(&self, item: &Item) -> Result<(), ShelfError> {
        let path = item.path(&self.directory);
        match fs::remove_file(&path).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(item.missing()),
            other => other.map_err(at(&path)),
        }
    }
}

/// A file that is being written. What is not finished is removed.
pub(crate) struct Draft {
    directory: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
    lines: u32,
    octets: u64,
    /// Where the lines of the header stand, and what they say but for the number of lines.
    header: Option<(u64, Header)>,
}

impl Draft {
    /// Writes the lines of a header; the number of lines gets into them at the end.
    pub(crate) async fn header(&mut self, header: Header) -> Result<(), ShelfError> {
        let text = header.lines();
        self.header = Some((self.octets, header));
        self.write(&text).await
    }

    /// Writes text; it has its line ends.
    pub(crate) async fn write(&mut self, text: &str) -> Result<(), ShelfError> {
        let lines = text.bytes().filter(|octet| *octet == b'\n').count();
        self.lines = self
            .lines
            .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.octets += text.len() as u64;
        let written = self.file.write_all(text.as_bytes()).await;
        written.map_err(at(&self.path))
    }

    /// Completes the header and brings everything to the disk.
    pub(crate) async fn close(mut self) -> Result<Closed, ShelfError> {
        let lines = self.lines;
        if let Some((place, mut header)) = self.header.take() {
            if let Some(stamp) = &mut header.stamp {
                stamp.lines = lines;
            }
            let text = header.lines();
            let seeked = self.file.seek(SeekFrom::Start(place)).await;
            seeked.map_err(at(&self.path))?;
            let written = self.file.write_all(text.as_bytes()).await;
            written.map_err(at(&self.path))?;
        }
        self.file.flush().await.map_err(at(&self.path))?;
        let synced = self.file.get_ref().sync_all().await;
        synced.map_err(at(&self.path))?;
        Ok(Closed { draft: self })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It has its name by now, or gets none. What cannot be removed is a file that nothing reads.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A file that is whole and has no name yet.
pub(crate) struct Closed {
    draft: Draft,
}

impl Closed {
    pub(crate) fn lines(&self) -> u32 {
        self.draft.lines
    }

    pub(crate) fn octets(&self) -> u64 {
        self.draft.octets
    }

    /// To be read from its beginning.
    pub(crate) async fn reopened(&self) -> Result<File, ShelfError> {
        let path = &self.draft.path;
        File::open(path).await.map_err(at(path))
    }

    /// Gives it its name; another file of that name goes.
    pub(crate) async fn name(self, item: &Item) -> Result<(), ShelfError> {
        let path = item.path(&self.draft.directory);
        let renamed = fs::rename(&self.draft.path, &path).await;
        renamed.map_err(at(&path))?;
        synced(path.parent().unwrap_or(&self.draft.directory)).await
    }

    /// Puts it where nobody finds it by a name, until it is decided whether its tokens leave.
    pub(crate) async fn undecided(self, id: &str) -> Result<(), ShelfError> {
        let path = self.draft.directory.join(format!("{UNDECIDED}{id}"));
        let renamed = fs::rename(&self.draft.path, &path).await;
        renamed.map_err(at(&path))?;
        synced(&self.draft.directory).await
    }

    /// Gives it its name, unless another file has it: whether it did.
    async fn becomes_new(&self, item: &Item) -> Result<bool, ShelfError> {
        let path = item.path(&self.draft.directory);
        // A rename would take the place of another file.
        match fs::hard_link(&self.draft.path, &path).await {
            Ok(()) => synced(path.parent().unwrap_or(&self.draft.directory))
                .await
                .map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(at(&path)(error)),
        }
    }
}

/// Brings the names in a directory to the disk.
async fn synced(directory: &Path) -> Result<(), ShelfError> {
    let opened = File::open(directory).await.map_err(at(directory))?;
    opened.sync_all().await.map_err(at(directory))
}

async fn is_same(one: &Path, other: &Path) -> Result<bool, ShelfError> {
    let first = fs::metadata(one).await.map_err(at(one))?;
    let second = fs::metadata(other).await.map_err(at(other))?;
    Ok((first.dev(), first.ino()) == (second.dev(), second.ino()))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ShelfError {
    let path = path.to_owned();
    move |source| ShelfError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use cli::text::Stamp;
    use domain::time::Timestamp;
    use tokio::sync::Barrier;
    use tokio::task::JoinSet;

    use super::*;

    fn file(name: &str) -> Item {
        Item::File(FileName::parse(name).unwrap())
    }

    async fn kept(shelf: &Shelf, item: &Item, text: &str) {
        let mut draft = shelf.draft().await.unwrap();
        draft.write(text).await.unwrap();
        draft.close().await.unwrap().name(item).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_is_private_and_whole_or_not_there() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(home.path().join("backup"));
        let item = file("a.conf");
        assert!(matches!(
            shelf.read(&item).await,
            Err(ShelfError::NoFile(_))
        ));
        let mut draft = shelf.draft().await.unwrap();
        draft.write("half of it\n").await.unwrap();
        drop(draft);
        assert!(matches!(
            shelf.read(&item).await,
            Err(ShelfError::NoFile(_))
        ));
        kept(&shelf, &item, "first\n").await;
        kept(&shelf, &item, "second\n").await;
        assert_eq!(shelf.read(&item).await.unwrap(), b"second\n");
        let path = home.path().join("backup/a.conf");
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let names = std::fs::read_dir(home.path().join("backup")).unwrap();
        assert_eq!(names.count(), 2, "the file and the directory of revisions");
    }

    async fn undecided(shelf: &Shelf, id: &str) {
        let mut draft = shelf.draft().await.unwrap();
        draft.write(&format!("{id}\n")).await.unwrap();
        draft.close().await.unwrap().undecided(id).await.unwrap();
    }

    #[tokio::test]
    async fn an_undecided_file_has_no_name_and_takes_no_other_files_place() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(home.path().to_owned());
        let name = FileName::parse("tokens.move").unwrap();
        let item = file("tokens.move");
        for id in ["aa", "bb", "cc"] {
            shelf.must_be_free(&name).await.unwrap();
            undecided(&shelf, id).await;
        }
        assert!(matches!(
            shelf.read(&item).await,
            Err(ShelfError::NoFile(_))
        ));
        // A start removes drafts, and of these nothing.
        let shelf = Shelf::at(home.path().to_owned());
        let mut ids = shelf.undecided().await.unwrap();
        ids.sort_unstable();
        assert_eq!(ids, ["aa", "bb", "cc"]);
        shelf.discard("cc").await.unwrap();
        for _ in 0..2 {
            assert_eq!(shelf.decide("aa", &name).await.unwrap(), name);
            assert_eq!(shelf.read(&item).await.unwrap(), b"aa\n");
        }
        let refused = shelf.must_be_free(&name).await.unwrap_err().to_string();
        assert!(refused.contains("type another name"), "{refused}");
        for _ in 0..2 {
            let other = shelf.decide("bb", &name).await.unwrap();
            assert_eq!(other.as_str(), "bb.move");
            assert_eq!(shelf.read(&Item::File(other)).await.unwrap(), b"bb\n");
        }
        assert_eq!(shelf.read(&item).await.unwrap(), b"aa\n");
        // Killed between its two names.
        undecided(&shelf, "dd").await;
        let (from, to) = (home.path().join(".moving-dd"), home.path().join("dd.conf"));
        std::fs::hard_link(from, to).unwrap();
        let name = FileName::parse("dd.conf").unwrap();
        assert_eq!(shelf.decide("dd", &name).await.unwrap(), name);
        assert!(shelf.undecided().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_header_tells_how_long_the_file_became() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(home.path().to_owned());
        let mut draft = shelf.draft().await.unwrap();
        draft.write("#config-version=SYMBVM\n").await.unwrap();
        let stamp = Stamp {
            release: "0.1.0".into(),
            at: Timestamp::from_secs(7),
            lines: 0,
        };
        let header = Header {
            stamp: Some(stamp),
            ..Header::default()
        };
        draft.header(header).await.unwrap();
        draft.write("config user setting\nend\n").await.unwrap();
        let closed = draft.close().await.unwrap();
        assert_eq!(closed.lines(), 4);
        closed.name(&file("a.conf")).await.unwrap();
        let text = shelf.read(&file("a.conf")).await.unwrap();
        let document = cli::text::read(&text, domain::vdom::Vdom::ROOT).unwrap();
        assert_eq!(document.header.stamp.unwrap().lines, 4);
    }

    #[tokio::test]
    async fn revisions_have_numbers_and_a_limit() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(home.path().to_owned());
        assert_eq!(shelf.next_revision().await.unwrap(), 1);
        for number in [1, 2, 12] {
            kept(&shelf, &Item::Revision(number), "x\n").await;
        }
        assert_eq!(shelf.revisions().await.unwrap(), [1, 2, 12]);
        assert_eq!(shelf.next_revision().await.unwrap(), 13);
        shelf.remove(&Item::Revision(2)).await.unwrap();
        let gone = shelf.remove(&Item::Revision(2)).await.unwrap_err();
        assert!(
            gone.to_string().contains("execute revision list config"),
            "{gone}"
        );
        for number in 20..118 {
            kept(&shelf, &Item::Revision(number), "x\n").await;
        }
        assert!(matches!(shelf.next_revision().await, Err(ShelfError::Full)));
        let closed = shelf.draft().await.unwrap().close().await.unwrap();
        let refused = shelf.add_revision(closed).await;
        assert!(matches!(refused, Err(ShelfError::Full)));
    }

    #[tokio::test]
    async fn revisions_made_at_once_are_all_kept() {
        const AT_ONCE: u32 = 16;
        let home = tempfile::tempdir().unwrap();
        let shelf = Arc::new(Shelf::at(home.path().to_owned()));
        let together = Arc::new(Barrier::new(AT_ONCE as usize));
        let mut making = JoinSet::new();
        for made in 1..=AT_ONCE {
            let (shelf, together) = (Arc::clone(&shelf), Arc::clone(&together));
            making.spawn(async move {
                let mut draft = shelf.draft().await.unwrap();
                draft.write(&format!("{made}\n")).await.unwrap();
                let closed = draft.close().await.unwrap();
                together.wait().await;
                (shelf.add_revision(closed).await.unwrap(), made)
            });
        }
        let made = making.join_all().await;
        let all: Vec<u32> = (1..=AT_ONCE).collect();
        assert_eq!(shelf.revisions().await.unwrap(), all);
        for (number, text) in made {
            let read = shelf.read(&Item::Revision(number)).await.unwrap();
            assert_eq!(read, format!("{text}\n").into_bytes());
        }
        let names = std::fs::read_dir(home.path()).unwrap();
        assert_eq!(names.count(), 1, "the directory of revisions alone");
    }

    #[tokio::test]
    async fn a_revision_replaces_no_file() {
        let home = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(home.path().to_owned());
        kept(&shelf, &Item::Revision(1), "first\n").await;
        let closed = shelf.draft().await.unwrap().close().await.unwrap();
        assert!(!closed.becomes_new(&Item::Revision(1)).await.unwrap());
        assert_eq!(shelf.read(&Item::Revision(1)).await.unwrap(), b"first\n");
    }
}
