//! Rows up to a sequence, output for programs, and copies of running peers.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::super::*;
use super::{ask, frames, Data};
use crate::storage::Options;

/// The digest in the line of a peer.
fn digest<'a>(text: &'a str, label: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with(&format!("{label} "))).unwrap();
    line.split_whitespace().nth(4).unwrap()
}

fn up_to(data: &Data, last: Sequence) -> (Verdict, String) {
    data.verify_with(Some(last), Duration::ZERO)
}

#[test]
fn rows_up_to_a_sequence_have_one_digest_at_all_peers_running_or_not() {
    let data = Data::new();
    data.peer("a", &frames(), 12);
    data.peer("b", &frames(), 8);
    let _running = data.running("c", Options::default(), &frames(), 10);
    for last in 1..=8 {
        let (verdict, text) = up_to(&data, last);
        assert_eq!(verdict, Verdict::Agree, "{text}");
        assert_eq!((digest(&text, "a"), digest(&text, "a")), (digest(&text, "b"), digest(&text, "c")), "{text}");
        assert!(text.contains(&format!("OK: 3 peers hold the same {last} row")) && !text.contains("running"), "{text}");
    }
    let (verdict, text) = up_to(&data, 12);
    assert_eq!(verdict, Verdict::Disagree, "{text}");
    assert!(text.contains("b: behind: holds 1..8 of 1..12\n"), "{text}");
    assert!(text.contains("c: behind: holds 1..10 of 1..12\n") && text.contains("c: s0.csv: lacks"), "{text}");
    // Nobody holds that many rows.
    let (verdict, text) = up_to(&data, 99);
    assert!(text.contains("a: behind: holds 1..12 of 1..99\n"), "{verdict:?} {text}");
}

#[test]
fn faults_above_the_sequence_do_not_count_and_faults_below_are_reported() {
    let data = Data::new();
    let root = data.peer("a", &frames(), 12);
    data.peer("b", &frames(), 12);
    let path = root.join("s1.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\n10,", "\n10,9")).unwrap();
    assert_eq!(up_to(&data, 8).0, Verdict::Agree);
    let (verdict, text) = up_to(&data, 10);
    assert_eq!(verdict, Verdict::Disagree, "{text}");
}

#[test]
fn the_digest_up_to_a_sequence_is_that_of_awk_and_sha256sum() {
    let data = Data::new();
    let root = data.peer("a", &frames(), 12);
    let by_hand = r"export LC_ALL=C; mkdir ../cut; for f in *.csv; do
        awk -F, 'NR==1||$1<=7' $f > ../cut/$f; [ $(wc -l < ../cut/$f) -gt 1 ] || rm ../cut/$f; done
        cd ../cut && sha256sum *.csv | sha256sum";
    let Ok(output) = Command::new("sh").arg("-c").arg(by_hand).current_dir(&root).output() else {
        return eprintln!("SKIPPED: there is no sh");
    };
    let expected = String::from_utf8(output.stdout).unwrap();
    fs::remove_dir_all(data.0.path().join("cut")).unwrap();
    let (_, text) = up_to(&data, 7);
    assert_eq!(Some(digest(&text, "a")), expected.split_whitespace().next(), "{text}");
}

/// Copies a peer's directory. Files are cut off at the byte that `cut` says.
fn copy(from: &Path, to: &Path, cut: &[(&str, u64)]) {
    fs::create_dir_all(to.join("journal")).unwrap();
    for name in ["s0.csv", "s1.csv", "s2.csv", "state", "journal/00000000000000000001.log"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
        if let Some((_, bytes)) = cut.iter().find(|(file, _)| *file == name) {
            fs::OpenOptions::new().write(true).open(to.join(name)).unwrap().set_len(*bytes).unwrap();
        }
    }
}

#[test]
fn a_copy_that_is_only_torn_at_its_ends_is_called_that() {
    let data = Data::new();
    let root = data.peer("a", &frames(), 12);
    let length = |name: &str| fs::metadata(root.join(name)).unwrap().len();
    let segment = "journal/00000000000000000001.log";
    for (cut, holds) in [
        // Half a row; a row and a half; half a batch under its rows; all of that.
        (vec![("s0.csv", length("s0.csv") - 3)], 11),
        (vec![("s1.csv", length("s1.csv") - 40)], 5),
        (vec![(segment, length(segment) - 3)], 12),
        (vec![("s0.csv", length("s0.csv") - 3), ("s2.csv", 30), (segment, length(segment) - 3)], 1),
    ] {
        let other = data.0.path().join("b");
        copy(&root, &other, &cut);
        let (verdict, text) = data.verify();
        assert_eq!(verdict, Verdict::Disagree, "{text}");
        assert!(
            text.contains("note: b: torn at the end, as a copy that was made while the peer ran"),
            "{cut:?}\n{text}"
        );
        assert!(text.contains(&format!("can be compared with --up-to {holds};")), "{cut:?}\n{text}");
        if !cut.iter().any(|(name, _)| *name == segment) {
            assert_eq!(up_to(&data, holds).0, Verdict::Agree);
        }
        // Anything else is no such copy.
        let path = other.join("s1.csv");
        fs::write(&path, fs::read_to_string(&path).unwrap().replacen(",-0.5,", ",-0.6,", 1)).unwrap();
        assert!(!data.verify().1.contains("torn"), "{cut:?}");
        fs::remove_dir_all(other).unwrap();
    }
}

#[test]
fn a_program_reads_the_same_as_people() {
    let data = Data::new();
    data.peer("a", &frames(), 12);
    data.peer("b", &frames(), 8);
    let peers = Vec::new();
    let mut asked = Asked {
        data_dirs: vec![data.0.path().to_owned()],
        peers,
        up_to: Some(8),
        json: true,
        patience: Duration::ZERO,
    };
    let (_, told) = up_to(&data, 8);
    let (verdict, text) = ask(&asked);
    assert_eq!((verdict, text.lines().count()), (Verdict::Agree, 1));
    assert!(text.starts_with(r#"{"verdict":"agree","status":0,"up_to":8,"peers":[{"peer":"a","path":""#), "{text}");
    let one = format!(
        r#""running":false,"rows":8,"sensors":3,"base":0,"holds":8,"last":8,"sha256":"{}","behind":false,"torn":false,"disagreements":0,"first":[],"notes":[]}}"#,
        digest(&told, "a")
    );
    assert_eq!(text.matches(&one).count(), 2, "{text}");
    assert!(text.ends_with("],\"notes\":[],\"errors\":[]}\n"), "{text}");
    asked.up_to = None;
    let (verdict, text) = ask(&asked);
    assert_eq!(verdict, Verdict::Behind);
    assert!(text.starts_with(r#"{"verdict":"behind","status":4,"up_to":null,"#), "{text}");
    let first = r#""first":[{"file":"","from":9,"to":12,"what":"behind: holds 1..8 of 1..12"}]"#;
    assert!(text.contains(first) && text.contains(r#""behind":true,"torn":false,"disagreements":1"#), "{text}");
    asked.data_dirs = vec![data.0.path().join("none")];
    let (verdict, text) = ask(&asked);
    assert_eq!(verdict, Verdict::Unreadable);
    let parts = [r#"{"verdict":"incomplete","status":1,"#, r#""peers":[]"#, r#""errors":["cannot list "#];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}
