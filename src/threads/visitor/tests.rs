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

/// A connection that is looked after without waiting, and its other end.
fn visitor(keys: Option<Arc<Keys>>, now: Instant) -> (Visitor, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let maker = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    maker.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (stream, from) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    (Visitor::new(TcpStream::from_std(stream), from, keys, now), maker)
}

/// Tries again until that is so: what was written on a connection may come a moment later.
fn until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "nothing comes");
        std::thread::yield_now();
    }
}

#[test]
fn one_that_is_thought_about_has_the_best_claim_and_one_that_showed_a_key_the_next() {
    let now = Instant::now();
    let keys = || Some(Arc::new(Keys::new(&[key(1)], "g")));
    let (open, _maker) = visitor(None, now);
    assert_eq!((open.until, open.claim(), open.waits(), open.untold()), (now + PATIENCE, Claim::Nothing, false, 0));
    let (mut closed, mut maker) = visitor(keys(), now);
    assert_eq!((closed.until, closed.claim()), (now + CLOSED_PATIENCE, Claim::Nothing));
    let (dialling, first) = Keys::new(&[key(1)], "g").dial();
    maker.write_all(&first).unwrap();
    until(|| matches!(closed.hear(), Heard::More) && closed.claim() != Claim::Nothing);
    assert_eq!(closed.claim(), Claim::Key);
    // The answer left with that.
    let mut answer = [0; HANDSHAKE_BYTES];
    maker.read_exact(&mut answer).unwrap();
    let mut session = dialling.finish(&answer).unwrap();
    let mut bytes = Vec::new();
    session.sealer.seal(b"HELLO:2:g:-:x:1:0.0.0.0:70:a:0000000000000001\n", now, &mut bytes);
    maker.write_all(&bytes).unwrap();
    until(|| matches!(closed.hear(), Heard::Link(hello) if hello.peer.as_str() == "x"));
    assert_eq!((closed.claim(), closed.waits()), (Claim::Waits, true));
    assert!(matches!(closed.hear(), Heard::More) && !closed.part(), "the core thinks about it");
    assert!(Claim::Nothing < Claim::Key && Claim::Key < Claim::Waits);
    assert!(closed.seal.into_session().is_some() && open.seal.into_session().is_none());
}

#[test]
fn a_visitor_is_told_and_read_to_its_end_before_it_is_closed() {
    let now = Instant::now();
    let (mut open, mut maker) = visitor(None, now);
    let later = now + Duration::from_secs(60);
    open.tell(&Message::Ok { term: None }, later);
    assert_eq!((open.until, open.untold(), open.claim()), (later + PATIENCE, 5, Claim::Nothing));
    assert!(!open.part(), "its maker may still speak");
    assert!(matches!(open.hear(), Heard::More), "nobody listens any more");
    let mut told = String::new();
    maker.read_to_string(&mut told).unwrap();
    assert_eq!(told, "OK:-\n");
    maker.write_all(&[b'x'; 9000]).unwrap();
    drop(maker);
    until(|| open.part());
}

