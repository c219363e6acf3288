use super::key::PushKey;
use super::relay::{Addressed, MailboxId, PushSession};
use super::sealed::{MAX_SEALED_TEXT, PushError, SealedPush};
use crate::TextError;
use crate::address::ServerUrl;
use crate::device::{SealingPrivateKey, SealingPublicKey};
use crate::json::{Fields, Form, MessageError, Object};
use crate::link::SpkiPin;
use crate::message::messages;
use crate::text::shown;
use crate::token_key::Mac;
use crate::transcript::transcript;
use ident::{ProductSerial, RegistrationId, TokenSerial};

const SEAL_LABEL: &str = "symbolon-push-request-seal-v1";
const REQUEST_LABEL: &str = "symbolon-push-request-v1";

/// A login that waits for a person's word. Nothing in it tells the number that the login shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRequest {
    /// `gateway`, which asks.
    pub gateway: ProductSerial,
    /// `session`, random; names this login.
    pub session: PushSession,
    /// `token`, whose seed makes the MACs.
    pub token: TokenSerial,
    /// `user`, who logs in.
    pub user: ShownText,
    /// `service`, what is being logged into.
    pub service: ShownText,
    /// `source`, the address that the login comes from.
    pub source: ShownText,
    /// `time`, in seconds after the epoch.
    pub at_unix: u64,
    /// `expires`: an answer at this second, or later, comes too late.
    pub expires_unix: u64,
    /// `approval`
    pub approval: Approval,
    /// `answer_url` and `answer_pin`, where the gateway itself takes the answer.
    pub answer_to: Option<AnswerAddress>,
    /// `mailbox`, for an answer that goes back through the relay.
    pub mailbox: MailboxId,
    /// `answer_key`, to which the answer is sealed.
    pub answer_key: SealingPublicKey,
}

/// What it takes to approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// The two digits that the login shows.
    Number,
    /// A tap.
    Tap,
}

/// A gateway's own address for answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerAddress {
    /// Where to post.
    pub url: ServerUrl,
    /// The key of the certificate that it shows.
    pub pin: SpkiPin,
}

/// A text that a person reads on the device: 1 to 64 characters, none of which steers a terminal or the
/// direction of writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownText(Box<str>);

