//! An HTTP gateway for SMS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Listens on a port of its own; each request is answered with the next of its statuses, and with the
/// last from then on.
pub(crate) struct SmsGateway {
    port: u16,
    requests: Receiver<String>,
}

impl SmsGateway {
    pub(crate) fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut statuses = statuses.to_vec();
        let (told, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let status = if statuses.len() > 1 {
                    statuses.remove(0)
                } else {
                    statuses[0]
                };
                let request = answer(stream.unwrap(), status);
                if told.send(request).is_err() {
                    return;
                }
            }
        });
        Self { port, requests }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The next request, head and body, once it has come.
    pub(crate) fn request(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

/// Takes one request and says it back, as gateways do.
fn answer(stream: TcpStream, status: u16) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = head + &String::from_utf8(body).unwrap();
    let code = request
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| {
            word.len() == 16
                && word
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        })
        .unwrap_or("");
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("authorization: "))
        .unwrap_or("no key");
    let said = format!("taken {code} for '{key}'");
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 {status} \r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}",
        said.len()
    )
    .unwrap();
    request
}
