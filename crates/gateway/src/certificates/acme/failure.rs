//! Why an authority gave no certificate, and what to do.

use std::error::Error;
use std::fmt;

use instant_acme::Problem;

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The authority did not see this unit under a name.
    NotProven(Box<str>, Box<Problem>),
    /// It does not say why.
    Invalid,
    /// It does not ask in the one way that is answered here.
    NoChallenge,
    /// It refused, or was not reached.
    Protocol(instant_acme::Error),
    /// A key or a request could not be made.
    Made(String),
    /// The file of `acme-ca-cert`, or the client.
    Trust(String),
    /// What the authority gave is not kept, or not what was asked for.
    NotKept(String),
}

/// Types of problems (RFC 8555, section 6.7), and what helps.
const NEXT_STEPS: &[(&str, &str)] = &[
    (
        "dns",
        "the authority finds no address for the name: enter it in the public DNS with this unit's address",
    ),
    (
        "connection",
        "port 443 of this name has to lead from the Internet to a listener of [gateway] https or [registry] https",
    ),
    (
        "tls",
        "port 443 of this name has to lead to a listener of this unit itself: nothing in between may end TLS",
    ),
    (
        "unauthorized",
        "somebody else answers on port 443 of this name: it has to lead to a listener of this unit itself",
    ),
    (
        "caa",
        "a CAA record of this domain (RFC 8659) names other authorities: add this one",
    ),
    (
        "rateLimited",
        "the authority has given too many, or seen too many failures: it is asked again later",
    ),
    (
        "rejectedIdentifier",
        "the authority does not certify this name: correct acme-domain",
    ),
    (
        "unsupportedIdentifier",
        "the authority does not certify such names: correct acme-domain",
    ),
    ("malformed", "correct acme-domain: a name of the public DNS"),
    ("invalidContact", "correct acme-email"),
    ("unsupportedContact", "correct acme-email"),
    (
        "externalAccountRequired",
        "this authority takes accounts only that were made elsewhere, which this unit does not have: choose another \
         acme-ca-url",
    ),
    (
        "accountDoesNotExist",
        "the authority does not know the account any more: 'unset acme-account' makes a new one",
    ),
    (
        "userActionRequired",
        "the authority has new terms of service: read them there, then 'unset acme-account'",
    ),
];

impl Failure {
    pub(super) fn made(error: impl fmt::Display) -> Self {
        Self::Made(error.to_string())
    }

    pub(in crate::certificates) fn not_kept(why: impl fmt::Display) -> Self {
        Self::NotKept(why.to_string())
    }

    /// What to do.
    pub(crate) fn next_step(&self) -> &'static str {
        let problem = match self {
            Self::NotProven(_, problem) => problem,
            Self::Protocol(instant_acme::Error::Api(problem)) => problem,
            Self::Protocol(_) => {
                return "is acme-ca-url right, does this unit reach it, and is its certificate trusted ('set \
                        acme-ca-cert' for an authority of your own)?";
            }
            Self::NoChallenge => {
                return "the authority has to offer tls-alpn-01: choose another acme-ca-url; names with '*' need \
                        another kind of proof, which this unit cannot give";
            }
            Self::Trust(_) => return "put the file into the directory 'certificates' of this unit",
            Self::Invalid | Self::Made(_) | Self::NotKept(_) => return "it is tried again",
        };
        let kind = problem.r#type.as_deref().unwrap_or_default();
        let kind = kind.rsplit(':').next().unwrap_or_default();
        let known = NEXT_STEPS.iter().find(|(known, _)| *known == kind);
        known.map_or("what the authority says has to be mended first", |it| it.1)
    }
}

impl From<instant_acme::Error> for Failure {
    fn from(error: instant_acme::Error) -> Self {
        Self::Protocol(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotProven(name, problem) => write!(f, "{name}: {}", said(problem)),
            Self::Invalid => f.write_str("the authority gave the order up and does not say why"),
            Self::NoChallenge => f.write_str("the authority does not ask by tls-alpn-01"),
            Self::Protocol(instant_acme::Error::Api(problem)) => f.write_str(&said(problem)),
            Self::Protocol(error) => {
                write!(f, "{error}")?;
                let causes = std::iter::successors(error.source(), |error| (*error).source());
                causes.last().map_or(Ok(()), |root| write!(f, ": {root}"))
            }
            Self::Made(why) | Self::Trust(why) => f.write_str(why),
            Self::NotKept(why) => write!(f, "the certificate is not kept: {why}"),
        }
    }
}

fn said(problem: &Problem) -> String {
    let detail = problem.detail.clone();
    detail.unwrap_or_else(|| {
        problem
            .r#type
            .clone()
            .unwrap_or_else(|| "refused".to_owned())
    })
}
