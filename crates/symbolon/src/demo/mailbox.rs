//! A mail server that keeps what it gets: the person's mailbox of the demonstration.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use mail_parser::{MessageParser, MimeHeaders};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Longest mail that is taken.
const MAIL_MAX: usize = 1 << 20;

/// A mail as the person sees it.
#[derive(Debug)]
pub(super) struct Mail {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) text: String,
    /// The attached picture.
    pub(super) picture: Vec<u8>,
}

/// The listening mail server.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub(super) address: SocketAddr,
    mails: mpsc::Receiver<Vec<u8>>,
}

impl Mailbox {
    /// Listens on a free port of the loopback interface.
    pub(super) async fn open() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (sender, mails) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    if let Err(error) = receive(stream, sender).await {
                        tracing::warn!(%error, "the demonstration's mail server lost a client");
                    }
                });
            }
        });
        Ok(Self { address, mails })
    }

    /// The next mail that arrives.
    pub(super) async fn next(&mut self) -> Result<Mail> {
        let raw = self.mails.recv().await.context("the mail server is gone")?;
        let message = MessageParser::default()
            .parse(&raw)
            .context("the mail cannot be read")?;
        let address = |address: Option<&mail_parser::Address<'_>>| {
            let first = address.and_then(|address| address.first());
            first
                .and_then(|one| one.address())
                .unwrap_or_default()
                .to_owned()
        };
        let picture = message
            .attachments()
            .find(|part| {
                part.content_type()
                    .is_some_and(|kind| kind.ctype() == "image")
            })
            .context("the mail has no picture")?;
        Ok(Mail {
            from: address(message.from()),
            to: address(message.to()),
            subject: message.subject().unwrap_or_default().to_owned(),
            text: message.body_text(0).unwrap_or_default().into_owned(),
            picture: picture.contents().to_vec(),
        })
    }
}

/// The server's side of RFC 5321, as far as one client needs it.
async fn receive(stream: TcpStream, mails: mpsc::Sender<Vec<u8>>) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 demonstration\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let reply: &[u8] = match verb.as_str() {
            "EHLO" | "HELO" => b"250 demonstration\r\n",
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut mail = Vec::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail.extend_from_slice(line.strip_prefix('.').unwrap_or(&line).as_bytes());
                    mail.extend_from_slice(b"\r\n");
                    if mail.len() > MAIL_MAX {
                        bail!("a mail of more than {MAIL_MAX} octets");
                    }
                }
                mails.send(mail).await?;
                b"250 taken\r\n"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        writer.write_all(reply).await?;
    }
    Ok(())
}
