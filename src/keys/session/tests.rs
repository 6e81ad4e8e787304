//! What one side seals the other opens, whatever the pieces; nothing else is opened.

use proptest::prelude::*;

use super::super::tests::key;
use super::*;

fn keys(bytes: &[u8], group: &str) -> Keys {
    Keys::new(&bytes.iter().map(|byte| key(*byte)).collect::<Vec<_>>(), group)
}

/// The dialler's session, and the listener's.
fn pair(dialler: &Keys, listener: &Keys) -> Result<(Session, Session), SessionError> {
    let (dialling, first) = dialler.dial();
    let (answer, answered) = listener.answer(&first)?;
    Ok((dialling.finish(&answer)?, answered))
}

/// All texts that these bytes hold.
fn open(opener: &mut Opener, bytes: &[u8]) -> Result<Vec<u8>, SessionError> {
    open_in_pieces(opener, bytes, usize::MAX)
}

fn open_in_pieces(opener: &mut Opener, mut bytes: &[u8], piece: usize) -> Result<Vec<u8>, SessionError> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let space = opener.space();
        let came = space.len().min(bytes.len()).min(piece);
        space[..came].copy_from_slice(&bytes[..came]);
        bytes = &bytes[came..];
        opener.filled(came);
        let mut text = vec![0; SEALED_BYTES_MAX];
        while let Some(length) = opener.next_text(|length| &mut text[..length])? {
            all.extend(&text[..length]);
        }
    }
    Ok(all)
}

fn sealed(sealer: &mut Sealer, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    sealer.seal(text, Instant::now(), &mut out);
    out
}

#[test]
fn both_sides_understand_each_other_with_any_key_that_both_have() {
    let (mut one, mut other) = pair(&keys(&[2, 1], "g"), &keys(&[1, 2], "g")).unwrap();
    assert_eq!((one.fingerprint, other.fingerprint), (key(2).fingerprint(), key(2).fingerprint()));
    let there = sealed(&mut one.sealer, b"HELLO\n");
    assert_eq!(open(&mut other.opener, &there).unwrap(), b"HELLO\n");
    let back = sealed(&mut other.sealer, b"ERROR\n");
    assert_eq!(open(&mut one.opener, &back).unwrap(), b"ERROR\n");
}

#[test]
fn another_key_another_group_and_noise_get_nothing() {
    let refused = |dialler: &Keys, listener: &Keys| pair(dialler, listener).unwrap_err();
    assert_eq!(refused(&keys(&[1], "g"), &keys(&[2, 3], "g")), SessionError::Key);
    assert_eq!(refused(&keys(&[1, 2], "g"), &keys(&[2], "g")), SessionError::Key, "the first is spoken with");
    assert_eq!(refused(&keys(&[1], "g"), &keys(&[1], "h")), SessionError::Key);
    assert_eq!(keys(&[1], "g").answer(&[0; HANDSHAKE_BYTES]).unwrap_err(), SessionError::Key);
    let (dialling, _) = keys(&[1], "g").dial();
    assert_eq!(dialling.finish(&[7; HANDSHAKE_BYTES]).unwrap_err(), SessionError::Key);
}

#[test]
fn a_recording_of_one_connection_is_worth_nothing_on_another() {
    let keys = keys(&[1], "g");
    let (dialling, first) = keys.dial();
    let (answer, mut answered) = keys.answer(&first).unwrap();
    let mut one = dialling.finish(&answer).unwrap();
    let said = sealed(&mut one.sealer, b"HELLO\n");
    assert_eq!(open(&mut answered.opener, &said).unwrap(), b"HELLO\n");
    // Everything is sent a second time.
    let (_, mut again) = keys.answer(&first).unwrap();
    assert_eq!(open(&mut again.opener, &said).unwrap_err(), SessionError::Forged);
    // What one side said cannot come back to it as words of the other.
    assert_eq!(open(&mut one.opener, &said).unwrap_err(), SessionError::Forged);
}

#[test]
fn records_come_once_whole_and_in_their_order() {
    let both = || pair(&keys(&[1], "g"), &keys(&[1], "g")).unwrap();
    let (mut one, mut other) = both();
    let records = [&b"a"[..], b"b"].map(|text| sealed(&mut one.sealer, text));
    assert_eq!(open(&mut other.opener, &records[1]).unwrap_err(), SessionError::Forged, "one is left out");
    let (mut one, mut other) = both();
    let record = sealed(&mut one.sealer, b"a");
    assert_eq!(open(&mut other.opener, &record.repeat(2)).unwrap_err(), SessionError::Forged, "one comes twice");
    for at in 0..record.len() {
        let (mut one, mut other) = both();
        let mut record = sealed(&mut one.sealer, b"a");
        record[at] ^= 1;
        let opened = open(&mut other.opener, &record);
        assert!(opened.is_err() || ((1..3).contains(&at) && opened == Ok(Vec::new())), "byte {at}: {opened:?}");
    }
}

