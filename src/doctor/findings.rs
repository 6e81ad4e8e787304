//! What was found, a line each: `ok`, `look` or `FAIL`, what was looked at, and what to do.

use std::io::{self, Write};

use super::Diagnosis;
use crate::log_lines::escaped;

pub(super) struct Findings<'a> {
    out: &'a mut dyn Write,
    worst: Diagnosis,
}

impl<'a> Findings<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, worst: Diagnosis::Fine }
    }

    /// As it should be.
    pub(super) fn fine(&mut self, what: &str, text: &str) -> io::Result<()> {
        self.line("ok  ", what, text)
    }

    /// A peer works all the same.
    pub(super) fn warned(&mut self, what: &str, text: &str) -> io::Result<()> {
        self.worst = self.worst.max(Diagnosis::Warned);
        self.line("look", what, text)
    }

    /// A peer does not work.
    pub(super) fn failed(&mut self, what: &str, text: &str) -> io::Result<()> {
        self.worst = Diagnosis::Failed;
        self.line("FAIL", what, text)
    }

    /// What others say of themselves cannot move the cursor.
    fn line(&mut self, mark: &str, what: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "{mark}  {what:<10} {}", escaped(text))?;
        self.out.flush()
    }

    pub(super) fn end(self) -> io::Result<Diagnosis> {
        let text = match self.worst {
            Diagnosis::Fine => "Nothing is wrong here.",
            Diagnosis::Warned => "A peer works here; see the lines that begin with 'look'.",
            Diagnosis::Failed => "See the lines that begin with 'FAIL'.",
        };
        writeln!(self.out, "{text}")?;
        Ok(self.worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_all_lines_counts() {
        let mut out = Vec::new();
        let mut findings = Findings::new(&mut out);
        findings.failed("a", "x").unwrap();
        findings.warned("b", "y\u{1b}").unwrap();
        findings.fine("c", "z").unwrap();
        assert_eq!(findings.end().unwrap(), Diagnosis::Failed);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("FAIL  a          x\nlook  b          y\\x1b\nok    c          z\n"), "{text}");
    }
}
