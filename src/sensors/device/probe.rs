//! How one value is read of the kernel's small files: which they are, and what is made of their texts.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::Trouble;
use crate::sensors::decimal::Decimal;

/// Most bytes read of a file: a value has far fewer.
const FILE_BYTES_MAX: u64 = 256;

/// A value in the unit of the kernel, and what it was made of, for people.
pub(in crate::sensors) type Converted = Result<(Decimal, String), Trouble>;

/// The files of a value.
#[derive(Debug, Clone)]
pub(in crate::sensors) struct Probe {
    /// The first is named where something is wrong.
    files: Vec<PathBuf>,
    /// Makes the value of their texts.
    convert: fn(&[String]) -> Converted,
    /// What is converted is in the unit that the kernel documents, whatever the value is.
    pub(super) certain: bool,
}

impl Probe {
    pub(in crate::sensors) fn new(files: Vec<PathBuf>, convert: fn(&[String]) -> Converted) -> Self {
        Self { files, convert, certain: false }
    }

    /// A file that holds the value, and nothing else.
    pub(in crate::sensors) fn ready(file: PathBuf) -> Self {
        Self::new(vec![file], |texts| number(&texts[0]).map(|number| (number, texts[0].clone())))
    }

    /// One whose conversion sees that it is in the unit that the kernel documents.
    pub(in crate::sensors) fn certain(self) -> Self {
        Self { certain: true, ..self }
    }

    pub(super) fn path(&self) -> &Path {
        &self.files[0]
    }

    pub(super) fn read(&self) -> Converted {
        let texts = self.files.iter().map(|file| {
            read_short(file).map_err(|error| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let what = if file == self.path() { String::new() } else { format!("{name}: ") };
                Trouble::Unreadable(format!("{what}{error}"))
            })
        });
        (self.convert)(&texts.collect::<Result<Vec<_>, _>>()?)
    }
}

/// The number that a file holds.
pub(in crate::sensors) fn number(text: &str) -> Result<Decimal, Trouble> {
    Decimal::parse(text).ok_or_else(|| Trouble::NoNumber(text.escape_debug().to_string()))
}

/// The text of a small file, without white space around it.
pub(super) fn read_short(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

/// The file, if it is there. One that may not be looked at is a fault to report, and not a value that is not measured.
pub(in crate::sensors) fn present(path: PathBuf) -> Option<PathBuf> {
    let missing = path.metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    (!missing).then_some(path)
}
