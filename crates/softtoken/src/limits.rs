//! How much a peer may send. Every limit is checked before memory is taken for what it bounds.

/// Bytes of a gateway's request. A poll of [`MAX_POLL_TOKENS`] takes 300 KiB, a batch of
/// [`MAX_PROVISION_TOKENS`] 150 KiB.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;

/// Bytes of the registry's answer to a gateway. 10,000 polled tokens take 2.4 MiB.
pub const MAX_RESPONSE_BYTES: usize = 4 << 20;

/// Bytes of either side's messages at the app's endpoint; the longest takes 1 KiB.
pub const MAX_MOBILE_BYTES: usize = 8 << 10;

/// Bytes of a message to or from a push relay. A sealed login request takes 3 KiB.
pub const MAX_PUSH_BYTES: usize = 8 << 10;

/// Tokens in one provision request: one transaction at the registry.
pub const MAX_PROVISION_TOKENS: usize = 1_000;

/// Tokens in one poll.
pub const MAX_POLL_TOKENS: usize = 10_000;

/// Tokens that one licence brings; more are sold as several licences.
pub const MAX_LICENCE_TOKENS: usize = 10_000;

/// Hardware tokens in one activation, as `execute fortitoken activate` takes them.
pub const MAX_HARDWARE_TOKENS: usize = 20;

/// Members of a gateway cluster. Described clusters have two to four.
pub const MAX_CLUSTER_MEMBERS: usize = 16;

/// Names of a token server that phones may sign: its public one, and a few besides.
pub const MAX_SERVER_NAMES: usize = 16;

/// Bytes of a text that is only passed on or shown.
pub const MAX_TEXT_BYTES: usize = 256;

/// Life of an activation code in minutes: 168 h, the upper end of `two-factor-ftm-expiry`.
pub const MAX_CODE_EXPIRE_MIN: u32 = 168 * 60;

/// Seconds for which a nonce may be answered: a slow network and a person who confirms, no more.
pub const NONCE_LIFETIME_S: u64 = 300;

/// Nested objects and arrays. The deepest message has five.
pub(crate) const MAX_DEPTH: usize = 8;

/// Fields of one object. The largest message has 14; it also keeps the search for duplicates short.
pub(crate) const MAX_FIELDS: usize = 32;

/// Items of one array of any kind.
pub(crate) const MAX_ITEMS: usize = 10_000;
