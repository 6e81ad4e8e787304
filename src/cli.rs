//! Command line and environment -> `Config`.
