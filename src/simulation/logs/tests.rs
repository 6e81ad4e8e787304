//! Logs as peers write them, and what is on the page.

use std::fs;

use super::*;
use crate::simulation::record::Way;
use crate::storage::TempDir;

/// A line of `peer`, `at` milliseconds after noon.
fn line(peer: &str, at: u64, level: &str, rest: &str) -> String {
    let micros = 1_768_478_400_000_000 + at * 1000;
    let (seconds, ms) = (at / 1000, at % 1000);
    let time = format!("2026-01-15T12:00:{seconds:02}.{ms:03}Z");
    format!(
        "{{\"ts\":\"{time}\",\"level\":\"{level}\",\"peer\":\"{peer}\",\"thread\":\"t\",{rest},\"micros\":{micros}}}\n"
    )
}

fn said(peer: &str, at: u64, to: &str, way: &str, text: &str) -> String {
    let to = if to.is_empty() { String::new() } else { format!("\"to\":\"{to}\",") };
    line(peer, at, "trace", &format!("\"event\":\"said\",\"message\":\"x\",{to}\"way\":\"{way}\",\"text\":\"{text}\""))
}

fn heard(peer: &str, at: u64, from: &str, way: &str, text: &str) -> String {
    let from = if from.is_empty() { String::new() } else { format!("\"from\":\"{from}\",") };
    line(
        peer,
        at,
        "trace",
        &format!("\"event\":\"heard\",\"message\":\"x\",{from}\"way\":\"{way}\",\"text\":\"{text}\""),
    )
}

fn view(peer: &str, at: u64, leads: bool) -> String {
    let rest = format!(
        "\"event\":\"view\",\"message\":\"View 1.1@b: [a, b]\\nIs Group Leader: {leads}\",\"term\":1,\"change\":1,\
         \"leader\":\"b\",\"members\":[\"a\",\"b\"],\"leads\":{leads}"
    );
    line(peer, at, "info", &rest)
}

/// Writes each text into a file of its own; they are gone with the directory.
fn asked(texts: &[String]) -> (Asked, TempDir) {
    let temp = TempDir::new();
    let files = texts.iter().enumerate().map(|(number, text)| {
        let path = temp.path().join(format!("{number}.log"));
        fs::write(&path, text).unwrap();
        path
    });
    (Asked { files: files.collect(), html: temp.path().join("page.html"), from: i64::MIN, to: i64::MAX }, temp)
}

/// A message that arrives: from, to, when it was said, how long it took, in milliseconds, and its text.
type Arrow = (String, String, i64, i64, String);

/// All that arrive, what the logs tell, and by how much each clock is ahead.
fn arrows(texts: &[String]) -> (Vec<Arrow>, Logs, Vec<i64>) {
    let (asked, _temp) = asked(texts);
    let mut logs = read(&asked).unwrap();
    let ahead = matching::ahead(&mut logs);
    logs.set_back(&ahead);
    let (began, _) = logs.span().unwrap();
    let mut arrows: Vec<_> = logs
        .said
        .iter()
        .filter_map(|said| {
            let heard = &logs.heard[said.heard?];
            let (from, to) = (logs.names[said.host].clone(), logs.names[said.to?].clone());
            Some((from, to, (said.at - began) / 1000, (heard.at - said.at) / 1000, said.text.clone()))
        })
        .collect();
    arrows.sort_by_key(|arrow| (arrow.2, arrow.1.clone()));
    (arrows, logs, ahead)
}

fn arrow(from: &str, to: &str, at: i64, took: i64, text: &str) -> Arrow {
    (from.to_owned(), to.to_owned(), at, took, text.to_owned())
}

#[test]
fn a_message_arrives_as_the_next_of_its_text_and_what_it_overtook_is_lost() {
    let beat = "HEARTBEAT:1@b/1:3";
    let a = [
        said("a", 0, "b", "connection", beat),
        said("a", 10, "b", "connection", "COMMIT:1@b/1:4"),
        said("a", 20, "b", "connection", beat),
        said("a", 30, "b", "connection", beat),
    ];
    // The first connection broke with two messages on it.
    let b = [heard("b", 21, "a", "connection", beat), heard("b", 33, "a", "connection", beat)];
    let b = [said("b", 5, "a", "connection", "STORED:1@b/1:4")].into_iter().chain(b).collect::<String>();
    let (arrows, logs, _) = arrows(&[a.concat(), b]);
    // Which of two equal ones was lost nobody can tell: the earliest that may have arrived is taken.
    assert_eq!(arrows, [arrow("a", "b", 0, 21, beat), arrow("a", "b", 20, 13, beat)]);
    assert_eq!(logs.said.iter().filter(|said| said.heard.is_none()).count(), 3);
}

