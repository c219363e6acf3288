//! Text for the administrator. Lines end in LF; the shell makes of it what its terminal needs.

mod administrators;
mod authserver;
mod certificates;
mod change;
mod configuration;
mod intake;
mod keeping;
mod log;
mod login_check;
mod login_test;
mod logins;
mod moving;
mod network;
mod outbox;
mod outcome;
mod qr;
mod radius;
mod recovery;
mod security;
mod status;
mod tokens;
mod unit;
mod verification;
mod zone;

pub use administrators::{administrator, administrators, no_session, session_ended, sessions};
pub use authserver::{Remote, Tested, authserver};
pub use certificates::{GENERATING, certificates};
pub use change::change;
pub use configuration::{Listing, Part, View};
pub(crate) use configuration::{Scope, Shown, typed};
pub use intake::{FILE_FETCHED, activated_later, not_taken, seeds_taken, serials_taken};
pub(crate) use keeping::named;
pub use keeping::{
    FETCHED, Kept, OpenedBy, PHONES_ELSEWHERE, WAIT, connecting, findings, kept, not_kept,
    phones_unasked, remark, restored, revision, revision_head,
};
pub use log::{LogLines, log_deleted, log_verified};
pub use login_check::{CHECK_VERDICT, LoginCheck, PushCheck, TokenCheck, login_check};
pub use login_test::{LoginTest, Password, TriesLeft, login_test};
pub use logins::login;
pub use moving::{MovedIn, MovedOut, move_request, moved_in, moved_out};
pub use network::{
    Closed, Echo, PingTally, date, no_address, ping_denied, ping_head, ping_unsent, ssh_stays,
    stands_for, stands_for_at, telnet_closed, telnet_connected, telnet_failed, telnet_received,
    telnet_trying, time, unresolved,
};
pub use outbox::{deliveries, outbox};
pub use outcome::{Activation, Delay, Outcome, Request, refusal};
pub use qr::Qr;
pub use radius::{
    authenticator_reset, authenticator_unknown, client_unknown, name_impossible, name_preview,
    radius_client, radius_head, radius_strangers,
};
pub use recovery::{recovery_codes, recovery_list, recovery_pass, recovery_revoked};
pub use security::security;
pub(crate) use status::MODEL;
pub use status::{COMPATIBLE, system_status};
pub use tokens::{token, token_advice, token_head, token_server_trouble, token_totals};
pub(crate) use unit::ending_notice;
pub use unit::{TOKEN_SERVER_TESTS, ending, performance, time_servers, token_server};
pub use verification::{guesses, guesses_forgotten, guesses_unknown};
pub use zone::Zone;

pub(crate) use domain::text::printable;
use domain::vdom::Vdom;

/// What is said of an entry that there is not, with what helps.
fn not_found(next_step: &str) -> String {
    format!("entry not found in datasource\nCommand fail. Return code -3\n{next_step}\n")
}

/// A name as one of its virtual domain; the root's stand alone.
fn in_vdom(vdom: Vdom, name: &str) -> String {
    let name = printable(name);
    if vdom.is_root() {
        name
    } else {
        format!("{vdom}/{name}")
    }
}
