//! Why a token server is believed: for one reason, at all of its tokens, which no message changes by itself.

use super::{Contents, ContentsError, Origin, Server, Token, Trust};
use crate::registry::{has_key, key_of};
use softtoken::link::SpkiPin;

/// Which authority the certificate of a token server may come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Authority {
    /// The one that its tokens here know; whichever is named, where none is here.
    Known,
    /// Another one, too: the person has said that it is right.
    New,
}

impl Contents {
    /// A token server as its tokens here know it; where none is here, as it is named. Whoever names its certificate's
    /// authority otherwise might be somebody else.
    pub fn known(&self, server: &Server) -> Result<Server, ContentsError> {
        let known = self.servers().into_iter();
        let known: Vec<_> = known.filter(|known| known.url == server.url).collect();
        if known.is_empty() {
            return Ok(server.clone());
        }
        let mut known = known.into_iter();
        let covering = known.find(|known| known.trust.covers(&server.trust));
        let stranger = || ContentsError::OtherAuthority(server.url.clone());
        covering.cloned().ok_or_else(stranger)
    }

    /// Has everything of a token server held to what is named now.
    pub fn believe(&mut self, server: &Server) {
        let of_tokens = self.tokens.iter_mut().filter_map(Token::server_mut);
        let of_receipts = self.receipts.iter_mut().map(|receipt| &mut receipt.server);
        let of_last = self.server.iter_mut();
        let all = of_tokens.chain(of_receipts).chain(of_last);
        for known in all.filter(|known| known.url == server.url) {
            known.clone_from(server);
        }
    }
}

impl Server {
    /// Whether both may be one token server: at the same address or, under a name that it had before or got since, with
    /// the same authority. A relay of its own has a certificate of that one too, so this is enough to say that a token
    /// is here, and not to hand anything over.
    pub fn may_be(&self, other: &Self) -> bool {
        self.url == other.url || self.trust.is_same_authority(&other.trust)
    }
}

impl Token {
    fn server_mut(&mut self) -> Option<&mut Server> {
        match &mut self.origin {
            Origin::Issued { server, .. } => Some(server),
            Origin::Foreign(_) => None,
        }
    }
}

impl Trust {
    fn is_same_authority(&self, other: &Self) -> bool {
        let (own, other) = (self.only_key(), other.only_key());
        own.is_some() && own == other
    }

    /// The key of the authority, where there is one alone: each of several may be another token server's.
    fn only_key(&self) -> Option<SpkiPin> {
        match self {
            Self::Pin(pin) => Some(*pin),
            Self::Key(_) => None,
            Self::Authorities(certificates) => {
                let (first, others) = certificates.split_first()?;
                let pin = key_of(first)?;
                others.iter().all(|der| has_key(der, pin)).then_some(pin)
            }
        }
    }

    /// Whether everything is believed here that is believed there.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Authorities(own), Self::Authorities(named)) => {
                named.iter().all(|der| own.contains(der))
            }
            (Self::Authorities(own), Self::Pin(pin)) => own.iter().any(|der| has_key(der, *pin)),
            (Self::Pin(pin), Self::Authorities(named)) => {
                named.iter().all(|der| has_key(der, *pin))
            }
            (Self::Pin(own), Self::Pin(named)) => own == named,
            (Self::Key(_), _) | (_, Self::Key(_)) => false,
        }
    }
}