#[test]
fn addresses_that_each_side_sees_in_its_own_way_hide_nothing() {
    let a = [
        said("a", 0, "", "datagram", "NEW_PEER_REQUEST:a:0:100:10.0.0.1:7001"),
        said("a", 1, "b", "connection", "HELLO:2:sensors:-:a:100:0.0.0.0:7001:b:a183"),
        said("a", 2, "", "question", "WHO:77:-"),
        heard("a", 4, "", "question", "HERE:77:1:0:0:b:0:200:192.168.0.2:7002:-:0"),
    ];
    let b = [
        heard("b", 1, "", "datagram", "NEW_PEER_REQUEST:a:0:100:192.168.0.1:7001"),
        heard("b", 2, "a", "connection", "HELLO:2:sensors:-:a:100:192.168.0.1:7001:b:a183"),
        heard("b", 3, "a", "question", "WHO:77:-"),
        said("b", 3, "", "question", "HERE:77:1:0:0:b:0:200:0.0.0.0:7002:-:0"),
    ];
    // Each datagram also comes back to its sender.
    let echo = heard("a", 0, "", "datagram", "NEW_PEER_REQUEST:a:0:100:10.0.0.1:7001");
    let (arrows, ..) = arrows(&[a.concat() + &echo, b.concat()]);
    let verbs =
        arrows.iter().map(|(from, to, _, took, text)| (&from[..], &to[..], *took, super::super::record::verb(text)));
    assert_eq!(
        verbs.collect::<Vec<_>>(),
        [("a", "b", 1, "NEW_PEER_REQUEST"), ("a", "b", 1, "HELLO"), ("a", "b", 1, "WHO"), ("b", "a", 1, "HERE")]
    );
}

#[test]
fn one_question_may_go_to_several_addresses() {
    let here = |id: &str| format!("HERE:77:1:0:0:{id}:0:200:10.0.0.2:7002:-:0");
    let who = |at| said("a", at, "", "question", "WHO:77:-");
    let a = [who(0), heard("a", 2, "", "question", &here("b")), who(50), heard("a", 52, "", "question", &here("c"))];
    let answer = |id, at| heard(id, at, "a", "question", "WHO:77:-") + &said(id, at, "", "question", &here(id));
    let (arrows, _, ahead) = arrows(&[a.concat(), answer("b", 1), answer("c", 51)]);
    let (to_b, to_c) = (arrow("a", "b", 0, 1, "WHO:77:-"), arrow("a", "c", 50, 1, "WHO:77:-"));
    assert_eq!(arrows, [to_b, arrow("b", "a", 1, 1, &here("b")), to_c, arrow("c", "a", 51, 1, &here("c"))]);
    assert_eq!(ahead, [0, 0, 0]);
}

#[test]
fn times_that_no_clock_shows_do_no_harm() {
    let strange = |text: &str| {
        let rest = "\"event\":\"said\",\"message\":\"x\",\"to\":\"b\",\"way\":\"connection\",\"text\":\"x:1\"";
        let line = line("a", 10, "trace", rest);
        format!("{},\"micros\":{text}}}\n", line.split(",\"micros\"").next().unwrap())
    };
    let texts = ["9223372036854775807", "-9223372036854775808", "1e300", "\"x\"", "253402207200999999"].map(strange);
    let (asked, _temp) = asked(&[view("a", 0, true) + &texts.concat()]);
    run(&asked, &mut Vec::new()).unwrap();
}

#[test]
fn clocks_are_set_right_where_a_message_would_arrive_before_it_is_said() {
    // The clock of b is 5 s behind, and c's, which only talks with b, 8 s. A message takes 10 ms.
    let a = said("a", 9000, "b", "connection", "x:1") + &heard("a", 9520, "b", "connection", "x:2");
    let b = heard("b", 4010, "a", "connection", "x:1") + &said("b", 4510, "a", "connection", "x:2");
    let b = b + &said("b", 5000, "c", "connection", "x:3") + &heard("b", 5120, "c", "connection", "x:4");
    let c = heard("c", 2010, "b", "connection", "x:3") + &said("c", 2110, "b", "connection", "x:4");
    let (arrows, logs, ahead) = arrows(&[a, b, c]);
    assert_eq!(
        (&logs.names[..], &ahead[..]),
        (&["a".into(), "b".into(), "c".into()][..], &[0, -5_000_000, -8_000_000][..])
    );
    assert_eq!(
        arrows,
        [
            arrow("a", "b", 0, 10, "x:1"),
            arrow("b", "a", 510, 10, "x:2"),
            arrow("b", "c", 1000, 10, "x:3"),
            arrow("c", "b", 1110, 10, "x:4"),
        ]
    );
}

