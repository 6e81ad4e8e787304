//! What a file says of its own form. A file of the first form says nothing; one of a later form begins with the line
//! `version:<n>`, whatever follows. So a program tells what was written by a newer one from what is damaged, and leaves
//! it alone.

/// What the first line of a later form begins with.
const WORD: &[u8] = b"version:";

/// How many bytes of a file have to be looked at.
pub const HEAD_BYTES: usize = 32;

/// A file is of a form that this program does not know yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is of version {found}, and this program reads up to version {reads}")]
pub struct Newer {
    pub found: u64,
    pub reads: u64,
}

/// Checks the beginning of a file. What `reads` does not exceed may still be anything.
///
/// # Errors
/// [`Newer`] where the file says that it is of a later version than `reads`.
pub fn check(head: &[u8], reads: u64) -> Result<(), Newer> {
    match of(head) {
        Some(found) if found > reads => Err(Newer { found, reads }),
        _ => Ok(()),
    }
}

/// The version that a file says it has.
fn of(head: &[u8]) -> Option<u64> {
    let rest = head.strip_prefix(WORD)?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let digits = std::str::from_utf8(&rest[..end]).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // A number that is too long for this program is a later one, too.
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_says_so_is_of_a_later_version() {
        let newer = |found| Err(Newer { found, reads: 1 });
        for (head, checked) in [
            (&b"version:2\nid:p\n"[..], newer(2)),
            (b"version:12\n", newer(12)),
            (b"version:99999999999999999999\n", newer(u64::MAX)),
            (b"version:1\n", Ok(())),
            (b"version:2", Ok(())),
            (b"version:\n", Ok(())),
            (b"version:-2\n", Ok(())),
            (b"version:two\n", Ok(())),
            (b"Version:2\n", Ok(())),
            (b"id:p\nversion:2\n", Ok(())),
            (b"", Ok(())),
        ] {
            assert_eq!(check(head, 1), checked, "{}", String::from_utf8_lossy(head));
        }
    }
}
