//! What the SSH library asks of a connection: may this caller in, what is this channel to be.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use domain::contact;
use domain::login::Submitted;
use domain::password::Presented;
use domain::public_key::PublicKey;
use domain::user::Switch;
use domain::vdom::Vdom;
use russh::client::GexParams;
use russh::kex::dh::groups::{DH_GROUP14, DH_GROUP16, DhGroup};
use russh::keys::Algorithm;
use russh::server::{
    Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet, Pty};
use tokio::sync::{oneshot, watch};
use tracing::info;
use zeroize::Zeroizing;

use super::channel::{self, Open, Wanted};
use super::gate::Gate;
use super::half_open::{Place, Stage};
use super::{RSA_SHA1, Service};
use crate::command_line::{Full, LineEnd, LoggedIn, Size};
use crate::login::{Caller, CodeOf, FirstProven, Verdict};

/// Channels of one connection at once, as with `MaxSessions` of OpenSSH.
const CHANNELS_MAX: usize = 10;

/// `SSH_EXTENDED_DATA_STDERR` (RFC 4254, 5.2).
const STDERR: u32 = 1;

/// The first question. Automation waits for the word.
const PASSWORD: &str = "Password: ";

/// The second question.
const CODE: &str = "Token code: ";
/// The same where it was sent.
const CODE_BY_MAIL: &str = "Email token code: ";
const CODE_BY_SMS: &str = "SMS token code: ";

/// The questions that are open in keyboard-interactive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Nothing,
    Password,
    Code,
}

/// What a connection has until its caller is in.
pub(super) struct Entrance {
    /// Its place among the half-open ones.
    pub(super) place: Arc<Place>,
    /// Where to say that the caller is in, or why not although all was right.
    pub(super) logged_in: oneshot::Sender<Result<Arc<LoggedIn>, Full>>,
    /// Where to say that the caller was told why.
    pub(super) told: oneshot::Sender<()>,
}

/// One connection, as the library drives it.
pub(super) struct Handler {
    service: Arc<Service>,
    gate: Arc<Gate>,
    caller: Caller,
    asked: Asked,
    first: Option<FirstProven>,
    /// The password that was wrong last.
    wrong: Option<Zeroizing<Vec<u8>>>,
    session: Option<Result<Arc<LoggedIn>, Full>>,
    entrance: Option<Entrance>,
    /// There until a caller for whom there is no session was told so.
    told: Option<oneshot::Sender<()>>,
    channels: HashMap<ChannelId, Open>,
}

impl Handler {
    pub(super) fn new(
        service: Arc<Service>,
        caller: Caller,
        gate: Arc<Gate>,
        entrance: Entrance,
    ) -> Self {
        Self {
            service,
            gate,
            caller,
            asked: Asked::Nothing,
            first: None,
            wrong: None,
            session: None,
            entrance: Some(entrance),
            told: None,
            channels: HashMap::new(),
        }
    }

    /// What was proven for one name is worth nothing for another.
    fn is_called(&mut self, name: &str) {
        if let Some(entrance) = &self.entrance {
            entrance.place.reached(Stage::Authenticating);
        }
        if self.caller.name() != name {
            self.caller = self.caller.renamed(name);
            (self.asked, self.first, self.wrong) = (Asked::Nothing, None, None);
        }
    }

    fn takes_passwords(&self) -> bool {
        self.service
            .store
            .settings(Vdom::ROOT)
            .administration
            .ssh_password
            == Switch::Enable
    }

    /// Refuses. What is offered is the same for every name.
    fn refused(&self) -> Auth {
        let mut methods = vec![MethodKind::PublicKey];
        if self.takes_passwords() {
            methods.extend([MethodKind::Password, MethodKind::KeyboardInteractive]);
        }
        Auth::Reject {
            proceed_with_methods: Some(MethodSet::from(&methods[..])),
            partial_success: false,
        }
    }

    fn ask(&mut self, asked: Asked, question: Cow<'static, str>) -> Auth {
        self.asked = asked;
        Auth::Partial {
            name: "".into(),
            instructions: "".into(),
            prompts: vec![(question, false)].into(),
        }
    }

    /// Who is right is let in even where there is no place, to read so: a refusal looks like a wrong
    /// password.
    fn admit(&mut self, session: Result<Arc<LoggedIn>, Full>) -> Auth {
        self.session = Some(session);
        Auth::Accept
    }

