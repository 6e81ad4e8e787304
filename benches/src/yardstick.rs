//! What the same work takes without any protocol: one process formats the readings and sends them over loopback TCP to two
//! others, and all three append them to a journal and to CSV files, by as few system calls as they can. Nothing is agreed,
//! nothing is said back, nothing is checked. A throughput is told as a share of it, since both change with the machine.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use peer::reading::{append_row, HEADER_LINE};

use crate::load::Load;

/// How much is sent and written in one step.
const BLOCK_BYTES: usize = 256 * 1024;

/// Rows of a sensor that wait, in bytes. More do not fit the caches.
const ROWS_BYTES: usize = 64 * 1024;

/// The first argument of the processes.
pub(crate) const ARGUMENT: &str = "yardstick";

/// Does the work once, and says how long it took.
pub(crate) fn run(load: Load, directory: &Path) -> Duration {
    // It may be left over from an earlier run.
    let _ = fs::remove_dir_all(directory);
    let mut receivers: Vec<Child> =
        (1..3).map(|number| start(&[directory.join(number.to_string()).to_str().expect("UTF-8"), "-"])).collect();
    let addresses: Vec<String> = receivers
        .iter_mut()
        .map(|receiver| {
            let mut line = String::new();
            let mut output = BufReader::new(receiver.stdout.as_mut().expect("piped"));
            output.read_line(&mut line).expect("it says where it listens");
            line.trim_end().to_owned()
        })
        .collect();
    let own = directory.join("0");
    let numbers = [load.each, load.sensors, load.bytes as u64].map(|number| number.to_string());
    let begun = Instant::now();
    let sender = start(&[own.to_str().expect("UTF-8"), &addresses.join(","), &numbers.join(",")]);
    for mut process in receivers.into_iter().chain([sender]) {
        assert!(process.wait().expect("it runs").success(), "a process of the yardstick failed");
    }
    let time = begun.elapsed();
    for number in 0..3 {
        assert_eq!(csv_bytes(&directory.join(number.to_string())), load.csv_bytes(), "rows are missing");
    }
    fs::remove_dir_all(directory).expect("its own directory");
    time
}

/// Bytes of all CSV files in a directory.
pub(crate) fn csv_bytes(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let csv = entries.flatten().filter(|entry| entry.path().extension().is_some_and(|name| name == "csv"));
    csv.map(|entry| entry.metadata().map_or(0, |metadata| metadata.len())).sum()
}

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(ARGUMENT).args(arguments).stdout(Stdio::piped());
    command.spawn().expect("this program starts")
}

/// The main function of a process: the arguments are its directory, and `-` for a receiver, the receivers' addresses
/// and the load for the sender.
pub(crate) fn process(arguments: &[String]) -> io::Result<()> {
    let mut files = Files::new(PathBuf::from(&arguments[0]))?;
    if arguments[1] == "-" {
        receive(&mut files)?;
    } else {
        let numbers: Vec<u64> = arguments[2].split(',').map(|number| number.parse().expect("a number")).collect();
        let bytes = usize::try_from(numbers[2]).expect("a short line");
        send(Load { each: numbers[0], sensors: numbers[1], bytes }, &arguments[1], &mut files)?;
    }
    files.finish()
}

fn receive(files: &mut Files) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let (mut stream, _) = listener.accept()?;
    let (mut block, mut kept) = (vec![0; BLOCK_BYTES], 0);
    loop {
        let read = stream.read(&mut block[kept..])?;
        if read == 0 {
            return Ok(());
        }
        let end = kept + read;
        let whole = memchr::memrchr(b'\n', &block[..end]).map_or(0, |at| at + 1);
        files.append(&block[..whole])?;
        block.copy_within(whole..end, 0);
        kept = end - whole;
    }
}

fn send(load: Load, addresses: &str, files: &mut Files) -> io::Result<()> {
    let mut streams = addresses.split(',').map(TcpStream::connect).collect::<io::Result<Vec<_>>>()?;
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    for number in 0..load.each {
        for peer in 0..3 {
            load.line(peer, number, &mut block);
        }
        if block.len() + 3 * load.bytes > BLOCK_BYTES || number + 1 == load.each {
            streams.iter_mut().try_for_each(|stream| stream.write_all(&block))?;
            files.append(&block)?;
            block.clear();
        }
    }
    Ok(())
}

/// Eight bytes at a time: ids are short, and nobody chooses them to collide.
#[derive(Debug, Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
}

/// A journal, and a CSV file for each sensor.
struct Files {
    directory: PathBuf,
    journal: File,
    /// Rows that wait.
    rows: Vec<(Vec<u8>, Vec<u8>)>,
    sensors: HashMap<Vec<u8>, usize, BuildHasherDefault<Quick>>,
    sequence: u64,
}

impl Files {
    fn new(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let journal = File::create(directory.join("journal"))?;
        Ok(Self { directory, journal, rows: Vec::new(), sensors: HashMap::default(), sequence: 0 })
    }

    /// Appends whole lines.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.journal.write_all(lines)?;
        let mut rest = lines;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            let sensor = line[5..].split(|byte| *byte == b'|').next().expect("there is one");
            let known = self.sensors.get(sensor).copied();
            let at = known.unwrap_or_else(|| {
                self.sensors.insert(sensor.to_vec(), self.rows.len());
                self.rows.push((sensor.to_vec(), HEADER_LINE.as_bytes().to_vec()));
                self.rows.len() - 1
            });
            self.sequence += 1;
            let rows = &mut self.rows[at].1;
            append_row(self.sequence, line, rows);
            if rows.len() >= ROWS_BYTES {
                self.write(at)?;
            }
        }
        Ok(())
    }

    /// Writes the rows of a sensor that wait.
    fn write(&mut self, at: usize) -> io::Result<()> {
        let (sensor, rows) = &mut self.rows[at];
        let path = self.directory.join(format!("{}.csv", String::from_utf8_lossy(sensor)));
        OpenOptions::new().append(true).create(true).open(path)?.write_all(rows)?;
        rows.clear();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        (0..self.rows.len()).try_for_each(|at| if self.rows[at].1.is_empty() { Ok(()) } else { self.write(at) })
    }
}
