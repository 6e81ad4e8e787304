//! Readers that give what they have in pieces, against a model that sees whole lines.

use std::collections::VecDeque;
use std::io::{self, Read};

use jiff::Timestamp;
use proptest::prelude::*;

use super::line::OF_ANOTHER;
use super::*;

/// Gives one piece a call, then its end. An empty piece is an interruption by a signal.
struct Pieces(VecDeque<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.front_mut() else { return Ok(0) };
        let length = piece.len().min(out.len());
        if length == 0 {
            self.0.pop_front();
            return Err(ErrorKind::Interrupted.into());
        }
        out[..length].copy_from_slice(&piece[..length]);
        piece.drain(..length);
        if piece.is_empty() {
            self.0.pop_front();
        }
        Ok(length)
    }
}

impl Input for Pieces {
    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    fn close(&mut self) {}

    fn describe(&self) -> String {
        "stdin".to_owned()
    }

    fn name(&self) -> String {
        "standard input".to_owned()
    }
}

const NOW: &str = "2024-05-01T12:00:00.000Z";

fn stdin(pieces: &[&[u8]]) -> LineSource<Pieces> {
    let clock = Clock::new(|| NOW.parse::<Timestamp>().unwrap());
    LineSource::new(Pieces(pieces.iter().map(|piece| piece.to_vec()).collect()), clock, Arc::default())
}

/// The lines refused, and why.
fn refusals<R: Input>(stdin: &LineSource<R>) -> Vec<(u64, ReadingError)> {
    let heard = stdin.complaints.heard().into_iter().filter(|(_, kind, _)| kind.event == REFUSED);
    let all: Vec<_> = heard
        .map(|(subject, kind, text)| {
            let Subject::Own(about) = subject else { panic!("{subject:?}") };
            let field = about.split(' ').next_back().unwrap();
            let field = reading::NAMES.into_iter().chain(["line"]).find(|name| *name == field).unwrap();
            let line = text.split(' ').nth(1).unwrap().parse().unwrap();
            (line, ReadingError { field, reason: kind.detail })
        })
        .collect();
    assert_eq!(stdin.refused, all.len() as u64);
    all
}

fn readings(taken: &Taken) -> Vec<String> {
    let Taken::Readings(lines) = taken else { panic!("readings, not {taken:?}") };
    lines.iter().map(|line| String::from_utf8(line.to_vec()).unwrap()).collect()
}

const A: &str = "DATA|a|2013-01-01T06:00:00Z|3.90|59.37|1012.0";
const B: &str = "DATA|b|2013-01-01T07:00:00+01:00|1e1||";

