//! The parts, by name.

use std::hint::black_box;
use std::sync::Arc;

use peer::ids::{Origin, Term};
use peer::reading::{append_row, check};
use peer::storage::{MemoryDisk, Options, Storage};
use peer::wire::{encode, Decoder, Frame, Lines, Message, Request};

use super::core::Leader;

/// One part: what it does once, over and over.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub name: &'static str,
    /// How many readings it handles at a time.
    pub readings: u64,
    /// Makes ready, and gives what is to be done.
    pub prepare: fn() -> Box<dyn FnMut()>,
}

/// Readings of a batch under load.
const BATCH: u64 = 500;

/// Batches that a storage takes before another one is made: a disk in memory keeps them all.
const BATCHES: u64 = 200;

/// All of them, in the order in which a reading passes them.
pub const PARTS: [Part; 8] = [
    Part { name: "parse", readings: 1, prepare: parse },
    Part { name: "lines", readings: BATCH, prepare: lines },
    Part { name: "core", readings: 1, prepare: || core(1) },
    Part { name: "core-batch", readings: BATCH, prepare: || core(BATCH) },
    Part { name: "frame", readings: BATCH, prepare: frame },
    Part { name: "decode", readings: BATCH, prepare: decode },
    Part { name: "row", readings: 1, prepare: row },
    Part { name: "store", readings: BATCH, prepare: store },
];

const LINE: &[u8] = b"DATA|greenhouse-12|2026-01-15T06:00:00.000Z|21.43|40.5|1013.25";

fn text(count: u64) -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0..count {
        let line =
            format!("DATA|greenhouse-{}|2026-01-15T06:00:{:02}.000Z|21.4|40.5|1013.2\n", number % 33, number % 60);
        text.extend_from_slice(line.as_bytes());
    }
    text
}

fn some(count: u64) -> Lines {
    Lines::new(text(count), count)
}

fn origin() -> Origin {
    "attic/1764111500000000000".parse().expect("an origin")
}

fn term() -> Term {
    "3@attic/1764111600000000000".parse().expect("a term")
}

fn batch(first: u64) -> Frame {
    Frame::build(term(), first, &[Request { origin: origin(), first, lines: some(BATCH) }])
}

/// The grammar of one line.
fn parse() -> Box<dyn FnMut()> {
    Box::new(|| {
        black_box(check(black_box(LINE))).expect("a reading");
    })
}

/// What is checked of a request's lines when it comes.
fn lines() -> Box<dyn FnMut()> {
    let mut said = Vec::new();
    encode(
        &Message::SequencerRequest {
            term: term(),
            request: Request { origin: origin(), first: 1, lines: some(BATCH) },
        },
        &mut said,
    );
    decoder(said)
}

/// What is checked of a batch when it comes.
fn decode() -> Box<dyn FnMut()> {
    let mut said = Vec::new();
    encode(&Message::Ordered { term: term(), frame: batch(1) }, &mut said);
    decoder(said)
}

fn decoder(said: Vec<u8>) -> Box<dyn FnMut()> {
    let mut decoder = Decoder::default();
    Box::new(move || {
        decoder.put(&said);
        black_box(decoder.next_message()).expect("it is in the grammar").expect("it is whole");
    })
}

/// A batch is made of a request.
fn frame() -> Box<dyn FnMut()> {
    let request = Request { origin: origin(), first: 1, lines: some(BATCH) };
    Box::new(move || {
        black_box(Frame::build(term(), 17, std::slice::from_ref(&request)));
    })
}

/// A row of a line.
fn row() -> Box<dyn FnMut()> {
    let mut out = Vec::new();
    Box::new(move || {
        out.clear();
        append_row(1_234_567, black_box(LINE), &mut out);
        black_box(&out);
    })
}

/// A leader alone: takes readings in, orders them, commits them once they are stored, and has them delivered.
fn core(readings: u64) -> Box<dyn FnMut()> {
    let mut leader = Leader::new();
    let lines = some(readings);
    Box::new(move || leader.take_in(&lines))
}

/// The storage: journal, then CSV rows.
fn store() -> Box<dyn FnMut()> {
    let open = || {
        let disk = Arc::new(MemoryDisk::new());
        Storage::open(disk, &"attic".parse().expect("an id"), 1, Options::default()).expect("an empty disk").0
    };
    let (mut storage, batches) = (open(), (0..BATCHES).map(|at| batch(1 + at * BATCH)).collect::<Vec<_>>());
    let mut at = 0;
    Box::new(move || {
        if at == batches.len() {
            (storage, at) = (open(), 0);
        }
        storage.tail().lock().expect("nobody else has it").push(batches[at].clone());
        storage.append(&batches[at]).expect("it continues the log");
        storage.deliver(batches[at].last()).expect("it is stored");
        storage.flush().expect("there is memory");
        at += 1;
    })
}
