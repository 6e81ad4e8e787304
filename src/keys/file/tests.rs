//! A file that was made is read. A file that others can read, or that is something else, is refused with advice.

use std::fs;

use tempfile::TempDir;

use super::*;

fn write(temp: &TempDir, text: &str) -> PathBuf {
    let path = temp.path().join("written");
    fs::write(&path, text).unwrap();
    restrict(&path, 0o600);
    path
}

fn restrict(path: &Path, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = (path, mode);
}

#[test]
fn what_was_made_is_read_and_never_overwritten() {
    let temp = TempDir::new().unwrap();
    let path = temp.path().join("key");
    let fingerprint = create(&path).unwrap();
    let keys = read(&path).unwrap();
    assert_eq!(keys.iter().map(Key::fingerprint).collect::<Vec<_>>(), [fingerprint]);
    assert!(matches!(create(&path), Err(KeyFileError::Exists { .. })));
    assert_ne!(create(&temp.path().join("other")).unwrap(), fingerprint, "each is another");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn keys_are_read_in_their_order_and_notes_passed_over() {
    let temp = TempDir::new().unwrap();
    let (one, other) = ("1b".repeat(32), "2B".repeat(32));
    let path = write(&temp, &format!("# since May\n\n{WORD} {one}\r\n   {WORD}   {other}  \n"));
    let keys = read(&path).unwrap();
    assert_eq!(keys.iter().map(|key| key.0[0]).collect::<Vec<_>>(), [0x1b, 0x2b]);
}

#[test]
fn a_line_without_a_key_is_named_and_never_quoted() {
    let temp = TempDir::new().unwrap();
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
        let error = read(&write(&temp, &text)).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("peer key new"), "{error}");
        assert!(!error.contains("1b1b") && !error.contains('\n'), "{error}");
    }
    let error = read(&temp.path().join("absent")).unwrap_err().to_string();
    assert!(error.contains("absent: ") && error.contains("peer key new"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_others_can_read_or_change_is_refused_with_the_command_that_mends_it() {
    let temp = TempDir::new().unwrap();
    let path = write(&temp, &format!("{WORD} {}\n", "1b".repeat(32)));
    for mode in [0o640, 0o604, 0o620, 0o601] {
        restrict(&path, mode);
        let error = read(&path).unwrap_err().to_string();
        assert!(error.ends_with(&format!("run: chmod 600 {}", path.display())), "{error}");
    }
    restrict(&path, 0o400);
    assert!(read(&path).is_ok());
    let link = temp.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(read(&link), Err(KeyFileError::Link { .. })));
    assert!(matches!(read(temp.path()), Err(KeyFileError::NoFile { .. })));
}
