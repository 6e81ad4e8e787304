//! The drawings of `docs/protocol.md`: for each there is a run in which these messages are sent, in this order. (But for that
//! of removal: scenarios have no limits.)

use peer::simulation::record::{verb, What};
use peer::simulation::scenario::Scenario;

const PAGE: &str = include_str!("../../docs/protocol.md");

/// Longer names first: one may begin with another.
const VERBS: [&str; 18] = [
    "ADDED TO NETWORK",
    "SEQUENCER_REQUEST",
    "NEW_PEER_REQUEST",
    "VIEW_CHANGE",
    "COORDINATOR",
    "LOG_STATE",
    "ELECTION",
    "ORDERED",
    "COMMIT",
    "LEADER",
    "STORED",
    "FETCH",
    "YIELD",
    "HERE",
    "BASE",
    "JOIN",
    "WHO",
    "OK",
];

/// How many seeds are tried.
const SEEDS: u64 = 40;

/// An arrow of a drawing: messages from one column to another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrow {
    from: usize,
    to: usize,
    verbs: Vec<&'static str>,
}

/// Verbs in the order in which a text has them.
fn verbs_in(mut text: &str) -> Vec<&'static str> {
    let mut verbs = Vec::new();
    while let Some((at, found)) = VERBS.iter().filter_map(|verb| Some((text.find(verb)?, *verb))).min() {
        verbs.push(found);
        text = &text[at + found.len()..];
    }
    verbs
}

/// Where the columns of a drawing are: those of the line that has most.
fn columns(lines: &[&str]) -> Vec<usize> {
    let bars = |line: &&str| line.chars().enumerate().filter(|(_, c)| *c == '│').map(|(at, _)| at).collect::<Vec<_>>();
    lines.iter().map(bars).max_by_key(Vec::len).unwrap_or_default()
}

/// The arrows of a line: what is between two columns, with a point at one end or at both.
fn arrows(line: &str, columns: &[usize]) -> Vec<Arrow> {
    let mut found = Vec::new();
    let mut begin = 0;
    for part in line.split('│') {
        let length = part.chars().count();
        let drawn = part.trim();
        // The last column has no bar on its right, and nothing but words there.
        let end = begin + length;
        let near = |at: usize| columns.iter().enumerate().min_by_key(|(_, column)| column.abs_diff(at)).map(|(n, _)| n);
        let (left, right) = (near(begin.saturating_sub(1)), near(end));
        let (to_left, to_right) = (drawn.starts_with('◀'), drawn.ends_with('▶'));
        if let (Some(left), Some(right), true) = (left, right, to_left || to_right) {
            let verbs = verbs_in(drawn);
            assert_ne!(left, right, "where does this arrow go: {line}");
            for (goes, from, to) in [(to_left, right, left), (to_right, left, right)] {
                // What a sensor gives is not a message.
                if goes && !verbs.is_empty() {
                    found.push(Arrow { from, to, verbs: verbs.clone() });
                }
            }
        }
        begin = end + 1;
    }
    found
}

/// The drawing that begins with this line: for each line with arrows, these.
fn drawing(heads: &str) -> Vec<Vec<Arrow>> {
    let block = PAGE.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let block = block.into_iter().find(|block| block.trim_start().starts_with(heads)).expect("the drawing is there");
    let lines: Vec<&str> = block.lines().skip(1).collect();
    let columns = columns(&lines);
    let all: Vec<_> = lines.iter().map(|line| arrows(line, &columns)).filter(|arrows| !arrows.is_empty()).collect();
    assert!(all.len() > 3, "arrows are not found: {all:?}");
    all
}

/// A message of a run: who said what to whom.
type Sent = (char, char, String);

/// What is said from this second on.
fn sent(scenario: &Scenario, from: u64) -> Vec<Sent> {
    let outcome = scenario.play(true, None);
    assert_eq!(outcome.broken, None);
    let name = |host: usize| char::from(b'a' + u8::try_from(host).expect("nine hosts"));
    let moments = outcome.record.expect("recorded").moments.into_iter().filter(|moment| moment.at.as_secs() >= from);
    moments
        .filter_map(|moment| match moment.what {
            What::Sent { from, to, text, .. } if from != to => Some((name(from), name(to), verb(&text).to_owned())),
            _ => None,
        })
        .collect()
}