fn text(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

#[test]
fn lines_are_handed_over_as_given() {
    let mut stdin = stdin(&[&text(&[A, B])]);
    assert_eq!(readings(&stdin.take(10)), [A, B]);
    assert_eq!((stdin.take(10), stdin.take(10)), (Taken::End, Taken::End));
    assert_eq!((stdin.readings(), stdin.interval(), stdin.describe().as_str()), (2, None, "stdin"));
}

#[test]
fn an_empty_timestamp_becomes_now() {
    let mut stdin = stdin(&[b"DATA|a||1|2|3\n"]);
    assert_eq!(readings(&stdin.take(10)), [format!("DATA|a|{NOW}|1|2|3")]);
}

#[test]
fn crlf_and_blank_lines_are_tolerated() {
    let mut stdin = stdin(&[format!("\r\n{A}\r\n\n  \t\n{B}\n ").as_bytes()]);
    assert_eq!(readings(&stdin.take(10)), [A, B]);
    assert_eq!(stdin.take(10), Taken::End);
    assert_eq!((stdin.refused, stdin.line), (0, 6));
}

#[test]
fn a_last_line_without_lf_is_refused_however_whole_it_looks() {
    for last in [A, "DATA|a", "x"] {
        let mut stdin = stdin(&[format!("{B}\n{last}").as_bytes()]);
        assert_eq!(readings(&stdin.take(10)), [B]);
        assert_eq!(stdin.take(10), Taken::End);
        assert_eq!(refusals(&stdin), [(2, NO_END)]);
    }
}

#[test]
fn a_byte_order_mark_is_skipped_where_a_writer_begins_and_nowhere_else() {
    let marked = [BYTE_ORDER_MARK, A.as_bytes(), b"\r\n"].concat();
    let mut once = stdin(&[&marked[..2], &marked[2..], &marked]);
    assert_eq!(readings(&once.take(10)), [A]);
    assert_eq!((once.take(10), once.refused), (Taken::End, 1));
    let longest = [BYTE_ORDER_MARK, &[b' '; LINE_BYTES_MAX], b"\r"].concat();
    let mut blank = stdin(&[&longest, b"\n"]);
    assert_eq!((blank.take(10), blank.refused, blank.line), (Taken::End, 0, 1));
}

#[test]
fn writers_come_one_after_another_until_it_is_over() {
    /// Gives what each writer writes, and nothing where it goes.
    struct Writers(VecDeque<Vec<u8>>);
    impl Read for Writers {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.pop_front().unwrap_or_default();
            out[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }
    impl Input for Writers {
        fn is_over(&self) -> bool {
            self.0.is_empty()
        }
        fn close(&mut self) {}

        fn describe(&self) -> String {
            "stdin".to_owned()
        }
    }
    let marked = [BYTE_ORDER_MARK, &text(&[B])].concat();
    let pieces = [&text(&[A])[..], b"DATA|a|2013-01-01T06:00:00Z|1|2|1013.2", b"", b"", &marked, b"", &text(&[A])];
    let mut stdin = LineSource::new(
        Writers(pieces.iter().map(|piece| piece.to_vec()).collect()),
        Clock::new(Timestamp::now),
        Arc::default(),
    );
    for expected in [A, B, A] {
        assert_eq!(readings(&stdin.take(10)), [expected]);
    }
    assert_eq!((stdin.take(10), stdin.readings()), (Taken::End, 3));
    assert_eq!(refusals(&stdin), [(2, NO_END)]);
}

#[test]
fn a_value_that_says_that_it_was_not_measured_is_left_empty_and_counted() {
    let lines =
        ["DATA|a|2013-01-01T06:00:00Z|1|NaN|unavailable", "DATA|a|2013-01-01T06:00:00Z|-|nan|3", "DATA|a||nan|x|3"];
    let mut stdin = stdin(&[&text(&lines)]);
    let expected = ["DATA|a|2013-01-01T06:00:00Z|1||", "DATA|a|2013-01-01T06:00:00Z|||3"];
    assert_eq!(readings(&stdin.take(10)), expected);
    assert_eq!((stdin.take(10), stdin.refused), (Taken::End, 1));
    let heard = stdin.complaints.heard();
    let emptied: Vec<_> =
        heard.iter().filter(|(_, kind, _)| kind.event == EMPTIED).map(|(subject, ..)| subject.to_string()).collect();
    assert_eq!(emptied, ["a humidity", "a pressure", "a temperature", "a humidity"]);
    assert_eq!(stdin.emptied, 4);
}

#[test]
fn what_is_there_is_handed_over_without_waiting_for_more() {
    let mut stdin = stdin(&[&text(&[A]), b"DATA|b|2013", &text(&["-01-01T06:00:00Z|1|2|3", A])]);
    assert_eq!(readings(&stdin.take(10)), [A]);
    assert_eq!(readings(&stdin.take(10)), ["DATA|b|2013-01-01T06:00:00Z|1|2|3", A]);
}

#[test]
fn no_more_is_handed_over_than_there_is_room_for() {
    let mut stdin = stdin(&[&text(&[A, B, A])]);
    assert_eq!(stdin.take(0), Taken::Nothing);
    assert_eq!(readings(&stdin.take(2)), [A, B]);
    assert_eq!(readings(&stdin.take(2)), [A]);
}

#[test]
fn a_request_is_never_overfull() {
    let many = text(&[B]).repeat(5_000);
    let mut stdin = stdin(&[&many]);
    let mut count = 0;
    while let Taken::Readings(lines) = stdin.take(u64::MAX) {
        assert!(lines.count() <= READINGS_MAX && lines.as_bytes().len() <= BODY_BYTES_MAX);
        count += lines.count();
    }
    assert_eq!((count, stdin.readings()), (5_000, 5_000));
}

#[test]
fn what_is_refused_is_told_with_line_field_reason_and_text() {
    let long = "n".repeat(100);
    let mut stdin = stdin(&[&text(&["", A, "DATA|a|2013-01-01T06:00:00Z|x|2|3", &long, B])]);
    assert_eq!(readings(&stdin.take(10)), [A, B]);
    let texts: Vec<_> = stdin.complaints.heard().into_iter().map(|(.., text)| text).collect();
    let what = "temperature is not a finite decimal number: 'DATA|a|2013-01-01T06:00:00Z|x|2|3'";
    assert_eq!(texts[0], format!("Line 3 of standard input refused: {what}"));
    assert_eq!(
        texts[1],
        format!("Line 4 of standard input refused: line does not begin with DATA|: '{}…'", "n".repeat(80))
    );
    assert_eq!(stdin.refused, 2);
}

#[test]
fn a_line_of_any_length_takes_bounded_memory_and_is_refused_once() {
    let piece = vec![b'x'; 50_000];
    let mut pieces: Vec<&[u8]> = vec![&piece; 100];
    let end = text(&["", A]);
    pieces.push(&end);
    let mut stdin = stdin(&pieces);
    assert_eq!(readings(&stdin.take(10)), [A]);
    assert_eq!(refusals(&stdin), [(1, reading::LINE_TOO_LONG)]);
    assert_eq!((stdin.block.len(), stdin.line), (BLOCK_BYTES, 2));
}

#[test]
fn a_line_is_too_long_only_once_its_crlf_cannot_come_any_more() {
    let longest = vec![b' '; LINE_BYTES_MAX];
    let mut blank = stdin(&[&longest, b"\r", b"\n"]);
    assert_eq!((blank.take(10), blank.refused, blank.line), (Taken::End, 0, 1));
    let mut longer = stdin(&[&longest, b" ", b"\r", b"\n"]);
    assert_eq!((longer.take(10), longer.refused, longer.line), (Taken::End, 1, 1));
}

#[test]
fn a_reader_that_fails_counts_as_ended() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::Other.into())
        }
    }
    impl Input for Failing {
        fn is_over(&self) -> bool {
            false
        }
        fn close(&mut self) {}

        fn describe(&self) -> String {
            "stdin".to_owned()
        }
    }
    let mut stdin = LineSource::new(Failing, Clock::new(Timestamp::now), Arc::default());
    assert_eq!(stdin.take(1), Taken::End);
}

