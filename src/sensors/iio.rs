//! Linux industrial I/O, e.g. a BME280: values that the driver has converted (`in_temp_input`), or raw ones with what converts
//! them (`in_temp_raw`, `in_temp_offset`, `in_temp_scale`).
//!
//! The kernel's `Documentation/ABI/testing/sysfs-bus-iio` states temperature in thousandths of °C, humidity in thousandths
//! of %, pressure in kPa.

use std::path::Path;

use super::device::probe::{is_there, Probe};

/// What a device of this kind has to have.
pub(super) const WANTED: &str =
    "in_temp_input, in_humidityrelative_input or in_pressure_input, or one of these as in_*_raw with \
                                 its in_*_scale";

/// Temperature, humidity, pressure, as far as the device in this directory measures them.
pub(super) fn probes(directory: &Path) -> [Option<Probe>; 3] {
    ["in_temp", "in_humidityrelative", "in_pressure"].map(|channel| {
        let file = |suffix: &str| Some(directory.join(format!("{channel}_{suffix}"))).filter(|path| is_there(path));
        file("input")
            .map(Probe::Ready)
            .or_else(|| Some(Probe::Raw { raw: file("raw")?, offset: file("offset"), scale: file("scale")? }))
    })
}
