//! Files as sources that cannot be read for a while: a network file system whose server moved, a stick that was pulled.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harness::{Group, Peer};
use crate::preload::library;

/// A line with a sensor of its own.
fn line(sensor: char) -> String {
    format!("DATA|{sensor}|2013-01-01T06:00:00Z|1|2|3\n")
}

/// A file, and what makes reads of it fail while it is there.
struct Shaky {
    file: PathBuf,
    fault: PathBuf,
    library: String,
}

impl Shaky {
    /// `None` where this system does not allow it, with a message.
    fn new(group: &Group, text: &str) -> Option<Self> {
        let library = library(group, "unreadable", "no read can be made to fail here")?;
        let [file, fault] = ["lines", "lines.fault"].map(|name| group.directory.join(name));
        fs::write(&file, text).expect("a file");
        Some(Self { file, fault, library })
    }

    fn add(&self, text: &str) {
        let mut file = OpenOptions::new().append(true).open(&self.file).expect("it is there");
        file.write_all(text.as_bytes()).expect("room");
    }

    fn command(&self, group: &Group, options: &[&str]) -> Command {
        let mut command = group.command("p");
        command.env("LD_PRELOAD", &self.library).env("UNREADABLE", &self.file).args(options);
        command
    }

    fn follow(&self, group: &Group, options: &[&str]) -> Peer {
        let mut command = self.command(group, options);
        command.args(["--sensor", &format!("@5ms=file:{}", self.file.display())]);
        Peer::start("p", command, group.data_of("p"))
    }

    fn break_off(&self) {
        fs::write(&self.fault, "").expect("a file");
    }

    fn mend(&self) {
        fs::remove_file(&self.fault).expect("it was written");
    }
}

const ONCE: [&str; 3] = ["--resume", "--once", "positions"];

/// Each of these sensors has one row.
fn assert_once_each(peer: &mut Peer, sensors: &str) {
    peer.wait_for_rows(sensors.len());
    let files = peer.files();
    let rows: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.lines().count() - 1)).collect();
    let expected: Vec<_> = sensors.chars().map(|sensor| format!("{sensor}.csv")).collect();
    assert_eq!(rows, expected.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>());
    assert!(!peer.said("refused"), "{:?}", peer.log());
}

#[test]
fn a_file_that_cannot_be_read_for_a_while_goes_on_where_it_broke_off() {
    for options in [&[][..], &ONCE] {
        let group = Group::new();
        let half = line('c');
        let (begun, rest) = half.split_at(10);
        let Some(shaky) = Shaky::new(&group, &[&line('a'), &line('b'), begun].concat()) else { return };
        let mut peer = shaky.follow(&group, options);
        peer.wait_for_rows(2);
        shaky.break_off();
        peer.wait_for("lines cannot be read: Input/output error");
        shaky.add(&[rest, &line('d')].concat());
        shaky.mend();
        assert_once_each(&mut peer, "abcd");
    }
}

#[test]
fn another_file_that_has_the_name_once_it_can_be_read_is_read_from_its_beginning() {
    for options in [&[][..], &ONCE] {
        let group = Group::new();
        let Some(shaky) = Shaky::new(&group, &[line('a'), line('b')].concat()) else { return };
        let mut peer = shaky.follow(&group, options);
        peer.wait_for_rows(2);
        shaky.break_off();
        peer.wait_for("lines cannot be read: Input/output error");
        fs::remove_file(&shaky.file).expect("it is there");
        fs::write(&shaky.file, [line('c'), line('d')].concat()).expect("a file");
        shaky.mend();
        assert_once_each(&mut peer, "abcd");
    }
}

#[test]
fn a_file_that_cannot_be_read_at_the_start_is_no_file_that_was_not_read_before() {
    let group = Group::new();
    let Some(shaky) = Shaky::new(&group, &[line('a'), line('b')].concat()) else { return };
    let mut peer = shaky.follow(&group, &ONCE);
    peer.wait_for_rows(2);
    peer.signal("-TERM");
    assert_eq!(peer.wait_for_exit().code(), Some(0));
    shaky.add(&line('c'));
    shaky.break_off();
    let mut peer = shaky.follow(&group, &ONCE);
    peer.wait_for("lines cannot be read: Input/output error");
    shaky.mend();
    assert_once_each(&mut peer, "abc");
    assert!(peer.said("is read on after line 2, where it was read to"), "{:?}", peer.log());
}

#[test]
fn standard_input_that_cannot_be_read_at_the_start_keeps_its_position() {
    let group = Group::new();
    let Some(shaky) = Shaky::new(&group, &[line('a'), line('b')].concat()) else { return };
    let start = || {
        let mut command = shaky.command(&group, &ONCE);
        command.args(["--sensor", "stdin"]);
        let input = Stdio::from(File::open(&shaky.file).expect("it is there"));
        Peer::start_reading("p", command, group.data_of("p"), input)
    };
    let positions = || fs::read_to_string(group.directory.join("positions")).expect("it is there");
    let stop = |mut peer: Peer| {
        peer.signal("-TERM");
        assert_eq!(peer.wait_for_exit().code(), Some(0));
    };
    let peer = start();
    peer.wait_for("End of input, 2 readings delivered");
    stop(peer);
    let before = positions();
    shaky.add(&line('c'));
    shaky.break_off();
    let peer = start();
    peer.wait_for("Standard input cannot be read any more, taken as its end: Input/output error");
    peer.wait_for("End of input, 0 readings delivered");
    assert!(!peer.said("is no file"), "{:?}", peer.log());
    stop(peer);
    assert_eq!(positions(), before);
    shaky.mend();
    let mut peer = start();
    peer.wait_for("End of input, 1 readings delivered");
    assert_once_each(&mut peer, "abc");
}
