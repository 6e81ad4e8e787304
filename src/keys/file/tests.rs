//! A file that was made is read. A file that others can read, or that is something else, is refused with advice.

use std::fs;

use super::*;

struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("peer-keys-{}-{}", std::process::id(), rand::random::<u64>()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, text: &str) -> PathBuf {
        let path = self.0.join("written");
        fs::write(&path, text).unwrap();
        restrict(&path, 0o600);
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn restrict(path: &Path, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = (path, mode);
}

#[test]
fn what_was_made_is_read_and_never_overwritten() {
    let directory = Directory::new();
    let path = directory.0.join("key");
    let fingerprint = create(&path).unwrap();
    let keys = read(&path).unwrap();
    assert_eq!(keys.iter().map(Key::fingerprint).collect::<Vec<_>>(), [fingerprint]);
    assert!(matches!(create(&path), Err(KeyFileError::Exists { .. })));
    assert_ne!(create(&directory.0.join("other")).unwrap(), fingerprint, "each is another");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn keys_are_read_in_their_order_and_notes_passed_over() {
    let directory = Directory::new();
    let (one, other) = ("1b".repeat(32), "2B".repeat(32));
    let path = directory.write(&format!("# since May\n\n{WORD} {one}\r\n   {WORD}   {other}  \n"));
    let keys = read(&path).unwrap();
    assert_eq!(keys.iter().map(|key| key.0[0]).collect::<Vec<_>>(), [0x1b, 0x2b]);
}

#[test]
fn a_line_without_a_key_is_named_and_never_quoted() {
    let directory = Directory::new();
    let key = format!("{WORD} {}", "1b".repeat(32));
    for (text, why) in [
        (String::new(), "there is no key"),
        ("# nothing\n".to_owned(), "there is no key"),
        ("1b".repeat(32), "line 1: this is no key"),
        (format!("{key}\n{WORD} {}", "1b".repeat(31)), "line 2: it has not 64 digits"),
        (format!("{WORD} {}", "1g".repeat(32)), "line 1: a digit is not hexadecimal"),
        (format!("{WORD}{}", "1b".repeat(32)), "line 1: this is no key"),
        (format!("{key}\n{key}"), "line 2: this key is there twice"),
        ((0..9).fold(String::new(), |text, n| format!("{text}{WORD} {n:064}\n")), "more than 8 keys"),
        ("#".repeat(20_000), "longer than any"),
    ] {
        let error = read(&directory.write(&text)).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("peer key new"), "{error}");
        assert!(!error.contains("1b1b") && !error.contains('\n'), "{error}");
    }
    let error = read(&directory.0.join("absent")).unwrap_err().to_string();
    assert!(error.contains("absent: ") && error.contains("peer key new"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_others_can_read_or_change_is_refused_with_the_command_that_mends_it() {
    let directory = Directory::new();
    let path = directory.write(&format!("{WORD} {}\n", "1b".repeat(32)));
    for mode in [0o640, 0o604, 0o620, 0o601] {
        restrict(&path, mode);
        let error = read(&path).unwrap_err().to_string();
        assert!(error.ends_with(&format!("run: chmod 600 {}", path.display())), "{error}");
    }
    restrict(&path, 0o400);
    assert!(read(&path).is_ok());
    let link = directory.0.join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(read(&link), Err(KeyFileError::Link { .. })));
    assert!(matches!(read(&directory.0), Err(KeyFileError::NoFile { .. })));
}
