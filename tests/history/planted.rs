//! Each kind of breach is planted and found; what is allowed is not taken for one.

use crate::made_up::{row, Run};

/// The order of a run of two peers: what `a` was fed between 10 and 21, `b` at 15 and `a` after that.
const ORDER: [(&str, u64); 5] = [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2)];

/// Peers `a` and `b`, which live through with these options. Rows were seen on the way.
fn two(options: &str) -> Run {
    let mut run = Run::new();
    for peer in ["a", "b"] {
        run.say(&format!("began {peer} 0 1 --peer-id {peer} {options}"));
    }
    run.feed(("a", 0), 10, 0..2);
    run.feed(("b", 0), 15, 0..2);
    run.look(("b", 0), 18, &[(1, ("a", 0))], "whole");
    run.look(("b", 0), 18, &[(2, ("b", 0))], "whole");
    run.feed(("a", 0), 20, 2..3);
    run.look(("b", 0), 30, &[(3, ("a", 1)), (5, ("a", 2))], "more");
    for (peer, count) in [("a", 3), ("b", 2)] {
        run.log((peer, 0), &format!("0 INFO  storage: End of input, {count} readings delivered\n"));
    }
    run
}

const QUORUM: &str = "--resume --quorum 2";

fn held(order: &[(&str, u64)]) -> Run {
    let mut run = two(QUORUM);
    run.hold(&["a", "b"], order);
    run
}

#[test]
fn a_run_as_it_has_to_be_breaks_nothing() {
    for options in [QUORUM, "--resume", ""] {
        let mut run = two(options);
        run.hold(&["a", "b"], &ORDER);
        run.expect(&[]);
    }
    let said = held(&ORDER).expect(&[]);
    assert_eq!(
        said,
        "5 readings fed to 2 lives of 2 peers, 5 rows at each; 4 seen on the way, 1 fed after others were seen"
    );
}

#[test]
fn two_peers_with_different_orders_are_found_at_the_first_difference() {
    let mut run = two("");
    run.hold(&["a"], &ORDER);
    run.hold(&["b"], &[ORDER[0], ORDER[1], ORDER[3], ORDER[2], ORDER[4]]);
    let said = run.expect(&["Different"]);
    assert!(said.contains("#3 \"2013-01-01T06:00:00Z,a,1,50.5,\" (a, line 3 of a.csv), but #3"), "{said}");
}

#[test]
fn a_peer_that_lacks_the_end_is_found() {
    let mut run = two("");
    run.hold(&["a"], &ORDER);
    run.hold(&["b"], &ORDER[..4]);
    let said = run.expect(&["Different", "Lost", "Vanished"]);
    assert!(said.contains("#5 \"2013-01-01T06:00:00Z,a,2,50.5,\" (a, line 4 of a.csv) is not at b"), "{said}");
}

#[test]
fn readings_of_a_life_out_of_their_turn_are_found() {
    let mut run = two("");
    run.hold(&["a", "b"], &[("a", 1), ("a", 0), ("b", 0), ("b", 1), ("a", 2)]);
    let said = run.expect(&["OutOfTurn"]);
    assert!(said.contains("reading 1 of life 0 of a"), "{said}");
}

#[test]
fn a_reading_that_is_there_twice_is_found() {
    let mut run = two("");
    run.hold(&["a", "b"], &[ORDER[0], ORDER[1], ORDER[2], ORDER[3], ORDER[4], ("b", 1)]);
    run.expect(&["Twice"]);
}

#[test]
fn a_sequence_that_is_there_twice_is_found() {
    let run = held(&ORDER);
    for peer in ["a", "b"] {
        run.change(&format!("{peer}/b.csv"), &row(2, ("b", 0)), &row(1, ("b", 0)));
    }
    // The second is missing then, and was seen.
    run.expect(&["Gap", "Twice", "Changed"]);
}

