//! Peers whose logs do not begin with 1.

use std::fs;

use super::*;

#[test]
fn what_all_keep_is_compared_and_what_was_removed_is_not_missed() {
    let data = Data::new();
    let root = data.peer("a", &frames(), 12);
    let mut storage = data.running("b", Options::default(), &frames(), 12);
    let before = fs::read(root.join("s0.csv")).unwrap();
    storage.remove(6);
    storage.finish_removals().unwrap();
    drop(storage);
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Agree, "{text}");
    assert!(text.contains("note: b: kept from row 6 on"), "{text}");
    assert!(text.contains("2 peers agree on rows 6..12, the first that all of them keep"), "{text}");
    // A crash left them.
    fs::write(data.0.path().join("b/s0.csv"), &before).unwrap();
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Agree, "{text}");
    assert!(text.contains("left of a removal that is not finished"), "{text}");
    let changed = String::from_utf8(before).unwrap().replace("9,2013", "9,2014");
    fs::write(data.0.path().join("b/s0.csv"), changed).unwrap();
    assert_eq!(data.verify().0, Verdict::Disagree);
    fs::remove_file(data.0.path().join("b/base")).unwrap();
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Disagree, "{text}");
}