    /// A client that has one password tries it by every method: it is one guess, and counts once.
    async fn password(&mut self, password: &[u8]) -> Verdict {
        if self.wrong.as_ref().is_some_and(|wrong| **wrong == password) {
            return Verdict::Wrong;
        }
        let presented = Presented::new(Zeroizing::new(password.to_vec()));
        let verdict = self.service.logins.password(&self.caller, presented).await;
        if matches!(verdict, Verdict::Wrong) {
            self.wrong = Some(Zeroizing::new(password.to_vec()));
        }
        verdict
    }

    /// The answer to a method that can ask nothing: the code is asked for by the next one.
    fn concluded(&mut self, verdict: Verdict) -> Auth {
        match verdict {
            Verdict::In(session) => self.admit(Ok(session)),
            Verdict::Full(why) => self.admit(Err(why)),
            Verdict::Code(first) => {
                self.first = Some(first);
                Auth::Reject {
                    proceed_with_methods: Some(MethodSet::from(
                        &[MethodKind::KeyboardInteractive][..],
                    )),
                    partial_success: true,
                }
            }
            Verdict::Wrong | Verdict::Refused => self.refused(),
        }
    }

    /// The first question, or the second if the first factor is proven.
    fn begin(&mut self) -> Auth {
        match &self.first {
            Some(first) => self.ask(Asked::Code, question(first)),
            None if self.takes_passwords() => self.ask(Asked::Password, PASSWORD.into()),
            None => self.refused(),
        }
    }

    async fn answered(&mut self, answer: &[u8]) -> Auth {
        let asked = std::mem::replace(&mut self.asked, Asked::Nothing);
        let verdict = match (asked, self.first.take()) {
            (Asked::Password, _) => self.password(answer).await,
            (Asked::Code, Some(first)) => {
                let code = Submitted::new(answer);
                let logins = &self.service.logins;
                logins.code(&self.caller, first, code).await
            }
            (Asked::Code, None) | (Asked::Nothing, _) => Verdict::Refused,
        };
        match verdict {
            Verdict::In(session) => self.admit(Ok(session)),
            Verdict::Full(why) => self.admit(Err(why)),
            Verdict::Code(first) => {
                let question = question(&first);
                self.first = Some(first);
                self.ask(Asked::Code, question)
            }
            Verdict::Wrong | Verdict::Refused => self.refused(),
        }
    }

    fn start(
        &mut self,
        id: ChannelId,
        wanted: Wanted,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let (Some(logged_in), Some(channel)) = (&self.session, self.channels.get_mut(&id)) else {
            return session.channel_failure(id);
        };
        let logged_in = match logged_in {
            Ok(logged_in) => logged_in,
            Err(why) => {
                turn_away(*why, id, channel.line_end(), session)?;
                // Whoever waits for it may have waited long enough.
                let _ = self.told.take().map(|told| told.send(()));
                return Ok(());
            }
        };
        let executor = Arc::clone(&self.service.executor);
        if channel.start(wanted, logged_in, executor, session.handle()) {
            session.channel_success(id)
        } else {
            session.channel_failure(id)
        }
    }
}

/// Tells why: a person at the terminal, or whoever runs a program, apart from the output that the program reads.
fn turn_away(
    why: Full,
    id: ChannelId,
    line_end: LineEnd,
    session: &mut Session,
) -> Result<(), russh::Error> {
    let notice = format!(
        "You are not let in: {why}.\nWho is logged in sees all by 'get system admin list' and ends one by \
         'execute disconnect-admin-session NUMBER'.\n"
    );
    session.channel_success(id)?;
    match line_end {
        LineEnd::CrLf => session.data(id, notice.replace('\n', "\r\n").into_bytes())?,
        LineEnd::Lf => session.extended_data(id, STDERR, notice.into_bytes())?,
    }
    session.exit_status_request(id, channel::ENDED)?;
    session.eof(id)?;
    session.close(id)
}

fn question(first: &FirstProven) -> Cow<'static, str> {
    if let Some(next) = first.drifted() {
        return format!("{}: ", next.question()).into();
    }
    let question = match first.asked() {
        CodeOf::Token => CODE,
        CodeOf::Sent(contact::Channel::Email) => CODE_BY_MAIL,
        CodeOf::Sent(contact::Channel::Sms) => CODE_BY_SMS,
    };
    question.into()
}

/// The key, unless what it signs with proves nothing any more.
fn wire(key: &russh::keys::PublicKey, signs_with: &Algorithm) -> Option<PublicKey> {
    if *signs_with == RSA_SHA1 {
        return None;
    }
    key.to_bytes()
        .ok()
        .map(|octets| PublicKey::from_wire(&octets))
}

fn size(columns: u32, rows: u32) -> Size {
    let number = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    Size {
        columns: number(columns),
        rows: number(rows),
    }
}

