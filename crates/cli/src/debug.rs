//! Debug output: which lines a session asked for, and how they look.
//!
//! Each session has its own [`Switches`]; the shell offers every [`Line`] to every session and prints
//! what comes back. Whoever makes a line leaves seeds, codes and passwords out of it.

use std::fmt;

use domain::time::Timestamp;

use crate::render::{Zone, printable};

/// A debug line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// Which switch lets it through.
    pub source: Source,
    /// What it says.
    pub text: Text,
}

/// Which switch lets a line through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// `diagnose fortitoken debug`.
    Fortitoken,
    /// `diagnose debug application`.
    Application(Application),
    /// `diagnose debug cli`: what changes in the configuration, whoever changes it.
    Cli,
}

impl Source {
    /// How many there are.
    pub const COUNT: usize = 2 + Application::ALL.len();

    /// All of them, each at its [`Source::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        let applications = Application::ALL.into_iter().map(Self::Application);
        [Self::Fortitoken, Self::Cli]
            .into_iter()
            .chain(applications)
    }

    /// Its place among [`Source::all`].
    pub const fn index(self) -> usize {
        match self {
            Self::Fortitoken => 0,
            Self::Cli => 1,
            Self::Application(application) => 2 + application as usize,
        }
    }
}

/// The daemons of the described system by which its administrators know the parts of a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Application {
    /// Mails.
    Alertmail,
    /// Authentication of users at policies.
    Authd,
    /// Logins.
    Fnbamd,
    /// Connections to the token server.
    Forticldd,
    /// Pushes.
    FtmPush,
    /// Web pages.
    Httpsd,
    /// RADIUS.
    Radiusd,
    /// Logins of administrators over SSH.
    Sshd,
    /// The SSL VPN.
    Sslvpn,
}

/// What a line says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Text {
    /// `function[line]:message`, with the time before it if the session asked for it.
    At(Place, Box<str>),
    /// As it is, such as a request and its answer; may have several lines.
    Raw(Box<str>),
}

/// Where a line comes from, in the described system's names: searches in its logs rely on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The function.
    pub function: &'static str,
    /// Its line.
    pub line: u16,
}

impl Place {
    /// `provision token: SERIAL`
    pub const PROVISION: Self = Self::at("ftm_cfg_provision_token", 417);
    /// `Poll token status!`
    pub const POLL: Self = Self::at("ftm_cfg_poll_token_states", 405);
    /// `Update REGID for SERIAL regid:ID os_ver:VERSION`
    pub const UPDATE: Self = Self::at("ftm_cfg_update_token_state", 667);
    /// `receive packet success.`
    pub const RECEIVE: Self = Self::at("ftm_fc_comm_recv_response", 266);
    /// `received error from forticare [-7564]`
    pub const COMMAND: Self = Self::at("ftm_fc_command", 615);

    const fn at(function: &'static str, line: u16) -> Self {
        Self { function, line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.function, self.line)
    }
}

/// `enable | disable`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Switch {
    /// On.
    Enable,
    /// Off.
    #[default]
    Disable,
}

/// One command of `diagnose … debug`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// `diagnose debug enable | disable`.
    Output(Switch),
    /// `diagnose debug console timestamp`.
    Timestamp(Switch),
    /// `diagnose debug console no-user-log-msg`.
    NoUserLog(Switch),
    /// `diagnose fortitoken debug`.
    Fortitoken(Switch),
    /// `diagnose debug application`: 0 is off.
    Level(Application, i32),
    /// `diagnose debug cli`.
    Cli(i32),
    /// `diagnose debug reset`.
    Reset,
}

/// What a session wants to see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Switches {
    output: Switch,
    timestamp: Switch,
    no_user_log: Switch,
    fortitoken: Switch,
    levels: [i32; Application::ALL.len()],
    cli: i32,
}

/// The level at which the described system's command line says nothing of what it does.
const CLI_QUIET: i32 = 3;

impl Default for Switches {
    fn default() -> Self {
        Self {
            output: Switch::Disable,
            timestamp: Switch::Disable,
            no_user_log: Switch::Disable,
            fortitoken: Switch::Disable,
            levels: [0; Application::ALL.len()],
            cli: CLI_QUIET,
        }
    }
}

