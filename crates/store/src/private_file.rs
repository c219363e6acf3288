//! Files that only their owner may read: keys, and the directories that they lie in.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Why a private file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// It could not be read or made.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others than its owner may read it.
    #[error(
        "{0}: its mode is {mode:04o}, others may read it; run `chmod 600 {0}`, \
         and think of the key in it as known to whoever could read it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is a directory or something else, or larger than what belongs into it.
    #[error("{}: not a file of at most {limit} octets; restore it from the backup", path.display())]
    Strange {
        /// The file.
        path: PathBuf,
        /// The most that it may hold.
        limit: u64,
    },
}

/// Reads a file of at most `limit` octets that nobody but its owner may read.
pub fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    let io = |source| PrivateFileError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    if !metadata.is_file() || metadata.len() > limit {
        return Err(PrivateFileError::Strange {
            path: path.to_owned(),
            limit,
        });
    }
    // Room for everything from the start: a vector that grows leaves copies of the key.
    let mut content = Zeroizing::new(vec![0; usize::try_from(metadata.len()).unwrap_or_default()]);
    file.read_exact(&mut content).map_err(io)?;
    Ok(content)
}

/// Writes a file that must not exist, durable when this returns. It gets its name once it is whole: a
/// start that is cut short leaves no torn key that the next one would take for damage.
pub fn create(path: &Path, content: &[u8]) -> Result<(), PrivateFileError> {
    write_new(path, content).map_err(|source| PrivateFileError::Io {
        path: path.to_owned(),
        source,
    })
}

/// Puts a file in the place of what has its name, if anything; durable when this returns. A crash leaves one
/// of the two, whole.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), PrivateFileError> {
    let unnamed = path.with_added_extension(format!("{}.new", std::process::id()));
    let replaced = write_whole(&unnamed, content)
        .and_then(|()| std::fs::rename(&unnamed, path))
        .and_then(|()| sync_directory(path));
    replaced.map_err(|source| {
        // What cannot be removed now is a file that nothing reads.
        let _ = std::fs::remove_file(&unnamed);
        PrivateFileError::Io {
            path: path.to_owned(),
            source,
        }
    })
}

/// Makes a directory for its owner alone, and those above it that are missing. One that exists stays
/// as it is.
pub fn create_directory(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write_new(path: &Path, content: &[u8]) -> std::io::Result<()> {
    // Two processes that start at once write two files, and one of them gets the name.
    let unnamed = path.with_added_extension(format!("{}.new", std::process::id()));
    let named = write_whole(&unnamed, content).and_then(|()| std::fs::hard_link(&unnamed, path));
    // What cannot be removed now is a file that nothing reads.
    let _ = std::fs::remove_file(&unnamed);
    named?;
    sync_directory(path)
}

/// Makes the name of a file durable.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    let directory = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
