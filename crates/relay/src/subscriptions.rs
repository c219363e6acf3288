//! The devices that proved that they hold their keys.
//!
//! Anybody can make keys and prove that. So a device is remembered for good (one line each, appended and synced,
//! never changed) only once a gateway has asked for it; until then it is kept in memory, and a host whose devices
//! are too many pushes out its own.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use https::host_of;
use ident::RegistrationId;
use softtoken::device::{DeviceKeys, SealingPublicKey, SigningPublicKey};

use crate::lines::LineFile;

/// Devices that are known at most, at some 250 octets each in memory: an installation's people, some of
/// whom change their phone every year. A device beyond it is not remembered.
pub const DEVICES_MAX: usize = 200_000;
/// Devices that no gateway has asked for yet, at some 250 octets each: a day on which everybody gets a token.
const NEW_MAX: usize = 50_000;
/// Those of one host: a company behind one address.
const NEW_OF_HOST_MAX: usize = 4_096;

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

/// Why a device is not remembered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKept {
    #[error("{DEVICES_MAX} devices are known already")]
    Full,
    #[error("the file of devices cannot be written: {0}")]
    File(#[from] io::Error),
}

/// Devices by their registration ids.
#[derive(Debug)]
pub struct Subscriptions {
    devices: RwLock<Devices>,
    file: Mutex<LineFile>,
}

#[derive(Debug, Default)]
struct Devices {
    kept: HashMap<RegistrationId, DeviceKeys>,
    new: HashMap<RegistrationId, NewDevice>,
}

/// A device that no gateway has asked for.
#[derive(Debug)]
struct NewDevice {
    keys: DeviceKeys,
    host: IpAddr,
    /// When it listened last, in seconds after the epoch.
    heard: u64,
}

impl Devices {
    fn keys(&self, device: &RegistrationId) -> Option<DeviceKeys> {
        let new = || self.new.get(device).map(|new| new.keys);
        self.kept.get(device).copied().or_else(new)
    }

    /// Makes room for one more of a host.
    fn make_room(&mut self, host: IpAddr) {
        let of_host = self.new.values().filter(|new| new.host == host).count();
        let pushed_out = if of_host >= NEW_OF_HOST_MAX {
            self.oldest(|new| new.host == host)
        } else if self.new.len() >= NEW_MAX {
            self.oldest(|_| true)
        } else {
            None
        };
        if let Some(device) = pushed_out {
            self.new.remove(&device);
        }
    }

    fn oldest(&self, of: impl Fn(&NewDevice) -> bool) -> Option<RegistrationId> {
        let eligible = self.new.iter().filter(|(_, new)| of(new));
        eligible
            .min_by_key(|(_, new)| new.heard)
            .map(|(device, _)| *device)
    }
}

impl Subscriptions {
    /// Reads the file; the first time, makes it. A last line without its end was never acknowledged, and is
    /// cut off.
    pub fn open(path: &Path) -> Result<Self, SubscriptionsError> {
        let failed = |source| SubscriptionsError::File {
            path: path.to_owned(),
            source,
        };
        let (file, text) = LineFile::open(path, FILE_MAX).map_err(failed)?;
        let mut kept = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let keys = keys_of(line).ok_or_else(|| SubscriptionsError::Damaged {
                path: path.to_owned(),
                line: index + 1,
            })?;
            kept.insert(keys.registration_id(), keys);
        }
        let new = HashMap::new();
        Ok(Self {
            devices: RwLock::new(Devices { kept, new }),
            file: Mutex::new(file),
        })
    }

    /// The keys of a device that listened once.
    pub fn keys(&self, device: &RegistrationId) -> Option<DeviceKeys> {
        self.devices().keys(device)
    }

    /// A device has proved itself, from this address.
    pub(crate) fn heard(&self, keys: DeviceKeys, source: IpAddr, now: u64) {
        let device = keys.registration_id();
        let mut devices = self.devices_to_change();
        if devices.kept.contains_key(&device) {
            return;
        }
        let host = host_of(source);
        if !devices.new.contains_key(&device) {
            devices.make_room(host);
        }
        let heard = now;
        devices.new.insert(device, NewDevice { keys, host, heard });
    }

    /// Whether a gateway would be the first to ask for it.
    pub(crate) fn is_new(&self, device: &RegistrationId) -> bool {
        self.devices().new.contains_key(device)
    }

    /// Remembers a device for good. Blocks until it is on disk.
    pub(crate) fn keep(&self, device: RegistrationId) -> Result<(), NotKept> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (new, kept) = {
            let devices = self.devices();
            let new = devices.new.get(&device).map(|new| new.keys);
            (new, devices.kept.len())
        };
        // Another has remembered it, or it was pushed out.
        let Some(keys) = new else { return Ok(()) };
        if kept >= DEVICES_MAX {
            return Err(NotKept::Full);
        }
        let (signing, sealing) = (keys.signing.to_base64url(), keys.sealing.to_base64url());
        file.append(&format!("{signing} {sealing}\n"))?;
        let mut devices = self.devices_to_change();
        devices.new.remove(&device);
        devices.kept.insert(device, keys);
        Ok(())
    }

    fn devices(&self) -> RwLockReadGuard<'_, Devices> {
        self.devices.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn devices_to_change(&self) -> RwLockWriteGuard<'_, Devices> {
        self.devices.write().unwrap_or_else(PoisonError::into_inner)
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

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const LINE: &str = include_str!("../tests/device.txt");

    #[test]
    fn a_device_that_a_gateway_asked_for_is_known_after_a_restart_and_a_torn_line_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("devices");
        let keys = keys_of(LINE.trim_end()).unwrap();
        let device = keys.registration_id();
        let first = Subscriptions::open(&path).unwrap();
        assert!(first.keys(&device).is_none());
        first.heard(keys, HOST, 1);
        assert!(first.is_new(&device) && first.keys(&device).is_some());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
        first.keep(device).unwrap();
        first.keep(device).unwrap();
        first.heard(keys, HOST, 2);
        assert!(!first.is_new(&device));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), LINE);

        std::fs::write(&path, format!("{LINE}{}", &LINE[..100])).unwrap();
        let second = Subscriptions::open(&path).unwrap();
        assert_eq!(second.keys(&device), Some(keys));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), LINE);

        std::fs::write(&path, format!("{LINE}no keys\n")).unwrap();
        let damaged = Subscriptions::open(&path).unwrap_err();
        assert!(damaged.to_string().contains("in line 2"), "{damaged}");
    }

    /// As many as are wanted; nobody has their private halves.
    fn device(number: usize) -> (RegistrationId, NewDevice) {
        let keys = keys_of(LINE.trim_end()).unwrap();
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let new = NewDevice {
            keys,
            host: HOST,
            heard: number as u64,
        };
        (RegistrationId::from_bytes(id), new)
    }

    #[test]
    fn a_host_of_many_devices_pushes_out_its_own() {
        let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
        let mut devices = Devices::default();
        let (early, new) = device(0);
        devices.new.insert(
            early,
            NewDevice {
                host: elsewhere,
                ..new
            },
        );
        devices.new.extend((1..=NEW_OF_HOST_MAX).map(device));
        devices.make_room(elsewhere);
        assert_eq!(devices.new.len(), NEW_OF_HOST_MAX + 1);
        devices.make_room(HOST);
        assert_eq!(devices.new.len(), NEW_OF_HOST_MAX);
        assert!(devices.keys(&early).is_some() && devices.keys(&device(1).0).is_none());
    }
}
