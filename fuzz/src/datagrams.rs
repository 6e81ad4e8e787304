//! Datagrams, open and sealed.

use std::collections::{BTreeMap, BTreeSet};

use peer::keys::datagram::{is_sealed, Windows, SEAL_BYTES};
use peer::wire::{Community, Message, WireError};

use super::draw::Draw;
use super::key_files::keys;

fn community(quorum: Option<u32>) -> Community {
    Community { group: "sensors".to_owned(), quorum }
}

/// Any datagram, heard by two groups that differ in their quorum.
pub(crate) fn open(input: &[u8]) {
    let heard = [None, Some(2)].map(|quorum| community(quorum).parse(input));
    for (quorum, parsed) in [None, Some(2)].into_iter().zip(&heard) {
        match parsed {
            Ok(message) => {
                assert!(matches!(message, Message::NewPeerRequest(_) | Message::Leader(_)), "{message:?}");
                let again = community(quorum).encode(message);
                assert_eq!(community(quorum).parse(&again).as_ref(), Ok(message));
                assert!(!is_sealed(input) && !is_sealed(&again));
            }
            Err(WireError::OtherQuorum { quorum: other, .. }) => assert_ne!(*other, quorum),
            Err(_) => {}
        }
    }
    assert!(heard.iter().filter(|heard| heard.is_ok()).count() < 2, "one datagram counts in two groups");
    assert_eq!(keys(&[0, 1], "sensors").open_datagram(input), None);
}

/// What the key seals, whole and with any byte changed; then which counters count.
pub(crate) fn sealed(input: &[u8]) {
    let mut draw = Draw::new(input);
    let (speaks, hears) = (*draw.pick(&[&[0][..], &[1], &[1, 0]]), *draw.pick(&[&[0][..], &[1, 0], &[2], &[0, 1, 2]]));
    let (counter, length) = (draw.u64(), draw.below(64));
    let text = draw.some(length);
    let mut bytes = keys(speaks, "g").seal_datagram(counter, text);
    assert!(is_sealed(&bytes) && bytes.len() == text.len() + SEAL_BYTES);
    let before = bytes.clone();
    change(&mut draw, &mut bytes);
    let group = if draw.byte() < 200 { "g" } else { "h" };
    let opened = keys(hears, group).open_datagram(&bytes);
    if let Some(opened) = &opened {
        assert!(bytes == before && hears.contains(&speaks[0]));
        assert_eq!((opened.counter, &opened.datagram[..]), (counter, text));
    }
    if bytes == before {
        let own = keys(speaks, "g").open_datagram(&bytes);
        assert_eq!(own.map(|opened| opened.counter), Some(counter));
    }
    counters(&mut draw);
}

/// Cuts, changes or adds bytes, or does not.
fn change(draw: &mut Draw, bytes: &mut Vec<u8>) {
    let at = draw.below(bytes.len() + 1);
    match draw.below(5) {
        0 => bytes.truncate(at),
        1 if at < bytes.len() => bytes[at] ^= draw.byte(),
        2 => bytes.insert(at, draw.byte()),
        3 => bytes.extend(draw.some(9)),
        _ => {}
    }
}

/// Checks that each counter of a life counts once, and none that is 64 or more below the highest.
fn counters(draw: &mut Draw) {
    let (mut windows, mut heard) = (Windows::default(), BTreeMap::<_, BTreeSet<u64>>::new());
    let mut base = 0_u64;
    while !draw.is_over() {
        base = match draw.below(8) {
            0 => draw.u64(),
            _ => base,
        };
        let (id, life) = (draw.id(), u64::from(draw.byte() % 2));
        let counter = base.saturating_add(u64::from(draw.byte()));
        let before = heard.entry((id.clone(), life)).or_default();
        let is_new =
            !before.contains(&counter) && before.last().is_none_or(|last| counter > *last || last - counter < 64);
        assert_eq!(windows.is_new(&id, life, counter), is_new, "{counter} after {before:?}");
        before.insert(counter);
    }
}
