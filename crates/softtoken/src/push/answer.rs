use super::key::PushKey;
use super::login::{Approval, LoginRequest};
use super::relay::PushSession;
use super::sealed::{MAX_SEALED_TEXT, PushError, SealedPush};
use crate::device::{DeviceKeys, SealingPrivateKey, SealingPublicKey, Signature, verify};
use crate::json::{Fields, Form, MessageError, Object};
use crate::message::messages;
use crate::token_key::Mac;
use crate::transcript::transcript;
use ident::{RegistrationId, TokenSerial};
use std::fmt;

const SEAL_LABEL: &str = "symbolon-push-answer-seal-v1";
const ANSWER_LABEL: &str = "symbolon-push-answer-v1";
const SIGNED_LABEL: &str = "symbolon-push-signed-v1";

/// What the person said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes; with the number that the login shows, where one is asked for.
    Approve(Option<PushNumber>),
    /// No.
    Deny,
    /// No, and it was somebody else.
    NotMe,
}

/// Two digits, as a login shows them and a person types them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PushNumber([u8; 2]);

impl PushNumber {
    /// Reads two digits.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text.as_bytes() {
            &[tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit() => {
                Ok(Self([tens, ones]))
            }
            _ => Err("is not two digits"),
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        // Two ASCII digits are text.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for PushNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushNumber(<sealed>)")
    }
}

impl Decision {
    fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Approve(number) => ("approve", number.as_ref().map(PushNumber::as_str)),
            Self::Deny => ("deny", None),
            Self::NotMe => ("not-me", None),
        }
    }
}

/// An answer before it is signed.
#[derive(Debug)]
pub struct Answer<'a> {
    request: &'a LoginRequest,
    decision: Decision,
    mac: Mac,
}

impl<'a> Answer<'a> {
    /// What the person said to a request, with the MAC of the token's holder.
    pub fn new(request: &'a LoginRequest, decision: Decision, key: &PushKey) -> Self {
        Self {
            request,
            decision,
            mac: key.0.mac(&answer_transcript(request, decision)),
        }
    }

    /// What the device signs.
    pub fn signed_bytes(&self) -> Vec<u8> {
        signed_transcript(self.request, self.decision, &self.mac)
    }

    /// The answer, once it is signed.
    pub fn signed(self, keys: DeviceKeys, signature: Signature) -> LoginAnswer {
        LoginAnswer {
            session: self.request.session,
            token: self.request.token,
            decision: self.decision,
            keys,
            mac: self.mac,
            signature,
        }
    }
}

/// What a person said to a login, as a device sends it.
#[derive(Clone, Debug)]
pub struct LoginAnswer {
    session: PushSession,
    token: TokenSerial,
    decision: Decision,
    keys: DeviceKeys,
    mac: Mac,
    signature: Signature,
}

/// An answer of the person who holds the device and the token. Only [`LoginAnswer::prove`] makes one.
#[derive(Debug)]
pub struct ProvenAnswer(Decision);

impl ProvenAnswer {
    /// What the person said.
    pub fn decision(&self) -> Decision {
        self.0
    }
}

impl LoginAnswer {
    /// Seals it to the key that the request named.
    pub fn seal(
        self,
        recipient: &SealingPublicKey,
        random: &[u8; 32],
    ) -> Result<SealedPush, PushError> {
        let info = seal_info(&self.session);
        let message = SealedAnswer::from(self);
        SealedPush::seal(&message.to_json(), recipient, &info, random)
    }

    /// Opens what was sealed to the key of a request.
    pub fn open(
        sealed: &SealedPush,
        session: &PushSession,
        recipient: &SealingPrivateKey,
    ) -> Result<Self, PushError> {
        let text = sealed.open(recipient, &seal_info(session))?;
        let SealedAnswer::Answer(answer) = SealedAnswer::parse(&text)?;
        Ok(answer)
    }

    /// Whether it is the answer to this request, of this device, by whoever has the token's seed. The number
    /// is not looked at.
    pub fn prove(
        &self,
        request: &LoginRequest,
        device: RegistrationId,
        key: &PushKey,
        now_unix: u64,
    ) -> Result<ProvenAnswer, PushError> {
        if self.session != request.session || self.token != request.token {
            return Err(PushError::Other);
        }
        if !key
            .0
            .made(&self.mac, &answer_transcript(request, self.decision))
        {
            return Err(PushError::Mac);
        }
        let signed = signed_transcript(request, self.decision, &self.mac);
        verify(&self.keys.signing, &signed, &self.signature)?;
        if self.keys.registration_id() != device {
            return Err(PushError::SecondDevice(self.keys.registration_id()));
        }
        if request.expires_unix <= now_unix {
            return Err(PushError::Expired);
        }
        Ok(ProvenAnswer(self.decision))
    }
}

fn answer_transcript(request: &LoginRequest, decision: Decision) -> Vec<u8> {
    let (word, number) = decision.words();
    let approval = match request.approval {
        Approval::Number => "number",
        Approval::Tap => "tap",
    };
    transcript(
        ANSWER_LABEL,
        &[
            request.gateway.as_str().as_bytes(),
            request.session.as_bytes(),
            request.token.as_str().as_bytes(),
            request.user.as_str().as_bytes(),
            approval.as_bytes(),
            word.as_bytes(),
            number.unwrap_or_default().as_bytes(),
            request.expires_unix.to_string().as_bytes(),
        ],
    )
}

fn signed_transcript(request: &LoginRequest, decision: Decision, mac: &Mac) -> Vec<u8> {
    transcript(
        SIGNED_LABEL,
        &[&answer_transcript(request, decision), mac.as_bytes()],
    )
}

fn seal_info(session: &PushSession) -> Vec<u8> {
    transcript(SEAL_LABEL, &[session.as_bytes()])
}

messages! {
    /// What is sealed to a gateway.
    pub enum SealedAnswer(MAX_SEALED_TEXT, Form::DebugRequest) {
        /// The one message that there is.
        Answer(LoginAnswer) = "SoftToken.PushLoginAnswer",
    }
}

impl LoginAnswer {
    fn write(&self, object: &mut Object<'_>) {
        let (word, number) = self.decision.words();
        object.text("session", &self.session.to_base64url());
        object.text("token", self.token.as_str());
        object.text("decision", word);
        object.optional_text("number", number);
        object.text("signing_key", &self.keys.signing.to_base64url());
        object.text("sealing_key", &self.keys.sealing.to_base64url());
        object.text("mac", &self.mac.to_base64url());
        object.text("signature", &self.signature.to_base64url());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let number = fields.optional("number", PushNumber::parse)?;
        let decision = fields.parsed("decision", |word| match (word, number) {
            ("approve", number) => Ok(Decision::Approve(number)),
            ("deny", None) => Ok(Decision::Deny),
            ("not-me", None) => Ok(Decision::NotMe),
            _ => Err("is neither approve, deny nor not-me, or has a number that it should not"),
        })?;
        Ok(Self {
            session: fields.parsed("session", PushSession::parse)?,
            token: fields.parsed("token", TokenSerial::parse)?,
            decision,
            keys: DeviceKeys::read(fields)?,
            mac: fields.parsed("mac", Mac::parse)?,
            signature: fields.parsed("signature", Signature::parse)?,
        })
    }
}
