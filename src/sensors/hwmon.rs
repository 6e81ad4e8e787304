//! Linux hardware monitoring: thermometers and hygrometers such as the `SHT4x` (`temp1_input`, `humidity1_input`), and what
//! processors, disks and boards say of themselves.
//!
//! The kernel's `Documentation/hwmon/sysfs-interface.rst` states temperature in thousandths of °C, humidity in thousandths of
//! %. There is no pressure.

use std::fs;
use std::path::{Path, PathBuf};

use super::device::probe::{number, present, Converted, Probe};
use super::device::Trouble;

/// What a device of this kind has to have.
pub(super) const WANTED: &str = "temp*_input and humidity*_input";

/// Temperature and humidity, as far as the device in this directory measures them: of several, the one of the lowest number.
pub(super) fn probes(directory: &Path) -> [Option<Probe>; 3] {
    // Old drivers have their files in the directory of the chip.
    let places = [directory.to_owned(), directory.join("device")];
    let probe = |quantity: &str| {
        let channel = places.iter().find_map(|place| lowest(place, quantity))?;
        let file = |suffix: &str| present(PathBuf::from(format!("{}_{suffix}", channel.display())));
        Some(Probe::new(file("input").into_iter().chain(file("fault")).collect(), converted))
    };
    [probe("temp"), probe("humidity"), None]
}

/// The channel of the lowest number, without what follows that: `…/temp1`.
fn lowest(directory: &Path, quantity: &str) -> Option<PathBuf> {
    let number = |entry: fs::DirEntry| -> Option<u32> {
        let name = entry.file_name().into_string().ok()?;
        name.strip_prefix(quantity)?.strip_suffix("_input")?.parse().ok()
    };
    let numbers = fs::read_dir(directory).ok()?.flatten().filter_map(number);
    Some(directory.join(format!("{quantity}{}", numbers.min()?)))
}

/// A value, and whether its sensor is broken, where the chip finds out.
fn converted(texts: &[String]) -> Converted {
    let [value, fault @ ..] = texts else { unreachable!("there is a value") };
    match fault.first().map(String::as_str) {
        None | Some("0") => Ok((number(value)?, value.clone())),
        Some(_) => Err(Trouble::Broken("is of a sensor that its chip finds broken or missing")),
    }
}