/// Both directions between two hosts: said at the first time, heard at the second one.
fn talk(from: &str, to: &str, number: u64, at: u64, arrives: u64) -> [(String, String); 2] {
    let text = format!("x:{number}");
    let says = (from.to_owned(), said(from, at, to, "connection", &text));
    [says, (to.to_owned(), heard(to, arrives, from, "connection", &text))]
}

fn logs_of(names: &[&str], talks: &[[(String, String); 2]]) -> Vec<String> {
    let of = |name: &&str| talks.iter().flatten().filter(|(of, _)| of == name).map(|(_, line)| &line[..]).collect();
    names.iter().map(of).collect()
}

#[test]
fn a_clock_that_was_changed_meanwhile_is_left_as_it_is() {
    // The clock of a goes right, that of c is 2 s ahead, and that of b is set back by 4 s between 10 s and 20 s.
    let with_b = [
        talk("a", "b", 1, 10_000, 10_010),
        talk("b", "a", 2, 10_100, 10_110),
        talk("a", "b", 3, 20_000, 16_010),
        talk("b", "a", 4, 16_100, 20_110),
        talk("c", "b", 5, 12_200, 10_210),
        talk("b", "c", 6, 10_300, 12_310),
        talk("c", "b", 7, 22_200, 16_210),
        talk("b", "c", 8, 16_300, 22_310),
    ];
    let with_c = [talk("a", "c", 9, 20_400, 22_410), talk("c", "a", 10, 22_500, 20_510)];
    let (_, logs, ahead) = arrows(&logs_of(&["a", "b", "c"], &[&with_b[..], &with_c].concat()));
    assert_eq!((&logs.changed[..], &ahead[..]), (&[1][..], &[0, 0, 2_000_000][..]));
    let told = about(&logs, &ahead, 0);
    assert!(told.contains("The clock of b was changed meanwhile") && !told.contains("of b is"), "{told}");
    // Without a third host nobody can tell which of two it was.
    let (_, logs, ahead) = arrows(&logs_of(&["a", "b"], &with_b[..4]));
    assert_eq!((&logs.changed[..], &ahead[..]), (&[0, 1][..], &[0, 0][..]));
    assert!(about(&logs, &ahead, 0).contains("Clocks of a, b were changed meanwhile, of all or some"));
}

#[test]
fn without_messages_the_lines_about_the_group_tell_what_each_peer_was() {
    let start = line("a", 0, "info", "\"event\":\"peer_id\",\"message\":\"Peer ID: a\"");
    let gone = line("a", 900, "warn", "\"event\":\"leader_gone\",\"message\":\"Leader b is gone\",\"leader\":\"b\"");
    let stopped = line("a", 1500, "info", "\"event\":\"stopped\",\"message\":\"Stopped\"");
    let panic = "thread 'x' panicked at src/x.rs:1:1:\n";
    let (asked, _temp) = asked(&[start + &view("a", 500, false) + panic + &gone + &stopped, view("b", 499, true)]);
    let mut out = Vec::new();
    run(&asked, &mut out).unwrap();
    let said = String::from_utf8(out).unwrap();
    assert!(said.contains(": 2 peers, 0 messages in 1.5 s\n") && said.contains("talk=trace"), "{said}");
    let logs = read(&asked).unwrap();
    let of_a: Vec<_> =
        logs.stands.iter().filter(|stands| stands.state.host == 0).map(|stands| stands.state.is).collect();
    assert_eq!((of_a, logs.others), (vec!["seeks", "member", "elects", "down"], 1));
    let leader = &logs.stands.iter().find(|stands| stands.state.host == 1).unwrap().state;
    assert_eq!((leader.is, leader.term.as_deref(), &leader.members[..]), ("leads", Some("1@b"), "b a"));
    let page = fs::read_to_string(&asked.html).unwrap();
    for part in ["\"played\":false", "Leader b is gone", "1 lines are none of a peer's log", "\"log\":null"] {
        assert!(page.contains(part), "{part} is not on the page");
    }
}

