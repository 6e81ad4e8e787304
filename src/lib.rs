//! The map.

pub mod cli;
pub mod config;
pub mod fatal;
pub mod ids;
pub mod net;
pub mod protocol;
pub mod reading;
pub mod sensors;
pub mod storage;
pub mod threads;
pub mod wire;
