//! The vault: one file, sealed under a PIN and this machine, wiped after ten wrong PINs.
//!
//! Each step is a type, and the next one exists only through it: [`Folder`] holds the lock,
//! [`ClosedVault`] a file that is whole, [`Attempt`] a counted try, [`OpenVault`] the contents. The
//! count is on the disk before the PIN is looked at, so a process that dies in between has used up
//! its try.
//!
//! The key is HKDF-SHA-256 over Argon2id(PIN, salt), salted with the machine's binding: 32 random
//! bytes in a file of their own, away from the vault, and `/etc/machine-id` where there is one. The
//! vault alone opens nowhere else; wiping destroys both files. A copy of the whole home directory
//! together with the machine id can be tried without this count: that is what the length of the PIN
//! and Argon2id are for.

mod file;
mod key;

use crate::contents::{Contents, StoredError};
use crate::disk::{self, DiskError, failed};
use crate::pin::Pin;
use aws_lc_rs::error::Unspecified;
use file::{Header, MAX_FILE_BYTES, VaultFile};
use key::{Binding, VaultKey};
pub use key::{BindingKind, Effort};
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// For how long another process may be about to give the vault up, and how often that is looked at.
const LOCK_WAIT: Duration = Duration::from_millis(500);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Wrong PINs in a row after which everything is wiped.
pub const MAX_ATTEMPTS: u8 = 10;

/// Where a vault and what binds it to this machine are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The directory of the vault and its lock.
    pub data: PathBuf,
    /// The directory of the secrets that bind vaults to this machine; another one than `data`.
    pub secrets: PathBuf,
    /// The machine's id, usually `/etc/machine-id`.
    pub machine_id: PathBuf,
}

/// Why a vault cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file operation failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another process has the vault.
    #[error("another app{} is using {}", holder(*pid), path.display())]
    Busy {
        /// Its process id, if it could be read.
        pid: Option<u32>,
        /// The directory.
        path: PathBuf,
    },
    /// The file is not whole. No try was counted.
    #[error("the vault {} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The secret that binds the vault to this machine is not there. No try was counted.
    #[error("the vault's device secret {} is missing", .0.display())]
    SecretMissing(PathBuf),
    /// The secret or the machine id is another than the vault was made with. No try was counted.
    #[error("the vault {} was made on another machine", .0.display())]
    OtherMachine(PathBuf),
    /// The PIN is wrong.
    #[error("the PIN is wrong; {left} {} left", if *left == 1 { "try is" } else { "tries are" })]
    WrongPin {
        /// Tries that are left.
        left: u8,
    },
    /// Too many wrong PINs: nothing is left.
    #[error("the app was reset after {MAX_ATTEMPTS} wrong PINs: its tokens are gone")]
    Wiped,
    /// The contents do not make sense.
    #[error(transparent)]
    Contents(#[from] StoredError),
    /// Cryptography failed, which lack of memory can cause.
    #[error("the vault's key cannot be computed: is there enough memory?")]
    Crypto,
}

/// The directory of a vault, locked for this process until dropped.
#[derive(Debug)]
pub struct Folder {
    places: Places,
    _lock: File,
}

/// What is in a folder.
#[derive(Debug)]
pub enum Found {
    /// No vault yet, or none any more.
    Nothing(EmptyFolder),
    /// A vault that is whole.
    Vault(ClosedVault),
}

/// A locked directory without a vault.
#[derive(Debug)]
pub struct EmptyFolder(Folder);

/// A vault that is whole and not open.
#[derive(Debug)]
pub struct ClosedVault {
    folder: Folder,
    file: VaultFile,
    binding: Binding,
}

/// A try that is counted on the disk, before the PIN is looked at.
#[derive(Debug)]
pub struct Attempt(ClosedVault);

/// A try at the PIN of a vault that is open, counted on the disk before the PIN is looked at. What it computes takes
/// long, and nothing of the vault.
#[derive(Debug)]
pub struct Proof {
    pin: Pin,
    file: VaultFile,
    binding: Arc<Binding>,
}

/// What became of a [`Proof`].
#[derive(Debug)]
pub struct Verdict(Result<(), WrongPin>);

#[derive(Debug)]
struct WrongPin;

/// An open vault.
#[derive(Debug)]
pub struct OpenVault {
    /// The device and its tokens; [`OpenVault::save`] keeps what was changed.
    pub contents: Contents,
    folder: Folder,
    header: Header,
    binding: Arc<Binding>,
    key: VaultKey,
    pin_digits: usize,
}

/// Waits a moment for a lock that is about to be given up: by a command that has just ended, or by a child of
/// this process, which has its files until it runs a program of its own.
fn lock_soon(file: &File) -> Result<(), TryLockError> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT => {
                thread::sleep(LOCK_PAUSE);
            }
            locked => return locked,
        }
    }
}