#[test]
fn lines_of_another_form_are_converted_and_readings_among_them_taken_as_they_are() {
    let fields = [crate::config::form::field("temperature=t:F").unwrap()];
    let long = format!("{{\"t\":50,\"note\":\"{}\"}}\n", "x".repeat(1_000));
    let text =
        [&text(&[A, "{\"t\":68}", "", "68"]), long.as_bytes(), &b"x".repeat(20_000), b"\n{\"t\":nan}\n{\"t\":32"]
            .concat();
    let mut jsonl =
        stdin(&[&text[..1_500], &text[1_500..]]).of_form(Form::Jsonl, &fields, Some("roof".parse().unwrap()));
    let mut all = readings(&jsonl.take(10));
    while let Taken::Readings(lines) = jsonl.take(10) {
        all.extend(lines.iter().map(|line| String::from_utf8(line.to_vec()).unwrap()));
    }
    assert_eq!(all, [A.to_owned(), format!("DATA|roof|{NOW}|20.000||"), format!("DATA|roof|{NOW}|10.000||")]);
    let refused: Vec<_> = refusals(&jsonl).into_iter().map(|(line, error)| (line, error.reason)).collect();
    let json = "is no JSON object";
    assert_eq!(refused, [(4, json), (6, form::LINE_TOO_LONG.reason), (7, json), (8, NO_END.reason)]);
}

#[test]
fn sensors_of_other_sources_are_refused() {
    let mut stdin = stdin(&[&text(&[A, B])]).beside(vec!["a".parse().unwrap()]);
    assert_eq!(readings(&stdin.take(10)), [B]);
    assert_eq!(refusals(&stdin), [(1, OF_ANOTHER)]);
}

