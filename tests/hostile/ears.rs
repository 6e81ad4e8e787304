//! What the adversary does with connections that peers make to it: its answers to questions, its behaviour as a member.

use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use peer::wire::{encode, Decoder, Hello, Message, Token};

use super::link::{Link, SOCKET_TIME};

/// The pause between two checks whether to end.
const GLANCE: Duration = Duration::from_millis(20);

/// How many messages are remembered.
const HEARD_MAX: usize = 10_000;

/// A question that came.
pub(crate) struct Asked {
    pub(crate) nonce: Token,
    /// The token of the connection that it asks about.
    pub(crate) token: Option<Token>,
    /// How many questions came before.
    pub(crate) before: usize,
}

/// What it writes to a peer that asks.
pub(crate) type Answer = Box<dyn Fn(&Asked) -> Vec<u8> + Send>;

/// How it behaves towards a leader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// It reads, and says nothing.
    Mute,
    /// It does not even read.
    Deaf,
    /// It lives, and stores nothing more.
    Idle,
    /// It asks for the log and says that it stored it, as a member does.
    Faithful,
}

pub(crate) struct Ears {
    over: AtomicBool,
    pub(crate) accepted: AtomicUsize,
    pub(crate) asked: AtomicUsize,
    /// Bytes that came on links.
    pub(crate) bytes: AtomicU64,
    answer: Mutex<Answer>,
    /// What it writes to a peer that makes a link to it.
    refusal: Mutex<Option<String>>,
    conduct: Mutex<Conduct>,
    heard: Mutex<Vec<Message>>,
    /// The link on which it speaks as a member.
    mouth: Mutex<Option<Link>>,
    stored: AtomicU64,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ears {
    pub(crate) fn new(answer: Answer) -> Self {
        Self {
            over: AtomicBool::new(false),
            accepted: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            answer: Mutex::new(answer),
            refusal: Mutex::new(None),
            conduct: Mutex::new(Conduct::Mute),
            heard: Mutex::new(Vec::new()),
            mouth: Mutex::new(None),
            stored: AtomicU64::new(0),
        }
    }

    /// Stops listening: its threads end.
    pub(crate) fn close(&self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(mouth) = lock(&self.mouth).take() {
            mouth.hang_up();
        }
    }

    pub(crate) fn set_answer(&self, answer: Answer) {
        *lock(&self.answer) = answer;
    }

    /// From now on it refuses links for this reason.
    pub(crate) fn refuse_links(&self, why: &str) {
        *lock(&self.refusal) = Some(format!("ERROR:{why}\n"));
    }

    pub(crate) fn set_conduct(&self, conduct: Conduct) {
        *lock(&self.conduct) = conduct;
    }

    pub(crate) fn set_mouth(&self, link: Link) {
        *lock(&self.mouth) = Some(link);
    }

    /// Waits until a message was heard in which `find` finds something.
    pub(crate) fn wait<T>(&self, what: &str, find: impl Fn(&Message) -> Option<T>) -> T {
        let until = Instant::now() + 3 * SOCKET_TIME;
        loop {
            if let Some(found) = lock(&self.heard).iter().find_map(&find) {
                return found;
            }
            assert!(Instant::now() < until, "the adversary did not hear {what}: {:?}", lock(&self.heard));
            thread::park_timeout(GLANCE);
        }
    }

    /// Waits until somebody asked.
    pub(crate) fn wait_until_asked(&self) {
        let until = Instant::now() + 3 * SOCKET_TIME;
        while self.asked.load(Ordering::Relaxed) == 0 {
            assert!(Instant::now() < until, "nobody asked");
            thread::park_timeout(GLANCE);
        }
    }

    pub(crate) fn count(&self, passes: impl Fn(&Message) -> bool) -> usize {
        lock(&self.heard).iter().filter(|message| passes(message)).count()
    }

    /// Accepts connections until it is closed.
    pub(crate) fn listen(self: &Arc<Self>, listener: &TcpListener) {
        listener.set_nonblocking(true).expect("a socket");
        while !self.over.load(Ordering::Relaxed) {
            let Ok((stream, _)) = listener.accept() else {
                thread::park_timeout(GLANCE / 10);
                continue;
            };
            self.accepted.fetch_add(1, Ordering::Relaxed);
            let ears = Arc::clone(self);
            thread::spawn(move || ears.attend(stream));
        }
    }

    /// Reads one connection to its end.
    fn attend(&self, mut stream: TcpStream) {
        stream.set_nonblocking(false).expect("a socket");
        stream.set_read_timeout(Some(GLANCE)).expect("a duration");
        stream.set_write_timeout(Some(SOCKET_TIME)).expect("a duration");
        let mut decoder = Decoder::new();
        while !self.over.load(Ordering::Relaxed) {
            if *lock(&self.conduct) == Conduct::Deaf {
                thread::park_timeout(GLANCE);
                continue;
            }
            match stream.read(decoder.space()) {
                Ok(0) => return,
                Ok(read) => {
                    self.bytes.fetch_add(read as u64, Ordering::Relaxed);
                    decoder.filled(read);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return,
            }
            while let Ok(Some(message)) = decoder.next_message() {
                self.on_message(message, &stream);
            }
        }
    }

    fn on_message(&self, message: Message, mut stream: &TcpStream) {
        if let Message::Who { nonce, dialled } = message {
            let before = self.asked.fetch_add(1, Ordering::Relaxed);
            let bytes = lock(&self.answer)(&Asked { nonce, token: dialled.map(|(token, _)| token), before });
            // The asker may have gone.
            let _ = std::io::Write::write_all(&mut stream, &bytes);
            return;
        }
        if let (Message::Hello(Hello { addressee: Some(_), .. }), Some(line)) = (&message, &*lock(&self.refusal)) {
            // The dialler may be gone.
            let _ = std::io::Write::write_all(&mut stream, line.as_bytes());
        }
        self.obey(&message);
        let mut heard = lock(&self.heard);
        if !matches!(message, Message::Ordered { .. }) && heard.len() < HEARD_MAX {
            heard.push(message);
        }
    }

    /// Does what a leader expects, as far as its conduct goes.
    fn obey(&self, message: &Message) {
        let faithful = match *lock(&self.conduct) {
            Conduct::Mute | Conduct::Deaf => return,
            Conduct::Idle => false,
            Conduct::Faithful => true,
        };
        let reply = match message {
            Message::Heartbeat { term, .. } => {
                Message::HeartbeatAck { term: term.clone(), stored: self.stored.load(Ordering::Relaxed) }
            }
            Message::Added { view, .. } if faithful => Message::Fetch { term: view.term.clone(), from: 1 },
            Message::Ordered { term, frame } if faithful => {
                self.stored.store(frame.last(), Ordering::Relaxed);
                Message::Stored { term: term.clone(), last: frame.last() }
            }
            _ => return,
        };
        let mouth = lock(&self.mouth).clone();
        if let Some(mouth) = mouth {
            mouth.say(&reply);
        }
    }
}

/// A refusal of any question.
pub(crate) fn error(why: &str) -> Answer {
    let line = format!("ERROR:{why}\n").into_bytes();
    Box::new(move |_| line.clone())
}

pub(crate) fn bytes(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    bytes
}