impl Folder {
    /// Makes the directories where needed and takes the lock.
    pub fn lock(places: Places) -> Result<Self, VaultError> {
        disk::private_directory(&places.data)?;
        let path = places.data.join("lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", &path))?;
        match lock_soon(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = read_pid(&mut file);
                return Err(VaultError::Busy {
                    pid,
                    path: places.data,
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error).into()),
        }
        write_pid(&mut file).map_err(failed("write", &path))?;
        Ok(Self {
            places,
            _lock: file,
        })
    }

    /// Reads the vault. One whose tries are used up is wiped.
    pub fn look(self) -> Result<Found, VaultError> {
        let Some(file) = self.file()? else {
            return Ok(Found::Nothing(EmptyFolder(self)));
        };
        if file.header.attempts >= MAX_ATTEMPTS {
            self.wipe(&file.header)?;
            return Err(VaultError::Wiped);
        }
        let binding = self.binding(&file.header)?;
        Ok(Found::Vault(ClosedVault {
            folder: self,
            file,
            binding,
        }))
    }

    fn file(&self) -> Result<Option<VaultFile>, VaultError> {
        let path = self.vault_path();
        let Some(bytes) = disk::read_bounded(&path, MAX_FILE_BYTES)? else {
            return Ok(None);
        };
        let file = VaultFile::parse(&bytes);
        file.map(Some)
            .map_err(|what| VaultError::Damaged { path, what })
    }

    fn binding(&self, header: &Header) -> Result<Binding, VaultError> {
        let path = self.secret_path(header);
        let secret =
            disk::read_bounded(&path, key::SECRET_LEN)?.ok_or(VaultError::SecretMissing(path))?;
        let machine_id = match header.binding {
            BindingKind::SecretFile => None,
            BindingKind::SecretFileAndMachineId => key::machine_id(&self.places.machine_id)?,
        };
        let binding = Binding::new(&secret[..], machine_id.as_deref());
        if binding.check()? == header.binding_check {
            Ok(binding)
        } else {
            Err(VaultError::OtherMachine(self.vault_path()))
        }
    }

    /// What a wrong PIN comes to.
    fn wrong_pin(&self, header: &Header) -> Result<VaultError, VaultError> {
        let left = MAX_ATTEMPTS.saturating_sub(header.attempts);
        if left > 0 {
            return Ok(VaultError::WrongPin { left });
        }
        self.wipe(header)?;
        Ok(VaultError::Wiped)
    }

    /// The secret goes first: without it no copy of the vault ever opens again.
    fn wipe(&self, header: &Header) -> Result<(), VaultError> {
        disk::remove(&self.secret_path(header))?;
        disk::remove(&self.vault_path())?;
        Ok(())
    }

    fn vault_path(&self) -> PathBuf {
        self.places.data.join("vault")
    }

    fn secret_path(&self, header: &Header) -> PathBuf {
        self.places
            .secrets
            .join(format!("{}.secret", header.id_hex()))
    }
}

impl EmptyFolder {
    /// Makes a vault with a new secret that binds it to this machine.
    pub fn create(
        self,
        pin: &Pin,
        effort: Effort,
        contents: Contents,
    ) -> Result<OpenVault, VaultError> {
        let Self(folder) = self;
        disk::private_directory(&folder.places.secrets)?;
        let machine_id = key::machine_id(&folder.places.machine_id)?;
        let mut header = Header::random(BindingKind::with(machine_id.as_deref()), effort)?;
        let path = folder.secret_path(&header);
        let secret = key::random_secret()?;
        disk::replace(&path, &*secret)?;
        let binding = Binding::new(&secret[..], machine_id.as_deref());
        header.binding_check = binding.check()?;
        let key = VaultKey::derive(pin, &header, &binding)?;
        let mut vault = OpenVault {
            contents,
            folder,
            header,
            binding: Arc::new(binding),
            key,
            pin_digits: pin.digits(),
        };
        vault.save()?;
        Ok(vault)
    }
}

impl ClosedVault {
    /// Counts a try and waits until the count is on the disk.
    pub fn count_attempt(mut self) -> Result<Attempt, VaultError> {
        self.file.header.attempts += 1;
        disk::replace(&self.folder.vault_path(), &self.file.to_bytes())?;
        Ok(Attempt(self))
    }

    /// Counts a try and checks the PIN.
    pub fn open(self, pin: &Pin) -> Result<OpenVault, VaultError> {
        self.count_attempt()?.check(pin)
    }
}

impl Attempt {
    /// Checks the PIN. A right one sets the count back, the tenth wrong one in a row wipes.
    pub fn check(self, pin: &Pin) -> Result<OpenVault, VaultError> {
        let ClosedVault {
            folder,
            mut file,
            binding,
        } = self.0;
        let key = VaultKey::derive(pin, &file.header, &binding)?;
        let Ok(plaintext) = key.open(&file) else {
            return Err(folder.wrong_pin(&file.header)?);
        };
        let contents = match Contents::from_json(&plaintext) {
            Ok(contents) => contents,
            Err(error) => {
                // The PIN was right: contents that this version cannot read must not be wiped for it.
                file.header.attempts = 0;
                disk::replace(&folder.vault_path(), &file.to_bytes())?;
                return Err(error.into());
            }
        };
        let mut header = file.header;
        header.attempts = 0;
        let pin_digits = pin.digits();
        let mut vault = OpenVault {
            contents,
            folder,
            header,
            binding: Arc::new(binding),
            key,
            pin_digits,
        };
        vault.save()?;
        Ok(vault)
    }
}