/// Readings, and the lines refused.
fn model(text: &[u8]) -> (Vec<Vec<u8>>, Vec<(u64, ReadingError)>) {
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let (mut readings, mut refused) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().enumerate() {
        // With its byte order mark: what is too long to become a reading is forgotten before it is looked at.
        let whole = line.len();
        let line = if at == 0 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
        let is_last = at + 1 == lines.len();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() <= LINE_BYTES_MAX && line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let checked = match reading::check_input(line) {
            _ if is_last && whole <= BYTE_ORDER_MARK.len() + LINE_BYTES_MAX + 1 => Err(NO_END),
            Err(_) if line.len() <= LINE_BYTES_MAX => {
                let fields = line.split(|byte| *byte == b'|').enumerate();
                let fields: Vec<&[u8]> =
                    fields.map(|(at, field)| if at > 2 && field == b"nan" { b"" } else { field }).collect();
                reading::check_input(&fields.join(&b'|')).map(with_timestamp)
            }
            checked => checked.map(with_timestamp),
        };
        match checked {
            Ok(reading) => readings.push(reading),
            Err(error) => refused.push((at as u64 + 1, error)),
        }
    }
    (readings, refused)
}

fn with_timestamp(fields: reading::Fields) -> Vec<u8> {
    let timestamp = if fields.timestamp.is_empty() { NOW } else { fields.timestamp };
    let reading::Fields { sensor_id, temperature, humidity, pressure, .. } = fields;
    format!("DATA|{sensor_id}|{timestamp}|{temperature}|{humidity}|{pressure}").into_bytes()
}

/// Lines of every sort, and bytes of no sort.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => Just(A.as_bytes().to_vec()),
        4 => "DATA\\|[a-z]{1,3}\\|\\|-?[0-9]{1,3}(\\.[0-9]{1,2})?\\|([0-9]{0,2}|nan)\\|".prop_map(String::into_bytes),
        1 => "DATA\\|[ -~]{0,40}".prop_map(String::into_bytes),
        2 => (185_usize..200).prop_map(|length| vec![b'D'; length]),
        1 => (185_usize..200).prop_map(|length| vec![b' '; length]),
        1 => (0_usize..200_000).prop_map(|length| vec![b'x'; length]),
        2 => proptest::collection::vec(any::<u8>(), 0..30),
        2 => Just(Vec::new()),
    ];
    let end =
        prop_oneof![8 => Just(&b"\n"[..]), 2 => Just(&b"\r\n"[..]), 1 => Just(&b"\r\r\n"[..]), 1 => Just(&b""[..])];
    let mark = prop_oneof![2 => Just(&b""[..]), 1 => Just(BYTE_ORDER_MARK)];
    (mark, proptest::collection::vec((line, end), 0..40)).prop_map(|(mark, lines)| {
        let lines = lines.into_iter().flat_map(|(line, end)| [line, end.to_vec()].concat());
        mark.iter().copied().chain(lines).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn however_the_bytes_come_the_readings_are_those_of_the_lines(
        text in input(),
        lengths in proptest::collection::vec(prop_oneof![0_usize..8, 0_usize..300, 0_usize..100_000], 1..40),
        rooms in proptest::collection::vec(0_u64..20, 1..10),
    ) {
        let mut pieces = Vec::new();
        let mut rest = &text[..];
        for length in &lengths {
            let (piece, after) = rest.split_at((*length).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        let mut stdin = stdin(&pieces);
        let mut given = Vec::new();
        for room in rooms.iter().chain(std::iter::repeat(&1_000)) {
            match stdin.take(*room) {
                Taken::Readings(lines) => {
                    prop_assert!(lines.count() > 0 && lines.count() <= *room);
                    given.extend(lines.iter().map(<[u8]>::to_vec));
                }
                Taken::Nothing => prop_assert_eq!(*room, 0),
                Taken::Again => prop_assert!(false, "lines come when they come"),
                Taken::End => break,
            }
        }
        let (expected, expected_refusals) = model(&text);
        prop_assert_eq!(stdin.readings(), expected.len() as u64);
        prop_assert_eq!(given, expected);
        prop_assert_eq!(refusals(&stdin), expected_refusals);
    }
}
