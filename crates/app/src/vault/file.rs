//! The bytes of the vault's file: a header in the clear, the sealed contents, and a digest over both
//! that tells a torn file from a wrong PIN.

use super::VaultError;
use super::key::{BindingKind, Effort};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;

const MAGIC: &[u8; 8] = b"symvault";
const VERSION: u8 = 1;
const DIGEST_LEN: usize = 32;

/// A thousand tokens take 300 KiB.
pub(super) const MAX_FILE_BYTES: usize = 4 << 20;

/// What is needed to open the vault, and the count of tries.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) binding: BindingKind,
    /// Tries since the last right PIN. Outside the seal, or it could not be written before one.
    pub(super) attempts: u8,
    pub(super) effort: Effort,
    pub(super) id: [u8; 16],
    pub(super) salt: [u8; 16],
    /// Tells another machine from a wrong PIN.
    pub(super) binding_check: [u8; 16],
}

/// A file that is whole.
#[derive(Debug)]
pub(super) struct VaultFile {
    pub(super) header: Header,
    pub(super) nonce: [u8; 12],
    pub(super) ciphertext: Vec<u8>,
}

impl Header {
    /// A header with a new id and salt; the caller sets the binding's check.
    pub(super) fn random(binding: BindingKind, effort: Effort) -> Result<Self, VaultError> {
        let mut header = Self {
            binding,
            attempts: 0,
            effort,
            id: [0; 16],
            salt: [0; 16],
            binding_check: [0; 16],
        };
        aws_lc_rs::rand::fill(&mut header.id)?;
        aws_lc_rs::rand::fill(&mut header.salt)?;
        Ok(header)
    }

    pub(super) fn id_hex(&self) -> String {
        HEXLOWER.encode(&self.id)
    }

    /// The header as the seal covers it: all of it but the count.
    pub(super) fn sealed_part(&self) -> Vec<u8> {
        self.bytes_with_count(0)
    }

    fn bytes_with_count(&self, attempts: u8) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([VERSION, self.binding.to_byte(), attempts]);
        for number in [
            self.effort.memory_kib,
            self.effort.passes,
            self.effort.lanes,
        ] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(self.id);
        bytes.extend(self.salt);
        bytes.extend(self.binding_check);
        bytes
    }
}

impl VaultFile {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.bytes_with_count(self.header.attempts);
        bytes.extend(self.nonce);
        bytes.extend(&self.ciphertext);
        let sum = digest(&SHA256, &bytes);
        bytes.extend(sum.as_ref());
        bytes
    }

    /// Reads a file to its last byte; says what is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let Some((body, sum)) = bytes.split_last_chunk::<DIGEST_LEN>() else {
            return Err("it is too short");
        };
        let mut rest = body;
        if take(&mut rest)? != *MAGIC {
            return Err("it is not a vault");
        }
        if digest(&SHA256, body).as_ref() != sum {
            return Err("its checksum is wrong, perhaps it was cut off");
        }
        let [version, binding, attempts] = take(&mut rest)?;
        if version != VERSION {
            return Err("it was made by a newer version of the app");
        }
        let mut number = || take(&mut rest).map(u32::from_be_bytes);
        let effort = Effort {
            memory_kib: number()?,
            passes: number()?,
            lanes: number()?,
        };
        let header = Header {
            binding: BindingKind::from_byte(binding).ok_or("its header is wrong")?,
            attempts,
            effort: effort
                .within_bounds()
                .ok_or("its header asks for too much memory")?,
            id: take(&mut rest)?,
            salt: take(&mut rest)?,
            binding_check: take(&mut rest)?,
        };
        Ok(Self {
            header,
            nonce: take(&mut rest)?,
            ciphertext: rest.to_vec(),
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (taken, left) = rest.split_first_chunk().ok_or("it is too short")?;
    *rest = left;
    Ok(*taken)
}
