//! A JSON object a line. What is in an object of it is called by both names, `BME280.Temperature`. Numbers are kept as they were
//! written. Lists are passed over.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Pair;
use crate::reading::ReadingError;

const NO_OBJECT: ReadingError = ReadingError { field: "line", reason: "is no JSON object" };

/// Objects in objects, at most.
const DEPTH_MAX: usize = 8;

pub(super) fn pairs(line: &str) -> Result<Vec<Pair>, ReadingError> {
    let mut found = Vec::new();
    gather(line, "", DEPTH_MAX, &mut found).ok_or(NO_OBJECT)?;
    Ok(found)
}

/// Gathers what an object has; `None`: it is none.
fn gather(text: &str, before: &str, depth: usize, found: &mut Vec<Pair>) -> Option<()> {
    let object: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    for (name, value) in object {
        let (name, text) = (format!("{before}{name}"), value.get());
        match text.as_bytes().first() {
            Some(b'{') if depth > 0 => gather(text, &format!("{name}."), depth - 1, found)?,
            Some(b'{' | b'[') => {}
            Some(b'"') => found.push((name, serde_json::from_str(text).ok()?)),
            // Nothing was measured.
            _ if text == "null" => found.push((name, String::new())),
            _ => found.push((name, text.to_owned())),
        }
    }
    Some(())
}
