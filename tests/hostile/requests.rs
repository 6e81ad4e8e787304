//! Requests under the names of others, and lines that are not readings.

use std::fs;
use std::path::Path;

use peer::ids::{Origin, Term};
use peer::wire::{Lines, Message, Request};

use super::adversary::Adversary;
use super::link::Link;
use super::siege::{self, Siege};

fn request(term: &Term, origin: &Origin, first: u64, lines: &[u8]) -> Message {
    let count = lines.split(|byte| *byte == b'\n').count() as u64 - 1;
    let lines = Lines::new(lines.to_vec(), count);
    Message::SequencerRequest { term: term.clone(), request: Request { origin: origin.clone(), first, lines } }
}

/// Readings under the origin of each peer: old numbers, the next ones, later ones, and ones far ahead.
fn steal_numbers(siege: &Siege, liar: &Adversary, link: &Link) {
    let term = liar.view_of(siege.leader()).term;
    for peer in &siege.peers {
        let contact = liar.ask(peer, None).contact;
        let origin = Origin { peer: contact.id, incarnation: contact.incarnation };
        let stolen = b"DATA|stolen|2013-01-01T06:00:00Z|1|2|3\n";
        let next = peer.rows().len() as u64;
        for first in [1, next / 2 + 1, next, next + 1, next + 20, next + 1_000, 1_000_000] {
            link.say(&request(&term, &origin, first, &stolen.repeat(50)));
        }
    }
}

#[test]
fn a_stranger_orders_nothing_under_the_name_of_a_member() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let liar = siege.adversary("liar");
    for _ in 0..5 {
        let link = liar.dial(siege.leader());
        steal_numbers(&siege, &liar, &link);
        link.end();
        siege.wait_for_progress();
    }
    siege.assert_calm();
    drop(liar);
    siege.end();
}

#[test]
fn a_member_orders_nothing_under_the_name_of_another() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let liar = siege.adversary("liar");
    let link = liar.join(siege.leader());
    for _ in 0..5 {
        steal_numbers(&siege, &liar, &link);
        siege.wait_for_progress();
    }
    drop(liar);
    siege.end();
}

/// Lines that no sensor makes.
const FOUL: [&[u8]; 8] = [
    b"DATA|../../x|2013-01-01T06:00:00Z|1|2|3\n",
    b"DATA|=cmd()|2013-01-01T06:00:00Z|1|2|3\n",
    b"DATA|\"x\"|2013-01-01T06:00:00Z|1|2|3\n",
    b"DATA|x|2013-01-01T06:00:00Z|1|2|=cmd()\n",
    b"DATA|x|2013-01-01T06:00:00Z|1|2|3\r\n",
    b"DATA|x\x1b[2J|2013-01-01T06:00:00Z|1|2|3\n",
    b"DATA|x|2013-01-01T06:00:00Z\x00|1|2|3\n",
    b"DATA|x|\",\"2013|1|2|3\n",
];

/// Whether any file below this directory holds these bytes.
fn holds(directory: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("readable").path()).any(|path| {
        if path.is_dir() {
            return holds(&path, bytes);
        }
        // Files come and go while peers run.
        let text = fs::read(&path).unwrap_or_default();
        text.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn readings_that_are_none_close_the_connection_and_are_in_no_file() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &["--resume"]);
    let liar = siege.adversary("liar");
    liar.join(siege.leader());
    let term = liar.view_of(siege.leader()).term;
    let origin = Origin { peer: liar.me.id.clone(), incarnation: liar.me.incarnation };
    for lines in FOUL {
        let link = liar.dial(siege.leader());
        link.say(&request(&term, &origin, 1, lines));
        let words = link.last_words();
        assert!(words.contains("a reading is malformed"), "{:?}: {words:?}", String::from_utf8_lossy(lines));
        assert!(!words.trim_end().chars().any(char::is_control), "{words:?}");
    }
    drop(liar);
    let rows = siege.end();
    assert_eq!(siege.peers[0].files().into_keys().collect::<Vec<_>>(), ["a.csv", "b.csv"]);
    for bytes in [&b"../../x"[..], b"=cmd()", b"\x1b[2J", b"3\r\n", b"\"x\""] {
        assert!(!holds(&siege.group.directory, bytes), "{:?} is in a file", String::from_utf8_lossy(bytes));
    }
    for peer in &mut siege.peers {
        peer.kill();
    }
    for at in 0..siege.peers.len() {
        siege.restart(at);
    }
    siege::wait_for_view(&siege.peers);
    super::harness::assert_same_rows(&siege.peers.iter().collect::<Vec<_>>(), rows);
}
