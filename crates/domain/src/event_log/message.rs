//! The messages: what can be in the log.

use super::Key;
use Key::{
    Action, AuthProto, CfgAttr, CfgObj, CfgPath, Method, Msg, Reason, SerialNo, Sn, SrcIp, Status,
    Ui, User,
};
use Level::{Alert, Error, Information, Notice, Warning};

/// How much an event matters; the most urgent first, as in RFC 5424 section 6.2.1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// The system is unusable.
    Emergency,
    /// Somebody has to act at once.
    Alert,
    /// Something does not work.
    Critical,
    /// Something failed.
    Error,
    /// Something may fail.
    Warning,
    /// Normal, and worth a look.
    Notice,
    /// Normal.
    Information,
    /// For those who look for a fault.
    Debug,
}

impl Level {
    /// All levels.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Information,
        Self::Debug,
    ];

    /// The word in a line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Alert => "alert",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Information => "information",
            Self::Debug => "debug",
        }
    }

    /// The level that `set severity` of a syslog filter names. FortiOS writes `notification` there.
    pub fn of_filter(word: &str) -> Option<Self> {
        match word {
            "notification" => Some(Self::Notice),
            word => Self::ALL.into_iter().find(|level| level.word() == word),
        }
    }
}

/// Which kind of event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subtype {
    /// The unit and its administrators.
    System,
    /// Users and their logins.
    User,
}

impl Subtype {
    /// The word in a line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
        }
    }

    /// The first four digits of a log id: the type, `01` for events, and the subtype.
    const fn prefix(self) -> &'static str {
        match self {
            Self::System => "0100",
            Self::User => "0102",
        }
    }
}

/// A kind of event.
#[derive(Debug)]
pub struct Message {
    /// Its number.
    pub number: u32,
    /// Its name in the reference.
    pub symbol: &'static str,
    /// Where it belongs.
    pub subtype: Subtype,
    /// How much it matters.
    pub level: Level,
    /// `logdesc`.
    pub description: &'static str,
    /// When it is written, for the reference.
    pub meaning: &'static str,
    /// The fields that it may have besides the common ones.
    pub keys: &'static [Key],
}

impl Message {
    /// `logid`: ten digits.
    pub fn log_id(&self) -> String {
        format!("{}{:06}", self.subtype.prefix(), self.number)
    }
}

macro_rules! messages {
    ($($name:ident = $number:literal, $symbol:literal, $subtype:ident, $level:ident, $description:literal,
        $meaning:literal, [$($key:ident),*];)+) => {
        $(pub(super) static $name: Message = Message {
            number: $number,
            symbol: $symbol,
            subtype: Subtype::$subtype,
            level: $level,
            description: $description,
            meaning: $meaning,
            keys: &[$($key),*],
        };)+

        impl Message {
            /// Every message there is.
            pub const ALL: &'static [&'static Self] = &[$(&$name,)+];
        }
    };
}

