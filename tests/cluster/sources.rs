//! What happens to standard input: writers of a pipe come and go, die in the middle of a line, and notice when nobody
//! reads any more.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::harness::process::PATIENCE;
use crate::harness::{Group, Peer};

const LINE: &str = "DATA|a|2013-01-01T06:00:00Z|1|2|3\n";

/// A named pipe.
fn named_pipe(group: &Group) -> PathBuf {
    let path = group.directory.join("pipe");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo is there");
    assert!(made.success());
    path
}

/// Both ends of a named pipe; each waits until the other is opened.
fn ends(path: &Path) -> (File, File) {
    let writer = {
        let path = path.to_owned();
        thread::spawn(move || OpenOptions::new().write(true).open(path).expect("a writer"))
    };
    (File::open(path).expect("a reader"), writer.join().expect("it opens"))
}

fn start(group: &Group, stdin: impl Into<Stdio>) -> Peer {
    let mut command = group.command("p");
    command.args(["--sensor", "stdin"]);
    Peer::start_reading("p", command, group.data_of("p"), stdin.into())
}

#[test]
fn reading_goes_on_when_the_writers_of_a_named_pipe_change() {
    let group = Group::new();
    let path = named_pipe(&group);
    let (reader, mut first) = ends(&path);
    let mut peer = start(&group, reader);
    // The writer dies in the middle of 1013.25.
    first.write_all(format!("{LINE}DATA|a|2013-01-01T06:00:00Z|1|2|1013.2").as_bytes()).expect("it is read");
    drop(first);
    peer.wait_for("Line 2 of standard input refused: line is the last one and has no LF");
    for rows in 2..5 {
        let mut next = OpenOptions::new().write(true).open(&path).expect("a writer");
        next.write_all(format!("\u{feff}{LINE}").as_bytes()).expect("it is read");
        drop(next);
        peer.wait_for_rows(rows);
    }
    assert!(!peer.said("End of input"));
    peer.signal("-TERM");
    assert_eq!(peer.wait_for_exit().code(), Some(0));
}

#[test]
fn a_named_pipe_ends_once_nobody_can_open_it_any_more() {
    let group = Group::new();
    let path = named_pipe(&group);
    let (reader, mut writer) = ends(&path);
    let peer = start(&group, reader);
    writer.write_all(LINE.as_bytes()).expect("it is read");
    fs::remove_file(&path).expect("it is there");
    writer.write_all(LINE.as_bytes()).expect("it is read");
    drop(writer);
    peer.wait_for("End of input, 2 readings delivered");
}

#[test]
fn a_writer_after_the_end_notices_that_nobody_reads() {
    let group = Group::new();
    let (theirs, mut ours) = UnixStream::pair().expect("two sockets");
    // Some programs start others with such a socket: then to have nothing to read is not the end.
    theirs.set_nonblocking(true).expect("a socket");
    let peer = start(&group, OwnedFd::from(theirs));
    ours.write_all(LINE.as_bytes()).expect("it is read");
    ours.shutdown(std::net::Shutdown::Write).expect("it is open");
    peer.wait_for("End of input, 1 readings delivered");
    ours.set_read_timeout(Some(PATIENCE)).expect("a time");
    assert_eq!(ours.read(&mut [0]).expect("the other end is closed"), 0);
}

#[test]
fn each_source_has_a_sensor_id_of_its_own_and_one_line_says_which() {
    let group = Group::new();
    let device = group.directory.join("device");
    fs::create_dir_all(&device).expect("a directory");
    fs::write(device.join("in_temp_input"), "21000\n").expect("a file");
    let iio = format!("iio:{}", device.display());
    let options = ["--sensor", "mock", "--sensor", "stdin", "--sensor", &iio, "--sensor-interval-seconds", "0.05"];
    let mut peer = group.start_with("p", &options);
    peer.wait_for(&format!("Sensor ids: p-1 (mock), p-2 ({iio})"));
    peer.feed("DATA|p-2|2013-01-01T06:00:00Z|1|2|3\nDATA|q|2013-01-01T06:00:00Z|1|2|3\n");
    peer.wait_for("Line 1 of standard input refused: sensor_id is that of another source of this peer");
    peer.poll("a row of each", |peer| peer.files().values().filter(|file| file.lines().count() > 1).count() == 3);
    let files = peer.files();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["p-1.csv", "p-2.csv", "q.csv"]);
    let iio_rows: Vec<&str> = files["p-2.csv"].lines().skip(1).collect();
    assert!(iio_rows.iter().all(|row| row.ends_with("Z,p-2,21.000,,")), "{iio_rows:?}");
}

