//! Conversations on the wire as text: each file `*.txt` here says what happens to peers. Below each input is exactly
//! what the core does then, with messages as they are written to the wire.
//!
//! A question (`?`) and its answer (`!`) have their own connection, as soon as the question is asked. The outcome is
//! below.
//!
//! A line `> …` is an input, `#` begins a comment, and indented lines are the answer.
//! `UPDATE=1 cargo test --test transcripts` writes the answers again; a reader of the diff judges what changed.
//!
//! | input | by |
//! | --- | --- |
//! | `> p1 starts [with priority N]`, `> p1 starts keeping N bytes`, `> p1 stops` | [`cast`] |
//! | `> p1 alarm discovery after 5s` (also `heartbeat`, `leader-check`, `election`) | [`cast`] |
//! | `> p2 hears p1`: the next datagram of p1 | [`talk`] |
//! | `> p2 receives p1`: the next message of p1, after its `HELLO` where the connection is new | [`talk`] |
//! | `> all talk [but p3]`: datagrams, messages and storage move until nothing does | [`talk`] |
//! | `> p1 refuses p2`: nobody listens any more where p2 dials p1 | [`talk`] |
//! | `> p1 reads 7: <text>` and lines `\| <text>`: this comes on connection 7; `@10.0.0.8` after the number: from there
//! | [`raw`] |
//! | `> 10.0.0.9:7009 answers p1: <text>`: a stranger answers p1's last question, whose number is `*` | [`asking`] |
//! | `> p1 stored`: its storage does all that waits; `> p1 measures 3` | [`storing`] |

mod asking;
mod cast;
mod raw;
mod show;
mod storing;
mod talk;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use cast::Cast;

/// The parts of a file: inputs with the lines that belong to them, and text that is only for readers.
fn play(text: &str) -> String {
    let mut cast = Cast::default();
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("> ") {
            let mut block = String::new();
            writeln!(out, "{line}").expect("a string takes all");
            while let Some(more) = lines.next_if(|next| next.starts_with("| ")) {
                writeln!(out, "{more}").expect("a string takes all");
                writeln!(block, "{}", &more[2..]).expect("a string takes all");
            }
            out.push_str(&cast.act(command, &block));
        } else if line.is_empty() || line.starts_with('#') {
            writeln!(out, "{line}").expect("a string takes all");
        }
    }
    out
}

fn check(name: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name);
    let text = std::fs::read_to_string(&path).expect("a transcript");
    let played = play(&text);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &played).expect("the transcript can be written");
        return;
    }
    for (number, (expected, found)) in text.lines().zip(played.lines()).enumerate() {
        assert_eq!(found, expected, "{name}:{}", number + 1);
    }
    assert_eq!(played, text, "{name} has another end");
}

#[test]
fn two_peers_meet_and_a_third_joins() {
    check("join.txt");
}

#[test]
fn the_highest_remaining_member_is_elected() {
    check("election.txt");
}

#[test]
fn a_leader_that_dies_is_replaced_and_no_reading_is_lost() {
    check("leader_dies.txt");
}

#[test]
fn a_late_joiner_gets_everything_before_it_counts() {
    check("late_join.txt");
}

#[test]
fn what_is_kept_no_longer_goes_and_a_late_joiner_begins_after_it() {
    check("removed.txt");
}

#[test]
fn what_is_malformed_or_comes_at_the_wrong_time_changes_nothing() {
    check("malformed.txt");
}
