//! What the vault holds, and the rules for it. No I/O.

use crate::device::{Device, KeyError};
use crate::pin::Pin;
use ident::{PinPolicy, TokenSerial};
use otp::{Code, Kind, Parameters, Seed, Step};
use softtoken::IssuerName;
use softtoken::address::ServerUrl;
use softtoken::device::AnswerHash;
use softtoken::link::SpkiPin;
use softtoken::push::PushKey;
use softtoken::transfer::TransferKey;
use std::fmt;

mod authority;
mod export;
mod foreign;
mod parts;
pub(crate) mod stored;

pub use authority::Authority;
pub use export::ExportProgress;
pub use foreign::{ForeignError, Origin, TakenIn};

/// A device and its tokens.
#[derive(Debug)]
pub struct Contents {
    /// The device.
    pub device: Device,
    tokens: Vec<Token>,
    server: Option<Server>,
    receipts: Vec<OwedReceipt>,
    /// Tokens whose receipt was refused.
    refused: Vec<TokenSerial>,
    export: Option<export::Export>,
}

/// One token.
#[derive(Debug)]
pub struct Token {
    name: TokenName,
    origin: Origin,
    issuer: IssuerName,
    seed: Seed,
    parameters: Parameters,
    pin_policy: Option<PinPolicy>,
    /// The next counter of an event-based token.
    counter: u64,
    added_unix: Option<u64>,
}

/// What a token is made of when it arrives.
#[derive(Debug)]
pub struct NewToken {
    /// What the person calls it.
    pub name: TokenName,
    /// Where it comes from.
    pub origin: Origin,
    /// Who issued it.
    pub issuer: IssuerName,
    /// Its secret.
    pub seed: Seed,
    /// How its codes are computed.
    pub parameters: Parameters,
    /// What its issuer wants of the PIN; a token of another issuer says nothing of it.
    pub pin_policy: Option<PinPolicy>,
    /// The next counter of an event-based token.
    pub counter: u64,
    /// When it came, in seconds after the epoch.
    pub added_unix: u64,
}

/// A registry and why its certificate is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub url: ServerUrl,
    /// What its certificate must come from.
    pub trust: Trust,
}

/// Why a registry's certificate is believed. Nothing else is: no public authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It comes from an authority with this key, whose certificate the registry sends along.
    Pin(SpkiPin),
    /// It is the certificate with this key, whoever made it: a gateway that a push names. Never stored.
    Key(SpkiPin),
    /// It comes from one of these authorities (certificates in DER).
    Authorities(Vec<Vec<u8>>),
}

/// A receipt that the registry has not confirmed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedReceipt {
    /// The token that arrived.
    pub token: TokenSerial,
    /// What arrived.
    pub answer_hash: AnswerHash,
    /// Who waits for it.
    pub server: Server,
}

/// What became of the receipt of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptState {
    /// Its token server knows that the token is here.
    Confirmed,
    /// Its token server has not answered yet.
    Owed,
    /// It came too late, or the token had another code by then: a token that was to move here did not.
    Refused,
}

/// A token's name: 1 to 32 characters without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenName(Box<str>);

/// Why a text is not a token's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing in it.
    #[error("the token name is empty")]
    Empty,
    /// More than 32 characters.
    #[error("the token name has {0} characters: there is a 32 character limitation")]
    TooLong(usize),
    /// A character that a terminal would obey.
    #[error("the token name has a character that cannot be shown: {0:?}")]
    Character(char),
}

/// Why the tokens cannot be changed like that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// Another token has this name.
    #[error("another token goes by {0} already")]
    NameTaken(TokenName),
    /// No token has this name or serial.
    #[error("no token here is called {0}")]
    Unknown(String),
    /// An event-based token has shown all its codes.
    #[error("the counter of the token is at its end")]
    CounterSpent,
    /// A token of another issuer, with the same secret.
    #[error("this token is here already, as {0}")]
    Duplicate(TokenName),
    /// A token with this serial is another token server's: what came is kept out, since it would take that one's place.
    #[error("{0} has this serial and is of another token server, {1}: it stays as it is")]
    OtherServer(TokenName, ServerUrl),
    /// A token server whose tokens here know another authority of its certificate than is named now.
    #[error("another certificate authority is named for {0} than its tokens here know")]
    OtherAuthority(ServerUrl),
    /// Nobody moves a token of another issuer.
    #[error("{0} is not a token server's: nobody can move it")]
    NotIssued(TokenName),
}

