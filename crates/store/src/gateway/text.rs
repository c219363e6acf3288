//! Secrets as configuration text has them, behind `ENC`: sealed so that this installation opens them, or
//! under the password of a backup.

use data_encoding::BASE64;
use domain::admin::{Edit, Incoming, Operation};
use domain::conveyed::Conveyed;
use domain::password::PasswordHash;
use domain::schema::{FORTITOKEN, Field, LOCAL, Object, Place, Value};
use domain::time::Timestamp;
use domain::token::{KnownBy, Provisioned, Verifier};
use ident::{ActivationCode, RegistrationId, TokenKind, TokenSerial};
use otp::{KeyUri, Kind, Step};
use zeroize::Zeroizing;

use super::GatewayStore;
use super::secrets::Secrets;
use crate::backup_key::BackupKey;
use crate::engine::Undecided;
use crate::sealing::{Aad, Sealed, Sealer};

impl GatewayStore {
    /// An entry with its secrets as configuration text has them: this installation opens them, or with
    /// `backup` whoever knows that key.
    pub fn as_text(&self, object: Object, backup: Option<&BackupKey>) -> Result<Object, Undecided> {
        let secrets = &self.memory.secrets;
        if object.table != &FORTITOKEN {
            return Ok(secrets.shown(object, backup));
        }
        let place = object.place();
        let serial = TokenSerial::parse(&object.key).ok();
        let verifier = match serial {
            Some(serial) => self.verifier(serial)?,
            None => None,
        };
        let seed = serial.and_then(|serial| match (serial.kind(), backup) {
            (TokenKind::Hardware, _) => secrets.shown_seed(&place, verifier?, backup),
            // What opens on this unit alone is of no use: here the token has its seed.
            (TokenKind::Mobile, None) => None,
            (TokenKind::Mobile, Some(_)) => {
                let text = conveyed(&object, verifier?)?.render();
                secrets.sealed_text(&place, SEED, text.as_bytes(), backup)
            }
        });
        Ok(object.with_sealed("seed", seed))
    }

    /// The entries of a configuration text with their secrets understood.
    pub fn understood(&self, entries: Vec<Incoming>, backup: Option<&BackupKey>) -> Vec<Incoming> {
        let secrets = &self.memory.secrets;
        let understood = entries.into_iter().map(|entry| Incoming {
            edits: secrets.taken(&entry.place, entry.edits, backup),
            ..entry
        });
        understood.collect()
    }

    /// What is typed of an entry, with its secrets as the store keeps them or as the domain takes them.
    pub fn understood_edits(&self, place: &Place, edits: Vec<Edit>) -> Vec<Edit> {
        self.memory.secrets.taken(place, edits, None)
    }
}

