use ident::RegistrationId;

use super::Lock;
use crate::time::{Span, Timestamp};

/// Wrong link secrets after which an activation code is closed. Nobody types one, so a wrong one is
/// an attack or a damaged picture, and either ends long before this.
pub const MAX_WRONG_LINKS: u32 = 10;

/// How long after the end of its code a device still gets the answer again that it was given in time. The seed is
/// its own from the claim on, and a token that moves is no longer on the phone before: a device that was switched
/// off before it had saved the answer has a day to come back.
pub const ANSWER_KEPT_AFTER: Span = Span::from_days(1);

/// What an activation code offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Whether the registry serves the token.
    pub lock: Lock,
    /// The end of the code.
    pub expires: Timestamp,
    /// Wrong link secrets so far.
    pub wrong_links: u32,
    /// The device that has taken it.
    pub holder: Option<Holder>,
}

/// The device that a code is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Which device.
    pub device: RegistrationId,
    /// Whether its sealed answer can be given again.
    pub answer: Answer,
}

/// The sealed answer of an activation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Kept until the device's receipt, or [`ANSWER_KEPT_AFTER`] the end of the code.
    Kept,
    /// The device said that it has stored it.
    Confirmed,
    /// Its time is over, and no receipt came.
    Forgotten,
}

/// How far an activation code has got, for the gateway that waits for a device to have the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// No device has used it.
    Waiting,
    /// A device has used it, and may still say that it stored the token.
    Taken,
    /// The device that used it has stored the token.
    Confirmed,
    /// No device gets or confirms the token by it any more.
    Ended,
}

/// A device that has proved itself and asks for the token behind a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Which device.
    pub device: RegistrationId,
    /// Whether it saw the QR code.
    pub link: LinkProof,
}

/// What a claim knows of the QR code's secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkProof {
    /// The code was typed.
    Typed,
    /// The secret is right.
    Right,
    /// A secret came and is wrong.
    Wrong,
}

/// The decision on a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claimed {
    /// The token becomes this device's: the seed is sealed to it and destroyed in every other form.
    Bind,
    /// The same device asks again: the same bytes.
    Again,
    /// A wrong link secret, to be counted against the code; the device learns
    /// [`DeviceRefusal::CodeUnknown`].
    WrongLink,
    /// No.
    Refused(DeviceRefusal),
}

/// Why a device does not get a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeviceRefusal {
    /// No token waits for this code.
    #[error("no token waits for this activation code")]
    CodeUnknown,
    /// Nobody came in time.
    #[error("the activation code's time is over")]
    CodeExpired,
    /// A device has taken it already.
    #[error("the activation code was used")]
    CodeUsed,
    /// Too many wrong link secrets.
    #[error("too many wrong tries for this activation code")]
    TooManyTries,
}

/// Decides a claim on the offer that the code named.
///
/// A code belongs to the first device that shows it. That device gets the same answer again until it
/// confirms, and for [`ANSWER_KEPT_AFTER`] the code's end: an answer can be lost on its way. No other
/// device ever gets one.
pub fn claim(offer: Option<&Offer>, claim: &Claim, now: Timestamp) -> Claimed {
    let Some(offer) = offer.filter(|offer| offer.lock == Lock::Open) else {
        return Claimed::Refused(DeviceRefusal::CodeUnknown);
    };
    if offer.wrong_links >= MAX_WRONG_LINKS {
        return Claimed::Refused(DeviceRefusal::TooManyTries);
    }
    if claim.link == LinkProof::Wrong {
        return Claimed::WrongLink;
    }
    let end = match offer.holder {
        None => offer.expires,
        Some(holder) if holder.device != claim.device => {
            return Claimed::Refused(DeviceRefusal::CodeUsed);
        }
        Some(_) => offer.expires.after(ANSWER_KEPT_AFTER),
    };
    if end <= now {
        return Claimed::Refused(DeviceRefusal::CodeExpired);
    }
    match offer.holder.map(|holder| holder.answer) {
        None => Claimed::Bind,
        Some(Answer::Kept) => Claimed::Again,
        Some(Answer::Confirmed | Answer::Forgotten) => Claimed::Refused(DeviceRefusal::CodeUsed),
    }
}

