//! What waits to be said to one peer, in the order in which it may go. It is data only: the link's thread, or a
//! simulator, takes it out and writes it.
//!
//! Control messages keep their order and never wait for bulk. A newer cumulative message replaces an older one. Log
//! batches are not kept here: they are read from the log when there is room for them. The rest is bounded, so that a
//! peer that stopped reading cannot fill memory: beyond the bound the link breaks, and what waits is forgotten. Any
//! connection that breaks loses as much.

use std::collections::VecDeque;
use std::mem;

use crate::ids::{Sequence, Term};
use crate::protocol::Serve;
use crate::wire::{encode_head, Message, Request};

/// How many control messages may wait, and how long they may be as text. A single one may have any length.
const CONTROL_MAX: usize = 256;
const CONTROL_BYTES_MAX: usize = 1024 * 1024;

/// How much text of requests goes out together: a window of many origins would take 25 MiB.
const REQUEST_BYTES: usize = 256 * 1024;

#[derive(Debug, Clone, Default)]
pub struct Outbox {
    control: VecDeque<Message>,
    control_bytes: usize,
    /// At most one message of each cumulative kind.
    cumulative: Vec<Message>,
    /// Readings on their way to the leader; the core's window bounds them.
    requests: VecDeque<(Term, Request)>,
    serving: Option<Serving>,
    /// `LEAVE`, after everything else.
    last_word: Option<Message>,
    /// How often serving started over.
    restarts: u64,
    /// The connection broke, and the core has not heard yet that there is a new one.
    broken: bool,
}

/// The part of the log to send next: what follows `after`, in batches that begin at or below `up_to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// The sender's term, for `ORDERED`.
    pub term: Term,
    /// How often the log was cut when this was permitted.
    pub cuts: u64,
    pub after: Sequence,
    pub up_to: Sequence,
    restart: u64,
}

/// What may go out together, in this order: messages, then log batches, then the last word.
#[derive(Debug, Default)]
pub struct Parcel {
    pub messages: Vec<Message>,
    pub serving: Option<Serving>,
    pub last_word: Option<Message>,
}

impl Outbox {
    /// Takes a message. False: too many wait; break the link, and [`forget`](Self::forget) them.
    pub fn put(&mut self, message: Message) -> bool {
        match message {
            // Its numbers would go out before the lost ones, and come again with them.
            Message::SequencerRequest { .. } if self.broken => {}
            Message::SequencerRequest { term, request } => self.requests.push_back((term, request)),
            Message::Leave { .. } => self.last_word = Some(message),
            Message::Commit { .. }
            | Message::Stored { .. }
            | Message::Heartbeat { .. }
            | Message::HeartbeatAck { .. }
            | Message::Leader(_) => {
                self.cumulative.retain(|waiting| mem::discriminant(waiting) != mem::discriminant(&message));
                self.cumulative.push(message);
            }
            _ => {
                let mut text = Vec::new();
                encode_head(&message, &mut text);
                self.control_bytes += text.len();
                self.control.push_back(message);
                let much = self.control.len() > CONTROL_MAX || self.control_bytes > CONTROL_BYTES_MAX;
                return !much || self.control.len() == 1;
            }
        }
        true
    }

    /// Forgets control messages as well: a peer that does not read them gets no more.
    pub fn forget(&mut self) {
        self.control.clear();
        self.control_bytes = 0;
    }

    /// The other side takes nothing: forgets all that waits, as if the connection had broken.
    pub fn give_up(&mut self) {
        *self = Self { restarts: self.restarts, broken: true, ..Self::default() };
    }

    /// Permission to send log batches.
    pub fn serve(&mut self, serve: Serve) {
        let Serve { term, cuts, restart, up_to } = serve;
        match (restart, &mut self.serving) {
            (Some(after), _) => {
                self.restarts += 1;
                self.serving = Some(Serving { term, cuts, after, up_to, restart: self.restarts });
            }
            (None, Some(serving)) => {
                (serving.term, serving.cuts) = (term, cuts);
                serving.up_to = serving.up_to.max(up_to);
            }
            // The connection on which serving had begun is gone; the receiver will ask again.
            (None, None) => {}
        }
    }

    /// Notes that log batches up to `last` were written, or that the permission proved void (`None`).
    pub fn served(&mut self, part: &Serving, last: Option<Sequence>) {
        if let Some(serving) = self.serving.as_mut().filter(|serving| serving.restart == part.restart) {
            match last {
                Some(last) => serving.after = serving.after.max(last),
                None if serving.cuts == part.cuts => self.serving = None,
                None => {}
            }
        }
    }

    /// The part of the log that is to be sent next.
    #[must_use]
    pub fn next_part(&self) -> Option<Serving> {
        self.to_serve().cloned()
    }