impl Secrets {
    /// An entry with its secrets as text has them. One that another unit sealed stays as it came.
    pub(super) fn shown(&self, mut object: Object, backup: Option<&BackupKey>) -> Object {
        let place = object.place();
        let sealed = object.values().filter_map(|(field, value)| match value {
            Value::Sealed(stored) => Some((field, self.reshown(&place, field, stored, backup)?)),
            _ => None,
        });
        let sealed: Vec<(&'static Field, Box<str>)> = sealed.collect();
        for (field, text) in sealed {
            object.set(field, Value::Sealed(text));
        }
        object
    }

    /// A secret in another form than the stored one; none if that is right or cannot be opened.
    fn reshown(
        &self,
        place: &Place,
        field: &'static Field,
        stored: &str,
        backup: Option<&BackupKey>,
    ) -> Option<Box<str>> {
        let plain = if place.table() == &LOCAL {
            let hash = PasswordHash::from_enc(stored).ok()?;
            Zeroizing::new(hash.as_phc().as_bytes().to_vec())
        } else {
            backup?;
            let secret = self.open_config(place, field.name, stored)?;
            Zeroizing::new(secret.expose().to_vec())
        };
        self.sealed_text(place, field.name, &plain, backup)
    }

    /// The seed of a hardware token as text has it: what makes its codes, as a key URI.
    pub(super) fn shown_seed(
        &self,
        place: &Place,
        verifier: Verifier,
        backup: Option<&BackupKey>,
    ) -> Option<Box<str>> {
        let counter = match verifier.parameters.kind {
            Kind::Totp(_) => None,
            Kind::Hotp => Some(verifier.spent.map_or(0, |Step(spent)| spent + 1)),
        };
        let uri = KeyUri {
            issuer: None,
            account: otp::key_uri::Name::new(verifier.serial.as_str()).ok()?,
            seed: verifier.seed,
            parameters: verifier.parameters,
            counter,
        };
        self.sealed_text(place, SEED, uri.render().as_bytes(), backup)
    }

    fn sealed_text(
        &self,
        place: &Place,
        field: &str,
        plain: &[u8],
        backup: Option<&BackupKey>,
    ) -> Option<Box<str>> {
        let sealer = backup.map_or(self.text(), BackupKey::sealer);
        let sealed = sealer.seal_alike(&text_aad(place, field), plain).ok()?;
        Some(BASE64.encode(sealed.as_bytes()).into())
    }

    /// An operation with what text says as [`Secrets::taken`] has it.
    pub(super) fn understood(&self, operation: Operation) -> Operation {
        match operation {
            Operation::Configure { place, edits } => {
                let edits = self.taken(&place, edits, None);
                Operation::Configure { place, edits }
            }
            Operation::AddCertificate { place, edits } => {
                let edits = self.taken(&place, edits, None);
                Operation::AddCertificate { place, edits }
            }
            operation => operation,
        }
    }

    /// What text says of an entry, with its secrets as the store keeps them or as the domain takes them.
    pub(super) fn taken(
        &self,
        place: &Place,
        edits: Vec<Edit>,
        backup: Option<&BackupKey>,
    ) -> Vec<Edit> {
        let take = |edit| match edit {
            Edit::Set(field, Value::Sealed(text)) => {
                Edit::Set(field, self.taken_secret(place, field, text, backup))
            }
            edit => edit,
        };
        edits.into_iter().map(take).collect()
    }

    fn taken_secret(
        &self,
        place: &Place,
        field: &'static Field,
        text: Box<str>,
        backup: Option<&BackupKey>,
    ) -> Value {
        let sealers = [backup.map(BackupKey::sealer), Some(self.text())];
        let mut sealers = sealers.into_iter().flatten();
        let opened = sealers.find_map(|sealer| opened_text(sealer, place, field, &text));
        let taken = match opened {
            Some(plain) => self.kept(place, field, &plain),
            None => self
                .is_kept(place, field, &text)
                .then(|| Value::Sealed(text.clone())),
        };
        taken.unwrap_or(Value::Foreign(text))
    }

    /// A secret in the form in which it is kept; a seed as the domain takes it.
    fn kept(&self, place: &Place, field: &'static Field, plain: &[u8]) -> Option<Value> {
        let text = || std::str::from_utf8(plain).ok();
        if place.table() == &LOCAL {
            let hash = PasswordHash::from_phc(text()?).ok()?;
            return Some(Value::Sealed(hash.to_enc().into()));
        }
        if place.table() == &FORTITOKEN {
            return Some(Value::Secret(Zeroizing::new(text()?.to_owned())));
        }
        let sealed = self.seal_config(place, field.name, plain).ok()?;
        Some(Value::Sealed(BASE64.encode(&sealed).into()))
    }

    /// Whether text has a secret in the form in which it is kept.
    fn is_kept(&self, place: &Place, field: &'static Field, text: &str) -> bool {
        if place.table() == &LOCAL {
            return PasswordHash::from_enc(text).is_ok();
        }
        self.open_config(place, field.name, text).is_some()
    }
}

const SEED: &str = "seed";

/// A mobile token as another unit takes it; none if no phone is known to have it.
fn conveyed(object: &Object, verifier: Verifier) -> Option<Conveyed> {
    let expires = i64::try_from(object.number("activation-expire")).ok()?;
    let phone = Provisioned {
        code: ActivationCode::parse(object.text("activation-code")).ok()?,
        expires: Timestamp::from_secs(expires),
        registration: RegistrationId::parse(object.text("reg-id")).ok()?,
        os_version: object.text("os-ver").into(),
        transfer: None,
        known_by: KnownBy::OtherUnit,
    };
    // The backup's own lines say whether it is locked, and whose it is.
    Some(Conveyed::of(verifier, phone))
}

fn opened_text(
    sealer: &Sealer,
    place: &Place,
    field: &Field,
    text: &str,
) -> Option<Zeroizing<Vec<u8>>> {
    let sealed = Sealed::from_bytes(BASE64.decode(text.as_bytes()).ok()?);
    sealer.open(&text_aad(place, field.name), &sealed).ok()
}

fn text_aad(place: &Place, field: &str) -> Aad {
    let row = format!("{}\n{}\n{field}", place.vdom(), place.key());
    Aad::new("text", place.table().path, &row, 0)
}
