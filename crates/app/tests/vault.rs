#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one touches files"
)]

use app::contents::{Contents, NewToken, Origin, Server, TokenName, Trust};
use app::device::Device;
use app::pin::{Pin, PinError};
use app::vault::{BindingKind, Effort, Folder, Found, MAX_ATTEMPTS, OpenVault, Places, VaultError};
use ident::TokenSerial;
use otp::{Parameters, Seed};
use softtoken::IssuerName;
use softtoken::address::ServerUrl;
use softtoken::link::SpkiPin;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

const CHEAP: Effort = Effort {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

/// A machine with a home directory.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(TempDir::new().unwrap());
        fs::write(machine.places().machine_id, "0123456789abcdef\n").unwrap();
        machine
    }

    fn places(&self) -> Places {
        Places {
            data: self.0.path().join("data"),
            secrets: self.0.path().join("secrets"),
            machine_id: self.0.path().join("machine-id"),
        }
    }

    fn vault_file(&self) -> PathBuf {
        self.places().data.join("vault")
    }

    fn secret_files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.places().secrets)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }

    fn look(&self) -> Result<Found, VaultError> {
        Folder::lock(self.places())?.look()
    }

    fn create(&self, text: &str) -> OpenVault {
        match self.look().unwrap() {
            Found::Nothing(folder) => folder
                .create(
                    &pin(text),
                    CHEAP,
                    Contents::new(Device::generate().unwrap()),
                )
                .unwrap(),
            Found::Vault(_) => panic!("there is a vault already"),
        }
    }

    fn open(&self, text: &str) -> Result<OpenVault, VaultError> {
        match self.look()? {
            Found::Nothing(_) => panic!("there is no vault"),
            Found::Vault(vault) => vault.open(&pin(text)),
        }
    }

    /// Counts a try and dies before the PIN is looked at.
    fn die_before_the_check(&self) {
        match self.look().unwrap() {
            Found::Nothing(_) => panic!("there is no vault"),
            Found::Vault(vault) => drop(vault.count_attempt().unwrap()),
        }
    }
}

fn pin(text: &str) -> Pin {
    Pin::parse(text).unwrap()
}

fn token(number: u8) -> NewToken {
    let serial = TokenSerial::mobile([number; 5]);
    NewToken {
        name: TokenName::from(serial),
        origin: Origin::Issued {
            serial,
            server: Server {
                url: ServerUrl::parse("https://tokens.example.org").unwrap(),
                trust: Trust::Pin(SpkiPin::of_spki(b"a key")),
            },
        },
        issuer: IssuerName::parse("Example").unwrap(),
        pin_policy: None,
        counter: 0,
        added_unix: 1_665_950_284,
        seed: Seed::from_hex(&"a5".repeat(20)).unwrap(),
        parameters: Parameters::default(),
    }
}

#[test]
fn what_is_saved_is_there_again() {
    let machine = Machine::new();
    let mut vault = machine.create("2468");
    let id = vault.contents.device.registration_id();
    vault.contents.put(token(1)).unwrap();
    vault.save().unwrap();
    drop(vault);

    let vault = machine.open("2468").unwrap();
    assert_eq!(vault.contents.device.registration_id(), id);
    assert_eq!(
        vault.contents.tokens()[0].serial(),
        Some(TokenSerial::mobile([1; 5]))
    );
    let signature = vault.contents.device.sign(b"message").unwrap();
    assert_ne!(signature.as_bytes(), &[0; 64]);
}

#[test]
fn files_are_private_and_hold_no_secret_in_the_clear() {
    let machine = Machine::new();
    let mut vault = machine.create("2468");
    vault.contents.put(token(1)).unwrap();
    vault.save().unwrap();
    for path in [machine.vault_file(), machine.secret_files()[0].clone()] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    for path in [machine.places().data, machine.places().secrets] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
    let bytes = fs::read(machine.vault_file()).unwrap();
    for clear in [&b"a5a5a5a5"[..], &[0xa5; 8], b"FTKMOB", b"Example", b"2468"] {
        assert!(!bytes.windows(clear.len()).any(|window| window == clear));
    }
}

#[test]
fn wrong_pins_are_counted_and_a_right_one_forgives_them() {
    let machine = Machine::new();
    drop(machine.create("2468"));
    for left in (1..MAX_ATTEMPTS).rev() {
        let VaultError::WrongPin { left: told } = machine.open("1111").unwrap_err() else {
            panic!("another error");
        };
        assert_eq!(told, left);
    }
    drop(machine.open("2468").unwrap());
    assert!(matches!(
        machine.open("1111"),
        Err(VaultError::WrongPin { left: 9 })
    ));
}

