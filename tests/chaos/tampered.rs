//! What real peers wrote, changed afterwards: the checker notices.

use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::SeedableRng;

use crate::harness::settle::{finish, look_until, wait_for_one_group};
use crate::harness::station::Station;
use crate::harness::{Group, TIMING_SHORT};

/// How long peers are fed.
const FED: Duration = Duration::from_millis(700);

/// Which of the first two of three peers' files somebody changes.
#[derive(Clone, Copy)]
enum At {
    One,
    All,
}

/// How the rows of a file are changed.
type Change = fn(&mut Vec<String>);

/// Row 5 of each file is in the middle.
const CHANGES: [(&str, At, Change, &str); 8] = [
    ("two rows change places", At::One, |rows| rows.swap(4, 5), "Malformed"),
    ("two readings change places", At::One, |rows| swap_readings(rows), "Different"),
    ("two readings change places everywhere", At::All, |rows| swap_readings(rows), "OutOfTurn"),
    ("a row is removed", At::One, |rows| drop(rows.remove(5)), "Gap"),
    ("the last row is removed everywhere", At::All, |rows| drop(rows.pop()), "Lost"),
    ("a row is doubled", At::One, |rows| rows.insert(5, rows[5].clone()), "Twice"),
    ("a value is changed everywhere", At::All, |rows| rows[5] = rows[5].replace(",50.5,", ",50.6,"), "Invented"),
    ("a time is changed everywhere", At::All, |rows| rows[5] = rows[5].replace("T06:", "T07:"), "Invented"),
];

fn swap_readings(rows: &mut [String]) {
    let split = |row: &str| row.split_once(',').map(|(number, reading)| (number.to_owned(), reading.to_owned()));
    let (first, second) = (split(&rows[4]).expect("a row"), split(&rows[5]).expect("a row"));
    rows[4] = format!("{},{}", first.0, second.1);
    rows[5] = format!("{},{}", second.0, first.1);
}

#[test]
fn changes_of_files_of_a_real_run_are_noticed() {
    let group = Rc::new(Group::timed(TIMING_SHORT));
    let options = &["--resume", "--quorum", "2"];
    let mut stations: Vec<Station> = ["a", "b", "c"].iter().map(|id| group.station(id, options)).collect();
    let mut rng = SmallRng::seed_from_u64(1);
    for station in &mut stations {
        station.start(&mut rng);
    }
    wait_for_one_group(&stations);
    look_until(&mut stations, Instant::now() + FED);
    finish(&mut stations);
    for (what, at, change, breach) in CHANGES {
        let peers = match at {
            At::One => &stations[1..2],
            At::All => &stations[..],
        };
        let paths: Vec<PathBuf> = peers.iter().map(|station| station.peer().data.join("b.csv")).collect();
        let texts: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).expect("a file")).collect();
        for (path, text) in paths.iter().zip(&texts) {
            let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
            change(&mut rows);
            fs::write(path, rows.join("\n") + "\n").expect("room");
        }
        let verdict = group.recorder.decide();
        assert!(verdict.broken().iter().any(|broken| broken == breach), "{what}: {verdict}");
        for (path, text) in paths.iter().zip(&texts) {
            fs::write(path, text).expect("room");
        }
    }
    let verdict = group.recorder.decide();
    assert!(verdict.holds(), "as it was before: {verdict}");
}
