//! What lets a bridge in at each engine. A wrong one ends it with one line; after rows went there, it waits for a right one.

use std::fs;
use std::path::Path;

use crate::bridge::{self, assert_says, hands_over, refused, rows};
use crate::influx;
use crate::server::{done, Server};

/// Keys for these tests alone: that of a user whom a server knows, and another one.
const USER: &str = "UDYQY2E4B4JS2RAC2IICL7EX5OQQJ4J2CLPZB2MRDFKSGSOW5BSWJNTO";
const SEED: &str = "SUAC6MFZDXH43IEZVLCTEQGBWNOAN3F3V5VGBDUW5F4HWYQW6ZGFFPA56Y";
const OTHER_SEED: &str = "SUAKBG5Q7SYUCYD3U4LPIS3FYJOFUSOPEL74B4AEO7E7JLLNYPW3L2MWWM";

/// Accounts as JWTs, and what `nsc` writes for a user: of one of these accounts, and of another one.
const ACCOUNTS: &str = include_str!("nsc/server.conf");
const OF_ACCOUNT: &str = include_str!("nsc/bridge.creds");
const OF_OTHER: &str = include_str!("nsc/stranger.creds");

fn nats(access: &str) -> Option<Server> {
    Server::start("nats-server", "-c", |port, directory| {
        format!("listen: 127.0.0.1:{port}\njetstream {{ store_dir: {} }}\n{access}\n", directory.display())
    })
}

/// Each of the right texts of `--credentials` lets rows through, and each wrong one ends the bridge.
fn assert_lets_in(url: &str, right: &[&str], wrong: &[&str]) {
    let group = rows();
    let written = |text: &str| fs::write(group.directory.join("let-in"), text).expect("a file for the test");
    let options = ["--create", "--credentials", "let-in", url];
    for text in wrong {
        written(text);
        let said = refused(&group.directory, &options);
        assert!(!said.1.contains(text.trim()), "what is secret is not said");
        assert_says(said, 1, &["does not let this bridge in", "--credentials"]);
    }
    for text in right {
        written(text);
        hands_over(&group.directory, &options);
    }
}

#[test]
fn a_stream_is_reached_by_name_and_password_or_by_a_key() {
    let users = format!("authorization {{ users: [{{ user: me, password: \"a:b\" }}, {{ user: you, password: \"c \" }}, {{ nkey: {USER} }}] }}");
    let Some(server) = nats(&users) else { return };
    let url = format!("nats://127.0.0.1:{}", server.port);
    assert_lets_in(&url, &["me:a:b\r\n", "you:c \n", SEED], &["me:b", "you:c", OTHER_SEED]);
}

#[test]
fn a_stream_is_reached_by_a_token() {
    let Some(server) = nats("authorization { token: secret }") else { return };
    assert_lets_in(&format!("nats://127.0.0.1:{}", server.port), &["secret\n"], &["public"]);
}

#[test]
fn a_token_with_a_colon_is_given_in_the_url() {
    let Some(server) = nats("authorization { token: \"a:b\" }") else { return };
    hands_over(&rows().directory, &["--create", &format!("nats://a%3Ab@127.0.0.1:{}", server.port)]);
}

#[test]
fn a_file_with_nothing_in_it_lets_nobody_in() {
    let group = rows();
    fs::write(group.directory.join("empty"), "\r\n").expect("a file for the test");
    for url in ["nats://127.0.0.1:1", "mqtt://127.0.0.1:1", "influx://127.0.0.1:1/lab"] {
        let said = refused(&group.directory, &["--credentials", "empty", url]);
        assert_says(said, 1, &["--credentials empty: ", "holds nothing"]);
    }
}

