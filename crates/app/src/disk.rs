//! Files that are private, whole, and on the disk before anything builds on them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A file operation that failed: which, on what, why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct DiskError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// For `map_err`.
pub(crate) fn failed<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> DiskError + 'a {
    move |source| DiskError {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Makes a directory, and those above it, for this user alone.
pub(crate) fn private_directory(path: &Path) -> Result<(), DiskError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed("make", path))
}

/// Replaces a file or leaves it as it was: the new bytes are on the disk before they get the name,
/// and the name is on the disk before this returns.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let fresh = path.with_added_extension("new");
    write_private(&fresh, bytes).map_err(failed("write", &fresh))?;
    fs::rename(&fresh, path).map_err(failed("replace", path))?;
    sync_directory_of(path)
}

/// Removes a file for good; one that is not there is removed already.
pub(crate) fn remove(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory_of(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("remove", path)(error)),
    }
}

/// At most `limit` bytes of a file; `None` if there is no such file.
pub(crate) fn read_bounded(
    path: &Path,
    limit: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, DiskError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", path)(error)),
    };
    let length = file.metadata().map_err(failed("read", path))?.len();
    // Room for all and a byte that shows that there is more: growing would leave a copy behind.
    let room = usize::try_from(length).unwrap_or(limit).min(limit) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let most = u64::try_from(limit + 1).unwrap_or(u64::MAX);
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(failed("read", path))?;
    if bytes.len() > limit {
        let too_long = io::Error::new(io::ErrorKind::FileTooLarge, "the file is too long");
        return Err(failed("read", path)(too_long));
    }
    Ok(Some(bytes))
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_directory_of(path: &Path) -> Result<(), DiskError> {
    // The parent of a bare file name is empty, and means the working directory.
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(failed("sync", directory))
}
