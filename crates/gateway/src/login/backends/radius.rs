//! Passwords that another RADIUS server knows, asked for with PAP (RFC 2865).
//!
//! Request and answer carry a Message-Authenticator; an answer without a right one is not believed
//! (CVE-2024-3596). Each question has a socket, an identifier and an authenticator of its own, and keeps
//! them when it is sent again, so that the server knows it for the same (RFC 5080, 2.2.2).

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use domain::backend::{Encoding, Protocol, Upstream};
use domain::client::GroupAttribute;
use domain::remote::Told;
use radius::{
    Authenticator, Code, Identifier, MAX_LENGTH, Packet, ReplyError, Request, Secret, Type,
    VendorType, verify_reply,
};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::{Fault, Question, Said, connect};
use crate::clock;

/// When a question is sent again the first time; each time doubles it. RFC 5080, 2.2.1 begins with 2 s;
/// here, that would leave one try to the second of two servers.
const SEND_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Characters of a server's Reply-Message that become evidence.
const WORDS_MAX: usize = 120;

/// Asks one server.
pub(super) async fn ask(upstream: &Upstream, question: &Question<'_>) -> Result<Said, Fault> {
    let Question {
        credentials,
        settings,
        ..
    } = question;
    let Some(password) = encoded(credentials.password, upstream.encoding) else {
        return Ok(Said::Wrong(
            "the password has characters that ISO-8859-1 has not".to_owned(),
        ));
    };
    if password.len() > radius::MAX_PASSWORD_LENGTH {
        return Ok(Said::Wrong("the password is too long for PAP".to_owned()));
    }
    let port = upstream.port.unwrap_or(settings.radius_port);
    let socket = question.target(port).udp(question.resolver).await?;
    let secret = secret(upstream, question)?;
    let nas = Nas {
        address: nas_address(upstream, &socket)?,
        name: upstream.nas_id.as_deref().unwrap_or(&settings.hostname),
    };
    let packet = request(credentials.login, &password, &nas, &secret)?;
    exchange(&socket, &packet, &secret, question).await
}

fn secret(upstream: &Upstream, question: &Question<'_>) -> Result<Secret, Fault> {
    let mut servers = upstream.servers.iter();
    servers
        .find(|(server, _)| server == question.server)
        .and_then(|(_, secret)| Secret::new(secret.expose()).ok())
        .ok_or_else(|| Fault::Unclear("its secret is empty".to_owned()))
}

/// The password's octets as this server knows them, if it can know them.
fn encoded(password: &[u8], encoding: Encoding) -> Option<Cow<'_, [u8]>> {
    match encoding {
        Encoding::AsPresented => Some(Cow::Borrowed(password)),
        Encoding::Latin1 => {
            let text = std::str::from_utf8(password).ok()?;
            let octets: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
            octets.map(Cow::Owned)
        }
    }
}

/// Who asks (RFC 2865, 4.1 demands one of both).
struct Nas<'a> {
    address: IpAddr,
    name: &'a str,
}

fn nas_address(upstream: &Upstream, socket: &UdpSocket) -> Result<IpAddr, Fault> {
    match upstream.nas_ip {
        Some(address) => Ok(address.into()),
        None => match socket.local_addr() {
            Ok(local) => Ok(local.ip()),
            Err(error) => Err(connect::failed(&error)),
        },
    }
}

fn request(login: &str, password: &[u8], nas: &Nas<'_>, secret: &Secret) -> Result<Vec<u8>, Fault> {
    let unsent = |error: &dyn std::fmt::Display| Fault::Unclear(error.to_string());
    let chance: [u8; 17] = clock::random().map_err(|error| unsent(&error))?;
    let [identifier, authenticator @ ..] = chance;
    let request = Request::access(Identifier(identifier), Authenticator(authenticator), secret)
        .attribute(Type::USER_NAME, login.as_bytes())
        .and_then(|request| match nas.address {
            IpAddr::V4(address) => request.attribute(Type::NAS_IP_ADDRESS, &address.octets()),
            IpAddr::V6(address) => request.attribute(Type::NAS_IPV6_ADDRESS, &address.octets()),
        })
        .and_then(|request| request.attribute(Type::NAS_IDENTIFIER, nas.name.as_bytes()))
        .map_err(|error| unsent(&error))?;
    let request = request
        .user_password(password)
        .map_err(|error| unsent(&error))?;
    request.encode().map_err(|error| unsent(&error))
}

/// Sends the question until it is answered or its time is over.
async fn exchange(
    socket: &UdpSocket,
    packet: &[u8],
    secret: &Secret,
    question: &Question<'_>,
) -> Result<Said, Fault> {
    let request = Packet::parse(packet).map_err(|error| Fault::Unclear(error.to_string()))?;
    let mut answers = Answers {
        socket,
        request,
        secret,
        question,
        disbelieved: None,
    };
    let mut again = SEND_AGAIN_AFTER;
    while Instant::now() < question.deadline {
        sent(socket, packet, question).await?;
        let until = question.deadline.min(Instant::now() + again);
        if let Ok(said) = timeout_at(until, answers.next()).await {
            return said;
        }
        again *= 2;
    }
    Err(match answers.disbelieved {
        Some(why) => Fault::Unwell(format!("its answers are not believed: {why}")),
        None => question.too_late(),
    })
}