    /// Whether this is still the part that is to be sent next.
    #[must_use]
    pub fn is_next(&self, part: &Serving) -> bool {
        self.to_serve().is_some_and(|next| (next.restart, next.after) == (part.restart, part.after))
    }

    /// The connection broke: bulk and cumulative messages come again by themselves, the rest waits for the next
    /// connection.
    pub fn on_break(&mut self) {
        self.requests.clear();
        self.cumulative.clear();
        self.serving = None;
        self.broken = true;
    }

    /// The core is about to hear of the new connection, and starts its window over.
    pub fn renewed(&mut self) {
        self.broken = false;
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.control.is_empty()
            && self.cumulative.is_empty()
            && self.requests.is_empty()
            && self.last_word.is_none()
            && self.to_serve().is_none()
    }

    fn to_serve(&self) -> Option<&Serving> {
        self.serving.as_ref().filter(|serving| serving.after < serving.up_to)
    }

    /// Takes out what may go now. Call `served` afterwards if it names a part of the log.
    pub fn take(&mut self) -> Parcel {
        let mut messages: Vec<Message> = mem::take(&mut self.control).into();
        self.control_bytes = 0;
        messages.append(&mut self.cumulative);
        let mut bytes = 0;
        while let Some((term, request)) = self.requests.pop_front() {
            bytes += request.lines.as_bytes().len();
            messages.push(Message::SequencerRequest { term, request });
            if bytes >= REQUEST_BYTES {
                break;
            }
        }
        let serving = self.next_part();
        let last = serving.is_none() && self.requests.is_empty();
        let last_word = if last { self.last_word.take() } else { None };
        Parcel { messages, serving, last_word }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Lines, Refusal};

    fn term() -> Term {
        "1@a/1".parse().unwrap()
    }

    fn commit(up_to: Sequence) -> Message {
        Message::Commit { term: term(), up_to }
    }

    fn request(first: u64) -> Message {
        let (origin, lines) = ("a/1".parse().unwrap(), Lines::new(b"DATA|s||1||\n".to_vec(), 1));
        Message::SequencerRequest { term: term(), request: Request { origin, first, lines } }
    }

    fn serve(restart: Option<Sequence>, up_to: Sequence) -> Serve {
        Serve { term: term(), cuts: 0, restart, up_to }
    }

    #[test]
    fn control_goes_first_and_the_newer_replaces_what_is_cumulative() {
        let mut outbox = Outbox::default();
        let (ok, fetch) = (Message::Ok { term: None }, Message::Fetch { term: term(), from: 3 });
        for message in [commit(4), Message::Leave { term: None }, ok.clone(), commit(9), fetch.clone()] {
            assert!(outbox.put(message));
        }
        let parcel = outbox.take();
        assert_eq!(parcel.messages, [ok, fetch, commit(9)]);
        assert_eq!(parcel.last_word, Some(Message::Leave { term: None }));
        assert!(outbox.is_empty());
    }

    #[test]
    fn the_last_word_waits_for_the_log() {
        let mut outbox = Outbox::default();
        outbox.serve(serve(Some(0), 5));
        assert!(outbox.put(Message::Leave { term: None }));
        let parcel = outbox.take();
        assert_eq!(parcel.last_word, None);
        outbox.served(&parcel.serving.unwrap(), Some(5));
        assert!(outbox.take().last_word.is_some());
    }

    #[test]
    fn a_part_from_before_a_restart_does_not_move_the_new_serving() {
        let mut outbox = Outbox::default();
        outbox.serve(serve(Some(0), 9));
        let part = outbox.take().serving.unwrap();
        outbox.serve(serve(Some(3), 9));
        outbox.served(&part, Some(7));
        assert_eq!(outbox.take().serving.unwrap().after, 3);
    }

    #[test]
    fn a_break_keeps_control_and_nothing_else() {
        let mut outbox = Outbox::default();
        outbox.serve(serve(Some(0), 9));
        assert!(outbox.put(commit(1)));
        assert!(outbox.put(Message::Ok { term: None }));
        outbox.on_break();
        outbox.serve(serve(None, 12));
        let parcel = outbox.take();
        assert_eq!((parcel.messages, parcel.serving), (vec![Message::Ok { term: None }], None));
    }

    #[test]
    fn requests_wait_for_the_window_to_start_over_after_a_break() {
        let mut outbox = Outbox::default();
        assert!(outbox.put(request(1)));
        outbox.on_break();
        assert!(outbox.put(request(2)));
        outbox.renewed();
        assert!(outbox.put(request(1)));
        assert!(outbox.put(request(2)));
        assert_eq!(outbox.take().messages, [request(1), request(2)]);
    }