messages! {
    ADMIN_LOGGED_IN = 32001, "LOG_ID_ADMIN_LOGIN_SUCC", System, Information, "Admin login successful",
        "An administrator logged in.",
        [SrcIp, User, Ui, Method, Action, Status, Reason, Msg];
    ADMIN_REFUSED = 32002, "LOG_ID_ADMIN_LOGIN_FAIL", System, Alert, "Admin login failed",
        "An administrator was not let in.",
        [SrcIp, User, Ui, Method, Action, Status, Reason, Msg];
    ADMIN_LOGGED_OUT = 32003, "LOG_ID_ADMIN_LOGOUT", System, Information, "Admin logout successful",
        "An administrator left, or was idle too long.",
        [SrcIp, User, Ui, Method, Action, Status, Reason, Msg];
    ADMIN_LOCKED_OUT = 32021, "LOG_ID_ADMIN_LOGIN_DISABLE", System, Alert, "Admin login disabled",
        "Too many failed logins of administrators from one address.",
        [SrcIp, Ui, Action, Status, Reason, Msg];
    TOKEN_SYNCHRONISED = 32100, "LOG_ID_FORTI_TOKEN_SYNC", System, Warning, "FortiToken synchronized",
        "Two codes taught the clock difference of a token without an administrator's command.",
        [User, Action, Msg];
    ACTIVATION_REQUESTED = 32155, "LOG_ID_ACT_FTOKEN_REQ", System, Notice,
        "FortiToken activation requested",
        "The token server was asked for an activation code: the token was assigned or provisioned.",
        [User, Ui, Action, SerialNo, Msg];
    ACTIVATED = 32156, "LOG_ID_ACT_FTOKEN_SUCC", System, Notice, "FortiToken activation successful",
        "A phone activated the token.",
        [Action, Status, SerialNo, Msg];
    RESYNCHRONISED = 32157, "LOG_ID_SYNC_FTOKEN_SUCC", System, Notice, "FortiToken re-synchronized",
        "An administrator taught the clock difference of a token with two codes.",
        [User, Ui, Action, Status, SerialNo, Msg];
    NOT_RESYNCHRONISED = 32158, "LOG_ID_SYNC_FTOKEN_FAIL", System, Notice,
        "FortiToken re-synchronization failed",
        "The two codes do not follow each other near this time, or were used.",
        [User, Ui, Action, Status, SerialNo, Msg];
    CODE_SENT = 38412, "LOGID_EVENT_TOKEN_CODE_SENDTO", System, Notice, "Token activation code sent",
        "The mail with the activation code left. The code itself is never in the log.",
        [User, Action, Msg];
    AUTHENTICATED = 43008, "LOG_ID_EVENT_AUTH_SUCCESS", User, Notice, "Authentication success",
        "A login was granted.",
        [Sn, SrcIp, User, AuthProto, Action, Status, Reason, SerialNo, Msg];
    NOT_AUTHENTICATED = 43009, "LOG_ID_EVENT_AUTH_FAILED", User, Notice, "Authentication failed",
        "A login was refused. The reason is one of `diagnose login show`.",
        [Sn, SrcIp, User, AuthProto, Action, Status, Reason, SerialNo, Msg];
    NOT_DECIDED = 43011, "LOG_ID_EVENT_AUTH_TIME_OUT", User, Notice, "Authentication timed out",
        "A login was neither granted nor refused: no directory or RADIUS server that knows the password decided.",
        [Sn, SrcIp, User, AuthProto, Action, Status, Reason, Msg];
    ATTRIBUTE_CONFIGURED = 44546, "LOGID_EVENT_CONFIG_ATTR", System, Information, "Attribute configured",
        "Settings were changed.",
        [User, Ui, Action, CfgPath, CfgAttr, Msg];
    OBJECT_ATTRIBUTE_CONFIGURED = 44547, "LOGID_EVENT_CONFIG_OBJATTR", System, Information,
        "Object attribute configured",
        "An entry of a configuration table was made, changed or deleted.",
        [User, Ui, Action, CfgPath, CfgObj, CfgAttr, Msg];
    LOGIN_EXPLAINED = 99001, "SYMBOLON_LOGIN_EXPLAINED", User, Notice, "Authentication failure explained",
        "What the code of a refused login was; `sn` is that of the refusal.",
        [Sn, Action, Reason, Msg];
    FAILURES_CLEARED = 99002, "SYMBOLON_FAILURES_CLEARED", User, Notice, "Authentication failures cleared",
        "An administrator had the wrong codes of a user forgotten.",
        [User, Ui, Action, Status, Msg];
    OPERATION = 99003, "SYMBOLON_OPERATION", System, Notice, "Operation carried out",
        "An administrator or the system did something that is no configuration.",
        [User, Ui, Action, Msg];
    FLOOR_RAISED = 99004, "SYMBOLON_FLOOR_RAISED", System, Alert, "All codes up to now count as used",
        "The database or the clock may have gone back.",
        [Action, Msg];
    CODE_MADE = 99010, "SYMBOLON_CODE_MADE", System, Notice, "Token activation code made",
        "The token server answered a request with an activation code.",
        [User, Ui, Action, Status, SerialNo, Msg];
    CODE_NOT_SENT = 99011, "SYMBOLON_CODE_NOT_SENT", System, Warning, "Token activation code not sent",
        "The mail with the activation code cannot be sent.",
        [User, Action, Status, SerialNo, Msg];
    NOT_ACTIVATED = 99012, "SYMBOLON_ACTIVATION_REFUSED", System, Warning, "FortiToken activation refused",
        "The token server refused to make an activation code.",
        [User, Ui, Action, Status, SerialNo, Msg];
    OTHER_PHONE = 99013, "SYMBOLON_OTHER_PHONE", System, Alert, "Token server names another phone",
        "The token server says that another phone has the token than the one that activated it, or that a token that a backup brought is another unit's.",
        [User, Ui, Action, Status, SerialNo, Msg];
    LOGIN_CODE_SENT = 99014, "SYMBOLON_LOGIN_CODE_SENT", User, Notice, "Login code sent",
        "A code for a login went to a user by mail or SMS. The code itself is never in the log.",
        [Sn, SrcIp, User, AuthProto, Action, Status, Msg];
    LOGIN_CODE_NOT_SENT = 99015, "SYMBOLON_LOGIN_CODE_NOT_SENT", User, Warning, "Login code not sent",
        "A code for a login could not be sent before it expired.",
        [Sn, SrcIp, User, AuthProto, Action, Status, Reason, Msg];
    SESSION_STARTED = 99016, "SYMBOLON_SESSION_STARTED", User, Information, "Session started",
        "A RADIUS client says in its accounting that a user's session began.",
        [Sn, SrcIp, User, AuthProto, Action, Status, Msg];
    SESSION_STOPPED = 99017, "SYMBOLON_SESSION_STOPPED", User, Information, "Session stopped",
        "A RADIUS client says in its accounting that a user's session ended.",
        [Sn, SrcIp, User, AuthProto, Action, Status, Msg];
    REPORTED = 99018, "SYMBOLON_LOGIN_REPORTED", User, Alert, "Login reported by its user",
        "A user answered a push with: this is not me. Somebody else knows the password.",
        [Sn, SrcIp, User, AuthProto, Action, Status, Reason, SerialNo, Msg];
    LOGIN_TESTED = 99019, "SYMBOLON_LOGIN_TESTED", User, Notice, "Login tried out",
        "An administrator tried a login out for a user, by `diagnose login test`. Nothing was spent.",
        [User, Ui, Action, Status, Reason, Msg];
    LOG_DELETED = 99020, "SYMBOLON_LOG_DELETED", System, Warning, "Event log deleted",
        "An administrator had the event log deleted.",
        [User, Ui, Action, Status, Msg];
    PASSWORD_RENEWED = 99024, "SYMBOLON_PASSWORD_RENEWED", User, Notice, "Password renewed",
        "A user whose password had expired sets another at a login: a directory is asked for it, or it is set.",
        [Sn, SrcIp, User, AuthProto, Action, Status, Msg];
    RENEWED_BEFORE_CODE = 99025, "SYMBOLON_PASSWORD_RENEWED_BEFORE_CODE", User, Alert,
        "Password renewed before the second factor",
        "Whoever knew the expired password of a user with a second factor has set another at a login. If no login of the user is granted after it, it was somebody else.",
        [Sn, SrcIp, User, AuthProto, Action, Status, Msg];
    CERTIFICATE_ENDING = 99030, "SYMBOLON_CERTIFICATE_ENDING", System, Warning, "Certificate ends soon",
        "A local certificate ends within 30 days, or is in the last third of a shorter life. Told once a day.",
        [Action, Status, Msg];
    CERTIFICATE_ENDED = 99031, "SYMBOLON_CERTIFICATE_ENDED", System, Alert, "Certificate ended",
        "Browsers and phones refuse a local certificate. Told once a day.",
        [Action, Status, Msg];
    CERTIFICATE_ENROLLED = 99032, "SYMBOLON_CERTIFICATE_ENROLLED", System, Notice, "Certificate enrolled",
        "An authority gave a local certificate by ACME.",
        [Action, Status, Msg];
    CERTIFICATE_NOT_ENROLLED = 99033, "SYMBOLON_CERTIFICATE_NOT_ENROLLED", System, Warning,
        "Certificate not enrolled",
        "An authority gave no local certificate by ACME; it is asked again.",
        [Action, Status, Msg];
    TARGET_REACHED = 99021, "SYMBOLON_SYSLOG_REACHED", System, Information, "Syslog server reached",
        "A syslog server takes events.",
        [Action, Status, Msg];
    TARGET_UNREACHABLE = 99022, "SYMBOLON_SYSLOG_UNREACHABLE", System, Warning, "Syslog server not reached",
        "A syslog server cannot be reached; what it misses is sent once it can.",
        [Action, Status, Msg];
    TARGET_MISSED = 99023, "SYMBOLON_SYSLOG_MISSED", System, Error, "Events not sent to syslog server",
        "Events were removed from the store before a syslog server took them.",
        [Action, Status, Msg];
    TRANSFER_BEGUN = 99034, "SYMBOLON_TRANSFER_BEGUN", System, Notice, "FortiToken transfer begun",
        "A token is to move to another phone; the one that has it keeps it until then.",
        [User, Ui, Action, SerialNo, Msg];
    TRANSFER_ENDED = 99035, "SYMBOLON_TRANSFER_ENDED", System, Notice, "FortiToken transfer ended",
        "A transfer was cancelled, its code was not used in time, or what it was begun for changed. The token stays on its phone.",
        [User, Ui, Action, Status, SerialNo, Msg];
    TRANSFERRED = 99036, "SYMBOLON_TRANSFERRED", System, Notice, "FortiToken transferred",
        "Another phone has the token now; codes of the phone before are refused.",
        [Action, Status, SerialNo, Msg];
    TWO_PHONES = 99037, "SYMBOLON_TWO_PHONES", System, Alert, "Two phones answer with one token",
        "A push was answered with a token's seed by another phone than the one that has the token.",
        [User, Ui, Action, Status, SerialNo, Msg];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_ids_have_ten_digits_and_are_unique() {
        let ids: std::collections::HashSet<String> =
            Message::ALL.iter().map(|it| it.log_id()).collect();
        assert_eq!(ids.len(), Message::ALL.len());
        assert!(ids.iter().all(|id| id.len() == 10), "{ids:?}");
        assert_eq!(ACTIVATION_REQUESTED.log_id(), "0100032155");
        assert_eq!(NOT_AUTHENTICATED.log_id(), "0102043009");
    }

    #[test]
    fn a_filter_names_levels_as_fortios_does() {
        assert_eq!(Level::of_filter("notification"), Some(Level::Notice));
        assert_eq!(Level::of_filter("emergency"), Some(Level::Emergency));
        assert_eq!(Level::of_filter("loud"), None);
    }
}
