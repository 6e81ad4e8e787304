//! Linux industrial I/O, e.g. a BME280: values that the driver has converted (`in_temp_input`), or raw ones with what converts
//! them (`in_temp_raw`, `in_temp_offset`, `in_temp_scale`).
//!
//! The kernel's `Documentation/ABI/testing/sysfs-bus-iio` states temperature in thousandths of °C, humidity in thousandths
//! of %, pressure in kPa.

use std::path::Path;

use super::device::probe::{number, present, Converted, Probe};
use super::device::Trouble;

/// What a device of this kind has to have.
pub(super) const WANTED: &str =
    "in_temp_input, in_humidityrelative_input and in_pressure_input, or these as in_*_raw with their \
                                 in_*_scale";

/// Temperature, humidity, pressure, as far as the device in this directory measures them.
pub(super) fn probes(directory: &Path) -> [Option<Probe>; 3] {
    ["in_temp", "in_humidityrelative", "in_pressure"].map(|channel| {
        let file = |suffix: &str| present(directory.join(format!("{channel}_{suffix}")));
        let raw = || {
            let required = [file("raw")?, file("scale")?];
            Some(Probe::new(required.into_iter().chain(file("offset")).collect(), converted))
        };
        file("input").map(Probe::ready).or_else(raw)
    })
}

/// A raw value, its scale, and its offset where it has one, which is added first.
fn converted(texts: &[String]) -> Converted {
    let [raw, scale, offset @ ..] = texts else { unreachable!("a raw value has a scale") };
    let (value, by) = (number(raw)?, number(scale)?);
    let offset_value = offset.first().map(|text| number(text)).transpose()?;
    let sum = offset_value.map_or(Some(value), |offset| value.plus(offset));
    let shown = match offset {
        [offset] => format!("({raw} + {offset}) * {scale}"),
        _ => format!("{raw} * {scale}"),
    };
    match sum.and_then(|sum| sum.times(by)) {
        // Without a scale nothing is measured.
        Some(value) if !by.is_zero() => Ok((value, shown)),
        _ => Err(Trouble::NoNumber(shown)),
    }
}
