//! The command `herdsim`.

use std::process::ExitCode;

use herdsim::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::read();
    let done = cli
        .job()
        .and_then(|(job, common)| cli::run::run(&job, common));
    match done {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            cli::failure::show(&failure);
            ExitCode::from(failure.status())
        }
    }
}