#[test]
fn each_life_of_a_peer_is_drawn_from_what_it_logs_itself() {
    let start = |at| line("a", at, "info", "\"event\":\"peer_id\",\"message\":\"Peer ID: a\"");
    let traced = start(0) + &said("a", 10, "b", "connection", "x:1") + &view("a", 20, false);
    // The first life was killed, the second one says less.
    let second = start(3000) + &view("a", 3500, true);
    let (asked, _temp) = asked(&[traced + &second, view("b", 20_000, true)]);
    let logs = read(&asked).unwrap();
    let (began, ended) = logs.span().unwrap();
    let of_a: Vec<_> = on_page(&logs, "", began, ended).states.iter().map(|state| (state.host, state.is)).collect();
    // A log of the default level may be silent: nobody knows that the second one was killed.
    assert_eq!(of_a, [(0, "seeks"), (0, "seeks"), (0, "leads"), (1, "leads")]);
}

#[test]
fn a_peer_that_says_nothing_more_while_others_do_was_killed() {
    let stands = |peer, at| {
        let rest =
            "\"event\":\"stands\",\"message\":\"member\",\"is\":\"member\",\"term\":\"1@b\",\"members\":[\"b\",\"a\"],\
                    \"taken\":1,\"last\":5,\"committed\":4,\"delivered\":3";
        line(peer, at, "trace", rest)
    };
    let a = view("a", 0, false) + &stands("a", 1) + &said("a", 100, "b", "connection", "x:1");
    let b = stands("b", 1) + &heard("b", 101, "a", "connection", "x:1") + &said("b", 20_000, "a", "connection", "x:2");
    let (asked, _temp) = asked(&[b, a]);
    let mut logs = read(&asked).unwrap();
    matching::ahead(&mut logs);
    let (began, ended) = logs.span().unwrap();
    let about = about(&logs, &[0, 0], began);
    let page = on_page(&logs, &about, began, ended);
    let states: Vec<_> = page.states.iter().map(|state| (state.host, state.is, state.log)).collect();
    // What the view says counts until the log has each change.
    let told = [(0, "member", None), (0, "member", Some(5)), (1, "member", Some(5)), (0, "down", None)];
    assert_eq!(states, told);
    let messages: Vec<_> = page.messages.iter().map(|message| (message.sent, message.arrived, message.verb)).collect();
    assert_eq!(messages, [(0.1, Some(0.101), "x"), (20.0, None, "x")]);
    assert_eq!(logs.said[0].way, Way::Connection);
}

#[test]
fn a_page_takes_the_place_of_pages_alone() {
    let (mut asked, _temp) = asked(&[view("a", 0, true), view("b", 0, false)]);
    let page = asked.html.clone();
    for _ in 0..2 {
        run(&asked, &mut Vec::new()).unwrap();
        assert!(fs::read_to_string(&page).unwrap().contains("Is Group Leader"));
    }
    let refused = |asked: &Asked, why: &str| {
        let before = fs::read(&asked.html).unwrap();
        let told = run(asked, &mut Vec::new()).unwrap_err().to_string();
        assert_eq!(told, format!("--html {} is not written: {why}", asked.html.display()));
        assert_eq!(fs::read(&asked.html).unwrap(), before);
    };
    // By another name of the same file.
    asked.html = asked.files[1].parent().unwrap().join(".").join("1.log");
    refused(&asked, "it is one of the files to be read");
    // `--html *.log`
    asked.html = asked.files.remove(0);
    refused(&asked, "it is there, and is no page");
    fs::write(&page, "").unwrap();
    asked.html = page;
    run(&asked, &mut Vec::new()).unwrap();
}

#[test]
fn what_is_no_log_or_outside_of_the_times_is_refused_by_name() {
    let text = "2026-01-01T00:00:00.000Z INFO  heartbeat: View 3.2@peer3: [peer1]\n".to_owned();
    let (no_log, _temp) = asked(&[view("a", 0, true), text]);
    let why = run(&no_log, &mut Vec::new()).unwrap_err().to_string();
    assert!(why.contains("1.log holds no line of a peer's log in JSON") && why.contains("--log-format json"), "{why}");
    let (mut early, _temp) = asked(&[view("a", 0, true)]);
    early.to = 1_768_478_399_000;
    assert_eq!(run(&early, &mut Vec::new()).unwrap_err().to_string(), "no line is between these times");
    early.files[0].set_extension("missing");
    assert!(matches!(run(&early, &mut Vec::new()), Err(LogsError::Read { .. })));
}