#[test]
fn a_stream_is_reached_by_a_file_of_nsc() {
    let Some(server) = nats(ACCOUNTS) else { return };
    let url = format!("nats://127.0.0.1:{}", server.port);
    assert_lets_in(&url, &[OF_ACCOUNT], &[OF_OTHER]);
    let group = rows();
    let half = OF_ACCOUNT.split("-----BEGIN USER NKEY").next().expect("the first part");
    fs::write(group.directory.join("half"), half).expect("a file for the test");
    for (file, said) in [("half", "no whole file of nsc"), ("none", "--credentials none: ")] {
        assert_says(refused(&group.directory, &["--credentials", file, &url]), 1, &[said]);
    }
}

#[test]
fn a_broker_is_reached_by_name_and_password() {
    let prepared = Server::prepared("mosquitto", "-c", |port, directory| {
        format!("listener {port} 127.0.0.1\npassword_file {}/users\nuser root\n", directory.display())
    });
    let Some(mut server) = prepared else { return };
    if !done("mosquitto_passwd", &server.directory, &["-c", "-b", "users", "me", "a:b"]) {
        return;
    }
    server.run();
    assert_lets_in(&format!("mqtt://127.0.0.1:{}", server.port), &["me:a:b\n"], &["me:b", "you:a:b"]);
}

#[test]
fn a_database_is_reached_by_name_and_password() {
    let server = Server::start("influxd", "-config", |port, directory: &Path| {
        influx::configuration(port, directory, "auth-enabled = true\n")
    });
    let Some(server) = server else { return };
    let ask = |query: &str| {
        let request = ureq::post(format!("http://127.0.0.1:{}/query", server.port)).query("u", "root").query("p", "r");
        let answer = request.query("q", query).send_empty().and_then(|mut answer| answer.body_mut().read_to_string());
        assert!(answer.as_ref().is_ok_and(|answer| !answer.contains("error")), "{query}: {answer:?}");
    };
    ask("CREATE USER root WITH PASSWORD 'r' WITH ALL PRIVILEGES");
    ask("CREATE USER me WITH PASSWORD 'a:b'");
    ask("CREATE USER you WITH PASSWORD 'c'");
    let url = format!("influx://127.0.0.1:{}/lab", server.port);
    assert_lets_in(&url, &["root:r"], &["me:b", "root:"]);
    ask("GRANT WRITE ON lab TO me");
    let group = rows();
    for (text, is_let_in) in [("me:a:b\n", true), ("you:c", false)] {
        fs::write(group.directory.join("let-in"), text).expect("a file for the test");
        let options = ["--credentials", "let-in", &url];
        if is_let_in {
            hands_over(&group.directory, &options);
        } else {
            assert_says(refused(&group.directory, &options), 1, &["does not let this bridge in (403)"]);
        }
    }
}

#[test]
fn a_password_that_is_changed_while_a_bridge_works_makes_it_wait() {
    let with = |password: &str, port: u16, directory: &Path| {
        let store = directory.display();
        format!("listen: 127.0.0.1:{port}\njetstream {{ store_dir: {store} }}\nauthorization {{ user: me, password: {password} }}\n")
    };
    let server = Server::start("nats-server", "-c", |port, directory| with("one", port, directory));
    let Some(mut server) = server else { return };
    let group = rows();
    let mut peer = group.start_with("a", &["--sensor", "stdin", "--resume"]);
    let url = format!("nats://me:one@127.0.0.1:{}", server.port);
    let mut bridge = bridge::start("bridge", &group.directory, &["--create", "--cursor", "position", &url]);
    let kept = |line: &'static str| {
        let position = group.directory.join("position");
        move |_: &mut crate::harness::Peer| fs::read_to_string(&position).is_ok_and(|kept| kept.contains(line))
    };
    bridge.poll("the position", kept("at 10\n"));
    let mut change = |password: &str| {
        server.end("-TERM");
        fs::write(server.directory.join("conf"), with(password, server.port, &server.directory)).expect("a file");
        server.run();
    };
    change("two");
    peer.feed("DATA|roof|2026-01-16T00:00:00Z|1||\n");
    bridge.wait_for("does not let this bridge in");
    change("one");
    bridge.poll("the position", kept("at 11\n"));
}
