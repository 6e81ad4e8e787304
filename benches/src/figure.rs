//! Figures: what was measured, with a name that stays, so that a later run can be held against an earlier one.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

/// Whether more of it is better, or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    More,
    Less,
}

/// A median, with the lowest and the highest that it was taken from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    /// How many were measured.
    pub(crate) of: usize,
    pub(crate) unit: String,
    pub(crate) better: Better,
}

impl Figure {
    /// # Panics
    /// Without a value.
    fn new(mut values: Vec<f64>, unit: &str, better: Better) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let at = |index: usize| values[index];
        let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
        Self {
            median: rounded(f64::midpoint(at(low), at(high))),
            lowest: rounded(at(0)),
            highest: rounded(at(values.len() - 1)),
            of: values.len(),
            unit: unit.to_owned(),
            better,
        }
    }

    /// For a person.
    fn text(&self) -> String {
        let unit = &self.unit;
        if self.of == 1 {
            return format!("{} {unit}", short(self.median));
        }
        let [median, lowest, highest] = [self.median, self.lowest, self.highest].map(short);
        format!("{median} {unit} ({lowest} to {highest}, median of {})", self.of)
    }
}

/// To a thousandth, which is more than any figure is good for: a file of figures stays readable.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Three digits that count, and no more; groups of three where there are many before the point.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 10_000.0 {
        let digits = format!("{value:.0}");
        let bytes = digits.as_bytes().rchunks(3).rev();
        return bytes.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
    }
    let places = if size >= 100.0 {
        0
    } else if size >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.places$}")
}

/// All figures of a run, by name. Each is printed when it is there.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures(BTreeMap<String, Figure>);

impl Figures {
    /// The head of the table.
    pub(crate) fn begin() -> Self {
        println!("| what | figure |\n| --- | --- |");
        Self::default()
    }

    pub(crate) fn add(&mut self, name: &str, values: Vec<f64>, unit: &str, better: Better) {
        let figure = Figure::new(values, unit, better);
        println!("| {name} | {} |", figure.text());
        self.0.insert(name.to_owned(), figure);
    }

    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        self.0.get(name).map(|figure| figure.median)
    }

    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
    }

    pub(crate) fn load(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
    }

    /// A table of what both runs have, as shares of the earlier one. What lies outside the range of the earlier run to
    /// the worse side is marked.
    pub(crate) fn print_against(&self, earlier: &Self) {
        println!("\n| what | now | earlier | share |\n| --- | --- | --- | --- |");
        for (name, now) in &self.0 {
            let Some(then) = earlier.0.get(name) else { continue };
            let worse = match now.better {
                Better::More => now.median < then.lowest,
                Better::Less => now.median > then.highest,
            };
            let mark = if worse { " worse than any" } else { "" };
            let share = now.median / then.median;
            let [now, then] = [now.median, then.median].map(short);
            println!("| {name} | {now} | {then} | {share:.2}{mark} |");
        }
    }
}
