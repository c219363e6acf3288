//! What the registry remembers: accounts, products, licences, the stock of tokens and how far each
//! is on its way to a phone.
//!
//! Decisions are `domain::licensing`'s; here its facts are fetched and its decisions written, one
//! transaction per use case. Codes are kept as keyed hashes, seeds and repeated answers sealed.

mod agent;
mod agent_message;
mod claim;
mod desk;
mod enrol;
mod hardware;
mod licence;
mod maintenance;
mod manager;
mod once;
mod provision;
mod request;
mod reserve;
mod rows;
mod schema;
mod secrets;
mod told;
mod transfers;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::audit::Actor;
use domain::licensing::{AccountName, Asking, HardwareActivation, HardwareToken, LicenceSize};
use domain::time::Timestamp;
use ident::{LicenceCode, LicenceSerial, ProductSerial, TokenSerial};
use otp::seed_file::{Entry, MakerSerial, SeedRecord};
use zeroize::Zeroizing;

pub use agent::{AGENTS_MAX, AgentRecord, NewCertificate};
pub use agent_message::AgentMessage;
pub use claim::{ClaimRequest, Claimed, Confirmed, DeviceKeyBytes, Given, OpenAnswer, Sealing};
pub use desk::{
    ACCOUNTS_MAX, AccountLine, AccountPage, AccountRecord, Clue, DeskEvent, DeskRefusal, Found,
    FoundBy, HardwareCount, HardwareImport, IMPORTS_MAX, IssuedLicence, LicenceMoved,
    LicenceRecord, LicenceRenewed, LicenceRevoked, NewLicence, Note, OWN_TICKETS_MAX,
    POSSESSIONS_MAX, ProductRecord, Sighting, TICKETS_MAX, TIMELINE_MAX, TicketFilter, TokenRecord,
    UnitReplaced,
};
pub use hardware::{
    GatewaySealing, HARDWARE_MAX, HardwareActivated, HardwareDenied, OnBadLine, SealedHardware,
    Taken,
};
pub use licence::{Activated, LicenceDenied};
pub use manager::Passing;
pub use once::{Message, MessageId, MessageIdError, NotDone, REPLIES_KEPT};
pub use provision::{Issued, Polled, ProvisionDenied, Provisioned, StockRefusal, ToProvision};
pub use request::{
    ASKED_OF_ONE_MAX, NewRequest, REQUESTS_MAX, RequestFilter, WAITING_MAX, WAITING_OF_ONE_MAX,
    WaitingRequest,
};
pub use reserve::{LineStanding, RecordStanding, ReserveLine, ReserveRecord, Settled, TakenBack};
pub use transfers::{AddressTold, GatewayAddress, MovingCode, PolledCode, PolledCodes};

use crate::engine::{Database, Failure, Health, OpenError, Undecided};
use crate::sealing::{RootKey, SealError};
use once::{HasAnswered, Once};
use reserve::UnlessKept;
use secrets::Keys;

/// Why the registry's store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The root key does not belong to it.
    #[error("{}: {source}", path.display())]
    Key {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        source: SealError,
    },
    /// It could not be read.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

/// The registry's database, open.
#[derive(Debug)]
pub struct RegistryStore {
    database: Database,
    keys: Arc<Keys>,
}

impl RegistryStore {
    /// Opens or creates the database at `path`; `root` seals what is secret in it.
    pub async fn open(path: &Path, root: &RootKey) -> Result<Self, StoreError> {
        let wrong_key = |source| StoreError::Key {
            path: path.to_owned(),
            source,
        };
        let keys = Arc::new(Keys::new(root).map_err(wrong_key)?);
        let database = Database::open(path, schema::MIGRATIONS, ())?;
        let check = maintenance::CheckKeys {
            keys: Arc::clone(&keys),
        };
        match database.write(check).await {
            Ok(()) => Ok(Self { database, keys }),
            Err(Failure::Refused(source)) => Err(wrong_key(source)),
            Err(Failure::Undecided(why)) => Err(why.into()),
        }
    }

    /// Whether writes get through.
    pub fn health(&self) -> Health {
        self.database.health()
    }

    /// Finishes what waits and closes; blocks.
    pub fn shutdown(&self) {
        self.database.shutdown();
    }

    /// Activates a licence, or gives out trial tokens. The answer is rendered in the same transaction,
    /// so that a repeated `message` gets the first one.
    pub async fn activate_licence(
        &self,
        asking: Asking,
        code: LicenceCode,
        now: Timestamp,
        message: Option<Message>,
        render: impl FnOnce(Result<Activated, LicenceDenied>) -> Zeroizing<String> + Send + 'static,
    ) -> Result<Zeroizing<String>, Failure<NotDone>> {
        let work = licence::ActivateLicence {
            keys: self.keys(),
            asking,
            code,
            now,
        };
        let work = self.once(work, now, message, render);
        self.database.write(UnlessKept(work)).await
    }

