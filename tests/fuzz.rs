//! Runs every file of `fuzz/corpus`, all that fuzzing found worth keeping, through the function that libFuzzer ran.
//! `scripts/fuzz.sh` looks for more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

#[path = "../fuzz/src/lib.rs"]
pub mod targets;

use targets::{run, TARGETS};

/// How many bytes and files all corpora have together: they are in everybody's clone.
const BYTES_MAX: u64 = 300 * 1024;
const FILES_MAX: usize = 400;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    files
}

/// Says which input it was, where one does not pass.
struct Running<'a>(&'a Path);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("FAIL: {}", self.0.display());
        }
    }
}

/// One test for all: what a call allocates is counted for the whole process.
#[test]
fn all_that_fuzzing_kept_still_passes() {
    for target in &TARGETS {
        run(target.name, &[]);
        for path in files(&fuzz().join("corpus").join(target.name)) {
            let _running = Running(&path);
            run(target.name, &fs::read(&path).unwrap());
        }
    }
}

#[test]
fn each_target_has_a_program_and_a_corpus_and_these_are_small() {
    let names = |directory: &str| -> BTreeSet<String> {
        let files = files(&fuzz().join(directory));
        files.iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!((names("fuzz_targets"), names("corpus")), (targets.clone(), targets));
    let inputs: Vec<PathBuf> =
        TARGETS.iter().flat_map(|target| files(&fuzz().join("corpus").join(target.name))).collect();
    let bytes: u64 = inputs.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= BYTES_MAX && inputs.len() <= FILES_MAX, "{bytes} bytes in {} files", inputs.len());
}
