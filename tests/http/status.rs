//! `peer status`, with and without a key, on peers that run, have stopped, or see two groups.

use std::process::{Command, Output};

use peer::keys::file;
use serde_json::Value;

use crate::harness::Group;

fn status(group: &Group, arguments: &[&str]) -> (Option<i32>, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_peer"))
        .arg("status")
        .args(arguments)
        .current_dir(&group.directory)
        .env_clear()
        .output()
        .expect("the binary was built");
    let text = String::from_utf8(output.stdout).expect("text") + &String::from_utf8(output.stderr).expect("text");
    (output.status.code(), text)
}

#[test]
fn a_script_waits_for_the_group_and_sees_who_is_missing() {
    let group = Group::new();
    assert_eq!(status(&group, &[]).0, Some(3));
    let mut peers = ["a", "b", "c"].map(|id| group.start(id));
    let (code, text) = status(&group, &["--wait", "members=3,leader", "--timeout", "60s"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("group ") && text.contains(" leads, term ") && text.lines().count() == 5, "{text}");
    peers[1].kill();
    let (code, text) = status(&group, &["--wait", "members=2", "--timeout", "60s"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = status(&group, &[]);
    assert_eq!(code, Some(6), "{text}");
    assert!(text.contains("\n  b has been missing since ") && text.contains("\nNot running: "), "{text}");
    let (code, text) = status(&group, &["--json", "a", "b"]);
    assert_eq!(code, Some(3), "one that was named does not run: {text}");
    let answer: Value = serde_json::from_str(&text).expect("one object");
    assert_eq!((answer["reports"][0]["peer"].as_str(), answer["agree"].as_bool()), (Some("a"), Some(true)));
    assert_eq!(answer["silent"][0]["why"].as_str(), Some("not running"));
}

#[test]
fn a_condition_that_does_not_come_true_is_named() {
    let group = Group::new();
    let peer = group.start("a");
    peer.wait_for_view(&["a"]);
    let (code, text) = status(&group, &["--wait", "members=2", "--timeout", "1s"]);
    assert_eq!(code, Some(6));
    assert!(text.ends_with("Waited for 1 second in vain: a sees 1 members\n"), "{text}");
}

#[test]
fn a_closed_group_answers_only_holders_of_its_key() {
    let group = Group::new();
    for name in ["key", "other"] {
        file::create(&group.directory.join(name)).expect("a new file");
    }
    let peer = group.start_with("a", &["--sensor", "none", "--key-file", "key"]);
    peer.wait_for_view(&["a"]);
    let (code, text) = status(&group, &["--key-file", "key"]);
    assert!(code == Some(0) && text.starts_with("closed group "), "{text}");
    for (arguments, word) in [
        (&[][..], "needs --key-file"),
        (&["--key-file", "other"], "has another key"),
        (&["--key-file", "key", "--group", "g"], "or another --group"),
    ] {
        let (code, text) = status(&group, arguments);
        assert!(code == Some(3) && text.contains(word) && !text.contains("leads"), "{text}");
    }
}

#[test]
fn an_address_is_asked_and_a_silent_one_is_named() {
    let group = Group::new();
    let peer = group.start("a");
    peer.wait_for_view(&["a"]);
    let (code, text) = status(&group, &[&peer.address()]);
    assert!(code == Some(0) && text.contains("a leads, term 1"), "{text}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("an address");
    let (code, text) = status(&group, &[&free.to_string()]);
    assert!(code == Some(3) && text.contains(&format!("nobody listens at {free}")), "{text}");
    let (code, text) = status(&group, &["nothing"]);
    assert!(code == Some(1) && text.starts_with("error: nothing is no directory"), "{text}");
}
