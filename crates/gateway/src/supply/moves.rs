//! Mobile tokens that go from one gateway to another, sealed.

use std::collections::HashMap;

use cli::FileName;
use domain::admin::{Arriving, FileGiven, MoveIn, MoveOut, Serials, Untimely, timely};
use domain::conveyed::Conveyed;
use domain::time::Timestamp;
use domain::vdom::Vdom;
use ident::{LicenceSerial, ProductSerial, TokenSerial};
use identity::NotSigned;
use softtoken::moving::{MoveFile, MoveRequest, Sealed, Waybill};
use store::Undecided;
use store::gateway::Leaving;
use zeroize::Zeroizing;

use super::{AskError, PollError, Supply};
use crate::clock::{self, NoEntropy};

/// Between two tokens in the sealed text.
const BETWEEN: &str = "\n\n";

/// Why tokens do not go to another gateway, or do not come in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MoveError {
    #[error(
        "this is no request: type what 'execute fortitoken-mobile move request' shows on the other gateway"
    )]
    NoRequest,
    #[error("the request is not to be trusted: {0}")]
    RequestUnsigned(NotSigned),
    #[error("the request was made by {0} and names another gateway")]
    RequestOfOther(ProductSerial),
    #[error(
        "the request is of gateway {asking}, and the tokens are to go to {to}; type {asking} only if you know that \
         they are to go there"
    )]
    NotTheReceiver {
        asking: ProductSerial,
        to: ProductSerial,
    },
    #[error("{0}: type 'execute fortitoken-mobile move request' on {1} again")]
    RequestUntimely(Untimely, ProductSerial),
    #[error("the request is this gateway's own; make it on the one that is to get the tokens")]
    OwnRequest,
    #[error(
        "no token of license {0} is on a phone here; 'diagnose fortitoken info' lists the tokens"
    )]
    Nothing(LicenceSerial),
    #[error(
        "no token of license {licence} is on a phone here: those that were are since {} in file '{}', which {} \
         alone opens; 'diagnose fortitoken info' lists the tokens",
        file.at, name.as_str(), file.to
    )]
    Given {
        licence: LicenceSerial,
        /// What was given.
        file: FileGiven,
        /// What the file is called now.
        name: FileName,
    },
    #[error(
        "nothing was exported: {0} are on their way to another phone; wait for it, or end that with 'execute \
         fortitoken-mobile provision'"
    )]
    ChangingPhones(Serials),
    #[error("this is no file of another gateway's tokens, or it was cut off; copy it again")]
    NoFile,
    #[error("the file is for gateway {to}, and this is {here}")]
    OtherUnit {
        to: ProductSerial,
        here: ProductSerial,
    },
    #[error("the file is of gateway {0}; type its serial number if that is the one")]
    OtherSender(ProductSerial),
    #[error("the file is not to be trusted: {0}")]
    FileUnsigned(NotSigned),
    #[error(
        "the file was sealed to another key of this gateway: its data directory is another since the request"
    )]
    OtherKey,
    #[error(
        "the token server does not take this gateway for the tokens' owner ({0}); have customer service move \
         license {1} here: symbolon desk move-licence {1} --to {2}"
    )]
    NotOurs(PollError, LicenceSerial, ProductSerial),
    #[error(
        "nothing was imported: {0} are locked at the token server, which says of no phone that has them; have \
         customer service unlock each, and lock it again afterwards: symbolon desk unlock-token SERIAL"
    )]
    Locked(Serials),
    #[error("the token server cannot be asked whose the tokens are: {0}")]
    Unasked(PollError),
    #[error("the key of this gateway does not sign, or the tokens cannot be sealed")]
    Crypto,
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error("{0}")]
    Undecided(#[from] Undecided),
}

/// Tokens that are ready to leave.
pub(crate) struct Outgoing {
    /// This gateway.
    pub(crate) from: ProductSerial,
    /// What the gateway that gets them reads.
    pub(crate) file: MoveFile,
    /// What takes them out of use here.
    pub(crate) moved: MoveOut,
    /// Tokens of the licence that are not among them: no phone has them.
    pub(crate) staying: u64,
}

impl Supply {
    /// What another gateway has to know to give tokens to this one.
    pub(crate) fn move_request(&self) -> Result<MoveRequest, MoveError> {
        let product = self.server.serial();
        let made_s = clock::now().unix();
        let sealing_key = self.sealing_key.public();
        let transcript = MoveRequest::transcript(product, made_s, &sealing_key);
        let signature = self.server.sign(&transcript).ok_or(MoveError::Crypto)?;
        Ok(MoveRequest {
            product,
            made_s,
            sealing_key,
            signature,
        })
    }

