//! Another program moves, removes, replaces or empties files of a running peer, or removes its whole directory.

use std::fs;

use peer::reading::CSV_HEADER;

use crate::harness::{assert_same_rows, Group, Peer};

const SENSORS: [&str; 5] = ["moved", "removed", "replaced", "emptied", "left"];

fn feed(peer: &mut Peer, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let lines = SENSORS.map(|sensor| format!("DATA|{sensor}|2013-01-01T06:00:00Z|{number}||"));
        peer.feed(&(lines.join("\n") + "\n"));
    }
}

#[test]
fn rows_return_under_their_file_names_whatever_others_do_to_the_files() {
    let group = Group::new();
    let mut feeding = group.start_fed("b");
    let peer = group.start_with("a", &["--resume", "--sensor", "none"]);
    for one in [&feeding, &peer] {
        one.wait_for_view(&["a", "b"]);
    }
    feed(&mut feeding, 0..100);
    assert_same_rows(&[&feeding, &peer], 500);
    let path = |name: &str| group.data_of("a").join(name);
    fs::rename(path("moved.csv"), path("../moved.csv")).expect("one directory up");
    fs::remove_file(path("removed.csv")).expect("it is there");
    fs::write(path("new.csv"), "time,value\n").expect("written");
    fs::rename(path("new.csv"), path("replaced.csv")).expect("in its place");
    fs::File::create(path("emptied.csv")).expect("emptied in place");
    // A missing file comes back by itself, even without a new row.
    peer.wait_for("set aside as *.damaged");
    peer.wait_for_rows(500);
    feed(&mut feeding, 100..200);
    assert_same_rows(&[&feeding, &peer], 1000);
    let said: Vec<String> = peer.log().into_iter().filter(|line| line.contains("WARN")).collect();
    // One line, or two if something was done during the first look.
    assert!((1..=2).contains(&said.len()), "{said:?}");
    assert!(said.iter().all(|line| line.contains("moved, removed or changed by another program")), "{said:?}");
    assert!(said.iter().any(|line| line.contains("moved.csv")), "{said:?}");
    assert_eq!(fs::read_to_string(path("replaced.csv.damaged")).expect("kept"), "time,value\n");
    let moved = fs::read_to_string(path("../moved.csv")).expect("where it was moved to");
    assert_eq!((moved.lines().next(), moved.lines().count()), (Some(CSV_HEADER), 101), "nothing was added to it");
    fs::remove_file(path("../moved.csv")).expect("it is there");
}

#[test]
fn a_peer_whose_directory_is_removed_ends_and_says_so_once() {
    let group = Group::new();
    let mut feeding = group.start_fed("b");
    let mut peer = group.start_with("a", &["--sensor", "none"]);
    for one in [&feeding, &peer] {
        one.wait_for_view(&["a", "b"]);
    }
    feed(&mut feeding, 0..10);
    peer.wait_for_rows(50);
    fs::remove_dir_all(group.data_of("a")).expect("removed");
    assert_eq!(peer.wait_for_exit().code(), Some(1));
    let errors: Vec<String> = peer.log().into_iter().filter(|line| line.contains("ERROR")).collect();
    let [error] = &errors[..] else { panic!("not one error: {errors:?}") };
    assert!(error.contains("was moved, removed or replaced while this peer ran"), "{error}");
    feeding.wait_for_view(&["b"]);
    feed(&mut feeding, 10..20);
    feeding.wait_for_rows(100);
}
