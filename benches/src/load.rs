//! Readings to feed, of a given length and from a given number of sensors, and what they become in CSV files.

use peer::reading::CSV_HEADER;

/// What each of three peers is fed. Lines differ in nothing but sensor, time and temperature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Readings for each peer.
    pub(crate) each: u64,
    /// Sensors of each peer.
    pub(crate) sensors: u64,
    /// Bytes of a line, LF included: 50 to 109.
    pub(crate) bytes: usize,
}

/// What a line of 50 bytes has beside the rest of a long sensor id.
const SHORTEST: usize = 50;

/// Of which the sensor ids of longer lines have the beginning.
const REST: &[u8] = b"-at-the-window-of-the-second-house-third-row-from-the-door";

/// How many peers a load is for.
const PEERS: u64 = 3;

impl Load {
    pub(crate) fn total(self) -> u64 {
        PEERS * self.each
    }

    /// The sensors of all peers.
    pub(crate) fn sensors(self) -> u64 {
        PEERS * self.sensors
    }

    /// Appends the line of a reading, LF included. Digit by digit, since the yardstick does it while it is timed.
    pub(crate) fn line(self, peer: u64, number: u64, out: &mut Vec<u8>) {
        let before = out.len();
        let sensor = number % self.sensors;
        out.extend_from_slice(b"DATA|");
        out.push([b'a', b'b', b'c'][usize::try_from(peer).expect("one of three")]);
        two_digits(sensor / 100, out);
        two_digits(sensor % 100, out);
        out.extend_from_slice(&REST[..self.bytes - SHORTEST]);
        out.extend_from_slice(b"|2013-01-01T06:");
        two_digits(number / 60 % 60, out);
        out.push(b':');
        two_digits(number % 60, out);
        out.extend_from_slice(b"Z|");
        two_digits(10 + number % 30, out);
        out.push(b'.');
        out.push(digit(number % 10));
        out.extend_from_slice(b"|59.37|1012.0\n");
        assert_eq!(out.len() - before, self.bytes, "it is of the length that is wanted");
    }

    /// All lines of a peer.
    pub(crate) fn text(self, peer: u64) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.bytes * usize::try_from(self.each).expect("it is in memory"));
        (0..self.each).for_each(|number| self.line(peer, number, &mut text));
        text
    }

    /// Bytes of the CSV files of a peer that has all of it.
    pub(crate) fn csv_bytes(self) -> u64 {
        // A row has its sequence and a comma where the line has its verb.
        let rest = (self.bytes - "DATA|".len()) as u64 + 1;
        let rows: u64 = (1..=self.total()).map(|sequence| u64::from(sequence.ilog10()) + 1 + rest).sum();
        rows + self.sensors().min(self.total()) * (CSV_HEADER.len() as u64 + 1)
    }
}

fn two_digits(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&[digit(number / 10), digit(number % 10)]);
}

fn digit(number: u64) -> u8 {
    b"0123456789"[usize::try_from(number).expect("below ten")]
}