#[test]
fn a_visitor_that_never_ends_is_closed_after_so_many_bytes() {
    /// It takes all, and says more without end.
    struct Endless(usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += buffer.len();
            Ok(buffer.len())
        }
    }
    impl Write for Endless {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl OneWay for Endless {
        fn end(&self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut stream = Endless(0);
    assert!(Parting::default().go_on(&mut stream).unwrap());
    assert_eq!(stream.0, DRAINED_MAX);
}

#[test]
fn without_a_key_a_visitor_is_told_nothing_and_with_one_only_under_it() {
    let now = Instant::now();
    let keys = Arc::new(Keys::new(&[key(1)], "g"));
    let (mut closed, mut maker) = visitor(Some(Arc::clone(&keys)), now);
    closed.tell(&Message::Ok { term: None }, now);
    assert_eq!(closed.untold(), 0);
    assert!(!closed.part());
    let mut told = Vec::new();
    maker.read_to_end(&mut told).unwrap();
    assert_eq!(told, b"");

    let (mut closed, mut maker) = visitor(Some(keys), now);
    let (dialling, first) = Keys::new(&[key(1)], "g").dial();
    maker.write_all(&first).unwrap();
    until(|| matches!(closed.hear(), Heard::More) && closed.claim() == Claim::Key);
    closed.tell(&Message::Ok { term: None }, now);
    assert!(!closed.part());
    let mut answer = [0; HANDSHAKE_BYTES];
    maker.read_exact(&mut answer).unwrap();
    let mut session = dialling.finish(&answer).unwrap();
    maker.read_to_end(&mut told).unwrap();
    session.opener.put(&told);
    let mut decoder = Decoder::new();
    while let Some(bytes) = session.opener.next_text(|bytes| decoder.space_for(bytes)).unwrap() {
        decoder.filled(bytes);
    }
    assert_eq!(decoder.next_message(), Ok(Some(Message::Ok { term: None })));
}

#[test]
fn a_long_record_before_any_text_may_be_part_of_a_recording() {
    let keys = || Arc::new(Keys::new(&[key(1)], "g"));
    // The head of a record: its kind, and how many bytes of text and code follow.
    let head = |text: u16| [&[0][..], &(text + 16).to_be_bytes()].concat();
    for (text, is_first, forged) in [(1024, true, false), (1025, true, true), (1025, false, false)] {
        let (_, first) = keys().dial();
        let (mut seal, mut decoder) = (Seal::Awaited(keys(), Vec::new()), Decoder::new());
        assert_eq!(seal.open(&first, true, &mut decoder), Ok(0));
        let opened = seal.open(&head(text), is_first, &mut decoder);
        assert_eq!(opened, if forged { Err(SessionError::Forged) } else { Ok(0) }, "{text}");
    }
    // One that comes with the text before it is long for a reason.
    let (dialling, first) = keys().dial();
    let (mut seal, mut decoder) = (Seal::Awaited(keys(), Vec::new()), Decoder::new());
    seal.open(&first, true, &mut decoder).unwrap();
    let Seal::Session(_, Some(answer)) = &seal else { panic!("no session") };
    let mut bytes = Vec::new();
    dialling.finish(answer).unwrap().sealer.seal(b"HELLO", Instant::now(), &mut bytes);
    bytes.extend(head(2000));
    assert_eq!(seal.open(&bytes, true, &mut decoder), Ok(5));
}

#[test]
fn a_question_has_one_hint_and_a_link_none() {
    let hello = |addressee: &str| format!("HELLO:2:g:-:x:1:0.0.0.0:70:{addressee}:0000000000000001\n");
    let hint = "NEW_PEER_REQUEST:x:0:1:0.0.0.0:70\n";
    let who = "WHO:0000000000000007:-\n";
    for (text, is_question) in [
        (hello("") + who, true),
        (hello("") + hint + who, true),
        (hello("") + hint + hint + who, false),
        (hint.to_owned() + who, false),
        (hello("") + &hello("") + who, false),
    ] {
        assert_eq!(matches!(hear(&text), Heard::Question(..)), is_question, "{text}");
        assert!(is_question || matches!(hear(&text), Heard::Nonsense(_)), "{text}");
    }
    assert!(matches!(hear(&(hello("a") + hint)), Heard::Link(_)));
}

/// It takes and gives a few bytes at a time, and then has to be waited for.
#[derive(Default)]
struct Slow {
    took: Vec<u8>,
    ready: bool,
    gives: usize,
    ended: std::cell::Cell<u32>,
}

impl Slow {
    /// Ready every other time.
    fn turn<T>(&mut self, does: impl FnOnce(&mut Self) -> T) -> io::Result<T> {
        self.ready = !self.ready;
        if self.ready {
            Ok(does(self))
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn(|slow| {
            let bytes = slow.gives.min(3).min(buffer.len());
            slow.gives -= bytes;
            bytes
        })
    }
}

impl Write for Slow {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.turn(|slow| {
            let bytes = buffer.len().min(3);
            slow.took.extend_from_slice(&buffer[..bytes]);
            bytes
        })
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OneWay for Slow {
    fn end(&self) -> io::Result<()> {
        self.ended.set(self.ended.get() + 1);
        Ok(())
    }
}

#[test]
fn a_visitor_that_takes_a_few_bytes_at_a_time_is_told_all_of_it_once() {
    let mut parting = Parting { bytes: b"ERROR:no\n".to_vec(), ..Parting::default() };
    let mut stream = Slow { gives: 7, ..Slow::default() };
    let mut turns = 0;
    while !parting.go_on(&mut stream).unwrap() {
        assert_eq!(stream.ended.get(), u32::from(stream.took.len() == 9), "{turns}");
        turns += 1;
        assert!(turns < 20, "it comes to no end");
    }
    assert_eq!((&stream.took[..], stream.ended.get(), stream.gives), (&b"ERROR:no\n"[..], 1, 0));
}

#[test]
fn a_connection_that_breaks_needs_nothing_more() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl OneWay for Broken {
        fn end(&self) -> io::Result<()> {
            Ok(())
        }
    }
    for bytes in [b"OK:-\n".to_vec(), Vec::new()] {
        let error = Parting { bytes, ..Parting::default() }.go_on(&mut Broken).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
    assert!(matches!(Words::default().hear(&mut Broken, &mut Seal::Open, FROM.parse().unwrap()), Heard::Nothing));
}