impl Proof {
    /// Whether it is the PIN.
    pub fn verdict(self) -> Result<Verdict, VaultError> {
        let key = VaultKey::derive(&self.pin, &self.file.header, &self.binding)?;
        let opened = key.open(&self.file);
        Ok(Verdict(opened.map(drop).map_err(|_| WrongPin)))
    }
}

impl OpenVault {
    /// Writes the contents, sealed anew. Wrong PINs that were counted stay so.
    pub fn save(&mut self) -> Result<(), VaultError> {
        self.write().map(drop)
    }

    /// Has the PIN of this vault proven once more, and counts the try. What it comes to is for
    /// [`OpenVault::end_proof`].
    pub fn begin_proof(&mut self, pin: Pin) -> Result<Proof, VaultError> {
        self.header.attempts += 1;
        Ok(Proof {
            pin,
            file: self.write()?,
            binding: Arc::clone(&self.binding),
        })
    }

    /// A right PIN sets the count back, the tenth wrong one in a row wipes. Nothing else is written: contents that the
    /// disk refused before, and that were said not to be kept, are not.
    pub fn end_proof(&mut self, Verdict(verdict): Verdict) -> Result<(), VaultError> {
        if let Err(WrongPin) = verdict {
            return Err(self.folder.wrong_pin(&self.header)?);
        }
        self.header.attempts = 0;
        let Some(mut file) = self.folder.file()? else {
            return self.save();
        };
        file.header.attempts = 0;
        Ok(disk::replace(&self.folder.vault_path(), &file.to_bytes())?)
    }

    fn write(&self) -> Result<VaultFile, VaultError> {
        let plaintext = self.contents.to_json()?;
        let file = self.key.seal(self.header.clone(), plaintext)?;
        disk::replace(&self.folder.vault_path(), &file.to_bytes())?;
        Ok(file)
    }

    /// Seals the vault under another PIN.
    pub fn change_pin(&mut self, pin: &Pin) -> Result<(), VaultError> {
        let mut header = Header::random(self.header.binding, self.header.effort)?;
        header.id = self.header.id;
        header.binding_check = self.header.binding_check;
        self.key = VaultKey::derive(pin, &header, &self.binding)?;
        self.header = header;
        self.pin_digits = pin.digits();
        self.save()
    }

    /// The contents alone: the vault is closed, and what changes in them is not kept.
    pub fn into_contents(self) -> Contents {
        self.contents
    }

    /// How many digits the PIN has.
    pub fn pin_digits(&self) -> usize {
        self.pin_digits
    }

    /// What binds the vault to this machine.
    pub fn binding_kind(&self) -> BindingKind {
        self.header.binding
    }

    /// The vault's file.
    pub fn path(&self) -> PathBuf {
        self.folder.vault_path()
    }

    /// The file of the secret that binds the vault to this machine.
    pub fn secret_path(&self) -> PathBuf {
        self.folder.secret_path(&self.header)
    }
}

impl From<Unspecified> for VaultError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

/// Long enough for any process id.
const MAX_PID_BYTES: u64 = 20;

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_PID_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})"))
        .unwrap_or_default()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and this one touches files"
)]
mod tests {
    use super::*;
    use crate::device::Device;
    use zeroize::Zeroizing;

    #[test]
    fn contents_of_another_version_are_not_wiped_by_right_pins() {
        let home = tempfile::tempdir().unwrap();
        let places = Places {
            data: home.path().join("data"),
            secrets: home.path().join("secrets"),
            machine_id: home.path().join("machine-id"),
        };
        let look = || Folder::lock(places.clone())?.look();
        let pin = Pin::parse("135790").unwrap();
        let Found::Nothing(empty) = look().unwrap() else {
            panic!("a vault before it was made");
        };
        let contents = Contents::new(Device::generate().unwrap());
        let vault = empty.create(&pin, Effort::CHEAP, contents).unwrap();
        let later = Zeroizing::new(br#"{"later":1}"#.to_vec());
        let file = vault.key.seal(vault.header.clone(), later).unwrap();
        disk::replace(&vault.path(), &file.to_bytes()).unwrap();
        drop(vault);
        for _ in 0..=MAX_ATTEMPTS {
            let Found::Vault(closed) = look().unwrap() else {
                panic!("the vault is gone");
            };
            let opened = closed.open(&pin);
            assert!(matches!(opened, Err(VaultError::Contents(_))), "{opened:?}");
        }
    }
}