#[test]
fn a_lost_reading_is_found_and_said_when_it_was_fed() {
    let mut run = two("");
    run.hold(&["a", "b"], &[ORDER[0], ORDER[1], ORDER[2], ORDER[4]]);
    let said = run.expect(&["Lost"]);
    let expected = "reading 2 of life 0 of b (\"2013-01-01T06:00:00Z,b,1,50.5,\"), fed between 0.000000 s and 0.000000 s is not at a: \
                    the process lasted";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_row_that_nobody_fed_and_a_changed_value_or_time_are_found() {
    for (from, to) in [(",1,50.5,", ",1,50.6,"), ("06:00:00Z,b,1", "06:00:01Z,b,1"), (",b,1,50.5", ",b,7,50.5")] {
        let mut run = two("");
        run.hold(&["a", "b"], &ORDER);
        for peer in ["a", "b"] {
            run.change(&format!("{peer}/b.csv"), from, to);
        }
        run.expect(&["Invented", "Lost"]);
    }
}

#[test]
fn a_row_that_was_seen_before_it_was_fed_is_found() {
    let mut run = two("");
    run.look(("a", 0), 5, &[(1, ("a", 0))], "whole");
    run.hold(&["a", "b"], &ORDER);
    let said = run.expect(&["Invented"]);
    assert!(said.contains("it was fed later"), "{said}");
}

#[test]
fn gaps_torn_ends_foreign_rows_and_wrong_headers_are_found() {
    let run = held(&ORDER);
    for peer in ["a", "b"] {
        run.change(&format!("{peer}/a.csv"), "5,2013", "6,2013");
    }
    run.expect(&["Gap"]);
    for (from, to) in [("sequence,", "number,"), ("5,2013", "03,2013"), ("50.5,\n5,", "50.5,\n2,"), (",a,2,", ",b,2,")]
    {
        let run = held(&ORDER);
        run.change("b/a.csv", from, to);
        let broken = run.decide().expect("a run").broken();
        assert_eq!(broken.first().map(String::as_str), Some("Malformed"), "{broken:?}");
    }
}

#[test]
fn with_a_quorum_a_row_that_changed_is_found() {
    let run = held(&[ORDER[1], ORDER[0], ORDER[2], ORDER[3], ORDER[4]]);
    let said = run.expect(&["Changed"]);
    assert!(said.contains("seen in a.csv of b, life 0, before"), "{said}");
    let mut run = two("--resume");
    run.hold(&["a", "b"], &[ORDER[1], ORDER[0], ORDER[2], ORDER[3], ORDER[4]]);
    run.expect(&[]);
}

/// The last of `a` was fed when the first of `b` had been seen.
#[test]
fn with_a_quorum_what_was_fed_after_a_row_was_seen_is_ordered_after_it() {
    let mut run = Run::new();
    run.say("began a 0 1 --quorum=2 --resume");
    run.say("began b 0 1 --quorum=2 --resume");
    run.feed(("b", 0), 15, 0..1);
    run.look(("b", 0), 18, &[(2, ("b", 0))], "whole");
    run.feed(("a", 0), 20, 0..1);
    run.log(("a", 0), "End of input, 1 readings delivered");
    run.log(("b", 0), "End of input, 1 readings delivered");
    run.hold(&["a", "b"], &[("a", 0), ("b", 0)]);
    let said = run.expect(&["Stale"]);
    let expected = "was seen before 0.000000 s, but it is after what was fed later: #1, reading 1 of life 0 of a";
    assert!(said.contains(expected), "{said}");
}

/// Neither was seen before the other was fed, so both orders are right.
#[test]
fn with_a_quorum_readings_that_were_under_way_together_may_be_ordered_either_way() {
    for order in [[("a", 0), ("b", 0)], [("b", 0), ("a", 0)]] {
        let mut run = Run::new();
        for peer in ["a", "b"] {
            run.say(&format!("began {peer} 0 1 {QUORUM}"));
            run.feed((peer, 0), if peer == "a" { 10 } else { 20 }, 0..1);
            run.log((peer, 0), "End of input, 1 readings delivered");
        }
        for (sequence, reading) in (1..).zip(order) {
            run.look(("a", 0), 20, &[(sequence, reading)], "whole");
        }
        run.hold(&["a", "b"], &order);
        run.expect(&[]);
    }
}

#[test]
fn with_a_quorum_a_file_that_was_seen_with_a_hole_is_found() {
    let mut run = two(QUORUM);
    run.look(("a", 0), 40, &[(1, ("a", 0)), (5, ("a", 2))], "whole");
    run.hold(&["a", "b"], &ORDER);
    let said = run.expect(&["Hole"]);
    assert!(said.contains("not there was #3"), "{said}");
}

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// Peer `a` lives through. Peer `b` was fed four readings in heaps of two, and ended 10 s later; this many of them are there in
/// the end, and this many were left in its pipe.
fn ended(options: &str, how: &str, unread: usize, there: &[u64]) -> Run {
    let mut run = Run::new();
    run.say(&format!("began a 0 1 {options}"));
    run.say(&format!("began b 0 1 {options}"));
    run.feed(("b", 0), 10, 0..2);
    run.feed(("b", 0), 20, 2..4);
    run.say(&format!("ended b 0 {} {how}", 10 * SECOND));
    run.say(&format!("unread b 0 {} {}", 10 * SECOND, unread * "DATA|b|2013-01-01T06:00:00Z|0|50.5|\n".len()));
    let order: Vec<(&str, u64)> = there.iter().map(|number| ("b", *number)).collect();
    run.hold(&["a"], &order);
    run
}

#[test]
fn what_was_in_the_pipe_of_a_process_that_ended_or_just_read_may_be_missing_and_is_counted() {
    for (unread, there, told) in [
        (2, &[0, 1][..], "; 2 left in the pipe of a process that ended"),
        (1, &[0, 1], "; 1 left in the pipe of a process that ended; 1 just read by a process that ended"),
        (0, &[0, 1], "; 2 just read by a process that ended"),
        (2, &[], "; 2 left in the pipe of a process that ended; 2 just read by a process that ended"),
    ] {
        let said = ended("--resume", "killed", unread, there).expect(&[]);
        assert!(said.ends_with(told), "{said}");
    }
}

#[test]
fn what_was_read_before_the_last_block_is_on_a_disk_with_resume_but_for_the_last_moment() {
    for (unread, there) in [(0, &[0][..]), (1, &[])] {
        let said = ended("--resume", "killed", unread, there).expect(&["Lost"]);
        assert!(said.contains("it was neither in the pipe nor taken in within the last moment"), "{said}");
    }
    // Of ten seconds, it ran for a moment. One that left has stored what it took in.
    let in_a_moment = |how: &str| {
        let mut run = ended("--resume", how, 0, &[0]);
        run.say(&format!("stopped b 0 {SECOND}"));
        run.say(&format!("woken b 0 {}", 9 * SECOND + SECOND / 2));
        run
    };
    in_a_moment("left").expect(&["Lost"]);
    let said = in_a_moment("killed").expect(&[]);
    assert!(
        said.ends_with("; 2 just read by a process that ended; 1 taken in within the last moment of a process"),
        "{said}"
    );
    let said = ended("", "killed", 1, &[]).expect(&[]);
    assert!(
        said.ends_with("; 1 just read by a process that ended; 2 taken in and not yet sent by a process that ended"),
        "{said}"
    );
}

#[test]
fn a_reading_before_one_that_is_there_is_missing_only_where_a_log_tells_and_disks_are_cleared() {
    for options in ["--resume", ""] {
        let said = ended(options, "killed", 1, &[0, 2]).expect(&["Lost"]);
        assert!(said.contains("later ones of its life are there"), "{said}");
    }
    let told = "1 WARN  sequencer: Readings 2 to 2 of b/1764111500000000000 are lost, unless they turn up: nobody here has them\n";
    let mut run = ended("", "killed", 1, &[0, 2]);
    run.log(("a", 0), told);
    let said = run.expect(&[]);
    assert!(said.contains("; 1 told as lost with a cleared disk"), "{said}");
    let mut run = ended("", "killed", 1, &[0, 2, 1]);
    run.log(("a", 0), told);
    assert!(run.expect(&[]).contains("; 1 out of turn, told as lost before"));
    let mut run = ended("--resume", "killed", 1, &[0, 2]);
    run.log(("a", 0), told);
    run.expect(&["Lost"]);
}

#[test]
fn a_reading_that_was_seen_is_missing_only_where_all_disks_that_held_it_were_cleared() {
    for (options, holder, broken) in
        [("", "b", &[][..]), ("", "a", &["Lost", "Vanished"]), ("--resume", "b", &["Lost", "Vanished"])]
    {
        let mut run = ended(options, "killed", 0, &[0, 1]);
        run.look((holder, 0), 25, &[(1, ("b", 0)), (2, ("b", 1)), (3, ("b", 2))], "whole");
        let said = run.expect(broken);
        assert!(!broken.is_empty() || said.contains("; 1 seen only in files that were cleared"), "{said}");
    }
}

#[test]
fn a_reading_that_was_on_the_disk_of_a_process_that_ended_is_missing_only_where_disks_are_cleared() {
    for (options, broken) in [("", &[][..]), ("--resume", &["Lost"])] {
        let mut run = ended(options, "killed", 0, &[0, 1]);
        run.say(&format!("stored b 0 {} 1\nDATA|b|2013-01-01T06:00:00Z|2|50.5|", 11 * SECOND));
        let said = run.expect(broken);
        let told = "it was on the disk of b when its life 0 ended, and no disk was cleared";
        assert!(broken.is_empty() || said.contains(told), "{said}");
    }
}

#[test]
fn a_process_that_left_in_peace_leaves_nothing_behind_that_its_log_does_not_tell() {
    ended("", "left", 2, &[]).expect(&[]);
    ended("", "left", 1, &[]).expect(&["Lost"]);
    let mut run = ended("", "left", 1, &[0]);
    run.log(
        ("b", 0),
        "2 WARN  main: Stopped; readings taken in and not known to be committed: 1; give them again if they matter",
    );
    assert!(run.expect(&[]).ends_with("; 1 taken in and not yet sent by a process that ended"));
}

#[test]
fn a_life_that_lasts_tells_that_all_is_delivered() {
    let mut run = held(&ORDER);
    run.log(("a", 0), "End of input, 2 readings delivered");
    let said = run.expect(&["Unfinished"]);
    assert!(said.contains("life 0 of a was fed 3 readings, and its log tells of Some(2)"), "{said}");
}

#[test]
fn what_others_claim_may_be_there_as_often_as_they_like() {
    let mut run = two("");
    run.say("claimed 1\nDATA|x|2013-01-01T06:00:00Z|0|50.5|");
    run.hold(&["a", "b"], &[ORDER[0], ORDER[1], ("x", 0), ORDER[2], ("x", 0), ORDER[3], ORDER[4]]);
    run.expect(&[]);
}

#[test]
fn a_run_that_cannot_be_decided_is_refused() {
    let mut run = held(&ORDER);
    run.feed(("a", 0), 50, 1..2);
    let why = run.refused();
    assert!(why.contains("was fed twice, so nothing can be decided"), "{why}");
    for line in [
        "began a 0 1",
        "ended c 0 1 killed",
        "fed a 0 1 2 0 9",
        "ended a 0 x killed",
        "woken a 0 1",
        "anything",
        "looked a 0 1 a.csv whole 1\nx",
    ] {
        let mut run = held(&ORDER);
        run.say(line);
        assert!(run.refused().contains("history.txt:"), "{line}");
    }
    let mut run = held(&ORDER);
    run.say("began c 0 1");
    assert!(run.refused().contains("the lives promise different things"));
    assert!(two("").refused().contains("there are no files in the end"));
}
