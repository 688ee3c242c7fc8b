//! Frames that are cut anywhere, readers that are slow, and peers that go.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Two bytes of length.
fn framing(bytes: &[u8]) -> io::Result<Option<(usize, Range<usize>)>> {
    let Some(length) = bytes.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length))) else {
        return Ok(None);
    };
    Ok(Some((2 + length, 2..2 + length)))
}

fn frame(datagram: &[u8]) -> Vec<u8> {
    [&(datagram.len() as u16).to_be_bytes(), datagram].concat()
}

fn link(address: SocketAddr) -> StreamLink {
    let opening = async move {
        let stream = connect(None, address).await?;
        let local = stream.local_addr()?;
        Ok((Box::new(stream) as Box<dyn ByteStream>, local))
    };
    StreamLink::open(opening, framing)
}

proptest! {
    #[test]
    fn frames_are_taken_however_they_are_cut(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..20),
        cut in 1usize..30,
    ) {
        let bytes: Vec<u8> = datagrams.iter().flat_map(|datagram| frame(datagram)).collect();
        let mut incoming = Incoming::default();
        let mut buffer = [0; 8];
        let mut taken = Vec::new();
        for chunk in bytes.chunks(cut) {
            incoming.bytes.extend(chunk);
            while let Some(length) = incoming.take(framing, &mut buffer).expect("take frame") {
                taken.push(buffer[..length].to_vec());
            }
        }
        let fits = |datagram: &&Vec<u8>| (1..=8).contains(&datagram.len());
        prop_assert_eq!(taken, datagrams.iter().filter(fits).cloned().collect::<Vec<_>>());
        prop_assert!(incoming.bytes.is_empty());
    }
}

#[tokio::test]
async fn a_slow_reader_gets_all_data_and_no_late_media() {
    const MEDIA: u8 = 128;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let mut link = link(listener.local_addr().expect("read address"));
    let mut buffer = [0; 2048];
    // 3 MiB of data, and a packet of media with each datagram, while nobody reads.
    let count = 3 << 10;
    for index in 0..count {
        link.queue(frame(&vec![index as u8 & 127; 1024]), false, Instant::now());
        link.queue(frame(&[MEDIA; 100]), true, Instant::now());
    }
    let (mut peer, _) = tokio::select! {
        accepted = listener.accept() => accepted.expect("accept"),
        _ = std::future::poll_fn(|context| link.poll_receive(context, &mut buffer)) => panic!("received"),
    };
    tokio::time::sleep(MEDIA_PATIENCE).await;
    link.queue(frame(&[MEDIA + 1; 100]), true, Instant::now());
    link.queue(frame(&[0; 1]), false, Instant::now());
    let reading = async {
        let (mut data, mut late, mut fresh) = (0, 0, 0);
        loop {
            let length = usize::from(peer.read_u16().await.expect("read length"));
            let mut datagram = vec![0; length];
            peer.read_exact(&mut datagram).await.expect("read datagram");
            match datagram[0] {
                MEDIA => late += 1,
                129 => fresh += 1,
                byte if length == 1024 => {
                    assert_eq!(byte, data as u8 & 127, "data is out of order");
                    data += 1;
                }
                _ => return (data, late, fresh),
            }
        }
    };
    let (data, late, fresh) = tokio::select! {
        read = reading => read,
        _ = std::future::poll_fn(|context| link.poll_receive(context, &mut buffer)) => panic!("received"),
    };
    assert_eq!((data, fresh), (count, 1));
    assert!(late < count / 2, "{late} late packets of {count} were written");
    assert_eq!(link.backlog(), 0);
}

#[tokio::test]
async fn an_end_is_told_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let mut link = link(listener.local_addr().expect("read address"));
    let mut buffer = [0; 2048];
    let peer = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.expect("accept");
        peer.write_all(&frame(b"hello")).await.expect("write");
    });
    let mut receive = async || {
        let received = std::future::poll_fn(|context| link.poll_receive(context, &mut buffer)).await;
        received.map(|length| buffer[..length].to_vec())
    };
    assert_eq!(receive().await.expect("receive"), b"hello");
    receive().await.expect_err("the peer is gone");
    peer.await.expect("run peer");
    link.queue(frame(b"too late"), false, Instant::now());
    assert_eq!(link.backlog(), 0);
    let mut context = Context::from_waker(Waker::noop());
    assert!(link.poll_receive(&mut context, &mut buffer).is_pending());
}