    /// Seals the tokens of a licence to the gateway `to`, which made the request, for a file of this name. They are
    /// in use here until the operation is carried out.
    pub(crate) async fn outgoing(
        &self,
        vdom: Vdom,
        licence: LicenceSerial,
        to: ProductSerial,
        request: &str,
        name: &FileName,
    ) -> Result<Outgoing, MoveError> {
        let request = self.trusted(request, to)?;
        let Leaving { tokens, staying } = self.store.leaving(vdom, licence).await?;
        if tokens.is_empty() {
            return Err(MoveError::Nothing(licence));
        }
        let changing = tokens.iter().filter(|it| it.phone.transfer.is_some());
        let changing: Box<[TokenSerial]> = changing.map(|it| it.serial).collect();
        if !changing.is_empty() {
            return Err(MoveError::ChangingPhones(Serials(changing)));
        }
        let waybill = Waybill {
            id: clock::random()?,
            from: self.server.serial(),
            to: request.product,
            licence,
            tokens: tokens.len(),
        };
        let moved = MoveOut {
            vdom,
            licence,
            tokens: tokens
                .iter()
                .map(|token| (token.serial, token.phone.registration))
                .collect(),
            file: FileGiven {
                id: waybill.name().into(),
                name: name.as_str().into(),
                to: request.product,
                at: clock::now(),
            },
        };
        let texts = tokens.into_iter().map(Conveyed::render);
        let text = joined(&texts.collect::<Vec<_>>());
        let sealed = Sealed::new(waybill, &text, &request.sealing_key, &clock::random()?);
        let sealed = sealed.ok_or(MoveError::Crypto)?;
        let signature = self.server.sign(&sealed.transcript());
        let file = sealed.signed(signature.ok_or(MoveError::Crypto)?);
        Ok(Outgoing {
            from: self.server.serial(),
            file,
            moved,
            staying,
        })
    }

    /// The token server certifies gateways of all its accounts: that one of them asks makes it no receiver.
    fn trusted(&self, request: &str, to: ProductSerial) -> Result<MoveRequest, MoveError> {
        let request = MoveRequest::parse(request).ok_or(MoveError::NoRequest)?;
        let MoveRequest {
            product: asking,
            made_s,
            ..
        } = request;
        let transcript = MoveRequest::transcript(asking, made_s, &request.sealing_key);
        let signer = self.server.signer(&request.signature, &transcript);
        match signer.map_err(MoveError::RequestUnsigned)? {
            signer if signer != asking => return Err(MoveError::RequestOfOther(signer)),
            signer if signer == self.server.serial() => return Err(MoveError::OwnRequest),
            signer if signer != to => return Err(MoveError::NotTheReceiver { asking, to }),
            _ => {}
        }
        let made =
            i64::try_from(made_s).map_or(Timestamp::from_secs(i64::MAX), Timestamp::from_secs);
        timely(made, clock::now()).map_err(|why| MoveError::RequestUntimely(why, asking))?;
        Ok(request)
    }

    /// The tokens that a file brings from `from`, once they are this gateway's at the token server.
    pub(crate) async fn incoming(
        &self,
        vdom: Vdom,
        from: ProductSerial,
        file: &[u8],
    ) -> Result<MoveIn, MoveError> {
        let text = std::str::from_utf8(file).ok();
        let file = text.and_then(MoveFile::parse).ok_or(MoveError::NoFile)?;
        let (sealed, here) = (&file.sealed, self.server.serial());
        let waybill = sealed.waybill();
        let signer = self.server.signer(&file.signature, &sealed.transcript());
        let signer = signer.map_err(MoveError::FileUnsigned)?;
        if waybill.to != here {
            return Err(MoveError::OtherUnit {
                to: waybill.to,
                here,
            });
        }
        if signer != from || waybill.from != from {
            return Err(MoveError::OtherSender(signer));
        }
        let text = sealed.open(&self.sealing_key).ok_or(MoveError::OtherKey)?;
        let tokens = text.split(BETWEEN).map(Conveyed::parse);
        let tokens: Vec<Conveyed> = tokens
            .collect::<Result<_, _>>()
            .map_err(|_| MoveError::NoFile)?;
        if tokens.len() != waybill.tokens {
            return Err(MoveError::NoFile);
        }
        let licence = waybill.licence;
        let serials: Vec<TokenSerial> = tokens.iter().map(|token| token.serial).collect();
        let mut phones = HashMap::with_capacity(serials.len());
        for page in serials.chunks(softtoken::limits::MAX_POLL_TOKENS) {
            let polled = self.phones_of_own(page).await;
            let polled = polled.map_err(|why| match why {
                PollError::Refused(_) => MoveError::NotOurs(why, licence, here),
                why => MoveError::Unasked(why),
            })?;
            phones.extend(polled);
        }
        let is_locked = |serial: &TokenSerial| matches!(phones.get(serial), Some(None));
        let locked: Box<[TokenSerial]> = serials.into_iter().filter(is_locked).collect();
        if !locked.is_empty() {
            return Err(MoveError::Locked(Serials(locked)));
        }
        let arriving = |token: Conveyed| match phones.remove(&token.serial).flatten() {
            Some(phone) => Ok(Arriving { token, phone }),
            None => Err(MoveError::Unasked(AskError::Mismatched.into())),
        };
        let tokens = tokens.into_iter().map(arriving);
        let tokens = tokens.collect::<Result<_, _>>()?;
        Ok(MoveIn {
            vdom,
            licence,
            tokens,
            from,
            file: waybill.name().into(),
        })
    }
}

/// Reserved once: growing would leave copies of the seeds behind.
fn joined(texts: &[Zeroizing<String>]) -> Zeroizing<String> {
    let length = texts.iter().map(|text| text.len() + BETWEEN.len()).sum();
    let mut joined = Zeroizing::new(String::with_capacity(length));
    for text in texts {
        if !joined.is_empty() {
            joined.push_str(BETWEEN);
        }
        joined.push_str(text);
    }
    joined
}
