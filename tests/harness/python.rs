//! Python with the packages that docs show: fetched once, into cargo's directory for what tests need.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The versions that the lines of the docs were tried with.
pub(crate) const PACKAGES: [&str; 4] = ["duckdb==2.0.1", "pandas==3.1.1", "polars==2.1.0", "fsspec==2026.9.0"];

/// Runs a script with these packages.
pub(crate) fn run(script: &str, packages: &Path) -> Output {
    python(&["-c", script], Some(packages)).expect("it ran before")
}

/// The first block of Python of a page of the docs, so that the lines shown are the ones that work.
pub(crate) fn shown_block(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let page = fs::read_to_string(path).expect("it is there");
    let (_, block) = page.split_once("```python\n").expect("it shows how");
    block.split_once("```").expect("it ends").0.to_owned()
}

/// Where the packages are, or why there are none.
pub(crate) fn packages() -> Result<PathBuf, String> {
    fetch(&PACKAGES)
}

/// The same for these packages.
pub(crate) fn fetch(packages: &[&str]) -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(packages.join("-"));
    if home.exists() {
        return Ok(home);
    }
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo makes it");
    let fetched = temp.path().join("fetched");
    let mut arguments = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"];
    arguments.extend(["--only-binary", ":all:", "--target", fetched.to_str().expect("text")]);
    arguments.extend(packages);
    let output = python(&arguments, None)?;
    if output.status.success() {
        // Another run may have been faster.
        let _ = fs::rename(&fetched, &home);
    }
    if home.exists() {
        Ok(home)
    } else {
        Err(format!("pip: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

pub(crate) fn python(arguments: &[&str], packages: Option<&Path>) -> Result<Output, String> {
    let mut command = Command::new("python3");
    if let Some(packages) = packages {
        command.env("PYTHONPATH", packages);
    }
    command.args(arguments).output().map_err(|error| format!("python3: {error}"))
}
