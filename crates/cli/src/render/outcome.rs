//! What became of an `execute` command.

use domain::admin::AdminError;
use domain::name::CanonicalName;
use domain::time::Timestamp;
use domain::token::{ClockTest, GoodFor, ResyncError};
use ident::{ActivationCode, LicenceSerial, TokenSerial};
use otp::{CodeError, Drift};

use super::{Qr, Zone, printable};
use crate::complaint::{Complaint, Refused};

/// What became of an `execute` or `diagnose` command that changes something.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// A licence was imported.
    Imported {
        /// The licence.
        licence: LicenceSerial,
        /// How many tokens it brought.
        tokens: usize,
        /// How many of its tokens were here before.
        known: usize,
        /// Tokens of it that stay in another virtual domain.
        elsewhere: &'a [TokenSerial],
    },
    /// A token was provisioned, and the person is told by mail.
    Mailed {
        /// The token.
        token: TokenSerial,
        /// Where the mail goes.
        to: &'a str,
        /// Until when its code is valid.
        expires: Timestamp,
    },
    /// An activation code was sent again.
    Sent {
        /// Where it went.
        to: &'a str,
    },
    /// A token was provisioned, and the administrator tells the person.
    Shown(Activation<'a>),
    /// A token that nobody has was unlocked.
    Renewed(TokenSerial),
    /// The token server was asked for states.
    Polled {
        /// How many tokens were asked about.
        asked: usize,
        /// How many have a phone since.
        activated: usize,
    },
    /// A token's clock was learned.
    Resynchronised {
        /// The token.
        token: TokenSerial,
        /// The clock difference in steps.
        drift: Drift,
    },
    /// The two codes say nothing of the token's clock.
    NotResynchronised {
        /// The token.
        token: TokenSerial,
        /// Why.
        error: ResyncError,
    },
    /// Two codes were looked for, and nothing was spent.
    Tested {
        /// The token.
        token: TokenSerial,
        /// How many steps to either side were looked at.
        screen: u16,
        /// What they tell; none if they do not follow each other there.
        found: Option<ClockTest>,
    },
    /// The codes cannot be this token's.
    NotTested {
        /// The token.
        token: TokenSerial,
        /// Why.
        error: CodeError,
    },
    /// A hardware token has its seed.
    Activated(TokenSerial),
    /// A hardware token has none, because the token server refuses it.
    NotActivated {
        /// The token.
        token: TokenSerial,
        /// The number that the described system would show.
        number: i32,
        /// What is wrong.
        cause: &'a str,
        /// What to do.
        next_step: &'a str,
    },
    /// A person's wrong codes are forgotten.
    Unlocked(&'a CanonicalName),
    /// The token server refused.
    Refused {
        /// What was asked of it.
        request: Request,
        /// The number that the described system shows, such as -7564.
        number: i32,
        /// What is wrong.
        cause: &'a str,
        /// What to do.
        next_step: &'a str,
    },
    /// The token server did not do it yet; the request is kept and sent again.
    Waiting {
        /// What is asked of it.
        request: Request,
        /// How it came to that.
        delay: Delay,
        /// Why.
        why: &'a str,
    },
}

/// What is asked of the token server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// `execute fortitoken-mobile import`.
    Import,
    /// `execute fortitoken-mobile provision` and `renew`.
    Provision,
    /// `execute fortitoken-mobile send-activation`.
    Send,
    /// `execute fortitoken-mobile poll`.
    Poll,
    /// `execute fortitoken activate`.
    Activate,
}

/// How a request comes to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delay {
    /// The token server was not reached, or did not answer.
    NoAnswer,
    /// It was reached, and did not do this.
    NotServed,
}

impl Delay {
    fn text(self) -> &'static str {
        match self {
            Self::NoAnswer => "no answer",
            Self::NotServed => "not served",
        }
    }
}

/// What a person needs to activate a token.
#[derive(Debug)]
pub struct Activation<'a> {
    /// The token.
    pub token: TokenSerial,
    /// What the person types.
    pub code: &'a ActivationCode,
    /// Until when.
    pub expires: Timestamp,
    /// What the person scans.
    pub qr: Qr<'a>,
}

