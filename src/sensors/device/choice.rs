//! Which devices there are, and which one is meant: by its directory, its number, its name, or where it is connected.

use std::fs;
use std::path::{Path, PathBuf};

use super::probe::read_short;
use crate::config::{Bus, Choice};
use crate::sensors::SensorError;

/// Where devices are looked for, and which one is meant.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where sysfs is mounted.
    pub sysfs: PathBuf,
    pub bus: Bus,
    pub choice: Choice,
}

/// A device that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sensors) struct Candidate {
    pub(in crate::sensors) directory: PathBuf,
    /// What its directory is called.
    pub(in crate::sensors) entry: String,
    /// What its driver calls it, and the host's description, where they do.
    pub(in crate::sensors) names: Vec<String>,
    /// Where it is connected.
    pub(in crate::sensors) path: String,
}

impl Place {
    /// The directory of the one device that is meant.
    ///
    /// # Errors
    /// [`SensorError`] where there is none, or more than one.
    pub(super) fn find(&self) -> Result<PathBuf, SensorError> {
        if let Choice::Directory(directory) = &self.choice {
            return match fs::read_dir(directory) {
                Ok(_) => Ok(directory.clone()),
                Err(error) => Err(SensorError::Directory { sensor: self.describe(), cause: error.to_string() }),
            };
        }
        let all = devices(&self.sysfs, self.bus);
        let meant: Vec<&Candidate> = all.iter().filter(|device| self.means(device)).collect();
        match meant[..] {
            [device] => Ok(device.directory.clone()),
            [] if all.is_empty() => Err(SensorError::NoDevices { sensor: self.describe(), word: self.bus.word() }),
            [] => Err(SensorError::NoDevice { sensor: self.describe(), there: listed(all.iter()) }),
            _ => Err(SensorError::Devices { sensor: self.describe(), there: listed(meant.into_iter()) }),
        }
    }

    pub(in crate::sensors) fn means(&self, device: &Candidate) -> bool {
        match &self.choice {
            Choice::Directory(_) => false,
            Choice::Number(number) => device.entry == format!("{}{number}", layout(self.bus).1),
            Choice::Name(pattern) => {
                let names = device.names.iter().chain([&device.entry]);
                names.into_iter().any(|name| matches(pattern, name))
            }
            Choice::Path(pattern) => matches(&format!("*{pattern}*"), &device.path),
        }
    }

    /// As it is written on the command line.
    pub(super) fn describe(&self) -> String {
        format!("{}:{}", self.bus.word(), self.choice)
    }
}

/// Below sysfs: the directory of a bus's devices, and how their names begin before their numbers.
fn layout(bus: Bus) -> (&'static str, &'static str) {
    match bus {
        Bus::Iio => ("bus/iio/devices", "iio:device"),
        Bus::Hwmon => ("class/hwmon", "hwmon"),
        // The directory of a device is called by the number that the device was made with.
        Bus::W1 => ("bus/w1/devices", ""),
    }
}

/// How the directories of masters begin, which measure nothing.
const W1_MASTER: &str = "w1_bus_master";

/// All devices of a bus, in the order of their directories.
pub(in crate::sensors) fn devices(sysfs: &Path, bus: Bus) -> Vec<Candidate> {
    let (directory, prefix) = layout(bus);
    let entries = fs::read_dir(sysfs.join(directory)).into_iter().flatten().flatten();
    let mut found: Vec<Candidate> = entries
        .filter_map(|entry| {
            let (directory, entry) = (entry.path(), entry.file_name().into_string().ok()?);
            let names = ["name", "label"].into_iter().filter_map(|file| read_short(&directory.join(file)).ok());
            let names = names.filter(|name| !name.is_empty() && *name != entry).collect();
            let path = fs::canonicalize(&directory).ok()?.display().to_string();
            let is_device = entry.starts_with(prefix) && !entry.starts_with(W1_MASTER);
            is_device.then_some(Candidate { directory, entry, names, path })
        })
        .collect();
    found.sort_by(|one, other| (one.entry.len(), &one.entry).cmp(&(other.entry.len(), &other.entry)));
    found
}

fn listed<'a>(devices: impl Iterator<Item = &'a Candidate>) -> String {
    let shown = devices.map(|device| match &device.names[..] {
        [] => device.entry.clone(),
        [name, ..] => format!("{name} ({})", device.entry),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Whether the text matches this pattern, in which `*` is any text and `?` any character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // The last star, and the text that it has taken: one character more each time that the rest does not match.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|c| *c == '?' || *c == text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (p, t) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_stars_and_question_marks() {
        for (pattern, text, fits) in [
            ("bme280", "bme280", true),
            ("bme280", "bme2800", false),
            ("bm?280", "bmp280", true),
            ("bm*", "bm", true),
            ("*", "", true),
            ("", "", true),
            ("?", "", false),
            ("28-*", "28-0316a2794c", true),
            ("*1-0076*", "/sys/devices/i2c-1/1-0076/iio:device0", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*a", "aaab", false),
            ("*ü?", "grün", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