    #[test]
    fn a_peer_that_does_not_read_fills_no_memory() {
        let mut outbox = Outbox::default();
        let ok = || Message::Ok { term: None };
        let taken = (0..2 * CONTROL_MAX).take_while(|_| outbox.put(ok())).count();
        assert_eq!(taken, CONTROL_MAX);
        outbox.forget();
        assert!(outbox.is_empty());

        let long = || Message::Error { why: Refusal::Other("x".repeat(CONTROL_BYTES_MAX)) };
        assert!(outbox.put(long()), "one is taken, however long");
        assert!(!outbox.put(ok()));
    }

    #[test]
    fn a_long_window_of_requests_goes_out_in_pieces_and_the_last_word_after_it() {
        let mut outbox = Outbox::default();
        for first in (0..8).map(|piece| 1 + piece * 1000) {
            let lines = Lines::new(format!("DATA|{}||1||\n", "s".repeat(64)).repeat(1000).into_bytes(), 1000);
            let request = Request { origin: "a/1".parse().unwrap(), first, lines };
            assert!(outbox.put(Message::SequencerRequest { term: term(), request }));
        }
        assert!(outbox.put(Message::Leave { term: None }));
        let first = outbox.take();
        assert!((2..8).contains(&first.messages.len()) && first.last_word.is_none(), "{}", first.messages.len());
        let second = outbox.take();
        assert!(first.messages.len() + second.messages.len() == 8 && second.last_word.is_some());
    }

    /// A refusal that takes this many bytes as text.
    fn refusal(bytes: usize) -> Message {
        let of = |text: String| Message::Error { why: Refusal::Other(text) };
        let mut text = Vec::new();
        encode_head(&of(String::new()), &mut text);
        of("x".repeat(bytes - text.len()))
    }

    #[test]
    fn control_messages_that_wait_have_a_mebibyte() {
        const MIB: usize = 1 << 20;
        for (bytes, fits) in [(MIB / 2, true), (MIB / 2 + 1, false)] {
            let mut outbox = Outbox::default();
            assert!(outbox.put(refusal(MIB / 2)));
            assert_eq!(outbox.put(refusal(bytes)), fits, "{bytes} more");
        }
    }

    #[test]
    fn what_is_given_up_takes_requests_and_counts_parts_as_after_a_break() {
        let mut outbox = Outbox::default();
        outbox.serve(serve(Some(0), 9));
        let part = outbox.take().serving.unwrap();
        for message in [Message::Ok { term: None }, commit(1), Message::Leave { term: None }, request(1)] {
            assert!(outbox.put(message));
        }
        outbox.give_up();
        assert!(outbox.is_empty());
        assert!(outbox.put(request(1)));
        assert!(outbox.is_empty(), "the window starts over on the next connection");
        outbox.serve(serve(Some(3), 9));
        outbox.served(&part, Some(7));
        assert_eq!(outbox.next_part().unwrap().after, 3, "that part is from before");
    }

    #[test]
    fn a_permission_that_proved_void_goes_unless_there_is_a_later_one() {
        let mut outbox = Outbox::default();
        outbox.serve(serve(Some(0), 9));
        let part = outbox.next_part().unwrap();
        outbox.serve(Serve { cuts: 1, ..serve(None, 9) });
        outbox.served(&part, None);
        let later = outbox.next_part().unwrap();
        assert_eq!((later.cuts, later.after), (1, 0));
        outbox.served(&later, None);
        assert_eq!(outbox.next_part(), None);
    }

    #[test]
    fn a_part_is_next_until_it_was_sent_or_serving_starts_over() {
        let mut outbox = Outbox::default();
        outbox.serve(serve(Some(0), 9));
        let part = outbox.next_part().unwrap();
        assert!(outbox.is_next(&part));
        outbox.served(&part, Some(4));
        assert!(!outbox.is_next(&part));
        let part = outbox.next_part().unwrap();
        outbox.serve(serve(Some(4), 9));
        assert!(!outbox.is_next(&part), "of the connection before");
    }

    #[test]
    fn an_outbox_with_anything_to_say_is_not_empty() {
        for message in [Message::Ok { term: None }, commit(1), Message::Leave { term: None }, request(1)] {
            let mut outbox = Outbox::default();
            assert!(outbox.is_empty());
            assert!(outbox.put(message.clone()));
            assert!(!outbox.is_empty(), "{message:?}");
        }
        let mut outbox = Outbox::default();
        outbox.serve(serve(Some(9), 9));
        assert!(outbox.is_empty());
        outbox.serve(serve(None, 10));
        assert!(!outbox.is_empty());
    }
}
