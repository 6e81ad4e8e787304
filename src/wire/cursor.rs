//! Reads the fields of one line, strictly: each in turn, nothing left over.

use std::net::SocketAddr;
use std::str::FromStr;

use super::error::WireError;
use crate::ids::{parse_incarnation, parse_number};

/// Walks over `<verb>:<field>:<field>…`. A field in brackets may hold colons.
#[derive(Debug)]
pub struct Cursor<'a> {
    verb: &'static str,
    /// What follows the colon after the last field read; `None` after the last field.
    rest: Option<&'a str>,
}

impl<'a> Cursor<'a> {
    /// Begins after the verb.
    ///
    /// # Errors
    /// [`WireError::Verb`] where the line has another.
    pub fn new(line: &'a str, verb: &'static str) -> Result<Self, WireError> {
        let rest = line.strip_prefix(verb).ok_or(WireError::Verb)?;
        match rest.strip_prefix(':') {
            Some(rest) => Ok(Self { verb, rest: Some(rest) }),
            None if rest.is_empty() => Ok(Self { verb, rest: None }),
            None => Err(WireError::Verb),
        }
    }

    #[must_use]
    pub fn verb(&self) -> &'static str {
        self.verb
    }

    fn wrong(&self, field: &'static str) -> WireError {
        WireError::Field { verb: self.verb, field }
    }

    /// The next field, perhaps empty.
    ///
    /// # Errors
    /// [`WireError::Field`] where there is none.
    pub fn text(&mut self, field: &'static str) -> Result<&'a str, WireError> {
        let rest = self.rest.ok_or(self.wrong(field))?;
        let (text, rest) = rest.split_once(':').map_or((rest, None), |(text, rest)| (text, Some(rest)));
        self.rest = rest;
        Ok(text)
    }

    /// The next field, as a type that parses itself.
    ///
    /// # Errors
    /// [`WireError::Field`] where it does not.
    pub fn parse<T: FromStr>(&mut self, field: &'static str) -> Result<T, WireError> {
        let text = self.text(field)?;
        text.parse().map_err(|_| self.wrong(field))
    }

    /// The next field, `None` where it is `absent`.
    ///
    /// # Errors
    /// [`WireError::Field`] where it is malformed.
    pub fn optional<T: FromStr>(&mut self, field: &'static str, absent: &str) -> Result<Option<T>, WireError> {
        let text = self.text(field)?;
        if text == absent {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| self.wrong(field))
    }

    /// The next field as a whole number in canonical form.
    ///
    /// # Errors
    /// [`WireError::Field`] where it is not one.
    pub fn number(&mut self, field: &'static str) -> Result<u64, WireError> {
        let text = self.text(field)?;
        parse_number(text).ok_or(self.wrong(field))
    }

    /// The next field as the number of a life.
    ///
    /// # Errors
    /// [`WireError::Field`] where it is not one.
    pub fn incarnation(&mut self, field: &'static str) -> Result<u64, WireError> {
        let text = self.text(field)?;
        parse_incarnation(text).ok_or(self.wrong(field))
    }

    /// The next field as a whole number with a sign, in canonical form.
    ///
    /// # Errors
    /// [`WireError::Field`] where it is not one.
    pub fn integer(&mut self, field: &'static str) -> Result<i64, WireError> {
        let text = self.text(field)?;
        parse_integer(text).ok_or(self.wrong(field))
    }

    /// What is in brackets, up to the next bracket, and then `separator`.
    pub fn bracketed(&mut self, separator: &str) -> Option<&'a str> {
        let inner = self.rest?.strip_prefix('[')?;
        // The only brackets in the lists are around IPv6 addresses, and a colon or a slash follows those.
        let end = inner.find(&format!("]{separator}"))?;
        self.rest = Some(&inner[end + 1 + separator.len()..]);
        Some(&inner[..end])
    }

    /// Whether a list in brackets comes next, and not an address in brackets.
    #[must_use]
    pub fn is_bracketed(&self) -> bool {
        self.rest.is_some_and(|rest| rest.starts_with('['))
    }

    /// Takes the next field if it is this one.
    pub fn take(&mut self, text: &str) -> bool {
        let Some(rest) = self.rest.and_then(|rest| rest.strip_prefix(text)) else { return false };
        match rest.strip_prefix(':') {
            Some(rest) => self.rest = Some(rest),
            None if rest.is_empty() => self.rest = None,
            None => return false,
        }
        true
    }

    /// Takes the last field if it is this one.
    pub fn take_if_last(&mut self, text: &str) -> bool {
        let is = self.rest == Some(text);
        if is {
            self.rest = None;
        }
        is
    }

    /// The next field as a length of at most `max`.
    ///
    /// # Errors
    /// [`WireError::Field`] where it is not one.
    pub fn length(&mut self, field: &'static str, max: usize) -> Result<usize, WireError> {
        let number = self.number(field)?;
        usize::try_from(number).ok().filter(|length| *length <= max).ok_or(self.wrong(field))
    }

    /// The next two fields as address and port; an IPv6 address is in brackets.
    ///
    /// # Errors
    /// [`WireError::Field`] where they are not.
    pub fn endpoint(&mut self) -> Result<SocketAddr, WireError> {
        let field = "address";
        let rest = self.rest.ok_or(self.wrong(field))?;
        let address_end = if rest.starts_with('[') { rest.find(']') } else { rest.find(':') };
        let port_at = address_end.map(|end| if rest.starts_with('[') { end + 2 } else { end + 1 });
        let port_at = port_at.filter(|at| *at <= rest.len() && rest.is_char_boundary(*at)).ok_or(self.wrong(field))?;
        let port_end = rest[port_at..].find(':').map_or(rest.len(), |at| port_at + at);
        self.rest = rest.get(port_end + 1..);
        rest[..port_end].parse().map_err(|_| self.wrong(field))
    }

    /// The rest of the line, whatever it holds.
    pub fn remainder(&mut self) -> &'a str {
        self.rest.take().unwrap_or("")
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// [`WireError::Leftover`] where something is.
    pub fn end(&self) -> Result<(), WireError> {
        match self.rest {
            None => Ok(()),
            Some(_) => Err(WireError::Leftover { verb: self.verb }),
        }
    }
}

/// Reads a whole number in its one canonical form: no plus, no leading zero, no `-0`.
pub(super) fn parse_integer(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