#[test]
fn the_tenth_wrong_pin_wipes() {
    let machine = Machine::new();
    drop(machine.create("2468"));
    let copy = fs::read(machine.vault_file()).unwrap();
    for _ in 1..MAX_ATTEMPTS {
        assert!(matches!(
            machine.open("1111"),
            Err(VaultError::WrongPin { .. })
        ));
    }
    assert!(matches!(machine.open("1111"), Err(VaultError::Wiped)));
    assert!(!machine.vault_file().exists());
    assert!(machine.secret_files().is_empty());
    assert!(matches!(machine.look().unwrap(), Found::Nothing(_)));

    fs::write(machine.vault_file(), copy).unwrap();
    assert!(matches!(machine.look(), Err(VaultError::SecretMissing(_))));
}

#[test]
fn dying_between_count_and_check_never_gives_an_eleventh_try() {
    let machine = Machine::new();
    drop(machine.create("2468"));
    for _ in 0..MAX_ATTEMPTS {
        machine.die_before_the_check();
    }
    assert!(matches!(machine.look(), Err(VaultError::Wiped)));
    assert!(!machine.vault_file().exists() && machine.secret_files().is_empty());
}

#[test]
fn dying_and_wrong_pins_count_together() {
    let machine = Machine::new();
    drop(machine.create("2468"));
    for _ in 0..9 {
        machine.die_before_the_check();
    }
    assert!(matches!(machine.open("1111"), Err(VaultError::Wiped)));
}

#[test]
fn dying_while_wiping_ends_wiped() {
    let machine = Machine::new();
    drop(machine.create("2468"));
    for _ in 0..MAX_ATTEMPTS {
        machine.die_before_the_check();
    }
    // The secret goes first; the vault was still there when the process died.
    fs::remove_file(&machine.secret_files()[0]).unwrap();
    assert!(matches!(machine.look(), Err(VaultError::Wiped)));
    assert!(matches!(machine.look().unwrap(), Found::Nothing(_)));
}

#[test]
fn a_torn_file_costs_no_try_whatever_its_length() {
    let machine = Machine::new();
    drop(machine.create("2468"));
    let whole = fs::read(machine.vault_file()).unwrap();
    for length in 0..whole.len() {
        fs::write(machine.vault_file(), &whole[..length]).unwrap();
        assert!(
            matches!(machine.look(), Err(VaultError::Damaged { .. })),
            "{length}"
        );
    }
    let mut longer = whole.clone();
    longer.push(0);
    fs::write(machine.vault_file(), longer).unwrap();
    assert!(matches!(machine.look(), Err(VaultError::Damaged { .. })));
    fs::write(machine.vault_file(), &whole).unwrap();
    assert!(machine.open("2468").is_ok());
}

#[test]
fn every_changed_byte_is_noticed_before_a_try() {
    let machine = Machine::new();
    drop(machine.create("2468"));
    let whole = fs::read(machine.vault_file()).unwrap();
    for index in 0..whole.len() {
        let mut bent = whole.clone();
        bent[index] ^= 1;
        fs::write(machine.vault_file(), bent).unwrap();
        let error = machine.look().unwrap_err();
        assert!(
            matches!(error, VaultError::Damaged { .. }),
            "byte {index}: {error}"
        );
    }
}

#[test]
fn a_left_over_of_a_dead_save_is_overwritten() {
    let machine = Machine::new();
    drop(machine.create("2468"));
    fs::write(machine.places().data.join("vault.new"), b"half").unwrap();
    drop(machine.open("2468").unwrap());
    assert!(machine.open("2468").is_ok());
}

#[test]
fn a_vault_opens_on_its_machine_alone() {
    let (here, there) = (Machine::new(), Machine::new());
    drop(here.create("2468"));
    fs::create_dir_all(there.places().data).unwrap();
    fs::copy(here.vault_file(), there.vault_file()).unwrap();
    assert!(matches!(there.look(), Err(VaultError::SecretMissing(_))));

    let secret = here.secret_files()[0].clone();
    fs::create_dir_all(there.places().secrets).unwrap();
    fs::copy(
        &secret,
        there.places().secrets.join(secret.file_name().unwrap()),
    )
    .unwrap();
    assert!(there.look().is_ok());
    fs::write(there.places().machine_id, "fedcba9876543210\n").unwrap();
    assert!(matches!(there.look(), Err(VaultError::OtherMachine(_))));
    fs::remove_file(there.places().machine_id).unwrap();
    assert!(matches!(there.look(), Err(VaultError::OtherMachine(_))));

    fs::write(&secret, [0; 32]).unwrap();
    assert!(matches!(here.look(), Err(VaultError::OtherMachine(_))));
}

#[test]
fn a_machine_without_an_id_is_bound_by_the_secret_alone() {
    let machine = Machine::new();
    fs::remove_file(machine.places().machine_id).unwrap();
    assert_eq!(
        machine.create("2468").binding_kind(),
        BindingKind::SecretFile
    );
    fs::write(machine.places().machine_id, "0123456789abcdef\n").unwrap();
    assert!(machine.open("2468").is_ok());
}

