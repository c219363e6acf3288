//! Packets on a connection: each says its own length (RFC 6613, 2.6.1).

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// How long a connection may say nothing: clients that watch theirs by Status-Server ask every 30 s (RFC 3539,
/// 3.4.1), and one that was closed connects again.
const IDLE: Duration = Duration::from_mins(10);

/// How long a packet may take once it has begun.
const PACKET: Duration = Duration::from_secs(10);

/// Code, Identifier and Length.
const HEAD: usize = 4;

/// Why a connection is closed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("a packet of {0} octets, where 20 to 4096 are possible")]
    Length(usize),
    #[error("a packet that does not come to its end")]
    Slow,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The next packet; nothing if the connection ends, or has been silent for too long.
pub(super) async fn next(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Vec<u8>>, Broken> {
    let mut head = [0; HEAD];
    match timeout(IDLE, stream.read(&mut head[..1])).await {
        Ok(Ok(1)) => {}
        Ok(Ok(_)) | Err(_) => return Ok(None),
        Ok(Err(error)) => return Err(error.into()),
    }
    timeout(PACKET, rest(stream, head))
        .await
        .unwrap_or(Err(Broken::Slow))
        .map(Some)
}

async fn rest(
    stream: &mut (impl AsyncRead + Unpin),
    mut head: [u8; HEAD],
) -> Result<Vec<u8>, Broken> {
    stream.read_exact(&mut head[1..]).await?;
    let [.., high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !(radius::MIN_LENGTH..=radius::MAX_LENGTH).contains(&length) {
        return Err(Broken::Length(length));
    }
    let mut packet = vec![0; length];
    let (begin, behind) = packet.split_at_mut(HEAD);
    begin.copy_from_slice(&head);
    stream.read_exact(behind).await?;
    Ok(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn packets_come_one_after_the_other_and_a_wrong_length_ends_it() {
        let packet = [&[1, 7, 0, 20][..], &[9; 16]].concat();
        let octets = [&packet[..], &packet, &[1, 7, 0, 19, 0]].concat();
        let mut stream = &octets[..];
        for _ in 0..2 {
            assert_eq!(next(&mut stream).await.unwrap().unwrap(), packet);
        }
        assert!(matches!(next(&mut stream).await, Err(Broken::Length(19))));
        assert!(next(&mut &b""[..]).await.unwrap().is_none());
        assert!(matches!(next(&mut &packet[..9]).await, Err(Broken::Io(_))));
    }
}