impl Switches {
    /// Whether lines from there are asked for, also while none are printed.
    pub fn asks(&self, source: Source) -> bool {
        match source {
            Source::Fortitoken => self.fortitoken == Switch::Enable,
            Source::Application(application) => self.levels[application as usize] != 0,
            Source::Cli => !(0..=CLI_QUIET).contains(&self.cli),
        }
    }

    /// Whether anything is printed.
    pub fn prints(&self) -> bool {
        self.output == Switch::Enable
    }

    /// The line as it is shown, ended by LF, if it is wanted.
    pub fn show(&self, line: &Line, zone: Zone) -> Option<String> {
        (self.prints() && self.asks(line.source)).then(|| match &line.text {
            Text::Raw(text) => text.lines().map(|line| printable(line) + "\n").collect(),
            Text::At(place, message) => {
                format!(
                    "{}{place}:{}\n",
                    self.stamp(line.at, zone),
                    printable(message)
                )
            }
        })
    }

    fn stamp(&self, at: Timestamp, zone: Zone) -> String {
        match self.timestamp {
            Switch::Enable => zone.date_time(at) + " ",
            Switch::Disable => String::new(),
        }
    }

    /// Makes a change; returns what the console says to it.
    pub(crate) fn change(&mut self, change: Change) -> &'static str {
        match change {
            Change::Output(switch) => self.output = switch,
            Change::Timestamp(switch) => self.timestamp = switch,
            Change::NoUserLog(switch) => self.no_user_log = switch,
            Change::Fortitoken(switch) => self.fortitoken = switch,
            Change::Level(application, level) => self.levels[application as usize] = level,
            Change::Cli(level) => self.cli = level,
            Change::Reset => {
                *self = Self {
                    output: self.output,
                    ..Self::default()
                }
            }
        }
        match change {
            Change::Fortitoken(Switch::Enable) => "Debug messages will be on for unlimited time.\n",
            Change::Level(_, level) if level != 0 => {
                "Debug messages will be on for unlimited time.\n"
            }
            _ => "",
        }
    }
}

/// `diagnose debug info`, with the described system's names: what is asked for in vain is said so.
impl fmt::Display for Switches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "debug output:           {}", self.output)?;
        writeln!(f, "console timestamp:      {}", self.timestamp)?;
        writeln!(f, "console no user log message:    {}", self.no_user_log)?;
        writeln!(f, "fortitoken debug:       {}", self.fortitoken)?;
        let levels = Application::ALL.iter().zip(self.levels);
        for (application, level) in levels.filter(|(_, level)| *level != 0) {
            let name = format!("{} debug level:", application.name());
            let silent = match application.silent() {
                Some(why) => format!("   (no lines: {why})"),
                None => String::new(),
            };
            writeln!(f, "{name:<24}{level} ({level:#x}){silent}")?;
        }
        writeln!(f, "{:<24}{}", "CLI debug level:", self.cli)
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
        })
    }
}

impl Application {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Alertmail,
        Self::Authd,
        Self::Fnbamd,
        Self::Forticldd,
        Self::FtmPush,
        Self::Httpsd,
        Self::Radiusd,
        Self::Sshd,
        Self::Sslvpn,
    ];

    /// The name after `diagnose debug application`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alertmail => "alertmail",
            Self::Authd => "authd",
            Self::Fnbamd => "fnbamd",
            Self::Forticldd => "forticldd",
            Self::FtmPush => "ftm-push",
            Self::Httpsd => "httpsd",
            Self::Radiusd => "radiusd",
            Self::Sshd => "sshd",
            Self::Sslvpn => "sslvpn",
        }
    }

    /// Why no line ever comes from there, and where to look instead; none if lines do come.
    const fn silent(self) -> Option<&'static str> {
        match self {
            Self::Alertmail | Self::Fnbamd | Self::Forticldd | Self::Radiusd | Self::Sshd => None,
            Self::Authd => Some("there are no policies here; logins are fnbamd's"),
            Self::FtmPush => Some("there is no push"),
            Self::Httpsd => Some("there are no web pages"),
            Self::Sslvpn => Some("VPN gateways ask over RADIUS; logins are fnbamd's"),
        }
    }
}
