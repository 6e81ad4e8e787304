//! Batches and requests of any content, with a checksum that fits.

use peer::wire::{Cursor, Frame, Lines, Request};

use super::draw::Draw;

/// A head line that ends with the checksum of itself and the body.
fn sealed(head: &str, body: &[u8]) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head.as_bytes());
    hasher.update(body);
    [head.as_bytes(), format!("{:08x}\n", hasher.finalize()).as_bytes(), body].concat()
}

/// Lines of payload and of ranges, in any order, and lines that are neither.
fn body(draw: &mut Draw) -> Vec<u8> {
    let mut body = Vec::new();
    while !draw.is_over() && body.len() < 4096 {
        match draw.below(4) {
            0 => {
                let (origin, first, count) = (draw.origin(), draw.number(), draw.below(5));
                body.extend(format!("FROM:{origin}:{first}:{count}\n").bytes());
            }
            1 if body.is_empty() => body.extend(format!("KEEP:{}\n", draw.number()).bytes()),
            1 | 2 => body.extend(draw.lines().as_bytes()),
            _ => {
                let length = draw.below(256);
                body.extend(draw.some(length));
            }
        }
    }
    body
}

pub(crate) fn frames(input: &[u8]) {
    let mut draw = Draw::new(input);
    let (term, first, origin) = (draw.term(), draw.number(), draw.origin());
    let (count, fits) = (u64::from(draw.byte()), draw.byte());
    let body = body(&mut draw);
    let lines = payloads(&body);
    let count = if fits & 1 == 0 { lines } else { count };
    check_frame(&sealed(&format!("BATCH:{term}:{first}:{count}:{}:", body.len()), &body));
    check_request(&sealed(&format!("R:{origin}:{first}:{count}:{}:", body.len()), &body));
}

/// Payload lines of a body.
fn payloads(body: &[u8]) -> u64 {
    body.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"DATA|")).count() as u64
}

fn check_frame(bytes: &[u8]) {
    let Ok(frame) = Frame::parse(bytes.to_vec()) else { return };
    assert_eq!(frame.bytes(), bytes);
    let requests = frame.requests();
    let counts: u64 = requests.iter().map(|request| request.lines.count()).sum();
    assert_eq!((counts, frame.count()), (frame.count(), frame.last() - frame.first() + 1));
    assert_eq!(frame.entries().count() as u64, frame.count());
    let payloads = requests.iter().flat_map(|request| request.lines.iter());
    assert!(frame.entries().map(|(_, payload)| payload).eq(payloads));
    let ranges: Vec<_> = requests.iter().map(Request::range).collect();
    assert_eq!(ranges, frame.ranges());
    for after in [0, frame.first() - 1, frame.first(), frame.last() - 1, frame.last()] {
        let above: u64 = frame.ranges_after(after).iter().map(|range| range.count).sum();
        assert_eq!(above, frame.last().saturating_sub(after).min(frame.count()));
    }
    // Framed once more it holds the same readings, and consecutive ranges are joined.
    let again = Frame::build(frame.term().clone(), frame.first(), &requests);
    assert!(again.entries().eq(frame.entries()));
    assert_eq!(Frame::parse(again.bytes().to_vec()).as_ref(), Ok(&again));
}

fn check_request(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').expect("a head");
    let line = std::str::from_utf8(&bytes[..end]).expect("ASCII");
    let head = Cursor::new(line, "R").and_then(|mut fields| Request::parse_head(line, &mut fields));
    let Ok(request) = head.and_then(|head| head.complete(bytes[end + 1..].to_vec())) else { return };
    let mut again = Vec::new();
    request.write_head("R", &mut again);
    again.extend(request.lines.as_bytes());
    assert_eq!(again, bytes);
    let (half, count) = (request.lines.count() / 2, request.lines.count());
    let parts = [request.lines.slice(0, half), request.lines.slice(half, count)];
    assert_eq!(parts.iter().map(Lines::count).sum::<u64>(), count);
    assert_eq!(parts.map(|part| part.as_bytes().to_vec()).concat(), request.lines.as_bytes());
}
