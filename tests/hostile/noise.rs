//! Noise of all kinds: little of it gets into the log, and nothing that a terminal acts on.

use std::thread;
use std::time::{Duration, Instant};

use peer::wire::Message;

use super::ears::Asked;
use super::link::Link;
use super::siege::Siege;

/// How much the log of a peer may grow.
const LOG_BYTES_MAX: usize = 64 * 1024;

const DATAGRAMS: usize = 17_000;
const GREETINGS: usize = 3_000;

/// How long refusals come as fast as the peer asks.
const REFUSALS: Duration = Duration::from_secs(4);

/// A datagram that differs for each number, of several kinds.
fn datagram(number: usize) -> Vec<u8> {
    match number % 6 {
        0 => format!("garbage {number} \u{1b}[31m\u{7}\n").into_bytes(),
        1 => format!("PEER:{number}:sensors:-\nNEW_PEER_REQUEST:x:0:1:127.0.0.1:1\n").into_bytes(),
        2 => format!("PEER:2:sensors:{number}\nLEADER:1@x/1:1:1:x:0:1:127.0.0.1:1\n").into_bytes(),
        3 => format!("PEER:2:sensors:-\nNEW_PEER_REQUEST:\u{1b}{number}:0:1:127.0.0.1:1\n").into_bytes(),
        4 => format!("PEER:2:sensors:-\nVERB{number}:x\n").into_bytes(),
        _ => [&[0xff, 0x1b, 0x00, b'\r'][..], number.to_string().as_bytes()].concat(),
    }
}

fn greeting(number: usize) -> Vec<u8> {
    match number % 6 {
        0 => format!("HELLO:{number}:sensors:-:x:1:127.0.0.1:1::0000000000000001\n").into_bytes(),
        1 => format!("HELLO:2:sensors:-:\u{1b}[2Jx{number}:1:127.0.0.1:1::0000000000000001\n").into_bytes(),
        2 => format!("HELLO:2:g{number}:-:x:1:127.0.0.1:1:a:0000000000000001\n").into_bytes(),
        3 => format!("HELLO:2:sensors:{}:x{number}:1:127.0.0.1:1:a:0000000000000001\n", number + 1).into_bytes(),
        4 => format!("ERROR:\u{1b}]0;{number}\u{7}\n").into_bytes(),
        _ => format!("{number}\r\r\u{1b}\n").into_bytes(),
    }
}

#[test]
fn noise_fills_no_log_and_brings_no_control_character_there() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let noise = siege.adversary("noise");
    for number in 0..DATAGRAMS {
        noise.cast_raw(&datagram(number));
        if number % 100 == 0 {
            thread::park_timeout(Duration::from_millis(5));
        }
    }
    let addresses: Vec<String> = siege.peers.iter().map(super::harness::Peer::address).collect();
    for number in 0..GREETINGS {
        let link = Link::to(&addresses[number % 2]);
        link.raw(&greeting(number));
        link.last_words();
    }
    refuse_in_many_words(&siege);
    siege.wait_for_progress();
    for (at, peer) in siege.peers.iter().enumerate() {
        let grown: usize = siege.since(at).iter().map(|line| line.len() + 1).sum();
        println!("{}: its log grew by {grown} bytes", peer.id);
        assert!(grown < LOG_BYTES_MAX, "{}: its log grew by {grown} bytes", peer.id);
    }
    siege.assert_clean_logs();
    drop(noise);
    siege.end();
}

/// Refuses every question, each time for another reason as long as a line may be.
fn refuse_in_many_words(siege: &Siege) {
    let refusers: Vec<_> = (0..20).map(|number| siege.adversary(&format!("refuser{number}"))).collect();
    for refuser in &refusers {
        refuser.ears.set_answer(Box::new(|asked: &Asked| {
            let why = ["wrong quorum", "peer id in use", "wrong addressee", "no"][asked.before % 4];
            format!("ERROR:{why} \u{1b}[31m{}{}\n", asked.before, "x".repeat(60_000)).into_bytes()
        }));
    }
    let until = Instant::now() + REFUSALS;
    while Instant::now() < until {
        for refuser in &refusers {
            refuser.cast(&Message::NewPeerRequest(refuser.me.clone()));
            refuser.cast(&Message::Leader(refuser.leadership(99)));
        }
        thread::park_timeout(Duration::from_millis(50));
    }
}
