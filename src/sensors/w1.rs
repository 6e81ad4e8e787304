//! Thermometers on a 1-wire bus, such as the DS18B20: `w1_slave` with the nine bytes that the sensor sent, the last of which is
//! their checksum; or `temperature`, which newer kernels have, too.
//!
//! The kernel states temperature in thousandths of °C. A sensor that has lost its power for a moment says 85.000 °C until it
//! has measured; a bus without a sensor sends zeros, whose checksum fits.

use std::path::Path;

use super::device::probe::{number, present, Converted, Probe};
use super::device::Trouble;

/// What a device of this kind has to have.
pub(super) const WANTED: &str = "w1_slave and temperature";

/// Where the kernel's driver puts thermometers; other devices of the bus have neither of these files.
pub(super) fn probes(directory: &Path) -> [Option<Probe>; 3] {
    let file = |name: &str| present(directory.join(name));
    // This file shows whether its value was measured.
    let slave = file("w1_slave").map(|file| Probe::new(vec![file], checked).certain());
    let ready = || file("temperature").map(|file| Probe::new(vec![file], converted));
    [slave.or_else(ready), None, None]
}

/// What a sensor says before it has measured.
const POWER_ON: &str = "85000";

/// The seventh byte that the sensor sends then. After a measurement of 85 °C that byte is another one.
const POWER_ON_BYTE: u8 = 0x0c;

const NOT_MEASURED: Trouble =
    Trouble::Broken("says 85.000 °C, as a sensor does after a loss of power until it has measured");
const CHECKSUM: Trouble = Trouble::Broken("fails its checksum: the line to the sensor is disturbed");
const ZEROS: Trouble = Trouble::Broken("holds zeros only: the sensor is not there, or its line is shorted");

/// Nine bytes as `50 05 4b 46 7f ff 0c 10 1c`, then ` : crc=1c YES`; and once more, then ` t=85000`.
fn checked(texts: &[String]) -> Converted {
    let text = &texts[0];
    let bytes: Vec<u8> = text.split(' ').map_while(|word| u8::from_str_radix(word, 16).ok()).collect();
    let sums = text.lines().next().is_some_and(|line| line.ends_with("YES"));
    let [data @ .., sum] = &bytes[..] else { return Err(Trouble::NoNumber(text.escape_debug().to_string())) };
    if !sums || data.len() != 8 || checksum(data) != *sum {
        return Err(CHECKSUM);
    }
    if data.iter().all(|byte| *byte == 0) {
        return Err(ZEROS);
    }
    let value = text.rsplit_once("t=").map_or("", |(_, value)| value);
    if value == POWER_ON && data[6] == POWER_ON_BYTE {
        return Err(NOT_MEASURED);
    }
    Ok((number(value)?, value.to_owned()))
}

/// The value alone does not show whether it was measured.
fn converted(texts: &[String]) -> Converted {
    if texts[0] == POWER_ON {
        return Err(NOT_MEASURED);
    }
    Ok((number(&texts[0])?, texts[0].clone()))
}

/// The cyclic redundancy check of 1-wire: x⁸ + x⁵ + x⁴ + 1, lowest bit first.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum: u8, _| if sum & 1 == 1 { sum >> 1 ^ 0x8c } else { sum >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of such a file, or why nothing is.
    fn read(bytes: &str, verdict: &str, value: &str) -> Result<String, String> {
        let sum = bytes.rsplit(' ').next().unwrap();
        let text = format!("{bytes} : crc={sum} {verdict}\n{bytes} t={value}");
        checked(&[text]).map(|(_, text)| text).map_err(|trouble| trouble.to_string())
    }

    #[test]
    fn what_real_sensors_sent_is_read() {
        for (bytes, value) in [
            // DS18B20 on a Raspberry Pi, and with nine bits on a BeagleBone.
            ("70 01 4b 46 7f ff 10 10 e1", "23000"),
            ("d8 01 00 04 1f ff 08 10 1c", "29500"),
            // DS18S20.
            ("25 00 4b 46 ff ff 05 10 5d", "18437"),
            ("37 00 4b 46 ff ff 07 10 1e", "27312"),
        ] {
            assert_eq!(read(bytes, "YES", value), Ok(value.to_owned()));
        }
    }

    #[test]
    fn what_real_sensors_sent_and_did_not_measure_is_refused() {
        for (bytes, verdict, value, said) in [
            ("50 05 4b 46 7f ff 0c 10 1c", "YES", "85000", "says 85.000 °C"),
            ("00 00 00 00 00 00 00 00 00", "YES", "0", "holds zeros only"),
            ("ff ff ff ff ff ff ff ff ff", "NO", "-62", "fails its checksum"),
            ("70 01 4b 46 7f ff 10 10 e1", "NO", "23000", "fails its checksum"),
            ("70 01 4b 46 7f ff 10 10 e2", "YES", "23000", "fails its checksum"),
            ("70 01 4b 46 7f ff 10 e1", "YES", "23000", "fails its checksum"),
            ("70 01 4b 46 7f ff 10 10 e1", "YES", "", "holds '', which is no number"),
        ] {
            let refusal = read(bytes, verdict, value).unwrap_err();
            assert!(refusal.starts_with(said), "{bytes}: {refusal}");
        }
        assert!(checked(&[String::new()]).unwrap_err().to_string().starts_with("holds ''"));
    }

    #[test]
    fn eighty_five_degrees_that_were_measured_are_taken_where_the_bytes_show_it() {
        let measured = [0x50, 0x05, 0x4b, 0x46, 0x7f, 0xff, 0x10, 0x10];
        let bytes = measured.iter().chain([&checksum(&measured)]).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>();
        assert_eq!(read(&bytes.join(" "), "YES", "85000"), Ok("85000".to_owned()));
        assert!(converted(&["85000".to_owned()]).is_err() && converted(&["84937".to_owned()]).is_ok());
    }
}
