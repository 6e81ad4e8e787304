//! Thousands of connections: silent ones, slow ones, ones with another key, and ones that play back a recording and go
//! on from there.

use std::time::{Duration, Instant};

use peer::keys::session::HANDSHAKE_BYTES;
use peer::keys::Keys;
use socket2::{Domain, Socket, Type};

use super::super::going::Going;
use super::super::harness::Peer;
use super::super::link::Link;
use super::super::siege::Siege;
use super::{ask_on, assert_unmoved, begin, end, join, key_path, keys_of, knock, make_keys, own_address, shake};

/// How many connections are held to each peer all the time: more than it has places for.
const HELD: usize = 130;

/// The pause between bytes that come one by one.
const BYTE_EACH: Duration = Duration::from_secs(1);

/// How many first messages with other keys each peer gets.
const WRONG_KEYS: usize = 3_000;

/// How many connections come, each from another address.
const ADDRESSES: usize = 4_000;

/// A connection that is held. It never reads.
struct Held {
    link: Option<Link>,
    said: usize,
    next: Instant,
}

impl Held {
    fn none() -> Self {
        Self { link: None, said: 0, next: Instant::now() }
    }

    /// Makes it again if it was closed, and says what is due; `first` is a recording.
    fn go_on(&mut self, number: usize, address: &str, first: &[u8; HANDSHAKE_BYTES]) {
        if self.link.as_ref().is_none_or(Link::is_over) {
            *self = Self { link: Link::try_to(address), said: 0, next: Instant::now() };
        }
        let Some(link) = self.link.as_ref().filter(|_| self.next <= Instant::now()) else { return };
        // How much of it comes: nothing, a byte at a time, all but one, or all of it with nonsense, or nothing, after it.
        let more = match number % 5 {
            0 => 0,
            1 => 1,
            2 => HANDSHAKE_BYTES - 1,
            _ => HANDSHAKE_BYTES,
        };
        let end = (self.said + more).min(HANDSHAKE_BYTES);
        let nonsense: &[u8] = if number % 5 == 3 && self.said == 0 { &[0; 100] } else { &[] };
        link.raw(&[&first[self.said..end], nonsense].concat());
        self.said = if number % 5 == 1 { end } else { HANDSHAKE_BYTES };
        self.next += BYTE_EACH;
    }
}

/// Holds connections of all kinds to a peer; each closed one is replaced.
fn press(peer: &Peer, keys: &Keys) -> Going {
    let (address, (_, recorded)) = (peer.address(), keys.dial());
    let mut held: Vec<Held> = (0..HELD).map(|_| Held::none()).collect();
    Going::on(move || {
        for (number, one) in held.iter_mut().enumerate() {
            one.go_on(number, &address, &recorded);
        }
        std::thread::park_timeout(Duration::from_millis(5));
        true
    })
}

/// Sends each peer many first messages with other keys, or for other groups.
fn show_wrong_keys(siege: &Siege) {
    let other = make_keys(&siege.group, "other");
    let elsewhere = keys_of(&key_path(&siege.group, "key"), "elsewhere");
    for number in 0..WRONG_KEYS {
        for peer in &siege.peers {
            let (_, mut first) = if number % 2 == 0 { other.dial() } else { elsewhere.dial() };
            match number % 10 {
                8 => first = [0; HANDSHAKE_BYTES],
                9 => first[..32].fill(0),
                _ => {}
            }
            let answer = knock(&peer.address(), &first);
            assert!(answer.is_empty(), "{} answers a key that is not its own: {answer:?}", peer.id);
        }
    }
}

#[test]
fn connections_of_all_kinds_move_nobody_and_a_newcomer_joins() {
    let (mut siege, keys) = begin();
    let pressing: Vec<Going> = siege.peers.iter().map(|peer| press(peer, &keys)).collect();
    show_wrong_keys(&siege);
    assert_unmoved(&siege);
    join(&mut siege, "d");
    drop(pressing);
    end(siege);
}

/// Connects from an address of this host's own, and sends these bytes.
fn connect_from(number: usize, to: &str, bytes: &[u8]) -> Option<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    socket.bind(&own_address(number).into()).expect("all of 127.0.0.0/8 is this host's");
    let to: std::net::SocketAddr = to.parse().expect("an address");
    socket.connect_timeout(&to.into(), super::SOCKET_TIME).ok()?;
    // It may have been closed already.
    let _ = socket.send(bytes);
    Some(socket)
}

#[test]
fn connections_from_everywhere_move_nobody_and_a_newcomer_joins() {
    let (mut siege, keys) = begin();
    let other = make_keys(&siege.group, "other");
    let flood = |peer: &Peer| {
        let (address, (_, recorded), (_, wrong)) = (peer.address(), keys.dial(), other.dial());
        let (mut held, mut number) = (std::collections::VecDeque::new(), 0);
        Going::on(move || {
            let bytes: &[u8] = match number % 4 {
                0 => &[],
                1 => &recorded[..HANDSHAKE_BYTES - 1],
                2 => &wrong,
                _ => b"PEER:2:sensors:-\n",
            };
            held.extend(connect_from(number, &address, bytes));
            if held.len() > HELD {
                held.pop_front();
            }
            number += 1;
            number < ADDRESSES
        })
    };
    let flooding: Vec<Going> = siege.peers.iter().map(flood).collect();
    assert_unmoved(&siege);
    join(&mut siege, "d");
    for flood in flooding {
        flood.finish();
    }
    siege.mark();
    assert_unmoved(&siege);
    end(siege);
}

/// How often a connection that was cut off for its slowness tries again.
const TRIES: usize = 20;

/// A peer with the key makes its handshake. Then `flood` comes from elsewhere, is looked at, and held. Is the peer
/// answered then?
fn is_answered_after(siege: &Siege, keys: &Keys, flood: impl Fn(usize) -> Option<Socket>) -> bool {
    let (address, friend) = (siege.peers[0].address(), siege.adversary("friend"));
    let (stream, session, _) = shake(&address, keys);
    let held: Vec<Option<Socket>> = (0..HELD).map(flood).collect();
    // The peer looks at this one after all of them.
    assert!(knock(&address, &[0; HANDSHAKE_BYTES]).is_empty());
    let answered = ask_on(stream, session, &friend, None).is_some();
    drop(held);
    answered
}

#[test]
fn strangers_do_not_push_out_a_distant_peer_with_the_key() {
    let (siege, keys) = begin();
    let (address, (_, recorded)) = (siege.peers[0].address(), keys.dial());
    // A peer gives a connection two seconds, and a slow machine may need these for the flood.
    let is_answered =
        |flood: &dyn Fn(usize) -> Option<Socket>| (0..TRIES).any(|_| is_answered_after(&siege, &keys, flood));
    assert!(is_answered(&|number| connect_from(number, &address, &[])), "silent ones from everywhere");
    assert!(is_answered(&|_| connect_from(0, &address, &recorded)), "recordings from one address");
    end(siege);
}
