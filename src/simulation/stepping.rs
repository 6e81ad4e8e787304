//! A run moment by moment, back as well as forward: a line of input is a step. It works in any terminal, and in a pipe.

use std::io::{self, BufRead, Write};

use crate::simulation::scenario::read_time;
use crate::simulation::telling::{clock, Detail, Story};

const HELP: &str = "Enter: next   b: back   a time, as in 12.5s: go there   /WORD: next line with it   q: end";

/// Shows moment after moment, as the lines of `input` say, until they end.
///
/// # Errors
///
/// Nobody reads what is shown, or the input cannot be read.
pub fn walk(story: &Story, detail: Detail, input: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
    let lines = story.lines(detail);
    let mut at = 0;
    writeln!(out, "{} moments. {HELP}", lines.len())?;
    loop {
        let Some((place, line)) = lines.get(at) else {
            return writeln!(out, "Nothing happened.");
        };
        write!(out, "\n{line}\n\n{}\n[{} of {}] ", story.table(*place), at + 1, lines.len())?;
        out.flush()?;
        let mut typed = String::new();
        if input.read_line(&mut typed)? == 0 {
            return writeln!(out);
        }
        let is_last = at + 1 == lines.len();
        match typed.trim() {
            "q" => return Ok(()),
            "" | "n" if is_last => writeln!(out, "This is the end. {HELP}")?,
            "" | "n" => at += 1,
            "b" => at = at.saturating_sub(1),
            word if word.starts_with('/') => {
                let found = lines.iter().enumerate().skip(at + 1).find(|(_, (_, line))| line.contains(&word[1..]));
                match found {
                    Some((found, _)) => at = found,
                    None => writeln!(out, "No line after this one has '{}'.", &word[1..])?,
                }
            }
            word => match read_time(word) {
                Ok(time) => {
                    let time = clock(time);
                    let later = |line: &String| line.get(..time.len()).is_some_and(|begin| begin >= time.as_str());
                    at = lines.iter().position(|(_, line)| later(line)).unwrap_or(lines.len() - 1);
                }
                Err(_) => writeln!(out, "{HELP}")?,
            },
        }
    }
}
