//! Logins as a VPN server asks for them, with foreign RADIUS clients.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use ::radius::{Authenticator, Code, Identifier, Packet, Request, Secret, Type};
use data_encoding::HEXLOWER;

use super::{Home, PASSWORD, SECRET, python, run, script, tool};

/// What the server answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Accept,
    Reject,
    /// With its state, as `radclient` writes it, and its prompt.
    Challenge(String, String),
    Silence,
}

impl Answer {
    /// The state of a challenge.
    #[track_caller]
    pub(crate) fn state(&self) -> &str {
        match self {
            Self::Challenge(state, _) => state,
            other => panic!("no challenge, but {other:?}"),
        }
    }
}

/// A RADIUS client at an address of this machine.
pub(crate) struct Vpn {
    pub(crate) server: SocketAddr,
    pub(crate) source: &'static str,
    pub(crate) secret: &'static str,
    /// As `radclient -P` takes it.
    pub(crate) transport: &'static str,
}

impl Vpn {
    /// At the address that [`Home::radius_client`] was given.
    pub(crate) fn new(home: &Home, source: &'static str) -> Self {
        Self {
            server: home.radius,
            source,
            secret: SECRET,
            transport: "udp",
        }
    }

    /// Sends `attributes` in the words of `radclient`, with a Message-Authenticator, and takes what came
    /// back, if anything did.
    pub(crate) fn received(&self, kind: &str, attributes: &str) -> Option<String> {
        self.received_within("2", kind, attributes)
    }

    fn received_within(&self, seconds: &str, kind: &str, attributes: &str) -> Option<String> {
        let attributes = format!(
            "{attributes}Packet-Src-IP-Address = {}, Message-Authenticator = 0x00\n",
            self.source
        );
        let said = run(
            tool("radclient", "freeradius-utils")
                .args(["-x", "-r", "1", "-t", seconds, "-P", self.transport])
                .arg(self.server.to_string())
                .args([kind, self.secret]),
            &attributes,
        );
        let text = said.out + &said.err;
        if text.contains("No reply from server") {
            return None;
        }
        let received = text.find("Received ").unwrap_or_else(|| panic!("{text}"));
        let received = &text[received..];
        assert!(
            received.contains("Message-Authenticator"),
            "an answer without Message-Authenticator:\n{text}"
        );
        Some(received.to_owned())
    }

    /// The same, as an answer.
    pub(crate) fn radclient(&self, kind: &str, attributes: &str) -> Answer {
        self.received(kind, attributes)
            .map_or(Answer::Silence, |received| Self::read(&received))
    }

    fn read(received: &str) -> Answer {
        let attribute = |name: &str| {
            let line = received
                .lines()
                .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(" = "));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        match received.split(' ').nth(1) {
            Some("Access-Accept") => Answer::Accept,
            Some("Access-Reject") => Answer::Reject,
            Some("Access-Challenge") => {
                Answer::Challenge(attribute("State"), attribute("Reply-Message"))
            }
            _ => panic!("{received}"),
        }
    }

    /// What comes back for a name and what is typed with it, attributes and all.
    pub(crate) fn told(&self, user: &str, password: &str) -> String {
        self.received("auth", &credentials(user, password))
            .expect("an answer")
    }

    /// A name and what is typed with it.
    pub(crate) fn ask(&self, user: &str, password: &str) -> Answer {
        self.radclient("auth", &credentials(user, password))
    }

    /// A name and an empty password, which `radclient` does not send.
    pub(crate) fn ask_with_empty_password(&self, user: &str) -> Answer {
        self.with_empty_password(user, None)
    }

    /// Nothing, in answer to a challenge.
    pub(crate) fn answer_with_nothing(&self, user: &str, challenge: &Answer) -> Answer {
        let state = challenge.state().strip_prefix("0x").unwrap();
        let state = HEXLOWER.decode(state.as_bytes()).unwrap();
        self.with_empty_password(user, Some(&state))
    }

    fn with_empty_password(&self, user: &str, state: Option<&[u8]>) -> Answer {
        let secret = Secret::new(self.secret.as_bytes()).unwrap();
        let mut request = Request::access(Identifier(7), Authenticator([7; 16]), &secret)
            .attribute(Type::USER_NAME, user.as_bytes())
            .unwrap()
            .user_password(b"")
            .unwrap();
        if let Some(state) = state {
            request = request.attribute(Type::STATE, state).unwrap();
        }
        let socket = UdpSocket::bind((self.source, 0)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(3)))
            .unwrap();
        socket
            .send_to(&request.encode().unwrap(), self.server)
            .unwrap();
        let mut reply = [0; 4_096];
        let Ok(length) = socket.recv(&mut reply) else {
            return Answer::Silence;
        };
        let reply = Packet::parse(&reply[..length]).unwrap();
        match reply.code() {
            Code::AccessAccept => Answer::Accept,
            Code::AccessReject => Answer::Reject,
            Code::AccessChallenge => {
                let state = HEXLOWER.encode(reply.first(Type::STATE).unwrap());
                let prompt = reply.first(Type::REPLY_MESSAGE).unwrap();
                let prompt = String::from_utf8(prompt.to_vec()).unwrap();
                Answer::Challenge(format!("0x{state}"), prompt)
            }
            other => panic!("{other}"),
        }
    }

    /// The code that answers a challenge.
    pub(crate) fn answer(&self, user: &str, code: &str, challenge: &Answer) -> Answer {
        let attributes = credentials(user, code) + &format!("State = {}, ", challenge.state());
        self.radclient("auth", &attributes)
    }

    /// The same by a client that waits for a person, as `remoteauthtimeout` has it.
    pub(crate) fn answer_patiently(&self, user: &str, code: &str, challenge: &Answer) -> Answer {
        let attributes = credentials(user, code) + &format!("State = {}, ", challenge.state());
        self.received_within("90", "auth", &attributes)
            .map_or(Answer::Silence, |received| Self::read(&received))
    }

    /// Password, then code.
    pub(crate) fn log_in(&self, user: &str, code: &str) -> Answer {
        let challenge = self.ask(user, PASSWORD);
        self.answer(user, code, &challenge)
    }

    /// Whether the server is alive (RFC 5997).
    pub(crate) fn status(&self) -> Answer {
        self.radclient("status", "")
    }

    /// The same without a Message-Authenticator, by a client that never sends one unasked.
    pub(crate) fn ask_unauthenticated(&self, user: &str, password: &str) -> Answer {
        self.unauthenticated(user, password, "pap")
    }

    /// The same with CHAP.
    pub(crate) fn chap_unauthenticated(&self, user: &str, password: &str) -> Answer {
        self.unauthenticated(user, password, "chap")
    }

    fn unauthenticated(&self, user: &str, password: &str, method: &str) -> Answer {
        let said = run(
            python()
                .arg(script("radius_client.py"))
                .args([self.server.ip().to_string(), self.server.port().to_string()])
                .args([self.source, self.secret, user, password, method]),
            "",
        )
        .ok();
        match said.trim().split_once(' ').unwrap_or((said.trim(), "")) {
            ("2", _) => Answer::Accept,
            ("3", _) => Answer::Reject,
            ("11", state) => Answer::Challenge(format!("0x{state}"), String::new()),
            ("silence", _) => Answer::Silence,
            other => panic!("{other:?}"),
        }
    }
}

/// In the words of `radclient`, whose strings know the escapes of C.
fn credentials(user: &str, password: &str) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "User-Name = \"{}\", User-Password = \"{}\", ",
        quoted(user),
        quoted(password)
    )
}
