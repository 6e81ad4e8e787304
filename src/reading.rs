//! A measurement: `DATA|sensor_id|timestamp|temperature|humidity|pressure`, text <-> fields, strict.

/// Longest payload line without its LF, in bytes: the verb, a sensor id of 64, a timestamp of 40 and three values of 24.
pub const LINE_BYTES_MAX: usize = 192;

/// Longest timestamp, in bytes: RFC 3339 with nanoseconds and offset needs 35.
pub const TIMESTAMP_BYTES_MAX: usize = 40;

/// Longest value, in bytes; a double's exact 17 digits, sign, point and exponent fit.
pub const VALUE_BYTES_MAX: usize = 24;
