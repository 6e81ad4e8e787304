//! What a peer asks of the disk before it says something (docs/protocol.md 2.5 and 8). Only the order counts here,
//! never the time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::claims::{claims, Claims, Said};
use crate::harness::{assert_same_rows, Group, Peer};
use crate::platter::{parsed, Platter};
use crate::record::{Event, Recorder};

/// Both make a peer careful: what it said must hold after a power cut.
const CAREFUL: [&str; 3] = ["--resume", "--fsync", "batch"];

/// Checks a record: all that was said was on the platter, and nothing was built on what was not.
fn check_written_before_said(id: &str, record: &[Event]) -> Said {
    let (mut platter, mut said) = (Platter::new(id), Said::default());
    for (at, event) in record.iter().enumerate() {
        let context = || format!("{id}, event {at}: {event:?}, with {platter:#?}");
        match event {
            Event::Send { line } => {
                let claims = claims(line);
                said.count(&claims);
                check_claims(&claims, &platter, &context);
            }
            Event::Rename { from, .. } => check_takes_a_name(from, &platter, &context),
            Event::Unlink { path } | Event::Truncate { path } if is_segment(path) => {
                let pending = platter.path("pending");
                assert!(platter.holds(|path| path == pending), "cut before it was kept: {}", context());
            }
            Event::Write { path, line } if is_segment(path) && line.starts_with("BATCH:") => {
                assert!(!platter.has_unsynced_cut(), "built on an unsynced cut: {}", context());
            }
            _ => {}
        }
        platter.take(event);
    }
    assert!(said.life > 0, "{id} said nothing; the record is of something else");
    said
}

/// A file that takes a name has to be whole on the platter: otherwise a power cut could leave neither the old file nor the
/// new.
fn check_takes_a_name(from: &str, platter: &Platter, context: &dyn Fn() -> String) {
    assert!(platter.holds_bytes(from), "unsynced takes a name: {}", context());
}

fn check_claims(claims: &Claims, platter: &Platter, context: &dyn Fn() -> String) {
    let state = platter.state();
    if let Some(incarnation) = claims.incarnation {
        assert_eq!(state.map(|state| state.incarnation), Some(incarnation), "a life that is not kept: {}", context());
    }
    if claims.promised.is_some() {
        let promised = state.and_then(|state| state.promised.clone());
        assert!(promised >= claims.promised, "a promise that is not kept: {}", context());
    }
    if claims.synced.is_some() {
        let synced = state.and_then(|state| state.synced.clone());
        assert!(synced >= claims.synced, "synced, and not kept: {}", context());
    }
    if let Some(last) = claims.log {
        assert!(platter.holds_log(last), "stored, and not on the platter: {}", context());
    }
}

fn is_segment(path: &str) -> bool {
    path.contains("/journal/")
}

/// Segments that were synced after something was written to them.
fn synced_segments(record: &[Event]) -> usize {
    let is_sync = |event: &&Event| matches!(event, Event::Sync { path } if is_segment(path));
    record.iter().filter(is_sync).count()
}

/// Whether all written bytes of the log are synced, and there are any.
fn has_synced_log(record: &[Event]) -> bool {
    let written = |event: &Event| matches!(event, Event::Write { path, .. } if is_segment(path));
    let synced = |event: &Event| matches!(event, Event::Sync { path } if is_segment(path));
    record.iter().rposition(written).is_some_and(|at| record[at..].iter().any(synced))
}

/// Feeds readings one after the other, each delivered before the next.
fn feed_singly(peer: &mut Peer, from: u64, to: u64, rows_before: usize) {
    for number in from..to {
        peer.feed_numbered(number, number + 1);
        peer.wait_for_rows(rows_before + usize::try_from(number - from).expect("few") + 1);
    }
}

#[test]
fn with_fsync_batch_readings_are_on_the_platter_before_they_are_called_stored() {
    let group = Group::new();
    let Some(recorder) = Recorder::new(&group) else { return };
    let mut leader = recorder.start("a", &["--fsync", "batch"]);
    leader.wait_for_view(&["a"]);
    let member = recorder.start("b", &["--fsync", "batch"]);
    for peer in [&leader, &member] {
        peer.wait_for_view(&["a", "b"]);
    }
    feed_singly(&mut leader, 0, 20, 0);
    assert_same_rows(&[&leader, &member], 20);
    let record = recorder.record("b");
    assert!(check_written_before_said("b", &record).log > 0, "{record:#?}");
    let record = recorder.record("a");
    check_written_before_said("a", &record);
    check_leader_of_two("a", &record);
}

/// A leader of two commits what both have, so all that it calls committed is on its own platter.
fn check_leader_of_two(id: &str, record: &[Event]) {
    let (mut platter, mut commits) = (Platter::new(id), 0);
    for event in record {
        if let Event::Send { line } = event {
            if let ["COMMIT", _, up_to] = line.split(':').collect::<Vec<_>>()[..] {
                assert!(platter.holds_log(parsed(up_to)), "{line}, with {platter:#?}");
                commits += 1;
            }
        }
        platter.take(event);
    }
    assert!(commits > 1, "it committed nothing");
}

