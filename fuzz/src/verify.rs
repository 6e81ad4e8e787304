//! `peer verify` on directories that agree, and on others. If it says that they agree, their rows are the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peer::verify::{run, Asked, Verdict};

use super::damage::{damage, reseal};
use super::directory::{files, is_csv};
use super::draw::Draw;
use super::scratch::Scratch;

pub(crate) fn verify(input: &[u8]) {
    let mut draw = Draw::new(input);
    let scratch = Scratch::new();
    let (mut one, mut other) = (files().clone(), files().clone());
    for _ in 0..=draw.below(3) {
        let of = if draw.byte() < 200 { &mut other } else { &mut one };
        change(&mut draw, of);
    }
    let untouched = one == other && one == *files();
    write(&scratch, "one", &one);
    write(&scratch, "other", &other);
    let (json, up_to) = (draw.bool(), (draw.byte() >= 200).then(|| draw.number()));
    let data_dirs = vec![scratch.path().to_owned()];
    let asked = Asked { data_dirs, peers: Vec::new(), up_to, json, patience: Duration::ZERO };
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let verdict = run(&asked, &mut out, &mut errors).expect("memory takes all");
    let said = String::from_utf8(out).expect("text");
    if json {
        serde_json::from_str::<serde_json::Value>(&said).expect("one object");
    }
    if up_to.is_none() {
        assert!(!untouched || verdict == Verdict::Agree, "{said}");
        let rows = |files: &BTreeMap<String, Vec<u8>>| -> BTreeMap<String, Vec<u8>> {
            files.clone().into_iter().filter(|(name, _)| is_csv(name)).collect()
        };
        assert!(verdict != Verdict::Agree || rows(&one) == rows(&other), "{said}");
    }
    assert_eq!(read(scratch.path(), "one"), one, "what is looked at is as it was");
    assert_eq!(read(scratch.path(), "other"), other, "what is looked at is as it was");
}

fn change(draw: &mut Draw, files: &mut BTreeMap<String, Vec<u8>>) {
    let names: Vec<String> = files.keys().cloned().collect();
    let name = draw.pick(&names).clone();
    let bytes = files.get_mut(&name).expect("it is there");
    match draw.below(8) {
        0 => drop(files.remove(&name)),
        1 => {
            let name = *draw.pick(&[
                "c.csv",
                "Con.csv",
                "con.csv",
                "notes.txt",
                "journal/1.log",
                "a.csv.damaged",
                "pending.tmp",
            ]);
            let length = draw.below(256);
            files.insert(name.to_owned(), draw.some(length).to_vec());
        }
        2 | 3 => {
            damage(draw, bytes);
            *bytes = reseal(bytes, "BATCH:");
        }
        4 => {}
        _ => damage(draw, bytes),
    }
}

fn write(scratch: &Scratch, peer: &str, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        scratch.write(&format!("{peer}/{name}"), bytes);
    }
}

fn read(root: &Path, peer: &str) -> BTreeMap<String, Vec<u8>> {
    let (mut found, root) = (BTreeMap::new(), root.join(peer));
    let mut directories: Vec<PathBuf> = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(&root).expect("below it").to_string_lossy().into_owned();
                found.insert(name, fs::read(path).expect("readable"));
            }
        }
    }
    found
}