impl Outcome<'_> {
    /// Whether what was asked for did not happen: scripts want to know.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::NotResynchronised { .. }
            | Self::NotActivated { .. }
            | Self::NotTested { .. }
            | Self::Tested { found: None, .. }
            | Self::Refused { .. }
            | Self::Waiting { .. } => true,
            Self::Imported { .. }
            | Self::Mailed { .. }
            | Self::Sent { .. }
            | Self::Shown(_)
            | Self::Renewed(_)
            | Self::Polled { .. }
            | Self::Resynchronised { .. }
            | Self::Tested { .. }
            | Self::Activated(_)
            | Self::Unlocked(_) => false,
        }
    }

    /// The text.
    pub fn render(&self, zone: Zone) -> String {
        match self {
            Self::Imported {
                licence,
                tokens,
                known,
                elsewhere,
            } => {
                let before = match known {
                    0 => String::new(),
                    known => format!(
                        ", {known} {} here before",
                        if *known == 1 { "was" } else { "were" }
                    ),
                };
                format!(
                    "license {licence}: {tokens} token{} imported{before}; 'show user fortitoken' lists \
                     them\n{}",
                    plural(*tokens),
                    in_another_vdom(elsewhere)
                )
            }
            Self::Mailed { token, to, expires } => format!(
                "token {token}: activation code, valid until {}, goes to {}\n",
                zone.long(*expires),
                printable(to)
            ),
            Self::Sent { to } => format!("The activation code was sent to {}.\n", printable(to)),
            Self::Shown(activation) => activation.render(zone),
            Self::Renewed(token) => format!("token {token}: new\n"),
            Self::Polled { asked, activated } => {
                format!(
                    "{asked} token{} polled, {activated} activated since\n",
                    plural(*asked)
                )
            }
            Self::Resynchronised { token, drift } => {
                format!("token {token}: synchronized, drift {}\n", drift.0)
            }
            Self::NotResynchronised { token, error } => {
                format!("token {token}: not synchronized\nCommand fail. Return code -1\n{error}\n")
            }
            Self::Tested {
                token,
                screen,
                found,
            } => tested(*token, *screen, *found),
            Self::NotTested { token, error } => {
                format!("token {token}: not tested\nCommand fail. Return code -1\n{error}\n")
            }
            Self::Activated(token) => format!("token {token}: active\n"),
            Self::NotActivated {
                token,
                number,
                cause,
                next_step,
            } => format!(
                "activate fortitoken {token} error: {number}\n{} {}\n",
                printable(cause),
                printable(next_step)
            ),
            Self::Unlocked(person) => {
                format!("user {person}: wrong codes and passwords forgotten\n")
            }
            Self::Refused {
                request,
                number,
                cause,
                next_step,
            } => format!(
                "{} error: {number}\n{} {}\n",
                request.text(),
                printable(cause),
                printable(next_step)
            ),
            Self::Waiting {
                request,
                delay,
                why,
            } => format!(
                "{} error: {}\n{}. {}\n",
                request.text(),
                delay.text(),
                printable(why),
                request.repetition()
            ),
        }
    }
}

fn tested(token: TokenSerial, screen: u16, found: Option<ClockTest>) -> String {
    match found {
        Some(ClockTest { drift, good_for }) => {
            let next_step = match good_for {
                GoodFor::Resync => {
                    "nothing was changed; 'execute fortitoken sync' with the same codes takes the drift over"
                }
                GoodFor::Nothing => {
                    "one of the codes counts as used: take two new ones to synchronize"
                }
                GoodFor::Diagnosis => {
                    "nothing was changed; it is more than 'execute fortitoken sync' takes over: set the token's clock right"
                }
            };
            let drift = drift.0;
            format!("token {token}: the codes follow each other, drift {drift}\n{next_step}\n")
        }
        None => format!(
            "token {token}: no drift found\nCommand fail. Return code -1\n\
             the two codes do not follow each other within {screen} steps of this time: \
             try a larger screen size, or codes of this very token\n"
        ),
    }
}

impl Request {
    /// Who asks again, and when.
    fn repetition(self) -> &'static str {
        match self {
            Self::Poll => "All tokens are polled again within five minutes",
            Self::Import | Self::Provision | Self::Send | Self::Activate => {
                "It is kept and sent again: diagnose outbox list"
            }
        }
    }

    /// As the described system calls it.
    fn text(self) -> &'static str {
        match self {
            Self::Import => "import fortitoken license",
            Self::Provision => "provision fortitoken",
            Self::Send => "send activation code",
            Self::Poll => "poll fortitoken",
            Self::Activate => "activate fortitoken",
        }
    }
}

impl Activation<'_> {
    fn render(&self, zone: Zone) -> String {
        let Self {
            token,
            code,
            expires,
            qr,
        } = self;
        format!(
            "token {token}: hand this to its user, and to nobody else\n\
             activation-code     : {}\nactivation-expire   : {}\n{}",
            code.as_str(),
            zone.long(*expires),
            qr.draw()
        )
    }
}

/// Tokens of a licence that are named one by one; a licence may have thousands.
const NAMED_MAX: usize = 5;

fn in_another_vdom(tokens: &[TokenSerial]) -> String {
    if tokens.is_empty() {
        return String::new();
    }
    let named = tokens.iter().take(NAMED_MAX).map(ToString::to_string);
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match tokens.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (count, plural) = (tokens.len(), plural(tokens.len()));
    format!("{count} token{plural} of it in another VDOM, which keeps what it has: {named}{more}\n")
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// An operation that the rules refuse, for commands outside of `config`.
pub fn refusal(error: AdminError) -> String {
    Complaint::change(error, Refused::Command).to_string()
}
