//! The options of `peer key` and their help. What a key is, and how its file is written, is in the layer `keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const AFTER_HELP: &str = "\
A closed group is one whose peers have a key. Nobody else is let in, learns its name, ids or
readings from the network, or is believed anything. Give the same file to every peer:

  peer key new greenhouse.key
  scp greenhouse.key pi@attic:      and so on, to each
  peer --key-file greenhouse.key ...

Anyone who holds the file belongs to the group, so keep it like a password. A file may hold
several keys, a line each. The first is spoken with, all are understood, and SIGHUP makes a
running peer read its file again. So a key is changed without a stop:

  1. make a new key, and add its line at the end of every peer's file; SIGHUP to each
  2. move it to the first line of every file; SIGHUP to each
  3. once no log names a peer that uses the old one, remove the old line; SIGHUP to each

Exit status: 0, or 1 with a line on standard error that says what is wrong.";

/// Make a key for a closed group, or show the fingerprint of one
///
/// Make a key for a closed group, or show the fingerprint of one.
#[derive(Debug, Args)]
#[command(after_help = "See 'peer key --help' for what a closed group is, and how its key is changed.")]
#[command(after_long_help = AFTER_HELP, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Key {
    #[command(subcommand)]
    pub verb: KeyVerb,
}

/// What is to be done with a key.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Write a new key to a file that is not there yet, and print its fingerprint
    New {
        /// The file; only its owner can read it
        file: PathBuf,
    },
    /// Print the fingerprints of a file's keys, the one that is spoken with first
    Id {
        /// The file
        file: PathBuf,
    },
}
