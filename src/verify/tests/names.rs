//! Files and directories that an earlier version named, beside present ones.

use std::fs;

use super::super::*;
use super::{ask, Data};
use crate::wire::{Frame, Lines, Request};

/// Four readings of two sensors.
fn frames() -> Vec<Frame> {
    let text = ["DATA|temp|2013-01-01T06:00:00Z|1|2|3\n", "DATA|Temp|2013-01-01T06:00:00Z|4|5|6\n"].concat().repeat(2);
    let request = Request { origin: "a/1".parse().unwrap(), first: 1, lines: Lines::new(text.into_bytes(), 4) };
    vec![Frame::build("1@l/1".parse().unwrap(), 1, &[request])]
}

fn digests(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split_whitespace().last()).filter(|word| word.len() == 64).collect()
}

#[test]
fn files_under_earlier_names_are_compared_and_have_the_same_digest() {
    let data = Data::new();
    let now = data.peer("a", &frames(), 4);
    let earlier = data.peer("b", &frames(), 4);
    fs::rename(earlier.join("Temp+1.csv"), earlier.join("Temp.csv")).unwrap();
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Agree, "{text}");
    assert!(text.contains("note: b: Temp.csv named by an earlier version") && !text.contains("note: a"), "{text}");
    assert!(matches!(digests(&text)[..], [one, other] if one == other), "{text}");
    let rows = fs::read_to_string(earlier.join("Temp.csv")).unwrap();
    fs::write(earlier.join("Temp.csv"), rows.replace(",4,", ",9,")).unwrap();
    let (verdict, text) = data.verify();
    assert!(verdict == Verdict::Disagree && text.contains("b: Temp.csv: row 2 is not what the journal says"), "{text}");
    fs::copy(now.join("Temp+1.csv"), earlier.join("Temp+1.csv")).unwrap();
    let (_, text) = data.verify();
    assert!(text.contains("b: Temp.csv: is not a sensor's file"), "{text}");
    fs::remove_file(earlier.join("Temp.csv")).unwrap();
    fs::remove_file(earlier.join("Temp+1.csv")).unwrap();
    let (_, text) = data.verify();
    assert!(text.contains("b: Temp+1.csv: is missing, and with it"), "{text}");
}

#[test]
fn a_peer_is_found_by_its_id_or_its_directory_under_either_name() {
    let data = Data::new();
    data.peer("Lab", &frames(), 4);
    data.peer("lab", &frames(), 4);
    let ask_for = |peer: &str| {
        let (data_dirs, peers) = (vec![data.0.path().to_owned()], vec![peer.into()]);
        ask(&Asked { data_dirs, peers, up_to: None, json: false, patience: Duration::ZERO })
    };
    for earlier in [false, true] {
        if earlier {
            fs::rename(data.0.path().join("Lab+1"), data.0.path().join("Lab")).unwrap();
        }
        for peer in ["Lab", "Lab+1", "lab"] {
            let (verdict, text) = ask_for(peer);
            let id = peer.trim_end_matches("+1");
            assert!(verdict == Verdict::Agree && text.contains(&format!("OK: {id} holds 4 rows")), "{text}");
        }
        let text = data.verify().1;
        assert!(text.contains("\nLab ") && text.contains("\nlab ") && text.contains("2 peers hold the same"), "{text}");
    }
    let (_, text) = ask_for("LAB");
    assert!(text.contains("there is no") && text.contains("LAB+7"), "{text}");
}
