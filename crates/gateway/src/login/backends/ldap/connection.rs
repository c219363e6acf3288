//! One connection to a directory: a message out, its answer in.

use std::io;

use bytes::BytesMut;
use ldap3_proto::LdapCodec;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapDerefAliases, LdapExtendedRequest, LdapFilter, LdapModify,
    LdapModifyRequest, LdapModifyType, LdapMsg, LdapOp, LdapPartialAttribute,
    LdapPasswordModifyRequest, LdapResult, LdapResultCode, LdapSearchRequest,
    LdapSearchResultEntry, LdapSearchScope,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::{Decoder, Encoder};
use zeroize::Zeroize;

use super::super::{Fault, connect};
use super::expiry::{self, Objection};
use super::words;

/// Octets of one message of a directory: the names of some thousand groups that an entry is in.
const MESSAGE_MAX: usize = 64 * 1_024;
/// Values within values; an answer has four.
const DEPTH_MAX: usize = 16;
/// Entries that a search may find: two, to see that it is more than one.
const ENTRIES_MAX: usize = 2;
/// References to other directories that a search may give; none is followed.
const REFERENCES_MAX: usize = 64;

/// RFC 4511, 4.14.1.
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// No attributes: the entry's name is enough (RFC 4511, 4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";

/// What a connection runs on: TCP, or TLS on it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Where a search begins, and the attributes whose values it brings.
pub(super) struct Entry<'a> {
    name: &'a str,
    attributes: &'a [String],
}

impl<'a> Entry<'a> {
    pub(super) fn named(name: &'a str) -> Self {
        Self {
            name,
            attributes: &[],
        }
    }

    pub(super) fn with(name: &'a str, attributes: &'a [String]) -> Self {
        Self { name, attributes }
    }
}

/// How far a search goes.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    /// The entry alone.
    Entry,
    /// The entry and all below it.
    Below,
    /// The same, and so many are brought at most.
    AllBelow(usize),
}

impl Scope {
    fn entries_max(self) -> usize {
        match self {
            Self::Entry | Self::Below => ENTRIES_MAX,
            Self::AllBelow(most) => most,
        }
    }
}

/// An entry that a search found.
pub(super) struct Found {
    pub(super) name: String,
    /// The values that were asked for. What is no text is no name of anybody, and kept as one.
    pub(super) values: Vec<String>,
}

impl Found {
    fn of(entry: LdapSearchResultEntry) -> Self {
        let values = entry.attributes.into_iter().flat_map(|it| it.vals);
        let values = values.map(|value| String::from_utf8_lossy(&value).into_owned());
        Self {
            name: entry.dn,
            values: values.collect(),
        }
    }
}

/// A connection and what came in on it.
pub(super) struct Connection<S = Box<dyn Stream>> {
    stream: S,
    codec: LdapCodec,
    inbox: BytesMut,
    last: i32,
}

impl Connection {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        Connection::on(Box::new(stream))
    }
}

impl<S: Stream> Connection<S> {
    pub(super) fn on(stream: S) -> Self {
        Self {
            stream,
            codec: LdapCodec::new(Some(MESSAGE_MAX), Some(DEPTH_MAX)),
            inbox: BytesMut::new(),
            last: 0,
        }
    }

    /// Binds as `name` with a password, which must not be empty.
    pub(super) async fn bind(&mut self, name: &str, password: &str) -> Result<LdapResult, Fault> {
        self.send(bind_request(name, password)).await?;
        self.bound().await
    }

    /// The same, and what the directory holds against the account.
    pub(super) async fn bind_by_policy(
        &mut self,
        name: &str,
        password: &str,
    ) -> Result<(LdapResult, Option<Objection>), Fault> {
        let asked = LdapControl::PasswordPolicyRequest { criticality: false };
        self.send_with(bind_request(name, password), vec![asked])
            .await?;
        let octets = self.whole().await?;
        let result = self.bound().await?;
        let objection = expiry::objection(&result, &octets);
        Ok((result, objection))
    }

    async fn bound(&mut self) -> Result<LdapResult, Fault> {
        match self.receive().await? {
            LdapOp::BindResponse(response) => Ok(response.res),
            other => Err(unexpected(&other)),
        }
    }

    /// Has the password of an entry changed (RFC 3062).
    pub(super) async fn modify_password(
        &mut self,
        name: &str,
        old: &str,
        new: &str,
    ) -> Result<LdapResult, Fault> {
        let request = LdapPasswordModifyRequest {
            user_identity: Some(name.to_owned()),
            old_password: Some(old.to_owned()),
            new_password: Some(new.to_owned()),
        };
        self.send(LdapOp::ExtendedRequest(request.into())).await?;
        match self.receive().await? {
            LdapOp::ExtendedResponse(response) => Ok(response.res),
            other => Err(unexpected(&other)),
        }
    }

