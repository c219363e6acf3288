//! Batches over real sockets on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one is about sockets"
)]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use gateway::udp::{BATCH, Batch, BatchSocket, MAX_DATAGRAM, Outgoing, Sent};

const LOOPBACKS: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

fn bound(address: &str) -> (BatchSocket, SocketAddr) {
    let socket = BatchSocket::bind(address.parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn client(address: &str) -> UdpSocket {
    let client = UdpSocket::bind(address).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    client
}

/// Receives until `count` datagrams came.
fn receive(socket: &BatchSocket, batch: &mut Batch, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut all = Vec::new();
    while all.len() < count {
        socket.receive(batch).unwrap();
        all.extend(
            batch
                .datagrams()
                .map(|(source, datagram)| (source, datagram.to_vec())),
        );
    }
    all
}

#[test]
fn more_than_one_batch_comes_in_and_goes_back_in_order() {
    for loopback in LOOPBACKS {
        let (socket, address) = bound(loopback);
        let client = client(loopback);
        let source = client.local_addr().unwrap();
        let count = 2 * BATCH + 3;
        let sent: Vec<Vec<u8>> = (0..count)
            .map(|number| number.to_be_bytes().to_vec())
            .collect();
        for datagram in &sent {
            client.send_to(datagram, address).unwrap();
        }

        let received = receive(&socket, &mut Batch::default(), count);
        let mut outgoing = Outgoing::default();
        for (number, (from, datagram)) in received.iter().enumerate() {
            assert_eq!((from, datagram), (&source, &sent[number]));
            outgoing.push(*from, &datagram.repeat(2));
        }

        let sent_back = socket.send(&mut outgoing);
        assert_eq!(
            sent_back,
            Sent {
                delivered: count,
                refused: 0
            }
        );
        assert!(outgoing.is_empty());
        let mut buffer = [0; 64];
        for datagram in &sent {
            let (octets, from) = client.recv_from(&mut buffer).unwrap();
            assert_eq!((from, &buffer[..octets]), (address, &*datagram.repeat(2)));
        }
    }
}

#[test]
fn the_longest_datagram_comes_whole_and_a_longer_one_is_dropped_and_counted() {
    let (socket, address) = bound(LOOPBACKS[0]);
    let client = client(LOOPBACKS[0]);
    client.send_to(&[1; MAX_DATAGRAM + 1], address).unwrap();
    client.send_to(&[2; MAX_DATAGRAM], address).unwrap();
    client.send_to(b"", address).unwrap();
    let mut batch = Batch::default();
    let received = receive(&socket, &mut batch, 2);
    assert_eq!(received[0].1, [2; MAX_DATAGRAM]);
    assert_eq!(received[1].1, b"");
    assert_eq!(batch.truncated(), 1);
}

#[test]
fn a_silent_socket_gives_its_thread_back() {
    let (socket, _) = bound(LOOPBACKS[0]);
    assert_eq!(socket.receive(&mut Batch::default()).unwrap(), 0);
}

#[test]
fn a_refused_datagram_does_not_hold_up_the_others() {
    let (socket, _) = bound(LOOPBACKS[0]);
    let client = client(LOOPBACKS[0]);
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut outgoing = Outgoing::default();
    outgoing.push(nowhere, b"lost");
    outgoing.push(client.local_addr().unwrap(), b"first");
    outgoing.push(nowhere, b"lost");
    outgoing.push(nowhere, b"lost");
    let mut more = Outgoing::default();
    more.push(client.local_addr().unwrap(), b"second");
    outgoing.append(&mut more);
    assert_eq!((outgoing.len(), more.len()), (5, 0));

    assert_eq!(
        socket.send(&mut outgoing),
        Sent {
            delivered: 2,
            refused: 3
        }
    );
    let mut buffer = [0; 64];
    for expected in [&b"first"[..], b"second"] {
        let octets = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..octets], expected);
    }
}