impl russh::server::Handler for Handler {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        self.is_called(user);
        Ok(self.refused())
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        self.is_called(user);
        if !self.takes_passwords() {
            return Ok(self.refused());
        }
        let verdict = self.password(password.as_bytes()).await;
        Ok(self.concluded(verdict))
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        self.is_called(user);
        let known = match wire(offer.public_key, offer.algorithm) {
            Some(key) => self.service.logins.knows_key(&self.caller, &key).await,
            None => false,
        };
        Ok(if known { Auth::Accept } else { self.refused() })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        self.is_called(user);
        let verdict = match wire(key.public_key, key.algorithm) {
            Some(key) => self.service.logins.key(&self.caller, &key).await,
            None => Verdict::Refused,
        };
        Ok(self.concluded(verdict))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        self.is_called(user);
        Ok(match response {
            None => self.begin(),
            Some(mut answers) => {
                let answer = answers.next().unwrap_or_default();
                self.answered(&answer).await
            }
        })
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), Self::Error> {
        let entrance = self.entrance.take();
        if let (Some(entrance), Some(session)) = (entrance, &self.session) {
            // The connection may have been given up at this very moment.
            let _ = entrance.logged_in.send(session.clone());
            self.told = Some(entrance.told);
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // The library says nothing of a channel that was closed from here.
        self.channels.retain(|_, open| !open.is_over());
        if self.channels.len() >= CHANNELS_MAX {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.channels
            .insert(channel.id(), Open::new(channel, &self.gate));
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(channel) = self.channels.get_mut(&channel) {
            channel.end_of_input();
        }
        Ok(())
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.channels.get(&channel).map(|channel| channel.put(data)) {
            Some(Err(flooded)) => {
                info!(source = %self.caller.source(), %flooded, "an SSH connection is ended");
                Err(russh::Error::Disconnect)
            }
            _ => Ok(()),
        }
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        columns: u32,
        rows: u32,
        _pixel_width: u32,
        _pixel_height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(open) = self.channels.get_mut(&channel) else {
            return session.channel_failure(channel);
        };
        open.set_terminal(watch::Sender::new(size(columns, rows)));
        session.channel_success(channel)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        columns: u32,
        rows: u32,
        _pixel_width: u32,
        _pixel_height: u32,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(open) = self.channels.get(&channel) {
            open.resize(size(columns, rows));
        }
        Ok(())
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(channel, Wanted::Shell, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(channel, Wanted::Command(command.to_vec()), session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        info!(source = %self.caller.source(), subsystem = name, "an SSH subsystem was refused: there is none");
        session.channel_failure(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single_connection: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    /// The smallest group that the client takes: 2,048 bits are enough (RFC 9142), and strangers choose.
    async fn lookup_dh_gex_group(
        &mut self,
        wanted: &GexParams,
    ) -> Result<Option<DhGroup>, Self::Error> {
        let fits = |group: &DhGroup| {
            (wanted.min_group_size()..=wanted.max_group_size()).contains(&group.bit_size())
        };
        Ok([DH_GROUP14, DH_GROUP16].into_iter().find(fits))
    }
}

#[cfg(test)]
mod tests {
    use russh::keys::HashAlg;

    use super::*;

    const RSA: &str = "ssh-rsa \
        AAAAB3NzaC1yc2EAAAADAQABAAABAQC5+SsUINdJuRAz1c/uI/GQsFgSXFMAHVkpTJenTnTgJAsAh2DtCELBARHd\
        iGSDTuMDyINk9W/rqoQ2W5ftpASBJPpFoKekGMj2UJ3kIgKJujg8egk9sO6qx0mLzXQBPfOIzO7x+XJXpAUa+E0L\
        9nzWkLDEQnCtJHJu1+IZbA/I/iEUcP5z41+jlBVRzB5UmWGzZm62Ty2gx3k/oi3q3dJK7hZOhxrPf2Y7NN3SJ/Pt\
        vqLW6yk4aIpYVGKrSKdgYGW/C4i0Pt4Yq76506mdctNjcRfUMj1AK7wihwqqz2d5+2kbwvdhkAEI37eibUtx3Sni\
        Qp+9B63KMWcW97V9toJZ";

    #[test]
    fn an_rsa_key_that_signs_with_sha_1_is_none() {
        let key = russh::keys::PublicKey::from_openssh(RSA).unwrap();
        let known = PublicKey::parse(RSA).unwrap();
        for hash in [HashAlg::Sha256, HashAlg::Sha512] {
            let signs_with = Algorithm::Rsa { hash: Some(hash) };
            assert_eq!(wire(&key, &signs_with).as_ref(), Some(&known));
        }
        assert_eq!(wire(&key, &Algorithm::Rsa { hash: None }), None);
    }
}
