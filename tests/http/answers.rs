//! Which requests are answered, and how.

use serde_json::{json, Value};

use crate::client::{exchange, get, get_until, start, Events};
use crate::harness::Group;

fn names(seats: &Value) -> Vec<&str> {
    seats.as_array().expect("a list").iter().map(|seat| seat["peer"].as_str().expect("a name")).collect()
}

#[test]
fn the_group_is_shown_as_it_changes() {
    let group = Group::new();
    let mut leader = group.start("c");
    leader.wait_for_view(&["c"]);
    let (_peer, address) = start(&group, "a", &[]);
    let other = group.start("b");
    other.wait_for_view(&["a", "b", "c"]);
    let mut events = Events::open(&address);
    let status = events.wait_for("status", |status| names(&status["members"]) == ["c", "b", "a"]);
    assert_eq!((&status["peer"], &status["leader"], &status["state"]), (&json!("a"), &json!("c"), &json!("member")));
    leader.kill();
    let after = events.wait_for("status", |status| names(&status["members"]) == ["b", "a"]);
    assert_eq!((names(&after["missing"]), &after["missing"][0]["why"]), (vec!["c"], &json!("failed")));
    assert_eq!(after["leader"], json!("b"));
    assert!(after["term"].as_u64() > status["term"].as_u64());
    let health = get_until(&address, "/healthz", |answer| answer.status == 200);
    assert!(health.body.starts_with("ok\nc has been missing since "), "{}", health.body);
}

#[test]
fn events_come_once_and_go_on_after_the_last_one() {
    let group = Group::new();
    let (peer, address) = start(&group, "a", &[]);
    peer.wait_for_view(&["a"]);
    let has_view = |answer: &crate::client::Answer| answer.body.contains("Is Group Leader: True");
    let all = get_until(&address, "/api/v1/events", has_view).json();
    let events = all["events"].as_array().expect("a list");
    let ids: Vec<u64> = events.iter().map(|event| event["id"].as_u64().expect("a number")).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    let view = events.iter().find(|event| event["event"] == "view").expect("there is one");
    assert_eq!(view["text"], json!("View 1.1@a: [a]\nIs Group Leader: True"));
    assert_eq!(view["level"], json!("info"));
    let last = ids.last().expect("something happened");
    assert_eq!(get(&address, &format!("/api/v1/events?after={last}")).json(), json!({ "events": [] }));
}

#[test]
fn a_peer_without_a_group_says_that_it_does_not_work() {
    let group = Group::new();
    let options = ["--resume", "--quorum", "2", "--data-dir", "data"];
    let (_peer, address) = start(&group, "a", &options);
    let health = get_until(&address, "/healthz", |answer| answer.body.contains("1 of 2 members"));
    assert_eq!(health.status, 503);
    let status = get(&address, "/api/v1/status").json();
    assert_eq!((&status["suspended"]["have"], &status["suspended"]["need"]), (&json!(1), &json!(2)));
    assert_eq!(status["health"]["reasons"][0]["reason"], json!("suspended"));
}

#[test]
fn a_bad_request_is_refused_with_a_reason() {
    let group = Group::new();
    let (_peer, address) = start(&group, "a", &["--http-host", "greenhouse.example"]);
    for (path, status, word) in [
        ("/nothing", 404, "/metrics"),
        ("/api/v1/events?after=x", 400, "after=x is no id of an event"),
        ("/api/v1/events?aftr=1", 400, "There is no parameter aftr here"),
        ("/../../etc/passwd", 404, "nothing here"),
    ] {
        let answer = get(&address, path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.body.contains(word) && answer.body.lines().count() == 1, "{path}: {}", answer.body);
    }
    let host =
        |host: &str| exchange(&address, &format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    for ours in ["localhost", "127.0.0.1", "greenhouse.example:80"] {
        assert_ne!(host(ours).status, 403, "{ours}");
    }
    assert_eq!(host("rebound.example").status, 403);
    let posted = exchange(&address, &format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!((posted.status, posted.header("Allow")), (405, Some("GET, HEAD")));
}

#[test]
fn every_answer_forbids_what_a_page_does_not_need() {
    let group = Group::new();
    let (_peer, address) = start(&group, "a", &[]);
    for path in ["/", "/api/v1/status", "/nothing"] {
        let answer = get(&address, path);
        let policy = answer.header("Content-Security-Policy").expect("there is one");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
    }
    let page = get(&address, "/");
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    let tag = page.header("ETag").expect("a tag");
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n");
    let again = exchange(&address, &request);
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let head = exchange(&address, &format!("HEAD / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("Content-Length"), page.header("Content-Length"));
}