    /// The same at Active Directory: the old value goes and the new one comes in one request, which anybody may make
    /// who knows the old one ([MS-ADTS] 3.1.1.3.1.5).
    pub(super) async fn modify_unicode_password(
        &mut self,
        name: &str,
        old: &str,
        new: &str,
    ) -> Result<LdapResult, Fault> {
        let change = |operation, password| LdapModify {
            operation,
            modification: LdapPartialAttribute {
                atype: "unicodePwd".to_owned(),
                vals: vec![expiry::unicode(password)],
            },
        };
        let request = LdapModifyRequest {
            dn: name.to_owned(),
            changes: vec![
                change(LdapModifyType::Delete, old),
                change(LdapModifyType::Add, new),
            ],
        };
        self.send(LdapOp::ModifyRequest(request)).await?;
        match self.receive().await? {
            LdapOp::ModifyResponse(result) => Ok(result),
            other => Err(unexpected(&other)),
        }
    }

    /// What the filter finds of an entry or below it, two at most where no other number is named, with the values that
    /// were asked for.
    pub(super) async fn search(
        &mut self,
        base: &Entry<'_>,
        scope: Scope,
        filter: LdapFilter,
    ) -> Result<(Vec<Found>, LdapResult), Fault> {
        let request = LdapSearchRequest {
            base: base.name.to_owned(),
            scope: match scope {
                Scope::Entry => LdapSearchScope::Base,
                Scope::Below | Scope::AllBelow(_) => LdapSearchScope::Subtree,
            },
            aliases: LdapDerefAliases::Never,
            sizelimit: i32::try_from(scope.entries_max()).unwrap_or(i32::MAX),
            // The deadline of the check ends it; a directory counts whole seconds.
            timelimit: 0,
            typesonly: base.attributes.is_empty(),
            filter,
            attrs: match base.attributes {
                [] => vec![NO_ATTRIBUTES.to_owned()],
                attributes => attributes.to_vec(),
            },
        };
        self.send(LdapOp::SearchRequest(request)).await?;
        let mut found = Vec::new();
        let mut references = 0;
        loop {
            match self.receive().await? {
                LdapOp::SearchResultEntry(entry) if found.len() < scope.entries_max() => {
                    found.push(Found::of(entry));
                }
                LdapOp::SearchResultReference(_) if references < REFERENCES_MAX => references += 1,
                LdapOp::SearchResultDone(result) => return Ok((found, result)),
                other => return Err(unexpected(&other)),
            }
        }
    }

    /// Asks for TLS; the stream on which it begins. What the directory sent behind its answer was sent
    /// by nobody who is known yet.
    pub(super) async fn start_tls(mut self) -> Result<S, Fault> {
        let request = LdapExtendedRequest {
            name: START_TLS.to_owned(),
            value: None,
        };
        self.send(LdapOp::ExtendedRequest(request)).await?;
        let result = match self.receive().await? {
            LdapOp::ExtendedResponse(response) => response.res,
            other => return Err(unexpected(&other)),
        };
        match result.code {
            LdapResultCode::Success if self.inbox.is_empty() => Ok(self.stream),
            LdapResultCode::Success => Err(Fault::Unclear(
                "something came in behind the answer to StartTLS".to_owned(),
            )),
            _ => Err(Fault::Unclear(format!(
                "StartTLS is refused: {}",
                words(&result)
            ))),
        }
    }

    /// Takes leave; a directory that is gone already needs none.
    pub(super) async fn close(mut self) {
        if self.send(LdapOp::UnbindRequest).await.is_ok() {
            let _ = self.stream.shutdown().await;
        }
    }

    async fn send(&mut self, op: LdapOp) -> Result<(), Fault> {
        self.send_with(op, Vec::new()).await
    }

    async fn send_with(&mut self, op: LdapOp, ctrl: Vec<LdapControl>) -> Result<(), Fault> {
        self.last += 1;
        let message = LdapMsg {
            msgid: self.last,
            op,
            ctrl,
        };
        let mut outbox = BytesMut::new();
        let encoded = self.codec.encode(message, &mut outbox);
        encoded.map_err(|error| Fault::Unclear(error.to_string()))?;
        let sent = self.stream.write_all(&outbox).await;
        // A bind's password lies open in it.
        outbox.as_mut().zeroize();
        sent.map_err(|error| connect::failed(&error))?;
        self.stream
            .flush()
            .await
            .map_err(|error| connect::failed(&error))
    }

