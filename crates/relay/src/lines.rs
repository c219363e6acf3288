//! A file of lines that grows at its end, and holds whole lines whatever happens to the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A file whose lines were all acknowledged.
#[derive(Debug)]
pub(crate) struct LineFile {
    file: File,
    /// Octets of the lines that were acknowledged.
    length: u64,
    /// Whether more than those may be in the file.
    is_torn: bool,
}

impl LineFile {
    /// Reads the file, which has at most so many octets; the first time, makes it. A last line without its end was
    /// never acknowledged, and is cut off.
    pub(crate) fn open(path: &Path, octets_max: u64) -> io::Result<(Self, String)> {
        let mut file = appended(path)?;
        // What is not read would be cut off as a line without its end.
        if file.metadata()?.len() > octets_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut text = String::new();
        (&mut file).take(octets_max).read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let is_torn = whole < text.len();
        text.truncate(whole);
        let mut lines = Self {
            file,
            length: octets(&text),
            is_torn,
        };
        lines.cut()?;
        Ok((lines, text))
    }

    /// A new file with these lines, on disk.
    pub(crate) fn create(path: &Path, text: &str) -> io::Result<Self> {
        let mut file = appended(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(Self {
            file,
            length: octets(text),
            is_torn: false,
        })
    }

    /// Appends a line with its end. Blocks until it is on disk. What a full disk took of one that failed is cut
    /// off: the next would go on behind it, and neither be read.
    pub(crate) fn append(&mut self, line: &str) -> io::Result<()> {
        self.cut()?;
        self.is_torn = true;
        let written = self.file.write_all(line.as_bytes());
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            // Where that fails too, it is tried before the next line.
            let _ = self.cut();
            return Err(error);
        }
        self.is_torn = false;
        self.length += octets(line);
        Ok(())
    }

    fn cut(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.length)?;
            self.is_torn = false;
        }
        Ok(())
    }
}

/// Writing begins at the end, wherever that is.
fn appended(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn octets(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::path::PathBuf;
    use std::process::Command;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    const DIRECTORY: &str = "RELAY_TEST_DIR";

    /// In a process of its own, in which a write past a limit is an error as on a full disk.
    #[test]
    fn a_disk_that_was_full_for_a_moment_leaves_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(env::current_exe().unwrap())
            .args(["--ignored", "--exact"])
            .arg("lines::tests::child_fills_the_disk")
            .env(DIRECTORY, directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{said}");
        let text = fs::read_to_string(directory.path().join("lines")).unwrap();
        assert_eq!(text, "first\nthird\n", "{said}");
    }

    #[test]
    #[ignore = "a process that another test starts"]
    fn child_fills_the_disk() {
        let directory = PathBuf::from(env::var_os(DIRECTORY).unwrap());
        let (mut lines, text) = LineFile::open(&directory.join("lines"), 1_000).unwrap();
        assert_eq!(text, "");
        lines.append("first\n").unwrap();
        let maximum = getrlimit(Resource::Fsize).maximum;
        let limit_to = |current| setrlimit(Resource::Fsize, Rlimit { current, maximum });
        limit_to(Some(8)).unwrap();
        for _again in 0..2 {
            lines.append("second\n").unwrap_err();
        }
        limit_to(maximum).unwrap();
        lines.append("third\n").unwrap();
    }

    #[test]
    fn a_file_that_is_too_long_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        fs::write(&path, "first\nsecond\n").unwrap();
        let refused = LineFile::open(&path, 12).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
        let (_, text) = LineFile::open(&path, 13).unwrap();
        assert_eq!(text, "first\nsecond\n");
    }

    #[test]
    fn a_line_without_its_end_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        fs::write(&path, "first\nsec").unwrap();
        let (mut lines, text) = LineFile::open(&path, 1_000).unwrap();
        assert_eq!(text, "first\n");
        lines.append("third\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nthird\n");
    }
}
