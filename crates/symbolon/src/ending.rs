//! What comes after the process: nothing, the same again, or the same with an empty store.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use domain::time::Timestamp;
use domain::unit::Ending;
use store::private_file;

/// The file that tells the next start how this one ended. It is read once: after a crash there is none.
const LAST_END: &str = "gateway/ended";

/// Taking a clock as right is for the start that it was typed for.
const ONCE_ONLY: &str = "--accept-clock";

/// How the process ended before, if it ended in order.
pub(crate) fn last(data: &Path) -> Result<Option<Ending>> {
    let path = data.join(LAST_END);
    match fs::read_to_string(&path) {
        Ok(text) => {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            Ok(Ending::named(text.trim()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Ends the process, or starts it anew in its place. Everything is closed by now.
pub(crate) fn carry_out(data: &Path, ending: Ending, now: Timestamp) -> Result<ExitCode> {
    if ending == Ending::FactoryReset {
        let name = set_aside(data, now)?;
        println!("the old database is set aside as {}", name.display());
    }
    let path = data.join(LAST_END);
    private_file::create(&path, ending.name().as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    match ending {
        Ending::Shutdown => Ok(ExitCode::SUCCESS),
        Ending::Reboot | Ending::FactoryReset => restart(),
    }
}

/// Renames the gateway's database; the head record stays. The store that is made next finds it ahead
/// of itself, and counts every code up to then as spent, as after an older copy was put back.
fn set_aside(data: &Path, now: Timestamp) -> Result<PathBuf> {
    let home = data.join("gateway");
    let stamp = now.to_string().replace([':', '-'], "").replace(' ', "T");
    let name = |suffix: &str| home.join(format!("gateway.db.{stamp}{suffix}"));
    if name("").exists() {
        bail!("{} is there already", name("").display());
    }
    // The log first: left alone, it would be taken for the new database's.
    for suffix in ["-wal", "-shm", ""] {
        let from = home.join(format!("gateway.db{suffix}"));
        match fs::rename(&from, name(suffix)) {
            Err(error) if error.kind() == ErrorKind::NotFound && !suffix.is_empty() => {}
            renamed => {
                renamed.with_context(|| format!("cannot set {} aside", from.display()))?;
            }
        }
    }
    fs::File::open(&home)?.sync_all()?;
    Ok(name(""))
}

/// The same command line again, in this very process: whoever watches it sees it live on.
fn restart() -> Result<ExitCode> {
    let mut words = std::env::args_os();
    let program = words.next().context("this process has no name")?;
    let words: Vec<OsString> = words.filter(|word| word != ONCE_ONLY).collect();
    let error = Command::new(&program).args(words).exec();
    Err(error).with_context(|| format!("{} does not start again", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_start_is_told_once() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("gateway")).unwrap();
        assert_eq!(last(data.path()).unwrap(), None);
        carry_out(data.path(), Ending::Shutdown, Timestamp::default()).unwrap();
        assert_eq!(last(data.path()).unwrap(), Some(Ending::Shutdown));
        assert_eq!(last(data.path()).unwrap(), None);
    }

    #[test]
    fn a_database_is_set_aside_with_its_log_and_nothing_is_overwritten() {
        let data = tempfile::tempdir().unwrap();
        let home = data.path().join("gateway");
        fs::create_dir(&home).unwrap();
        for name in ["gateway.db", "gateway.db-wal", "head"] {
            fs::write(home.join(name), name).unwrap();
        }
        let now = Timestamp::from_secs(1_721_067_019);
        let aside = set_aside(data.path(), now).unwrap();
        assert_eq!(aside, home.join("gateway.db.20240715T181019Z"));
        assert_eq!(fs::read_to_string(&aside).unwrap(), "gateway.db");
        let log = home.join("gateway.db.20240715T181019Z-wal");
        assert_eq!(fs::read_to_string(log).unwrap(), "gateway.db-wal");
        assert!(home.join("head").exists() && !home.join("gateway.db").exists());
        fs::write(home.join("gateway.db"), "new").unwrap();
        assert!(set_aside(data.path(), now).is_err());
        assert_eq!(fs::read_to_string(aside).unwrap(), "gateway.db");
    }
}