    /// The next message about what was asked last.
    async fn receive(&mut self) -> Result<LdapOp, Fault> {
        loop {
            let decoded = self.codec.decode(&mut self.inbox);
            let decoded = decoded.map_err(|error| Fault::Unwell(format!("no LDAP: {error}")))?;
            match decoded {
                Some(message) if message.msgid == self.last => return Ok(message.op),
                // RFC 4511, 4.4: only to say that it closes the connection.
                Some(message) if message.msgid == 0 => {
                    return Err(Fault::Unwell("it closes the connection".to_owned()));
                }
                Some(message) => return Err(unexpected(&message.op)),
                None => self.read().await.map_err(|error| connect::failed(&error))?,
            }
        }
    }

    /// The octets of the next message, which stays in the inbox: the codec throws the values of controls away.
    async fn whole(&mut self) -> Result<Vec<u8>, Fault> {
        loop {
            if let Some(length) = expiry::length(&self.inbox) {
                if length > MESSAGE_MAX {
                    return Err(Fault::Unwell("no LDAP: a message is too long".to_owned()));
                }
                if let Some(message) = self.inbox.get(..length) {
                    return Ok(message.to_vec());
                }
            }
            self.read().await.map_err(|error| connect::failed(&error))?;
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn bind_request(name: &str, password: &str) -> LdapOp {
    debug_assert!(!password.is_empty());
    LdapOp::BindRequest(LdapBindRequest {
        version: 3,
        dn: name.to_owned(),
        cred: LdapBindCred::Simple(password.to_owned()),
    })
}

fn unexpected(op: &LdapOp) -> Fault {
    let kind = match op {
        LdapOp::BindResponse(_) => "a bind's answer",
        LdapOp::SearchResultEntry(_) => "more entries than were asked for",
        LdapOp::SearchResultReference(_) => "more references than anybody needs",
        LdapOp::SearchResultDone(_) => "a search's end",
        LdapOp::ExtendedResponse(_) => "an extended answer",
        _ => "another message",
    };
    Fault::Unwell(format!("it answers with {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that says this, whatever it is asked.
    async fn answer(octets: &[u8]) -> Result<LdapResult, Fault> {
        let (here, mut there) = tokio::io::duplex(4 * MESSAGE_MAX);
        there.write_all(octets).await.unwrap();
        there.shutdown().await.unwrap();
        Connection::new(here).bind("cn=alice", "secret").await
    }

    fn fault(answer: Result<LdapResult, Fault>) -> String {
        answer.expect_err("no answer").to_string()
    }

    /// A bind's answer to message 1.
    const INVALID_CREDENTIALS: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\x00\x04\x00";

    #[tokio::test]
    async fn an_answer_is_read_whole() {
        let result = answer(INVALID_CREDENTIALS).await.unwrap();
        assert_eq!(result.code, LdapResultCode::InvalidCredentials);
        let cut = &INVALID_CREDENTIALS[..9];
        assert!(matches!(answer(cut).await, Err(Fault::Unwell(_))));
    }

    #[tokio::test]
    async fn an_answer_to_another_question_is_none() {
        let mut other = INVALID_CREDENTIALS.to_vec();
        other[4] = 2;
        assert!(fault(answer(&other).await).contains("a bind's answer"));
    }

    #[tokio::test]
    async fn a_notice_of_disconnection_is_no_answer() {
        let oid = b"1.3.6.1.4.1.1466.20036";
        let mut notice = vec![0x30, 36, 2, 1, 0, 0x78, 31, 10, 1, 52, 4, 0, 4, 0, 0x8a, 22];
        notice.extend_from_slice(oid);
        assert_eq!(fault(answer(&notice).await), "it closes the connection");
    }

    #[tokio::test]
    async fn depth_and_size_of_messages_are_bounded() {
        let mut deep = Vec::new();
        for _ in 0..2 * DEPTH_MAX {
            let length = u8::try_from(deep.len()).unwrap();
            deep = [&[0x30, 0x81, length][..], &deep].concat();
        }
        let long = [
            &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff][..],
            &vec![0; 3 * MESSAGE_MAX],
        ]
        .concat();
        for hostile in [deep, long] {
            let said = fault(answer(&hostile).await);
            assert!(said.starts_with("no LDAP"), "{said}");
        }
    }

    #[tokio::test]
    async fn what_comes_behind_the_answer_to_starttls_ends_it() {
        let granted = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
        for (behind, is_granted) in [(&b""[..], true), (INVALID_CREDENTIALS, false)] {
            let (here, mut there) = tokio::io::duplex(1_024);
            there.write_all(&[granted, behind].concat()).await.unwrap();
            let started = Connection::new(here).start_tls().await;
            assert_eq!(started.is_ok(), is_granted);
        }
    }
}
