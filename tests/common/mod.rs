//! What tests of the command line share.
#![allow(dead_code)] // Each test binary uses a part of it.

use assert_cmd::Command;

/// The command in a directory of its own.
pub fn herdsim(dir: &tempfile::TempDir) -> Command {
    let mut command = Command::cargo_bin("herdsim").unwrap();
    command.current_dir(dir);
    command
}

/// A herd that is over in no time.
pub const SMALL: [&str; 9] = [
    "--callers",
    "500",
    "--servers",
    "10",
    "--queue",
    "500",
    "--replications",
    "4",
    "--no-charts",
];
