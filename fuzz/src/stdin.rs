//! Standard input in any pieces, and the files of a device.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use peer::config::form::{field, Form};
use peer::config::{Bus, Choice};
use peer::reading::{check, check_input, emptied, LINE_BYTES_MAX};
use peer::sensors::{Clock, Device, Input, LineSource, Place, Source, Taken};

use super::draw::Draw;
use super::scratch::Scratch;

/// What comes piece by piece.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(self.piece).min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

impl Input for Pieces {
    fn is_over(&self) -> bool {
        true
    }

    fn close(&mut self) {}

    fn describe(&self) -> String {
        "stdin".to_owned()
    }
}

fn clock() -> Clock {
    Clock::new(|| Timestamp::UNIX_EPOCH)
}

/// All lines that a source gives of these bytes.
fn taken(bytes: &[u8], piece: usize, room: u64) -> Vec<Vec<u8>> {
    all_of(LineSource::new(Pieces { bytes: bytes.to_vec(), at: 0, piece }, clock(), Arc::default()), room)
}

fn all_of(mut source: LineSource<Pieces>, room: u64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        match source.take(room) {
            Taken::Readings(lines) => {
                assert!((1..=room).contains(&lines.count()));
                all.extend(lines.iter().map(<[u8]>::to_vec));
            }
            Taken::Nothing | Taken::Again => {}
            Taken::End => break,
        }
    }
    assert_eq!(source.readings(), all.len() as u64);
    all
}

/// What one whole line has to become.
fn expected(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mended = emptied(line).filter(|_| check_input(line).is_err() && line.len() <= LINE_BYTES_MAX);
    let line = mended.map_or_else(|| line.to_vec(), |(line, _)| line);
    let fields = check_input(&line).ok()?;
    if !fields.timestamp.is_empty() {
        return Some(line);
    }
    let rest = &line[b"DATA|".len() + fields.sensor_id.len() + 1..];
    let text = format!("DATA|{}|1970-01-01T00:00:00.000Z{}", fields.sensor_id, String::from_utf8_lossy(rest));
    Some(text.into_bytes())
}

pub(crate) fn stdin(input: &[u8]) {
    let mut draw = Draw::new(input);
    let (piece, room, values) = (usize::from(draw.byte()) + 1, u64::from(draw.byte()) + 1, draw.byte());
    if values >= 250 {
        return device(&mut draw);
    }
    if values >= 225 {
        return other_forms(&mut draw, piece);
    }
    // Long lines are made of few bytes.
    let bytes = if values >= 200 { draw.some(64).repeat(usize::from(values - 199) * 24) } else { draw.rest().to_vec() };
    let whole = taken(&bytes, usize::MAX, 1024);
    assert_eq!(taken(&bytes, piece, room), whole, "in pieces of {piece}");
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let lines = text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| expected(line.strip_suffix(b"\n")?));
    assert_eq!(whole, lines.collect::<Vec<_>>());
    assert!(whole.iter().all(|line| check(line).is_ok()));
}

/// Lines of other programs. However they come in pieces, the readings are the same.
fn other_forms(draw: &mut Draw, piece: usize) {
    let form = [Form::Csv, Form::Jsonl, Form::Influx][draw.below(3)];
    let fields = ["timestamp=t:utc", "temperature=a:F", "humidity=b", "id=c+d"];
    let fields = fields.map(|text| field(text).expect("a field"));
    let count = draw.below(fields.len() + 1);
    let bytes = draw.rest().to_vec();
    let taken = |piece: usize| {
        let pieces = Pieces { bytes: bytes.clone(), at: 0, piece };
        let source = LineSource::new(pieces, clock(), Arc::default());
        all_of(source.of_form(form, &fields[..count], Some("a".parse().expect("a name"))), 1024)
    };
    let whole = taken(usize::MAX);
    assert_eq!(taken(piece), whole, "in pieces of {piece}");
    assert!(whole.iter().all(|line| check(line).is_ok() && check_input(line).is_ok()));
}

/// A device whose files hold anything.
fn device(draw: &mut Draw) {
    let scratch = Scratch::new();
    let iio = ["in_temp", "in_humidityrelative", "in_pressure"]
        .map(|channel| ["input", "raw", "offset", "scale"].map(|suffix| format!("{channel}_{suffix}")));
    let others = ["temp1_input", "temp1_fault", "humidity2_input", "w1_slave", "temperature"].map(str::to_owned);
    for file in iio.as_flattened().iter().chain(&others) {
        let length = draw.below(80);
        if length > 0 {
            scratch.write(file, draw.some(length));
        }
    }
    for bus in Bus::ALL {
        read(Place { sysfs: scratch.path().to_owned(), bus, choice: Choice::Directory(scratch.path().to_owned()) });
    }
}

fn read(place: Place) {
    let id = "a".parse().expect("a name");
    let Ok(mut device) = Device::open(place, id, Duration::from_secs(1), clock(), Arc::default()) else { return };
    for _ in 0..8 {
        if let Taken::Readings(lines) = device.take(1) {
            assert!(lines.count() == 1 && lines.iter().all(|line| check(line).is_ok() && check_input(line).is_ok()));
        }
    }
}