#[test]
fn one_process_has_the_vault() {
    let machine = Machine::new();
    let vault = machine.create("2468");
    let error = machine.look().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "another app (process {}) is using {}",
            std::process::id(),
            machine.places().data.display()
        )
    );
    drop(vault);
    assert!(machine.open("2468").is_ok());
}

#[test]
fn another_pin_takes_the_place_of_the_first() {
    let machine = Machine::new();
    let mut vault = machine.create("2468");
    vault.contents.put(token(1)).unwrap();
    vault.change_pin(&pin("13579246")).unwrap();
    assert_eq!(vault.pin_digits(), 8);
    drop(vault);
    assert!(matches!(
        machine.open("2468"),
        Err(VaultError::WrongPin { left: 9 })
    ));
    assert_eq!(machine.open("13579246").unwrap().contents.tokens().len(), 1);
}

#[test]
fn a_directory_that_cannot_be_written_is_named_and_no_try_is_made() {
    let machine = Machine::new();
    drop(machine.create("2468"));
    // A directory where the new file would go stops root too.
    fs::create_dir(machine.places().data.join("vault.new")).unwrap();
    let before = fs::read(machine.vault_file()).unwrap();
    let error = machine.open("2468").unwrap_err().to_string();
    assert!(
        error.starts_with("cannot write ") && error.contains("vault.new"),
        "{error}"
    );
    assert_eq!(fs::read(machine.vault_file()).unwrap(), before);
}

#[test]
fn the_recommended_effort_opens() {
    let machine = Machine::new();
    match machine.look().unwrap() {
        Found::Nothing(folder) => {
            let contents = Contents::new(Device::generate().unwrap());
            drop(
                folder
                    .create(&pin("2468"), Effort::RECOMMENDED, contents)
                    .unwrap(),
            );
        }
        Found::Vault(_) => panic!("there is a vault already"),
    }
    assert!(machine.open("2468").is_ok());
}

#[test]
fn pins_have_four_to_eight_digits() {
    assert_eq!(Pin::parse("123").unwrap_err(), PinError::Length(3));
    assert_eq!(Pin::parse("123456789").unwrap_err(), PinError::Length(9));
    assert_eq!(Pin::parse("12a4").unwrap_err(), PinError::Digits);
    assert_eq!(Pin::parse("١٢٣٤").unwrap_err(), PinError::Digits);
    assert_eq!(format!("{:?}", pin("1234")), "Pin(<sealed>)");
}

/// Has a PIN proven at once.
fn prove(vault: &mut OpenVault, text: &str) -> Result<(), VaultError> {
    let verdict = vault.begin_proof(pin(text))?.verdict()?;
    vault.end_proof(verdict)
}

#[test]
fn a_pin_that_is_proven_again_counts_as_any_other_try() {
    let machine = Machine::new();
    machine.create("135790");
    let mut vault = machine.open("135790").unwrap();
    let left = |outcome: Result<(), VaultError>| match outcome {
        Err(VaultError::WrongPin { left }) => left,
        other => panic!("{other:?}"),
    };
    assert_eq!(left(prove(&mut vault, "111213")), 9);
    // Nothing that is saved meanwhile, and no other process, gives tries back.
    vault.save().unwrap();
    assert_eq!(left(prove(&mut vault, "111214")), 8);
    drop(vault);
    assert_eq!(left(machine.open("111215").map(drop)), 7);
    let mut vault = machine.open("135790").unwrap();
    assert_eq!(left(prove(&mut vault, "111213")), 9);
    prove(&mut vault, "135790").unwrap();
    for tries in (1..MAX_ATTEMPTS).rev() {
        assert_eq!(left(prove(&mut vault, "111213")), tries);
    }
    assert!(matches!(
        prove(&mut vault, "111213"),
        Err(VaultError::Wiped)
    ));
    assert!(!machine.vault_file().exists() && machine.secret_files().is_empty());
}

#[test]
fn a_proof_that_is_left_has_used_up_its_try_and_what_is_saved_meanwhile_is_kept() {
    let machine = Machine::new();
    machine.create("135790");
    let mut vault = machine.open("135790").unwrap();
    drop(vault.begin_proof(pin("135790")).unwrap());
    drop(vault);
    let Err(VaultError::WrongPin { left }) = machine.open("111213") else {
        panic!("a wrong PIN");
    };
    assert_eq!(left, 8);
    let mut vault = machine.open("135790").unwrap();
    let proof = vault.begin_proof(pin("135790")).unwrap();
    vault.contents = Contents::new(Device::generate().unwrap());
    vault.save().unwrap();
    let id = vault.contents.device.registration_id();
    // What is not saved stays so.
    vault.contents = Contents::new(Device::generate().unwrap());
    vault.end_proof(proof.verdict().unwrap()).unwrap();
    drop(vault);
    let vault = machine.open("135790").unwrap();
    assert_eq!(vault.contents.device.registration_id(), id);
}
