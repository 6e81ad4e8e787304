//! Files with keys: `peer-key-1` and 64 hexadecimal digits on a line; empty lines, and lines that begin with `#`, do
//! not count. A peer speaks with the first key and understands all.
//!
//! A file is opened once, and never through a symbolic link. Its owner, and who may read it, are checked on the open
//! file. What was read is wiped.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rand::rngs::SysRng;
use rand::TryRng;
use zeroize::Zeroizing;

use super::{Fingerprint, Key, KEYS_MAX, KEY_BYTES};

/// The beginning of a line with a key.
const WORD: &str = "peer-key-1";

/// Longest file, in bytes: some keys, and people's notes beside them.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// What is wrong with a file. No message quotes its text.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{}: {cause}; `peer key new FILE` makes a key file", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error("{} is there already, and a key that is lost closes its group for ever; choose another name", path.display())]
    Exists { path: PathBuf },
    #[error("{}: {cause}; a key file needs a directory that you may write to", path.display())]
    Unwritable { path: PathBuf, cause: io::Error },
    #[error("{}: {cause}; nothing is left of it: make room, and try again", path.display())]
    Unwritten { path: PathBuf, cause: io::Error },
    #[error("{} is a symbolic link; name the file itself", path.display())]
    Link { path: PathBuf },
    #[error("{} is no ordinary file; `peer key new FILE` makes a key file", path.display())]
    NoFile { path: PathBuf },
    #[error("{} can be read by others; run: chmod 600 {}", path.display(), path.display())]
    Open { path: PathBuf },
    #[error("{} belongs to another user, who can change it; run: chown {user} {}", path.display(), path.display())]
    Foreign { path: PathBuf, user: u32 },
    #[error("{}, line {line}: {why}; a key is `{WORD}` and 64 hexadecimal digits, as `peer key new FILE` writes it", path.display())]
    Malformed { path: PathBuf, line: usize, why: &'static str },
    #[error("{}: {why}; `peer key new FILE` makes a key file", path.display())]
    Keys { path: PathBuf, why: &'static str },
    #[error("the system gives no random numbers: {0}; try again later")]
    Random(String),
}

/// Draws a key and writes it to a new file that nobody else can read.
///
/// # Errors
/// Where the file is there already, or cannot be written; and where the system gives no random numbers.
pub fn create(path: &Path) -> Result<Fingerprint, KeyFileError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    SysRng.try_fill_bytes(&mut *bytes).map_err(|error| KeyFileError::Random(error.to_string()))?;
    let key = Key::new(bytes);
    let mut text = Zeroizing::new(String::with_capacity(WORD.len() + 2 * KEY_BYTES + 2));
    text.push_str(WORD);
    text.push(' ');
    for byte in key.0.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).expect("a digit"));
        }
    }
    text.push('\n');
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
        _ => KeyFileError::Unwritable { path: path.to_owned(), cause },
    })?;
    if let Err(cause) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
        // A file with half a key would be taken for one that must not be lost.
        let _ = fs::remove_file(path);
        return Err(KeyFileError::Unwritten { path: path.to_owned(), cause });
    }
    Ok(key.fingerprint())
}

/// Reads the keys of a file.
///
/// # Errors
/// Where it cannot be read, others may read it, or it holds something else.
pub fn read(path: &Path) -> Result<Vec<Key>, KeyFileError> {
    let file = open(path)?;
    let unreadable = |cause| KeyFileError::Unreadable { path: path.to_owned(), cause };
    let length = file.metadata().map_err(unreadable)?.len();
    let refused = |why| KeyFileError::Keys { path: path.to_owned(), why };
    if length > FILE_BYTES_MAX {
        return Err(refused("it is longer than any key file"));
    }
    // The buffer has room for all of it: one that grows leaves copies.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(FILE_BYTES_MAX).expect("some KiB")));
    (&file).take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    // So has this one.
    let mut keys: Vec<Key> = Vec::with_capacity(KEYS_MAX);
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let malformed = |why| KeyFileError::Malformed { path: path.to_owned(), line: at + 1, why };
        if let Some(key) = parse(line).map_err(malformed)? {
            if keys.iter().any(|other| other.0 == key.0) {
                return Err(malformed("this key is there twice"));
            }
            if keys.len() == KEYS_MAX {
                return Err(refused("it holds more than 8 keys"));
            }
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return Err(refused("there is no key in it"));
    }
    Ok(keys)
}

fn parse(line: &[u8]) -> Result<Option<Key>, &'static str> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let digits = line.strip_prefix(WORD.as_bytes()).filter(|rest| rest.starts_with(b" ")).ok_or("this is no key")?;
    let digits = digits.trim_ascii();
    if digits.len() != 2 * KEY_BYTES {
        return Err("it has not 64 digits");
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or("a digit is not hexadecimal");
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).expect("two digits");
    }
    Ok(Some(Key::new(bytes)))
}

#[cfg(unix)]
fn open(path: &Path) -> Result<File, KeyFileError> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    let named = || path.to_owned();
    // Without the flag, opening a named pipe would wait.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("flags of the system");
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|cause| match cause.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => KeyFileError::Link { path: named() },
        _ => KeyFileError::Unreadable { path: named(), cause },
    })?;
    let metadata = file.metadata().map_err(|cause| KeyFileError::Unreadable { path: named(), cause })?;
    if !metadata.is_file() {
        return Err(KeyFileError::NoFile { path: named() });
    }
    let user = rustix::process::geteuid().as_raw();
    // A service manager hands out credentials as files of root that the service's group, or an access list, may read.
    let handed_out = metadata.uid() == 0 && user != 0;
    if metadata.uid() != user && !handed_out {
        return Err(KeyFileError::Foreign { path: named(), user });
    }
    let others = if handed_out { 0o037 } else { 0o077 };
    if metadata.mode() & others != 0 {
        return Err(KeyFileError::Open { path: named() });
    }
    Ok(file)
}

/// This system does not say in a usable way who may read a file.
#[cfg(not(unix))]
fn open(path: &Path) -> Result<File, KeyFileError> {
    File::open(path).map_err(|cause| KeyFileError::Unreadable { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests;
