//! Data channels, the ways LiveKit's servers use them.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::connection::channel::Channel;
use crate::data_channel::{DataChannelError, DataChannelInit, DataChannelState, MAX_SENT_MESSAGE};
use crate::stats::RtcStats;

use super::link::{Link, Way};

const PATIENCE: Duration = Duration::from_secs(60);

fn negotiated(id: i32, ordered: bool) -> DataChannelInit {
    DataChannelInit {
        negotiated: true,
        id,
        ordered,
        max_retransmits: (!ordered).then_some(0),
        ..DataChannelInit::default()
    }
}

/// Collects what a channel receives.
fn inbox(channel: &Arc<Channel>) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let inbox = Arc::new(Mutex::new(Vec::new()));
    let messages = inbox.clone();
    channel.set_on_message(Some(Box::new(move |message| messages.lock().push(message.data.to_vec()))));
    inbox
}

fn is_open(channel: &Arc<Channel>) -> bool {
    channel.state() == DataChannelState::Open
}

/// Protocol 18 of LiveKit's signalling: the channels that both sides made with the same ids are kept.
#[test]
fn channels_agreed_on_beforehand_are_kept() {
    let mut link = Link::new(1);
    let labels = [("_reliable", true), ("_lossy", false), ("_data_track", false)];
    let ends: Vec<[Arc<Channel>; 2]> = labels
        .iter()
        .zip(0..)
        .map(|((label, ordered), id)| {
            [0, 1].map(|end| link.ends[end].open_channel(label, negotiated(id, *ordered)))
        })
        .collect();
    let inboxes: Vec<_> = ends.iter().map(|[_, far]| inbox(far)).collect();
    link.negotiate(None);
    link.connect();
    link.run_until("open", PATIENCE, |_| ends.iter().flatten().all(is_open));
    assert!(link.ends[1].channels.is_empty(), "a channel was opened in band");
    for ([near, _], index) in ends.iter().zip(0u8..) {
        near.send(&[index; 1_000], true).expect("send");
    }
    link.run_until("delivered", PATIENCE, |_| inboxes.iter().all(|inbox| inbox.lock().len() == 1));
    for (inbox, index) in inboxes.iter().zip(0u8..) {
        assert_eq!(*inbox.lock(), [vec![index; 1_000]]);
    }
}

/// Protocol 17: they are closed, and channels of the same names opened in band.
#[test]
fn channels_are_closed_and_opened_again_in_band() {
    let mut link = Link::new(2);
    let first: Vec<Arc<Channel>> =
        (0..3).map(|id| link.ends[0].open_channel("_reliable", negotiated(id, true))).collect();
    // Before the association is there, as livekit does when it learns the server's protocol.
    for channel in &first {
        channel.close();
    }
    let again = link.ends[0].open_channel("_reliable", DataChannelInit::default());
    link.negotiate(None);
    link.connect();
    link.run_until("open", PATIENCE, |link| is_open(&again) && link.ends[1].channels.len() == 1);
    let far = link.ends[1].channels[0].clone();
    assert_eq!(far.label(), "_reliable");
    assert!(first.iter().all(|channel| channel.state() == DataChannelState::Closed));

    // The peer's channel kept what came before anybody listened.
    again.send(b"early", true).expect("send");
    link.run(Duration::from_secs(1));
    let inbox = inbox(&far);
    assert_eq!(*inbox.lock(), [b"early"]);

    // And after the association is there.
    again.close();
    link.run_until("closed", PATIENCE, |_| far.state() == DataChannelState::Closed);
    let third = link.ends[0].open_channel("_reliable", DataChannelInit::default());
    link.run_until("open", PATIENCE, |link| is_open(&third) && link.ends[1].channels.len() == 2);
}

#[test]
fn reliable_messages_arrive_in_order_over_a_lossy_link_and_lossy_ones_at_once() {
    let mut link = Link::new(3);
    let reliable = link.ends[0].open_channel("reliable", DataChannelInit::default());
    let lossy = link.ends[0].open_channel(
        "lossy",
        DataChannelInit { ordered: false, max_retransmits: Some(0), ..DataChannelInit::default() },
    );
    link.negotiate(None);
    link.connect();
    link.run_until("open", PATIENCE, |link| {
        link.ends[1].channels.len() == 2 && [&reliable, &lossy].into_iter().all(is_open)
    });
    let inbox_of = |link: &Link, label: &str| {
        inbox(link.ends[1].channels.iter().find(|channel| channel.label() == label).expect("a channel"))
    };
    let (ordered, unordered) = (inbox_of(&link, "reliable"), inbox_of(&link, "lossy"));
    link.way = Way { loss: 0.1, delay: Duration::from_millis(20), jitter: Duration::from_millis(30) };
    let text: Vec<u8> = (0..MAX_SENT_MESSAGE).map(|n| (n % 251) as u8).collect();
    reliable.send(&text, true).expect("send");
    assert!(matches!(reliable.send(&vec![0; text.len() + 1], true), Err(DataChannelError::TooLarge(65_537))));
    for index in 0..200u32 {
        reliable.send(&index.to_be_bytes(), true).expect("send");
    }
    link.run_until("delivered", PATIENCE, |_| ordered.lock().len() == 201);
    assert_eq!(ordered.lock()[0], text);
    let indices: Vec<Vec<u8>> = (0..200u32).map(|index| index.to_be_bytes().to_vec()).collect();
    assert_eq!(ordered.lock()[1..], indices);

    for index in 0..200u32 {
        lossy.send(&index.to_be_bytes(), true).expect("send");
        link.run(Duration::from_millis(10));
    }
    link.run(Duration::from_secs(2));
    let arrived = unordered.lock().len();
    assert!((150..200).contains(&arrived), "{arrived} of the lossy messages arrived");
    assert_eq!(reliable.buffered_amount(), 0);

    let reports = link.ends[0].statistics(link.now);
    let sent: u32 = reports
        .iter()
        .filter_map(|report| match report {
            RtcStats::DataChannel(channel) => Some(channel.dc.messages_sent),
            _ => None,
        })
        .sum();
    assert_eq!(sent, 401);
}

#[test]
fn a_peer_that_opens_channels_without_end_gets_some() {
    let mut link = Link::new(4);
    let channels: Vec<Arc<Channel>> =
        (0..40).map(|_| link.ends[0].open_channel("more", DataChannelInit::default())).collect();
    link.negotiate(None);
    link.connect();
    let closed = || channels.iter().filter(|channel| channel.state() == DataChannelState::Closed).count();
    link.run_until("closed", PATIENCE, |_| closed() == 8);
    assert_eq!(link.ends[1].channels.len(), 32);
    assert_eq!(channels.iter().filter(|channel| is_open(channel)).count(), 32);
    // Those that end make room.
    channels.iter().for_each(Channel::close);
    let all_closed = |channels: &[Arc<Channel>]| {
        channels.iter().all(|channel| channel.state() == DataChannelState::Closed)
    };
    link.run_until("closed", PATIENCE, |link| all_closed(&channels) && all_closed(&link.ends[1].channels));
    let again = link.ends[0].open_channel("again", DataChannelInit::default());
    link.run_until("open again", PATIENCE, |link| is_open(&again) && link.ends[1].channels.len() == 33);
}
