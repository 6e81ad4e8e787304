//! Passes on what two sides say to each other, and records it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What was said on a connection, and what was answered.
pub(crate) type Conversation = (Vec<u8>, Vec<u8>);

/// Listens in the place of a peer. Its threads end with the connections, and the last with the test's process.
pub(crate) struct Tap {
    pub(crate) address: String,
    heard: Heard,
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Conversation>>>);

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Vec<Conversation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records bytes of this conversation; `back`: of the answer.
    fn keep(&self, number: usize, back: bool, bytes: &[u8]) {
        let (said, answered) = &mut self.lock()[number];
        if back { answered } else { said }.extend(bytes);
    }
}

impl Tap {
    pub(crate) fn on(to: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let heard = Heard::default();
        let kept = heard.clone();
        thread::spawn(move || {
            for (number, one) in listener.incoming().map_while(Result::ok).enumerate() {
                let Ok(other) = TcpStream::connect(&to) else { return };
                kept.lock().push(Conversation::default());
                let handle = |stream: &TcpStream| stream.try_clone().expect("a handle");
                for (back, from, to) in [(false, handle(&one), handle(&other)), (true, other, one)] {
                    let kept = kept.clone();
                    thread::spawn(move || pass_on(from, to, |bytes| kept.keep(number, back, bytes)));
                }
            }
        });
        Self { address, heard }
    }

    /// All conversations so far.
    pub(crate) fn heard(&self) -> Vec<Conversation> {
        self.heard.lock().clone()
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, keep: impl Fn(&[u8])) {
    let mut buffer = [0; 4096];
    while let Ok(bytes) = from.read(&mut buffer) {
        keep(&buffer[..bytes]);
        if bytes == 0 || to.write_all(&buffer[..bytes]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
