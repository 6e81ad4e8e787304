//! Questions that wait to be asked, and how many threads ask. Questions about members go first.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::lock::lock;
use crate::protocol::Call;
use crate::wire::Hello;

/// Questions under way at a time.
const THREADS_MAX: usize = 16;

/// How many of these may be to strangers: a stranger that names a silent address must not keep members waiting.
const STRANGERS_MAX: usize = 8;

/// How many questions may wait, to members and to strangers. Further ones are not asked, and reported as unanswered.
const URGENT_WAITING_MAX: usize = 1024;
const OTHERS_WAITING_MAX: usize = 16;

#[derive(Default)]
pub(super) struct Questions(Mutex<Queues>);

#[derive(Default)]
struct Queues {
    urgent: VecDeque<(Call, Hello)>,
    others: VecDeque<(Call, Hello)>,
    threads: usize,
    /// Threads that ask strangers.
    with_strangers: usize,
}

/// What became of a question that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// Enough threads ask already, and will come to it.
    Waits,
    /// It needs one more thread, which is counted from here on and has to call [`Questions::next`].
    NeedsThread,
    NoRoom,
}

impl Questions {
    pub(super) fn put(&self, call: Call, hello: Hello) -> Put {
        let mut state = lock(&self.0);
        let (queue, most) =
            if call.urgent { (&mut state.urgent, URGENT_WAITING_MAX) } else { (&mut state.others, OTHERS_WAITING_MAX) };
        if queue.len() >= most {
            return Put::NoRoom;
        }
        queue.push_back((call, hello));
        if state.threads >= THREADS_MAX {
            return Put::Waits;
        }
        state.threads += 1;
        Put::NeedsThread
    }

    /// There is no thread for the question that was put in last. False: nobody will ask it.
    pub(super) fn without_thread(&self, urgent: bool) -> bool {
        let mut state = lock(&self.0);
        state.threads -= 1;
        if state.threads > 0 {
            return true;
        }
        let queue = if urgent { &mut state.urgent } else { &mut state.others };
        // Another thread may have taken it meanwhile.
        queue.pop_back().is_none()
    }

    /// The next question for the thread that asks. `None`: it is to end.
    pub(super) fn next(&self) -> Option<(Call, Hello)> {
        let mut state = lock(&self.0);
        if let Some(next) = state.urgent.pop_front() {
            return Some(next);
        }
        if state.with_strangers < STRANGERS_MAX {
            if let Some(next) = state.others.pop_front() {
                state.with_strangers += 1;
                return Some(next);
            }
        }
        state.threads -= 1;
        None
    }

    /// A question was asked.
    pub(super) fn done(&self, urgent: bool) {
        if !urgent {
            lock(&self.0).with_strangers -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Question;
    use crate::wire::{Decoder, Message, Token};

    fn call(urgent: bool, nonce: u64) -> Call {
        let question = Question { nonce: Token(nonce), hint: None, dialled: None };
        Call { to: "192.0.2.1:70".parse().unwrap(), question, urgent }
    }

    fn hello() -> Hello {
        let line = b"HELLO:2:sensors:-:a:1:127.0.0.1:70::0000000000000001\n";
        let mut decoder = Decoder::new();
        decoder.space()[..line.len()].copy_from_slice(line);
        decoder.filled(line.len());
        let Ok(Some(Message::Hello(hello))) = decoder.next_message() else { panic!("no greeting") };
        hello
    }

    fn nonce(next: Option<(Call, Hello)>) -> Option<u64> {
        next.map(|(call, _)| call.question.nonce.0)
    }

    #[test]
    fn members_go_first_and_strangers_keep_half_of_the_threads_at_most() {
        let questions = Questions::default();
        for stranger in 0..10 {
            assert_eq!(questions.put(call(false, stranger), hello()), Put::NeedsThread);
        }
        assert_eq!(questions.put(call(true, 99), hello()), Put::NeedsThread);
        assert_eq!(nonce(questions.next()), Some(99));
        for stranger in 0..8 {
            assert_eq!(nonce(questions.next()), Some(stranger));
        }
        assert_eq!(nonce(questions.next()), None, "eight are with strangers");
        questions.done(false);
        assert_eq!(nonce(questions.next()), Some(8));
    }

    #[test]
    fn a_question_without_room_or_thread_is_not_asked() {
        let questions = Questions::default();
        assert_eq!(questions.put(call(true, 0), hello()), Put::NeedsThread);
        assert!(!questions.without_thread(true), "nobody is left to ask it");
        let questions = Questions::default();
        let put = || questions.put(call(false, 1), hello());
        assert!((0..OTHERS_WAITING_MAX).all(|_| put() == Put::NeedsThread));
        assert_eq!(put(), Put::NoRoom);
        assert!(questions.without_thread(false), "other threads will take it");
        assert_eq!(questions.put(call(true, 2), hello()), Put::NeedsThread);
        assert_eq!(questions.put(call(true, 3), hello()), Put::Waits);
    }

    #[test]
    fn a_thread_that_ends_makes_room_for_one() {
        let questions = Questions::default();
        let put = || questions.put(call(true, 7), hello());
        assert!((0..16).all(|_| put() == Put::NeedsThread));
        assert_eq!(put(), Put::Waits, "enough ask");
        assert!((0..17).all(|_| questions.next().is_some()));
        questions.done(true);
        assert_eq!(nonce(questions.next()), None, "one of them ends");
        assert_eq!([put(), put()], [Put::NeedsThread, Put::Waits]);
    }
}
