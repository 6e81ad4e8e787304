//! What the CSV files of a process must hold, worked out only from the batches that its storage was given. It shares no
//! code with what writes and reads the files: a mistake there would hide itself.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::ids::Sequence;
use crate::storage::{Layout, MemoryDisk, ReadDisk};
use crate::wire::Frame;

const HEADER: &str = "sequence,timestamp,sensor_id,temperature_c,humidity_pct,pressure_hpa\n";

#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    layout: Layout,
    /// Batches that the storage has, in order.
    batches: Vec<Frame>,
    delivered: Sequence,
    /// Rows up to here were removed.
    base: Sequence,
    /// By name.
    files: BTreeMap<String, File>,
}

#[derive(Debug, Clone, Default)]
struct File {
    /// All that it must hold.
    text: String,
    /// Sequence of each row, and where it begins.
    rows: Vec<(Sequence, usize)>,
    /// How much was checked on disk so far.
    checked: usize,
}

fn is_csv(path: &str) -> bool {
    path.strip_suffix(".csv").is_some()
}

impl Rows {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, ..Self::default() }
    }

    /// The name of the file of a reading. Ids have no capitals, and times no offset.
    fn name(&self, sensor: &str, timestamp: &str) -> String {
        match self.layout {
            Layout::Sensor => format!("{sensor}.csv"),
            Layout::Month => format!("{sensor}+0.{}.csv", &timestamp[..7]),
        }
    }

    pub(crate) fn appended(&mut self, frame: &Frame) {
        self.batches.push(frame.clone());
    }

    pub(crate) fn batches(&self) -> &[Frame] {
        &self.batches
    }

    /// Removes the rows above `to`, and files without other rows.
    pub(crate) fn cut(&mut self, to: Sequence) {
        self.batches.truncate(self.batches.partition_point(|frame| frame.last() <= to));
        self.delivered = self.delivered.min(to);
        if to < self.base {
            // Nothing is left of what was not removed, either.
            (self.base, self.files) = (0, BTreeMap::new());
        }
        for file in self.files.values_mut() {
            let keep = file.rows.partition_point(|(sequence, _)| *sequence <= to);
            if let Some((_, begin)) = file.rows.get(keep) {
                file.text.truncate(*begin);
            }
            file.rows.truncate(keep);
            // What was cut may have been written: the whole file is checked again.
            file.checked = 0;
        }
        self.files.retain(|_, file| !file.rows.is_empty());
    }

    /// These batches are all that there is, and their rows are removed.
    pub(crate) fn begin_after<'a>(&mut self, frames: impl Iterator<Item = &'a Frame>, base: Sequence) {
        *self = Self::new(self.layout);
        frames.for_each(|frame| self.appended(frame));
        self.delivered(base);
        self.remove(base);
    }

    /// Removes the rows up to `base`, and files without other rows.
    pub(crate) fn remove(&mut self, base: Sequence) {
        self.base = base;
        for file in self.files.values_mut() {
            let gone = file.rows.partition_point(|(sequence, _)| *sequence <= base);
            let bytes = file.rows.get(gone).map_or(file.text.len(), |(_, begin)| *begin) - HEADER.len();
            file.text.replace_range(HEADER.len()..HEADER.len() + bytes, "");
            file.rows.drain(..gone);
            file.rows.iter_mut().for_each(|(_, begin)| *begin -= bytes);
            if gone > 0 {
                file.checked = 0;
            }
        }
        self.files.retain(|_, file| !file.rows.is_empty());
    }

    pub(crate) fn delivered(&mut self, up_to: Sequence) {
        let from = self.batches.partition_point(|frame| frame.last() <= self.delivered);
        for frame in self.batches[from..].iter().take_while(|frame| frame.first() <= up_to) {
            for (sequence, payload) in frame.entries().filter(|(sequence, _)| *sequence <= up_to) {
                if sequence <= self.delivered {
                    continue;
                }
                let text = std::str::from_utf8(payload).expect("payloads are text");
                let fields: Vec<&str> = text.split('|').collect();
                let file = self.files.entry(self.name(fields[1], fields[2])).or_default();
                if file.text.is_empty() {
                    file.text.push_str(HEADER);
                }
                file.rows.push((sequence, file.text.len()));
                let row = [fields[2], fields[1], fields[3], fields[4], fields[5]].join(",");
                writeln!(file.text, "{sequence},{row}").expect("a string takes all");
            }
        }
        self.delivered = up_to;
    }

    /// Checks that the files are exactly these: reads what is new since the last check, and compares lengths.
    pub(crate) fn check(&mut self, disk: &MemoryDisk) -> Result<(), String> {
        let names = disk.list("").expect("a disk in memory can be read");
        // A power cut may leave an empty file, which holds nothing wrong.
        let holds = |name: &&String| is_csv(name) && disk.len(name).is_ok_and(|bytes| bytes > 0);
        let files = names.iter().filter(holds).count();
        if files != self.files.len() {
            return Err(format!("{names:?} for {} files", self.files.len()));
        }
        for (path, file) in &mut self.files {
            // It reads one byte more than there may be.
            let length = file.text.len() - file.checked + 1;
            let found = disk.read(path, file.checked as u64, length).expect("a disk in memory can be read");
            if found != file.text.as_bytes()[file.checked..] {
                return Err(format!("{path} after byte {} is {:?}", file.checked, String::from_utf8_lossy(&found)));
            }
            file.checked = file.text.len();
        }
        Ok(())
    }

    /// Checks that all the files together hold each sequence up to the last one delivered, once.
    pub(crate) fn check_whole(&mut self, disk: &MemoryDisk) -> Result<(), String> {
        self.files.values_mut().for_each(|file| file.checked = 0);
        self.check(disk)?;
        let mut sequences = Vec::new();
        for (path, bytes) in disk.files().iter().filter(|(path, _)| is_csv(path)) {
            let text = std::str::from_utf8(bytes).map_err(|error| format!("{path}: {error}"))?;
            for row in text.lines().skip(1) {
                let sequence = row.split(',').next().and_then(|field| field.parse::<Sequence>().ok());
                sequences.push(sequence.ok_or_else(|| format!("{path}: {row:?} has no sequence"))?);
            }
        }
        sequences.sort_unstable();
        if sequences.iter().copied().eq(self.base + 1..=self.delivered) {
            return Ok(());
        }
        Err(format!("rows are not those of {} to {}", self.base + 1, self.delivered))
    }
}
