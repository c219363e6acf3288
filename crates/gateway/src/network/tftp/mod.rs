//! A client for TFTP (RFC 1350): the protocol that administrators' backup scripts speak. It hides
//! nothing on the wire, so what goes over it has its secrets sealed.

mod packet;
mod transfer;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::UdpSocket;
use tokio::time::timeout;

pub(crate) use transfer::TransferError;
use transfer::{Down, Download, Up, Upload};

/// How long a packet is waited for before the last one is sent again.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a packet is sent before the server counts as gone: ten seconds in all.
const TRIES: u32 = 5;
/// A transfer that takes longer is given up, whatever the server still sends: 64 MiB at 1 Mbit/s.
const TRANSFER_MAX: Duration = Duration::from_mins(10);
/// Room for the largest packet that is agreed to, and one octet more that tells a larger one.
const DATAGRAM_MAX: usize = 4 + packet::BLOCK_WANTED + 1;

/// Why a file did not go through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TftpError {
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error("no answer within {} s", PATIENCE.as_secs() * u64::from(TRIES))]
    NoAnswer,
    #[error("it took longer than {} s", TRANSFER_MAX.as_secs())]
    TooSlow,
    #[error("{}", super::reason(.0))]
    Io(#[from] io::Error),
}

/// Sends a file.
pub(crate) async fn put(
    server: SocketAddr,
    name: &str,
    file: impl AsyncRead + Unpin,
) -> Result<(), TftpError> {
    let sent = timeout(TRANSFER_MAX, upload(server, name, file)).await;
    sent.map_err(|_| TftpError::TooSlow)?
}

/// Fetches a file of at most `limit` octets.
pub(crate) async fn get(
    server: SocketAddr,
    name: &str,
    limit: usize,
) -> Result<Vec<u8>, TftpError> {
    let fetched = timeout(TRANSFER_MAX, download(server, name, limit)).await;
    fetched.map_err(|_| TftpError::TooSlow)?
}

async fn upload(
    server: SocketAddr,
    name: &str,
    mut file: impl AsyncRead + Unpin,
) -> Result<(), TftpError> {
    let mut line = Line::to(server).await?;
    let (mut upload, mut packet) = Upload::begin(name);
    loop {
        line.send(packet).await?;
        let size = loop {
            match upload.take(line.hear().await?)? {
                Up::Waits => {}
                Up::Wants(size) => break size,
                Up::Done => return Ok(()),
            }
        };
        let mut octets = Vec::with_capacity(size);
        let mut block = (&mut file).take(size as u64);
        block.read_to_end(&mut octets).await?;
        packet = upload.send(&octets);
    }
}

async fn download(server: SocketAddr, name: &str, limit: usize) -> Result<Vec<u8>, TftpError> {
    let mut line = Line::to(server).await?;
    let (mut download, request) = Download::begin(name, limit);
    line.send(request).await?;
    loop {
        match download.take(line.hear().await?) {
            Ok(Down::Waits) => {}
            Ok(Down::Answers(packet)) => line.send(packet).await?,
            Ok(Down::Done(packet)) => {
                line.send(packet).await?;
                return Ok(download.into_content());
            }
            Err(why) => {
                line.send(packet::refusal(&why.to_string())).await?;
                return Err(why.into());
            }
        }
    }
}

/// One transfer's socket. The server answers from a port of its own, which then is the peer.
struct Line {
    socket: UdpSocket,
    peer: SocketAddr,
    is_answered: bool,
    last: Vec<u8>,
    datagram: [u8; DATAGRAM_MAX],
}

impl Line {
    async fn to(server: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Ok(Self {
            socket: UdpSocket::bind((any, 0)).await?,
            peer: server,
            is_answered: false,
            last: Vec::new(),
            datagram: [0; DATAGRAM_MAX],
        })
    }

    async fn send(&mut self, packet: Vec<u8>) -> io::Result<()> {
        self.last = packet;
        self.again().await
    }

