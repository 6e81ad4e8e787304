//! JSON as it is written here: objects on one line. Nothing here reads it.

use std::fmt::Write as _;

/// An object whose members are added one by one.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".to_owned())
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.raw(name, &quoted(value));
    }

    /// Adds a value that is JSON already.
    pub(crate) fn raw(&mut self, name: &str, value: &str) {
        let comma = if self.0.len() > 1 { "," } else { "" };
        write!(self.0, "{comma}{}:{value}", quoted(name)).expect("a string takes everything");
    }

    pub(crate) fn end(self) -> String {
        self.0 + "}"
    }

    /// The text between the braces, for an object with further members.
    pub(crate) fn members(&self) -> &str {
        &self.0[1..]
    }

    /// Adds the text between the braces of another object.
    pub(crate) fn extend(&mut self, members: &str) {
        if !members.is_empty() {
            let comma = if self.0.len() > 1 { "," } else { "" };
            self.0.extend([comma, members]);
        }
    }
}

pub(crate) fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// A string, with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => write!(quoted, "\\u{:04x}", u32::from(c)).expect("a string takes everything"),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_quoted_text_ends_it() {
        assert_eq!(quoted("a\"b\\c\n\u{7f}é"), "\"a\\\"b\\\\c\\u000a\\u007fé\"");
    }
}