#[test]
fn an_end_is_said_and_nothing_follows_it() {
    let (mut one, mut other) = pair(&keys(&[1], "g"), &keys(&[1], "g")).unwrap();
    let mut out = sealed(&mut one.sealer, b"a");
    one.sealer.end(&mut out);
    assert_eq!(open(&mut other.opener, &out[..out.len() - 1]).unwrap(), b"a");
    assert_eq!(other.opener.finish(), Err(SessionError::BrokenOff));
    assert_eq!(open(&mut other.opener, &out[out.len() - 1..]).unwrap(), b"");
    assert_eq!(other.opener.finish(), Ok(()));
    let more = sealed(&mut one.sealer, b"b");
    assert_eq!(open(&mut other.opener, &more).unwrap_err(), SessionError::Forged);
}

#[test]
fn keys_change_with_time_and_with_records() {
    let (mut one, mut other) = pair(&keys(&[1], "g"), &keys(&[1], "g")).unwrap();
    let start = Instant::now();
    let mut out = Vec::new();
    for hour in 0..5 {
        one.sealer.seal(b"x", start + hour * TIME_A_KEY, &mut out);
    }
    assert_eq!(one.sealer.count, 5 + 4, "each hour but the first began with another key");
    one.sealer.in_key = RECORDS_A_KEY;
    one.sealer.seal(b"y", start + 4 * TIME_A_KEY, &mut out);
    assert_eq!((one.sealer.count, one.sealer.in_key), (5 + 4 + 2, 1));
    assert_eq!(open(&mut other.opener, &out).unwrap(), b"xxxxxy");
    let back = sealed(&mut other.sealer, b"back");
    assert_eq!(open(&mut one.opener, &back).unwrap(), b"back", "the other direction has keys of its own");
}

#[test]
fn memory_grows_with_what_comes_and_no_further() {
    let (mut one, mut other) = pair(&keys(&[1], "g"), &keys(&[1], "g")).unwrap();
    assert_eq!(other.opener.space().len(), SPACE_BYTES);
    let long = sealed(&mut one.sealer, &vec![b'x'; 400_000]);
    assert_eq!(open_in_pieces(&mut other.opener, &long, 1000).unwrap().len(), 400_000);
    assert!(other.opener.held() <= RECORD_BYTES_MAX + SPACE_BYTES, "{}", other.opener.held());
    let long = sealed(&mut one.sealer, &vec![b'x'; 4_000_000]);
    assert_eq!(open(&mut other.opener, &long).unwrap().len(), 4_000_000);
    assert!(other.opener.held() <= FLOW_BYTES + RECORD_BYTES_MAX, "{}", other.opener.held());
    for _ in 0..2 {
        let short = sealed(&mut one.sealer, b"x");
        assert_eq!(open(&mut other.opener, &short).unwrap(), b"x");
    }
    assert_eq!((other.opener.space().len(), other.opener.held()), (SPACE_BYTES, SPACE_BYTES));
    let (_, mut other) = pair(&keys(&[1], "g"), &keys(&[1], "g")).unwrap();
    assert_eq!(open(&mut other.opener, &[0, 0, 15]).unwrap_err(), SessionError::Forged, "it would have no code");
}

proptest! {
    #[test]
    fn any_text_comes_through_in_any_pieces(
        texts in prop::collection::vec(prop_oneof![4 => 0..300_usize, 1 => 65_000..200_000_usize], 1..5),
        piece in 1..5000_usize,
    ) {
        let (mut one, mut other) = pair(&keys(&[1], "g"), &keys(&[1], "g")).unwrap();
        let mut all = Vec::new();
        for (at, length) in texts.into_iter().enumerate() {
            let text: Vec<u8> = (0..=250).cycle().skip(7 * at).take(length).collect();
            let bytes = sealed(&mut one.sealer, &text);
            prop_assert!(open_in_pieces(&mut other.opener, &bytes, piece).unwrap() == text);
            all.extend(text);
        }
        prop_assert!(one.sealer.count >= (all.len() / TEXT_BYTES_MAX) as u64);
    }
}
