//! The command `herdsim`.

use std::process::ExitCode;

use herdsim::cli::{self, Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::read();
    let done = match &cli.command {
        None => cli::run::run(&cli.options, None),
        Some(Command::Run { scenario, options }) => cli::run::run(options, Some(scenario)),
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            cli::failure::show(&failure);
            ExitCode::from(failure.status())
        }
    }
}