#[test]
fn an_interval_syncs_what_was_written_and_again_what_comes_later() {
    let group = Group::new();
    let Some(recorder) = Recorder::new(&group) else { return };
    let mut peer = recorder.start("a", &["--fsync", "50ms"]);
    for from in [0, 10, 20] {
        peer.feed_numbered(from, from + 10);
        peer.wait_for_rows(usize::try_from(from + 10).expect("few"));
        recorder.wait_until("a", "a sync of the log", has_synced_log);
    }
    let record = recorder.record("a");
    assert!(synced_segments(&record) >= 3);
    let mut platter = Platter::new("a");
    for event in &record {
        platter.take(event);
    }
    assert!(platter.holds_log(30), "its names may be lost: {platter:#?}");
}

#[test]
fn with_fsync_never_the_log_is_left_to_the_system() {
    let group = Group::new();
    let Some(recorder) = Recorder::new(&group) else { return };
    let mut peer = recorder.start("a", &["--fsync", "never"]);
    peer.feed_numbered(0, 10);
    peer.end_input();
    peer.wait_for("End of input, 10 readings delivered");
    peer.signal("-TERM");
    assert!(peer.wait_for_exit().success());
    assert_eq!(synced_segments(&recorder.record("a")), 0);
}

#[test]
fn a_promise_is_on_the_platter_before_it_is_given() {
    let group = Group::new();
    let Some(recorder) = Recorder::new(&group) else { return };
    let ids = ["a", "b", "c"];
    let mut peers: Vec<Peer> = ids.iter().map(|id| recorder.start(id, &CAREFUL)).collect();
    for peer in &peers {
        peer.wait_for_view(&ids);
    }
    feed_singly(&mut peers[0], 0, 5, 0);
    let leads = peers.iter().position(Peer::leads).expect("one of them leads");
    peers[leads].kill();
    let dead = peers.remove(leads);
    let left: Vec<&str> = ids.into_iter().filter(|id| *id != dead.id).collect();
    for peer in &peers {
        peer.wait_for_view(&left);
        peer.wait_for_rows(5);
    }
    let fed = u64::from(peers[0].id == "a") * 5;
    feed_singly(&mut peers[0], fed, fed + 5, 5);
    assert_same_rows(&[&peers[0], &peers[1]], 10);
    let said = ids.map(|id| check_written_before_said(id, &recorder.record(id)));
    assert!(said.iter().all(|said| said.promises > 0 && said.synced > 0), "{said:?}");
    assert!(said.iter().any(|said| said.log > 0), "{said:?}");
}

#[test]
fn a_cut_keeps_readings_first_and_is_synced_before_anything_follows() {
    let group = Group::new();
    let Some(recorder) = Recorder::new(&group) else { return };
    let start = |id: &str| {
        let peer = recorder.start(id, &CAREFUL);
        peer.wait_for_view(&[id]);
        peer
    };
    // This peer has a log of its own, of which nothing stays.
    let mut lone = start("c");
    feed_singly(&mut lone, 0, 10, 0);
    lone.kill();
    // Two peers have ten readings in common, and then some that the other lacks.
    let mut first = start("a");
    let mut second = recorder.start("b", &CAREFUL);
    for peer in [&first, &second] {
        peer.wait_for_view(&["a", "b"]);
    }
    feed_singly(&mut first, 0, 10, 0);
    second.wait_for_rows(10);
    first.kill();
    second.wait_for_view(&["b"]);
    feed_singly(&mut second, 0, 10, 10);
    second.kill();
    let mut first = start("a");
    feed_singly(&mut first, 10, 30, 10);
    let (second, lone) = (recorder.start("b", &CAREFUL), recorder.start("c", &CAREFUL));
    for peer in [&first, &second, &lone] {
        peer.wait_for_view(&["a", "b", "c"]);
    }
    assert_same_rows(&[&first, &second, &lone], 50);
    let records = ["a", "b", "c"].map(|id| (id, recorder.record(id)));
    let said = records.each_ref().map(|(id, record)| check_written_before_said(id, record));
    assert!(said.iter().all(|said| said.promises > 0), "{said:?}");
    assert!(said.iter().any(|said| said.log > 0), "{said:?}");
    let mut all = records.iter().flat_map(|(_, record)| record);
    assert!(all.clone().any(|event| matches!(event, Event::Unlink { path } if is_segment(path))), "a segment went");
    assert!(all.any(|event| matches!(event, Event::Truncate { path } if is_segment(path))), "a part of one went");
}