#[test]
fn a_device_that_does_not_answer_is_told_of_and_delays_no_other() {
    let group = Group::new();
    let [stuck, fine] = ["stuck", "fine"].map(|name| group.directory.join(name));
    for device in [&stuck, &fine] {
        fs::create_dir_all(device).expect("a directory");
    }
    // To read a named pipe is to wait for a writer.
    let pipe = stuck.join("temp1_input");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    fs::write(fine.join("temp1_input"), "21000\n").expect("a file");
    let sources = format!("a@50ms=hwmon:{},b@50ms=hwmon:{}", stuck.display(), fine.display());
    let mut peer = group.start_with("p", &["--sensor", &sources]);
    peer.wait_for("does not answer; no readings of it until it does");
    peer.poll("rows of the other", |peer| peer.files().get("b.csv").is_some_and(|file| file.lines().count() > 2));
    assert!(!peer.files().contains_key("a.csv"));
    fs::write(&pipe, "22000\n").expect("it is read");
    peer.poll("a row of the one", |peer| peer.files().get("a.csv").is_some_and(|file| file.lines().count() > 1));
}

#[test]
fn files_and_pipes_are_read_by_name_beside_each_other() {
    let group = Group::new();
    let (pipe, file) = (named_pipe(&group), group.directory.join("lines"));
    let sources = format!("@20ms=file:{},@20ms=file:{}", pipe.display(), file.display());
    let mut peer = group.start_with("p", &["--sensor", &sources]);
    peer.wait_for("cannot be read: No such file or directory");
    fs::write(&file, LINE).expect("a file");
    peer.wait_for_rows(1);
    fs::write(&pipe, format!("{LINE}DATA|a|2013-01-01T06:00:00Z|1|2|1013.2")).expect("it is read");
    // Waits, so that the next one is not a part of the same.
    peer.wait_for(&format!("Line 2 of file:{} refused: line is the last one and has no LF", pipe.display()));
    fs::write(&pipe, LINE).expect("it is read");
    peer.wait_for_rows(3);
    fs::write(&file, "DATA|b||1|2|3\n").expect("a file");
    peer.poll("the file that was written again", |peer| peer.files().contains_key("b.csv"));
    assert!(!peer.said("pipe cannot be read"), "the end of a writer is no error: {:?}", peer.log());
}

#[test]
fn what_was_read_of_a_file_is_not_read_again_after_a_stop_or_a_kill() {
    let group = Group::new();
    let (input, followed) = (group.directory.join("input"), group.directory.join("followed"));
    let header = "sensor,time,temp\n";
    fs::write(&input, format!("{header}a,2013-01-01T06:00:00Z,1\nno line\n")).expect("a file");
    fs::write(&followed, format!("{header}b,2013-01-01T06:00:00Z,1\nb,2013-01-01T07:00:00Z,2\n")).expect("a file");
    let source = format!("@20ms=file:{}", followed.display());
    let start = || {
        let mut command = group.command("p");
        command.args([
            "--resume",
            "--once",
            "positions",
            "--stdin-format",
            "csv",
            "--sensor",
            "stdin",
            "--sensor",
            &source,
        ]);
        Peer::start_reading("p", command, group.data_of("p"), File::open(&input).expect("it is there").into())
    };
    let add = |path: &Path, line: &str| {
        let mut file = OpenOptions::new().append(true).open(path).expect("it is there");
        file.write_all(line.as_bytes()).expect("room");
    };
    // The position is noted after the reading is stored, and rows are written without waiting for that.
    let noted = |peer: &mut Peer, bytes: u64| {
        let (line, path) = (format!("{bytes} "), group.directory.join("positions"));
        peer.poll("the position", |_| {
            fs::read_to_string(&path).is_ok_and(|text| text.lines().any(|of| of.starts_with(&line)))
        });
    };
    let mut peer = start();
    peer.wait_for("End of input, 1 readings delivered");
    peer.wait_for_rows(3);
    peer.signal("-TERM");
    assert_eq!(peer.wait_for_exit().code(), Some(0));

    add(&input, "a,2013-01-01T07:00:00Z,2\n");
    let mut peer = start();
    peer.wait_for("Standard input is read on after line 3, where it was read to");
    peer.wait_for("End of input, 1 readings delivered");
    add(&followed, "b,2013-01-01T08:00:00Z,3\n");
    peer.wait_for_rows(5);
    noted(&mut peer, fs::metadata(&followed).expect("it is there").len());
    peer.kill();

    add(&input, "a,2013-01-01T08:00:00Z,3\n");
    let peer = start();
    peer.wait_for("End of input, 1 readings delivered");
    peer.wait_for("is read on after line 4, where it was read to");
    peer.wait_for_rows(6);
    let files = peer.files();
    for sensor in ["a", "b"] {
        let rows = files[&format!("{sensor}.csv")].lines().skip(1);
        let values: Vec<_> = rows.filter_map(|row| row.split(',').nth(3)).collect();
        assert_eq!(values, ["1", "2", "3"], "{sensor}");
    }
    assert_eq!(
        peer.log().iter().filter(|line| line.contains("refused")).count(),
        0,
        "line 3 was refused at the first start"
    );
}
