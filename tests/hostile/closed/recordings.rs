//! Recorded connections, played back: to the same peer, to another one, to the peer's next life, under the next key,
//! and to a peer that dials.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use peer::keys::session::HANDSHAKE_BYTES;
use peer::wire::Message;

use super::super::harness::tap::{Conversation, Tap};
use super::super::siege::{wait_for_view, Siege};
use super::{ask, assert_unmoved, begin, end, join, key_path, knock, make_keys, reread, Decoy};

/// How often each recording is played.
const ROUNDS: usize = 20;

/// Adds a peer that joins through a tap. Returns what it says to the group, and the answers.
fn record(siege: &mut Siege, id: &str) -> Vec<Conversation> {
    let tap = Tap::on(siege.peers[0].address());
    siege.add_with(id, &["--join", &tap.address]);
    siege.wait_until_all_meet();
    let heard: Vec<Conversation> = tap.heard().into_iter().filter(|(_, answered)| !answered.is_empty()).collect();
    assert!(!heard.is_empty(), "it asked at the address that it was told");
    heard
}

/// Plays recordings to all peers. The answers have at most this many bytes.
fn play(siege: &Siege, recordings: &[Vec<u8>], answer_bytes_max: usize) {
    for recording in recordings.iter().cycle().take(ROUNDS * recordings.len()) {
        for peer in &siege.peers {
            let answer = knock(&peer.address(), recording);
            assert!(answer.len() <= answer_bytes_max, "{} answers {} bytes", peer.id, answer.len());
        }
    }
}

/// Makes all peers read their key file again, which holds these lines now.
fn change_keys(siege: &Siege, lines: &str, said: &str) {
    fs::write(key_path(&siege.group, "key"), lines).expect("its owner's");
    for peer in &siege.peers {
        reread(peer, said);
    }
}

#[test]
fn a_recording_counts_at_no_other_peer_in_no_later_life_and_under_no_later_key() {
    let (mut siege, keys) = begin();
    let mut recordings: Vec<Vec<u8>> = Vec::new();
    for (said, answered) in record(&mut siege, "d") {
        recordings.extend([said, answered]);
    }
    siege.mark();
    // A question with a hint: a peer that believes it asks at the named address, as the first one does.
    let (stranger, decoy) = (siege.adversary("stranger"), Decoy::new("decoy", &keys));
    let hint = Message::NewPeerRequest(decoy.contact.clone());
    recordings.push(ask(&keys, &stranger, &siege.peers[3], Some(hint)).1);
    decoy.wait_for_callers(1, || {});
    let asked = decoy.callers();
    play(&siege, &recordings, HANDSHAKE_BYTES);
    assert_unmoved(&siege);

    siege.peers[3].kill();
    siege.peers[0].wait_for_view(&["a", "b", "c"]);
    siege.restart(3);
    wait_for_view(&siege.peers);
    siege.mark();
    play(&siege, &recordings, HANDSHAKE_BYTES);

    let new = make_keys(&siege.group, "new");
    let line = |name: &str| fs::read_to_string(key_path(&siege.group, name)).expect("its owner's");
    let (old_line, new_line) = (line("key"), line("new"));
    let (old_speaks, new_speaks) = (format!("key {}", keys.speaks()), format!("key {}", new.speaks()));
    change_keys(&siege, &format!("{old_line}{new_line}"), &format!("{old_speaks}, and understands 2 keys"));
    change_keys(&siege, &format!("{new_line}{old_line}"), &format!("{new_speaks}, and understands 2 keys"));
    play(&siege, &recordings, HANDSHAKE_BYTES);
    change_keys(&siege, &new_line, &new_speaks);
    play(&siege, &recordings, 0);
    assert_unmoved(&siege);
    assert_eq!(decoy.callers(), asked, "a recording is believed");
    join(&mut siege, "e");
    end(siege);
}

/// Answers every dialler with the recorded answer to another.
fn answer_with(recording: Vec<u8>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    // It ends with the process of the test.
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read_exact(&mut [0; HANDSHAKE_BYTES]).and_then(|()| stream.write_all(&recording));
        }
    });
    address
}

#[test]
fn a_dialler_takes_no_recording_for_an_answer() {
    let (mut siege, _) = begin();
    let heard = record(&mut siege, "d");
    let player = answer_with(heard[0].1.clone());
    siege.add_with("e", &["--join", &player]);
    siege.peers[4].wait_for(&format!("--join {player}: it has another key, or none"));
    siege.wait_until_all_meet();
    siege.mark();
    assert_unmoved(&siege);
    end(siege);
}