/// How many of these lines, from the first on, are sent in this order, where `hosts` are the columns. Lines begin one
/// after the other; what one line draws may go on while the next begins.
fn follows(drawing: &[Vec<Arrow>], hosts: &[char], sent: &[Sent]) -> usize {
    let mut begin = 0;
    for (number, line) in drawing.iter().enumerate() {
        let mut first = sent.len();
        for arrow in line {
            let mut at = begin;
            for verb in &arrow.verbs {
                let is_it = |(from, to, said): &Sent| {
                    (*from, *to, said.as_str()) == (hosts[arrow.from], hosts[arrow.to], *verb)
                };
                let Some(found) = sent[at..].iter().position(is_it) else { return number };
                first = first.min(at + found);
                at += found + 1;
            }
        }
        begin = first + 1;
    }
    drawing.len()
}

/// All ways to give each column one of its hosts, each another one.
fn ways(columns: &[&str]) -> Vec<Vec<char>> {
    let Some((first, rest)) = columns.split_first() else { return vec![Vec::new()] };
    let with = |host: char| {
        ways(rest).into_iter().filter(move |way| !way.contains(&host)).map(move |way| [vec![host], way].concat())
    };
    first.chars().flat_map(with).collect()
}

/// In one of the seeds the scenario goes as drawn, from a second on; `columns` says which hosts each column may be.
fn is_drawn(heads: &str, lines: &str, from: u64, columns: &[&str]) {
    let drawing = drawing(heads);
    let mut best = 0;
    for seed in 1..=SEEDS {
        let mut scenario = Scenario::parse(lines).expect("a scenario");
        scenario.seed = seed;
        let sent = sent(&scenario, from);
        best = best.max(ways(columns).iter().map(|hosts| follows(&drawing, hosts, &sent)).max().unwrap_or(0));
        if best == drawing.len() {
            return;
        }
    }
    panic!("no run goes on as drawn after line {best}: {:?}", drawing[best]);
}

#[test]
fn a_peer_joins_as_drawn() {
    let lines = "peers 4\nstarting 3\nrate 20/s\nfor 20s\nat 12s start d\n";
    is_drawn("seeker ", lines, 12, &["d", "abc", "abc"]);
}

#[test]
fn a_reading_comes_into_every_file_as_drawn() {
    is_drawn("sensor ", "peers 3\nrate 1/s\nfor 16s\n", 12, &["x", "abc", "abc", "abc"]);
}

#[test]
fn the_others_elect_and_go_on_as_drawn() {
    // The disk of the highest is slow: its log is not the best.
    let lines = "peers 4\nrate 50/s\nfor 30s\nat 14.8s stall c 2s\nat 15s kill d\n";
    is_drawn("leader      a member", lines, 15, &["abc", "abc", "abc"]);
}

#[test]
fn two_halves_become_one_group_as_drawn() {
    let lines = "peers 5\nrate 5/s\nfor 60s\nat 15s split a b | c d e\nat 40s heal\n";
    is_drawn("p5 leads [p4 p5]", lines, 40, &["b", "e", "a"]);
}

#[test]
fn drawings_are_read_as_they_are_meant() {
    let line = "  2  │◀─ LEADER as a hint, WHO ───────────│  who are you?           │";
    assert_eq!(arrows(line, &[5, 42, 68]), [Arrow { from: 1, to: 0, verbs: vec!["LEADER", "WHO"] }]);
    let line = " 2                 │── ELECTION ──▶│◀── ELECTION ──────│";
    let election = |from, to| Arrow { from, to, verbs: vec!["ELECTION"] };
    assert_eq!(arrows(line, &[5, 19, 35, 55]), [election(1, 2), election(3, 2)]);
}