/// How far the code behind an offer has got. One clock, the registry's, says whether a device came in time and
/// whether its receipt did: an end that was told is never taken back.
pub fn progress(offer: &Offer, now: Timestamp) -> Progress {
    match offer.holder.map(|holder| holder.answer) {
        None if offer.expires <= now || offer.wrong_links >= MAX_WRONG_LINKS => Progress::Ended,
        None => Progress::Waiting,
        Some(Answer::Confirmed) => Progress::Confirmed,
        Some(Answer::Kept) if now < offer.expires.after(ANSWER_KEPT_AFTER) => Progress::Taken,
        Some(Answer::Kept | Answer::Forgotten) => Progress::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn device(byte: u8) -> RegistrationId {
        RegistrationId::from_bytes([byte; 32])
    }

    fn offer() -> Offer {
        let expires = NOW.after(Span::from_secs(1));
        Offer {
            lock: Lock::Open,
            expires,
            wrong_links: 0,
            holder: None,
        }
    }

    fn held(answer: Answer) -> Offer {
        Offer {
            holder: Some(Holder {
                device: device(1),
                answer,
            }),
            ..offer()
        }
    }

    fn ask(offer: &Offer, by: u8, link: LinkProof) -> Claimed {
        claim(
            Some(offer),
            &Claim {
                device: device(by),
                link,
            },
            NOW,
        )
    }

    #[test]
    fn the_first_device_is_bound_and_may_ask_again() {
        assert_eq!(ask(&offer(), 1, LinkProof::Typed), Claimed::Bind);
        assert_eq!(ask(&offer(), 1, LinkProof::Right), Claimed::Bind);
        assert_eq!(
            ask(&held(Answer::Kept), 1, LinkProof::Typed),
            Claimed::Again
        );
        for over in [Answer::Confirmed, Answer::Forgotten] {
            let again = ask(&held(over), 1, LinkProof::Typed);
            assert_eq!(again, Claimed::Refused(DeviceRefusal::CodeUsed));
        }
    }

    #[test]
    fn another_device_never_gets_anything() {
        for answer in [Answer::Kept, Answer::Confirmed, Answer::Forgotten] {
            for expires in [offer().expires, NOW] {
                let offer = Offer {
                    expires,
                    ..held(answer)
                };
                let claimed = ask(&offer, 2, LinkProof::Right);
                assert_eq!(claimed, Claimed::Refused(DeviceRefusal::CodeUsed));
            }
        }
    }

    #[test]
    fn a_code_ends_at_its_moment_and_a_day_later_for_the_device_that_has_it() {
        let expired = Claimed::Refused(DeviceRefusal::CodeExpired);
        let day_before = NOW.before(ANSWER_KEPT_AFTER);
        let last = day_before.after(Span::from_secs(1));
        for (offer, expires, claimed) in [
            (offer(), NOW, expired),
            (held(Answer::Kept), NOW, Claimed::Again),
            (held(Answer::Kept), last, Claimed::Again),
            (held(Answer::Kept), day_before, expired),
        ] {
            let offer = Offer { expires, ..offer };
            assert_eq!(ask(&offer, 1, LinkProof::Typed), claimed, "{expires:?}");
        }
    }

    #[test]
    fn a_code_is_told_to_have_ended_only_once_no_device_can_get_or_confirm_it() {
        let ended_a_day_ago = NOW.before(ANSWER_KEPT_AFTER);
        let last = ended_a_day_ago.after(Span::from_secs(1));
        for (offer, expires, told) in [
            (offer(), offer().expires, Progress::Waiting),
            (offer(), NOW, Progress::Ended),
            (held(Answer::Kept), NOW, Progress::Taken),
            (held(Answer::Kept), last, Progress::Taken),
            (held(Answer::Kept), ended_a_day_ago, Progress::Ended),
            (
                held(Answer::Confirmed),
                ended_a_day_ago,
                Progress::Confirmed,
            ),
            (held(Answer::Forgotten), NOW, Progress::Ended),
        ] {
            assert_eq!(
                progress(&Offer { expires, ..offer }, NOW),
                told,
                "{expires:?}"
            );
        }
        let closed = Offer {
            wrong_links: MAX_WRONG_LINKS,
            ..offer()
        };
        assert_eq!(progress(&closed, NOW), Progress::Ended);
    }

    #[test]
    fn wrong_links_count_and_close_the_code_for_everybody() {
        assert_eq!(ask(&offer(), 1, LinkProof::Wrong), Claimed::WrongLink);
        let closed = Offer {
            wrong_links: MAX_WRONG_LINKS,
            ..offer()
        };
        let refused = Claimed::Refused(DeviceRefusal::TooManyTries);
        assert_eq!(ask(&closed, 1, LinkProof::Right), refused);
        assert_eq!(ask(&closed, 1, LinkProof::Wrong), refused);
    }

    #[test]
    fn an_unknown_code_and_a_locked_token_look_alike() {
        let unknown = Claimed::Refused(DeviceRefusal::CodeUnknown);
        let asked = Claim {
            device: device(1),
            link: LinkProof::Typed,
        };
        assert_eq!(claim(None, &asked, NOW), unknown);
        let locked = Offer {
            lock: Lock::Locked,
            ..offer()
        };
        assert_eq!(ask(&locked, 1, LinkProof::Typed), unknown);
    }
}
