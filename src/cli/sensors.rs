//! The options of `peer sensors` and their help. What it does is in `sensors::offer`.

use std::path::PathBuf;

use clap::Args;

use crate::config;

const AFTER_HELP: &str = "\
A line for each device that the kernel shows and that measures temperature, humidity or pressure:
the option that reads it, by something that stays the same after a restart where there is such a
thing, and what it gives now. docs/sensors.md tells what is read, and what is refused.

Exit status: 0, also if there are none; 2 for wrong options.";

/// List the sensors of this host, each with the option that reads it and a value
///
/// List the sensors of this host, each with the option that reads it and a value.
#[derive(Debug, Args)]
#[command(after_help = "See 'peer sensors --help' for what is listed.", after_long_help = AFTER_HELP)]
pub struct Sensors {
    /// Where sysfs is mounted
    #[arg(long, id = "sensors_sysfs", env = "PEER_SYSFS", value_name = "DIR", default_value = config::SYSFS)]
    pub sysfs: PathBuf,
}
