//! Lines are those of their text, however often they are divided; a head is sealed in one way only.

use proptest::prelude::*;

use super::super::*;

/// Lines of several lengths, which differ.
fn lines(count: usize) -> (Lines, Vec<String>) {
    let each: Vec<String> =
        (0..count).map(|n| format!("DATA|{}|2013-01-01T06:00:00Z|{n}||", "s".repeat(1 + n % 3))).collect();
    (Lines::new(each.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect(), count as u64), each)
}

fn texts(lines: &Lines) -> Vec<String> {
    lines.iter().map(|line| String::from_utf8(line.to_vec()).unwrap()).collect()
}

proptest! {
    #[test]
    fn a_part_of_a_part_has_its_lines(
        count in 0usize..9, parts in prop::collection::vec((0usize..10, 0usize..10), 0..3),
    ) {
        let (mut part, mut expected) = lines(count);
        for (skip, take) in parts {
            part = part.slice(skip as u64, take as u64);
            expected = expected.into_iter().skip(skip).take(take).collect();
        }
        prop_assert_eq!((part.count(), texts(&part)), (expected.len() as u64, expected));
    }

    #[test]
    fn only_the_same_lines_are_equal(one in 0usize..6, other in 0usize..6) {
        prop_assert_eq!(lines(one).0 == lines(other).0, one == other);
    }
}

#[test]
fn a_checksum_in_other_digits_is_refused() {
    let request = Request { origin: "b/1".parse().unwrap(), first: 1, lines: lines(2).0 };
    let message = Message::SequencerRequest { term: "1@a/1".parse().unwrap(), request };
    let mut bytes = Vec::new();
    encode(&message, &mut bytes);
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let sealed = |seal: &str| {
        let mut decoder = Decoder::new();
        decoder.put(&[&bytes[..end - 8], seal.as_bytes(), &bytes[end..]].concat());
        decoder.next_message()
    };
    let seal = std::str::from_utf8(&bytes[end - 8..end]).unwrap();
    assert_ne!(seal.to_uppercase(), seal, "a letter to write otherwise");
    assert_eq!(sealed(seal), Ok(Some(message)));
    for other in [&seal.to_uppercase(), &format!("0{seal}"), &format!("+{seal}"), &seal[1..]] {
        assert_eq!(sealed(other), Err(WireError::Field { verb: "SEQUENCER_REQUEST", field: "CRC-32" }), "{other}");
    }
}
