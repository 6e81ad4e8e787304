//! Damage to a file: some bytes are changed, lost, repeated or added; then its checksums may be made to fit.

use super::draw::Draw;

/// Changes in one file.
const CHANGES_MAX: usize = 6;

/// Changes bytes here and there.
pub(crate) fn damage(draw: &mut Draw, bytes: &mut Vec<u8>) {
    for _ in 0..draw.below(CHANGES_MAX) {
        let (how, at, length) = (draw.below(8), usize::from(draw.u16()) % (bytes.len() + 1), draw.below(256));
        let end = (at + length).min(bytes.len());
        match how {
            0 if at < bytes.len() => bytes[at] ^= draw.byte(),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, draw.some(length).iter().copied())),
            3 => bytes.truncate(at),
            4 => bytes[at..end].fill(0),
            5 => {
                let copied = bytes[at..end].to_vec();
                let to = usize::from(draw.u16()) % (bytes.len() + 1);
                drop(bytes.splice(to..to, copied));
            }
            6 => line(draw, bytes),
            _ => {
                let put = draw.some(length.min(32)).to_vec();
                let end = (at + put.len()).min(bytes.len());
                drop(bytes.splice(at..end, put));
            }
        }
    }
}

/// A whole line goes, comes twice, or changes its place.
fn line(draw: &mut Draw, bytes: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let (at, to) = (draw.below(lines.len().min(256)), draw.below(lines.len().min(256)));
    match draw.below(3) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(to, lines[at].clone()),
        _ => lines.swap(at, to),
    }
    *bytes = lines.concat();
}

/// Gives each record, which begins with a line of this verb, the length and the checksum that fit its content.
pub(crate) fn reseal(bytes: &[u8], verb: &str) -> Vec<u8> {
    let mut records: Vec<Vec<u8>> = vec![Vec::new()];
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(verb.as_bytes()) {
            records.push(Vec::new());
        }
        records.last_mut().expect("there is one").extend(line);
    }
    records.iter().map(|record| sealed(record).unwrap_or_else(|| record.clone())).collect::<Vec<_>>().concat()
}

fn sealed(record: &[u8]) -> Option<Vec<u8>> {
    let end = record.iter().position(|byte| *byte == b'\n')?;
    let (head, body) = (std::str::from_utf8(&record[..end]).ok()?, &record[end + 1..]);
    // Its last two fields.
    let mut fields = head.rsplitn(3, ':');
    let head = format!("{}:{}:", (fields.next(), fields.next(), fields.next()?).2, body.len());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head.as_bytes());
    hasher.update(body);
    Some([head.as_bytes(), format!("{:08x}\n", hasher.finalize()).as_bytes(), body].concat())
}
