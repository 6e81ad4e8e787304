//! Writes the manual pages of `peer` and of its verbs, and what bash, zsh and fish complete, below the directory that it is
//! given, where a package has them. They are made of the options themselves, so that none says what is not so.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_complete::{generate_to, Shell};
use clap_mangen::Man;

/// Where each shell looks, below `/usr`.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "share/bash-completion/completions"),
    (Shell::Zsh, "share/zsh/vendor-completions"),
    (Shell::Fish, "share/fish/vendor_completions.d"),
];

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: peer-manual DIRECTORY");
        return ExitCode::from(2);
    };
    match write(&directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error}", directory.display());
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path) -> io::Result<()> {
    let manual = directory.join("share/man/man1");
    std::fs::create_dir_all(&manual)?;
    let mut command = peer::cli::described();
    // Names of verbs are made whole.
    command.build();
    write_pages(&command, &manual)?;
    for (shell, place) in COMPLETIONS {
        let place = directory.join(place);
        std::fs::create_dir_all(&place)?;
        generate_to(shell, &mut peer::cli::described(), "peer", place)?;
    }
    // As bash-completion looks for it.
    let bash = directory.join(COMPLETIONS[0].1);
    std::fs::rename(bash.join("peer.bash"), bash.join("peer"))
}

/// A page for the command and for each of its verbs.
fn write_pages(command: &Command, directory: &Path) -> io::Result<()> {
    for verb in command.get_subcommands() {
        write_pages(verb, directory)?;
    }
    let source = format!("peer {}", peer::cli::described().get_version().unwrap_or_default());
    Man::new(command.clone()).source(source).manual("Peer Manual").generate_to(directory).map(drop)
}
