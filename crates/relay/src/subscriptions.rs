//! The devices that proved once that they hold their keys: one line each, appended and synced before the
//! device is known, never changed.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use ident::RegistrationId;
use softtoken::device::{DeviceKeys, SealingPublicKey, SigningPublicKey};

/// Devices that are known at most, at some 250 octets each in memory: an installation's people, some of
/// whom change their phone every year. A device beyond it is not taken.
pub const DEVICES_MAX: usize = 200_000;

/// The file of so many devices, with room for lines that were written by hand.
const FILE_MAX: u64 = 64 << 20;

/// Why the devices are not known.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionsError {
    /// The file.
    #[error("the devices of the push relay, {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line that holds no keys.
    #[error(
        "{} is no list of devices in line {line}; put a copy back, or remove the line: its device \
         makes itself known again",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// Why a device is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("{DEVICES_MAX} devices are known already")]
    Full,
    #[error("the file of devices cannot be written: {0}")]
    File(#[from] io::Error),
}

/// Devices by their registration ids.
#[derive(Debug)]
pub struct Subscriptions {
    known: RwLock<HashMap<RegistrationId, DeviceKeys>>,
    file: Mutex<File>,
}

impl Subscriptions {
    /// Reads the file; the first time, makes it. A last line without its end was never acknowledged, and is
    /// cut off.
    pub fn open(path: &Path) -> Result<Self, SubscriptionsError> {
        let failed = |source| SubscriptionsError::File {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let mut text = String::new();
        (&mut file)
            .take(FILE_MAX)
            .read_to_string(&mut text)
            .map_err(failed)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            let length = u64::try_from(whole).unwrap_or(u64::MAX);
            file.set_len(length).map_err(failed)?;
            file.seek(SeekFrom::End(0)).map_err(failed)?;
        }
        let mut known = HashMap::new();
        for (index, line) in text[..whole].lines().enumerate() {
            let keys = keys_of(line).ok_or_else(|| SubscriptionsError::Damaged {
                path: path.to_owned(),
                line: index + 1,
            })?;
            known.insert(keys.registration_id(), keys);
        }
        Ok(Self {
            known: RwLock::new(known),
            file: Mutex::new(file),
        })
    }

    /// The keys of a device.
    pub fn keys(&self, device: &RegistrationId) -> Option<DeviceKeys> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(device).copied()
    }

    /// Makes a device known, for good. Blocks until it is on disk.
    pub(crate) fn take(&self, keys: DeviceKeys) -> Result<(), NotTaken> {
        let device = keys.registration_id();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if self.keys(&device).is_some() {
            return Ok(());
        }
        if self.len() >= DEVICES_MAX {
            return Err(NotTaken::Full);
        }
        let (signing, sealing) = (keys.signing.to_base64url(), keys.sealing.to_base64url());
        file.write_all(format!("{signing} {sealing}\n").as_bytes())?;
        file.sync_data()?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(device, keys);
        Ok(())
    }

    fn len(&self) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.len()
    }
}

fn keys_of(line: &str) -> Option<DeviceKeys> {
    let (signing, sealing) = line.split_once(' ')?;
    Some(DeviceKeys {
        signing: SigningPublicKey::parse(signing).ok()?,
        sealing: SealingPublicKey::parse(sealing).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = include_str!("../tests/device.txt");

    #[test]
    fn a_device_is_known_after_a_restart_and_a_torn_line_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("devices");
        let keys = keys_of(LINE.trim_end()).unwrap();
        let device = keys.registration_id();
        let first = Subscriptions::open(&path).unwrap();
        assert!(first.keys(&device).is_none());
        first.take(keys).unwrap();
        first.take(keys).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), LINE);

        std::fs::write(&path, format!("{LINE}{}", &LINE[..100])).unwrap();
        let second = Subscriptions::open(&path).unwrap();
        assert_eq!(second.keys(&device), Some(keys));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), LINE);

        std::fs::write(&path, format!("{LINE}no keys\n")).unwrap();
        let damaged = Subscriptions::open(&path).unwrap_err();
        assert!(damaged.to_string().contains("in line 2"), "{damaged}");
    }
}
