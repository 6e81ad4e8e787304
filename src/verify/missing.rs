//! Rows that have an entry and are not in their file. They are reported at the next row of the file, or at the end.

use std::collections::{BTreeMap, HashMap};

use super::disagreements::{rows_named, Disagreements};
use crate::ids::Sequence;
use crate::reading;
use crate::storage::{csv_name, Inspection};

/// Rows that are in the journal of a running peer and not in their file: they may be on their way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lag {
    pub(super) file: String,
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    pub(super) count: u64,
}

#[derive(Debug)]
pub(super) struct Missing<'a> {
    inspection: &'a Inspection,
    of_file: Vec<Option<Run>>,
    by_key: HashMap<Box<[u8]>, usize>,
    /// Room for a key.
    space: Vec<u8>,
    /// By name, for files that are not there.
    of_none: BTreeMap<String, Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    first: Sequence,
    last: Sequence,
    count: u64,
}

impl<'a> Missing<'a> {
    pub(super) fn new(inspection: &'a Inspection) -> Self {
        let names = inspection.csv().iter().enumerate();
        let by_key = names.map(|(at, file)| (file.of.key(), at)).collect();
        let of_file = vec![None; inspection.csv().len()];
        Self { inspection, of_file, by_key, space: Vec::new(), of_none: BTreeMap::new() }
    }

    /// No file has the row of this entry.
    pub(super) fn note(&mut self, payload: &[u8], sequence: Sequence) {
        let longer = |run: Run| Run { last: sequence, count: run.count + 1, ..run };
        let new = Run { first: sequence, last: sequence, count: 1 };
        let layout = self.inspection.layout();
        if let Some(at) = self.by_key.get(layout.key(payload, &mut self.space)) {
            let run = &mut self.of_file[*at];
            *run = Some(run.map_or(new, longer));
        } else {
            let sensor = || csv_name(&String::from_utf8_lossy(reading::sensor_of(payload)));
            let file = layout.name(payload, sequence).map_or_else(|_| sensor(), |name| name.file());
            self.of_none.entry(file).and_modify(|run| *run = longer(*run)).or_insert(new);
        }
    }

    /// Reports what is missing before the next row of a file.
    pub(super) fn tell(&mut self, file: usize, disagreements: &mut Disagreements) {
        if let Some(Run { first, last, count }) = self.of_file[file].take() {
            let name = &self.inspection.csv()[file].name;
            disagreements.add_new(name, (first, last), || format!("lacks {}", rows_named((first, last), count)));
        }
    }

    /// What is missing at the ends of the files.
    pub(super) fn rest(&mut self) -> Vec<Lag> {
        let files = self.of_file.iter_mut().zip(self.inspection.csv());
        let with_file = files.filter_map(|(run, file)| Some((file.name.clone(), run.take()?)));
        let without = std::mem::take(&mut self.of_none);
        with_file.chain(without).map(|(file, Run { first, last, count })| Lag { file, first, last, count }).collect()
    }

    /// Reports what is missing at the ends of the files.
    pub(super) fn tell_rest(&mut self, disagreements: &mut Disagreements) {
        for (run, file) in self.of_file.iter_mut().zip(self.inspection.csv()) {
            if let Some(Run { first, last, count }) = run.take() {
                disagreements
                    .add_torn(&file.name, (first, last), || format!("lacks {}", rows_named((first, last), count)));
            }
        }
        for (file, Run { first, last, count }) in &self.of_none {
            let span = (*first, *last);
            disagreements.add_torn(file, span, || format!("is missing, and with it {}", rows_named(span, *count)));
        }
    }
}
