//! The registry's decisions: who may have which tokens, and which phone gets their seeds.
//!
//! Accounts own products (gateways) and licences. A licence brings a stock of mobile tokens to the
//! product that activates it ([`activate`]); two trial tokens are free ([`trial`]). A product makes a
//! token ready for a phone ([`may_provision`]), and one device takes it over ([`claim`]). Hardware tokens
//! come into stock with their seeds ([`intake`]), which are given once ([`release`]).
//!
//! Licences move with their tokens ([`relocate`]), are renewed ([`renew`]), and follow the unit that
//! takes another's place ([`replace`]). Who does that over the network has a [`Role`]; an agent
//! of one customer sees what is the customer's ([`Sight`]).

mod account;
mod agent;
mod claim;
mod enrolment;
mod hardware;
mod licence;
mod life;
mod product;
mod remark;
mod request;
mod reserve;
mod standing;
mod ticket;
mod token;

pub use account::{AccountName, AccountNameError};
pub use agent::{
    Agent, AgentName, AgentNameError, CertificateHash, Post, PostError, Role, RoleError,
    RoleRefusal, Sight,
};
pub use claim::{
    ANSWER_KEPT_AFTER, Answer, Claim, Claimed, DeviceRefusal, Holder, LinkProof, MAX_WRONG_LINKS,
    Offer, Progress, claim, progress,
};
pub use enrolment::{EnrolRefusal, Generation, Invitation, KeyHash, enrol, is_trusted};
pub use hardware::{
    HardwareActivation, HardwareRefusal, HardwareToken, Release, assign, intake, release,
};
pub use licence::{
    Activation, Licence, LicenceRefusal, LicenceSize, LicenceSizeError, LicenceState, TRIAL_TOKENS,
    Trial, TrialCondition, activate, keeper, trial,
};
pub use life::{
    Change, CodeInHand, LifeRefusal, Product, ProductKind, Renewal, RenewedCode, Retired, Term,
    demand_gateway, import_again, make_manager, name_owner, relocate, renew, replace, unregister,
};
pub use product::{Admission, Asking, Manager, NotRegistered, Requester, admit};
pub use remark::{Remark, RemarkError};
pub use request::{
    Closed, DeskRequest, DualControl, DualControlError, Named, NamesNow, RequestNumber,
    RequestRefusal, RequestState, RequestTerms, Verdict,
};
pub use reserve::{
    Aside, CodeDigest, GIVEN_MISSED, GIVEN_TOLD, GivenLicence, Giving, Held, KnownRecord,
    RESERVE_LICENCES_MAX, RESERVE_TOKENS_MAX, Recipient, RecordBehind, RecordId, Reserve,
    ReserveId, ReserveMark, ReserveProduct, ReserveRefusal, ReservedLicence, Settlement, Settling,
    set_aside, settle, take_over, weigh,
};
pub use standing::{
    Departure, Standing, Supplier, Told, hardware_standing, licence_standing, product_standing,
    token_standing,
};
pub use ticket::{Deed, Ticket, TicketNumber, TicketRefusal, TicketRequest};
pub use token::{Lock, Registration, StockToken, TokenRefusal, TokenState, may_provision, may_see};
