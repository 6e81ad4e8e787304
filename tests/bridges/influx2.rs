//! Buckets of InfluxDB 2, whose server no package of this system has: a stand-in on loopback takes what its documentation says of
//! `POST /api/v2/write`, and answers as that says.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::bridge::{self, assert_says, refused, rows};
use crate::harness::Group;
use crate::storm::{readings, wait_for, Holder};

/// A token may hold what a name and a password hold.
const TOKEN: &str = "k:Ey=+/==";
const ORG: &str = "us & them";
const BUCKET: &str = "lab/2";

#[derive(Default)]
struct Bucket {
    points: BTreeSet<String>,
    /// How the next requests with points are answered, instead of taking them.
    answers: VecDeque<Answer>,
    /// A proxy in front of it takes no larger request.
    largest: Option<usize>,
    /// What no documentation allows.
    wrong: Vec<String>,
}

type Answer = (&'static str, &'static str, &'static str);

/// What version 2.7 says of points that are older than the bucket keeps any.
const OUTSIDE: &str =
    r#"{"code":"x","message":"partial write: dropped 1 points outside retention policy of duration 24h0m0s - oldest"}"#;

const TAKEN: Answer = ("204 No Content", "", "");

#[derive(Clone)]
struct StandIn {
    port: u16,
    bucket: Arc<Mutex<Bucket>>,
}

impl StandIn {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let stand_in = Self { port, bucket: Arc::default() };
        let shared = Arc::clone(&stand_in.bucket);
        // It ends with the process.
        thread::spawn(move || {
            for connection in listener.incoming() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(connection.expect("a connection"), &shared));
            }
        });
        stand_in
    }

    fn url(&self, bucket: &str, org: &str) -> String {
        format!("influx://127.0.0.1:{}/{bucket}?org={org}", self.port)
    }
}

impl Holder for StandIn {
    fn held(&mut self) -> u64 {
        self.bucket.lock().expect("no panic").points.len() as u64
    }

    fn fall(&mut self) {}
}

/// Answers requests until the other side hangs up.
fn serve(mut connection: TcpStream, bucket: &Mutex<Bucket>) {
    let mut bytes = Vec::new();
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(head) = request.parse(&bytes).expect("HTTP") {
            let header = |name: &str| {
                let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                found.map_or("", |header| std::str::from_utf8(header.value).expect("text"))
            };
            let end = head + header("Content-Length").parse::<usize>().expect("a length");
            if bytes.len() >= end {
                let body = std::str::from_utf8(&bytes[head..end]).expect("text");
                let (method, path) = (request.method.expect("whole"), request.path.expect("whole"));
                let (status, more, text) =
                    answer(&mut bucket.lock().expect("no panic"), method, path, header("Authorization"), body);
                let length = text.len();
                let head = format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\n\r\n{text}");
                if connection.write_all(head.as_bytes()).is_err() {
                    return;
                }
                bytes.drain(..end);
                continue;
            }
        }
        let mut part = [0; 8192];
        match connection.read(&mut part) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&part[..count]),
            _ => return,
        }
    }
}

