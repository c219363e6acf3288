//! The fields of a line, by FortiOS's names and sizes.

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// As it is: dates, numbers, addresses.
    Bare,
    /// In double quotes.
    Quoted,
}

macro_rules! keys {
    ($($name:ident = $word:literal, $max:literal, $form:ident, $meaning:literal;)+) => {
        /// The name of a field.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Key {
            $(#[doc = $meaning] $name,)+
        }

        impl Key {
            /// All names, in the order in which they stand in a line.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name as it is written.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The most characters of a value.
            pub const fn max(self) -> usize {
                match self { $(Self::$name => $max,)+ }
            }

            /// What a value says, for the reference.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }

            pub(super) const fn form(self) -> Form {
                match self { $(Self::$name => Form::$form,)+ }
            }
        }
    };
}

keys! {
    Date = "date", 10, Bare, "Local date.";
    Time = "time", 8, Bare, "Local time.";
    DevName = "devname", 35, Quoted, "Host name of this unit; to syslog servers only.";
    DevId = "devid", 16, Quoted, "Serial number of this unit; to syslog servers only.";
    EventTime = "eventtime", 20, Bare, "Nanoseconds since 1970-01-01 00:00:00 universal time.";
    Tz = "tz", 5, Quoted, "How far local time is ahead of universal time.";
    LogId = "logid", 10, Quoted, "Two digits each for type and subtype, six for the message.";
    Type = "type", 16, Quoted, "Always `event`.";
    Subtype = "subtype", 20, Quoted, "`system` or `user`.";
    Level = "level", 11, Quoted, "Severity.";
    Vd = "vd", 32, Quoted, "Virtual domain.";
    LogDesc = "logdesc", 4096, Quoted, "What happened, the same words for each message.";
    Sn = "sn", 64, Quoted, "Number of the login in `diagnose login show`.";
    SrcIp = "srcip", 39, Bare, "Where the login comes from.";
    User = "user", 256, Quoted, "Who did it, or who logs in.";
    Ui = "ui", 64, Quoted, "Through what: `console`, `ssh(192.0.2.1)`, `system`.";
    AuthProto = "authproto", 64, Quoted, "`RADIUS`, and the client in brackets.";
    Method = "method", 64, Quoted, "How the administrator is connected: `ssh`.";
    Action = "action", 65, Quoted, "What was done.";
    Status = "status", 23, Quoted, "How it ended.";
    Reason = "reason", 256, Quoted, "Why, in a word.";
    CfgPath = "cfgpath", 128, Quoted, "The configuration table: `user.local`.";
    CfgObj = "cfgobj", 256, Quoted, "The entry.";
    CfgAttr = "cfgattr", 4096, Quoted, "The fields that were set or unset, by name alone.";
    SerialNo = "serialno", 16, Quoted, "Serial number of the token.";
    Msg = "msg", 4096, Quoted, "The same in a sentence.";
}

impl Key {
    /// The key of this name.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.word() == word)
    }
}
