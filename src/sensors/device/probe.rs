//! How one value is read of the kernel's small files.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::decimal::Decimal;
use super::Trouble;

/// Most bytes read of a file: a value has far fewer.
const FILE_BYTES_MAX: u64 = 64;

/// The files of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sensors) enum Probe {
    /// One that holds it.
    Ready(PathBuf),
    /// What is measured, to be added to an offset, where there is one, and then to be multiplied by a scale.
    Raw { raw: PathBuf, offset: Option<PathBuf>, scale: PathBuf },
}

impl Probe {
    /// The file that is named where something is wrong.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Ready(path) | Self::Raw { raw: path, .. } => path,
        }
    }

    /// The value in the unit of the kernel, and what it was read as.
    pub(super) fn read(&self) -> Result<(Decimal, String), Trouble> {
        match self {
            Self::Ready(path) => number(path, ""),
            Self::Raw { raw, offset, scale } => {
                let (value, raw) = number(raw, "")?;
                let offset = offset.as_ref().map(|offset| number(offset, "its offset ")).transpose()?;
                let (by, scale) = number(scale, "its scale ")?;
                let (of, added) =
                    offset.map_or((Decimal::new(0), String::new()), |(of, text)| (of, format!(" + {text}")));
                let shown = format!("({raw}{added}) * {scale}");
                match value.plus(of).and_then(|sum| sum.times(by)) {
                    Some(value) if !by.is_zero() => Ok((value, shown)),
                    _ => Err(Trouble::NoNumber(shown)),
                }
            }
        }
    }
}

fn number(path: &Path, what: &'static str) -> Result<(Decimal, String), Trouble> {
    let text = read_short(path).map_err(|error| Trouble::Unreadable { what, cause: error.to_string() })?;
    match Decimal::parse(&text) {
        Some(number) => Ok((number, text)),
        None => Err(Trouble::NoNumber(format!("{what}{}", text.escape_debug()))),
    }
}

/// The text of a small file, without white space around it.
pub(super) fn read_short(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

/// Is it there? One that may not be looked at is a trouble to tell of, and not a value that is not measured.
pub(in crate::sensors) fn is_there(path: &Path) -> bool {
    !path.metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}
