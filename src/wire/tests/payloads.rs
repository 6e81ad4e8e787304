//! A payload is in the grammar wherever it enters: no request and no batch brings anything else.

use super::super::batch::seal;
use super::super::*;
use crate::ids::Term;

/// Lines that would get into the CSV files, or end every peer, if the content of a batch were believed.
const BAD: [&str; 12] = [
    "DATA|../../x|2013-01-01T06:00:00Z|1|2|3",
    "DATA|/x|2013-01-01T06:00:00Z|1|2|3",
    "DATA||2013-01-01T06:00:00Z|1|2|3",
    "DATA|a|2013-01-01T06:00:00Z|\"1|2|3",
    "DATA|a|2013-01-01T06:00:00Z|1|2|3\r",
    "DATA|a|2013-01-01T06:00:00Z|\u{1b}[2J|2|3",
    "DATA|a|2013-01-01T06:00:00Z|=cmd()|2|3",
    "DATA|a|2013-01-01T06:00:00Z|1,2|2|3",
    "DATA|a||1|2|3",
    "DATA|a|2013-02-30T06:00:00Z|1|2|3",
    "DATA|a|2013-01-01T06:00:00Z|1|2",
    "DATA|a|2013-01-01T06:00:00Z|1|2|3|4",
];

/// A request of three readings, one of them this line.
fn request(line: &str, at: usize) -> Request {
    let mut lines = ["DATA|a|2013-01-01T06:00:00Z|1|2|3"; 3];
    lines[at] = line;
    let text = lines.join("\n") + "\n";
    Request { origin: "a/1".parse().unwrap(), first: 1, lines: Lines::new(text.into_bytes(), 3) }
}

fn batch(requests: &[Request]) -> Vec<u8> {
    let term: Term = "3@a/1".parse().unwrap();
    Frame::build(term, 7, requests).bytes().to_vec()
}

#[test]
fn a_batch_with_a_line_that_is_no_reading_is_refused() {
    let good = request("DATA|b|2013-01-01T06:00:00Z|||", 1);
    assert!(Frame::parse(batch(&[good.clone(), good.clone()])).is_ok());
    for line in BAD {
        for at in 0..3 {
            let refused = Frame::parse(batch(&[good.clone(), request(line, at)]));
            assert!(matches!(refused, Err(WireError::Reading { verb: "BATCH", .. })), "{line}: {refused:?}");
        }
    }
}

#[test]
fn an_ordered_batch_with_such_a_line_gets_no_further_than_the_decoder() {
    for line in BAD {
        let frame = batch(&[request(line, 1)]);
        let bytes = [format!("ORDERED:3@a/1:{}\n", frame.len()).as_bytes(), &frame].concat();
        let mut decoder = Decoder::new();
        decoder.space()[..bytes.len()].copy_from_slice(&bytes);
        decoder.filled(bytes.len());
        let refused = decoder.next_message();
        assert!(matches!(refused, Err(WireError::Reading { .. })), "{line}: {refused:?}");
    }
}

#[test]
fn a_request_with_such_a_line_is_refused_too() {
    for line in BAD {
        let request = request(line, 2);
        let mut text = Vec::new();
        request.write_head("X", &mut text);
        let head = std::str::from_utf8(&text).unwrap().trim_end();
        let head = Request::parse_head(head, &mut Cursor::new(head, "X").unwrap()).unwrap();
        let refused = head.complete(request.lines.as_bytes().to_vec());
        assert!(matches!(refused, Err(WireError::Reading { verb: "SEQUENCER_REQUEST", .. })), "{line}: {refused:?}");
    }
}

/// A head of one that says this many lines, and the lines of a request of three.
fn complete(count: u64) -> Result<Request, WireError> {
    let Request { origin, first, lines } = request("DATA|b|2013-01-01T06:00:00Z|||", 1);
    let mut text = Vec::new();
    seal(&format!("X:{origin}:{first}:{count}:{}:", lines.as_bytes().len()), lines.as_bytes(), &mut text);
    let head = std::str::from_utf8(&text).unwrap().trim_end();
    Request::parse_head(head, &mut Cursor::new(head, "X").unwrap())?.complete(lines.as_bytes().to_vec())
}

#[test]
fn a_request_of_more_or_fewer_lines_than_its_head_says_is_refused() {
    assert!(complete(3).is_ok());
    for count in [2, 4] {
        assert_eq!(complete(count), Err(WireError::Count { verb: "SEQUENCER_REQUEST" }), "{count}");
    }
}