    async fn again(&self) -> io::Result<()> {
        self.socket.send_to(&self.last, self.peer).await.map(drop)
    }

    /// The next datagram of the server.
    async fn hear(&mut self) -> Result<&[u8], TftpError> {
        for tried in 1..=TRIES {
            if let Ok(heard) = timeout(PATIENCE, self.next()).await {
                let length = heard?;
                return Ok(self.datagram.get(..length).unwrap_or_default());
            }
            if tried < TRIES {
                self.again().await?;
            }
        }
        Err(TftpError::NoAnswer)
    }

    /// Others' datagrams are nothing to this transfer.
    async fn next(&mut self) -> io::Result<usize> {
        loop {
            let (length, from) = self.socket.recv_from(&mut self.datagram).await?;
            if !self.is_answered && from.ip() == self.peer.ip() {
                self.is_answered = true;
                self.peer = from;
            }
            if from == self.peer {
                return Ok(length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Serves one transfer from a port of its own, and answers every packet twice.
    async fn serve(
        socket: UdpSocket,
        mut files: HashMap<String, Vec<u8>>,
    ) -> HashMap<String, Vec<u8>> {
        let mut datagram = [0; 2_000];
        let (length, client) = socket.recv_from(&mut datagram).await.unwrap();
        let (writes, name) = {
            let name = datagram[2..length]
                .split(|octet| *octet == 0)
                .next()
                .unwrap();
            (datagram[1] == 2, String::from_utf8(name.to_vec()).unwrap())
        };
        let own = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let send = async |packet: &[u8]| {
            for _ in 0..2 {
                own.send_to(packet, client).await.unwrap();
            }
        };
        if writes {
            send(b"\0\x06blksize\x001024\0").await;
            let (mut content, mut expected) = (Vec::new(), 1);
            loop {
                let length = own.recv(&mut datagram).await.unwrap();
                let block = u16::from_be_bytes([datagram[2], datagram[3]]);
                send(&packet::ack(block)).await;
                if block != expected {
                    continue;
                }
                expected += 1;
                content.extend(&datagram[4..length]);
                if length < 4 + 1_024 {
                    files.insert(name, content);
                    return files;
                }
            }
        }
        let Some(content) = files.get(&name) else {
            send(b"\0\x05\0\x01\0").await;
            return files;
        };
        for (place, octets) in content.chunks(packet::BLOCK).enumerate() {
            let block = u16::try_from(place + 1).unwrap();
            send(&packet::data(block, octets)).await;
            loop {
                let length = own.recv(&mut datagram).await.unwrap();
                if packet::ack(block) == datagram[..length] {
                    break;
                }
            }
        }
        files
    }

    async fn server(
        files: HashMap<String, Vec<u8>>,
    ) -> (
        SocketAddr,
        tokio::task::JoinHandle<HashMap<String, Vec<u8>>>,
    ) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        (address, tokio::spawn(serve(socket, files)))
    }

    #[tokio::test]
    async fn a_file_goes_there_and_comes_back() {
        let content: Vec<u8> = (0..5_000_u32).flat_map(u32::to_be_bytes).collect();
        let (address, served) = server(HashMap::new()).await;
        put(address, "a.conf", content.as_slice()).await.unwrap();
        let files = served.await.unwrap();
        assert_eq!(files.get("a.conf"), Some(&content));
        let (address, served) = server(files).await;
        assert_eq!(get(address, "a.conf", 20_000).await.unwrap(), content);
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_or_too_long_is_told() {
        let (address, _served) = server(HashMap::new()).await;
        let missing = get(address, "a.conf", 20_000).await.unwrap_err();
        assert_eq!(missing.to_string(), "the server says: file not found");
        let files = HashMap::from([("a.conf".to_owned(), vec![0; 1_000])]);
        let (address, _served) = server(files).await;
        let long = get(address, "a.conf", 600).await.unwrap_err();
        assert_eq!(long.to_string(), "the file is longer than 600 octets");
    }
}