/// As the server does it: first whether the token is known, then where points go, then the points.
fn answer(bucket: &mut Bucket, method: &str, path: &str, authorization: &str, body: &str) -> Answer {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if method != "POST" || path != "/api/v2/write" {
        bucket.wrong.push(format!("{method} {path}"));
    }
    let query: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let of = |name: &str| query.get(name).map_or("", String::as_str);
    if authorization != format!("Token {TOKEN}") {
        return ("401 Unauthorized", "", r#"{"code":"unauthorized","message":"unauthorized access"}"#);
    }
    if of("org") != ORG {
        return ("404 Not Found", "", r#"{"code":"not found","message":"organization name not found"}"#);
    }
    if of("bucket") != BUCKET {
        return ("404 Not Found", "", r#"{"code":"not found","message":"bucket not found"}"#);
    }
    if of("precision") != "ns" || query.len() != 3 {
        bucket.wrong.push(format!("{query:?}"));
    }
    if bucket.largest.is_some_and(|largest| body.len() > largest) {
        return ("413 Request Entity Too Large", "", "<html>413</html>");
    }
    if body.is_empty() {
        return ("400 Bad Request", "", r#"{"code":"invalid","message":"writing requires points"}"#);
    }
    let points: Vec<&str> = body.lines().filter(|line| !line.is_empty()).collect();
    bucket.wrong.extend(points.iter().filter(|point| !is_point(point)).map(|point| (*point).to_owned()));
    let answer = if points.is_empty() { TAKEN } else { bucket.answers.pop_front().unwrap_or(TAKEN) };
    // One that says that it dropped some took the others.
    if answer.0.starts_with("204") || answer.2.contains("dropped") {
        bucket.points.extend(points.into_iter().map(str::to_owned));
    }
    answer
}

/// Whether it has a measurement with its tags, fields, and a time in nanoseconds.
fn is_point(line: &str) -> bool {
    let parts: Vec<&str> = line.split(' ').collect();
    let [series, fields, time] = parts[..] else { return false };
    let is_number = |field: &str| field.split_once('=').is_some_and(|(_, value)| value.parse::<f64>().is_ok());
    series.starts_with("reading,group=sensors,sensor=")
        && fields.split(',').all(is_number)
        && time.len() == 19
        && time.parse::<i64>().is_ok()
}

#[test]
fn each_row_is_a_point_of_a_bucket_whatever_it_answers_at_times() {
    let mut stand_in = StandIn::start();
    let group = rows();
    let mut peer = group.start_with("a", &["--sensor", "stdin", "--resume"]);
    std::fs::write(group.directory.join("token"), format!("{TOKEN}\n")).expect("a file for the test");
    let options = ["--credentials", "token", &stand_in.url("lab%2F2", "us%20%26%20them")];
    let bridge = bridge::start("bridge", &group.directory, &options);
    wait_for(&mut stand_in, &bridge, 10);
    for (number, (answer, is_told)) in [
        (("500 Internal Server Error", "", r#"{"code":"internal error","message":"x"}"#), true),
        (("503 Service Unavailable", "Retry-After: 1\r\n", r#"{"code":"unavailable","message":"x"}"#), true),
        (("429 Too Many Requests", "Retry-After: 1\r\n", r#"{"code":"too many requests","message":"x"}"#), true),
        (("401 Unauthorized", "", r#"{"code":"unauthorized","message":"unauthorized access"}"#), true),
        (("422 Unprocessable Entity", "", "partial write: points beyond retention policy dropped=1"), false),
        (("422 Unprocessable Entity", "", OUTSIDE), false),
        // The page of a network that wants a user to look at it first.
        (("200 OK", "", "<html>Welcome</html>"), true),
        (("302 Found", "Location: /welcome\r\n", ""), true),
    ]
    .into_iter()
    .enumerate()
    {
        stand_in.bucket.lock().expect("no panic").answers.push_back(answer);
        peer.feed(&readings(&number.to_string(), 10));
        wait_for(&mut stand_in, &bridge, 20 + 10 * number as u64);
        assert_eq!(bridge.said(&answer.0[..3]), is_told, "{answer:?}");
    }
    assert_eq!(stand_in.held(), 90);
    assert_eq!(stand_in.bucket.lock().expect("no panic").wrong, [""; 0]);
}

#[test]
fn rows_go_in_parts_where_larger_requests_are_refused() {
    let mut stand_in = StandIn::start();
    stand_in.bucket.lock().expect("no panic").largest = Some(20_000);
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed(&readings("a", 6000));
    peer.wait_for_rows(6000);
    std::fs::write(group.directory.join("token"), TOKEN).expect("a file for the test");
    let options = ["--credentials", "token", &stand_in.url("lab%2F2", "us%20%26%20them")];
    let bridge = bridge::start("bridge", &group.directory, &options);
    wait_for(&mut stand_in, &bridge, 6000);
    assert!(!bridge.said("413"), "it passes by itself");
    assert_eq!(stand_in.bucket.lock().expect("no panic").wrong, [""; 0]);
}

#[test]
fn a_wrong_token_organisation_or_bucket_ends_a_bridge() {
    let stand_in = StandIn::start();
    let group = rows();
    for (token, bucket, org, said) in [
        ("other", "lab%2F2", "us%20%26%20them", "does not let this bridge in (401)"),
        (TOKEN, "lab", "us%20%26%20them", "no such database or bucket"),
        (TOKEN, "lab%2F2", "them", "organization name not found"),
    ] {
        std::fs::write(group.directory.join("token"), token).expect("a file for the test");
        let options = ["--credentials", "token", &stand_in.url(bucket, org)];
        assert_says(refused(&group.directory, &options), 1, &[said]);
    }
}
