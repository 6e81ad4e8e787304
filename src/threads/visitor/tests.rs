//! What a visitor said, piece by piece.

use super::*;
use crate::ids::{INCARNATION_MAX, NUMBER_MAX};
use crate::keys::tests::key;

const FROM: &str = "[::ffff:192.0.2.7]:4711";

fn hear(text: &str) -> Heard {
    Words::default().hear(&mut text.as_bytes(), &mut Seal::Open, FROM.parse().unwrap())
}

#[test]
fn a_hello_makes_a_link_and_what_follows_is_kept_for_its_reader() {
    let mut words = Words::default();
    let text = "HELLO:2:sensors:-:x:1:0.0.0.0:70:a:0000000000000001\nOK:-\n";
    let Heard::Link(hello) = words.hear(&mut text.as_bytes(), &mut Seal::Open, FROM.parse().unwrap()) else {
        panic!("no link")
    };
    assert_eq!(hello.endpoint, "192.0.2.7:70".parse().unwrap());
    assert_eq!(words.decoder.next_message(), Ok(Some(Message::Ok { term: None })));
}

#[test]
fn a_question_with_a_hint_of_the_longest_names_is_heard() {
    let (name, life, term) =
        ("n".repeat(64), INCARNATION_MAX, format!("{NUMBER_MAX}@{}/{INCARNATION_MAX}", "n".repeat(64)));
    let address = "2001:db8:1111:2222:3333:4444:5555:6666";
    let hello = format!("HELLO:2:{name}:4294967295:{name}:{life}:[{address}]:65535::0123456789abcdef");
    let contact = format!("{name}:{}:{life}:[{address}]:65535", i64::MIN);
    let hint = format!("LEADER:{term}:4294967295:{life}:{contact}");
    let who = format!("WHO:0123456789abcdef:0123456789abcdef:[{address}]:65535");
    let heard = hear(&format!("{hello}\n{hint}\n{who}\n"));
    let Heard::Question(hello, question) = heard else { panic!("no question") };
    assert!(hello.addressee.is_none() && matches!(question.hint, Some(Message::Leader(_))));
    assert!(question.dialled.is_some());
}

#[test]
fn a_host_that_sends_no_hello_or_too_much_is_no_peer() {
    for (text, why) in [
        ("COMMIT:1@a/1:7\n".to_owned(), "not HELLO"),
        ("GET / HTTP/1.1\r\n".to_owned(), "verb"),
        ("x".repeat(5000), "1024 bytes"),
        ("HELLO:2:sensors:-:x:1:0.0.0.0:70::0000000000000001\nOK:-\n".to_owned(), "asks nothing"),
    ] {
        let Heard::Nonsense(said) = hear(&text) else { panic!("{text}") };
        assert!(said.contains(why), "{said}");
    }
    assert!(matches!(hear("HELLO:2:sensors"), Heard::Nothing));
    assert!(matches!(hear("STATUS\n"), Heard::Status));
}

#[test]
fn in_a_closed_group_the_first_words_are_sealed_and_come_after_a_key() {
    let keys = || Arc::new(Keys::new(&[key(1)], "g"));
    let hello = b"HELLO:2:sensors:-:x:1:0.0.0.0:70:a:0000000000000001\nOK:-\n";
    let (dialling, first) = keys().dial();
    let (mut words, mut seal) = (Words::default(), Seal::Awaited(keys(), Vec::new()));
    for byte in first {
        let heard = words.hear(&mut Once(&[byte]), &mut seal, FROM.parse().unwrap());
        assert!(matches!(heard, Heard::More));
    }
    let Seal::Session(_, Some(answer)) = &seal else { panic!("no session") };
    let mut session = dialling.finish(answer).unwrap();
    let mut bytes = Vec::new();
    session.sealer.seal(hello, Instant::now(), &mut bytes);
    let Heard::Link(hello) = words.hear(&mut Once(&bytes), &mut seal, FROM.parse().unwrap()) else { panic!("no link") };
    assert_eq!(hello.peer.as_str(), "x");
    assert_eq!(words.decoder.next_message(), Ok(Some(Message::Ok { term: None })));
}

#[test]
fn in_a_closed_group_what_has_no_key_is_foreign_and_heard_no_further() {
    let (_, other) = Keys::new(&[key(2)], "g").dial();
    let open = b"HELLO:2:sensors:-:x:1:0.0.0.0:70:a:0000000000000001\nOK:-\n";
    for bytes in [&other[..], &open[..], &[0; 4096]] {
        let mut seal = Seal::Awaited(Arc::new(Keys::new(&[key(1)], "g")), Vec::new());
        let mut words = Words::default();
        let heard = words.hear(&mut Once(bytes), &mut seal, FROM.parse().unwrap());
        assert!(matches!(heard, Heard::Foreign(SessionError::Key)));
        assert_eq!(words.bytes, 0);
    }
}

#[test]
fn in_a_closed_group_a_handshake_that_was_played_back_takes_no_room_for_long_records() {
    let keys = || Arc::new(Keys::new(&[key(1)], "g"));
    let (_, recorded) = keys().dial();
    for (length, foreign) in [(0xffff_u16, true), (1041, true), (1040, false)] {
        let (mut words, mut seal) = (Words::default(), Seal::Awaited(keys(), Vec::new()));
        assert!(matches!(words.hear(&mut Once(&recorded), &mut seal, FROM.parse().unwrap()), Heard::More));
        let begun = [&[0][..], &length.to_be_bytes(), &[7; 10]].concat();
        let heard = words.hear(&mut Once(&begun), &mut seal, FROM.parse().unwrap());
        assert_eq!(matches!(heard, Heard::Foreign(SessionError::Forged)), foreign, "{length}");
    }
}

/// A connection on which this came, and nothing else yet.
struct Once<'a>(&'a [u8]);

impl Read for Once<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            self.0.read(buffer)
        }
    }
}
