//! `herdsim completions`, `man` and `schema`: the command line and its files, told to shells,
//! readers and editors.

use clap::Command;
use clap_complete::Shell;

use crate::cli::run::print;
use crate::run::RunError;
use crate::schema;
use herdsim_core::scenario::Problem;
use herdsim_core::value::suggest;

/// Prints what completes `herdsim` in a shell, and returns the exit status.
pub fn completions(mut command: Command, shell: Shell) -> Result<u8, RunError> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command, "herdsim", &mut out);
    print(&out).map(|()| 0)
}

/// Prints the man page of herdsim, or of one of its commands.
pub fn man(mut command: Command, name: Option<&str>) -> Result<u8, RunError> {
    command.build();
    let page = match name {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(own) => own.clone(),
            None => {
                let problem = Problem::new(format!("there is no command `{name}`"));
                let names: Vec<&str> = command.get_subcommands().map(|c| c.get_name()).collect();
                return Err(problem.help(suggest(name, &names)).into());
            }
        },
    };
    let mut out = Vec::new();
    let rendered = clap_mangen::Man::new(page).render(&mut out);
    rendered.map_err(RunError::Stdout)?;
    print(&out).map(|()| 0)
}

/// Prints the JSON Schema of scenario files.
pub fn schema() -> Result<u8, RunError> {
    print(format!("{:#}\n", schema::schema()).as_bytes()).map(|()| 0)
}