    /// Makes tokens ready for phones. The answer is rendered in the same transaction, so that a
    /// repeated `message` gets the first one.
    pub async fn provision(
        &self,
        asking: Asking,
        tokens: Vec<ToProvision>,
        now: Timestamp,
        message: Option<Message>,
        render: impl FnOnce(Result<Provisioned, ProvisionDenied>) -> Zeroizing<String> + Send + 'static,
    ) -> Result<Zeroizing<String>, Failure<NotDone>> {
        let work = provision::ProvisionTokens {
            keys: self.keys(),
            asking,
            tokens,
            now,
        };
        let work = self.once(work, now, message, render);
        self.database.write(UnlessKept(work)).await
    }

    /// Whether a message was answered, and its answer is still here.
    pub async fn has_answered(
        &self,
        message: Message,
        now: Timestamp,
    ) -> Result<bool, Failure<Infallible>> {
        self.database.read(HasAnswered { message, now }).await
    }

    /// Tells what became of tokens, in their order, and records what is news. `None` stands for what is
    /// no serial at all.
    pub async fn poll(
        &self,
        asking: Asking,
        tokens: Vec<Option<TokenSerial>>,
        now: Timestamp,
    ) -> Result<Polled, Failure<Infallible>> {
        let through = asking.through.as_ref().map(|manager| manager.serial);
        let gateway = told::sender(asking.serial, through);
        let poll = provision::PollTokens {
            asking,
            tokens,
            now,
        };
        let polled = self.database.read(poll).await?;
        for items in polled.news.chunks(told::NEWS_MAX) {
            let items = items.to_vec();
            let tell = told::Tell {
                gateway: gateway.clone(),
                items,
                now,
            };
            self.database.write(tell).await?;
        }
        Ok(polled)
    }

    /// Gives out the seeds of hardware tokens, in the order of `tokens`, and sets their activation flags.
    /// `None` stands for what is no serial at all. The answer is rendered in the same transaction, so that a
    /// repeated `message` gets the first one.
    pub async fn activate_hardware<S: GatewaySealing>(
        &self,
        asking: Asking,
        tokens: Vec<Option<TokenSerial>>,
        seal: S,
        now: Timestamp,
        message: Option<Message>,
        render: impl FnOnce(Result<HardwareActivated<S::Sealed>, HardwareDenied>) -> Zeroizing<String>
        + Send
        + 'static,
    ) -> Result<Zeroizing<String>, Failure<NotDone>> {
        let work = hardware::ActivateHardware {
            keys: self.keys(),
            asking,
            tokens,
            seal,
            now,
        };
        let work = self.once(work, now, message, render);
        self.database.write(work).await
    }

    /// Gives a token to a device that has proved itself, or says why not.
    pub async fn claim<S: Sealing>(
        &self,
        request: ClaimRequest,
        seal: S,
        now: Timestamp,
    ) -> Result<Claimed, Failure<Infallible>> {
        self.database
            .write(claim::ClaimToken {
                keys: self.keys(),
                request,
                seal,
                now,
            })
            .await
    }

    /// The answer that a token's device has not confirmed yet, or has.
    pub async fn answer(
        &self,
        token: TokenSerial,
    ) -> Result<Option<OpenAnswer>, Failure<Infallible>> {
        self.database.read(claim::FindAnswer { token }).await
    }

    /// The device has stored the answer of this version of a token's provisioning, which is forgotten.
    pub async fn confirm(
        &self,
        token: TokenSerial,
        version: u64,
        now: Timestamp,
    ) -> Result<Confirmed, Failure<Infallible>> {
        let confirm = claim::Confirm {
            token,
            version,
            now,
        };
        self.database.write(confirm).await
    }

    /// Destroys the seeds and answers of codes that have ended, and answers kept for repetition
    /// for longer than [`REPLIES_KEPT`].
    pub async fn sweep(&self, now: Timestamp) -> Result<(), Failure<Infallible>> {
        while self.database.write(maintenance::Sweep { now }).await? {}
        Ok(())
    }

    /// Registers a customer.
    pub async fn register_account(
        &self,
        actor: Actor,
        account: AccountName,
        now: Timestamp,
    ) -> Result<(), Failure<DeskRefusal>> {
        self.database
            .write(desk::RegisterAccount {
                actor,
                account,
                now,
            })
            .await
    }

