//! The program is built by `rustc` alone, so it knows nothing of the crate, and it says by its status what it decided.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::made_up::Run;

/// Builds it in this directory.
fn build(directory: &Path) -> PathBuf {
    let program = directory.join("history");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/history/main.rs");
    let status = Command::new("rustc").args(["--edition", "2021", "-o"]).arg(&program).arg(source).status();
    assert!(status.expect("it built this test").success());
    program
}

fn say(program: &Path, arguments: &[&Path]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(program).args(arguments).output().expect("just built");
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[test]
fn the_program_is_built_without_the_crate_and_says_what_it_decided() {
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo makes it");
    let program = build(temp.path());
    let mut run = Run::new();
    run.say("began a 0 1");
    run.feed(("a", 0), 2, 0..1);
    run.log(("a", 0), "End of input, 1 readings delivered");
    run.hold(&["a"], &[("a", 0)]);
    run.write();
    let (status, said) = say(&program, &[&run.directory]);
    assert_eq!(
        (status, said.as_str()),
        (Some(0), "1 readings fed to 1 lives of 1 peers, 1 rows at each; 0 seen on the way\n")
    );
    run.hold(&["a"], &[("a", 7)]);
    let (status, said) = say(&program, &[&run.directory]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("\nBROKEN, 1 times: what is in a file was fed before, just so\n"), "{said}");
    for arguments in [&[run.directory.join("nowhere").as_path()][..], &[]] {
        let (status, said) = say(&program, arguments);
        assert_eq!(status, Some(2), "{said}");
    }
}