/// A peer alone that reads a file with `--once`, a line at a time, each noted before the next. Gives its record.
fn record_of_once(recorder: &Recorder, group: &Group, options: &[&str]) -> Vec<Event> {
    let [lines, positions] = ["lines", "positions"].map(|name| group.directory.join(name));
    let (source, once) = (format!("@5ms=file:{}", lines.display()), positions.display().to_string());
    let options = [&["--resume", "--sensor", &source, "--once", &once], options].concat();
    let mut peer = recorder.start("p", &options);
    let mut text = String::new();
    for number in 0..LINES_OF_ONCE {
        text.push_str(&line_of_once(number));
        fs::write(&lines, &text).expect("a file");
        let noted = format!("{} ", text.len());
        peer.poll("the position", |_| fs::read_to_string(&positions).is_ok_and(|text| text.starts_with(&noted)));
    }
    peer.signal("-TERM");
    assert!(peer.wait_for_exit().success());
    recorder.record("p")
}

const LINES_OF_ONCE: usize = 5;

fn line_of_once(number: usize) -> String {
    format!("DATA|s|2013-01-01T06:00:0{number}Z|{number}|2|3\n")
}

#[test]
fn the_file_of_once_is_whole_on_the_platter_before_it_has_its_name() {
    let group = Group::new();
    let Some(recorder) = Recorder::new(&group) else { return };
    let record = record_of_once(&recorder, &group, &[]);
    let (mut platter, mut renamed) = (Platter::new("p"), 0);
    for event in &record {
        if let Event::Rename { from, to } = event {
            check_takes_a_name(from, &platter, &|| format!("{event:?}, with {platter:#?}"));
            renamed += usize::from(to == "positions");
        }
        platter.take(event);
    }
    assert!(renamed >= LINES_OF_ONCE, "{record:#?}");
    assert!(platter.holds(|path| path == "positions"), "its name may be lost: {platter:#?}");
}

/// Which lines each file of a peer would have after a power cut, and which are written to it only.
#[derive(Debug, Default)]
struct Readings {
    safe: BTreeMap<String, BTreeSet<usize>>,
    written: BTreeMap<String, BTreeSet<usize>>,
}

impl Readings {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Write { path, line } => {
                let has = |number: &usize| line.contains(line_of_once(*number).trim_end());
                self.written.entry(path.clone()).or_default().extend((0..LINES_OF_ONCE).filter(has));
            }
            Event::Sync { path } => {
                let written = self.written.remove(path).unwrap_or_default();
                self.safe.entry(path.clone()).or_default().extend(written);
            }
            Event::Rename { from, to } => {
                for files in [&mut self.safe, &mut self.written] {
                    let moved = files.remove(from).unwrap_or_default();
                    files.insert(to.clone(), moved);
                }
            }
            Event::Unlink { path } | Event::Truncate { path } => {
                self.safe.remove(path);
                self.written.remove(path);
            }
            Event::Make { .. } | Event::Send { .. } => {}
        }
    }

    fn are_safe(&self, up_to: usize) -> bool {
        (0..up_to).all(|number| self.safe.values().any(|of_file| of_file.contains(&number)))
    }
}

#[test]
fn a_position_is_noted_once_the_readings_before_it_are_on_the_platter() {
    for fsync in ["never", "1h", "batch"] {
        let group = Group::new();
        let Some(recorder) = Recorder::new(&group) else { return };
        let record = record_of_once(&recorder, &group, &["--fsync", fsync]);
        let (mut readings, mut next, mut noted) = (Readings::default(), 0, 0);
        for (at, event) in record.iter().enumerate() {
            match event {
                Event::Write { path, line } if path == "positions.tmp" => {
                    next = line.split_once(' ').map_or(0, |(bytes, _)| parsed::<usize>(bytes) / line_of_once(0).len());
                }
                Event::Rename { to, .. } if to == "positions" => noted = next,
                _ => {}
            }
            readings.take(event);
            let context = || format!("--fsync {fsync}, event {at}: {event:?}, {noted} noted, {readings:#?}");
            assert!(readings.are_safe(noted), "noted, and not on the platter: {}", context());
        }
        assert_eq!(noted, LINES_OF_ONCE, "{record:#?}");
    }
}

#[test]
fn an_export_is_on_the_platter_before_it_replaces_the_one_before() {
    let group = Group::new();
    let Some(recorder) = Recorder::new(&group) else { return };
    let mut peer = group.start_fed("a");
    peer.feed_numbered(0, 10);
    peer.wait_for_rows(10);
    let output = group.directory.join("rows.csv");
    fs::write(&output, "that of yesterday").expect("writable");
    let record = recorder.run("export", &["export", "a", "--output", &output.to_string_lossy()]);
    let is_named = |event: &Event| matches!(event, Event::Rename { to, .. } if to == "rows.csv");
    let named = record.iter().position(is_named).expect("it takes the name");
    let Event::Rename { from, .. } = &record[named] else { unreachable!("just found") };
    let (before, after) = record.split_at(named);
    let is_written = |event: &Event| matches!(event, Event::Write { path, .. } if path == from);
    let written = before.iter().rposition(is_written).expect("there are rows");
    assert!(before[written..].contains(&Event::Sync { path: from.clone() }), "{record:#?}");
    assert!(after.contains(&Event::Sync { path: ".".to_owned() }), "{record:#?}");
}
