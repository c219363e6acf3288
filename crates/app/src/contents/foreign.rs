//! Tokens of other issuers: they come as key URIs (`otpauth://`), and can be taken along as such.

use super::{Contents, ContentsError, ExportProgress, NewToken, Server, Token, TokenName};
use ident::TokenSerial;
use otp::export_code::ExportCode;
use otp::key_uri::Name;
use otp::{KeyUri, Seed};
use softtoken::{IssuerName, TextError};
use zeroize::Zeroizing;

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A token server.
    Issued {
        /// Its serial.
        serial: TokenSerial,
        /// Who is asked about it, and nobody else.
        server: Server,
    },
    /// Another issuer, for this account there.
    Foreign(Name),
}

/// What became of tokens of other issuers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenIn {
    /// The names of those that are new.
    pub added: Vec<TokenName>,
    /// Where they came by one of several codes.
    pub progress: Option<ExportProgress>,
}

/// Why a key URI's token cannot be taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignError {
    /// The issuer cannot be shown.
    #[error("the issuer {0}")]
    Issuer(#[from] TextError),
    /// The tokens here.
    #[error(transparent)]
    Contents(#[from] ContentsError),
}

impl Contents {
    /// Takes in a token of another issuer, under this name or a free one, and returns the name.
    pub fn put_foreign(
        &mut self,
        uri: KeyUri,
        name: Option<TokenName>,
        now_unix: u64,
    ) -> Result<TokenName, ForeignError> {
        let issuer = uri.issuer.as_ref().unwrap_or(&uri.account).as_str();
        let name = name.unwrap_or_else(|| self.free_name(issuer, uri.account.as_str()));
        self.put(NewToken {
            name: name.clone(),
            issuer: IssuerName::parse(&first(issuer, IssuerName::MAX_CHARS))?,
            origin: Origin::Foreign(uri.account),
            seed: uri.seed,
            parameters: uri.parameters,
            pin_policy: None,
            counter: uri.counter.unwrap_or(0),
            added_unix: now_unix,
        })?;
        Ok(name)
    }

    /// Takes in tokens of other issuers, all or none. Those that are here already are passed over where there are
    /// others, here or in another code of the same export.
    pub fn put_all_foreign(
        &mut self,
        code: ExportCode,
        name: Option<&TokenName>,
        now_unix: u64,
    ) -> Result<TakenIn, ForeignError> {
        let ExportCode { tokens, batch } = code;
        let mut added = Vec::new();
        let mut known = None;
        for uri in tokens {
            match self.put_foreign(uri, name.cloned(), now_unix) {
                Ok(name) => added.push(name),
                Err(error @ ForeignError::Contents(ContentsError::Duplicate(_))) => {
                    known = Some(error);
                }
                Err(error) => {
                    self.tokens.retain(|token| !added.contains(&token.name));
                    return Err(error);
                }
            }
        }
        match known {
            Some(error) if added.is_empty() && batch.is_none() => Err(error),
            _ => Ok(TakenIn {
                added,
                progress: batch.map(|batch| self.code_was_read(batch)),
            }),
        }
    }

    /// The issuer's name, with the account or a number where that is taken.
    fn free_name(&self, issuer: &str, account: &str) -> TokenName {
        let numbered = (2_u32..).map(|number| {
            let suffix = format!(" {number}");
            first(issuer, TokenName::MAX_CHARS - suffix.len()) + &suffix
        });
        let wishes = [issuer.to_owned(), format!("{issuer} {account}")];
        let mut wishes = wishes
            .map(|wish| first(&wish, TokenName::MAX_CHARS))
            .into_iter()
            .chain(numbered)
            .filter_map(|wish| TokenName::parse(&wish).ok());
        let free = wishes.find(|name| self.check_name(name).is_ok());
        // Numbers do not end, and a key URI's names have no control characters.
        free.unwrap_or_else(|| TokenName("Token".into()))
    }
}

impl Token {
    /// The token as another app takes it in; nothing where a token server issued it: its secret stays here.
    pub fn key_uri(&self) -> Option<KeyUri> {
        let Origin::Foreign(account) = &self.origin else {
            return None;
        };
        let bytes = Zeroizing::new(self.seed.expose().to_vec());
        let is_counted = self.parameters.kind == otp::Kind::Hotp;
        Some(KeyUri {
            issuer: Name::new(self.issuer.as_str()).ok(),
            account: account.clone(),
            seed: Seed::from_foreign_bytes(bytes).ok()?,
            parameters: self.parameters,
            counter: is_counted.then_some(self.counter),
        })
    }
}

fn first(text: &str, characters: usize) -> String {
    let text: String = text.chars().take(characters).collect();
    text.trim().to_owned()
}