    /// Registers a gateway for a customer.
    pub async fn register_product(
        &self,
        actor: Actor,
        account: AccountName,
        product: ProductSerial,
        now: Timestamp,
    ) -> Result<(), Failure<DeskRefusal>> {
        self.database
            .write(desk::RegisterProduct {
                actor,
                account,
                product,
                now,
            })
            .await
    }

    /// Issues a licence. Its code is told this once and never again.
    pub async fn issue_licence(
        &self,
        actor: Actor,
        licence: NewLicence,
        now: Timestamp,
    ) -> Result<IssuedLicence, Failure<DeskRefusal>> {
        self.database
            .write(desk::IssueLicence {
                keys: self.keys(),
                actor,
                licence,
                now,
            })
            .await
    }

    /// Takes a token out of use at the registry, or puts it back.
    pub async fn set_lock(
        &self,
        actor: Actor,
        token: TokenSerial,
        lock: domain::licensing::Lock,
        reason: Box<str>,
        now: Timestamp,
    ) -> Result<(), Failure<DeskRefusal>> {
        self.database
            .write(desk::SetLock {
                actor,
                token,
                lock,
                reason,
                now,
            })
            .await
    }

    /// Takes hardware tokens with their seeds into stock, for `account` or for whoever activates them
    /// first.
    pub async fn import_hardware(
        &self,
        actor: Actor,
        entries: Vec<Entry<SeedRecord>>,
        account: Option<AccountName>,
        on_bad_line: OnBadLine,
        now: Timestamp,
    ) -> Result<Taken, Failure<DeskRefusal>> {
        self.database
            .write(hardware::ImportHardware {
                keys: self.keys(),
                actor,
                entries,
                account,
                on_bad_line,
                now,
            })
            .await
    }

    /// Gives hardware tokens of the stock to `account`: those that are nobody's, or `from` the account that
    /// has them.
    pub async fn assign_hardware(
        &self,
        actor: Actor,
        entries: Vec<Entry<MakerSerial>>,
        account: AccountName,
        from: Option<AccountName>,
        on_bad_line: OnBadLine,
        now: Timestamp,
    ) -> Result<Taken, Failure<DeskRefusal>> {
        self.database
            .write(hardware::AssignHardware {
                actor,
                entries,
                account,
                from,
                on_bad_line,
                now,
            })
            .await
    }

    /// Lets a hardware token's seed be given once more; to whom it was given before.
    pub async fn reset_activation(
        &self,
        actor: Actor,
        token: TokenSerial,
        reason: Box<str>,
        now: Timestamp,
    ) -> Result<HardwareActivation, Failure<DeskRefusal>> {
        self.database
            .write(hardware::ResetActivation {
                actor,
                token,
                reason,
                now,
            })
            .await
    }

    /// A hardware token.
    pub async fn hardware(
        &self,
        serial: TokenSerial,
    ) -> Result<HardwareToken, Failure<DeskRefusal>> {
        self.database.read(hardware::ShowHardware { serial }).await
    }

    /// Up to [`HARDWARE_MAX`] hardware tokens of a customer by serial, those behind `after`.
    pub async fn list_hardware(
        &self,
        account: AccountName,
        after: Option<TokenSerial>,
    ) -> Result<Vec<HardwareToken>, Failure<DeskRefusal>> {
        let list = hardware::ListHardware { account, after };
        self.database.read(list).await
    }

    /// A product with its licences.
    pub async fn product(
        &self,
        serial: ProductSerial,
    ) -> Result<ProductRecord, Failure<DeskRefusal>> {
        self.database.read(desk::ShowProduct { serial }).await
    }

    /// A licence with its tokens.
    pub async fn licence(
        &self,
        serial: LicenceSerial,
    ) -> Result<LicenceRecord, Failure<DeskRefusal>> {
        self.database.read(desk::ShowLicence { serial }).await
    }

    /// A token.
    pub async fn token(&self, serial: TokenSerial) -> Result<TokenRecord, Failure<DeskRefusal>> {
        self.database.read(desk::ShowToken { serial }).await
    }

    /// `work`, done once for a message: one that comes again gets the first answer.
    fn once<W, F>(
        &self,
        work: W,
        now: Timestamp,
        message: Option<Message>,
        render: F,
    ) -> Once<W, F> {
        Once {
            keys: self.keys(),
            message,
            now,
            work,
            render,
        }
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }
}

/// Fills an array from the system's random source.
fn random<const N: usize>() -> Result<[u8; N], Undecided> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Undecided::Unavailable("the system's random source failed".into()))?;
    Ok(bytes)
}

/// A size as it is stored.
fn stored_size(size: u32) -> Option<LicenceSize> {
    LicenceSize::new(size).ok()
}