/// Contents that were opened but do not make sense.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// Not the JSON of this version.
    #[error("the vault's contents are not readable: {0}")]
    Json(String),
    /// A value that its type refuses.
    #[error("the vault's contents are wrong: {0}")]
    Value(String),
    /// The device's keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl Contents {
    /// A device without tokens.
    pub fn new(device: Device) -> Self {
        Self {
            device,
            tokens: Vec::new(),
            server: None,
            receipts: Vec::new(),
            refused: Vec::new(),
            export: None,
        }
    }

    /// All tokens, in the order in which they came or were put.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The registry that a token came from last.
    pub fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// Remembers where a token came from last.
    pub fn remember_server(&mut self, server: Server) {
        self.server = Some(server);
    }

    /// The token with this name or this serial.
    pub fn token(&self, name: &str) -> Result<&Token, ContentsError> {
        self.index_of(name).map(|index| &self.tokens[index])
    }

    /// The token with this serial, unless it is another token server's for certain: that one is none of `server`.
    pub fn token_of(
        &self,
        server: &Server,
        serial: &TokenSerial,
    ) -> Result<Option<&Token>, ContentsError> {
        let mut tokens = self.tokens.iter();
        let found = tokens.find_map(|token| match token.issued() {
            Ok((own, known)) if own == *serial => Some((token, known)),
            _ => None,
        });
        match found {
            Some((token, known)) if !known.may_be(server) => {
                let (name, url) = (token.name.clone(), known.url.clone());
                Err(ContentsError::OtherServer(name, url))
            }
            found => Ok(found.map(|(token, _)| token)),
        }
    }

    /// The token whose issuer asks for the longest PIN.
    pub fn strictest(&self) -> Option<&Token> {
        self.tokens
            .iter()
            .max_by_key(|token| token.least_pin_digits())
    }

    /// Refuses a name that means another token already.
    pub fn check_name(&self, name: &TokenName) -> Result<(), ContentsError> {
        refuse_taken(name, self.tokens.iter())
    }

    /// Takes a token in, in the place of the entry with its serial: the seed that came last is the one in force. Its
    /// token server is believed as the tokens that are here believe it.
    pub fn put(&mut self, mut token: NewToken) -> Result<(), ContentsError> {
        if let Origin::Issued { server, .. } = &mut token.origin {
            *server = self.known(server)?;
        }
        self.place(token.into())
    }

    /// Takes a token in as [`put`](Self::put) does, and has everything of its token server held to what this one names.
    /// One that is not taken in changes nothing.
    pub fn put_believed(&mut self, token: NewToken) -> Result<(), ContentsError> {
        let token = Token::from(token);
        let server = token.server().cloned();
        self.place(token)?;
        if let Some(server) = server {
            self.believe(&server);
        }
        Ok(())
    }

    fn place(&mut self, token: Token) -> Result<(), ContentsError> {
        let before = self.tokens.iter().position(|known| known.is_same(&token));
        let others = self.tokens.iter().enumerate();
        let others = others.filter(|(at, _)| Some(*at) != before);
        refuse_taken(&token.name, others.map(|(_, other)| other))?;
        match before {
            Some(at) => {
                self.tokens[at].refuse_successor(&token)?;
                self.tokens[at] = token;
            }
            None => self.tokens.push(token),
        }
        Ok(())
    }

    /// Gives a token another name.
    pub fn rename(&mut self, name: &str, new: TokenName) -> Result<(), ContentsError> {
        let index = self.index_of(name)?;
        let (before, rest) = self.tokens.split_at(index);
        refuse_taken(&new, before.iter().chain(&rest[1..]))?;
        self.tokens[index].name = new;
        Ok(())
    }

    /// Puts a token at a place of the list, from 0 on; a place behind the end is the end.
    pub fn move_to(&mut self, name: &str, place: usize) -> Result<(), ContentsError> {
        let index = self.index_of(name)?;
        let token = self.tokens.remove(index);
        self.tokens.insert(place.min(self.tokens.len()), token);
        Ok(())
    }

    /// Takes a token out; its seed is gone with it. A receipt that is still owed is owed no more: the device
    /// that had the token would be out for one that has deleted it.
    pub fn remove(&mut self, name: &str) -> Result<Token, ContentsError> {
        let index = self.index_of(name)?;
        let token = self.tokens.remove(index);
        if let Some(serial) = token.serial() {
            self.forget_receipts_of(&serial);
        }
        Ok(token)
    }

    /// Moves an event-based token on by one and returns the counter to show. The vault must be saved
    /// before the code is shown: a counter shown twice is a code shown twice.
    pub fn advance(&mut self, name: &str) -> Result<Step, ContentsError> {
        let index = self.index_of(name)?;
        let token = &mut self.tokens[index];
        let step = Step(token.counter);
        token.counter = token
            .counter
            .checked_add(1)
            .ok_or(ContentsError::CounterSpent)?;
        Ok(step)
    }

    /// Receipts that registries still wait for.
    pub fn owed_receipts(&self) -> &[OwedReceipt] {
        &self.receipts
    }

    /// What became of the receipt of a token that is here.
    pub fn receipt_of(&self, token: &TokenSerial) -> ReceiptState {
        if self.receipts.iter().any(|receipt| receipt.token == *token) {
            ReceiptState::Owed
        } else if self.refused.contains(token) {
            ReceiptState::Refused
        } else {
            ReceiptState::Confirmed
        }
    }

    /// The tokens whose receipt stands so.
    pub fn tokens_with_receipt(&self, state: ReceiptState) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(move |token| {
            token
                .serial()
                .is_some_and(|serial| self.receipt_of(&serial) == state)
        })
    }

    /// Remembers a receipt until it is confirmed. One for a seed that the token had here before is owed no more.
    pub fn owe_receipt(&mut self, receipt: OwedReceipt) {
        self.forget_receipts_of(&receipt.token);
        self.receipts.push(receipt);
    }

    /// Writes down what became of a receipt, unless it is owed still, or no more since its token was deleted or
    /// came again.
    pub fn settle_receipt(&mut self, answer_hash: &AnswerHash, state: ReceiptState) {
        let is_meant = |receipt: &OwedReceipt| receipt.answer_hash == *answer_hash;
        let Some(at) = self.receipts.iter().position(is_meant) else {
            return;
        };
        match state {
            ReceiptState::Owed => {}
            ReceiptState::Confirmed => drop(self.receipts.remove(at)),
            ReceiptState::Refused => self.refused.push(self.receipts.remove(at).token),
        }
    }

    fn forget_receipts_of(&mut self, token: &TokenSerial) {
        self.receipts.retain(|receipt| receipt.token != *token);
        self.refused.retain(|refused| refused != token);
    }

    fn index_of(&self, name: &str) -> Result<usize, ContentsError> {
        let found = self.tokens.iter().position(|token| token.is_meant_by(name));
        found.ok_or_else(|| ContentsError::Unknown(name.chars().take(MAX_SHOWN).collect()))
    }
}

