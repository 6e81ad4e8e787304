//! What is wrong with a scenario.

use thiserror::Error;

#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line}, '{word}': {why}")]
pub struct ScenarioError {
    /// From 1.
    pub line: usize,
    /// The word that is wrong; the last one where something is missing after it.
    pub word: String,
    pub why: String,
}
