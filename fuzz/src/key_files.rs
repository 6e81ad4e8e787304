//! Files with keys, and keys for targets that need some.

use std::path::Path;
use std::sync::OnceLock;

use peer::keys::file::{read, KeyFileError};
use peer::keys::{Key, Keys, KEYS_MAX};

use super::scratch::Scratch;

/// A file that nobody else may read.
fn write(scratch: &Scratch, bytes: &[u8]) -> std::path::PathBuf {
    let path = scratch.write("key", bytes);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a file of its own");
    }
    path
}

/// Three keys, the same each time.
fn three() -> &'static [Key] {
    static THREE: OnceLock<Vec<Key>> = OnceLock::new();
    THREE.get_or_init(|| {
        let text: String = ["1", "2", "3"].map(|digit| format!("peer-key-1 {}\n", digit.repeat(64))).concat();
        read(&write(&Scratch::new(), text.as_bytes())).expect("a file with three keys")
    })
}

/// The keys of a group, out of the three. A peer speaks with the first.
pub(crate) fn keys(numbers: &[usize], group: &str) -> Keys {
    let of: Vec<Key> = numbers.iter().map(|number| three()[*number].clone()).collect();
    Keys::new(&of, group)
}

/// Any file. A refusal quotes no digit of it.
pub(crate) fn key_files(input: &[u8]) {
    let scratch = Scratch::new();
    let path = write(&scratch, input);
    match read(&path) {
        Ok(keys) => check_read(input, &keys, &path),
        Err(error) => {
            let refused = matches!(error, KeyFileError::Malformed { .. } | KeyFileError::Keys { .. });
            assert!(refused, "{error}");
            let (said, text) = (error.to_string(), String::from_utf8_lossy(input));
            let digits = text.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() > 8);
            for word in digits {
                assert!(!said.contains(word) || path.to_string_lossy().contains(word), "{said} tells {word}");
            }
        }
    }
}

fn check_read(input: &[u8], keys: &[Key], path: &Path) {
    assert!((1..=KEYS_MAX).contains(&keys.len()));
    // Comments and empty lines change nothing.
    let mut other = b"# a comment\n\n".to_vec();
    other.extend(input.to_ascii_lowercase());
    std::fs::write(path, &other).expect("it was written before");
    let fingerprints = |keys: &[Key]| keys.iter().map(Key::fingerprint).collect::<Vec<_>>();
    // The digits may be in any case, but the word before them may not.
    if input.len() + 64 < 16 * 1024 {
        assert_eq!(fingerprints(&read(path).expect("the same keys")), fingerprints(keys));
    }
}