/// A name may not be another token's name or serial: a command would not know which is meant.
fn refuse_taken<'a>(
    name: &TokenName,
    mut others: impl Iterator<Item = &'a Token>,
) -> Result<(), ContentsError> {
    match others.find(|token| token.is_meant_by(name.as_str())) {
        Some(_) => Err(ContentsError::NameTaken(name.clone())),
        None => Ok(()),
    }
}

/// Characters of a wrong name that an error repeats.
const MAX_SHOWN: usize = 64;

impl Token {
    /// What the person calls it.
    pub fn name(&self) -> &TokenName {
        &self.name
    }

    /// Its serial; one of another issuer has none.
    pub fn serial(&self) -> Option<TokenSerial> {
        self.issued().ok().map(|(serial, _)| serial)
    }

    /// Its token server; one of another issuer has none.
    pub fn server(&self) -> Option<&Server> {
        self.issued().ok().map(|(_, server)| server)
    }

    /// Its serial and its token server, for whoever asks the token's gateway.
    pub fn issued(&self) -> Result<(TokenSerial, &Server), ContentsError> {
        match &self.origin {
            Origin::Issued { serial, server } => Ok((*serial, server)),
            Origin::Foreign(_) => Err(ContentsError::NotIssued(self.name.clone())),
        }
    }

