//! Every knob: its unit, default and relation to others; checked once, immutable after.
