//! What is said of what goes wrong: one line, which says what to do.

use std::fs;
use std::net::TcpListener;

use crate::bridge::{self, assert_says, refused, rows};
use crate::nats::Nats;
use crate::server::{free_port, Server};

#[test]
fn a_wrong_url_is_a_wrong_option() {
    let directory = std::env::temp_dir();
    for (url, said) in [
        ("kafka://hub", "nats://"),
        ("nats://", "no host"),
        ("nats://fd00::3", "[fd00::3]"),
        ("influx://hub", "database or bucket"),
        ("mqtt://hub/topic", "--topic"),
    ] {
        assert_says(refused(&directory, &[url]), 2, &[said]);
    }
    for (option, said) in [
        ("--topic=all", "{sensor}"),
        ("--topic=#/{sensor}", "several topics"),
        ("--home-assistant=ha/#", "several topics"),
        ("--home-assistant=+", "several topics"),
        ("--home-assistant=", "is empty"),
    ] {
        assert_says(refused(&directory, &[option, "mqtt://hub"]), 2, &[said]);
    }
}

#[test]
fn a_missing_stream_is_named_with_the_subjects_that_it_needs() {
    let Some(nats) = Nats::start("none") else { return };
    let group = rows();
    let url = nats.url() + "/rows";
    assert_says(refused(&group.directory, &[&url]), 1, &["no stream rows", "sensors.*", "--create"]);
    nats.make("rows", &["other.*".to_owned()]);
    let said = ["stream rows does not take sensors.*"];
    assert_says(refused(&group.directory, &[&url]), 1, &said);
    nats.make("another", &["sensors.*".to_owned()]);
    assert_says(refused(&group.directory, &[&url]), 1, &said);
}

#[test]
fn wrong_credentials_end_a_bridge_and_right_ones_do_not() {
    let server = Server::start("nats-server", "-c", |port, directory| {
        let store = directory.display();
        format!("listen: 127.0.0.1:{port}\njetstream {{ store_dir: {store} }}\nauthorization {{ user: u, password: \"p/w\" }}\n")
    });
    let Some(server) = server else { return };
    let group = rows();
    let url = |user: &str| format!("nats://{user}127.0.0.1:{}", server.port);
    for user in ["", "u:wrong@"] {
        assert_says(refused(&group.directory, &[&url(user)]), 1, &["does not let this bridge in", "--credentials"]);
    }
    let bridge = bridge::start("bridge", &group.directory, &["--create", &url("u:p%2Fw@")]);
    bridge.wait_for("rows go there");
    assert!(!bridge.log().concat().contains("p/w"), "a password is nobody's to read");
}

#[test]
fn a_server_that_is_away_is_waited_for_with_one_line() {
    let prepared = Server::prepared("nats-server", "-c", |port, directory| {
        format!("listen: 127.0.0.1:{port}\njetstream {{ store_dir: {} }}\n", directory.display())
    });
    let Some(mut server) = prepared else { return };
    let group = rows();
    let url = format!("nats://127.0.0.1:{}", server.port);
    let bridge = bridge::start("bridge", &group.directory, &["--create", &url]);
    bridge.wait_for("rows wait");
    server.run();
    bridge.wait_for("rows go there");
    assert_eq!(bridge.log().iter().filter(|line| line.contains("rows wait")).count(), 1);
}

#[test]
fn a_server_that_says_nothing_is_given_up_for_the_next_one() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let silent = listener.local_addr().expect("loopback");
    let group = rows();
    let mut waiting = bridge::start("waiting", &group.directory, &[&format!("nats://{silent}")]);
    waiting.wait_for("no answer within 5 s; rows wait");
    waiting.signal("-TERM");
    assert_eq!(waiting.wait_for_exit().code(), Some(0));
    let Some(nats) = Nats::start("sensors") else { return };
    let url = format!("nats://{silent},127.0.0.1:{}", nats.server.port);
    bridge::start("bridge", &group.directory, &["--create", &url]).wait_for("rows go there");
}

#[test]
fn a_server_that_refuses_ends_no_bridge_while_another_one_is_away() {
    let Some(nats) = Nats::start("rows") else { return };
    let group = rows();
    let url = format!("nats://127.0.0.1:{},127.0.0.1:{}/rows", nats.server.port, free_port());
    let bridge = bridge::start("bridge", &group.directory, &[&url]);
    bridge.wait_for("there is no stream rows");
    nats.make("rows", &["sensors.*".to_owned()]);
    bridge.wait_for("rows go there");
}

#[test]
fn an_authority_without_tls_is_not_passed_over() {
    let directory = std::env::temp_dir();
    for (url, said) in [("mqtt://me:secret@hub", "mqtts://"), ("influx://hub/lab", "influxs://")] {
        assert_says(refused(&directory, &["--ca-file", "authority.pem", url]), 1, &["--ca-file", said]);
    }
}

#[test]
fn a_cursor_that_is_none_is_left_as_it_is() {
    let group = rows();
    fs::write(group.directory.join("cursor"), "peer-rows 1\n").expect("a file for the test");
    let url = format!("nats://127.0.0.1:{}", free_port());
    assert_says(refused(&group.directory, &["--cursor", "cursor", &url]), 1, &["is no cursor", "--cursor"]);
    assert_eq!(fs::read_to_string(group.directory.join("cursor")).expect("it is there"), "peer-rows 1\n");
}