    /// What tells it from others of its issuer: its serial, or its account there.
    pub fn mark(&self) -> &str {
        match &self.origin {
            Origin::Issued { serial, .. } => serial.as_str(),
            Origin::Foreign(account) => account.as_str(),
        }
    }

    /// Who issued it.
    pub fn issuer(&self) -> &IssuerName {
        &self.issuer
    }

    /// How its codes are computed.
    pub fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// How many digits a PIN has at least while it is here.
    pub fn least_pin_digits(&self) -> usize {
        let asked = self.pin_policy.map(|policy| policy.least_digits().into());
        asked.unwrap_or(Pin::MIN_DIGITS)
    }

    /// When it came, in seconds after the epoch, where that was written down.
    pub fn added_unix(&self) -> Option<u64> {
        self.added_unix
    }

    /// The step of a time-based token at a time.
    pub fn step_at(&self, now_unix: u64) -> Option<Step> {
        match self.parameters.kind {
            Kind::Totp(period) => Some(period.step_at(now_unix)),
            Kind::Hotp => None,
        }
    }

    /// What it shares with its gateway for pushes, under its serial.
    pub fn push_key(&self, serial: &TokenSerial) -> PushKey {
        PushKey::of(&self.seed, serial)
    }

    /// What it shares with its gateway for transfers, under its serial.
    pub fn transfer_key(&self, serial: &TokenSerial) -> TransferKey {
        TransferKey::of(&self.seed, serial)
    }

    /// The serial tells tokens apart; tokens without one, issuer and secret.
    fn is_same(&self, other: &Self) -> bool {
        match (self.serial(), other.serial()) {
            (None, None) => {
                self.issuer == other.issuer && self.seed.expose() == other.seed.expose()
            }
            (one, other) => one == other,
        }
    }

    /// Its token server alone puts another seed in its place.
    fn refuse_successor(&self, successor: &Self) -> Result<(), ContentsError> {
        match (self.server(), successor.server()) {
            (Some(own), Some(other)) if own.url == other.url => Ok(()),
            (Some(own), Some(_)) => {
                let url = own.url.clone();
                Err(ContentsError::OtherServer(self.name.clone(), url))
            }
            _ => Err(ContentsError::Duplicate(self.name.clone())),
        }
    }

    fn is_meant_by(&self, text: &str) -> bool {
        let serial = self.serial();
        self.name.as_str() == text || serial.is_some_and(|serial| serial.as_str() == text)
    }

    /// The code of a step.
    pub fn code(&self, step: Step) -> Code {
        otp::code_at(&self.seed, self.parameters, step)
    }
}

impl From<NewToken> for Token {
    fn from(token: NewToken) -> Self {
        let NewToken {
            name,
            origin,
            issuer,
            seed,
            parameters,
            pin_policy,
            counter,
            added_unix,
        } = token;
        Self {
            name,
            origin,
            issuer,
            seed,
            parameters,
            pin_policy,
            counter,
            added_unix: Some(added_unix),
        }
    }
}

impl TokenName {
    /// The limit of the described app.
    pub const MAX_CHARS: usize = 32;

    /// Reads a name; blanks around it do not count.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let length = text.chars().count();
        match text.chars().find(|c| c.is_control()) {
            _ if text.is_empty() => Err(NameError::Empty),
            _ if length > Self::MAX_CHARS => Err(NameError::TooLong(length)),
            Some(wrong) => Err(NameError::Character(wrong)),
            None => Ok(Self(text.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<TokenSerial> for TokenName {
    fn from(serial: TokenSerial) -> Self {
        Self(serial.as_str().into())
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
