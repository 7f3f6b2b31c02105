//! The command `herdsim`.

use std::process::ExitCode;

use herdsim::cli::{self, Cli};

fn main() -> ExitCode {
    match Cli::read().run() {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            cli::failure::show(&failure);
            ExitCode::from(failure.status())
        }
    }
}
