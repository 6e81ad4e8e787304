//! Parses the command line, starts the log, runs the peer, and says with the exit status how it ended: 0 after a signal,
//! 2 for wrong options, 1 for anything else. Or compares the files of peers, with the exit status of the verdict, copies
//! them, prints or exports their rows or hands them to an engine, asks running peers, finds out what keeps them apart, lists
//! sensors, makes a key, plays a group on a made-up network, draws a real one, or guards a command.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use log::Level;
use peer::bridge;
use peer::cli::{strange_variables, Bridge, Doctor, Export, KeyVerb, Sensors, Snapshot, Status, Tail, Task, Verify};
use peer::config::Config;
use peer::doctor;
use peer::export;
use peer::fatal::Fatal;
use peer::inquiry::{self, InquiryError};
use peer::keys;
use peer::log_lines::{self, Form};
use peer::sensors;
use peer::tail::{self, TailError};
use peer::verify::{self, Asked};

fn main() -> ExitCode {
    match peer::cli::parse(std::env::args_os()).unwrap_or_else(|error| error.exit()) {
        Task::Run(config) => run(*config),
        Task::Verify(verify) => compare(verify),
        Task::Snapshot(snapshot) => copy(snapshot),
        Task::Status(status) => inquire(status),
        Task::Doctor(options) => examine(options),
        Task::Sensors(Sensors { sysfs }) => {
            // Nobody is left to tell, as with `| head`.
            sensors::offer(&sysfs, &mut io::stdout().lock()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        Task::Tail(tail) => print_rows(tail),
        Task::Export(export) => export_rows(export),
        Task::Bridge(bridge) => hand_rows_over(*bridge),
        Task::Key(key) => show_key(&key.verb),
        #[cfg(feature = "simulation")]
        Task::Sim(sim) => play(sim),
        #[cfg(feature = "simulation")]
        Task::Log2Html(log2html) => draw(log2html),
        #[cfg(unix)]
        Task::Guard(guard) => guard_command(&guard),
    }
}

fn compare(options: Verify) -> ExitCode {
    let Verify { data_dirs, peers, up_to, json } = options;
    let asked = Asked { data_dirs, peers, up_to, json, patience: verify::PATIENCE };
    match verify::run(&asked, &mut io::stdout().lock(), &mut io::stderr().lock()) {
        Ok(verdict) => verdict.status().into(),
        // Nobody is left to tell, as with `| head`.
        Err(_) => ExitCode::FAILURE,
    }
}

fn copy(options: Snapshot) -> ExitCode {
    let (peers, dest) = options.peers_and_dest();
    let (peers, dest) = (peers.to_vec(), dest.to_owned());
    let Snapshot { data_dirs, take_over: takes_over, .. } = options;
    let wanted = verify::Wanted { data_dirs, peers, dest, takes_over, patience: verify::PATIENCE };
    match verify::snapshot(&wanted, &mut io::stdout().lock(), &mut io::stderr().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn inquire(options: Status) -> ExitCode {
    let Status { data_dirs, group, key_file, json, watch, wait, timeout, places } = options;
    let asked = inquiry::Asked { places, data_dirs, group, key_file, json, watch, wait, timeout };
    match inquiry::run(&asked, &mut io::stdout().lock()) {
        Ok(verdict) => verdict.status().into(),
        // Nobody is left to tell, as with `| head`.
        Err(InquiryError::Out(_)) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn examine(options: Doctor) -> ExitCode {
    let Doctor { bind, port, broadcast_port, broadcast_address, join, group, quorum, key_file, data_dir, listen_for } =
        options;
    let asked = doctor::Asked {
        bind,
        port,
        broadcast_port,
        broadcast_address,
        join,
        group,
        quorum,
        key_file,
        data_dir,
        listen_for,
    };
    // Nobody is left to tell, as with `| head`.
    doctor::run(&asked, &mut io::stdout().lock()).map_or(ExitCode::FAILURE, |verdict| verdict.status().into())
}

fn print_rows(options: Tail) -> ExitCode {
    let asked = options.asked();
    let done = tail::pause().map_err(TailError::Signals).and_then(|pause| {
        let mut out = BufWriter::new(io::stdout().lock());
        tail::run(&asked, &mut out, &mut io::stderr().lock(), &pause)
    });
    match done {
        Err(error) if !error.is_unread() => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn export_rows(options: Export) -> ExitCode {
    match export::run(&options.asked(), &mut io::stdout().lock()) {
        Err(error) if !error.is_unread() => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn hand_rows_over(options: Bridge) -> ExitCode {
    let done = tail::pause()
        .map_err(|error| TailError::Signals(error).into())
        .and_then(|pause| bridge::run(&options.asked(), &mut io::stderr(), &pause));
    done.map_or_else(
        |error| {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn show_key(verb: &KeyVerb) -> ExitCode {
    let fingerprints = match verb {
        KeyVerb::New { file } => keys::file::create(file).map(|fingerprint| vec![fingerprint]),
        KeyVerb::Id { file } => keys::file::read(file).map(|keys| keys.iter().map(keys::Key::fingerprint).collect()),
    };
    match fingerprints {
        Ok(fingerprints) => {
            let mut out = io::stdout().lock();
            // Nobody is left to tell, as in front of `| head`.
            let told = fingerprints.iter().try_for_each(|fingerprint| writeln!(out, "{fingerprint}"));
            told.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(feature = "simulation")]
fn play(options: peer::cli::Sim) -> ExitCode {
    use peer::simulation::command::{self, SimError};

    let mut out = BufWriter::new(io::stdout().lock());
    if options.faults {
        // Nobody is left to tell, as with `| head`.
        return command::list_faults(&mut out).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    match command::run(&options.asked(), &mut io::stdin().lock(), &mut out) {
        Ok(verdict) => verdict.status().into(),
        Err(SimError::Out(_)) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            error.status().into()
        }
    }
}

#[cfg(feature = "simulation")]
fn draw(options: peer::cli::Log2Html) -> ExitCode {
    use peer::simulation::logs::{self, LogsError};

    match logs::run(&options.asked(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(LogsError::Out(_)) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(unix)]
fn guard_command(options: &peer::cli::Guard) -> ExitCode {
    sensors::guard(&options.command, options.open_files).map_or_else(
        |error| {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}

fn run(config: Config) -> ExitCode {
    let form = Form::new(config.log_format, config.peer_id.clone());
    if let Err(cause) = log_lines::start(config.log_level, form.clone()) {
        let fatal = Fatal::Thread { name: "log".to_owned(), cause }.to_string();
        eprint!("{}", form.plain(Level::Error, "fatal", &fatal));
        return ExitCode::FAILURE;
    }
    for text in strange_variables(std::env::vars_os()) {
        log::warn!(event = "unknown_variable"; "{text}");
    }
    let status = match peer::threads::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            log::error!(event = "fatal"; "{fatal}");
            ExitCode::FAILURE
        }
    };
    log_lines::flush();
    status
}
