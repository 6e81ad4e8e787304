//! What `peer log2html` makes of the logs of real processes.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Group, Peer};

/// Lines for the page beside those of the default level.
const LEVELS: &str = "info,peer::threads::talk=trace";

fn start(group: &Group, id: &str) -> Peer {
    let mut command = group.command(id);
    command.args(["--sensor", "stdin", "--log-format", "json"]).env("RUST_LOG", LEVELS);
    Peer::start(id, command, group.data_of(id))
}

/// The page of these logs, as data.
fn page(group: &Group, peers: &[Peer]) -> Value {
    let html = group.directory.join("group.html");
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    command.env_clear().args(["log2html", "--html"]).arg(&html);
    for peer in peers {
        let path = group.directory.join(format!("{}.log", peer.id));
        fs::write(&path, peer.log().join("\n") + "\n").expect("written");
        command.arg(path);
    }
    let done = command.output().expect("the binary was built");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains(": 3 peers, "), "{said}{}", String::from_utf8_lossy(&done.stderr));
    let text = fs::read_to_string(html).expect("written");
    let data = text.split_once(r#"id="run">"#).and_then(|(_, rest)| rest.split_once("</script>")).expect("its data").0;
    serde_json::from_str(data).expect("JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn a_page_of_a_real_group_shows_messages_roles_and_a_killed_leader() {
    let group = Group::new();
    let mut peers: Vec<Peer> = ["a", "b", "c"].into_iter().map(|id| start(&group, id)).collect();
    let sees = |peer: &Peer, members: &str| peer.wait_for(&format!("\"members\":[{members}]"));
    for peer in &peers {
        sees(peer, r#""a","b","c""#);
    }
    peers[0].feed_numbered(0, 5);
    for peer in &peers {
        // It is told by what the peer is, once the rows are in the files.
        peer.wait_for("\"delivered\":5");
    }
    let leads = |peer: &Peer| {
        peer.log().iter().any(|line| line.contains("\"event\":\"view\"") && line.contains("\"leads\":true"))
    };
    let leader = peers.iter().rposition(leads).expect("one leads");
    let (killed, rest) = (peers[leader].id.clone(), peers.iter().filter(|peer| !leads(peer)));
    let left: Vec<String> = rest.clone().map(|peer| format!("\"{}\"", peer.id)).collect();
    peers[leader].kill();
    for peer in peers.iter().filter(|peer| peer.id != killed) {
        sees(peer, &left.join(","));
    }
    let page = page(&group, &peers);
    let messages = page["messages"].as_array().expect("a list");
    let arrived =
        |verb: &str| messages.iter().filter(|message| message["verb"] == verb && !message["arrived"].is_null()).count();
    for verb in [
        "HELLO",
        "WHO",
        "HERE",
        "NEW_PEER_REQUEST",
        "SEQUENCER_REQUEST",
        "ORDERED",
        "STORED",
        "COMMIT",
        "VIEW_CHANGE",
        "COORDINATOR",
    ] {
        assert!(arrived(verb) > 0, "no {verb} arrives");
    }
    // On one host there is one clock.
    for message in messages.iter().filter(|message| !message["arrived"].is_null()) {
        assert!(number(&message["sent"]) <= number(&message["arrived"]), "{message}");
    }
    let names = page["names"].as_array().expect("a list");
    let of = |id: &str| names.iter().position(|name| name == id).expect("a name");
    let states = page["states"].as_array().expect("a list");
    let is = |id: &str, word: &str| states.iter().any(|state| state["host"] == of(id) && state["is"] == word);
    assert!(is(&killed, "leads") && left.iter().any(|id| is(id.trim_matches('"'), "leads")), "{states:?}");
    assert!(states.iter().any(|state| state["delivered"] == 5 && state["committed"] == 5), "{states:?}");
}
