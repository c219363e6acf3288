//! A VPN server's side of a login: `radclient` where it is installed, else a client of our own.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use gateway::clock;
use radius::{Authenticator, Code, Identifier, Packet, Request, Secret, Type, verify_reply};
use tokio::net::UdpSocket;

/// How long an answer may take: refusals leave a second after the request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the server said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) code: Code,
    pub(super) state: Option<String>,
    pub(super) message: Option<String>,
}

/// A client of the RADIUS server.
#[derive(Debug)]
pub(super) struct Vpn {
    server: SocketAddr,
    secret: String,
    radclient: bool,
}

impl Vpn {
    pub(super) fn new(server: SocketAddr, secret: &str) -> Self {
        let installed = Command::new("radclient")
            .arg("-v")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok();
        Self {
            server,
            secret: secret.to_owned(),
            radclient: installed,
        }
    }

    /// What asks: for the reader of the demonstration.
    pub(super) fn name(&self) -> &'static str {
        if self.radclient {
            "radclient"
        } else {
            "built-in client"
        }
    }

    /// Sends a password or code, with the state of the challenge that it answers.
    pub(super) async fn ask(
        &self,
        user: &str,
        password: &str,
        state: Option<&str>,
    ) -> Result<Answer> {
        if self.radclient {
            return self.ask_with_radclient(user, password, state);
        }
        let secret = Secret::new(self.secret.as_bytes())?;
        let authenticator = Authenticator(clock::random()?);
        let mut request = Request::access(Identifier(1), authenticator, &secret)
            .attribute(Type::USER_NAME, user.as_bytes())?
            .user_password(password.as_bytes())?;
        if let Some(state) = state {
            request = request.attribute(Type::STATE, state.as_bytes())?;
        }
        let datagram = request.encode()?;
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        socket.send_to(&datagram, self.server).await?;
        let mut buffer = [0; radius::MAX_LENGTH];
        let received = tokio::time::timeout(TIMEOUT, socket.recv(&mut buffer))
            .await
            .context("the RADIUS server does not answer")??;
        let sent = Packet::parse(&datagram)?;
        let reply = verify_reply(&sent, buffer.get(..received).unwrap_or_default(), &secret)?;
        let text = |kind| {
            reply
                .first(kind)
                .map(|octets| String::from_utf8_lossy(octets).into_owned())
        };
        Ok(Answer {
            code: reply.code(),
            state: text(Type::STATE),
            message: text(Type::REPLY_MESSAGE),
        })
    }

    fn ask_with_radclient(
        &self,
        user: &str,
        password: &str,
        state: Option<&str>,
    ) -> Result<Answer> {
        let mut radclient = Command::new("radclient")
            .args([
                "-x",
                "-r",
                "1",
                "-t",
                "5",
                &self.server.to_string(),
                "auth",
                &self.secret,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut attributes = format!(
            "User-Name = \"{user}\", User-Password = \"{password}\", Message-Authenticator = 0x00"
        );
        if let Some(state) = state {
            attributes += &format!(
                ", State = 0x{}",
                data_encoding::HEXLOWER.encode(state.as_bytes())
            );
        }
        let mut stdin = radclient.stdin.take().context("radclient has no input")?;
        writeln!(stdin, "{attributes}")?;
        drop(stdin);
        let output = radclient.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        read_radclient(&text)
            .with_context(|| format!("radclient: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// Reads what `radclient -x` prints of the answer.
fn read_radclient(text: &str) -> Result<Answer> {
    let received = text.find("Received ").context("no answer")?;
    let answer = text.get(received..).unwrap_or_default();
    let code = match answer.split(' ').nth(1) {
        Some("Access-Accept") => Code::AccessAccept,
        Some("Access-Reject") => Code::AccessReject,
        Some("Access-Challenge") => Code::AccessChallenge,
        _ => bail!("an answer of an unknown kind"),
    };
    ensure!(
        answer.contains("Message-Authenticator"),
        "an answer without Message-Authenticator"
    );
    let attribute = |name: &str| {
        answer.lines().find_map(|line| {
            line.trim()
                .strip_prefix(name)?
                .strip_prefix(" = ")
                .map(str::to_owned)
        })
    };
    let state = attribute("State")
        .and_then(|hex| {
            data_encoding::HEXLOWER
                .decode(hex.strip_prefix("0x")?.as_bytes())
                .ok()
        })
        .and_then(|octets| String::from_utf8(octets).ok());
    let message = attribute("Reply-Message").map(|text| text.trim_matches('"').to_owned());
    Ok(Answer {
        code,
        state,
        message,
    })
}