impl ShownText {
    /// Fits on two lines of a phone.
    pub const MAX_CHARS: usize = 64;

    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        shown(text, Self::MAX_CHARS).map(|text| Self(text.into()))
    }

    /// Makes a text fit: what cannot be shown is `?`, what is too long is cut, and nothing is `-`.
    pub fn fitting(text: &str) -> Self {
        let fit = |c: char| shown(c.encode_utf8(&mut [0; 4]), 1).map_or('?', |_| c);
        let text: String = text.chars().take(Self::MAX_CHARS).map(fit).collect();
        Self(if text.is_empty() {
            "-".into()
        } else {
            text.into()
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Approval {
    fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Tap => "tap",
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        [Self::Number, Self::Tap]
            .into_iter()
            .find(|approval| approval.as_str() == text)
            .ok_or("is neither number nor tap")
    }
}

impl LoginRequest {
    /// Seals it to a device, with the MAC of the token's holder.
    pub fn seal(
        &self,
        key: &PushKey,
        device: RegistrationId,
        recipient: &SealingPublicKey,
        random: &[u8; 32],
    ) -> Result<SealedPush, PushError> {
        let message = SealedLogin::from(AuthenticLogin {
            request: self.clone(),
            mac: key.0.mac(&self.transcript()),
        });
        let info = seal_info(&self.addressed(device));
        SealedPush::seal(&message.to_json(), recipient, &info, random)
    }

    /// Opens what was sealed to this device, and checks that a gateway sent it which has the token's seed.
    /// `key` finds the key of a token that this device has.
    pub fn open(
        sealed: &SealedPush,
        addressed: &Addressed,
        recipient: &SealingPrivateKey,
        key: impl FnOnce(&TokenSerial) -> Option<PushKey>,
        now_unix: u64,
    ) -> Result<Self, PushError> {
        let text = sealed.open(recipient, &seal_info(addressed))?;
        let SealedLogin::Login(AuthenticLogin { request, mac }) = SealedLogin::parse(&text)?;
        if request.addressed(addressed.device) != *addressed {
            return Err(PushError::Other);
        }
        let key = key(&request.token).ok_or(PushError::Other)?;
        if !key.0.made(&mac, &request.transcript()) {
            return Err(PushError::Mac);
        }
        if request.expires_unix <= now_unix {
            return Err(PushError::Expired);
        }
        Ok(request)
    }

    /// What the relay sees of it.
    pub fn addressed(&self, device: RegistrationId) -> Addressed {
        Addressed {
            device,
            session: self.session,
            expires_unix: self.expires_unix,
        }
    }

    /// What the MAC is over.
    fn transcript(&self) -> Vec<u8> {
        let (url, pin) = self.answer_texts();
        transcript(
            REQUEST_LABEL,
            &[
                self.gateway.as_str().as_bytes(),
                self.session.as_bytes(),
                self.token.as_str().as_bytes(),
                self.user.as_str().as_bytes(),
                self.service.as_str().as_bytes(),
                self.source.as_str().as_bytes(),
                self.at_unix.to_string().as_bytes(),
                self.expires_unix.to_string().as_bytes(),
                self.approval.as_str().as_bytes(),
                url.unwrap_or_default().as_bytes(),
                pin.unwrap_or_default().as_bytes(),
                self.mailbox.as_bytes(),
                self.answer_key.as_bytes(),
            ],
        )
    }

    fn answer_texts(&self) -> (Option<String>, Option<String>) {
        let address = self.answer_to.as_ref();
        (
            address.map(|address| address.url.to_string()),
            address.map(|address| address.pin.to_string()),
        )
    }
}

/// HPKE's `info`: the device, the session, and when it ends.
fn seal_info(addressed: &Addressed) -> Vec<u8> {
    transcript(
        SEAL_LABEL,
        &[
            addressed.device.as_str().as_bytes(),
            addressed.session.as_bytes(),
            addressed.expires_unix.to_string().as_bytes(),
        ],
    )
}

messages! {
    /// What is sealed to a device.
    pub enum SealedLogin(MAX_SEALED_TEXT, Form::DebugRequest) {
        /// The one message that there is.
        Login(AuthenticLogin) = "SoftToken.PushLogin",
    }
}

/// A request with its MAC.
#[derive(Debug)]
pub struct AuthenticLogin {
    request: LoginRequest,
    mac: Mac,
}

impl AuthenticLogin {
    fn write(&self, object: &mut Object<'_>) {
        let request = &self.request;
        let (url, pin) = request.answer_texts();
        object.text("gateway", request.gateway.as_str());
        object.text("session", &request.session.to_base64url());
        object.text("token", request.token.as_str());
        object.text("user", request.user.as_str());
        object.text("service", request.service.as_str());
        object.text("source", request.source.as_str());
        object.number("time", seconds(request.at_unix));
        object.number("expires", seconds(request.expires_unix));
        object.text("approval", request.approval.as_str());
        object.optional_text("answer_url", url.as_deref());
        object.optional_text("answer_pin", pin.as_deref());
        object.text("mailbox", &request.mailbox.to_base64url());
        object.text("answer_key", &request.answer_key.to_base64url());
        object.text("mac", &self.mac.to_base64url());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let url = fields.optional("answer_url", ServerUrl::parse)?;
        let pin = fields.optional("answer_pin", SpkiPin::parse)?;
        Ok(Self {
            request: LoginRequest {
                gateway: fields.parsed("gateway", ProductSerial::parse)?,
                session: fields.parsed("session", PushSession::parse)?,
                token: fields.parsed("token", TokenSerial::parse)?,
                user: fields.parsed("user", ShownText::parse)?,
                service: fields.parsed("service", ShownText::parse)?,
                source: fields.parsed("source", ShownText::parse)?,
                at_unix: fields.integer("time")?,
                expires_unix: fields.integer("expires")?,
                approval: fields.parsed("approval", Approval::parse)?,
                answer_to: match (url, pin) {
                    (Some(url), Some(pin)) => Some(AnswerAddress { url, pin }),
                    (None, None) => None,
                    _ => return Err(fields.wrong_value("answer_pin", "stands beside answer_url")),
                },
                mailbox: fields.parsed("mailbox", MailboxId::parse)?,
                answer_key: fields.parsed("answer_key", SealingPublicKey::parse)?,
            },
            mac: fields.parsed("mac", Mac::parse)?,
        })
    }
}

/// Seconds as JSON has them; no clock comes near the end.
pub(crate) fn seconds(unix: u64) -> i64 {
    i64::try_from(unix).unwrap_or(i64::MAX)
}
