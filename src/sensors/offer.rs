//! `peer sensors`: the devices of this host, each with the option that reads it and with what it gives now.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::device::choice::{devices, Candidate};
use super::device::{Device, Place};
use super::Clock;
use crate::config::{Bus, Choice, SensorSource};

/// Writes a line for each device that measures something, as it is read.
///
/// # Errors
/// Where that cannot be written.
pub fn offer(sysfs: &Path, out: &mut dyn Write) -> io::Result<()> {
    let mut offered = 0;
    for bus in Bus::ALL {
        let all = devices(sysfs, bus);
        for device in &all {
            let choice = Choice::Directory(device.directory.clone());
            let place = Place { sysfs: sysfs.to_owned(), bus, choice };
            let (id, clock) = ("any".parse().expect("a name"), Clock::new(|| Timestamp::UNIX_EPOCH));
            // Devices that measure something else are not listed.
            let Ok(mut opened) = Device::open(place, id, Duration::from_secs(1), clock, Arc::default()) else {
                continue;
            };
            let option = SensorSource::Device(bus, choice_of(device, &all, (sysfs, bus))).to_string();
            write!(out, "--sensor {:<32}", quoted(&option))?;
            // The read may take a while.
            out.flush()?;
            writeln!(out, "  {}", opened.now())?;
            offered += 1;
        }
    }
    if offered == 0 {
        let sysfs = sysfs.display();
        writeln!(
            out,
            "{sysfs} shows no device that measures temperature, humidity or pressure; is its driver loaded?"
        )?;
    }
    Ok(())
}

/// Chooses this device and no other, by name or by where it is connected: both survive a restart of the host.
fn choice_of(device: &Candidate, all: &[Candidate], (sysfs, bus): (&Path, Bus)) -> Choice {
    // The directory of a 1-wire device has the device's name.
    let entry = (bus == Bus::W1).then_some(&device.entry);
    let names = entry.into_iter().chain(&device.names).cloned().map(Choice::Name);
    let parts = device.path.rsplit('/').filter(|part| !part.is_empty() && *part != device.entry);
    let paths = parts.map(|part| Choice::Path(part.to_owned()));
    let means_one = |choice: &Choice| {
        let place = Place { sysfs: sysfs.to_owned(), bus, choice: choice.clone() };
        all.iter().filter(|other| place.means(other)).eq([device])
    };
    names.chain(paths).find(means_one).unwrap_or_else(|| Choice::Directory(device.directory.clone()))
}

/// Quoted for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ":=./_@,+-".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(quoted("iio:path=1-0076"), "iio:path=1-0076");
        assert_eq!(quoted("iio:it's *"), "'iio:it'\\''s *'");
    }

    #[test]
    fn a_host_without_devices_says_so() {
        let mut out = Vec::new();
        offer(Path::new("/no/such"), &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().starts_with("/no/such shows no device that measures"));
    }
}
