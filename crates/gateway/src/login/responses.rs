//! First factors by response: CHAP and MS-CHAPv2, checked against a password that is kept itself.

use domain::client::Method;
use domain::login::{Proof, Refusal, Submitted};
use domain::password::{Presented, ResponseCheck};
use domain::reason::Reason;
use radius::mschapv2::NtHash;

use super::FirstProven;
use super::first_proven::Beside;

/// How an attempt proves the password, or brings the code that answers a challenge.
pub(crate) enum Presentation {
    /// The octets themselves.
    Password(Presented),
    /// The octets, and the code apart from them; it answers no challenge.
    PasswordAndCode(Presented, Submitted),
    /// A response in their place.
    Response(Response),
    /// Nothing that could be judged, and why.
    Refused(Refusal),
}

/// A response that was made with a password.
pub(crate) enum Response {
    Chap(radius::chap::Response),
    /// By itself, or within a method of EAP.
    MsChapV2(radius::mschapv2::Response, Method),
}

impl Response {
    /// With the method as its evidence.
    pub(super) fn named(&self, refusal: Refusal) -> Refusal {
        match refusal.reason {
            Reason::MethodNeedsLegacySecret => told(self.method(), refusal.reason),
            _ => refusal,
        }
    }

    /// The refusal of a response in the place of a code.
    pub(super) fn hides_the_code(&self) -> Refusal {
        told(self.method(), Reason::CodeByResponse)
    }

    fn method(&self) -> Method {
        match self {
            Self::Chap(_) => Method::Chap,
            Self::MsChapV2(_, method) => *method,
        }
    }

    /// The proof, if the response was made with the password that is kept.
    pub(super) fn check(&self, check: &ResponseCheck) -> Option<FirstProven> {
        match self {
            Self::Chap(response) => {
                let right = |password: &str| response.is_of(password.as_bytes()).then_some(());
                let (verified, ()) = check.verify(right)?;
                Some(Proof::from(verified).into())
            }
            Self::MsChapV2(response, _) => {
                let right = |password: &str| response.check(&NtHash::of(password));
                let (verified, success) = check.verify(right)?;
                let first = FirstProven::from(Proof::from(verified));
                Some(first.with(Beside {
                    success: Some(Box::new(success)),
                    ..Beside::default()
                }))
            }
        }
    }
}

/// A refusal because of a method.
pub(crate) fn told(method: Method, reason: Reason) -> Refusal {
    Refusal {
        evidence: Some(method.word().into()),
        ..Refusal::because(reason)
    }
}