async fn sent(socket: &UdpSocket, packet: &[u8], question: &Question<'_>) -> Result<(), Fault> {
    socket
        .send(packet)
        .await
        .map_err(|error| connect::failed(&error))?;
    let (name, login) = (&question.backend.name.name, question.credentials.login);
    let to = socket
        .peer_addr()
        .map_or_else(|_| String::new(), |it| it.to_string());
    let (id, len) = (packet.get(1).copied().unwrap_or_default(), packet.len());
    question.steps.say(
        "__fnbamd_rad_send",
        format_args!(
            "Sent radius req to server '{name}': IP={}({to}) code=1 id={id} len={len} \
             user=\"{login}\" using PAP",
            question.server.host
        ),
    );
    Ok(())
}

/// What comes back.
struct Answers<'a> {
    socket: &'a UdpSocket,
    request: Packet<'a>,
    secret: &'a Secret,
    question: &'a Question<'a>,
    /// Why the last answer was dropped, if one was.
    disbelieved: Option<ReplyError>,
}

impl Answers<'_> {
    /// Waits for the first answer that is one. An error says that nothing listens there.
    async fn next(&mut self) -> Result<Said, Fault> {
        let mut datagram = [0; MAX_LENGTH];
        loop {
            let received = self.socket.recv(&mut datagram).await;
            let length = received.map_err(|error| connect::failed(&error))?;
            let octets = datagram.get(..length).unwrap_or_default();
            match verify_reply(&self.request, octets, self.secret) {
                Ok(reply) => return Ok(understood(&reply, self.question)),
                Err(error) => {
                    let (function, steps) =
                        ("fnbamd_radius_auth_validate_pkt", self.question.steps);
                    steps.say(function, format_args!("answer dropped: {error}"));
                    self.disbelieved = Some(error);
                }
            }
        }
    }
}

fn understood(reply: &Packet<'_>, question: &Question<'_>) -> Said {
    let code = reply.code();
    question.steps.say(
        "fnbamd_radius_auth_validate_pkt",
        format_args!("RADIUS resp code {}", code as u8),
    );
    match code {
        Code::AccessAccept => Said::Right(told(reply, question)),
        Code::AccessChallenge => Said::Challenge,
        _ => Said::Wrong(match words(reply) {
            Some(words) => format!("Access-Reject: {words}"),
            None => "Access-Reject".to_owned(),
        }),
    }
}

/// What an Accept tells of the person, if that is asked. What is no text is no group that could be
/// configured.
fn told(reply: &Packet<'_>, question: &Question<'_>) -> Told {
    let Protocol::Radius(upstream) = &question.backend.protocol else {
        return Told::default();
    };
    if question.credentials.groups.is_none() {
        return Told::default();
    }
    let groups: Vec<&[u8]> = match upstream.groups_in {
        GroupAttribute::FortinetGroupName => reply
            .values(Type::VENDOR_SPECIFIC)
            .filter_map(|value| VendorType::FORTINET_GROUP_NAME.value_in(value))
            .collect(),
        GroupAttribute::FilterId => reply.values(Type::FILTER_ID).collect(),
        GroupAttribute::Class => reply.values(Type::CLASS).collect(),
    };
    let groups = groups.into_iter().map(std::str::from_utf8);
    Told {
        names: names(reply),
        other_names: Vec::new(),
        groups: groups.flatten().map(Box::from).collect(),
        unread: None,
    }
}

/// The User-Name of an Accept (RFC 2865, 5.1), nothing in its place: the name that was asked for is not the
/// server's, which may fold letters that are apart here. What is no text is nobody's name.
fn names(reply: &Packet<'_>) -> Vec<String> {
    reply
        .values(Type::USER_NAME)
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

fn words(reply: &Packet<'_>) -> Option<String> {
    let message = reply.first(Type::REPLY_MESSAGE)?;
    let text = String::from_utf8_lossy(message);
    Some(text.chars().take(WORDS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Access-Accept with these attributes and nothing else.
    fn accept(attributes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(20 + attributes.len()).unwrap();
        let header = [&[Code::AccessAccept as u8, 1, 0, length][..], &[0; 16]];
        [&header.concat(), attributes].concat()
    }

    #[test]
    fn who_is_let_in_has_the_names_of_the_accept_and_no_other() {
        let unnamed = accept(b"\x12\x04hi");
        let named = accept(b"\x01\x06dave\x01\x04\xff\xfe");
        assert!(names(&Packet::parse(&unnamed).unwrap()).is_empty());
        assert_eq!(
            names(&Packet::parse(&named).unwrap()),
            ["dave", "\u{fffd}\u{fffd}"]
        );
    }
}
